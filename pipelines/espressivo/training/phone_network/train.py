"""Optimising the phone network."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from espressivo.pretrained import save_network
from espressivo.seeds import child_seed, numpy_generator
from espressivo.speech.phone_network import PhoneNetwork
from espressivo.training.phone_network.dataset import FrameSet
from espressivo.training.phone_network.targets import UNKNOWN, class_names, phone_labels
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["TrainingSettings", "build_network", "export", "train"]

VOICING_WEIGHT = 0.3
LOG_EVERY, SAVE_EVERY = 20, 50


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``configs/train/phone_network.yaml``, section ``training``.

    Attributes:
        steps: Optimiser steps.
        batch: Stretches in a step.
        frames: Length of a stretch, 10 ms each.
        learning_rate: Peak.
        weight_decay: Of AdamW.
        warm_up: Steps until the peak.
        label_smoothing: Of the class loss; phone boundaries are not sharp.
        seed: Of weights and batches.
    """

    steps: int
    batch: int
    frames: int
    learning_rate: float
    weight_decay: float
    warm_up: int
    label_smoothing: float
    seed: int


def build_network(model: dict[str, Any], seed: int) -> PhoneNetwork:
    """A fresh network for the classes of the viseme table."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(child_seed(seed, "weights"))
        return PhoneNetwork(classes=class_names(), labels=phone_labels(), **model)


def train(model: dict[str, Any], settings: TrainingSettings, frames: FrameSet, run: Run) -> None:
    """Train, or continue a run that was stopped."""
    network = build_network(model, settings.seed)
    network.load_state_dict(frames.statistics(), strict=False)
    average = MovingAverage(network, 0.998)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    started = time.perf_counter()
    for step in range(run.resume(network, average, optimizer), settings.steps):
        rng = numpy_generator(settings.seed, "batch", str(step))
        log_mel, classes, voicing = frames.batch(rng, settings.batch, settings.frames)
        optimizer.param_groups[0]["lr"] = settings.learning_rate * warm_cosine(step, settings.steps, settings.warm_up)
        with torch.autocast("cpu", torch.bfloat16):
            logits, voiced = network(log_mel)
        class_loss = functional.cross_entropy(
            logits.float().transpose(1, 2), classes, ignore_index=UNKNOWN, label_smoothing=settings.label_smoothing
        )
        voicing_loss = functional.binary_cross_entropy_with_logits(voiced.float(), voicing)
        optimizer.zero_grad()
        (class_loss + VOICING_WEIGHT * voicing_loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update(network, step)
        if step % LOG_EVERY == 0:
            right = (logits.argmax(-1) == classes)[classes != UNKNOWN].float().mean()
            seconds = time.perf_counter() - started
            losses = {"class_loss": class_loss.item(), "voicing_loss": voicing_loss.item()}
            run.log(step=step, **losses, accuracy=right.item(), seconds=seconds)
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == settings.steps:
            run.save(step + 1, network, average, optimizer)


def export(model: dict[str, Any], run: Run, folder: Path) -> None:
    """Write the averaged weights as a checkpoint (without digests and model card)."""
    network = build_network(model, 0)
    network.load_state_dict(run.average_weights(), strict=True)
    save_network(network, folder)
