"""Where a mouth is open: the space between the inner lips, their line, and how far they are parted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.face.landmark_groups import INNER_LIPS, MOUTH_CORNERS
from espressivo.render.imaging import as_alpha, blur, dilate, fill_polygon, smoothstep
from espressivo.render.layers import Canvas

__all__ = ["LipOpening", "lip_opening", "mouth_width"]

Float = NDArray[np.float32]

STRICTLY_INSIDE = 0.05
# Lips touch at the corners of the mouth and part from there, units.
IN_THE_CORNER = (0.0, 0.28)
# Where they are apart by less, units, nothing is seen between them.
PARTED = (0.0, 0.1)


@dataclass(frozen=True, eq=False)
class LipOpening:
    """On a canvas, all 0-1.

    Attributes:
        strictly: ``(h, w)`` surely between the lips: all is inside the mouth.
        inside: ``(h, w)`` the same and a little beyond, and nothing further out: teeth may be long under a short lip.
        line: ``(h, w)`` the line of the inner lips alone, where they meet.
        parted: ``(w,)`` how far the lips are apart in each column.
    """

    strictly: Float
    inside: Float
    line: Float
    parted: Float


def lip_opening(canvas: Canvas, marks: Float, unit: float) -> LipOpening:
    """Where a mouth is open.

    Args:
        canvas: Where it is drawn.
        marks: ``(468, 3)`` face points.
        unit: Cells of the canvas in a unit of the head.
    """
    contour = canvas.cells(_not_crossed(_rounded(marks[list(INNER_LIPS)])))[:, :2]
    mask = fill_polygon((canvas.height, canvas.width), contour)
    soft = max(1.0, 0.03 * unit)
    narrower = 255 - dilate(255 - mask, 2 * round(STRICTLY_INSIDE * unit) + 1)
    wider = dilate(mask, 2 * int(0.06 * unit) + 3)
    ends = contour[0, 0], contour[len(contour) // 2, 0]
    column = np.arange(canvas.width, dtype=np.float32)
    inwards = np.minimum(column - min(ends), max(ends) - column) / np.float32(unit)
    parted = smoothstep(_gap(contour, column) / np.float32(unit), *PARTED)
    inside, line = (as_alpha(blur(grown, soft)) * smoothstep(inwards, *IN_THE_CORNER) for grown in (wider, dilate(mask, 3)))
    return LipOpening(as_alpha(blur(narrower, 1.5 * soft)), inside, line, parted)


def mouth_width(marks: Float) -> float:
    """Distance between the corners of the mouth among ``(468, 3)`` face points."""
    right, left = marks[list(MOUTH_CORNERS)]
    return float(np.linalg.norm(left - right))


def _gap(contour: Float, column: Float) -> Float:
    """``(w,)`` how far the lips are apart in each column."""
    half = len(contour) // 2
    sides = contour[: half + 1], np.concatenate([contour[half:], contour[:1]])
    lower, upper = (np.interp(column, *side[np.argsort(side[:, 0])].T) for side in sides)
    return (lower - upper).astype(np.float32)


def _rounded(contour: Float) -> Float:
    """A closed contour with its kinks taken off; the corners of the mouth stay."""
    corners = (0, len(contour) // 2)
    smooth = contour
    for _ in range(3):
        around = np.roll(smooth, 1, axis=0) + np.roll(smooth, -1, axis=0)
        smooth = 0.5 * smooth + 0.25 * around
        smooth[list(corners)] = contour[list(corners)]
    return smooth


def _not_crossed(contour: Float) -> Float:
    """The line of the inner lips, the lower lip never above the upper one."""
    half = len(contour) // 2
    upper = np.concatenate([contour[half:], contour[:1]])
    order = np.argsort(upper[:, 0])
    apart = contour.copy()
    apart[: half + 1, 1] = np.maximum(contour[: half + 1, 1], np.interp(contour[: half + 1, 0], upper[order, 0], upper[order, 1]))
    return apart
