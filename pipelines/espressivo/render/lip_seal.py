"""Closing the lips of a portrait whose mouth is open: what its own expression does not explain of the gap between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import LIP_PAIRS, MOUTH_CORNERS
from espressivo.render.imaging import smoothstep

if TYPE_CHECKING:
    from espressivo.face.head import MorphableHead
    from espressivo.render.fitting import HeadFit

__all__ = ["jaw_shares", "lip_gaps", "lip_seal"]

Float = NDArray[np.float32]

# The lower lip does most of it; skin follows as far as this from the lips, units of the head. Engineering.
LOWER_SHARE: Final = 0.65
REACH: Final = (0.25, 1.7)
# Of what jawOpen does to the lower lip, how much a vertex must do to belong to it.
OF_JAW: Final = (0.2, 0.6)
MAX_GAP: Final = 1.2
OVERLAP: Final = 0.10


def lip_gaps(fit: HeadFit, points: Float) -> Float:
    """Distances between pairs of points of the inner lips, units of the head."""
    upper, lower = (fit.head.landmarks(points, side)[:, 1] for side in zip(*LIP_PAIRS, strict=True))
    gaps: Float = (lower - upper) / np.float32(fit.scale)
    return gaps


def jaw_shares(head: MorphableHead) -> tuple[Float, Float]:
    """How far the jaw carries the skin: part of what it does to the middle of the lower lip.

    Returns:
        ``(468,)`` for the landmarks, and ``(V,)`` for the vertices, there as a ramp 0-1 from the upper lip to the lower one.
    """
    jaw = ARKIT_INDEX["jawOpen"]
    marks, vertices = (np.linalg.norm(moves[jaw], axis=1) for moves in (head.landmark_expression, head.expression))
    at_lip = marks[LIP_PAIRS[3][1]]
    shares: Float = marks / at_lip
    return shares, smoothstep(vertices / at_lip, *OF_JAW)


def lip_seal(fit: HeadFit) -> Float:
    """``(V, 2)`` pixels that bring the lips together when nothing of the portrait's own expression is left."""
    head = fit.head
    gaps = np.clip(lip_gaps(fit, fit.project(fit.vertices(np.zeros_like(fit.own_expression)))), 0, MAX_GAP)
    gaps = gaps + OVERLAP * smoothstep(gaps, 0.0, OVERLAP)
    marks = head.landmarks(fit.shape)
    upper, lower = (marks[list(side)] for side in zip(*LIP_PAIRS, strict=True))
    middle = (upper + lower) / 2
    right, left = marks[list(MOUTH_CORNERS)]
    x = np.concatenate([[right[0]], middle[:, 0], [left[0]]])
    gap = np.interp(fit.shape[:, 0], x, np.concatenate([[0], gaps, [0]]), left=0, right=0)
    line = np.interp(fit.shape[:, 0], x, np.concatenate([[right[1]], middle[:, 1], [left[1]]]))
    _, is_lower = jaw_shares(head)
    near = 1 - smoothstep(np.abs(fit.shape[:, 1] - line), *REACH)
    rise = (LOWER_SHARE * is_lower - (1 - LOWER_SHARE) * (1 - is_lower)) * gap * near
    rise *= (head.tissue == Tissue.SKIN) & (fit.shape[:, 2] > middle[:, 2].min() - 2)
    up = fit.rotation[:2, 1] * np.array([1, -1], np.float32)
    seal: Float = (rise[:, None] * np.float32(fit.scale) * up).astype(np.float32)
    return seal
