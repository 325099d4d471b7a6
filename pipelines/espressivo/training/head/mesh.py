"""The head while it is being built, and the mesh operations its builders share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from espressivo.face.arkit import ARKIT_INDEX, expand_sides

__all__ = ["Float", "HeadMesh", "Int", "laplacian", "mirror_vertices", "similarity", "smoothstep", "vertex_normals"]

Float = NDArray[np.float64]
Int = NDArray[np.int64]


@dataclass(frozen=True)
class HeadMesh:
    """A head with shapes. Skin vertices come first. Frame: x to the viewer's right, y up, z to the viewer.

    Attributes:
        neutral: ``(V, 3)`` vertices of the face at rest.
        triangles: ``(F, 3)`` vertex indices; the corners of a triangle share one tissue.
        tissue: ``(V,)`` values of :class:`~espressivo.face.head.Tissue`.
        expression: ``(52, V, 3)`` displacements in the order of ``ARKIT_NAMES``.
        identity: ``(K, V, 3)`` displacements.
    """

    neutral: Float
    triangles: Int
    tissue: NDArray[np.uint8]
    expression: Float
    identity: Float

    @property
    def triangle_tissue(self) -> NDArray[np.uint8]:
        """``(F,)`` tissue of each triangle."""
        return self.tissue[self.triangles[:, 0]]

    def shape(self, name: str) -> Float:
        """``(V, 3)`` displacement of a shape, both sides if the name gives none."""
        total: Float = self.expression[[ARKIT_INDEX[n] for n in expand_sides(name)]].sum(axis=0)
        return total

    def posed(self, weights: dict[str, float]) -> Float:
        """``(V, 3)`` neutral plus weighted shapes."""
        return self.neutral + sum((w * self.shape(name) for name, w in weights.items()), start=np.zeros_like(self.neutral))


def vertex_normals(vertices: Float, triangles: Int) -> Float:
    """``(V, 3)`` unit normals, area-weighted."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, triangles[:, k], face)
    unit: Float = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)
    return unit


def laplacian(triangles: Int, num_vertices: int) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """Uniform graph Laplacian and adjacency of a mesh."""
    i = triangles[:, [0, 1, 2]].ravel()
    j = triangles[:, [1, 2, 0]].ravel()
    rows, columns = np.concatenate([i, j]), np.concatenate([j, i])
    adjacency = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), (num_vertices, num_vertices)).tocsr()
    adjacency.data[:] = 1
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1)
    return (sparse.eye(num_vertices) - sparse.diags(1 / degree) @ adjacency).tocsr(), adjacency


def similarity(source: Float, target: Float, weight: Float) -> tuple[float, Float, Float]:
    """Weighted similarity transform, Umeyama (1991): scale, rotation, shift with target = s R source + t."""
    share = weight / weight.sum()
    mean_source, mean_target = share @ source, share @ target
    a, b = source - mean_source, target - mean_target
    u, singular, vt = np.linalg.svd((b * share[:, None]).T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation: Float = (u * signs) @ vt
    scale = float((singular * signs).sum() / (share @ (a**2).sum(axis=1)))
    return scale, rotation, mean_target - scale * rotation @ mean_source


def smoothstep(x: Float, low: float, high: float) -> Float:
    """Cubic step from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((x - low) / (high - low), 0, 1)
    step: Float = t * t * (3 - 2 * t)
    return step


def mirror_vertices(neutral: Float) -> Int:
    """For each vertex the one nearest to its mirror image across x = 0."""
    from scipy.spatial import cKDTree

    return np.asarray(cKDTree(neutral).query(neutral * [-1, 1, 1])[1], np.int64)
