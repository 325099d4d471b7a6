"""Clips on disk, and random windows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from espressivo.motion.state import Conditions

__all__ = ["Batch", "Clip", "ClipSet", "write_clips"]

LEAST_SCALE = 0.02
PER_FRAME = ("state", "speech", "emotion", "actions")


@dataclass(frozen=True, slots=True)
class Clip:
    """One performance.

    Attributes:
        state: ``(T, D)``.
        conditions: On the same frames.
        valid: ``(D,)`` which numbers of the state were really captured or made.
        label: Index of the strongest face.
        matched: Whether the muscles belong to the emotion.
    """

    state: NDArray[np.float32]
    conditions: Conditions
    valid: NDArray[np.bool_]
    label: int
    matched: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """``state`` (B, T, D), ``speech``, ``emotion``, ``actions`` (B, T, .), ``valid`` (B, D), ``label`` (B,), ``matched`` (B,)."""

    state: Tensor
    speech: Tensor
    emotion: Tensor
    actions: Tensor
    valid: Tensor
    label: Tensor
    matched: Tensor


def write_clips(clips: Iterable[Clip], output: Path) -> None:
    """Write clips into one file."""
    parts: dict[str, list[NDArray[np.float16]]] = {name: [] for name in PER_FRAME}
    valid, labels, matched, lengths = [], [], [], []
    for clip in clips:
        for name, values in zip(
            PER_FRAME, (clip.state, clip.conditions.speech, clip.conditions.emotion, clip.conditions.actions), strict=True
        ):
            parts[name].append(values.astype(np.float16))
        valid.append(clip.valid)
        labels.append(clip.label)
        matched.append(clip.matched)
        lengths.append(len(clip.state))
    tensors = {name: np.concatenate(values) for name, values in parts.items()}
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    save_file(
        {
            **tensors,
            "starts": starts,
            "valid": np.array(valid, np.uint8),
            "label": np.array(labels, np.int64),
            "matched": np.array(matched, np.uint8),
        },
        output,
    )


class ClipSet:
    """Random windows from several files.

    Args:
        paths: Files of :func:`write_clips`.
        shares: How often each file is drawn from.
        window: Frames of a window; shorter clips are left out.
    """

    def __init__(self, paths: Sequence[Path], shares: Sequence[float], window: int) -> None:
        self.window = window
        self.files = [load_file(path) for path in paths]
        self.shares = np.array(shares) / np.sum(shares)
        self.long_enough = [np.flatnonzero(np.diff(file["starts"]) >= window) for file in self.files]

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and scale ``(D,)`` of the state in the first file, the teacher's."""
        state = self.files[0]["state"].astype(np.float32)
        scale = np.maximum(LEAST_SCALE, state.std(axis=0))
        return torch.from_numpy(state.mean(axis=0)), torch.from_numpy(scale.astype(np.float32))

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """A batch of windows."""
        rows: dict[str, list[NDArray[np.float32]]] = {name: [] for name in PER_FRAME}
        valid, labels, matched = [], [], []
        for which in rng.choice(len(self.files), size=size, p=self.shares):
            file = self.files[which]
            clip = int(rng.choice(self.long_enough[which]))
            start = int(rng.integers(file["starts"][clip], file["starts"][clip + 1] - self.window + 1))
            for name in PER_FRAME:
                rows[name].append(file[name][start : start + self.window].astype(np.float32))
            valid.append(file["valid"][clip].astype(np.float32))
            labels.append(int(file["label"][clip]))
            matched.append(float(file["matched"][clip]))
        frames = {name: torch.from_numpy(np.stack(values)) for name, values in rows.items()}
        return Batch(**frames, valid=torch.from_numpy(np.stack(valid)), label=torch.tensor(labels), matched=torch.tensor(matched))
