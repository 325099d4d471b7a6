"""Optimising the denoiser."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from espressivo.diffusers_core import DDIMScheduler
from espressivo.errors import CheckpointError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.emotion_bank import gaussian_divergence
from espressivo.motion.noise import make_scheduler
from espressivo.motion.state import ACTION_DIM, EVENT_DIM, SOUND_DIM, STATE_DIM, emotion_dim, emotion_faces, speech_dim
from espressivo.pretrained import load_network, save_network
from espressivo.seeds import child_seed
from espressivo.training.motion.dataset import Batch, ClipSet
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["Trained", "TrainingSettings", "export", "held_out_loss", "train", "trained_from"]

LOG_EVERY, SAVE_EVERY = 50, 500
HELD_OUT_WINDOWS = 256
CLOCK = 1_000_000
EPSILON = 1e-6
MOUTH_WEIGHT = 2.0
LATEST_CLASSIFIED = 0.6
# Weight of a window's loss at most: 1 / noise variance, as if the velocity of diffusion were compared, without its singular end.
LARGEST_NOISE_WEIGHT = 6.0
# A person's own face and liveliness, which a reference clip shows beside the emotion: standardised offset, log of a factor.
PERSON_OFFSET_SD, PERSON_LOG_SD = 0.3, 0.2


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``configs/train/motion.yaml``, section ``training``; ``fine_tuning`` changes some of it.

    Attributes:
        steps: Optimiser steps, if no time is given.
        batch: Windows in a step.
        learning_rate: Peak.
        weight_decay: Of AdamW.
        warm_up: Steps until the peak.
        average: Decay of the moving average that is shipped.
        drop_speech: Share of windows that go without the speech condition.
        drop_sound: Share of windows with speech that go without its sound.
        drop_emotion: Share of windows without emotion.
        drop_actions: Share of windows without local actions.
        keep_share: Share of windows whose first frames are given.
        kept_noise: Standard deviation of the noise on given frames, standardised; what was generated is not perfect either.
        clip_share: Share of windows whose emotion is read by the embedder from another clip of the same emotion.
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
    average: float
    drop_speech: float
    drop_sound: float
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


def _importance() -> Tensor:
    """``(D,)`` how much each number counts: the mouth twice, for speech is read from it."""
    weights = torch.ones(STATE_DIM)
    for index, name in enumerate(ARKIT_NAMES):
        if name.startswith(("mouth", "jaw", "tongue")):
            weights[index] = MOUTH_WEIGHT
    return weights / weights.mean()


class Trained(nn.Module):
    """The denoiser and the classifier that judges its estimates; the classifier is not shipped.

    Args:
        model: Section ``model`` of the config.
        seed: Of the fresh weights.
    """

    def __init__(self, model: dict[str, Any], seed: int) -> None:
        super().__init__()
        widths = {"speech_dim": speech_dim(), "sound_dim": SOUND_DIM, "emotion_dim": emotion_dim()}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(child_seed(seed, "weights"))
            self.denoiser = MotionDenoiser(**widths, action_dim=ACTION_DIM, event_dim=EVENT_DIM, **model)
            self.register_buffer("importance", _importance(), persistent=False)
            self.classifier = nn.Sequential(nn.Linear(2 * STATE_DIM, 128), nn.SiLU(), nn.Linear(128, len(emotion_faces())))


def clip_statistics(state: Tensor) -> Tensor:
    """``(B, 2 D)`` mean and standard deviation over the frames of standardised state ``(B, T, D)``."""
    return torch.cat([state.mean(dim=1), state.std(dim=1)], dim=-1)


def _motion_losses(predicted: Tensor, clean: Tensor, weights: Tensor, settings: TrainingSettings) -> Tensor:
    """Squared errors of state, velocity and acceleration; ``weights`` is ``(B, 1, D)``."""
    error = predicted - clean
    loss = (weights * error**2).mean()
    loss = loss + settings.velocity * (weights * error.diff(dim=1) ** 2).mean()
    return loss + settings.smoothness * (weights * error.diff(n=2, dim=1) ** 2).mean()


class _Chance:
    """Everything random in a step, on the device."""

    def __init__(self, seed: int, name: str, device: torch.device) -> None:
        self.device = device
        self.generator = torch.Generator(device).manual_seed(child_seed(seed, "step", name))

    def noise(self, *shape: int) -> Tensor:
        """Standard normal numbers."""
        return torch.randn(shape, device=self.device, generator=self.generator)

    def whether(self, share: float, size: int) -> Tensor:
        """``(size,)`` 1 with the probability ``share``, else 0."""
        return (torch.rand(size, device=self.device, generator=self.generator) < share).float()


def _completed(batch: Batch, chance: _Chance) -> tuple[Batch, Tensor]:
    """What a clip does not hold is lent by complete clips, eyes with what they look at; and whose embedder counts for whom.

    No loss is taken on what was lent, but the denoiser sees faces that are alive all over, as it does when it samples.
    """
    complete = batch.valid.min(dim=1).values
    lender = torch.multinomial(complete + EPSILON, len(complete), replacement=True, generator=chance.generator)
    lender = torch.where(complete > 0.5, torch.arange(len(complete), device=complete.device), lender)
    state = torch.where(batch.valid[:, None] > 0.5, batch.state, batch.state[lender])
    return replace(batch, state=state, events=batch.events[lender], partner=batch.partner[lender]), complete


def _felt(trained: Trained, batch: Batch, complete: Tensor, settings: TrainingSettings, chance: _Chance) -> tuple[Tensor, Tensor]:
    """Emotion embeddings ``(B, T, Z + 4)``, some read from a partner's clip, and the divergence ``(B,)`` of what was read."""
    denoiser = trained.denoiser
    seen = clip_statistics(denoiser.standardise(batch.partner))
    mean, spread = seen.chunk(2, dim=-1)
    person = (PERSON_LOG_SD * chance.noise(len(seen), 1)).exp()
    seen = torch.cat([mean * person + PERSON_OFFSET_SD * chance.noise(*mean.shape), spread * person], dim=-1)
    mean, log_variance = denoiser.embedder(seen)
    prior = denoiser.embedder.prior(batch.emotion[..., : denoiser.num_faces].mean(dim=1))
    divergence = gaussian_divergence(mean, log_variance, *prior)
    drawn = mean + (0.5 * log_variance).exp() * chance.noise(*mean.shape)
    from_clip = (chance.whether(settings.clip_share, len(mean)) * complete)[:, None, None] > 0.5
    read = functional.pad(drawn, (0, 4))[:, None].expand(-1, batch.state.shape[1], -1)
    return torch.where(from_clip, read, denoiser.embed_emotion(batch.emotion)), divergence


def _losses(
    trained: Trained, scheduler: DDIMScheduler, batch: Batch, settings: TrainingSettings, chance: _Chance
) -> dict[str, Tensor]:
    """The weighted parts of the loss for one batch."""
    denoiser = trained.denoiser
    batch, complete = _completed(batch, chance)
    clean = denoiser.standardise(batch.state)
    size, frames, _ = clean.shape
    device = clean.device
    timestep = torch.randint(0, scheduler.config.num_train_timesteps, (size,), device=device, generator=chance.generator)
    noisy = scheduler.add_noise(clean, chance.noise(*clean.shape), timestep)
    is_kept = (torch.arange(frames, device=device) < denoiser.num_kept)[None] * chance.whether(settings.keep_share, size)[:, None]
    given = clean + settings.kept_noise * chance.noise(*clean.shape)
    noisy = torch.where(is_kept[..., None] > 0.5, given, noisy)
    has_speech, has_emotion, has_actions = (
        (1.0 - chance.whether(share, size)) * batch.known[:, index]
        for index, share in enumerate((settings.drop_speech, settings.drop_emotion, settings.drop_actions))
    )
    # Muscles that were borrowed from another emotion say nothing about this one.
    has_emotion = has_emotion * torch.maximum(batch.matched, has_actions)
    # A captured mouth follows its own sound; without it there is nothing that tells it from the teacher's.
    captured = batch.sound[:, :, -1:].amax(dim=1)[:, 0]
    has_sound = torch.maximum(1.0 - chance.whether(settings.drop_sound, size), captured)
    embedding, divergence = _felt(trained, batch, complete, settings, chance)

    with torch.autocast(device.type, torch.bfloat16):
        predicted, vq_loss = denoiser(
            noisy,
            is_kept,
            timestep,
            batch.speech,
            batch.sound * has_sound[:, None, None],
            embedding,
            batch.actions,
            batch.events,
            has_speech,
            has_emotion,
            has_actions,
        )
    predicted = torch.where(is_kept[..., None] > 0.5, clean, predicted.float())
    judged = (timestep < LATEST_CLASSIFIED * scheduler.config.num_train_timesteps).float() * batch.matched * complete
    estimated = functional.cross_entropy(trained.classifier(clip_statistics(predicted)), batch.label, reduction="none")
    real = functional.cross_entropy(trained.classifier(clip_statistics(clean)), batch.label, reduction="none")
    noise_weight = (1.0 / (1.0 - denoiser.signal[timestep] ** 2)).clamp_max(LARGEST_NOISE_WEIGHT)
    weights = (trained.get_buffer("importance") * batch.valid * noise_weight[:, None])[:, None]
    return {
        "motion": _motion_losses(predicted, clean, weights, settings),
        "vector_quantisation": settings.vector_quantisation * vq_loss,
        "divergence": settings.divergence * (complete * divergence).mean(),
        "discrimination": settings.discrimination * (judged * estimated + batch.matched * complete * real).mean(),
    }


class _Progress:
    """Share of a training that is done, by steps or by the clock."""

    def __init__(self, settings: TrainingSettings, minutes: float | None) -> None:
        self.settings, self.minutes, self.started = settings, minutes, time.perf_counter()

    def seconds(self) -> float:
        """Since the start."""
        return time.perf_counter() - self.started

    def share(self, step: int) -> float:
        """0 at the start, 1 at the end."""
        return step / self.settings.steps if self.minutes is None else min(1.0, self.seconds() / (60.0 * self.minutes))


def _rate(settings: TrainingSettings, step: int, done: float) -> float:
    """The learning rate: straight up over the first steps, and a half cosine down over the whole training."""
    rising = min(1.0, (step + 1) / settings.warm_up)
    return rising * settings.learning_rate * warm_cosine(round(done * CLOCK), CLOCK, 0)


@torch.no_grad()
@torch.compiler.set_stance("force_eager")
def held_out_loss(trained: Trained, clips: ClipSet, settings: TrainingSettings, windows: int, name: str = "held-out") -> float:
    """The motion loss on clips that are not learnt from; the same name always gives the same windows and noise."""
    chance = _Chance(settings.seed, name, clips.device)
    batch = clips.batch(chance.generator, windows, held_out=True)
    return _losses(trained, make_scheduler(), batch, settings, chance)["motion"].item()


def _start_from(folder: Path, denoiser: MotionDenoiser) -> None:
    start = load_network(MotionDenoiser, folder)
    if dict(start.config) != dict(denoiser.config):
        raise CheckpointError(
            "checkpoint.mismatch", f"{folder} has other sizes than the model that is trained; choose its --model"
        )
    denoiser.load_state_dict(start.state_dict(), strict=True)


def train(
    model: dict[str, Any],
    settings: TrainingSettings,
    clips: ClipSet,
    run: Run,
    minutes: float | None = None,
    *,
    init_from: Path | None = None,
    compiled: bool = False,
) -> None:
    """Train, or continue a run that was stopped, on the device that holds the clips.

    Args:
        model: Section ``model`` of the config.
        settings: How.
        clips: What to learn from.
        run: Where the state is kept.
        minutes: Train for this long instead of a number of steps; the learning rate follows the clock.
        init_from: Checkpoint of the same sizes whose weights and standardisation a new run starts from; fresh ones by default.
        compiled: Let torch compile the denoiser; pays on a graphics card in runs of some minutes.

    Raises:
        CheckpointError: ``init_from`` is not a checkpoint of the denoiser, or its sizes are not those of ``model``.
    """
    trained = Trained(model, settings.seed).to(clips.device)
    if compiled:
        trained.denoiser.compile()
    if init_from is None:
        mean, scale = clips.statistics()
        trained.denoiser.state_mean.copy_(mean)
        trained.denoiser.state_scale.copy_(scale)
    else:
        _start_from(init_from, trained.denoiser)
    scheduler = make_scheduler()
    average = MovingAverage(trained, settings.average)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    step = run.resume(trained, average, optimizer)
    average.weights = {name: tensor.to(clips.device) for name, tensor in average.weights.items()}
    progress = _Progress(settings, minutes)
    while (done := progress.share(step)) < 1.0:
        chance = _Chance(settings.seed, str(step), clips.device)
        optimizer.param_groups[0]["lr"] = _rate(settings, step, done)
        losses = _losses(trained, scheduler, clips.batch(chance.generator, settings.batch), settings, chance)
        optimizer.zero_grad()
        sum(losses.values(), torch.zeros((), device=clips.device)).backward()
        torch.nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        average.update(trained, step)
        if step % LOG_EVERY == 0:
            run.log(step=step, **{name: loss.item() for name, loss in losses.items()}, seconds=progress.seconds())
        step += 1
        if step % SAVE_EVERY == 0:
            run.log(step=step, held_out=held_out_loss(trained, clips, settings, HELD_OUT_WINDOWS), seconds=progress.seconds())
            run.save(step, trained, average, optimizer)
    run.log(step=step, held_out=held_out_loss(trained, clips, settings, HELD_OUT_WINDOWS), seconds=progress.seconds())
    run.save(step, trained, average, optimizer)


def trained_from(model: dict[str, Any], run: Run) -> Trained:
    """What a run has learnt: its averaged weights."""
    trained = Trained(model, 0)
    trained.load_state_dict(run.average_weights(), strict=True)
    return trained


def export(model: dict[str, Any], run: Run, folder: Path) -> None:
    """Write the averaged denoiser as a checkpoint (without digests and model card)."""
    save_network(trained_from(model, run).denoiser, folder, torch.float16)
