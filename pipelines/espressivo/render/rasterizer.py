"""Z-buffer triangle rasteriser and what goes with it.

Pixel centres lie at whole numbers, as in OpenCV; ``z`` grows towards the viewer.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from espressivo.render.compiled import compiled

__all__ = [
    "EMPTY",
    "Raster",
    "corner_weights",
    "interpolate",
    "rasterize",
    "vertex_normals",
]

EMPTY = np.float32(-1e9)
"""Depth where nothing was drawn."""

_INSIDE = np.float32(-1e-5)
# Triangles of less area (square pixels) are not drawn: their barycentric weights are rounding errors.
_SLIVER = np.float32(1e-3)


@compiled()
def _fill(
    points: NDArray[np.float32],
    triangles: NDArray[np.int32],
    index: NDArray[np.int32],
    depth: NDArray[np.float32],
    cull: bool,  # noqa: FBT001 - numba takes no keyword-only arguments
) -> None:
    height, width = index.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0 = points[a, 0], points[a, 1]
        x1, y1, x2, y2 = points[b, 0] - x0, points[b, 1] - y0, points[c, 0] - x0, points[c, 1] - y0
        left = max(math.ceil(x0 + min(np.float32(0), x1, x2)), 0)
        right = min(math.floor(x0 + max(np.float32(0), x1, x2)), width - 1)
        top = max(math.ceil(y0 + min(np.float32(0), y1, y2)), 0)
        bottom = min(math.floor(y0 + max(np.float32(0), y1, y2)), height - 1)
        area = x1 * y2 - x2 * y1
        if left > right or top > bottom or abs(area) < _SLIVER or (cull and area > 0):
            continue
        inverse = np.float32(1.0) / area
        z0 = points[a, 2]
        z1, z2 = points[b, 2] - z0, points[c, 2] - z0
        across1, across2 = y2 * inverse, -y1 * inverse
        across_z = across1 * z1 + across2 * z2
        for y in range(top, bottom + 1):
            dx, dy = np.float32(left) - x0, np.float32(y) - y0
            start1, start2 = (dx * y2 - x2 * dy) * inverse, (x1 * dy - dx * y1) * inverse
            start_z = z0 + start1 * z1 + start2 * z2
            entered = False
            for x in range(left, right + 1):
                step = np.float32(x - left)
                w1, w2 = start1 + step * across1, start2 + step * across2
                if w1 >= _INSIDE and w2 >= _INSIDE and w1 + w2 <= np.float32(1.0) - _INSIDE:
                    entered = True
                    z = start_z + step * across_z
                    if z > depth[y, x]:
                        depth[y, x] = z
                        index[y, x] = t
                elif entered:
                    break


@compiled(inline="always")
def corner_weights(
    points: NDArray[np.float32], triangles: NDArray[np.int32], t: int, x: int, y: int
) -> tuple[int, int, int, float, float, float]:
    """Corners of a triangle and their barycentric weights at a pixel; for compiled code."""
    a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
    x0, y0 = points[a, 0], points[a, 1]
    x1, y1 = points[b, 0] - x0, points[b, 1] - y0
    x2, y2 = points[c, 0] - x0, points[c, 1] - y0
    inverse = np.float32(1.0) / (x1 * y2 - x2 * y1)
    dx, dy = np.float32(x) - x0, np.float32(y) - y0
    w1 = (dx * y2 - x2 * dy) * inverse
    w2 = (x1 * dy - dx * y1) * inverse
    return a, b, c, np.float32(1.0) - w1 - w2, w1, w2


@compiled()
def _interpolate(
    points: NDArray[np.float32],
    triangles: NDArray[np.int32],
    index: NDArray[np.int32],
    values: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c, w0, w1, w2 = corner_weights(points, triangles, t, x, y)
            for k in range(values.shape[1]):
                out[y, x, k] = w0 * values[a, k] + w1 * values[b, k] + w2 * values[c, k]


@compiled()
def _offsets(
    points: NDArray[np.float32],
    triangles: NDArray[np.int32],
    index: NDArray[np.int32],
    values: NDArray[np.float32],
    grid: NDArray[np.float32],
    offset: NDArray[np.float32],
    trust: NDArray[np.float32],
    light: NDArray[np.float32],
) -> None:
    height, width = index.shape
    for y in range(height):
        for x in range(width):
            t = index[y, x]
            if t < 0:
                continue
            a, b, c, w0, w1, w2 = corner_weights(points, triangles, t, x, y)
            weight = w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2]
            trust[y, x] = weight
            offset[y, x, 0] = (w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0] - grid[y, x, 0]) * weight
            offset[y, x, 1] = (w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1] - grid[y, x, 1]) * weight
            light[y, x] += (w0 * values[a, 3] + w1 * values[b, 3] + w2 * values[c, 3] - np.float32(1.0)) * weight


@compiled()
def _normals(vertices: NDArray[np.float32], triangles: NDArray[np.int32], out: NDArray[np.float32]) -> None:
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1], vertices[b, 2] - vertices[a, 2]
        vx, vy, vz = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1], vertices[c, 2] - vertices[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for v in range(out.shape[0]):
        length = math.sqrt(out[v, 0] ** 2 + out[v, 1] ** 2 + out[v, 2] ** 2) + np.float32(1e-9)
        for k in range(3):
            out[v, k] /= length


class Raster:
    """What is seen at each pixel.

    Attributes:
        index: ``(H, W)`` int32, the triangle drawn, -1 where none.
        depth: ``(H, W)`` float32, its depth, :data:`EMPTY` where none.
        points: ``(V, 3)`` what was drawn.
        triangles: ``(T, 3)`` of these.
    """

    def __init__(
        self, points: NDArray[np.float32], triangles: NDArray[np.int32], index: NDArray[np.int32], depth: NDArray[np.float32]
    ) -> None:
        self.index, self.depth = index, depth
        self.points, self.triangles = points, triangles

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(H, W, K)`` of per-vertex values ``(V, K)``; zero where nothing was drawn."""
        return interpolate(self.points, self.triangles, self.index, values)

    def offsets(self, values: NDArray[np.float32], grid: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """What a warp needs of per-vertex ``(V, 4)`` place x, place y, trust, light.

        Returns:
            ``(H, W, 2)`` place minus ``grid``, times trust; ``(H, W)`` trust, 0 where nothing was drawn; ``(H, W)`` light, 1
            where nothing was drawn or trusted.
        """
        offset, trust = np.zeros((*self.index.shape, 2), np.float32), np.zeros(self.index.shape, np.float32)
        light = np.ones(self.index.shape, np.float32)
        _offsets(self.points, self.triangles, self.index, np.ascontiguousarray(values, np.float32), grid, offset, trust, light)
        return offset, trust, light


def rasterize(
    points: NDArray[np.float32], triangles: NDArray[np.int32], height: int, width: int, *, cull: bool = False
) -> Raster:
    """Draw triangles, the nearest wins.

    Args:
        points: ``(V, 3)`` float32: x, y in pixels, z larger = nearer.
        triangles: ``(T, 3)`` int32.
        height: Rows of the result.
        width: Columns of the result.
        cull: Leave out triangles whose corners run clockwise in space as the viewer sees them: the far side of a closed surface.
    """
    points = np.ascontiguousarray(points, np.float32)
    index = np.full((height, width), -1, np.int32)
    depth = np.full((height, width), EMPTY, np.float32)
    _fill(points, triangles, index, depth, cull)
    return Raster(points, triangles, index, depth)


def interpolate(
    points: NDArray[np.float32], triangles: NDArray[np.int32], index: NDArray[np.int32], values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Values ``(V, K)`` carried to the pixels of a triangle index map: ``(H, W, K)``."""
    out = np.zeros((*index.shape, values.shape[1]), np.float32)
    _interpolate(points, triangles, index, np.ascontiguousarray(values, np.float32), out)
    return out


def vertex_normals(vertices: NDArray[np.float32], triangles: NDArray[np.int32]) -> NDArray[np.float32]:
    """``(V, 3)`` unit normals, weighted by area."""
    out = np.zeros((len(vertices), 3), np.float32)
    _normals(np.ascontiguousarray(vertices, np.float32), triangles, out)
    return out
