"""Area lights, what of them reaches a point, and how a surface answers."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from espressivo.training.example_portrait.mesh import FloatArray, IntArray, unit

__all__ = ["AreaLights", "HairVolume", "Illumination", "Occluder", "gather", "mirror", "shade"]


@dataclass(frozen=True, slots=True)
class AreaLights:
    """Rectangular lights and the sky around.

    Attributes:
        centres: ``(L, 3)`` cm.
        sides: ``(L, 2, 3)`` half sides, cm.
        colours: ``(L, 3)`` irradiance on a surface that faces the light.
        sky: ``(3, 3)`` radiance from above, the horizon and below.
    """

    centres: FloatArray
    sides: FloatArray
    colours: FloatArray
    sky: FloatArray

    @staticmethod
    def facing(
        rows: list[tuple[tuple[float, float, float], float, float, tuple[float, float, float]]], sky: FloatArray
    ) -> AreaLights:
        """Lights ``(centre, width, height, colour)`` turned towards the face."""
        centres = np.array([row[0] for row in rows], float)
        forward = unit(-centres)
        right = unit(np.cross(np.array([0.0, 1.0, 0.0]), forward))
        up = np.cross(forward, right)
        size = np.array([[row[1], row[2]] for row in rows]) / 2
        sides = np.stack([right * size[:, :1], up * size[:, 1:]], axis=1)
        return AreaLights(centres, sides, np.array([row[3] for row in rows], float), sky)


@dataclass(frozen=True, slots=True)
class Occluder:
    """Triangles in a bounding volume hierarchy: leaves hold ``order[first : first + count]``."""

    corners: FloatArray
    order: IntArray
    lower: FloatArray
    upper: FloatArray
    child: IntArray
    first: IntArray
    count: IntArray

    @staticmethod
    def build(vertices: FloatArray, triangles: IntArray) -> Occluder:
        """Split at the median of the widest axis, four triangles a leaf."""
        corners = vertices[triangles]
        order, bounds, child, first, count = _build(corners.min(axis=1), corners.max(axis=1), corners.mean(axis=1))
        return Occluder(corners, order, bounds[:, 0], bounds[:, 1], child, first, count)


@dataclass(frozen=True, slots=True)
class HairVolume:
    """How much hair is where: optical ``density`` per cm in cells of ``cell_cm`` from ``origin``."""

    density: FloatArray
    origin: FloatArray
    cell_cm: float


@dataclass(frozen=True, slots=True)
class Illumination:
    """Light that arrives at points: ``visible`` ``(N, L)`` part of each light, ``ambient`` ``(N, 3)`` irradiance over pi."""

    visible: FloatArray
    ambient: FloatArray


@numba.njit
def _build(lower, upper, centre):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    num = lower.shape[0]
    order = np.arange(num)
    bounds = np.zeros((2 * num + 1, 2, 3))
    child = np.full(2 * num + 1, -1)
    first, count = np.zeros(2 * num + 1, np.int64), np.zeros(2 * num + 1, np.int64)
    stack = [(0, 0, num)]
    used = 1
    while len(stack) > 0:
        node, begin, end = stack.pop()
        for axis in range(3):
            bounds[node, 0, axis] = lower[order[begin:end], axis].min()
            bounds[node, 1, axis] = upper[order[begin:end], axis].max()
        if end - begin <= 4:
            first[node], count[node] = begin, end - begin
            continue
        widest = np.argmax(bounds[node, 1] - bounds[node, 0])
        part = order[begin:end].copy()
        order[begin:end] = part[np.argsort(centre[part, widest])]
        middle = (begin + end) // 2
        child[node] = used
        stack.append((used, begin, middle))
        stack.append((used + 1, middle, end))
        used += 2
    return order, bounds[:used], child[:used], first[:used], count[:used]


@numba.njit(fastmath=True)
def _hits(corners, i, o, d, far):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Moeller and Trumbore (1997)."""
    ax, ay, az = corners[i, 0]
    e1x, e1y, e1z = corners[i, 1, 0] - ax, corners[i, 1, 1] - ay, corners[i, 1, 2] - az
    e2x, e2y, e2z = corners[i, 2, 0] - ax, corners[i, 2, 1] - ay, corners[i, 2, 2] - az
    px, py, pz = d[1] * e2z - d[2] * e2y, d[2] * e2x - d[0] * e2z, d[0] * e2y - d[1] * e2x
    det = e1x * px + e1y * py + e1z * pz
    if abs(det) < 1e-12:
        return False
    tx, ty, tz = o[0] - ax, o[1] - ay, o[2] - az
    u = (tx * px + ty * py + tz * pz) / det
    if u < 0 or u > 1:
        return False
    qx, qy, qz = ty * e1z - tz * e1y, tz * e1x - tx * e1z, tx * e1y - ty * e1x
    v = (d[0] * qx + d[1] * qy + d[2] * qz) / det
    if v < 0 or u + v > 1:
        return False
    t = (e2x * qx + e2y * qy + e2z * qz) / det
    return 1e-4 < t < far


@numba.njit(fastmath=True)
def _blocked(bvh, o, d, far, stack):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    corners, order, lower, upper, child, first, count = bvh
    inverse = 1.0 / (d + 1e-12)
    top = 1
    stack[0] = 0
    while top > 0:
        top -= 1
        node = stack[top]
        enter, leave = 0.0, far
        for axis in range(3):
            a, b = (lower[node, axis] - o[axis]) * inverse[axis], (upper[node, axis] - o[axis]) * inverse[axis]
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
        if enter > leave:
            continue
        if child[node] < 0:
            for i in range(first[node], first[node] + count[node]):
                if _hits(corners, order[i], o, d, far):
                    return True
        else:
            stack[top], stack[top + 1] = child[node], child[node] + 1
            top += 2
    return False


@numba.njit(fastmath=True)
def _transmitted(volume, o, d, far):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    density, origin, cell = volume
    thickness, t = 0.0, cell
    while t < far:
        i, j, k = (
            int((o[0] + t * d[0] - origin[0]) / cell),
            int((o[1] + t * d[1] - origin[1]) / cell),
            int((o[2] + t * d[2] - origin[2]) / cell),
        )
        if 0 <= i < density.shape[0] and 0 <= j < density.shape[1] and 0 <= k < density.shape[2]:
            thickness += density[i, j, k]
        t += cell
    return np.exp(-thickness * cell)


@numba.njit(fastmath=True)
def _gather(points, normals, bvh, volume, centres, sides, sky, side, visible, ambient):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    stack = np.zeros(128, np.int64)
    state = np.uint32(9781)
    num_sky = 4 * side * side
    direction = np.zeros(3)
    for n in range(points.shape[0]):
        normal = normals[n]
        origin = points[n] + 0.03 * normal
        for light in range(centres.shape[0]):
            for s in range(side * side):
                state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
                a = 2 * ((s % side) + (state >> np.uint32(8)) / 16777216.0) / side - 1
                state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
                b = 2 * ((s // side) + (state >> np.uint32(8)) / 16777216.0) / side - 1
                direction[:] = centres[light] + a * sides[light, 0] + b * sides[light, 1] - origin
                far = np.sqrt((direction**2).sum())
                direction /= far
                if not _blocked(bvh, origin, direction, far, stack):
                    visible[n, light] += _transmitted(volume, origin, direction, 30.0) / (side * side)
        for s in range(num_sky):
            state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
            z = 2 * (s + (state >> np.uint32(8)) / 16777216.0) / num_sky - 1
            angle = 2.399963 * s + 6.28 * (n * 0.618 % 1)
            ring = np.sqrt(max(1 - z * z, 0.0))
            direction[0], direction[1], direction[2] = ring * np.cos(angle), z, ring * np.sin(angle)
            direction += 1.001 * normal  # a unit sphere touching the point: cosine-weighted
            direction /= np.sqrt((direction**2).sum()) + 1e-9
            up = direction[1]
            for c in range(3):
                open_sky = sky[1, c] + (max(up, 0.0) * (sky[0, c] - sky[1, c]) + max(-up, 0.0) * (sky[2, c] - sky[1, c]))
                ambient[n, c] += open_sky / num_sky
            seen = 0.0 if _blocked(bvh, origin, direction, 40.0, stack) else _transmitted(volume, origin, direction, 14.0)
            for c in range(3):
                open_sky = sky[1, c] + (max(up, 0.0) * (sky[0, c] - sky[1, c]) + max(-up, 0.0) * (sky[2, c] - sky[1, c]))
                bounce = 0.22 if c == 0 else (0.12 if c == 1 else 0.09)  # light that skin sends back into its folds
                ambient[n, c] -= open_sky / num_sky * (1 - seen) * (1 - bounce)


def gather(
    points: FloatArray, normals: FloatArray, occluder: Occluder, hair: HairVolume, lights: AreaLights, side: int
) -> Illumination:
    """Cast ``side`` x ``side`` rays to each light and ``4 side^2`` into the sky from each point ``(N, 3)``."""
    visible, ambient = np.zeros((len(points), len(lights.centres))), np.zeros((len(points), 3))
    bvh = (occluder.corners, occluder.order, occluder.lower, occluder.upper, occluder.child, occluder.first, occluder.count)
    volume = (hair.density, hair.origin, hair.cell_cm)
    _gather(points, normals, bvh, volume, lights.centres, lights.sides, lights.sky, side, visible, ambient)
    return Illumination(visible, ambient)


@numba.njit(fastmath=True)
def _shade(points, normals, visible, camera, centres, sides, colours, wrap, roughness, diffuse, specular):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for n in range(points.shape[0]):
        view = camera - points[n]
        view /= np.sqrt((view**2).sum())
        normal = normals[n]
        facing = max((normal * view).sum(), 0.05)
        alpha = roughness[n] ** 2
        for light in range(centres.shape[0]):
            to_light = centres[light] - points[n]
            to_light /= np.sqrt((to_light**2).sum())
            cosine = (normal * to_light).sum()
            for c in range(3):
                wrapped = max(cosine + wrap[c], 0.0) / (1 + wrap[c]) ** 2
                diffuse[n, c] += colours[light, c] * wrapped * visible[n, light]
            for s in range(9):
                a, b = (s % 3 - 1) * 0.67, (s // 3 - 1) * 0.67
                toward = centres[light] + a * sides[light, 0] + b * sides[light, 1] - points[n]
                toward /= np.sqrt((toward**2).sum())
                cos_in = (normal * toward).sum()
                if cos_in <= 0:
                    continue
                half = toward + view
                half /= np.sqrt((half**2).sum())
                cos_half = max((normal * half).sum(), 0.0)
                fresnel = 0.028 + 0.972 * (1 - max((half * view).sum(), 0.0)) ** 5
                spread = cos_half * cos_half * (alpha * alpha - 1) + 1
                normal_distribution = alpha * alpha / (np.pi * spread * spread)
                k = alpha / 2
                shadowing = 1 / ((cos_in * (1 - k) + k) * (facing * (1 - k) + k))
                value = normal_distribution * fresnel * shadowing / 4 * cos_in * np.pi / 9
                for c in range(3):
                    specular[n, c] += colours[light, c] * value * visible[n, light]


def shade(
    points: FloatArray,
    normals: FloatArray,
    visible: FloatArray,
    camera: FloatArray,
    lights: AreaLights,
    wrap: FloatArray,
    roughness: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Diffuse irradiance and specular reflection, each ``(N, 3)``.

    Args:
        points: ``(N, 3)`` cm.
        normals: ``(N, 3)`` unit normals.
        visible: ``(N, L)`` part of each light that arrives.
        camera: ``(3,)`` position of the lens.
        lights: The lights.
        wrap: ``(3,)`` how far light of each colour creeps past the terminator (0 is Lambert).
        roughness: ``(N,)`` of the microfacets (GGX, Schlick's Fresnel with 0.028 head-on, as of skin).
    """
    diffuse, specular = np.zeros((len(points), 3)), np.zeros((len(points), 3))
    _shade(points, normals, visible, camera, lights.centres, lights.sides, lights.colours, wrap, roughness, diffuse, specular)
    return diffuse, specular


def mirror(points: FloatArray, directions: FloatArray, lights: AreaLights, softness: float) -> FloatArray:
    """``(N, 3)`` what a mirror at ``points`` reflects along ``directions``: the lights' faces, edges ``softness`` wide."""
    seen: NDArray[np.float64] = np.zeros((len(points), 3))
    for centre, sides, colour in zip(lights.centres, lights.sides, lights.colours, strict=True):
        forward = unit(-centre)
        approach = directions @ forward
        t = ((centre - points) @ forward) / np.where(np.abs(approach) < 1e-6, 1e-6, approach)
        spot = points + t[:, None] * directions - centre
        inside = (t > 0).astype(float)
        for side in sides:
            reach = np.abs(spot @ side) / (side @ side)
            inside *= np.clip((1 - reach) / softness + 0.5, 0, 1)
        seen += inside[:, None] * colour
    return seen
