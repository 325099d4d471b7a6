"""Mouths from sound against a captured mouth: the two FACEGOOD takes that nothing was trained on, with baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.motion_measures import correlation, r_squared
from espressivo.evaluation.motion_subjects import SEED, Subject, plan_for
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip
from espressivo.seeds import numpy_generator
from espressivo.speech.analysis import SpeechAnalysis, analyse_speech
from espressivo.speech.features import SpeechFeatures, extract_features
from espressivo.training.motion.capture import CAPTURE_FPS, TEST_TAKES, TRAINING_TAKES, lip_curves

__all__ = ["CHANNELS", "Take", "affine", "baseline_curves", "captured_figures", "channels_of", "load_takes"]

FPS = Fraction(30)
CHANNELS = ("jaw", "spread", "rounding")
FLOORED = ("jaw", "rounding")
FACEGOOD = Path("face") / "motion-facegood"
# Resampled for the interval: neighbouring frames are alike, stretches of five seconds are not.
BLOCK_FRAMES = 150
NUM_RESAMPLES = 400
RIDGE = 0.05
CONTEXT_FRAMES = 5
NUM_BANDS = 40
FloatArray = NDArray[np.float64]
Curves = dict[str, FloatArray]


@dataclass(frozen=True)
class Take:
    """A take: the captured ``curves`` at 30 fps, the ``features`` of its speech, and what the product hears in it.

    The curves are a frame late; here they are advanced by it, for everybody who is compared.
    """

    name: str
    curves: Curves
    features: SpeechFeatures
    sound: AudioClip

    @cached_property
    def heard(self) -> SpeechAnalysis:
        """The analysis that the product makes: no transcript."""
        return analyse_speech(self.sound)


def load_takes(folder: Path, longest_s: float | None) -> tuple[list[Take], list[Take]]:
    """Takes for fitting and for measuring.

    Args:
        folder: The takes.
        longest_s: Cut each to this length; ``None`` for all of it.
    """

    def take(name: str) -> Take:
        sound, times_s, lips = lip_curves(folder, name)
        frames = len(lips) if longest_s is None else min(len(lips), int(longest_s * CAPTURE_FPS))
        clip = AudioClip(sound.samples[:, : int(frames / CAPTURE_FPS * sound.sample_rate_hz)], sound.sample_rate_hz)
        shown_s = (np.arange(frames) + 0.5) / CAPTURE_FPS
        curves = {channel: np.interp(shown_s, times_s, lips[:, column]) for column, channel in enumerate(CHANNELS)}
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
    """``(T, 1)`` loudness between the take's 5th and 95th percentile."""
    low, high = np.percentile(take.features.energy_db, [5, 95])
    level = np.clip((take.features.energy_db - low) / (high - low), 0.0, 1.2)
    return _per_frame(take.features, level[:, None], len(take.curves["jaw"]))


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


def captured_figures(subjects: Sequence[Subject], data: Path | None, longest_s: float | None) -> list[Figure]:
    """R2, correlation and size of jaw, spread and rounding on the takes that are kept for measuring.

    Args:
        subjects: Backends; the first is the figure, the others are baselines.
        data: Evaluation data.
        longest_s: Cut each take to this length; ``None`` for all of it.
    """
    names = [f"captured.{channel}_{measure}" for channel in CHANNELS for measure in ("r2", "correlation", "size")]
    if data is None or not (data / FACEGOOD).is_dir():
        return [Figure(name, None, "", "higher", source=f"skipped: no {FACEGOOD} in the data") for name in names]
    training, test = load_takes(data / FACEGOOD, longest_s)
    curves = baseline_curves(training, test)
    for subject in subjects:
        fitted = _performed(subject, training[-1])
        calibrated = {c: affine([fitted[c]], [training[-1].curves[c][: len(fitted[c])]]) for c in CHANNELS}
        shown = [_performed(subject, take) for take in test]
        curves[subject.name] = [{c: calibrated[c](part[c]) for c in CHANNELS} for part in shown]
    return [figure for channel in CHANNELS for figure in _channel_figures(channel, subjects[0].name, curves, test)]


def _channel_figures(channel: str, own: str, curves: dict[str, list[Curves]], test: Sequence[Take]) -> list[Figure]:
    truth = np.concatenate([take.curves[channel] for take in test])
    guesses = {name: np.concatenate([part[channel] for part in parts]) for name, parts in curves.items()}
    note = (
        "takes 1114_2_05 and 1114_3_16, Mandarin, no transcript; curves advanced by a frame for all; "
        "scale and offset of each backend fitted on take 1114_3_15; interval over stretches of 5 s"
    )
    figures = []
    for measure, unit, score in (("r2", "R2", r_squared), ("correlation", "r", correlation), ("size", "", _size)):
        scores = {name: score(truth, guess) for name, guess in guesses.items()}
        value = scores.pop(own)
        floor = scores["log_mel_ridge"] if channel in FLOORED and measure != "size" else None
        interval = _interval(score, truth, guesses[own])
        figures.append(Figure(f"captured.{channel}_{measure}", value, unit, "higher", floor, interval, scores, note))
    return figures


def _size(truth: FloatArray, guess: FloatArray) -> float:
    """Standard deviation as a share of the true one: below 0.85 a mouth looks flat."""
    return float(guess.std() / truth.std())


def _interval(score: Callable[[FloatArray, FloatArray], float], truth: FloatArray, guess: FloatArray) -> tuple[float, float]:
    """95 % of a score when stretches of the takes are drawn again with replacement."""
    blocks = np.array_split(np.arange(len(truth)), max(1, len(truth) // BLOCK_FRAMES))
    rng = numpy_generator(SEED, "evaluation", "blocks")
    draws = [np.concatenate([blocks[k] for k in rng.integers(0, len(blocks), len(blocks))]) for _ in range(NUM_RESAMPLES)]
    low, high = np.percentile([score(truth[rows], guess[rows]) for rows in draws], [2.5, 97.5])
    return float(low), float(high)


def _performed(subject: Subject, take: Take) -> Curves:
    """What a backend shows, cut to the frames of the take."""
    frames = len(take.curves["jaw"])
    duration_s = frames / float(FPS)
    plan = plan_for("neutral", 0.5, duration_s)
    track = subject.generate(plan, take.heard, duration_s=duration_s, fps=FPS, seed=SEED)
    return {channel: curve[:frames] for channel, curve in channels_of(track).items()}
