"""Facial action units as ARKit weights, per side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import Side
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.resources import load_config

__all__ = ["GAZE_ACTIONS", "HEAD_ACTIONS", "Region", "action_weights", "is_shape", "region_of", "shape_actions"]

Region = Literal["brow", "eye", "nose", "cheek", "mouth", "chin_jaw", "head", "gaze"]

HEAD_ACTIONS = frozenset(range(51, 59))
GAZE_ACTIONS = frozenset(range(61, 65))


@cache
def _rows() -> Mapping[str, Mapping[str, float]]:
    rows: Mapping[str, Mapping[str, float]] = load_config("emotion/au_to_arkit.yaml")["au_to_arkit"]
    return rows


@cache
def _regions() -> Mapping[int, Region]:
    units = load_config("emotion/action_units.yaml")["action_units"]
    return {int(number): row["region"] for number, row in units.items()}


def shape_actions() -> tuple[int, ...]:
    """Action units that move shapes of the face or the eyes, in order."""
    return tuple(sorted({int(name.rstrip("LR")) for name in _rows()}))


def is_shape(action_unit: int) -> bool:
    """Whether an action unit is shown by ARKit shapes; head movements (51-58) and unknown numbers are not."""
    return action_unit in shape_actions()


def region_of(action_unit: int) -> Region:
    """Part of the face that an action unit belongs to.

    Raises:
        KeyError: No such action unit.
    """
    return _regions()[action_unit]


@cache
def _weights(action_unit: int, side: Side) -> NDArray[np.float32]:
    rows = _rows()
    sided = {"L": ("L",), "R": ("R",), "both": ("L", "R")}[side]
    result = np.zeros(len(ARKIT_NAMES), np.float32)
    plain = rows.get(str(action_unit), {})
    for name, weight in plain.items():
        if side == "both" or not name.endswith(("Left", "Right")) or name.endswith({"L": "Left", "R": "Right"}[side]):
            result[ARKIT_INDEX[name]] = weight
    for letter in sided:
        for name, weight in rows.get(f"{action_unit}{letter}", {}).items():
            result[ARKIT_INDEX[name]] = weight
    result.flags.writeable = False
    return result


def action_weights(action_unit: int, side: Side = "both") -> NDArray[np.float32]:
    """``(52,)`` ARKit weights of an action unit at full strength; all zero for head movements (51-58).

    Args:
        action_unit: FACS number.
        side: Subject's left or right moves the shapes of that side; shapes in the middle of the face belong to both.

    Returns:
        A read-only array.

    Raises:
        KeyError: An action unit that is neither shape nor head movement.
    """
    if action_unit not in HEAD_ACTIONS and not is_shape(action_unit):
        raise KeyError(action_unit)
    return _weights(action_unit, side)
