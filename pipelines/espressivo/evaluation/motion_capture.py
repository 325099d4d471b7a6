"""Mouths from sound against a captured mouth: the two FACEGOOD takes that nothing was trained on, with baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech
from espressivo.speech.features import SpeechFeatures, extract_features
from espressivo.training.motion.capture import CAPTURE_FPS, TEST_TAKES, TRAINING_TAKES, read_take

__all__ = ["CHANNELS", "Take", "affine", "baseline_curves", "channels_of", "load_takes"]

FPS = Fraction(30)
CHANNELS = ("jaw", "spread", "rounding")
RIDGE = 0.05
CONTEXT_FRAMES = 5
NUM_BANDS = 40
FloatArray = NDArray[np.float64]
Curves = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class Take:
    """A take: the captured ``curves`` at 30 fps, the ``features`` of its speech, and what the product hears in it."""

    name: str
    curves: Curves
    features: SpeechFeatures
    sound: AudioClip

    def heard(self) -> SpeechAnalysis:
        """The analysis that the product would make: no transcript."""
        return analyse_speech(self.sound)


def load_takes(folder: Path, longest_s: float | None) -> tuple[list[Take], list[Take]]:
    """Takes for fitting and for measuring.

    Args:
        folder: The takes.
        longest_s: Cut each to this length; ``None`` for all of it.
    """

    def take(name: str) -> Take:
        _, controls, sound = read_take(folder, name)
        frames = len(controls) if longest_s is None else min(len(controls), int(longest_s * CAPTURE_FPS))
        clip = AudioClip(sound.samples[:, : int(frames / CAPTURE_FPS * sound.sample_rate_hz)], sound.sample_rate_hz)
        controls = controls[:frames]
        curves = {
            "jaw": controls[:, 74],
            "spread": controls[:, [53, 54, 57, 58]].mean(axis=1),
            "rounding": controls[:, [63, 64, 68, 69, 42, 43, 44, 45]].max(axis=1),
        }
        return Take(name, curves, extract_features(clip), clip)

    return [take(name) for name in TRAINING_TAKES], [take(name) for name in TEST_TAKES]


def channels_of(track: FacialActionTrack) -> Curves:
    """The same channels of a generated track."""

    def mean(*names: str) -> FloatArray:
        return np.asarray(track.weights[:, [ARKIT_INDEX[name] for name in names]].mean(axis=1), np.float64)

    return {
        "jaw": mean("jawOpen"),
        "spread": mean("mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight"),
        "rounding": np.maximum(mean("mouthFunnel"), mean("mouthPucker")),
    }


def affine(predicted: Sequence[FloatArray], truth: Sequence[FloatArray]) -> Callable[[FloatArray], FloatArray]:
    """Scale and offset that fit predictions to the training takes: a speaker's amplitude is not what is measured."""
    x, y = np.concatenate(predicted), np.concatenate(truth)
    scale, offset = np.polyfit(x, y, 1) if x.std() > 1e-9 else (0.0, float(y.mean()))
    return lambda curve: np.maximum(0.0, scale * curve + offset)


def _per_frame(features: SpeechFeatures, values: NDArray[np.floating], frames: int) -> FloatArray:
    """Means over video frames of values every 10 ms, ``(T, ...)``."""
    edges = np.round(np.arange(frames + 1) / CAPTURE_FPS / features.hop_s).astype(int)
    edges = np.minimum(edges, len(values) - 1)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    widths = np.maximum(1, edges[1:] - edges[:-1])
    return np.asarray((sums[edges[:-1] + widths] - sums[edges[:-1]]) / widths[:, None])


def _energy(take: Take) -> FloatArray:
    """``(T, 1)`` loudness between the take's 5th and 95th percentile, of the frame before."""
    low, high = np.percentile(take.features.energy_db, [5, 95])
    level = np.clip((take.features.energy_db - low) / (high - low), 0.0, 1.2)
    curve = _per_frame(take.features, level[:, None], len(take.curves["jaw"]))
    return np.concatenate([curve[:1], curve[:-1]])


def _mel(take: Take) -> FloatArray:
    """``(T, 40 x 11)`` 40 log-mel bands with five frames of context on both sides."""
    bands = take.features.log_mel.reshape(len(take.features), NUM_BANDS, -1).mean(axis=2)
    frames = _per_frame(take.features, bands, len(take.curves["jaw"]))
    padded = np.pad(frames, ((CONTEXT_FRAMES, CONTEXT_FRAMES), (0, 0)), mode="edge")
    return np.concatenate([padded[k : k + len(frames)] for k in range(2 * CONTEXT_FRAMES + 1)], axis=1)


def _ridge(train: Sequence[FloatArray], truth: Sequence[FloatArray], test: Sequence[FloatArray]) -> list[FloatArray]:
    """Ridge regression on standardised features with a penalty of 0.05 N."""
    x, y = np.concatenate(train), np.concatenate(truth)
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    z = (x - mean) / scale
    solution = np.linalg.solve(z.T @ z + RIDGE * len(z) * np.eye(z.shape[1]), z.T @ (y - y.mean()))
    return [np.maximum(0.0, (part - mean) / scale @ solution + y.mean()) for part in test]


def baseline_curves(training: Sequence[Take], test: Sequence[Take]) -> dict[str, list[Curves]]:
    """What the energy rule and the log-mel ridge make of the test takes, fitted on the training takes."""
    results: dict[str, list[Curves]] = {}
    for name, read in (("energy_rule", _energy), ("log_mel_ridge", _mel)):
        fitted, asked = [read(take) for take in training], [read(take) for take in test]
        by_channel = {c: _ridge(fitted, [take.curves[c] for take in training], asked) for c in CHANNELS}
        results[name] = [{c: by_channel[c][k] for c in CHANNELS} for k in range(len(test))]
    return results
