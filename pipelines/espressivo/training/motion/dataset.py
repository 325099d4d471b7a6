"""Clips on disk, and random windows of them on the device that trains.

On disk everything is a whole number of small steps, and each frame is stored as the difference from the frame before, so that
files pack well. In memory the steps are 16-bit numbers; a batch is gathered and scaled on the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from espressivo.motion.state import Conditions

__all__ = ["Batch", "Clip", "ClipSet", "join_clips", "write_clips"]

LEAST_SCALE = 0.02
# Finest differences that are kept: weights and radians, shares, mel bands in units of their scale.
STEPS: Final = {"state": 1 / 512, "speech": 1 / 64, "sound": 1 / 8, "emotion": 1 / 256, "actions": 1 / 256, "events": 1 / 256}
PER_CLIP: Final = ("valid", "known", "label", "matched")
HELD_OUT_SHARE = 0.04


@dataclass(frozen=True, slots=True)
class Clip:
    """One performance.

    Attributes:
        state: ``(T, D)``.
        conditions: On the same frames.
        valid: ``(D,)`` which numbers of the state were really captured or made.
        known: ``(3,)`` whether speech, emotion and muscles are known; what is not is dropped when training.
        label: Index of the strongest face.
        matched: Whether the muscles belong to the emotion.
    """

    state: NDArray[np.float32]
    conditions: Conditions
    valid: NDArray[np.bool_]
    known: NDArray[np.bool_]
    label: int
    matched: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of clips.

    Attributes:
        state: ``(B, T, D)``; ``speech``, ``sound``, ``emotion``, ``actions`` and ``events`` are the conditions on its frames.
        partner: ``(B, T, D)`` a window of another clip with the same label and about the same intensity.
        valid: ``(B, D)``, ``known`` ``(B, 3)``, ``label`` ``(B,)``, ``matched`` ``(B,)``: as in :class:`Clip`.
    """

    state: Tensor
    speech: Tensor
    sound: Tensor
    emotion: Tensor
    actions: Tensor
    events: Tensor
    partner: Tensor
    valid: Tensor
    known: Tensor
    label: Tensor
    matched: Tensor


def _frames_of(clip: Clip) -> dict[str, NDArray[np.float32]]:
    names = ("speech", "sound", "emotion", "actions", "events")
    return {"state": clip.state} | {name: getattr(clip.conditions, name) for name in names}


def write_clips(clips: Iterable[Clip], output: Path) -> None:
    """Write clips into one file."""
    parts: dict[str, list[NDArray[np.int16]]] = {name: [] for name in STEPS}
    per_clip: dict[str, list[NDArray[np.int64]]] = {name: [] for name in PER_CLIP}
    lengths = []
    for clip in clips:
        for name, values in _frames_of(clip).items():
            steps = np.round(values / STEPS[name]).astype(np.int16)
            parts[name].append(np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1])))
        for name in PER_CLIP:
            per_clip[name].append(np.asarray(getattr(clip, name), np.int64))
        lengths.append(len(clip.state))
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    tensors = {name: np.concatenate(values) for name, values in parts.items()}
    save_file({**tensors, **{name: np.stack(values) for name, values in per_clip.items()}, "starts": starts}, output)


def join_clips(files: Sequence[Path], output: Path) -> None:
    """Write the clips of several files into one, in their order."""
    read = [load_file(path) for path in files]
    starts = np.cumsum([0, *np.concatenate([np.diff(file["starts"]) for file in read])]).astype(np.int64)
    tensors = {name: np.concatenate([file[name] for file in read]) for name in (*STEPS, *PER_CLIP)}
    save_file({**tensors, "starts": starts}, output)


def _read_clips(path: Path) -> dict[str, NDArray[np.integer]]:
    file = load_file(path)
    for first, last in zip(file["starts"][:-1], file["starts"][1:], strict=True):
        for name in STEPS:
            np.cumsum(file[name][first:last], axis=0, dtype=np.int16, out=file[name][first:last])
    return file


class ClipSet:
    """Random windows from several files.

    Args:
        groups: Files of :func:`write_clips`, by kind.
        shares: How often each kind is drawn from.
        window: Frames of a window; shorter clips are left out.
        device: Where everything is kept and gathered.
    """

    def __init__(self, groups: Sequence[Sequence[Path]], shares: Sequence[float], window: int, device: str = "cpu") -> None:
        self.window, self.device = window, torch.device(device)
        files = [_read_clips(path) for paths in groups for path in paths]
        kind = np.repeat(np.arange(len(groups)), [len(paths) for paths in groups])
        self.frames = {name: torch.from_numpy(np.concatenate([f[name] for f in files])).to(device) for name in STEPS}
        self.per_clip = {name: torch.from_numpy(np.concatenate([f[name] for f in files])).to(device) for name in PER_CLIP}
        shifts = np.cumsum([0, *(f["starts"][-1] for f in files)])
        first = np.concatenate([f["starts"][:-1] + shift for f, shift in zip(files, shifts[:-1], strict=True)])
        lengths = np.concatenate([np.diff(f["starts"]) for f in files])
        self.first, self.room = (torch.from_numpy(v).to(device) for v in (first, lengths - window + 1))
        self.partner = torch.from_numpy(self._partners(files)).to(device)
        self.shares = torch.tensor(shares, dtype=torch.float32, device=device)
        self._draw_from(np.repeat(kind, [len(f["label"]) for f in files]), lengths)

    def hold_out(self, lists: Sequence[Tensor]) -> None:
        """Draw held-out windows from these clips only, one list of clip numbers for each kind."""
        self.lists[True] = torch.cat(list(lists))
        self.counts[True] = torch.tensor([len(part) for part in lists], device=self.device)

    def _draw_from(self, owner: NDArray[np.integer], lengths: NDArray[np.integer]) -> None:
        """Lists of clips to learn from and to hold out, each kind's after the other's."""
        counts: dict[bool, list[int]] = {False: [], True: []}
        chosen: dict[bool, list[NDArray[np.integer]]] = {False: [], True: []}
        for which in range(len(self.shares)):
            clips = np.flatnonzero((owner == which) & (lengths >= self.window))
            kept = int(HELD_OUT_SHARE * len(clips))
            for held_out, part in ((False, clips[kept:]), (True, clips[:kept])):
                chosen[held_out].append(part)
                counts[held_out].append(len(part))
        self.lists = {key: torch.from_numpy(np.concatenate(parts)).to(self.device) for key, parts in chosen.items()}
        self.counts = {key: torch.tensor(value, device=self.device) for key, value in counts.items()}

    def _partners(self, files: Sequence[dict[str, NDArray[np.integer]]]) -> NDArray[np.int64]:
        """For each clip another one of the same file and label, near in intensity; itself where there is none."""
        result, shift = [], 0
        for file in files:
            edges = zip(file["starts"][:-1], file["starts"][1:], strict=True)
            intensity = np.array([file["emotion"][first:last, -1].mean() for first, last in edges])
            long_enough = np.diff(file["starts"]) >= self.window
            order = np.lexsort((intensity, file["label"]))
            order = order[long_enough[order]]
            partner = np.arange(len(intensity))
            for label in np.unique(file["label"]):
                alike = order[file["label"][order] == label]
                partner[alike] = np.roll(alike, 1)
            result.append(partner + shift)
            shift += len(intensity)
        return np.concatenate(result)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and scale ``(D,)`` of the state wherever it is complete: the teacher's clips."""
        complete = torch.repeat_interleave(self.per_clip["valid"].min(dim=1).values > 0, self.room + self.window - 1)
        state = self.frames["state"][complete].float() * STEPS["state"]
        return state.mean(dim=0), state.std(dim=0).clamp_min(LEAST_SCALE)

    def _windows(self, name: str, clips: Tensor, places: Tensor) -> Tensor:
        start = self.first[clips] + (places * self.room[clips]).long().clamp_max(self.room[clips] - 1)
        rows = start[:, None] + torch.arange(self.window, device=self.device)
        return self.frames[name][rows].float() * STEPS[name]

    def batch(self, generator: torch.Generator, size: int, *, held_out: bool = False) -> Batch:
        """A batch of windows.

        Args:
            generator: On the set's device.
            size: B.
            held_out: From the clips that are never learnt from.
        """
        counts = self.counts[held_out]
        which = torch.multinomial(self.shares * (counts > 0), size, replacement=True, generator=generator)
        choice, place, other = torch.rand(3, size, device=self.device, generator=generator)
        before = counts.cumsum(0) - counts
        clips = self.lists[held_out][before[which] + (choice * counts[which]).long().clamp_max(counts[which] - 1)]
        frames = {name: self._windows(name, clips, place) for name in STEPS}
        values = {name: tensor[clips] for name, tensor in self.per_clip.items()}
        return Batch(
            **frames,
            partner=self._windows("state", self.partner[clips], other),
            valid=values["valid"].float(),
            known=values["known"].float(),
            label=values["label"],
            matched=values["matched"].float(),
        )
