"""Mouth targets blended into movement: every sound pulls jaw and lips towards its own target, near it most.

Dominance functions after Cohen & Massaro (1993), lips looking ahead after Pelachaud, Badler & Steedman (1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.motion.style import SpeakingStyle
from espressivo.motion.visemes import CONFIG, Gesture
from espressivo.resources import load_config

__all__ = ["ArticulationGains", "blended", "targets_with_look_ahead"]

FloatArray = NDArray[np.float64]
GRID_HZ = 200.0
BLOCK_S = 8.0
REACH_S = 1.0
# Shapes that a neighbour's vowel lends to consonants without a lip shape of their own.
LENT_SHAPES = ("mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile")


@dataclass(frozen=True, slots=True)
class ArticulationGains:
    """``(G,)`` factors for each gesture, from loudness, rate, stress and arousal; 1 is an ordinary voice."""

    jaw: FloatArray
    lips: FloatArray
    theta: FloatArray

    @classmethod
    def ordinary(cls, count: int) -> ArticulationGains:
        """No change."""
        return cls(np.ones(count), np.ones(count), np.ones(count))


@cache
def _columns(*names: str) -> NDArray[np.intp]:
    return np.array([ARKIT_INDEX[side] for name in names for side in expand_sides(name)], dtype=np.intp)


@cache
def _articulator_of_shape() -> NDArray[np.int8]:
    """``(52,)`` 0 jaw, 1 lips, 2 tongue."""
    kinds = np.ones(len(ARKIT_NAMES), np.int8)
    kinds[ARKIT_INDEX["jawOpen"]] = 0
    kinds[ARKIT_INDEX["tongueOut"]] = 2
    return kinds


def targets_with_look_ahead(sequence: Sequence[Gesture], style: SpeakingStyle) -> FloatArray:
    """``(G, 52)`` targets; consonants without a lip shape take the lips of the vowel they lead to, else of the one before.

    Args:
        sequence: Gestures in order.
        style: Speaker's habits.
    """
    settings = load_config(CONFIG)["look_ahead"]
    lent = _columns(*LENT_SHAPES)
    targets = np.stack([gesture.viseme.target for gesture in sequence])
    shapeless = [
        gesture.viseme.lips_dominance <= settings["shapeless_dominance"] and gesture.viseme.kind != "rest" for gesture in sequence
    ]
    following: int | None = None
    for index in range(len(sequence) - 1, -1, -1):
        gesture = sequence[index]
        if not shapeless[index]:
            following = index if gesture.vowel or gesture.viseme.kind.startswith("rounded") else None
            continue
        if following is None:
            continue
        between = sequence[following].start_s - gesture.end_s
        reach = min(settings["longest_s"], settings["base_s"] + style.look_ahead_slope * max(0.0, between))
        if sequence[following].centre_s - gesture.centre_s <= reach + 0.5 * sequence[following].duration_s:
            targets[index, lent] = sequence[following].viseme.target[lent]
        elif index and not shapeless[index - 1]:
            targets[index, lent] = 0.6 * sequence[index - 1].viseme.target[lent]
    copies = [index for index, gesture in enumerate(sequence[:-1]) if gesture.viseme.kind == "copy_next"]
    for index in copies:
        targets[index] = 0.5 * targets[index] + 0.5 * targets[index + 1]
    return targets


def _scaled(targets: FloatArray, sequence: Sequence[Gesture], style: SpeakingStyle, gains: ArticulationGains) -> FloatArray:
    """Targets made larger or smaller; closing shapes and the jaw of consonants keep their size."""
    stress = load_config(CONFIG)["coarticulation"]["stress_gain"]
    jaw, rounding, lips = (
        _columns("jawOpen"),
        _columns("mouthPucker", "mouthFunnel"),
        _columns("mouthStretch", "mouthLowerDown", "mouthUpperUp"),
    )
    scaled = targets.copy()
    for index, gesture in enumerate(sequence):
        jaw_stress, lips_stress = stress[str(gesture.stress)] if gesture.vowel else (1.0, 1.0)
        if gesture.vowel:
            scaled[index, jaw] *= style.jaw_gain * jaw_stress * gains.jaw[index]
        lips_gain = style.lips_gain * lips_stress * gains.lips[index]
        scaled[index, lips] *= lips_gain
        scaled[index, rounding] *= style.rounding_gain * lips_gain
    knee, most = load_config(CONFIG)["gains"]["jaw_knee"]
    beyond = np.maximum(0.0, scaled[:, jaw] - knee) / (most - knee)
    scaled[:, jaw] = np.minimum(scaled[:, jaw], knee) + (most - knee) * -np.expm1(-beyond)
    return np.clip(scaled, 0.0, 1.0)


def _dominance(
    times_s: FloatArray, sequence: Sequence[Gesture], alpha: FloatArray, before: FloatArray, after: FloatArray
) -> FloatArray:
    """``(S, G)`` pull of each gesture at each moment: ``alpha exp(-(theta d)^c)`` with d the distance to its plateau."""
    settings = load_config(CONFIG)["coarticulation"]
    centre = np.array([gesture.centre_s for gesture in sequence])
    half = np.array([gesture.duration_s / 2.0 for gesture in sequence])
    plateau = half - np.minimum(half / 2.0, settings["longest_plateau_margin_s"])
    offset = times_s[:, None] - centre
    distance = np.maximum(0.0, np.abs(offset) - plateau)
    theta = np.where(offset < 0.0, before, after)
    return np.asarray(alpha * np.exp(-np.minimum((theta * distance) ** settings["power"], 600.0)))


def _block(times_s: FloatArray, sequence: Sequence[Gesture], targets: FloatArray, theta: FloatArray) -> FloatArray:
    """``(S, 52)`` blend of the gestures that reach into a block."""
    settings = load_config(CONFIG)["coarticulation"]
    factor, tongue = settings["theta_factor"], settings["tongue"]
    jaw_alpha = np.array([gesture.viseme.jaw_dominance for gesture in sequence])
    lips_alpha = np.array([gesture.viseme.lips_dominance for gesture in sequence])
    pulls = (
        _dominance(times_s, sequence, jaw_alpha, theta * factor["jaw_before"], theta * factor["jaw_after"]),
        _dominance(times_s, sequence, lips_alpha, theta * factor["lips_before"], theta * factor["lips_after"]),
        _dominance(
            times_s, sequence, np.full(len(sequence), tongue["dominance"]), *(np.full(len(sequence), tongue["theta_per_s"]),) * 2
        ),
    )
    kinds = _articulator_of_shape()
    result = np.zeros((len(times_s), len(ARKIT_NAMES)))
    for kind, pull in enumerate(pulls):
        shapes = np.flatnonzero((kinds == kind) & targets.any(axis=0))
        if len(shapes):
            result[:, shapes] = pull @ targets[:, shapes] / pull.sum(axis=1, keepdims=True)
    return result


def blended(
    sequence: Sequence[Gesture], times_s: FloatArray, style: SpeakingStyle, gains: ArticulationGains | None = None
) -> FloatArray:
    """Movement of the mouth before any hard constraint.

    Args:
        sequence: Gestures that tile the recording.
        times_s: ``(T,)`` moments in increasing order.
        style: Speaker's habits.
        gains: Louder, faster, stressed; ordinary when ``None``.

    Returns:
        ``(T, 52)`` weights. Worked out at 200 Hz in blocks, smoothed (sd 20 ms), then sampled.
    """
    gains = gains or ArticulationGains.ordinary(len(sequence))
    targets = _scaled(targets_with_look_ahead(sequence, style), sequence, style, gains)
    theta = style.theta_per_s * gains.theta
    sigma = load_config(CONFIG)["coarticulation"]["smoothing_s"] * GRID_HZ
    starts = np.array([gesture.start_s for gesture in sequence])
    ends = np.array([gesture.end_s for gesture in sequence])
    result = np.zeros((len(times_s), len(ARKIT_NAMES)))
    margin = 0.1
    for block_s in np.arange(times_s[0], times_s[-1] + 1e-9, BLOCK_S):
        here = slice(*np.searchsorted(times_s, [block_s, block_s + BLOCK_S]))
        if here.start == here.stop:
            continue
        grid = np.arange(block_s - margin, min(block_s + BLOCK_S, times_s[-1]) + margin, 1.0 / GRID_HZ)
        near = slice(np.searchsorted(ends, grid[0] - REACH_S), np.searchsorted(starts, grid[-1] + REACH_S))
        curves = _block(grid, sequence[near], targets[near], theta[near])
        moving = np.flatnonzero(curves.any(axis=0))
        smooth = gaussian_filter1d(curves[:, moving], sigma, axis=0, mode="nearest")
        for column, shape in enumerate(moving):
            result[here, shape] = np.interp(times_s[here], grid, smooth[:, column])
    return result
