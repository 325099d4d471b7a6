"""From the plan's action units to curves of the face: how an expression comes, stays alive, and goes.

Noise and asymmetry belong to the action unit and the seed, never to the rest of the plan: changing one action unit changes the
shapes of that action unit and no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import ActionTarget, EmotionPlan, Side
from espressivo.face.actions import action_weights, is_shape, region_of
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.curves import coloured_noise, movement
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = ["action_curves", "expression_curves"]

FloatArray = NDArray[np.float64]
CONFIG = "motion/nonverbal.yaml"


def expression_curves(plan: EmotionPlan, times_s: FloatArray, *, seed: int, gain: float = 1.0) -> NDArray[np.float32]:
    """The plan's action units as ARKit weights.

    Args:
        plan: What is shown when.
        times_s: ``(T,)`` moments, evenly spaced, on the plan's clock.
        seed: Decides noise and asymmetry.
        gain: Multiplies every level.

    Returns:
        ``(T, 52)`` in 0-1. Where several action units move one shape, what each leaves free of the range is multiplied
        (``1 - prod(1 - w)``), so that none has to be cut off.
    """
    free = np.ones((len(times_s), len(ARKIT_NAMES)))
    for action_unit, sides in action_curves(plan, times_s, seed=seed).items():
        for side, curve in sides.items():
            weights = action_weights(action_unit, side)
            moved = np.flatnonzero(weights)
            free[:, moved] *= 1.0 - np.clip(gain * curve[:, None] * weights[moved], 0.0, 1.0)
    return (1.0 - free).astype(np.float32)


def action_curves(plan: EmotionPlan, times_s: FloatArray, *, seed: int) -> dict[int, dict[Side, FloatArray]]:
    """``(T,)`` strength of every action unit of the face that the plan uses, for the left and the right side.

    A side's curve holds noise and asymmetry; overlapping movements of one action unit give the stronger of them.
    """
    targets: dict[int, list[ActionTarget]] = defaultdict(list)
    for segment in plan.segments:
        for action in segment.actions:
            if is_shape(action.action_unit):
                targets[action.action_unit].append(action)
    noise = _channel_noise(len(times_s), _step(times_s), seed)
    return {unit: _sides(unit, targets[unit], times_s, noise, seed) for unit in sorted(targets)}


def _step(times_s: FloatArray) -> float:
    return float(times_s[1] - times_s[0]) if len(times_s) > 1 else 0.04


def _sides(
    unit: int, actions: Iterable[ActionTarget], times_s: FloatArray, noise: Mapping[str, FloatArray], seed: int
) -> dict[Side, FloatArray]:
    settings = load_config(CONFIG)["expression"]
    actions = tuple(actions)
    region = region_of(unit)
    held = 1.0 + settings["hold_sd"].get(region, 0.0) * noise[settings["channel_of_action_unit"].get(unit, "jaw")]
    generator = numpy_generator(seed, "expression", "asymmetry", str(unit))
    bias = generator.normal(0.0, settings["asymmetry_sd"].get(region, 0.0))
    drift = settings["asymmetry_drift_sd"] * coloured_noise(
        generator, (len(times_s),), _step(times_s), settings["asymmetry_tau_s"], settings["hold_cutoff_hz"]
    )
    tilt = np.clip(bias + drift, -0.25, 0.25) if region in settings["asymmetry_sd"] else np.zeros(len(times_s))
    curves: dict[Side, FloatArray] = {}
    if np.any(action_weights(unit, "L") != action_weights(unit, "R")):
        signs: tuple[tuple[Side, float], ...] = (("L", 1.0), ("R", -1.0))
        for side, sign in signs:
            curves[side] = _envelope(actions, side, times_s) * held * (1.0 + sign * tilt)
    else:
        curves["both"] = _envelope(actions, "both", times_s) * held
    return {side: np.clip(curve, 0.0, 1.0) for side, curve in curves.items() if curve.any()}


def _envelope(actions: Iterable[ActionTarget], side: Side, times_s: FloatArray) -> FloatArray:
    share = float(load_config(CONFIG)["expression"]["minimum_jerk_share"])
    curve = np.zeros(len(times_s))
    for action in actions:
        if side != "both" and action.side not in ("both", side):
            continue
        first, last = np.searchsorted(times_s, [action.start_s, action.end_s])
        piece = movement(times_s[first:last], action.start_s, action.onset_s, action.apex_s, action.offset_s, share)
        curve[first:last] = np.maximum(curve[first:last], action.level * piece)
    return curve


@cache
def _mixing() -> tuple[tuple[str, ...], FloatArray]:
    """Names of the noise channels and the Cholesky factor of their correlation, shrunk and made positive definite."""
    settings = load_config(CONFIG)["expression"]
    names = tuple(settings["channels"])
    correlation = np.eye(len(names))
    for row, values in enumerate(settings["correlation_x10"], start=1):
        for column, value in enumerate(values):
            correlation[row, column] = correlation[column, row] = settings["correlation_shrink"] * value / 10.0
    values, vectors = np.linalg.eigh(correlation)
    repaired = vectors @ np.diag(np.maximum(values, 0.02)) @ vectors.T
    scale = np.sqrt(np.diag(repaired))
    return names, np.linalg.cholesky(repaired / np.outer(scale, scale))


def _channel_noise(frames: int, step_s: float, seed: int) -> dict[str, FloatArray]:
    """Noise that neighbouring muscles share: one unit-variance curve for each channel."""
    settings = load_config(CONFIG)["expression"]
    names, factor = _mixing()
    generator = numpy_generator(seed, "expression", "holds")
    noise = coloured_noise(generator, (frames, len(names)), step_s, settings["hold_tau_s"], settings["hold_cutoff_hz"])
    mixed = np.clip(noise @ factor.T, -2.5, 2.5)
    return {name: mixed[:, index] for index, name in enumerate(names)}
