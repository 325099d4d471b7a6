"""Where the lips are, in centimetres, as linear functions of ARKit weights (measured on a light-stage head)."""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.resources import load_config

__all__ = ["Measure", "coefficient", "lip_measure"]

Measure = Literal["gap_cm", "width_cm", "lower_lip_over_incisors_cm"]


@cache
def _linear(measure: Measure) -> tuple[float, NDArray[np.float64]]:
    row = load_config("motion/visemes.yaml")["geometry"][measure]
    coefficients = np.zeros(len(ARKIT_NAMES))
    for name, value in row.items():
        if name != "rest":
            sides = expand_sides(name)
            coefficients[[ARKIT_INDEX[side] for side in sides]] = value / len(sides)
    return float(row["rest"]), coefficients


def coefficient(measure: Measure, name: str) -> float:
    """Centimetres that a shape adds at weight 1, both sides together."""
    return float(load_config("motion/visemes.yaml")["geometry"][measure][name])


def lip_measure(weights: NDArray[np.floating], measure: Measure) -> NDArray[np.float64]:
    """A distance between lips, or between lip and teeth.

    Args:
        weights: ``(..., 52)`` ARKit weights.
        measure: ``"gap_cm"`` inner lip gap (below 0 the lips press), ``"width_cm"`` change of mouth width,
            ``"lower_lip_over_incisors_cm"`` height of the lower lip above the edge of the upper incisors.

    Returns:
        ``(...)`` centimetres for an interocular distance of 6.4 cm.
    """
    rest, coefficients = _linear(measure)
    return np.asarray(rest + np.asarray(weights, np.float64) @ coefficients)
