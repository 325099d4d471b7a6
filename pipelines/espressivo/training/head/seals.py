"""Make lids meet in a blink and lips stay shut in the shapes that keep the mouth shut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter1d, maximum_filter, maximum_filter1d

from espressivo.face.head import Tissue
from espressivo.training.head.correspondence import Correspondence
from espressivo.training.head.mesh import Float, HeadMesh, Int, laplacian, smoothstep

__all__ = ["LIP_CLOSING", "LIP_ROUNDING", "Lips", "seal_lids"]

# How much of what a shape opens between the lips is taken back. The source's lips at rest are not the target's, and ARKit's
# shapes below leave the mouth shut; a sneer lifts the upper lip, but less than the source's.
LIP_CLOSING = {
    "cheekPuff": 1.0, "cheekSquintLeft": 1.0, "cheekSquintRight": 1.0, "jawForward": 1.0, "jawLeft": 1.0, "jawRight": 1.0,
    "mouthDimpleLeft": 1.0, "mouthDimpleRight": 1.0, "mouthFrownLeft": 1.0, "mouthFrownRight": 1.0, "mouthLeft": 1.0,
    "mouthPressLeft": 1.0, "mouthPressRight": 1.0, "mouthPucker": 1.0, "mouthRight": 1.0, "mouthRollLower": 1.0,
    "mouthRollUpper": 1.0, "mouthShrugLower": 1.0, "mouthShrugUpper": 0.8, "mouthSmileLeft": 0.9, "mouthSmileRight": 0.9,
    "mouthStretchLeft": 0.7, "mouthStretchRight": 0.7, "noseSneerLeft": 0.7, "noseSneerRight": 0.7,
}  # fmt: skip
# How often the lower lip is smoothed: the mesh's lips are coarse and end in a point where they are pulled down.
LIP_ROUNDING = {
    "jawOpen": 3, "mouthFunnel": 12, "mouthLowerDownLeft": 4, "mouthLowerDownRight": 4, "mouthPucker": 10,
}  # fmt: skip
CORNERS, MIDDLE = (78, 308), (13, 14)
LIP_DEPTH = 0.6  # of the lining that still belongs to the lips
COLUMN = 0.05
LIP_OVERLAP = 0.03
LIP_FADE = 1.1
TEETH_CELL, TEETH_CLEARANCE, MAX_PUSH = 0.15, 0.04, 0.4
CORNER_FADE = 0.35  # where the lips join there is nothing to close
NUM_SMOOTHINGS = 3
LID_REACH = 2.2
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


@dataclass(frozen=True)
class Lips:
    """The two lips of a head, seen from the front.

    Attributes:
        upper: Vertices of the upper lip, the skin above and its inner side.
        lower: Vertices of the lower lip, the skin below and its inner side.
        corners: ``(2,)`` vertices of the corners.
        neutral: ``(V, 3)`` the head at rest.
        smoothing: ``(V, V)`` mean over each vertex and its neighbours.
        samples: Per lip, corners ``(S, 3)`` and weights ``(S, 3)`` of points spread densely over it.
    """

    upper: Int
    lower: Int
    corners: Int
    neutral: Float
    samples: tuple[tuple[Int, Float], tuple[Int, Float]]
    smoothing: sparse.csr_matrix

    @classmethod
    def of(cls, head: HeadMesh, marks: Correspondence, mouth_depth: Float) -> Lips:
        """Split the skin around the mouth by what the jaw takes along."""
        corners, middle = marks.nearest[list(CORNERS)], marks.nearest[list(MIDDLE)]
        half_width = np.abs(head.neutral[corners, 0]).max()
        offset = head.neutral - head.neutral[middle].mean(axis=0)
        near = (np.abs(offset[:, 0]) < half_width + 0.5) & (np.abs(offset[:, 1]) < 2 * LIP_FADE) & (offset[:, 2] > -1.6)
        near &= (head.tissue == Tissue.SKIN) & (mouth_depth < LIP_DEPTH)
        drop = head.shape("jawOpen")[:, 1]
        falls = drop < 0.5 * drop[middle].min()
        upper, lower = near & ~falls, near & falls
        skin = head.triangles[head.triangle_tissue == Tissue.SKIN]
        samples = tuple(_dense(skin[lip[skin].all(axis=1)]) for lip in (upper, lower))
        graph, _ = laplacian(skin, len(head.neutral))
        smoothing = (sparse.eye(len(head.neutral)) - 0.5 * graph).tocsr()
        return cls(np.flatnonzero(upper), np.flatnonzero(lower), corners, head.neutral, (samples[0], samples[1]), smoothing)

    def gap(self, posed: Float) -> tuple[Float, Float, Float]:
        """Columns between the corners (x), the lowest point of the upper lip there and the highest of the lower one."""
        left, right = np.sort(posed[self.corners, 0])
        num_columns = max(3, int((right - left) / COLUMN))
        x = left + (np.arange(num_columns) + 0.5) * (right - left) / num_columns
        rims = []
        for (corners, weights), sign in zip(self.samples, (-1, 1), strict=True):
            point = (posed[corners] * weights[:, :, None]).sum(axis=1)
            column = np.floor((point[:, 0] - left) / (right - left) * num_columns).astype(int)
            inside = (column >= 0) & (column < num_columns)
            rim = np.full(num_columns, -np.inf)
            np.maximum.at(rim, column[inside], sign * point[inside, 1])
            known = np.isfinite(rim)
            rims.append(sign * np.interp(x, x[known], rim[known]))
        return x, rims[0], rims[1]

    def close(self, posed: Float, share: float = 1.0, num_rounds: int = 4) -> Float:
        """``(V, 3)`` the posed head with its lips brought together by a share of what parts them."""
        posed = posed.copy()
        for _ in range(num_rounds):
            x, upper_y, lower_y = self.gap(posed)
            parted = np.clip(upper_y - lower_y + LIP_OVERLAP, 0, None)
            parted *= smoothstep(np.minimum(x - x[0], x[-1] - x), 0.0, CORNER_FADE)
            pull = share * gaussian_filter1d(maximum_filter1d(parted, 3), 2.0, mode="constant") / 2
            move: Float = np.zeros(len(posed))
            for lip, rim, way in ((self.upper, upper_y, -1), (self.lower, lower_y, 1)):
                place = posed[lip]
                distance = np.abs(place[:, 1] - np.interp(place[:, 0], x, rim))
                weight = 1 - smoothstep(distance, 0.15, LIP_FADE)
                move[lip] = way * weight * np.interp(place[:, 0], x, pull, left=0, right=0)
            for _ in range(NUM_SMOOTHINGS):
                move = np.asarray(self.smoothing @ move)
            posed[:, 1] += move
            if share < 1:
                break
        return posed

    def clear_of(self, posed: Float, tissue: NDArray[np.uint8]) -> Float:
        """``(V, 3)`` the posed head with its lips pushed in front of the teeth and gums they would sink into."""
        posed = posed.copy()
        hard = posed[np.isin(tissue, (Tissue.TEETH, Tissue.GUM))]
        lips = np.concatenate([self.upper, self.lower])
        low = hard[:, :2].min(axis=0)
        cell = np.floor((hard[:, :2] - low) / TEETH_CELL).astype(int)
        front = np.full(cell.max(axis=0) + 1, -np.inf)
        np.maximum.at(front, (cell[:, 0], cell[:, 1]), hard[:, 2])
        front = maximum_filter(front, 3)
        for _ in range(3):
            place = np.floor((posed[lips, :2] - low) / TEETH_CELL).astype(int)
            inside = ((place >= 0) & (place < front.shape)).all(axis=1)
            at = np.clip(place, 0, np.array(front.shape) - 1)
            behind = np.where(inside, front[at[:, 0], at[:, 1]], -np.inf) + TEETH_CLEARANCE - posed[lips, 2]
            push: Float = np.zeros(len(posed))
            push[lips] = np.clip(behind, 0, MAX_PUSH)
            for _ in range(NUM_SMOOTHINGS):
                push = np.asarray(self.smoothing @ push)
            posed[:, 2] += push
        return posed

    def rounded(self, delta: Float, num_smoothings: int) -> Float:
        """``(V, 3)`` a displacement whose lower lip is an arc instead of a wedge; the corners keep theirs."""
        x, _, rim = self.gap(self.neutral)
        place = self.neutral[self.lower]
        near = 1 - smoothstep(np.abs(place[:, 1] - np.interp(place[:, 0], x, rim)), 0.4, 2 * LIP_FADE)
        weight = np.zeros(len(delta))
        weight[self.lower] = near * smoothstep(np.minimum(place[:, 0] - x[0], x[-1] - place[:, 0]), 0.0, CORNER_FADE)
        rounded = delta
        for _ in range(num_smoothings):
            rounded = np.asarray(self.smoothing @ rounded)
        return delta + weight[:, None] * (rounded - delta)

    def closed_shape(self, delta: Float, share: float) -> Float:
        """A displacement that parts the lips by that much less."""
        return self.close(self.neutral + delta, share) - self.neutral


def _dense(triangles: Int, density: int = 6) -> tuple[Int, Float]:
    grid = [(i, j, density - i - j) for i in range(density + 1) for j in range(density + 1 - i)]
    inside = np.array(grid) / density
    return np.repeat(triangles, len(inside), axis=0), np.tile(inside, (len(triangles), 1))


def _spread(head: HeadMesh, places: Int, wishes: Float, middle: Int, reach: float) -> Float:
    """Displacements wished at some vertices, interpolated over the skin around them, zero beyond the reach."""
    places, first = np.unique(places, return_index=True)
    near = np.linalg.norm(head.neutral - head.neutral[middle].mean(axis=0), axis=1) < reach
    near &= head.tissue == Tissue.SKIN
    field = np.zeros_like(head.neutral)
    field[near] = RBFInterpolator(head.neutral[places], wishes[first], kernel="linear")(head.neutral[near])
    return field
