"""Long speech that is still arriving: memory, seams between windows, drift, and how much is heard before the first frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.face_speed import resident_mb
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.motion_subjects import FPS, SEED, Recording, plan_for
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.media.clip import AudioClip
from espressivo.motion.diffusion import DiffusionMotion
from espressivo.motion.sampler import LOOK_AHEAD
from espressivo.motion.state import state_of
from espressivo.seeds import numpy_generator
from espressivo.speech.features import SAMPLE_RATE_HZ

__all__ = ["drift", "long_figures", "seam_ratio"]

PIECE_S = 0.5
WARM_UP_S = 60.0
NUM_RESAMPLES = 200
SEAM_FLOOR, DRIFT_FLOOR, MEMORY_FLOOR_MB = 1.25, 0.5, 50.0
# Shorter performances hold too few postures of the head for a mean to say anything.
LEAST_FOR_DRIFT_S = 300.0


def long_figures(learnt: DiffusionMotion, recordings: Sequence[Recording], duration_s: float) -> list[Figure]:
    """Figures of one long performance of recordings that follow each other.

    Args:
        learnt: The backend that streams.
        recordings: Repeated until they last long enough.
        duration_s: Length of the performance.
    """
    plan = plan_for("joy", 0.5, duration_s)
    heard_s: list[float] = []
    states, first_s, warm = [], 0.0, 0.0
    for track in learnt.stream_arriving(plan, _arriving(recordings, duration_s, heard_s), fps=FPS, seed=SEED):
        first_s = first_s or heard_s[-1]
        states.append(state_of(track))
        if sum(map(len, states)) <= min(WARM_UP_S, duration_s / 2.0) * float(FPS):
            warm = resident_mb()
    state = np.concatenate(states)
    ratio, interval = seam_ratio(state, learnt.denoiser.window, learnt.denoiser.num_kept)
    moved, usual = drift(state)
    drift_floor = DRIFT_FLOOR if duration_s >= LEAST_FOR_DRIFT_S else None
    said = f"{duration_s:.0f} s of speech arriving in pieces of {PIECE_S:g} s; "
    return [
        Figure(
            "long.sound_before_first_frame", first_s, "s", "lower", None, None, {"all of it": duration_s},
            said + "a moment, one run; no interval",
        ),
        Figure(
            "long.seam_ratio", ratio, "", "lower", SEAM_FLOOR, interval, {},
            said + "jerk of all channels where a window takes over from the one before, beside jerk elsewhere; 1 is no seam",
        ),
        Figure(
            "long.drift", moved, "sd", "lower", drift_floor, None, {"neighbouring thirds": usual},
            said + "change of the channels' means from the first third to the last, in their standard deviations, rms; one run",
        ),
        Figure(
            "long.memory_growth", resident_mb() - warm, "MB", "lower", MEMORY_FLOOR_MB, None, {"warm": warm},
            said + "resident after the first minute (or half) and at the end; the track itself is part of it; one run",
        ),
    ]  # fmt: skip


def _arriving(recordings: Sequence[Recording], duration_s: float, heard_s: list[float]) -> Iterator[AudioClip]:
    size, sent, number = int(PIECE_S * SAMPLE_RATE_HZ), 0.0, 0
    while True:
        samples = recordings[number % len(recordings)].sound.mono(SAMPLE_RATE_HZ)
        for start in range(0, len(samples), size):
            piece = samples[start : start + min(size, int((duration_s - sent) * SAMPLE_RATE_HZ))]
            if not len(piece):
                return
            sent += len(piece) / SAMPLE_RATE_HZ
            heard_s.append(sent)
            yield AudioClip(piece[None], SAMPLE_RATE_HZ)
        number += 1


def _expressive(state: NDArray[np.floating]) -> NDArray[np.float64]:
    """``(T, D)`` without the eyes, which jump by design, each channel in its own standard deviation; still channels left out."""
    kept = [not name.startswith(("eyeBlink", "eyeLook", "eyeSquint")) for name in ARKIT_NAMES] + [True] * 6
    values = np.asarray(state[:, np.array(kept)], np.float64)
    spread = values.std(axis=0)
    return np.asarray(values[:, spread > 1e-4] / spread[spread > 1e-4])


def seam_ratio(state: NDArray[np.floating], window: int, num_kept: int) -> tuple[float, tuple[float, float]]:
    """Root mean square of jerk within two frames of where windows take over, beside that elsewhere; and its 95 % interval.

    Args:
        state: ``(T, D)`` at the model's rate.
        window: Frames of a window.
        num_kept: Frames that it is given.
    """
    jerk = (np.diff(_expressive(state), n=3, axis=0) ** 2).mean(axis=1)
    seams = np.arange(window - LOOK_AHEAD, len(jerk) - 2, window - num_kept - LOOK_AHEAD)
    near = np.zeros(len(jerk), np.bool_)
    for shift in range(-3, 1):
        near[seams + shift] = True
    if not near.any():
        return 1.0, (1.0, 1.0)
    elsewhere = float(np.sqrt(jerk[~near].mean()))
    at_each = np.stack([jerk[seams + shift] for shift in range(-3, 1)]).mean(axis=0)
    rng = numpy_generator(SEED, "evaluation", "seams")
    draws = [float(np.sqrt(rng.choice(at_each, len(at_each)).mean())) / elsewhere for _ in range(NUM_RESAMPLES)]
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(np.sqrt(at_each.mean())) / elsewhere, (float(low), float(high))


def drift(state: NDArray[np.floating]) -> tuple[float, float]:
    """How far the channels' means move from the first third to the last (rms); and from the first to the second."""
    parts = [part.mean(axis=0) for part in np.array_split(_expressive(state), 3)]
    last, next_one = (float(np.sqrt(((part - parts[0]) ** 2).mean())) for part in (parts[2], parts[1]))
    return last, next_one
