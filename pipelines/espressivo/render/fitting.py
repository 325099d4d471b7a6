"""Fit the morphable head to a portrait: pose, identity, the portrait's own expression, and what is left as a 2-D field."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.head import MorphableHead
from espressivo.face.landmark_groups import FACE_OVAL, LID_PAIRS, NUM_MESH_LANDMARKS, OUTER_LIPS
from espressivo.face.landmarks import FaceLandmarks
from espressivo.face.pose import rotation_matrix
from espressivo.render.lip_seal import jaw_shares, lip_seal
from espressivo.render.own_expression import given_way, hold_back, kept_of_own, mouth_released, smile_shown

__all__ = ["HeadFit", "RigidMotion", "ShapeFit", "fit_head", "fit_shape", "weighted_similarity"]

Float = NDArray[np.float32]

FIT_ROUNDS = 8
# The landmarker's depth is a guess of its own; it counts this much against x and y. The oval is not fixed to the skin: it
# slides along the silhouette.
DEPTH_WEIGHT = 0.3
OVAL_WEIGHT = 0.3
IDENTITY_RIDGE, EXPRESSION_RIDGE = 0.25, 3.2
RESIDUAL_SMOOTHING = 0.02
# Of what the jaw does to the middle of the lower lip it does this much to the corners of the mouth, which belong to both lips.
CORNER_OF_JAW = (0.27, 0.4)
# The head turns about the top of the neck, units of the head.
PIVOT = np.array([0.0, -2.0, -2.0], np.float32)
# Distance of the camera in face heights, for the growth of a head that moves nearer.
CAMERA_DISTANCE = 5.0
MAX_WEIGHT = 1.4
# A smile that is asked of a face that smiles already adds so much less to it.
SMILED_ALREADY = np.float32(0.5)
LID_OVERLAP = 0.10
BLINK_GAIN_RANGE = (0.5, 1.6)


@dataclass(frozen=True, eq=False)
class HeadFit:
    """A head that lies on a portrait.

    Attributes:
        head: The morphable head.
        shape: ``(V, 3)`` this person at rest, units of the head.
        eye_centres: ``(2, 3)`` centres of the eyeballs of this person.
        own_expression: ``(52,)`` what the portrait itself shows.
        shown: ``(52,)`` how far the portrait smiles to a reader of faces, 0-1: more than ``own_expression`` says, which leaves a
            part of every smile to the shape of the face.
        gain: ``(52,)`` factor of a track's weights for this person.
        rotation: ``(3, 3)`` head to camera.
        scale: Pixels per unit.
        shift: ``(3,)`` pixels (x right, y up, z towards the viewer).
        residual: ``(V, 2)`` pixels added after projection, so that the landmarks lie where they were found.
        seal: ``(V, 2)`` pixels that close the lips when the portrait's own expression has been taken away.
        landmarks: ``(478, 2)`` where they were found, pixels.
        mean_residual_px: Mean distance of landmarks before the residual field.
        own_share: 0-1, how much of the portrait's own expression stays under a track. At 0 a track says all that the face
            shows, and a track at rest no longer gives the photograph.
        sealed: 0-1, how far the lips are closed by the seal whatever a track does.
    """

    head: MorphableHead
    shape: Float
    eye_centres: Float
    own_expression: Float
    shown: Float
    gain: Float
    rotation: Float
    scale: float
    shift: Float
    residual: Float
    seal: Float
    landmarks: Float
    mean_residual_px: float
    own_share: float = 1.0
    sealed: float = 0.0

    def total_weights(self, weights: NDArray[np.floating]) -> Float:
        """A track's weights on top of what they leave of the portrait's own expression, ``(52,)``."""
        asked = hold_back(np.asarray(weights, np.float32))
        kept = kept_of_own(asked) * np.float32(self.own_share)
        new = asked * self.gain * (1 - SMILED_ALREADY * self.shown * kept)
        total: Float = np.clip(self.own_expression * kept * given_way(new) + new, 0, MAX_WEIGHT)
        return total

    def pose(self, weights: NDArray[np.floating], motion: RigidMotion | None = None) -> Float:
        """``(V, 3)`` pixels of the head under a track's ``(52,)`` weights."""
        asked = hold_back(np.asarray(weights, np.float32))
        points = self.project(self.vertices(self.total_weights(asked)), motion)
        points[:, :2] += (np.float32(self.sealed) + mouth_released(asked) * np.float32(self.own_share)) * self.seal
        return points

    def new_weights(self, weights: NDArray[np.floating]) -> Float:
        """What of a track's ``(52,)`` weights the photograph does not show already."""
        shown = (1 - self.own_share) * self.own_expression / self.gain
        new: Float = np.maximum(np.asarray(weights, np.float32) - shown, 0).astype(np.float32)
        return new

    @property
    def modelled_landmarks(self) -> Float:
        """``(468, 2)`` pixels where the model alone, without the residual field, puts the face points of the portrait."""
        vertices = self.vertices(self.own_expression)
        camera = self.head.landmarks(vertices @ (self.rotation.T * np.float32(self.scale)) + self.shift)
        modelled: Float = camera[:, :2] * np.array([1, -1], np.float32)
        return modelled

    def vertices(self, total_weights: NDArray[np.floating]) -> Float:
        """``(V, 3)`` in units of the head, before the head turns."""
        return self.head.express(self.shape, self.eye_centres, total_weights)

    def project(self, vertices: Float, motion: RigidMotion | None = None) -> Float:
        """``(V, 3)`` pixels: x right, y down, z towards the viewer."""
        camera = vertices @ (self.rotation.T * np.float32(self.scale)) + self.shift
        if motion is not None:
            camera = motion.apply(camera)
        camera[:, 1] *= -1
        camera[:, :2] += self.residual
        return camera

    def motion(self, head_rotation: NDArray[np.floating], head_translation: NDArray[np.floating]) -> RigidMotion:
        """How the head of a track moves in front of this portrait's camera.

        Args:
            head_rotation: ``(3,)`` pitch, yaw, roll, radians.
            head_translation: ``(3,)`` face heights.
        """
        turn = rotation_matrix(*(float(angle) for angle in head_rotation))
        rotation = (self.rotation @ turn @ self.rotation.T).astype(np.float32)
        pivot = (self.rotation @ PIVOT) * np.float32(self.scale) + self.shift
        height_px = self.scale * self.head.face_height
        zoom = CAMERA_DISTANCE / (CAMERA_DISTANCE - float(head_translation[2]))
        shift = np.array([head_translation[0] * height_px, head_translation[1] * height_px, 0], np.float32)
        return RigidMotion(rotation, pivot.astype(np.float32), shift, zoom)


@dataclass(frozen=True, eq=False)
class RigidMotion:
    """Turn about a pivot, grow and shift, in camera space (pixels; y up)."""

    rotation: Float
    pivot: Float
    shift: Float
    zoom: float

    def apply(self, points: Float) -> Float:
        """``(N, 3)`` moved points."""
        moved: Float = (points - self.pivot) @ (self.rotation.T * np.float32(self.zoom)) + (self.pivot + self.shift)
        return moved

    def undo(self, points: Float) -> Float:
        """Inverse of :meth:`apply`."""
        back: Float = (points - (self.pivot + self.shift)) @ (self.rotation / np.float32(self.zoom)) + self.pivot
        return back

    def depth_after(self, place: Float, depth: Float) -> Float:
        """Depth that points get by the motion when it was ``depth`` ``(...)`` and they are now seen at ``place`` ``(..., 2)``."""
        seen = place - (self.pivot + self.shift)[:2]
        before = (depth - self.pivot[2]) * np.float32(self.zoom)
        # x' = R v: solve the third row of v = R^T x' for the depth x'_z that gives v_z = before.
        after: Float = (before - seen @ self.rotation[:2, 2]) / self.rotation[2, 2] + self.pivot[2] + self.shift[2]
        return after

    @cached_property
    def is_rest(self) -> bool:
        """Whether nothing moves."""
        return bool(np.allclose(self.rotation, np.eye(3), atol=1e-6) and not self.shift.any() and self.zoom == 1)


def weighted_similarity(
    source: NDArray[np.floating], target: NDArray[np.floating], weight: NDArray[np.floating]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Scale s, rotation R, translation t with target = s R source + t, least squares (Umeyama 1991, eq. 40-42, weighted)."""
    weight = (weight / weight.sum())[:, None]
    mean_source, mean_target = (weight * source).sum(axis=0), (weight * target).sum(axis=0)
    a, b = source - mean_source, target - mean_target
    u, singular, vt = np.linalg.svd((b * weight).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    scale = float((singular * sign).sum() / (weight * a**2).sum())
    return scale, rotation, mean_target - scale * rotation @ mean_source


@dataclass(frozen=True, eq=False)
class ShapeFit:
    """A head that explains face points: ``(K,)`` identity, ``(52,)`` expression, and pose (pixels, y up)."""

    identity: Float
    expression: Float
    scale: float
    rotation: NDArray[np.float64]
    shift: NDArray[np.float64]


def fit_shape(head: MorphableHead, face: FaceLandmarks) -> ShapeFit:
    """Alternate pose (Umeyama) and shape (ridge regression) a few times."""
    num_modes = head.num_identity_modes
    target = face.points[:NUM_MESH_LANDMARKS].astype(np.float64) * [1, -1, 1]
    weight = np.ones(NUM_MESH_LANDMARKS)
    weight[list(FACE_OVAL)] = OVAL_WEIGHT
    basis = np.concatenate([head.landmark_identity, head.landmark_expression]).astype(np.float64)
    ridge = np.diag(np.repeat([IDENTITY_RIDGE, EXPRESSION_RIDGE], [num_modes, len(ARKIT_NAMES)]))
    axes = np.array([1, 1, DEPTH_WEIGHT]) * np.sqrt(weight)[:, None]
    base, x = head.landmark_base.astype(np.float64), np.zeros(len(basis))
    for _ in range(FIT_ROUNDS):
        scale, rotation, shift = weighted_similarity(base + np.tensordot(x, basis, 1), target, weight)
        design = ((basis @ rotation.T) * axes).reshape(len(basis), -1).T
        rest = ((target - (scale * base @ rotation.T + shift)) * axes / scale).reshape(-1)
        x = np.linalg.solve(design.T @ design + ridge, design.T @ rest)
        x[num_modes:] = np.clip(x[num_modes:], 0, 1)
    return ShapeFit(x[:num_modes].astype(np.float32), x[num_modes:].astype(np.float32), scale, rotation, shift)


def fit_head(head: MorphableHead, face: FaceLandmarks) -> HeadFit:
    """Find pose, identity and expression; then absorb what is left in a smooth 2-D field."""
    found = fit_shape(head, face)
    identity = found.identity
    shape = head.neutral + np.tensordot(identity, head.identity, 1)
    bare = HeadFit(
        head=head,
        shape=shape,
        eye_centres=head.eye_centres_of(identity),
        own_expression=found.expression,
        shown=smile_shown(face.blendshapes),
        gain=np.ones(len(ARKIT_NAMES), np.float32),
        rotation=found.rotation.astype(np.float32),
        scale=found.scale,
        shift=found.shift.astype(np.float32),
        residual=np.zeros((len(shape), 2), np.float32),
        seal=np.zeros((len(shape), 2), np.float32),
        landmarks=face.points[:, :2],
        mean_residual_px=0.0,
    )
    return _with_residual(bare)


def _with_residual(fit: HeadFit) -> HeadFit:
    points = fit.project(fit.vertices(fit.own_expression))
    left = fit.landmarks[:NUM_MESH_LANDMARKS] - fit.head.landmarks(points)[:, :2]
    residual = _spread_over_skin(fit, left)
    distance = float(np.linalg.norm(left, axis=1).mean())
    lying = replace(fit, residual=residual, mean_residual_px=distance)
    return replace(lying, gain=_blink_gain(lying), seal=lip_seal(lying))


def _spread_over_skin(fit: HeadFit, left: Float) -> Float:
    """``(V, 2)`` a smooth field through what is ``left`` ``(468, 2)`` at the landmarks.

    Upper and lower lip touch at rest and lie far apart in a laughing photograph: each follows its own landmarks alone.
    """
    places = fit.head.landmarks(fit.shape)
    marks_of_jaw, of_jaw = jaw_shares(fit.head)
    lips = places[list(OUTER_LIPS)]
    on_lips = ((places >= lips.min(axis=0)) & (places <= lips.max(axis=0)))[:, :2].all(axis=1)
    _, first = np.unique(places.round(4), axis=0, return_index=True)
    residual = np.zeros((len(fit.shape), 2), np.float32)
    for part, marks in ((1 - of_jaw, marks_of_jaw < CORNER_OF_JAW[1]), (of_jaw, marks_of_jaw > CORNER_OF_JAW[0])):
        known = first[(marks | ~on_lips)[first]]
        field = RBFInterpolator(places[known], left[known], smoothing=RESIDUAL_SMOOTHING, kernel="linear")
        moved = part > 0
        residual[moved] += part[moved, None] * field(fit.shape[moved]).astype(np.float32)
    return residual


def _blink_gain(fit: HeadFit) -> Float:
    """Scale each blink so that this person's lids just meet."""
    gain = np.ones(len(ARKIT_NAMES), np.float32)
    for name, pairs in zip(("eyeBlinkLeft", "eyeBlinkRight"), LID_PAIRS, strict=True):
        upper, lower = (list(points) for points in zip(*pairs, strict=True))
        gaps = []
        for weight in (0.0, 1.0):
            weights = fit.own_expression.copy()
            weights[ARKIT_INDEX[name]] = weight
            points = fit.head.landmarks(fit.project(fit.vertices(weights)))
            gaps.append(float((points[lower, 1] - points[upper, 1]).mean()) / fit.scale)
        closing = max(gaps[0] - gaps[1], 1e-3)
        gain[ARKIT_INDEX[name]] = np.clip((gaps[0] + LID_OVERLAP) / closing, *BLINK_GAIN_RANGE)
    return gain
