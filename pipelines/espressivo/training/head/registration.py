"""Lay one head's skin onto another's: identity from face points, then non-rigid nearest points.

Both heads are given in a pose with OPEN mouth and eyes, so that upper and lower lips and lids lie apart and nearest points
cannot cross: this replaces every special case for lips and lids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.interpolate import RBFInterpolator
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.training.head.correspondence import Correspondence
from espressivo.training.head.mesh import Float, HeadMesh, Int, laplacian, similarity, vertex_normals

__all__ = ["OPEN_POSE", "Registration", "fit_identity", "local_frames", "register"]

OPEN_POSE = {"jawOpen": 0.8, "eyeWide": 0.6}
# Stiffness of the Laplacian, reach of the nearest points (units), weight of the face points: coarse to fine.
ROUNDS = ((30, 1.2, 2.0), (10, 1.0, 1.0), (4, 0.8, 0.5), (2, 0.6, 0.25), (1, 0.5, 0.1), (0.5, 0.4, 0.05))
LAST_REACH, LAST_COSINE = 0.35, 0.5
BEHIND_EARS_Z = -3.0
FRAME_SCALE = (0.75, 1.35)


@dataclass(frozen=True)
class Registration:
    """What lies under each skin vertex of the target.

    Attributes:
        matched: ``(N,)`` whether the vertex found its place.
        corners: ``(N, 3)`` vertices of the source.
        weights: ``(N, 3)`` barycentric weights.
        registered: ``(N, 3)`` the target's skin laid onto the open source.
        gap: ``(N,)`` what is left, units.
    """

    matched: np.ndarray[tuple[int], np.dtype[np.bool_]]
    corners: Int
    weights: Float
    registered: Float
    gap: Float

    def carry(self, field: Float) -> Float:
        """``(N, 3)`` a displacement field of the source at the target's vertices."""
        found: Float = (field[self.corners] * self.weights[:, :, None]).sum(axis=1)
        return found


def fit_identity(source: HeadMesh, marks: Correspondence, goal: Float, *, ridge: float = 3.0) -> tuple[Float, Float]:
    """The source's identity and pose whose face points are nearest to the goal: vertices there, and scale x rotation."""
    weight = np.ones(len(goal))
    base = marks.points(source.neutral)
    basis = np.stack([marks.points(mode) for mode in source.identity])
    x = np.zeros(len(basis))
    for _ in range(6):
        scale, rotation, shift = similarity(base + np.tensordot(x, basis, 1), goal, weight)
        a = (np.einsum("ij,kvj->kvi", rotation, basis) * scale).reshape(len(basis), -1).T
        rest = (goal - (scale * base @ rotation.T + shift)).reshape(-1)
        x = np.linalg.solve(a.T @ a + ridge * np.eye(len(basis)) * scale**2, a.T @ rest)
    vertices = source.neutral + np.tensordot(x, source.identity, 1)
    return scale * vertices @ rotation.T + shift, scale * rotation


class _Surface:
    """Dense samples of a surface with normals, for nearest points that face the same way."""

    def __init__(self, vertices: Float, triangles: Int, density: int = 4) -> None:
        grid = [(i, j, density - i - j) for i in range(density + 1) for j in range(density + 1 - i)]
        inside = np.array(grid) / density
        self.corners = np.repeat(triangles, len(inside), axis=0)
        self.weights = np.tile(inside, (len(triangles), 1))
        self.points: Float = (vertices[self.corners] * self.weights[:, :, None]).sum(axis=1)
        normals = (vertex_normals(vertices, triangles)[self.corners] * self.weights[:, :, None]).sum(axis=1)
        self.normals = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)
        self.tree = cKDTree(self.points)

    def match(self, points: Float, normals: Float, reach: float, cosine: float = 0.4) -> Int:
        """Nearest sample with a compatible normal, -1 for none."""
        distance, index = self.tree.query(points, k=40, distance_upper_bound=reach)
        index = np.minimum(index, len(self.points) - 1)
        good = np.isfinite(distance) & ((self.normals[index] * normals[:, None]).sum(axis=-1) > cosine)
        first = good.argmax(axis=1)
        return np.where(good.any(axis=1), index[np.arange(len(points)), first], -1)


def register(
    start: Float, triangles: Int, marks: Correspondence, source: Float, source_triangles: Int, source_marks: Float
) -> Registration:
    """Deform the target's open skin onto the source's open skin.

    Args:
        start: ``(N, 3)`` the target's skin, open.
        triangles: The target's skin triangles.
        marks: The target's face points.
        source: ``(M, 3)`` the source, open, in the target's frame.
        source_triangles: The source's skin.
        source_marks: ``(468, 3)`` the source's face points.
    """
    count = len(start)
    matrix, _ = laplacian(triangles, count)
    bending = (matrix.T @ matrix).tocsc()
    surface = _Surface(source, source_triangles)
    places, one = np.unique(marks.nearest, return_index=True)
    goal = source_marks[one]
    trust = np.where(np.isin(one, FACE_OVAL), 0.2, 1.0)
    pull = RBFInterpolator(start[places], goal - start[places], kernel="linear", smoothing=0.05, neighbors=60)
    current = start + pull(start)
    loose = np.where(start[:, 2] < BEHIND_EARS_Z, 0.2, 1.0)
    for stiffness, reach, mark_weight in ROUNDS:
        found = surface.match(current, vertex_normals(current, triangles), reach)
        weight = (found >= 0) * loose
        mark = np.zeros(count)
        mark[places] = mark_weight * trust
        force = weight[:, None] * (surface.points[np.maximum(found, 0)] - current)
        force[places] += mark[places, None] * (goal - current[places])
        current = current + splu((stiffness * bending + sparse.diags(weight + mark + 1e-4)).tocsc()).solve(force)
    found = surface.match(current, vertex_normals(current, triangles), LAST_REACH, LAST_COSINE)
    place = np.maximum(found, 0)
    gap = np.linalg.norm(surface.points[place] - current, axis=1)
    return Registration(found >= 0, surface.corners[place], surface.weights[place], current, gap)


def local_frames(a: Float, b: Float, adjacency: sparse.csr_matrix, rings: int = 2) -> Float:
    """``(N, 3, 3)`` per vertex the similarity that turns its neighbourhood in a into the one in b, scale kept within bounds."""
    reach = (adjacency + sparse.eye(len(a))).tocsr()
    for _ in range(rings - 1):
        reach = (reach @ reach).tocsr()
    frames = np.empty((len(a), 3, 3))
    for v in range(len(a)):
        near = reach.indices[reach.indptr[v] : reach.indptr[v + 1]]
        p, q = a[near] - a[near].mean(axis=0), b[near] - b[near].mean(axis=0)
        u, singular, vt = np.linalg.svd(q.T @ p)
        signs = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
        scale = np.clip((singular * signs).sum() / ((p**2).sum() + 1e-9), *FRAME_SCALE)
        frames[v] = scale * (u * signs) @ vt
    return frames
