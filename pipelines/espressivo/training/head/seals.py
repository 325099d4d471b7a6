"""Make lids meet in a blink and lips stay shut in the shapes that keep the mouth shut."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import RBFInterpolator

from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import LIP_PAIRS
from espressivo.training.head.mesh import Float, HeadMesh, Int

__all__ = ["SHUT_SHAPES", "seal_lids", "seal_lips"]

SHUT_SHAPES = frozenset(
    {
        "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthLeft", "mouthPressLeft",
        "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    }
)  # fmt: skip
# Corners of the mouth, base of the nose, chin, cheeks: they keep what the shape gives them.
LIP_STILL = (78, 308, 61, 291, 2, 98, 327, 18, 83, 313, 50, 280, 205, 425, 152, 212, 432)
LIP_REACH, LID_REACH = 3.2, 2.2
# How far the upper lid's rim overlaps the lower one, down and towards the viewer, units.
LID_OVERLAP_Y, LID_OVERLAP_Z = 0.02, 0.05

# Upper rim, lower rim, and what stays: corners, crease, under the eye.
LID_UPPER = {"Left": (398, 384, 385, 386, 387, 388, 466), "Right": (173, 157, 158, 159, 160, 161, 246)}
LID_LOWER = {"Left": (382, 381, 380, 374, 373, 390, 249), "Right": (155, 154, 153, 145, 144, 163, 7)}
LID_STILL = {
    "Left": (362, 263, 413, 441, 442, 443, 444, 445, 342, 341, 256, 252, 253, 254, 339, 255, 359),
    "Right": (133, 33, 189, 221, 222, 223, 224, 225, 113, 112, 26, 22, 23, 24, 110, 25, 130),
}


def seal_lids(delta: Float, head: HeadMesh, marks: Int, side: str) -> Float:
    """A blink whose upper rim lands on the lower rim along its whole length, fading out towards the crease.

    Args:
        delta: ``(V, 3)`` the blink.
        head: The head.
        marks: ``(468,)`` vertex of each face point.
        side: ``"Left"`` or ``"Right"``.
    """
    upper, lower, still = (marks[list(ids[side])] for ids in (LID_UPPER, LID_LOWER, LID_STILL))
    moved = head.neutral + delta
    order = np.argsort(moved[lower, 0])
    line_y, line_z = (np.interp(moved[upper, 0], moved[lower, 0][order], moved[lower, axis][order]) for axis in (1, 2))
    wish = np.stack(
        [
            np.zeros(len(upper)),
            line_y - LID_OVERLAP_Y - moved[upper, 1],
            line_z + LID_OVERLAP_Z - moved[upper, 2],
        ],
        axis=1,
    )
    wishes = np.concatenate([wish, np.zeros((len(lower) + len(still), 3))])
    return delta + _spread(head, np.concatenate([upper, lower, still]), wishes, np.concatenate([upper, lower]), LID_REACH)


def seal_lips(delta: Float, head: HeadMesh, marks: Int) -> Float:
    """Take back what a shape opens between the lips: the source's lips at rest are not the target's."""
    upper, lower = (marks[list(ids)] for ids in zip(*LIP_PAIRS, strict=True))
    gap = np.clip(delta[upper, 1] - delta[lower, 1], 0, None)
    still = marks[list(LIP_STILL)]
    wishes = np.zeros((2 * len(gap) + len(still), 3))
    wishes[: len(gap), 1], wishes[len(gap) : 2 * len(gap), 1] = -gap / 2, gap / 2
    return delta + _spread(head, np.concatenate([upper, lower, still]), wishes, upper, LIP_REACH)


def _spread(head: HeadMesh, places: Int, wishes: Float, middle: Int, reach: float) -> Float:
    """Displacements wished at some vertices, interpolated over the skin around them, zero beyond the reach."""
    places, first = np.unique(places, return_index=True)
    near = np.linalg.norm(head.neutral - head.neutral[middle].mean(axis=0), axis=1) < reach
    near &= head.tissue == Tissue.SKIN
    field = np.zeros_like(head.neutral)
    field[near] = RBFInterpolator(head.neutral[places], wishes[first], kernel="linear")(head.neutral[near])
    return field
