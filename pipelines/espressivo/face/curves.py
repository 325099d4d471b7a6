"""Curves that living things make: movements without corners and noise without hiss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["coloured_noise", "minimum_jerk", "movement", "transition"]

FloatArray = NDArray[np.float64]


def minimum_jerk(progress: NDArray[np.floating]) -> FloatArray:
    """0 to 1 as the smoothest movement does (Flash & Hogan 1985): ``10 u^3 - 15 u^4 + 6 u^5``, clipped outside 0-1."""
    u = np.clip(np.asarray(progress, np.float64), 0.0, 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


def movement(
    times_s: FloatArray, start_s: float, onset_s: float, apex_s: float, offset_s: float, minimum_jerk_share: float = 1.0
) -> FloatArray:
    """``(T,)`` rise to 1, hold, fall to 0.

    Args:
        times_s: ``(T,)`` moments.
        start_s: Begin of the rise.
        onset_s: Duration of the rise.
        apex_s: Duration of the hold.
        offset_s: Duration of the fall.
        minimum_jerk_share: Part of the fall that follows a minimum-jerk curve, 0.4-0.8 with an exponential tail, 1 without.
    """
    rise = minimum_jerk((times_s - start_s) / onset_s)
    u = np.clip((times_s - (start_s + onset_s + apex_s)) / offset_s, 0.0, 1.0)
    if minimum_jerk_share >= 1.0:
        return rise * (1.0 - minimum_jerk(u))
    # Value and slope of the two pieces meet: the tail starts where the curve, stretched a little, has fallen most of the way.
    stretch = minimum_jerk_share + 0.25
    edge = np.array([minimum_jerk_share / stretch])
    level = 1.0 - float(minimum_jerk(edge)[0])
    slope = 30.0 * float((edge * (1.0 - edge))[0]) ** 2 / stretch
    rate = slope / level
    tail = level * np.exp(-rate * (u - minimum_jerk_share))
    end = level * np.exp(-rate * (1.0 - minimum_jerk_share))
    tail -= end * (u - minimum_jerk_share) / (1.0 - minimum_jerk_share)
    fall = np.where(u < minimum_jerk_share, 1.0 - minimum_jerk(u / stretch), tail)
    return np.asarray(rise * np.clip(fall, 0.0, 1.0))


def transition(times_s: FloatArray, knots: list[tuple[float, float, float]], initial: float) -> FloatArray:
    """``(T,)`` a value that moves from one level to the next.

    Args:
        times_s: ``(T,)`` moments.
        knots: ``(start_s, duration_s, level)`` of each move, in order of time.
        initial: Level before the first move.
    """
    result = np.full(len(times_s), initial)
    level = initial
    for start_s, duration_s, wanted in knots:
        first, last = np.searchsorted(times_s, [start_s, start_s + duration_s])
        result[first:last] += (wanted - level) * minimum_jerk((times_s[first:last] - start_s) / duration_s)
        result[last:] += wanted - level
        level = wanted
    return result


def coloured_noise(
    generator: np.random.Generator, shape: tuple[int, ...], step_s: float, tau_s: float, cutoff_hz: float
) -> FloatArray:
    """Ornstein-Uhlenbeck noise through a first-order low-pass, unit variance, along the first axis; starts in equilibrium.

    Args:
        generator: Source of randomness.
        shape: ``(T, ...)``.
        step_s: Seconds between samples.
        tau_s: Correlation time of the process.
        cutoff_hz: Corner of the low-pass.
    """
    warm_up = int(np.ceil(4.0 * tau_s / step_s))
    white = generator.standard_normal((warm_up + shape[0], *shape[1:]))
    keep = np.exp(-step_s / tau_s)
    smooth = np.exp(-2.0 * np.pi * cutoff_hz * step_s)
    # Variance of the cascade of two first-order filters driven by white noise of variance 1.
    poles = keep + smooth, keep * smooth
    variance = (1.0 + poles[1]) / ((1.0 - poles[1]) * ((1.0 + poles[1]) ** 2 - poles[0] ** 2))
    noise, last, before = np.empty_like(white), np.zeros(shape[1:]), np.zeros(shape[1:])
    for index, value in enumerate(white):
        last, before = value + (poles[0] * last - poles[1] * before), last
        noise[index] = last
    return np.asarray(noise[warm_up:] / np.sqrt(variance))
