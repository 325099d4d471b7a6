"""Read a performance off a clip of the person in a portrait: the portrait's own head, fitted frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.landmark_groups import FACE_OVAL, NUM_MESH_LANDMARKS
from espressivo.face.landmarks import FaceLandmarks
from espressivo.face.pose import rotation_angles
from espressivo.face.track import FacialActionTrack
from espressivo.render.fitting import DEPTH_WEIGHT, MAX_WEIGHT, OVAL_WEIGHT, PIVOT, HeadFit, weighted_similarity
from espressivo.render.own_expression import GIVES_WAY

__all__ = ["track_performance"]

ROUNDS: Final = 4
RIDGE: Final = 0.4
SLACK: Final = 1e-6
# The mesh says nothing of where the eyes look; the landmarker's own reading does.
GAZE: Final = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])
# Rotation and translation that a track may hold.
MAX_ROTATION_RAD: Final = 1.0
MAX_TRANSLATION: Final = 1.0

Floats = NDArray[np.float64]


def track_performance(fit: HeadFit, faces: Sequence[FaceLandmarks], fps: Fraction) -> FacialActionTrack:
    """Weights and pose relative to the portrait.

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
    rest = head.landmarks(fit.shape).astype(np.float64)
    posed = head.landmarks(fit.project(fit.vertices(fit.own_expression)))
    residual = fit.landmarks[:NUM_MESH_LANDMARKS] - posed[:, :2] + _at_landmarks(fit)
    weight = np.ones(NUM_MESH_LANDMARKS)
    weight[list(FACE_OVAL)] = OVAL_WEIGHT
    axes = np.array([1, 1, DEPTH_WEIGHT]) * np.sqrt(weight)[:, None]
    basis = head.landmark_expression.astype(np.float64)
    steady = weight * _steadiness(basis)
    own = fit.own_expression.astype(np.float64)
    gaze = faces[0].blendshapes
    weights, rotations, translations = [], [], []
    for face in faces:
        target = face.points[:NUM_MESH_LANDMARKS].astype(np.float64) * [1, -1, 1]
        target[:, :2] -= residual * [1, -1]
        total, rotation, scale, shift = _solve(rest, basis, own, target, steady, axes)
        asked = np.clip((total - own) / np.maximum(fit.gain - GIVES_WAY * own, 0.1), 0, 1)
        asked[GAZE] = np.clip(face.blendshapes[GAZE] - gaze[GAZE], 0, 1)
        weights.append(asked)
        rotations.append(rotation_angles(fit.rotation.T @ rotation))
        pivot = scale * rotation @ PIVOT + shift - (fit.scale * fit.rotation @ PIVOT + fit.shift)
        translations.append((pivot[0], pivot[1], 0.0))
    moved = np.array(translations) / (fit.scale * head.face_height)
    return FacialActionTrack(
        np.array(weights, np.float32),
        np.clip(np.array(rotations, np.float32), -MAX_ROTATION_RAD, MAX_ROTATION_RAD),
        np.clip(moved, -MAX_TRANSLATION, MAX_TRANSLATION).astype(np.float32),
        fps,
    )


def _steadiness(basis: Floats) -> Floats:
    """``(468,)`` weight of the face points in the pose: what expressions move says little of how the head stands."""
    mobility = np.sqrt((basis**2).sum(axis=(0, 2)))
    steadiness: Floats = 1 / (1 + (mobility / (0.5 * np.median(mobility))) ** 2) ** 2
    return steadiness


def _at_landmarks(fit: HeadFit) -> NDArray[np.float32]:
    """The residual field at the face points: what projection adds and the model must not explain."""
    head = fit.head
    field: NDArray[np.float32] = (fit.residual[head.landmark_vertices] * head.landmark_weights[:, :, None]).sum(axis=1)
    return field


def _solve(
    rest: Floats, basis: Floats, own: Floats, target: Floats, steady: Floats, axes: Floats
) -> tuple[Floats, Floats, float, Floats]:
    """Alternate pose and expression; changes from the portrait's own expression are what costs."""
    total = own.copy()
    for _ in range(ROUNDS):
        scale, rotation, shift = weighted_similarity(rest + np.tensordot(total, basis, 1), target, steady)
        design = ((basis @ rotation.T) * axes).reshape(len(basis), -1).T
        now = rest + np.tensordot(own, basis, 1)
        left = ((target - (scale * now @ rotation.T + shift)) * axes / scale).reshape(-1)
        factor = np.linalg.cholesky(design.T @ design + RIDGE * np.eye(len(basis)))
        within = lsq_linear(factor.T, np.linalg.solve(factor, design.T @ left), bounds=(-own - SLACK, MAX_WEIGHT + SLACK - own))
        total = np.clip(own + within.x, 0, MAX_WEIGHT)
    return total, rotation, scale, shift
