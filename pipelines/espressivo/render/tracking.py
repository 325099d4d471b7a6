"""Follow a face through a clip: pose and expression of a known head, frame by frame.

Pose and expression are solved together (Gauss-Newton on both, the expression within its bounds): solved in turn, an opening jaw
drags the head along, since most face points move with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Final

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.head import MorphableHead
from espressivo.face.landmark_groups import FACE_OVAL, NUM_MESH_LANDMARKS
from espressivo.face.landmarks import FaceLandmarks
from espressivo.face.pose import rotation_angles
from espressivo.face.track import MAX_ROTATION_RAD, MAX_TRANSLATION, FacialActionTrack
from espressivo.render.fitting import CAMERA_DISTANCE, MAX_WEIGHT, OVAL_WEIGHT, PIVOT, HeadFit, weighted_similarity

__all__ = ["GAZE", "FaceTracker", "HeadState", "camera_points", "relative_pose", "track_performance"]

# The landmarker's depth wanders from frame to frame. Of .1, .3 and .6 on 19 clips .1 re-enacts best (25.7, 25.6 and 25.3 dB).
DEPTH_WEIGHT: Final = 0.1
ROUNDS: Final = 5
# Less reads more of a pucker of .7 (.2: .54, .31: .50, .4: .48, .8: .41) and lets more of the landmarks' noise in; 19 clips are
# re-enacted alike with .2 and .4.
RIDGE: Final = 0.31
SWEEPS: Final = 200
SETTLED: Final = 1e-5
NUM_SHAPES: Final = len(ARKIT_NAMES)
NUM_POSE: Final = 7  # turn, shift, scale
# The mesh says nothing of where the eyes look; the landmarker's own reading does.
GAZE: Final = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])

Floats = NDArray[np.float64]

_compiled = partial(numba.njit, nogil=True, cache=True)


@dataclass(frozen=True, eq=False)
class HeadState:
    """A head in one frame.

    Attributes:
        weights: ``(52,)`` what the face shows, own expression included.
        rotation: ``(3, 3)`` head to camera.
        scale: Pixels per unit.
        shift: ``(3,)`` pixels, y up.
    """

    weights: Floats
    rotation: Floats
    scale: float
    shift: Floats

    @property
    def pivot(self) -> Floats:
        """``(3,)`` where the neck holds the head, pixels, y up."""
        place: Floats = self.scale * self.rotation @ PIVOT + self.shift
        return place

    @classmethod
    def at(cls, weights: Floats, rotation: Floats, scale: float, pivot: Floats) -> HeadState:
        """The state whose neck holds the head at ``pivot`` ``(3,)``."""
        return cls(weights, rotation, scale, pivot - scale * rotation @ PIVOT)


class FaceTracker:
    """Finds one person's pose and expression in face points. Keeps nothing from call to call.

    Args:
        head: Gives the shapes.
        rest: ``(468, 3)`` face points of the person at rest, units of the head.
        usual: ``(52,)`` expression that costs nothing; departing from it does. Default: none.
    """

    def __init__(self, head: MorphableHead, rest: NDArray[np.floating], usual: NDArray[np.floating] | None = None) -> None:
        self._rest = rest.astype(np.float64)
        self._basis = head.landmark_expression.astype(np.float64)
        self._usual = np.zeros(NUM_SHAPES) if usual is None else usual.astype(np.float64)
        weight = np.ones(NUM_MESH_LANDMARKS)
        weight[list(FACE_OVAL)] = OVAL_WEIGHT
        self._axes = np.array([1, 1, DEPTH_WEIGHT]) * np.sqrt(weight)[:, None]
        self._steady = weight * _steadiness(self._basis)

    def find(self, points: Floats) -> HeadState:
        """The head that explains face points ``(468, 3)``: pixels, y up."""
        weights = self._usual.copy()
        scale, rotation, shift = weighted_similarity(self._posed(weights), points, self._steady)
        for _ in range(ROUNDS):
            weights, change = self._step(weights, scale, rotation, shift, points)
            rotation = cv2.Rodrigues(change[:3])[0] @ rotation
            shift = shift + scale * change[3:6]
            scale *= 1 + float(change[6])
        return HeadState(weights, rotation, scale, shift)

    def unexplained(self, points: Floats) -> Floats:
        """``(468, 3)`` units of the head: where face points lie beside the head that explains them best."""
        state = self.find(points)
        left: Floats = (points - state.shift) @ state.rotation / state.scale - self._posed(state.weights)
        return left

    def _posed(self, weights: Floats) -> Floats:
        posed: Floats = self._rest + np.tensordot(weights, self._basis, 1)
        return posed

    def _step(self, weights: Floats, scale: float, rotation: Floats, shift: Floats, points: Floats) -> tuple[Floats, Floats]:
        """Least squares around the present state: new weights, and the change of turn, shift and scale."""
        seen = self._posed(weights) @ rotation.T
        design = (
            np.concatenate([(self._basis @ rotation.T) * self._axes, _pose_basis(seen) * self._axes]).reshape(-1, points.size).T
        )
        left = ((points - shift) / scale - seen) * self._axes
        gram = design.T @ design
        start = np.concatenate([weights, np.zeros(NUM_POSE)])
        goal = design.T @ left.reshape(-1) + gram @ start
        shapes = np.arange(NUM_SHAPES)
        gram[shapes, shapes] += RIDGE
        goal[:NUM_SHAPES] += RIDGE * self._usual
        limit = np.full(NUM_POSE, np.inf)
        low = np.concatenate([np.zeros(NUM_SHAPES), -limit])
        high = np.concatenate([np.full(NUM_SHAPES, MAX_WEIGHT), limit])
        solved = _bounded_solve(gram, goal, low, high, start, SWEEPS)
        return solved[:NUM_SHAPES], solved[NUM_SHAPES:]


def _pose_basis(seen: Floats) -> Floats:
    """``(7, N, 3)`` how turned points ``(N, 3)`` answer to small turns, shifts and growth."""
    x, y, z = seen.T
    none, one = np.zeros_like(x), np.ones_like(x)
    turns = [np.stack(columns, axis=1) for columns in ((none, -z, y), (z, none, -x), (-y, x, none))]
    shifts = [np.stack(columns, axis=1) for columns in ((one, none, none), (none, one, none), (none, none, one))]
    return np.stack([*turns, *shifts, seen])


@_compiled()
def _bounded_solve(gram: Floats, goal: Floats, low: Floats, high: Floats, start: Floats, sweeps: int) -> Floats:
    """Minimum of ``x G x / 2 - g x`` within bounds, by projected coordinate descent (Friedman et al. 2010, section 2)."""
    x = start.copy()
    slope = goal - gram @ x
    for _ in range(sweeps):
        largest = 0.0
        for i in range(len(x)):
            moved = min(max(x[i] + slope[i] / gram[i, i], low[i]), high[i])
            step = moved - x[i]
            if step != 0.0:
                slope -= gram[i] * step
                x[i] = moved
                largest = max(largest, abs(step))
        if largest < SETTLED:
            break
    return x


def _steadiness(basis: Floats) -> Floats:
    """``(468,)`` weight of the face points in the first pose: what expressions move says little of how the head stands."""
    mobility = np.sqrt((basis**2).sum(axis=(0, 2)))
    steadiness: Floats = 1 / (1 + (mobility / (0.5 * np.median(mobility))) ** 2) ** 2
    return steadiness


def camera_points(face: FaceLandmarks) -> Floats:
    """``(468, 3)`` face points, pixels, y up."""
    return face.points[:NUM_MESH_LANDMARKS].astype(np.float64) * [1, -1, 1]


def track_performance(fit: HeadFit, faces: Sequence[FaceLandmarks], fps: Fraction) -> FacialActionTrack:
    """What a clip of the person in a portrait shows, so that the portrait can act it out again.

    The weights are what the face shows, not what changes: draw them on a portrait whose own expression gives way to them
    (``FittedPortrait.yielding``).

    Args:
        fit: The head on the portrait; the clip shows the same person at the same scale, its first frame or another picture.
        faces: Landmarks of each frame, pixels of the portrait's picture.
        fps: Frames a second.

    Raises:
        TrackError: ``track.shape`` when there is no frame, ``track.fps``.
    """
    if not faces:
        raise TrackError("track.shape", "no frame shows a face; give a clip in which the face can be seen")
    head = fit.head
    tracker = FaceTracker(head, head.landmarks(fit.shape), fit.own_expression)
    residual = _residual_at_landmarks(fit)
    start = HeadState(
        fit.own_expression.astype(np.float64), fit.rotation.astype(np.float64), fit.scale, fit.shift.astype(np.float64)
    )
    states = []
    for face in faces:
        points = camera_points(face)
        points[:, :2] -= residual
        states.append(tracker.find(points))
    weights = np.array([state.weights for state in states]) / np.maximum(fit.gain, 0.1)
    looks = np.array([face.blendshapes for face in faces])
    weights[:, GAZE] = fit.own_expression[GAZE] + looks[:, GAZE] - looks[0, GAZE]
    rotation, translation = relative_pose(states, start, head.face_height)
    return FacialActionTrack(
        np.clip(weights, 0, 1).astype(np.float32),
        np.clip(rotation, -MAX_ROTATION_RAD, MAX_ROTATION_RAD).astype(np.float32),
        np.clip(translation, -MAX_TRANSLATION, MAX_TRANSLATION).astype(np.float32),
        fps,
    )


def relative_pose(states: Sequence[HeadState], start: HeadState, face_height: float) -> tuple[Floats, Floats]:
    """``(T, 3)`` rotation and ``(T, 3)`` translation of a track, seen from another state of the head.

    Args:
        states: The head in each frame.
        start: The head at rest.
        face_height: Of the head, units.
    """
    rotation = np.array([rotation_angles(start.rotation.T @ state.rotation) for state in states])
    moved = np.array([state.pivot - start.pivot for state in states]) / (start.scale * face_height)
    # A head that looks larger has come nearer: the inverse of the zoom in HeadFit.motion.
    moved[:, 2] = [CAMERA_DISTANCE * (1 - start.scale / state.scale) for state in states]
    return rotation, moved


def _residual_at_landmarks(fit: HeadFit) -> Floats:
    """``(468, 2)`` pixels, y up: what the fit's model does not explain in the portrait, which it must not explain in a clip."""
    residual: Floats = (fit.landmarks[:NUM_MESH_LANDMARKS] - fit.modelled_landmarks).astype(np.float64) * [1, -1]
    return residual
