"""Where skin folds, and under which action units.

Lines run over MediaPipe's landmarks; ``lerp`` points lie between two of them. Which muscle makes which fold: Ekman, Friesen and
Hager 2002 (FACS, appearance changes of AU 1, 2, 4, 6, 9, 10, 12, 15, 17); places, widths and depths were set by eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FOLDS", "Fold"]

NUM_SAMPLES: Final = 80
# A point of a line: a landmark, or (landmark, landmark, part of the way between them).
Point = int | tuple[int, int, float]


@dataclass(frozen=True)
class Fold:
    """A line along which the skin folds.

    Attributes:
        points: Landmarks that it runs through.
        driven_by: Share of each ARKIT shape in its depth; a name without side means the mean of both.
        depth: Darkening at full depth, part of the brightness.
        width: Half width, units of the head.
        wander: How far the line strays, units of the head; a straying line is also uneven in depth, and fainter on smooth skin.
        lit_side: Which flank catches the light: 1 the one to the right of the line's direction, -1 the other, 0 both.
    """

    points: tuple[Point, ...]
    driven_by: Mapping[str, float]
    depth: float
    width: float
    lit_side: int = 0
    wander: float = 0.0

    def waves(self, along: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How far the line strays, -1 to 1, and how deep it is, part of the whole; ``along`` 0-1; the same for every portrait."""
        first = self.points[0] if isinstance(self.points[0], int) else self.points[0][0] + 7 * self.points[0][2]
        phase = np.float64(first)
        stray = (np.sin(8.2 * along + phase) + 0.5 * np.sin(19.5 * along + 2.7 * phase)) / 1.5
        return stray * np.sin(np.pi * along), 0.68 + 0.32 * np.sin(14.5 * along + 1.9 * phase)

    def line(self, landmarks: NDArray[np.float32], scale: float) -> NDArray[np.float64]:
        """``(80, 2)`` pixels along the line, smooth; ``scale`` is pixels per unit."""
        marks = np.array([_place(landmarks, point) for point in self.points], np.float64)
        if len(marks) == 1:
            marks = marks + np.array([[-0.1, 0], [0.1, 0]]) * scale
        length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(marks, axis=0), axis=1))])
        t = np.linspace(0, length[-1], NUM_SAMPLES)
        line = np.stack([np.interp(t, length, marks[:, k]) for k in range(2)], axis=-1)
        for _ in range(40 if len(marks) > 2 else 0):
            line[1:-1] = 0.5 * line[1:-1] + 0.25 * (line[:-2] + line[2:])
        line[:, 1] += self.wander * scale * self.waves(np.linspace(0, 1, NUM_SAMPLES))[0]
        return line


def _place(landmarks: NDArray[np.float32], point: Point) -> NDArray[np.float32]:
    if isinstance(point, int):
        place: NDArray[np.float32] = landmarks[point]
        return place
    first, second, part = point
    between: NDArray[np.float32] = landmarks[first] + np.float32(part) * (landmarks[second] - landmarks[first])
    return between


BROW_TOP = (70, 63, 105, 66, 107, 9, 336, 296, 334, 293, 300)
MID_FOREHEAD = (68, 68, 104, 69, 108, 151, 337, 299, 333, 298, 298)
FOREHEAD_WANDER: Final = 0.14
HAIR_LINE = (54, 103, 67, 109, 10, 10, 10, 338, 297, 332, 284)


def _forehead(rows: tuple[tuple[int, ...], tuple[int, ...]], part: float, first: int, last: int) -> tuple[Point, ...]:
    lower, upper = rows
    return tuple((lower[k], upper[k], part) for k in range(first, last + 1))


def _forehead_folds() -> list[Fold]:
    """Three lines; their middle rises with the inner brows, their sides with the outer brows."""
    folds = []
    for rows, part in (((BROW_TOP, MID_FOREHEAD), 0.62), ((BROW_TOP, MID_FOREHEAD), 1.0), ((MID_FOREHEAD, HAIR_LINE), 0.38)):
        folds += [
            Fold(_forehead(rows, part, 2, 8), {"browInnerUp": 0.75, "browOuterUp": 0.35}, 0.15, 0.10, 1, FOREHEAD_WANDER),
            Fold(_forehead(rows, part, 0, 4), {"browOuterUpRight": 0.9}, 0.10, 0.10, 1, FOREHEAD_WANDER),
            Fold(_forehead(rows, part, 6, 10), {"browOuterUpLeft": 0.9}, 0.10, 0.10, 1, FOREHEAD_WANDER),
        ]
    return folds


def _side_folds(side: str, lit: int, m: Mapping[str, int]) -> list[Fold]:
    """Folds of one side; ``m`` names its landmarks."""
    smile = {f"mouthSmile{side}": 0.75, f"cheekSquint{side}": 0.3, f"noseSneer{side}": 0.55, f"mouthUpperUp{side}": 0.35}
    squint = {f"cheekSquint{side}": 0.8, f"eyeSquint{side}": 0.35, f"mouthSmile{side}": 0.15}
    corner = m["eye_corner"]
    return [
        # Between the brows.
        Fold(((m["brow_inner_top"], 9, 0.42), (m["brow_inner"], 8, 0.5)), {f"browDown{side}": 0.9}, 0.2, 0.11),
        # From the wing of the nose past the corner of the mouth.
        Fold((m["nose_wing"], m["fold_1"], *_beside_mouth(m)), smile, 0.15, 0.26, lit),
        # Crow's feet.
        *(
            Fold(((corner, m["temple"], 0.22), (corner, end, part)), squint, 0.12, 0.055)
            for end, part in ((m["temple_up"], 0.62), (m["temple"], 0.72), (m["temple_down"], 0.72))
        ),
        # Below the eye.
        Fold((m["under_1"], m["under_2"], m["under_3"], m["under_4"]), squint, 0.11, 0.11, 1),
        # Beside the root of the nose.
        Fold(((6, m["eye_inner"], 0.25), (197, m["nose_side"], 0.55)), {f"noseSneer{side}": 1.0}, 0.11, 0.06),
        # Down from the corner of the mouth.
        Fold((m["lip_corner"], m["marionette"]), {f"mouthFrown{side}": 0.9}, 0.09, 0.10, -lit),
    ]


def _beside_mouth(m: Mapping[str, int]) -> tuple[Point, ...]:
    corner = m["lip_corner"]
    return (m["fold_2"], m["fold_3"], 0.15), (m["fold_3"], corner, 0.4), (m["fold_4"], corner, 0.45)


RIGHT_MARKS = {
    "brow_inner_top": 107, "brow_inner": 55, "nose_wing": 129, "fold_1": 203, "fold_2": 206, "fold_3": 216, "fold_4": 212,
    "eye_corner": 33, "temple": 127, "temple_up": 139, "temple_down": 234, "under_1": 232, "under_2": 231, "under_3": 230,
    "under_4": 229, "eye_inner": 133, "nose_side": 114, "lip_corner": 61, "marionette": 106,
}  # fmt: skip
LEFT_MARKS = {
    "brow_inner_top": 336, "brow_inner": 285, "nose_wing": 358, "fold_1": 423, "fold_2": 426, "fold_3": 436, "fold_4": 432,
    "eye_corner": 263, "temple": 356, "temple_up": 368, "temple_down": 454, "under_1": 452, "under_2": 451, "under_3": 450,
    "under_4": 449, "eye_inner": 362, "nose_side": 343, "lip_corner": 291, "marionette": 335,
}  # fmt: skip
CHIN = Fold(
    (204, (201, 18, 0.4), (200, 18, 0.55), (421, 18, 0.4), 424),
    {"mouthShrugLower": 0.8, "mouthFrown": 0.35, "mouthPress": 0.2},
    0.10,
    0.14,
    1,
)

FOLDS: Final = (*_forehead_folds(), *_side_folds("Right", 1, RIGHT_MARKS), *_side_folds("Left", -1, LEFT_MARKS), CHIN)
