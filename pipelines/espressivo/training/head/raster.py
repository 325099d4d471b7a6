"""A small z-buffer rasteriser for the builder's previews (the renderer has its own, faster one)."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from espressivo.training.head.mesh import Float, Int

__all__ = ["rasterize"]


@numba.njit(cache=True)
def _fill(
    points: NDArray[np.float64],
    triangles: NDArray[np.int64],
    triangle_map: NDArray[np.int64],
    weight_map: NDArray[np.float64],
    depth: NDArray[np.float64],
) -> None:
    height, width = triangle_map.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1, x2, y2 = points[a, 0], points[a, 1], points[b, 0], points[b, 1], points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        top, bottom = max(int(np.floor(min(y0, y1, y2))), 0), min(int(np.ceil(max(y0, y1, y2))), height - 1)
        left, right = max(int(np.floor(min(x0, x1, x2))), 0), min(int(np.ceil(max(x0, x1, x2))), width - 1)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                w1 = ((x - x0) * (y2 - y0) - (x2 - x0) * (y - y0)) / area
                w2 = ((x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)) / area
                w0 = 1 - w1 - w2
                z = w0 * points[a, 2] + w1 * points[b, 2] + w2 * points[c, 2]
                if w0 >= -1e-5 and w1 >= -1e-5 and w2 >= -1e-5 and z > depth[y, x]:
                    depth[y, x] = z
                    triangle_map[y, x] = t
                    weight_map[y, x, 0], weight_map[y, x, 1], weight_map[y, x, 2] = w0, w1, w2


def rasterize(points: Float, triangles: Int, height: int, width: int) -> tuple[Int, Float]:
    """Nearest triangle (``(H, W)``, -1 for none) and barycentric weights (``(H, W, 3)``) of every pixel.

    Args:
        points: ``(V, 3)``: x and y in pixels, larger z is nearer.
        triangles: ``(F, 3)``.
        height: Rows.
        width: Columns.
    """
    triangle_map = np.full((height, width), -1, np.int64)
    weight_map = np.zeros((height, width, 3))
    _fill(np.ascontiguousarray(points, np.float64), triangles, triangle_map, weight_map, np.full((height, width), -1e9))
    return triangle_map, weight_map
