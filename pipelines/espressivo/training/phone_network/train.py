"""Optimising the phone network, on a processor or a graphics card. Needs torch, numpy, scipy and safetensors alone."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from espressivo.seeds import child_seed
from espressivo.speech.phone_layers import PhoneLayers
from espressivo.training.phone_network.frames import UNKNOWN, Batch, FramePool, decoder_statistics
from espressivo.training.phone_network.spoiling import spoil
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["AVERAGE", "TrainingSettings", "build_layers", "read_task", "train"]

AVERAGE = "average.safetensors"
LOG_EVERY, SAVE_EVERY = 50, 500
PROGRESS_STEPS = 10_000


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``configs/train/phone_network.yaml``, section ``training``.

    Attributes:
        steps: Optimiser steps, where no time limit is given.
        batch: Stretches in a step.
        frames: Length of a stretch, 10 ms each.
        learning_rate: Peak.
        weight_decay: Of AdamW.
        warm_up: Steps until the peak.
        label_smoothing: Of the class loss; phone boundaries are not sharp.
        voicing: Weight of the loss on voicing.
        average: Share of the averaged weights that stays at each step.
        seed: Of weights and batches.
    """

    steps: int
    batch: int
    frames: int
    learning_rate: float
    weight_decay: float
    warm_up: int
    label_smoothing: float
    voicing: float
    average: float
    seed: int


def read_task(folder: Path) -> dict[str, Any]:
    """``task.json`` of a prepared folder."""
    task: dict[str, Any] = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    return task


def build_layers(task: Mapping[str, Any], seed: int) -> PhoneLayers:
    """Fresh layers for the classes of a task."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(child_seed(seed, "weights"))
        return PhoneLayers(len(task["classes"]), **task["model"])


def _losses(layers: PhoneLayers, batch: Batch, settings: TrainingSettings, generator: torch.Generator) -> dict[str, Tensor]:
    heard_mel = spoil(batch.log_mel, batch.background, generator)
    with torch.autocast(heard_mel.device.type, torch.bfloat16):
        heard = layers(heard_mel)
    known = (batch.classes != UNKNOWN).float()
    class_loss = functional.cross_entropy(
        heard.classes.float().transpose(1, 2), batch.classes, ignore_index=UNKNOWN, label_smoothing=settings.label_smoothing
    )
    voicing = functional.binary_cross_entropy_with_logits(heard.voicing.float(), batch.voicing, reduction="none")
    with torch.no_grad():
        right = (heard.classes.argmax(-1) == batch.classes).float()
    return {
        "classes": class_loss,
        "voicing": settings.voicing * (voicing * known).sum() / known.sum().clamp_min(1.0),
        "accuracy": (right * known).sum() / known.sum().clamp_min(1.0),
    }


def train(folder: Path, run: Run, *, device: torch.device, minutes: float | None = None) -> None:
    """Train, or continue a run that was stopped; the averaged weights end up in ``average.safetensors`` of the run.

    Args:
        folder: Prepared data.
        run: Where state and log are kept.
        device: Where to compute; the same seed and steps give the same weights on the same device.
        minutes: Time limit. The learning rate then follows the clock instead of the settings' ``steps``, and the log tells how
            many steps were made.
    """
    task = read_task(folder)
    settings = TrainingSettings(**task["training"])
    torch.backends.cudnn.deterministic = True
    pool = FramePool(folder, task["shares"], task["step"], device)
    layers = build_layers(task, settings.seed)
    layers.load_state_dict(decoder_statistics(pool, len(task["classes"])), strict=False)
    layers.lip_head.requires_grad_(requires_grad=False)
    layers.to(device)
    average = MovingAverage(layers, settings.average)
    optimizer = torch.optim.AdamW(
        [p for p in layers.parameters() if p.requires_grad], lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        step = _optimise(layers, average, optimizer, pool, settings, run, minutes)
    run.save(step, layers, average, optimizer)
    save_file({name: tensor.cpu().contiguous() for name, tensor in average.weights.items()}, run.folder / AVERAGE)


def _optimise(
    layers: PhoneLayers,
    average: MovingAverage,
    optimizer: torch.optim.Optimizer,
    pool: FramePool,
    settings: TrainingSettings,
    run: Run,
    minutes: float | None,
) -> int:
    """Every step from where the run was left; how many there are now."""
    generator = torch.Generator(pool.device)
    started = time.monotonic()
    step = run.resume(layers, average, optimizer)
    while True:
        elapsed_s = time.monotonic() - started
        progress = step / settings.steps if minutes is None else elapsed_s / (60.0 * minutes)
        if progress >= 1.0:
            return step
        generator.manual_seed(child_seed(settings.seed, "batch", str(step)))
        torch.manual_seed(child_seed(settings.seed, "dropout", str(step)))
        rate = warm_cosine(int(progress * PROGRESS_STEPS), PROGRESS_STEPS, 0) * min(1.0, (step + 1) / settings.warm_up)
        optimizer.param_groups[0]["lr"] = settings.learning_rate * rate
        losses = _losses(layers, pool.batch(generator, settings.batch, settings.frames), settings, generator)
        optimizer.zero_grad()
        (losses["classes"] + losses["voicing"]).backward()
        torch.nn.utils.clip_grad_norm_(layers.parameters(), 1.0)
        optimizer.step()
        average.update(layers, step)
        if step % LOG_EVERY == 0:
            run.log(step=step, **{name: loss.item() for name, loss in losses.items()}, seconds=elapsed_s)
        step += 1
        if step % SAVE_EVERY == 0:
            run.save(step, layers, average, optimizer)
