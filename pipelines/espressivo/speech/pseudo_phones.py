"""Phones by ear alone, for sound that the recogniser cannot place: shape of the spectrum instead of a language.

Frames are sorted into closed, sibilant, close or open, spread or rounded by the energies of a few bands, and runs of equal
frames become phones. The result is coarse, yet lips close in the dips of loudness, hiss shows teeth, and dark vowels round.
"""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter, percentile_filter

from espressivo.speech.features import HOP_S, NUM_MELS, SAMPLE_RATE_HZ, SpeechFeatures
from espressivo.speech.phones import SILENCE, Phone

__all__ = ["pseudo_phones"]

DIP_DB = 12.0
SMOOTHING_FRAMES = 1.5
SHORTEST_FRAMES = 4
LEVEL_WINDOW_FRAMES = 80

_OPENNESS_STEPS = (-0.35, 0.45)
_SPREAD = ("IY", "EH", "AE")
_ROUND = ("UW", "OW0", "AO")
_PLAIN = ("IH", "AH", "AA")


def _band(log_mel: NDArray[np.float32], low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Power in dB between two frequencies."""
    top = 2595.0 * np.log10(1.0 + SAMPLE_RATE_HZ / 2 / 700.0)
    low, high = (2595.0 * np.log10(1.0 + hz / 700.0) / top * (NUM_MELS + 1) for hz in (low_hz, high_hz))
    power = np.exp(log_mel[:, int(low) : max(int(low) + 1, int(high))])
    level_db: NDArray[np.float32] = 10.0 * np.log10(power.sum(axis=1))
    return level_db


def _standardised(values: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    chosen = values[where]
    return (values - np.median(chosen)) / max(1.0, float(chosen.std()))


def pseudo_phones(features: SpeechFeatures) -> tuple[Phone, ...]:
    """Phones in English labels that look like what is heard; empty where nobody speaks."""
    vowel_like = features.voiced & features.speaking
    if vowel_like.sum() < 5:
        return ()
    log_mel = gaussian_filter1d(features.log_mel, SMOOTHING_FRAMES, axis=0)
    first, second = _band(log_mel, 450.0, 1_000.0), _band(log_mel, 1_400.0, 2_800.0)
    lowest, hiss, body = _band(log_mel, 100.0, 400.0), _band(log_mel, 3_800.0, 8_000.0), _band(log_mel, 100.0, 3_000.0)
    openness = _standardised(first - lowest, vowel_like)
    frontness = _standardised(second - first, vowel_like)
    labels = np.full(len(features), SILENCE, dtype=object)
    level = percentile_filter(body, 85, LEVEL_WINDOW_FRAMES, mode="nearest")
    for height, (spread, rounded, plain) in enumerate(zip(_SPREAD, _ROUND, _PLAIN, strict=True)):
        here = vowel_like & (np.digitize(openness, _OPENNESS_STEPS) == height)
        labels[here] = plain
        labels[here & (frontness > 0.5)] = spread
        labels[here & (frontness < -0.6)] = rounded
    speaking = features.speaking
    labels[speaking & ~features.voiced] = "T"
    labels[speaking & (body < level - DIP_DB)] = "B"
    labels[speaking & (hiss > body - 2.0) & (hiss > np.median(hiss[speaking]) + 6.0)] = "S"
    return _runs(labels)


def _runs(labels: NDArray[np.object_]) -> tuple[Phone, ...]:
    names = sorted(set(labels))
    codes = median_filter(np.array([names.index(label) for label in labels]), 3)
    phones: list[Phone] = []
    start = 0
    for code, run in groupby(codes.tolist()):
        length = sum(1 for _ in run)
        if names[code] != SILENCE:
            if length < SHORTEST_FRAMES and phones and phones[-1].end_s > (start - 0.5) * HOP_S:
                phones[-1] = Phone(phones[-1].label, phones[-1].start_s, (start + length) * HOP_S)
            else:
                phones.append(Phone(names[code], start * HOP_S, (start + length) * HOP_S))
        start += length
    return tuple(phones)
