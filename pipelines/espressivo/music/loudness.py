"""Loudness as people hear it (ITU-R BS.1770-4) and peaks as converters make them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d, uniform_filter1d
from scipy.signal import lfilter, resample_poly

from espressivo.media.clip import AudioClip

__all__ = [
    "SILENCE_LUFS",
    "gain_db",
    "integrated_loudness_lufs",
    "k_weighted",
    "limit_true_peak",
    "normalise_loudness",
    "true_peak_db",
]

SILENCE_LUFS = -70.0
BLOCK_S, HOP_S = 0.4, 0.1
RELATIVE_GATE_LU = 10.0
OVERSAMPLING = 4
LIMITER_LOOKAHEAD_S = 0.005

Signal = NDArray[np.float64]


def k_weighted(samples: NDArray[np.float32], sample_rate_hz: int) -> Signal:
    """``(C, N)`` through the K-weighting filters of BS.1770-4, annex 1, designed for any rate (De Man 2014)."""
    shelf = _high_shelf(1681.974450955533, 3.999843853973347, 0.7071752369554196, sample_rate_hz)
    high_pass = _high_pass(38.13547087602444, 0.5003270373238773, sample_rate_hz)
    weighted: Signal = lfilter(*high_pass, lfilter(*shelf, samples.astype(np.float64), axis=1), axis=1)
    return weighted


def _high_shelf(frequency_hz: float, shelf_db: float, quality: float, sample_rate_hz: int) -> tuple[Signal, Signal]:
    k = math.tan(math.pi * frequency_hz / sample_rate_hz)
    v = 10.0 ** (shelf_db / 20.0)
    vb = v**0.4996667741545416
    norm = 1.0 + k / quality + k * k
    b = np.array([v + vb * k / quality + k * k, 2.0 * (k * k - v), v - vb * k / quality + k * k]) / norm
    return b, np.array([1.0, 2.0 * (k * k - 1.0) / norm, (1.0 - k / quality + k * k) / norm])


def _high_pass(frequency_hz: float, quality: float, sample_rate_hz: int) -> tuple[Signal, Signal]:
    k = math.tan(math.pi * frequency_hz / sample_rate_hz)
    norm = 1.0 + k / quality + k * k
    return np.array([1.0, -2.0, 1.0]), np.array([1.0, 2.0 * (k * k - 1.0) / norm, (1.0 - k / quality + k * k) / norm])


def integrated_loudness_lufs(clip: AudioClip) -> float:
    """Gated loudness of a mono or stereo clip in LUFS; :data:`SILENCE_LUFS` for silence. Shorter clips are one block."""
    weighted = k_weighted(clip.samples, clip.sample_rate_hz)
    block, hop = round(BLOCK_S * clip.sample_rate_hz), round(HOP_S * clip.sample_rate_hz)
    energy = np.concatenate([[0.0], np.cumsum((weighted**2).sum(axis=0))])
    length = weighted.shape[1]
    starts = np.arange(0, max(length - block, 0) + 1, hop)
    ends = np.minimum(starts + block, length)
    power = (energy[ends] - energy[starts]) / np.maximum(ends - starts, 1)
    power = power[_lufs(power) > SILENCE_LUFS]
    if power.size == 0:
        return SILENCE_LUFS
    gated = power[_lufs(power) > float(_lufs(power.mean(keepdims=True))[0]) - RELATIVE_GATE_LU]
    return float(_lufs(gated.mean(keepdims=True))[0])


def _lufs(power: Signal) -> Signal:
    return -0.691 + 10.0 * np.log10(np.maximum(power, 1e-12))


def gain_db(samples: NDArray[np.float32], decibels: float) -> NDArray[np.float32]:
    """Samples at another level."""
    scaled: NDArray[np.float32] = (samples * 10.0 ** (decibels / 20.0)).astype(np.float32)
    return scaled


def true_peak_db(clip: AudioClip) -> float:
    """Highest level between samples too, in dBTP (fourfold oversampling, BS.1770-4 annex 2)."""
    return 20.0 * math.log10(max(float(np.abs(resample_poly(clip.samples, OVERSAMPLING, 1, axis=1)).max()), 1e-9))


def limit_true_peak(clip: AudioClip, ceiling_db: float = -1.0) -> AudioClip:
    """Turn peaks above a ceiling down, smoothly and ahead of time (5 ms), all channels together."""
    ceiling = 10.0 ** (ceiling_db / 20.0)
    oversampled = np.abs(resample_poly(clip.samples, OVERSAMPLING, 1, axis=1)).max(axis=0)
    peaks = oversampled[: clip.samples.shape[1] * OVERSAMPLING].reshape(-1, OVERSAMPLING).max(axis=1)
    if peaks.max() <= ceiling:
        return clip
    window = 2 * round(LIMITER_LOOKAHEAD_S * clip.sample_rate_hz) + 1
    # A hundredth below the ceiling: peaks between samples are known only to that.
    needed = np.minimum(1.0, 0.99 * ceiling / np.maximum(peaks, 1e-9))
    smooth = uniform_filter1d(minimum_filter1d(needed, 2 * window + 1), window)
    return AudioClip((clip.samples * smooth).astype(np.float32), clip.sample_rate_hz)


def normalise_loudness(clip: AudioClip, target_lufs: float, ceiling_db: float = -1.0) -> AudioClip:
    """Bring a clip to a loudness, then limit its true peaks; silence stays silence."""
    loudness = integrated_loudness_lufs(clip)
    if loudness <= SILENCE_LUFS:
        return clip
    louder = AudioClip(gain_db(clip.samples, target_lufs - loudness), clip.sample_rate_hz)
    return limit_true_peak(louder, ceiling_db)
