"""Learn who people are: the mean face and the identity modes that fit portraits, on the span of MakeHuman's targets.

MakeHuman's modelling targets say which faces are possible, not which are common. From the face points of portraits, each
seen as it is and mirrored, mean and covariance of the targets' weights are estimated by expectation maximisation (a factor
analysis whose loadings are known: Dempster, Laird and Rubin 1977); the principal axes of that covariance become the modes.
Their weights are then standard normal for the people in the portraits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.training.head.correspondence import Correspondence, mirror_landmarks
from espressivo.training.head.mesh import Float, HeadMesh, mirror_vertices, similarity

__all__ = ["learn_identity"]

NUM_SPAN, NUM_MODES = 120, 32
NUM_RESIDUAL_MODES = 16
NUM_ITERATIONS, NUM_POSE_ROUNDS = 5, 2
OVAL_TRUST, DEPTH_TRUST = 0.3, 0.3
# Variance of a face point (units squared) that the model does not explain, inflated because neighbours err together.
NOISE = 0.1
EXPRESSION_RIDGE = 3.2
RESIDUAL_REACH = 3.0


@dataclass
class _People:
    """Running estimate: pose is found anew in every round."""

    points: Float
    weights: Float
    expression: Float


def learn_identity(head: HeadMesh, marks: Correspondence, portraits: Float) -> HeadMesh:
    """The head with the mean person as neutral and learnt modes.

    Args:
        head: With all of MakeHuman's identity modes.
        marks: Its face points.
        portraits: ``(P, 468, 3)`` face points of portraits: pixels, x right, y up, z to the viewer.
    """
    partner = mirror_landmarks(marks.points(head.neutral))
    points = np.concatenate([portraits, portraits[:, partner] * [-1, 1, 1]])
    points = (
        points
        / np.linalg.norm(np.ptp(points, axis=1), axis=1)[:, None, None]
        * np.linalg.norm(np.ptp(marks.points(head.neutral), axis=0))
    )
    span = head.identity[:NUM_SPAN]
    basis = np.stack([marks.points(mode) for mode in span])
    shapes = np.stack([marks.points(shape) for shape in head.expression])
    base = marks.points(head.neutral)
    mean, covariance, residual = _estimate(base, basis, shapes, points)
    factor: Float = _principal(covariance, basis, NUM_MODES)
    modes = np.tensordot(factor, span, 1)
    person = head.neutral + np.tensordot(mean, span, 1)
    extra = _residual_fields(head, marks, residual)
    neutral, modes = person + extra[0], np.concatenate([modes, extra[1:]])
    mirror = mirror_vertices(head.neutral)
    neutral = (neutral + neutral[mirror] * [-1, 1, 1]) / 2
    return HeadMesh(neutral, head.triangles, head.tissue, head.expression, modes)


def _estimate(base: Float, basis: Float, shapes: Float, points: Float) -> tuple[Float, Float, Float]:
    """Mean and covariance of the weights of the basis, and ``(P, N, 3)`` what is left of each portrait in the head's frame."""
    count = len(basis)
    mean, covariance = np.zeros(count), np.eye(count)
    people = [_People(p, np.zeros(count), np.zeros(len(shapes))) for p in points]
    both = np.concatenate([basis, shapes])
    for _ in range(NUM_ITERATIONS):
        precision = np.linalg.inv(covariance + 1e-6 * np.eye(count) * np.trace(covariance) / count)
        found = [_expect(person, base, both, mean, precision) for person in people]
        weights = np.stack([person.weights for person in people])
        mean = weights.mean(axis=0)
        spread = weights - mean
        covariance = spread.T @ spread / len(people) + np.mean([posterior for posterior, _ in found], axis=0)
    return mean, covariance, np.stack([rest for _, rest in found])


def _expect(person: _People, base: Float, both: Float, mean: Float, precision: Float) -> tuple[Float, Float]:
    """Update the most likely pose, identity and expression of one portrait; gives posterior covariance and the rest."""
    count = len(mean)
    trust = np.ones(len(base))
    trust[list(FACE_OVAL)] = OVAL_TRUST
    emphasis = np.sqrt(trust)[:, None] * [1, 1, DEPTH_TRUST]
    prior = np.zeros((len(both), len(both)))
    prior[:count, :count] = NOISE * precision
    prior[count:, count:] = EXPRESSION_RIDGE * np.eye(len(both) - count)
    pull = np.concatenate([prior[:count, :count] @ mean, np.zeros(len(both) - count)])
    for _ in range(NUM_POSE_ROUNDS):
        current = base + np.tensordot(np.concatenate([person.weights, person.expression]), both, 1)
        scale, rotation, shift = similarity(current, person.points, trust)
        local = (person.points - shift) @ rotation / scale  # in the head's frame
        # Depth is trusted less in the camera's frame; portraits are near frontal, so that the head's frame serves as well.
        a = (both * emphasis).reshape(len(both), -1).T
        normal = a.T @ a + prior
        x = np.linalg.solve(normal, a.T @ ((local - base) * emphasis).reshape(-1) + pull)
        person.weights, person.expression = x[:count], np.clip(x[count:], 0, 1)
    rest = local - base - np.tensordot(np.concatenate([person.weights, person.expression]), both, 1)
    return NOISE * np.linalg.inv(normal[:count, :count]), rest


def _principal(covariance: Float, basis: Float, count: int) -> Float:
    """``(count, span)`` axes of the covariance, strongest on the face points first, one standard deviation each."""
    flat = basis.reshape(len(basis), -1)
    root: Float = np.linalg.cholesky(covariance + 1e-9 * np.eye(len(basis)) * np.trace(covariance))
    u, _, _ = np.linalg.svd(root.T @ flat, full_matrices=False)
    axes: Float = (root @ u).T[:count]
    strongest = np.abs(axes).argmax(axis=1)
    axes *= np.sign(axes[np.arange(len(axes)), strongest])[:, None]
    return axes


def _residual_fields(head: HeadMesh, marks: Correspondence, residual: Float) -> Float:
    """``(1 + R, V, 3)`` mean and principal fields of what MakeHuman's targets cannot express, spread smoothly over the skin."""
    seen = residual * [1, 1, DEPTH_TRUST]
    mean = seen.mean(axis=0)
    _, singular, axes = np.linalg.svd((seen - mean).reshape(len(seen), -1), full_matrices=False)
    strength = singular[:NUM_RESIDUAL_MODES, None, None] / np.sqrt(len(seen))
    fields = np.concatenate([mean[None], axes[:NUM_RESIDUAL_MODES].reshape(-1, *mean.shape) * strength])
    places, first = np.unique(marks.nearest, return_index=True)
    spread = RBFInterpolator(head.neutral[places], fields[:, first].transpose(1, 0, 2).reshape(len(first), -1), smoothing=1.0)
    skin = head.tissue == Tissue.SKIN
    distance = np.linalg.norm(head.neutral[skin, None] - head.neutral[places][None, ::4], axis=-1).min(axis=1)
    fade = np.exp(-((np.clip(distance - 0.5, 0, None) / RESIDUAL_REACH) ** 2))
    out = np.zeros((len(fields), *head.neutral.shape))
    out[:, skin] = spread(head.neutral[skin]).reshape(-1, len(fields), 3).transpose(1, 0, 2) * fade[:, None]
    return out
