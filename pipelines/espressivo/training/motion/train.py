"""Optimising the denoiser."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDIMScheduler
from torch import Tensor, nn
from torch.nn import functional

from espressivo.face.arkit import ARKIT_NAMES
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.emotion_bank import gaussian_divergence
from espressivo.motion.sampler import make_scheduler
from espressivo.motion.state import ACTION_DIM, STATE_DIM, emotion_dim, emotion_faces, speech_dim
from espressivo.pretrained import save_network
from espressivo.seeds import child_seed, numpy_generator
from espressivo.training.motion.dataset import Batch, ClipSet
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["TrainingSettings", "export", "train"]

LOG_EVERY, SAVE_EVERY = 20, 50
MOUTH_WEIGHT = 2.0
LATEST_CLASSIFIED = 0.6


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``configs/train/motion.yaml``, section ``training``.

    Attributes:
        steps: Optimiser steps.
        batch: Windows in a step.
        learning_rate: Peak.
        weight_decay: Of AdamW.
        warm_up: Steps until the peak.
        drop_speech: Share of windows that go without the speech condition.
        drop_emotion: The same for emotion.
        drop_actions: The same for local actions.
        keep_share: Share of windows whose first frames are given.
        kept_noise: Standard deviation of the noise on given frames, standardised; what was generated is not perfect either.
        clip_share: Share of windows whose emotion is read from the window itself by the embedder.
        velocity: Weight of the loss on differences of frames.
        smoothness: Weight of the loss on second differences.
        vector_quantisation: Weight of the bank's loss.
        divergence: Weight of the embedder's divergence from its emotion's Gaussian.
        discrimination: Weight of telling the emotion from the denoised estimate.
        shares: How often each data file is drawn from.
        seed: Of weights, batches and noise.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    warm_up: int
    drop_speech: float
    drop_emotion: float
    drop_actions: float
    keep_share: float
    kept_noise: float
    clip_share: float
    velocity: float
    smoothness: float
    vector_quantisation: float
    divergence: float
    discrimination: float
    shares: tuple[float, ...]
    seed: int


class _Trained(nn.Module):
    """The denoiser and the classifier that judges its estimates; the classifier is not shipped.

    Args:
        model: Section ``model`` of the config.
        seed: Of the fresh weights.
    """

    def __init__(self, model: dict[str, Any], seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(child_seed(seed, "weights"))
            self.denoiser = MotionDenoiser(speech_dim=speech_dim(), emotion_dim=emotion_dim(), action_dim=ACTION_DIM, **model)
            self.classifier = nn.Sequential(nn.Linear(2 * STATE_DIM, 128), nn.SiLU(), nn.Linear(128, len(emotion_faces())))


def clip_statistics(state: Tensor) -> Tensor:
    """``(B, 2 D)`` mean and standard deviation over the frames of standardised state ``(B, T, D)``."""
    return torch.cat([state.mean(dim=1), state.std(dim=1)], dim=-1)


def _state_weights() -> Tensor:
    """``(D,)`` how much each number counts: the mouth twice, for speech is read from it."""
    weights = torch.ones(STATE_DIM)
    for index, name in enumerate(ARKIT_NAMES):
        if name.startswith(("mouth", "jaw", "tongue")):
            weights[index] = MOUTH_WEIGHT
    return weights / weights.mean()


def _motion_losses(predicted: Tensor, clean: Tensor, weights: Tensor, settings: TrainingSettings) -> Tensor:
    """Squared errors of state, velocity and acceleration; ``weights`` is ``(B, 1, D)``."""
    error = predicted - clean
    loss = (weights * error**2).mean()
    loss = loss + settings.velocity * (weights * error.diff(dim=1) ** 2).mean()
    return loss + settings.smoothness * (weights * error.diff(n=2, dim=1) ** 2).mean()


def _losses(
    trained: _Trained, scheduler: DDIMScheduler, batch: Batch, settings: TrainingSettings, rng: np.random.Generator
) -> dict[str, Tensor]:
    denoiser = trained.denoiser
    size = len(batch.state)
    clean = denoiser.standardise(batch.state) * batch.valid[:, None]
    noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
    timestep = torch.from_numpy(rng.integers(0, scheduler.config.num_train_timesteps, size))
    kept = torch.zeros(clean.shape[:2])
    kept[torch.from_numpy(rng.random(size)) < settings.keep_share, : denoiser.num_kept] = 1.0
    given = clean + settings.kept_noise * torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
    noisy = torch.where(kept[..., None] > 0.5, given, scheduler.add_noise(clean, noise, timestep))

    has_speech = torch.from_numpy(rng.random(size) >= settings.drop_speech).float()
    has_actions = torch.from_numpy(rng.random(size) >= settings.drop_actions).float()
    has_emotion = torch.from_numpy(rng.random(size) >= settings.drop_emotion).float()
    # Muscles that were borrowed from another emotion say nothing about this one.
    has_emotion = has_emotion * torch.maximum(batch.matched, has_actions)

    statistics = clip_statistics(clean)
    mean, log_variance = denoiser.embedder(statistics)
    prior = denoiser.embedder.prior(batch.emotion[..., : denoiser.num_faces].mean(dim=1))
    divergence = gaussian_divergence(mean, log_variance, *prior)
    drawn = mean + (0.5 * log_variance).exp() * torch.from_numpy(rng.standard_normal(mean.shape, dtype=np.float32))
    from_clip = torch.from_numpy(rng.random(size) < settings.clip_share)[:, None, None]
    read = functional.pad(drawn, (0, 4))[:, None].expand(-1, clean.shape[1], -1)
    embedding = torch.where(from_clip, read, denoiser.embed_emotion(batch.emotion))

    with torch.autocast("cpu", torch.bfloat16):
        predicted, vq_loss = denoiser(
            noisy, kept, timestep, batch.speech, embedding, batch.actions, has_speech, has_emotion, has_actions
        )
    predicted = predicted.float()
    judged = (timestep < LATEST_CLASSIFIED * scheduler.config.num_train_timesteps).float() * batch.matched
    estimated = functional.cross_entropy(trained.classifier(clip_statistics(predicted)), batch.label, reduction="none")
    real = functional.cross_entropy(trained.classifier(statistics), batch.label, reduction="none")
    discrimination = (judged * estimated + batch.matched * real).mean()
    weights = (_state_weights() * batch.valid)[:, None]
    return {
        "motion": _motion_losses(predicted, clean, weights, settings),
        "vector_quantisation": settings.vector_quantisation * vq_loss,
        "divergence": settings.divergence * divergence,
        "discrimination": settings.discrimination * discrimination,
    }


def train(model: dict[str, Any], settings: TrainingSettings, clips: ClipSet, run: Run) -> None:
    """Train, or continue a run that was stopped."""
    trained = _Trained(model, settings.seed)
    mean, scale = clips.statistics()
    trained.denoiser.state_mean.copy_(mean)
    trained.denoiser.state_scale.copy_(scale)
    scheduler = make_scheduler()
    average = MovingAverage(trained, 0.998)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    started = time.perf_counter()
    for step in range(run.resume(trained, average, optimizer), settings.steps):
        rng = numpy_generator(settings.seed, "batch", str(step))
        optimizer.param_groups[0]["lr"] = settings.learning_rate * warm_cosine(step, settings.steps, settings.warm_up)
        losses = _losses(trained, scheduler, clips.batch(rng, settings.batch), settings, rng)
        optimizer.zero_grad()
        sum(losses.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        average.update(trained, step)
        if step % LOG_EVERY == 0:
            values = {name: loss.item() for name, loss in losses.items()}
            run.log(step=step, **values, seconds=time.perf_counter() - started)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == settings.steps:
            run.save(step + 1, trained, average, optimizer)


def export(model: dict[str, Any], run: Run, folder: Path) -> None:
    """Write the averaged denoiser as a checkpoint (without digests and model card)."""
    trained = _Trained(model, 0)
    trained.load_state_dict(run.average_weights(), strict=True)
    save_network(trained.denoiser, folder)
