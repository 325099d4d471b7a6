"""Pitch by normalised autocorrelation and a best path through its candidates (after Boersma 1993)."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["PITCH_CEILING_HZ", "PITCH_FLOOR_HZ", "PITCH_WINDOW", "SAMPLE_RATE_HZ", "pitch_candidates", "pitch_path"]

SAMPLE_RATE_HZ = 16_000
PITCH_FLOOR_HZ = 60.0
PITCH_CEILING_HZ = 500.0
PITCH_WINDOW = 800  # 50 ms: three periods of the lowest pitch
FFT_SIZE = 2_048
NUM_CANDIDATES = 4
VOICING_THRESHOLD = 0.45
OCTAVE_COST = 0.02
OCTAVE_JUMP_COST = 0.35
VOICING_CHANGE_COST = 0.14
QUIETEST_DB = -65.0

FloatArray = NDArray[np.float32]


@cache
def _window() -> tuple[FloatArray, FloatArray]:
    """Hann window and its own normalised autocorrelation, over the lags that are looked at."""
    window = np.hanning(PITCH_WINDOW).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(window, FFT_SIZE)) ** 2
    own = np.fft.irfft(spectrum)[: int(SAMPLE_RATE_HZ / PITCH_FLOOR_HZ) + 2]
    return window, (own / own[0]).astype(np.float32)


def pitch_candidates(frames: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The strongest periodicities of each frame.

    Args:
        frames: ``(T, 800)`` windows at 16 kHz.

    Returns:
        ``(T, 4)`` frequencies in Hz (0 = none) and ``(T, 4)`` strengths, strongest first; a strength is the autocorrelation
        at that lag (Boersma 1993, eq. 9) with a small preference for the higher octave (eq. 26).
    """
    window, own = _window()
    centred = (frames - frames.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(centred, FFT_SIZE)) ** 2
    correlation = np.fft.irfft(power)[:, : len(own)].astype(np.float32)
    correlation /= np.maximum(correlation[:, :1], 1e-9) * own
    lags = np.arange(len(own))
    shortest = int(SAMPLE_RATE_HZ / PITCH_CEILING_HZ)
    middle = correlation[:, 1:-1]
    peak = (middle > correlation[:, :-2]) & (middle >= correlation[:, 2:]) & (lags[1:-1] >= shortest)
    preference = OCTAVE_COST * np.log2(np.maximum(lags[1:-1], 1) / shortest)
    score = np.where(peak, middle - preference, -1.0)
    best = np.argsort(-score, axis=1, kind="stable")[:, :NUM_CANDIDATES]
    rows = np.arange(len(frames))[:, None]
    left, centre, right = correlation[rows, best], middle[rows, best], correlation[rows, best + 2]
    curvature = np.minimum(left - 2.0 * centre + right, -1e-6)
    lag = best + 1 + np.clip(0.5 * (left - right) / curvature, -0.5, 0.5)
    strength = score[rows, best]
    found = strength > 0.0
    return np.where(found, SAMPLE_RATE_HZ / lag, 0.0).astype(np.float32), np.where(found, strength, 0.0).astype(np.float32)


def pitch_path(candidates: FloatArray, strengths: FloatArray, energy_db: FloatArray) -> FloatArray:
    """``(T,)`` pitch in Hz, 0 where unvoiced: the cheapest path through candidates (Viterbi; Boersma 1993, eq. 27).

    Args:
        candidates: ``(T, K)`` Hz, 0 = none.
        strengths: ``(T, K)``.
        energy_db: ``(T,)`` loudness; very quiet frames count as unvoiced.
    """
    count, width = candidates.shape
    usable = (candidates > 0.0) & (energy_db[:, None] > QUIETEST_DB)
    octaves = np.log2(np.maximum(candidates, 1.0))
    gain = np.concatenate([np.full((count, 1), VOICING_THRESHOLD), np.where(usable, strengths, -10.0)], axis=1)
    back = np.zeros((count, width + 1), np.int8)
    total = gain[0].copy()
    cost = np.zeros((width + 1, width + 1))
    cost[0, 1:] = cost[1:, 0] = VOICING_CHANGE_COST
    states = np.arange(width + 1)
    for index in range(1, count):
        cost[1:, 1:] = OCTAVE_JUMP_COST * np.abs(octaves[index - 1][:, None] - octaves[index][None, :])
        reached = total[:, None] - cost
        back[index] = reached.argmax(axis=0)
        total = reached[back[index], states] + gain[index]
    path = np.zeros(count, np.int64)
    path[-1] = int(total.argmax())
    for index in range(count - 1, 0, -1):
        path[index - 1] = back[index, path[index]]
    chosen = candidates[np.arange(count), np.maximum(path - 1, 0)]
    return np.where(path > 0, chosen, 0.0).astype(np.float32)
