"""Perspective camera, z-buffered triangles and strands."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from espressivo.training.example_portrait.mesh import FloatArray, IntArray

__all__ = ["Camera", "Surface", "draw_strands", "draw_triangles", "empty_depth"]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that looks along -z.

    Attributes:
        distance_cm: From the plane z = 0, where the eyes are.
        frame_cm: Side of the square seen in that plane.
        height_cm: Height of the lens; perspective converges there.
        centre_y_cm: Height of the picture's middle (the lens is shifted, not tilted).
        size_px: Side of the picture.
    """

    distance_cm: float
    frame_cm: float
    height_cm: float
    centre_y_cm: float
    size_px: int

    @property
    def position(self) -> FloatArray:
        """``(3,)`` where the camera is."""
        return np.array([0.0, self.height_cm, self.distance_cm])

    @property
    def pixels_per_cm(self) -> float:
        """In the plane z = 0."""
        return self.size_px / self.frame_cm

    def project(self, points: FloatArray) -> FloatArray:
        """``(N, 3)`` columns, rows (px, y down) and inverse depth, which grows towards the camera."""
        inverse = self.distance_cm / (self.distance_cm - points[:, 2])
        x = points[:, 0] * inverse * self.pixels_per_cm + self.size_px / 2
        shift = (self.centre_y_cm - self.height_cm) * self.pixels_per_cm
        y = (self.height_cm - points[:, 1]) * inverse * self.pixels_per_cm + shift + self.size_px / 2
        return np.stack([x, y, inverse], axis=1)


@dataclass(frozen=True, slots=True)
class Surface:
    """Covered pixels: ``rows``, ``columns`` ``(N,)``, vertex indices ``corners`` and barycentric ``weights`` ``(N, 3)``."""

    rows: IntArray
    columns: IntArray
    corners: IntArray
    weights: FloatArray

    def interpolate(self, values: FloatArray) -> FloatArray:
        """Vertex attribute ``(V,)`` or ``(V, C)`` at each covered pixel."""
        picked = values[self.corners]
        if picked.ndim == 2:
            return np.asarray((picked * self.weights).sum(axis=1))
        return np.asarray(np.einsum("nkc,nk->nc", picked, self.weights))


def empty_depth(size_px: int) -> NDArray[np.float32]:
    """A depth buffer in which nothing is near."""
    return np.zeros((size_px, size_px), np.float32)


def draw_triangles(camera: Camera, vertices: FloatArray, triangles: IntArray, depth: NDArray[np.float32]) -> Surface:
    """Draw triangles into ``depth`` (changed in place) and return the pixels they won."""
    index = np.full(depth.shape, -1, np.int32)
    weights = np.zeros((*depth.shape, 3), np.float32)
    _fill(camera.project(vertices), triangles, depth, index, weights)
    rows, columns = np.nonzero(index >= 0)
    return Surface(rows, columns, triangles[index[rows, columns]], weights[rows, columns].astype(float))


@numba.njit
def _fill(points, triangles, depth, index, weights):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = depth.shape
    for t in range(triangles.shape[0]):
        a, b, c = points[triangles[t, 0]], points[triangles[t, 1]], points[triangles[t, 2]]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
        if abs(area) < 1e-12:
            continue
        top, bottom = max(int(min(a[1], b[1], c[1])), 0), min(int(max(a[1], b[1], c[1])) + 1, height - 1)
        left, right = max(int(min(a[0], b[0], c[0])), 0), min(int(max(a[0], b[0], c[0])) + 1, width - 1)
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = x + 0.5, y + 0.5
                w1 = ((px - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (py - a[1])) / area
                w2 = ((b[0] - a[0]) * (py - a[1]) - (px - a[0]) * (b[1] - a[1])) / area
                w0 = 1 - w1 - w2
                if min(w0, w1, w2) < -1e-6:
                    continue
                near = w0 * a[2] + w1 * b[2] + w2 * c[2]
                if near > depth[y, x]:
                    depth[y, x] = near
                    index[y, x] = t
                    # inverse depth is linear on the screen; attributes are so only after dividing by it
                    weights[y, x, 0], weights[y, x, 1], weights[y, x, 2] = w0 * a[2] / near, w1 * b[2] / near, w2 * c[2] / near


def draw_strands(
    camera: Camera,
    points: FloatArray,
    colours: FloatArray,
    radii_cm: FloatArray,
    depth: NDArray[np.float32],
    image: NDArray[np.float32],
    cover: NDArray[np.float32],
    *,
    blended: bool,
) -> None:
    """Draw strands over ``image`` where nothing nearer is; ``depth``, ``image`` and ``cover`` change in place.

    Args:
        camera: The camera.
        points: ``(S, K, 3)`` points along each strand.
        colours: ``(S, K, 3)`` linear light.
        radii_cm: ``(S, K)`` half widths.
        depth: ``(H, W)`` inverse depth.
        image: ``(H, W, 3)`` linear light.
        cover: ``(H, W)`` set to one where a strand is drawn.
        blended: Mix a thin strand with what lies behind it, as suits few strands over skin. Otherwise it hides what is
            behind, at a share of its pixels in proportion to its width, as suits many strands over each other.
    """
    count, steps, _ = points.shape
    projected = camera.project(points.reshape(-1, 3)).reshape(count, steps, 3)
    widths = radii_cm * projected[:, :, 2] * camera.pixels_per_cm
    (_blend if blended else _strands)(projected, colours, widths, depth, image, cover)


@numba.njit
def _strands(points, colours, widths, depth, image, cover):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = depth.shape
    state = np.uint32(12345)
    for s in range(points.shape[0]):
        for k in range(points.shape[1] - 1):
            a, b = points[s, k], points[s, k + 1]
            num = int(max(abs(b[0] - a[0]), abs(b[1] - a[1])) * 1.5) + 1
            for i in range(num):
                f = (i + 0.5) / num
                column, row, near = int(a[0] + f * (b[0] - a[0])), int(a[1] + f * (b[1] - a[1])), a[2] + f * (b[2] - a[2])
                full = 2 * (widths[s, k] + f * (widths[s, k + 1] - widths[s, k]))
                state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
                if (state >> np.uint32(8)) / 16777216.0 > full:
                    continue
                if 0 <= row < height and 0 <= column < width and near > depth[row, column]:
                    depth[row, column] = near
                    cover[row, column] = 1.0
                    for c in range(3):
                        image[row, column, c] = colours[s, k, c] + f * (colours[s, k + 1, c] - colours[s, k, c])


@numba.njit
def _blend(points, colours, widths, depth, image, cover):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    height, width = depth.shape
    for s in range(points.shape[0]):
        for k in range(points.shape[1] - 1):
            a, b = points[s, k], points[s, k + 1]
            steep = abs(b[1] - a[1]) > abs(b[0] - a[0])
            main, other = (1, 0) if steep else (0, 1)
            if a[main] > b[main]:
                a, b = b, a
            for pixel in range(int(np.ceil(a[main] - 0.5)), int(np.ceil(b[main] - 0.5))):
                f = (pixel + 0.5 - a[main]) / (b[main] - a[main])
                middle, near = a[other] + f * (b[other] - a[other]), a[2] + f * (b[2] - a[2])
                half = widths[s, k]
                for across in range(int(middle - half - 1), int(middle + half + 2)):
                    row, column = (pixel, across) if steep else (across, pixel)
                    share = min(across + 1.0, middle + half) - max(across + 0.0, middle - half)
                    if share <= 0 or not (0 <= row < height and 0 <= column < width) or near < depth[row, column]:
                        continue
                    for c in range(3):
                        image[row, column, c] += share * (colours[s, k, c] - image[row, column, c])
                    cover[row, column] = 1.0
