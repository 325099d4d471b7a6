"""Quad meshes: subdivision, normals, triangles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["QuadMesh", "unit", "vertex_normals"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class QuadMesh:
    """A mesh of quadrilaterals.

    Attributes:
        vertices: ``(V, 3)`` cm; x to the person's left (the right of the picture), y up, z towards the camera.
        quads: ``(F, 4)`` vertex indices.
        corner_uv: ``(F, 4, 2)`` texture coordinates of each corner, v upwards.
    """

    vertices: FloatArray
    quads: IntArray
    corner_uv: FloatArray

    @property
    def triangles(self) -> IntArray:
        """``(2 F, 3)`` vertex indices."""
        return np.concatenate([self.quads[:, [0, 1, 2]], self.quads[:, [0, 2, 3]]])

    def vertex_uv(self) -> FloatArray:
        """``(V, 2)`` texture coordinates; at a seam those of either side."""
        uv = np.zeros((len(self.vertices), 2))
        uv[self.quads.ravel()] = self.corner_uv.reshape(-1, 2)
        return uv

    def select(self, keep: NDArray[np.bool_]) -> QuadMesh:
        """The mesh of the faces ``keep`` ``(F,)``, unused vertices removed."""
        used, compact = np.unique(self.quads[keep], return_inverse=True)
        return QuadMesh(self.vertices[used], compact.reshape(-1, 4), self.corner_uv[keep])

    def moved(self, vertices: FloatArray) -> QuadMesh:
        """The same faces on other positions."""
        return replace(self, vertices=vertices)

    def subdivided(self, levels: int) -> QuadMesh:
        """After ``levels`` steps of Catmull and Clark (1978); borders become cubic B-splines."""
        mesh = self
        for _ in range(levels):
            mesh = _catmull_clark(mesh)
        return mesh


def _catmull_clark(mesh: QuadMesh) -> QuadMesh:
    vertices, quads = mesh.vertices, mesh.quads
    num_vertices, num_faces = len(vertices), len(quads)
    half_edges = np.stack([quads, np.roll(quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    edges, edge_of_half, faces_at_edge = np.unique(np.sort(half_edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    face_points = vertices[quads].mean(axis=1)
    midpoints = vertices[edges].mean(axis=1)
    around = np.zeros_like(midpoints)
    np.add.at(around, edge_of_half, np.repeat(face_points, 4, axis=0))
    border = faces_at_edge == 1
    edge_points = np.where(border[:, None], midpoints, (2 * midpoints + around) / 4)

    valence = np.bincount(quads.ravel(), minlength=num_vertices)[:, None].astype(float)
    face_mean, edge_mean, border_mean = (np.zeros_like(vertices) for _ in range(3))
    np.add.at(face_mean, quads.ravel(), np.repeat(face_points, 4, axis=0))
    num_edges = np.bincount(edges.ravel(), minlength=num_vertices)[:, None].astype(float)
    np.add.at(edge_mean, edges.ravel(), np.repeat(midpoints, 2, axis=0))
    np.add.at(border_mean, edges[border].ravel(), np.repeat(midpoints[border], 2, axis=0))
    inner = (face_mean / valence + 2 * edge_mean / num_edges + (valence - 3) * vertices) / valence
    on_border = np.zeros(num_vertices, bool)
    on_border[edges[border].ravel()] = True
    vertex_points = np.where(on_border[:, None], vertices / 2 + border_mean / 4, inner)

    edge_index = num_vertices + edge_of_half.reshape(num_faces, 4)
    centre_index = num_vertices + len(edges) + np.arange(num_faces)
    centre_uv = mesh.corner_uv.mean(axis=1)
    edge_uv = (mesh.corner_uv + np.roll(mesh.corner_uv, -1, axis=1)) / 2
    new_quads, new_uv = [], []
    for k in range(4):
        new_quads.append(np.stack([quads[:, k], edge_index[:, k], centre_index, edge_index[:, k - 1]], axis=1))
        new_uv.append(np.stack([mesh.corner_uv[:, k], edge_uv[:, k], centre_uv, edge_uv[:, k - 1]], axis=1))
    return QuadMesh(np.concatenate([vertex_points, edge_points, face_points]), np.concatenate(new_quads), np.concatenate(new_uv))


def unit(vectors: FloatArray) -> FloatArray:
    """Vectors of length one along the last axis."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12))


def vertex_normals(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """``(V, 3)`` unit normals, weighted by area."""
    a, b, c = (vertices[triangles[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    normals = np.stack(
        [sum(np.bincount(triangles[:, k], face[:, axis], len(vertices)) for k in range(3)) for axis in range(3)], axis=1
    )
    return unit(normals)
