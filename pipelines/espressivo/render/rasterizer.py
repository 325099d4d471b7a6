"""Z-buffer triangle rasteriser and what goes with it. The hot loops, compiled by numba at the first call and cached on disk.

All kernels release the interpreter lock and keep no state, so several threads may render at once. Pixel centres lie at
whole numbers, as in OpenCV. ``z`` grows towards the viewer.
"""

from __future__ import annotations

import math
from functools import partial

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EMPTY",
    "Raster",
    "add_outside",
    "interpolate",
    "mark_jumps",
    "rasterize",
    "scale_colours",
    "static_background",
    "vertex_normals",
]

EMPTY = np.float32(-1e9)
"""Depth where nothing was drawn."""

_INSIDE = np.float32(-1e-5)
# Triangles of less area (square pixels) are not drawn: their barycentric weights are rounding errors.
_SLIVER = np.float32(1e-3)

_compiled = partial(numba.njit, nogil=True, cache=True, fastmath={"nsz", "arcp", "contract", "afn"})


@_compiled()
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
        x0, y0, z0 = points[a, 0], points[a, 1], points[a, 2]
        x1, y1, z1 = points[b, 0] - x0, points[b, 1] - y0, points[b, 2] - z0
        x2, y2, z2 = points[c, 0] - x0, points[c, 1] - y0, points[c, 2] - z0
        area = x1 * y2 - x2 * y1
        if abs(area) < _SLIVER or (cull and area > 0):
            continue
        inverse = np.float32(1.0) / area
        left = max(math.ceil(x0 + min(np.float32(0), x1, x2)), 0)
        right = min(math.floor(x0 + max(np.float32(0), x1, x2)), width - 1)
        top = max(math.ceil(y0 + min(np.float32(0), y1, y2)), 0)
        bottom = min(math.floor(y0 + max(np.float32(0), y1, y2)), height - 1)
        for y in range(top, bottom + 1):
            dy = np.float32(y) - y0
            for x in range(left, right + 1):
                dx = np.float32(x) - x0
                w1 = (dx * y2 - x2 * dy) * inverse
                w2 = (x1 * dy - dx * y1) * inverse
                if w1 >= _INSIDE and w2 >= _INSIDE and w1 + w2 <= np.float32(1.0) - _INSIDE:
                    z = z0 + w1 * z1 + w2 * z2
                    if z > depth[y, x]:
                        depth[y, x] = z
                        index[y, x] = t


@_compiled()
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
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x0, y0 = points[a, 0], points[a, 1]
            x1, y1 = points[b, 0] - x0, points[b, 1] - y0
            x2, y2 = points[c, 0] - x0, points[c, 1] - y0
            inverse = np.float32(1.0) / (x1 * y2 - x2 * y1)
            dx, dy = np.float32(x) - x0, np.float32(y) - y0
            w1 = (dx * y2 - x2 * dy) * inverse
            w2 = (x1 * dy - dx * y1) * inverse
            w0 = np.float32(1.0) - w1 - w2
            for k in range(values.shape[1]):
                out[y, x, k] = w0 * values[a, k] + w1 * values[b, k] + w2 * values[c, k]


@_compiled()
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
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            x0, y0 = points[a, 0], points[a, 1]
            x1, y1 = points[b, 0] - x0, points[b, 1] - y0
            x2, y2 = points[c, 0] - x0, points[c, 1] - y0
            inverse = np.float32(1.0) / (x1 * y2 - x2 * y1)
            dx, dy = np.float32(x) - x0, np.float32(y) - y0
            w1 = (dx * y2 - x2 * dy) * inverse
            w2 = (x1 * dy - dx * y1) * inverse
            w0 = np.float32(1.0) - w1 - w2
            weight = w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2]
            trust[y, x] = weight
            offset[y, x, 0] = (w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0] - grid[y, x, 0]) * weight
            offset[y, x, 1] = (w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1] - grid[y, x, 1]) * weight
            light[y, x] += (w0 * values[a, 3] + w1 * values[b, 3] + w2 * values[c, 3] - np.float32(1.0)) * weight


@_compiled()
def _add_outside(offset: NDArray[np.float32], trust: NDArray[np.float32], outside: NDArray[np.float32]) -> None:
    for y in range(trust.shape[0]):
        for x in range(trust.shape[1]):
            rest = np.float32(1.0) - trust[y, x]
            outside[y, x, 0] = offset[y, x, 0] + outside[y, x, 0] * rest
            outside[y, x, 1] = offset[y, x, 1] + outside[y, x, 1] * rest


@_compiled()
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


@_compiled()
def _scale(image: NDArray[np.uint8], factor: NDArray[np.float32], share: NDArray[np.float32]) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            change = factor[y, x] - np.float32(1.0)
            if change != np.float32(0.0):
                for k in range(3):
                    value = np.float32(image[y, x, k]) * (np.float32(1.0) + change * share[k]) + np.float32(0.5)
                    image[y, x, k] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@_compiled()
def _steady(
    moved: NDArray[np.uint8],
    places: NDArray[np.float32],
    alpha: NDArray[np.uint8],
    background: NDArray[np.uint8],
    left: int,
    top: int,
) -> None:
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            # Beyond the edge it goes on as at the edge: hair that is cut off goes on, a wall stays a wall.
            u = min(max(places[y, x, 0] - np.float32(left), np.float32(0)), np.float32(width - 1))
            v = min(max(places[y, x, 1] - np.float32(top), np.float32(0)), np.float32(height - 1))
            x0, y0 = min(int(u), width - 2), min(int(v), height - 2)
            a, b = u - x0, v - y0
            w00, w01, w10, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
            covers = w00 * alpha[y0, x0] + w01 * alpha[y0, x0 + 1] + w10 * alpha[y0 + 1, x0] + w11 * alpha[y0 + 1, x0 + 1]
            if covers >= np.float32(254.5):
                continue
            if covers < np.float32(0.5):
                for k in range(3):
                    moved[y, x, k] = background[y, x, k]
                continue
            rest = np.float32(1.0) - covers / np.float32(255.0)
            for k in range(3):
                there = (
                    w00 * background[y0, x0, k]
                    + w01 * background[y0, x0 + 1, k]
                    + w10 * background[y0 + 1, x0, k]
                    + w11 * background[y0 + 1, x0 + 1, k]
                )
                value = moved[y, x, k] + rest * (background[y, x, k] - there) + np.float32(0.5)
                moved[y, x, k] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@_compiled()
def _mark_jumps(places: NDArray[np.float32], limit: float, mask: NDArray[np.float32]) -> int:
    height, width = mask.shape
    count = 0
    for y in range(height - 1):
        for x in range(width - 1):
            across = abs(places[y, x + 1, 0] - places[y, x, 0] - 1) + abs(places[y, x + 1, 1] - places[y, x, 1])
            down = abs(places[y + 1, x, 0] - places[y, x, 0]) + abs(places[y + 1, x, 1] - places[y, x, 1] - 1)
            if across > limit:
                mask[y, x] = mask[y, x + 1] = 1
                count += 1
            if down > limit:
                mask[y, x] = mask[y + 1, x] = 1
                count += 1
    return count


class Raster:
    """What is seen at each pixel.

    Attributes:
        index: ``(H, W)`` int32, the triangle drawn, -1 where none.
        depth: ``(H, W)`` float32, its depth, :data:`EMPTY` where none.
    """

    def __init__(
        self, points: NDArray[np.float32], triangles: NDArray[np.int32], index: NDArray[np.int32], depth: NDArray[np.float32]
    ) -> None:
        self.index, self.depth = index, depth
        self._points, self._triangles = points, triangles

    def interpolate(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """``(H, W, K)`` of per-vertex values ``(V, K)``; zero where nothing was drawn."""
        return interpolate(self._points, self._triangles, self.index, values)

    def offsets(self, values: NDArray[np.float32], grid: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """What a warp needs of per-vertex ``(V, 4)`` place x, place y, trust, light.

        Returns:
            ``(H, W, 2)`` place minus ``grid``, times trust; ``(H, W)`` trust, 0 where nothing was drawn; ``(H, W)`` light, 1
            where nothing was drawn or trusted.
        """
        offset, trust = np.zeros((*self.index.shape, 2), np.float32), np.zeros(self.index.shape, np.float32)
        light = np.ones(self.index.shape, np.float32)
        _offsets(self._points, self._triangles, self.index, np.ascontiguousarray(values, np.float32), grid, offset, trust, light)
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


def add_outside(offset: NDArray[np.float32], trust: NDArray[np.float32], outside: NDArray[np.float32]) -> NDArray[np.float32]:
    """``offset + outside * (1 - trust)`` of ``(H, W, 2)`` maps; overwrites ``outside`` and returns it."""
    _add_outside(offset, trust, outside)
    return outside


def static_background(
    moved: NDArray[np.uint8],
    places: NDArray[np.float32],
    alpha: NDArray[np.uint8],
    background: NDArray[np.uint8],
    left: int,
    top: int,
) -> None:
    """Exchange the background that a warp has brought along for the one that belongs there, in place.

    Of a photograph ``alpha * person + (1 - alpha) * background`` a warp by ``places`` brings ``(1 - alpha) * background`` of the
    wrong place; where nothing moves nothing changes.

    Args:
        moved: ``(h, w, 3)`` the warped photograph.
        places: ``(h, w, 2)`` where it was taken from; ``left`` and ``top`` are the coordinates of the first pixel.
        alpha: ``(h, w)`` 255 on the person, in the photograph; at least 2 pixels high and wide.
        background: ``(h, w, 3)`` what lies behind.
        left: See ``places``.
        top: See ``places``.
    """
    _steady(moved, places, alpha, background, left, top)


def mark_jumps(places: NDArray[np.float32], limit_px: float) -> NDArray[np.float32] | None:
    """``(H, W)`` 1 on both sides of where neighbours of ``(H, W, 2)`` coordinates lie far apart; ``None`` where nowhere."""
    mask = np.zeros(places.shape[:2], np.float32)
    return mask if _mark_jumps(places, limit_px, mask) else None


def scale_colours(image: NDArray[np.uint8], factor: NDArray[np.float32], share: NDArray[np.float32]) -> None:
    """Multiply pixels ``(H, W, 3)`` by a factor ``(H, W)``, in place; each channel has its ``(3,)`` share in the change."""
    _scale(image, factor, share)
