"""Measures of motion: lips against sound, curves against captured ones, statistics of a living face."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.signal import welch

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.track import FacialActionTrack
from espressivo.motion.coarticulation import blended
from espressivo.motion.lip_geometry import lip_measure
from espressivo.motion.style import SpeakingStyle
from espressivo.motion.visemes import gestures
from espressivo.speech.phones import BILABIALS, Phone

__all__ = [
    "ORDINARY_STYLE",
    "aperture_cm",
    "articulatory_target_cm",
    "blink_times_s",
    "closures_hit",
    "correlation",
    "jerk_rms",
    "lag_s",
    "power_below",
    "r_squared",
    "sides_apart",
    "speed_percentile",
]

FloatArray = NDArray[np.float64]
CLOSED_SHARE = 0.1
LONGEST_LAG_S = 0.2
BLINK_LEVEL = 0.5
# The middle of the teacher's ranges; a target that belongs to nobody in particular.
ORDINARY_STYLE = SpeakingStyle(jaw_gain=1.1, lips_gain=1.05, rounding_gain=1.0, theta_per_s=26.0, look_ahead_slope=0.65)


def _times(track: FacialActionTrack) -> FloatArray:
    return (np.arange(len(track), dtype=np.float64) + 0.5) / float(track.fps)


def aperture_cm(weights: NDArray[np.floating]) -> FloatArray:
    """``(T,)`` how far the lips are apart; 0 where they touch."""
    return np.maximum(0.0, lip_measure(weights, "gap_cm"))


def articulatory_target_cm(phones: Sequence[Phone], track: FacialActionTrack) -> FloatArray:
    """``(T,)`` aperture of coarticulated targets of the phones, before any constraint, emotion or personal style."""
    sequence = gestures(phones, track.duration_s)
    return aperture_cm(blended(sequence, _times(track), ORDINARY_STYLE))


def closures_hit(track: FacialActionTrack, phones: Sequence[Phone]) -> list[float]:
    """For each p, b and m: 1 where the aperture falls under 10 % of the clip's 95th percentile within the phone, else 0."""
    aperture = aperture_cm(track.weights)
    limit = CLOSED_SHARE * float(np.percentile(aperture, 95))
    times_s, half_s = _times(track), 0.5 / float(track.fps)
    hits = []
    for phone in phones:
        if phone.label.upper() in BILABIALS:
            inside = (times_s >= phone.start_s - half_s) & (times_s <= phone.end_s + half_s)
            hits += [float(aperture[inside].min() < limit)] if inside.any() else []
    return hits


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's; 0 where one does not vary."""
    if first.std() < 1e-9 or second.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def lag_s(curve: FloatArray, target: FloatArray, fps: float) -> float:
    """By how much ``curve`` is later than ``target`` where they agree best, to a fraction of a frame."""
    most = int(LONGEST_LAG_S * fps)
    inner = slice(most, len(curve) - most)
    scores = np.array([correlation(np.roll(curve, -shift)[inner], target[inner]) for shift in range(-most, most + 1)])
    best = int(np.clip(scores.argmax(), 1, len(scores) - 2))
    before, top, after = scores[best - 1 : best + 2]
    curvature = before - 2.0 * top + after
    fraction = 0.5 * (before - after) / curvature if abs(curvature) > 1e-12 else 0.0
    return float((best - most + np.clip(fraction, -0.5, 0.5)) / fps)


def r_squared(truth: FloatArray, predicted: FloatArray) -> float:
    """Share of the variance of ``truth`` that is explained."""
    return float(1.0 - np.sum((truth - predicted) ** 2) / np.sum((truth - truth.mean()) ** 2))


def blink_times_s(track: FacialActionTrack) -> FloatArray:
    """Moments at which the lids cross half shut."""
    shut = 0.5 * (track.shape("eyeBlinkLeft") + track.shape("eyeBlinkRight")) > BLINK_LEVEL
    return np.flatnonzero(shut[1:] & ~shut[:-1]) / float(track.fps)


def power_below(curve: FloatArray, fps: float, cutoff_hz: float) -> float:
    """Share of a curve's power (without its mean) below a frequency."""
    frequencies, power = welch(curve - curve.mean(), fps, nperseg=min(len(curve), int(8 * fps)))
    return float(power[frequencies < cutoff_hz].sum() / max(1e-12, power.sum()))


def speed_percentile(curve: NDArray[np.floating], fps: Fraction, percentile: float) -> float:
    """Percentile of the speed of a curve, its unit per second."""
    return float(np.percentile(np.abs(np.diff(curve)) * float(fps), percentile))


def jerk_rms(curve: NDArray[np.floating], fps: Fraction) -> float:
    """Root mean square of the third derivative of a curve, its unit per cubed second."""
    return float(np.sqrt(np.mean((np.diff(curve, n=3) * float(fps) ** 3) ** 2)))


def sides_apart(weights: NDArray[np.floating], name: str) -> float:
    """How uneven the sides of a shape are in the mean of a clip, as a share: ``|L - R| / (L + R)``."""
    left, right = (float(weights[:, ARKIT_INDEX[f"{name}{side}"]].mean()) for side in ("Left", "Right"))
    return abs(left - right) / max(1e-6, left + right)
