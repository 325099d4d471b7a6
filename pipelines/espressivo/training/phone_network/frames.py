"""Prepared frames on the training device, and random stretches of them. Needs torch, numpy, scipy and safetensors alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor

from espressivo.training.phone_network.packing import unpack_bytes, unpack_mel

__all__ = ["UNKNOWN", "Batch", "FramePool", "decoder_statistics"]

UNKNOWN = -100  # what cross_entropy leaves out; phone_classes.UNKNOWN
UNKNOWN_BYTE = 255
BACKGROUND = "background"
# How far the playing speed of a stretch is changed.
SLOWEST, FASTEST = 0.84, 1.2


@dataclass(frozen=True, slots=True)
class Batch:
    """Random stretches.

    Attributes:
        log_mel: ``(B, T, M)`` levelled, not yet spoilt.
        classes: ``(B, T)``, :data:`UNKNOWN` where nobody knows.
        voicing: ``(B, T)`` 0 or 1.
        background: ``(B, T, M)`` sound without speech, to be mixed in.
    """

    log_mel: Tensor
    classes: Tensor
    voicing: Tensor
    background: Tensor


class _Pack:
    """The frames of one file, on the device."""

    def __init__(self, path: Path, step: float, device: torch.device) -> None:
        tensors = load_file(path)
        count = int(tensors["num_frames"][0])
        self.log_mel = torch.from_numpy(unpack_mel(tensors["mel"], step, count)).to(device)
        marks = unpack_bytes(tensors["classes"]).astype(np.int64)
        self.classes = torch.from_numpy(np.where(marks == UNKNOWN_BYTE, UNKNOWN, marks)).to(device)
        self.voicing = torch.from_numpy(unpack_bytes(tensors["voicing"]).astype(np.float32)).to(device)

    def __len__(self) -> int:
        return len(self.classes)


class FramePool:
    """All packs of a prepared folder.

    Args:
        folder: What ``prepare`` wrote.
        shares: How often each pack is drawn from, by name.
        step: Coarseness with which they were packed.
        device: Where the frames are kept.
    """

    def __init__(self, folder: Path, shares: Mapping[str, float], step: float, device: torch.device) -> None:
        self.packs = {name: _Pack(folder / f"{name}.safetensors", step, device) for name in shares}
        total = sum(shares.values())
        self.shares = {name: share / total for name, share in shares.items()}
        self.device = device

    def batch(self, generator: torch.Generator, size: int, frames: int) -> Batch:
        """``size`` stretches of ``frames`` frames, each at its own speed; utterances run on into the next."""
        counts = self._counts(size)
        rate = _uniform(generator, (size, 1), SLOWEST, FASTEST)
        rows = [
            self._stretches(pack, rate_of, frames, generator)
            for pack, rate_of in zip(self.packs.values(), rate.split(list(counts.values())), strict=True)
        ]
        log_mel, classes, voicing = (torch.cat(parts) for parts in zip(*rows, strict=True))
        music = self._stretches(self.packs[BACKGROUND], torch.ones_like(rate), frames, generator)[0]
        return Batch(log_mel, classes, voicing, music)

    def _counts(self, size: int) -> dict[str, int]:
        """How many stretches of a batch come from each pack; at least one."""
        counts = {name: max(1, round(size * share)) for name, share in self.shares.items()}
        largest = max(counts, key=counts.__getitem__)
        counts[largest] += size - sum(counts.values())
        return counts

    def _stretches(self, pack: _Pack, rate: Tensor, frames: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        last = len(pack) - int(frames * FASTEST) - 2
        start = _uniform(generator, (len(rate), 1), 0.0, float(last))
        position = start.double() + rate * torch.arange(frames, device=self.device)
        before = position.floor().long()
        share = (position - before).float()[..., None]
        nearest = position.round().long()

        def between(values: Tensor) -> Tensor:
            return torch.lerp(values[before].float(), values[before + 1].float(), share)

        return (
            between(pack.log_mel),
            pack.classes[nearest],
            pack.voicing[nearest],
        )


def _uniform(generator: torch.Generator, shape: tuple[int, ...], low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=generator, device=generator.device)


def decoder_statistics(pool: FramePool, num_classes: int) -> dict[str, Tensor]:
    """Log shares of classes, log bigrams of unequal neighbours, mean durations; every pack counts by its share."""
    shares: NDArray[np.float64] = np.zeros(num_classes)
    bigrams = np.full((num_classes, num_classes), 1e-4)
    lengths, runs = np.zeros(num_classes), np.zeros(num_classes)
    for name, pack in pool.packs.items():
        classes = pack.classes.cpu().numpy()
        classes = classes[classes != UNKNOWN]
        if name == BACKGROUND or not len(classes):
            continue
        weight = pool.shares[name] / len(classes)
        starts = np.flatnonzero(np.diff(classes, prepend=-1))
        sequence = classes[starts]
        shares += weight * np.bincount(classes, minlength=num_classes)
        np.add.at(bigrams, (sequence[:-1], sequence[1:]), weight)
        np.add.at(lengths, sequence, weight * np.diff([*starts, len(classes)]))
        np.add.at(runs, sequence, weight)
    np.fill_diagonal(bigrams, 1e-8)
    shares = np.maximum(shares, 1e-6)
    values = {
        "log_prior": np.log(shares / shares.sum()),
        "log_bigram": np.log(bigrams / bigrams.sum(axis=1, keepdims=True)),
        "mean_frames": np.where(runs > 0.0, lengths / np.maximum(runs, 1e-12), 8.0),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}
