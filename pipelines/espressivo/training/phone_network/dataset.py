"""The corpus as log-mel frames with classes: augmented once when it is prepared, cut at random when it is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor

from espressivo.media.clip import AudioClip
from espressivo.seeds import numpy_generator
from espressivo.speech.features import NUM_MELS, extract_features
from espressivo.training.phone_network.augment import SAMPLE_RATE_HZ, augment
from espressivo.training.phone_network.corpus import CorpusItem
from espressivo.training.phone_network.targets import UNKNOWN, class_names, frame_classes, frame_voicing

__all__ = ["FrameSet", "is_held_out", "prepare_frames"]

TIME_MASK_FRAMES, MEL_MASK_BANDS, LEVEL_SHIFT = 12, 14, 1.5
DROPOUT_SHARE = 0.4


def is_held_out(item: CorpusItem, held_out: Sequence[str]) -> bool:
    """Whether a voice is kept for measuring."""
    return any(item.voice.startswith(voice) for voice in held_out)


def _frames(item: CorpusItem, samples: NDArray[np.float32], stretch: float) -> tuple[NDArray[np.float16], NDArray[np.int16]]:
    """Log-mel ``(T, M)`` and classes with voicing ``(T, 2)``."""
    log_mel = extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ)).log_mel
    phones = [replace(p, start_s=p.start_s * stretch, end_s=p.end_s * stretch) for p in item.phones]
    targets = np.stack([frame_classes(phones, len(log_mel)), frame_voicing(phones, len(log_mel)) > 0.5], axis=1)
    return log_mel.astype(np.float16), targets.astype(np.int16)


def prepare_frames(items: Sequence[CorpusItem], copies: int, seed: int, output: Path) -> None:
    """Write the clean frames and ``copies`` augmented versions of each utterance.

    Args:
        items: What to prepare.
        copies: Augmented versions of each.
        seed: Decides the augmentation.
        output: A safetensors file: ``log_mel (T, M)``, ``targets (T, 2)``, ``starts (N + 1,)``.
    """
    log_mels, targets = [], []
    for index, item in enumerate(items):
        rng = numpy_generator(seed, "augment", item.path.name)
        samples = item.samples()
        pairs = [_frames(item, samples, 1.0)]
        for _ in range(copies):
            other = items[int(rng.integers(len(items)))].samples()
            worse, stretch = augment(samples, other, rng)
            pairs.append(_frames(item, worse, stretch))
        log_mels += [pair[0] for pair in pairs]
        targets += [pair[1] for pair in pairs]
        if index % 100 == 99:
            print(json.dumps({"prepared": index + 1, "of": len(items)}), flush=True)  # noqa: T201 - progress of a command
    starts = np.cumsum([0, *(len(part) for part in targets)]).astype(np.int64)
    save_file({"log_mel": np.concatenate(log_mels), "targets": np.concatenate(targets), "starts": starts}, output)


class FrameSet:
    """Random stretches of the prepared frames.

    Args:
        paths: Files of :func:`prepare_frames`.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        parts = [load_file(path) for path in paths]
        offsets = np.cumsum([0, *(len(part["targets"]) for part in parts)])
        self.log_mel = np.concatenate([part["log_mel"] for part in parts])
        self.targets = np.concatenate([part["targets"] for part in parts])
        starts = [part["starts"][:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
        self.starts = np.concatenate([*starts, offsets[-1:]])

    def batch(self, rng: np.random.Generator, size: int, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """``(B, T, M)`` masked log-mel, ``(B, T)`` classes, ``(B, T)`` voicing; utterances run on into the next."""
        first = rng.integers(0, len(self.targets) - frames, size)
        log_mel = np.stack([self.log_mel[start : start + frames] for start in first]).astype(np.float32)
        targets = np.stack([self.targets[start : start + frames] for start in first])
        for row in log_mel:
            row += rng.normal(0.0, LEVEL_SHIFT)
            if rng.random() < DROPOUT_SHARE:
                start, width = rng.integers(0, frames - TIME_MASK_FRAMES), rng.integers(2, TIME_MASK_FRAMES)
                row[start : start + width] = row.mean()
            if rng.random() < DROPOUT_SHARE:
                start, width = rng.integers(0, NUM_MELS - MEL_MASK_BANDS), rng.integers(2, MEL_MASK_BANDS)
                row[:, start : start + width] = row.mean()
        classes = torch.from_numpy(targets[..., 0].astype(np.int64))
        return torch.from_numpy(log_mel), classes, torch.from_numpy(targets[..., 1].astype(np.float32))

    def statistics(self) -> dict[str, Tensor]:
        """Buffers of the decoder: log shares, log bigrams of unequal neighbours, mean durations."""
        classes = self.targets[:, 0].astype(np.int64)
        classes = classes[classes != UNKNOWN]
        count = len(class_names())
        shares = np.bincount(classes, minlength=count) + 1.0
        starts = np.flatnonzero(np.diff(classes, prepend=-1))
        sequence = classes[starts]
        bigrams = np.full((count, count), 0.3)
        np.add.at(bigrams, (sequence[:-1], sequence[1:]), 1.0)
        np.fill_diagonal(bigrams, 1e-8)
        bigrams /= bigrams.sum(axis=1, keepdims=True)
        lengths = np.diff([*starts, len(classes)])
        mean = [float(lengths[sequence == c].mean()) if (sequence == c).any() else 8.0 for c in range(count)]
        log_prior = np.log(shares / shares.sum())
        return {
            "log_prior": torch.tensor(log_prior, dtype=torch.float32),
            "log_bigram": torch.tensor(np.log(bigrams), dtype=torch.float32),
            "mean_frames": torch.tensor(mean, dtype=torch.float32),
        }
