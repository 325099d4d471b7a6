"""A knitted crew-neck sweater over the body's shape."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import coo_matrix, diags

from espressivo.training.example_portrait.mesh import FloatArray, IntArray, QuadMesh, unit, vertex_normals
from espressivo.training.example_portrait.noise import fractal_noise

__all__ = ["below_neckline", "collar", "knitted", "sweater"]

# Height of the neckline under the eyes by azimuth from the front, degrees and cm.
NECKLINE = np.array([(0, -15.6), (30, -15.0), (60, -13.6), (90, -12.4), (180, -11.6)])
AXIS_Z = -8.5
COLUMN_CM, ROW_CM = 0.40, 0.30


def below_neckline(points: FloatArray) -> FloatArray:
    """How far points ``(N, 3)`` lie below the neckline, cm."""
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - AXIS_Z))
    return np.asarray(np.interp(azimuth, *NECKLINE.T) - points[:, 1])


def sweater(body: QuadMesh) -> tuple[FloatArray, IntArray]:
    """Vertices and triangles of the cloth: the body below the neckline, smoothed and moved outwards."""
    below = below_neckline(body.vertices)
    cloth = body.select(np.all(below[body.quads] > -0.35, axis=1))
    depth = below_neckline(cloth.vertices)
    edges = np.concatenate([cloth.quads[:, [k, (k + 1) % 4]] for k in range(4)])
    size = len(cloth.vertices)
    link = coo_matrix(
        (np.ones(2 * len(edges)), (np.r_[edges[:, 0], edges[:, 1]], np.r_[edges[:, 1], edges[:, 0]])), (size, size)
    ).tocsr()
    average = diags(1 / np.asarray(link.sum(axis=1)).ravel()) @ link
    smooth = cloth.vertices
    for _ in range(120):
        smooth = smooth + 0.6 * np.clip(depth / 2.5, 0, 1)[:, None] * (average @ smooth - smooth)
    normals = vertex_normals(smooth, cloth.triangles)
    folds = fractal_noise(smooth * np.array([1.0, 0.6, 1.0]), 5.0, 2)
    thickness = 0.12 + 0.5 * np.clip(depth / 2, 0, 1) + 0.30 * folds * np.clip(depth / 4, 0, 1)
    return smooth + normals * thickness[:, None], cloth.triangles


def collar(body: QuadMesh) -> tuple[FloatArray, IntArray]:
    """Vertices and triangles of the ribbed band along the neckline."""
    points = body.vertices
    near = np.abs(below_neckline(points)) < 0.5
    azimuth = np.arctan2(points[near, 0], points[near, 2] - AXIS_Z)
    radius = np.hypot(points[near, 0], points[near, 2] - AXIS_Z)
    num, around = 720, 32
    turn = 2 * np.pi * np.arange(num) / num - np.pi
    order = np.argsort(azimuth)
    mean = np.interp(turn, azimuth[order], gaussian_filter1d(radius[order], 6, mode="wrap"), period=2 * np.pi)
    mean = gaussian_filter1d(mean, 14, mode="wrap") + 0.30
    height = gaussian_filter1d(np.interp(np.degrees(np.abs(turn)), *NECKLINE.T), 12, mode="wrap") + 0.1
    section = 2 * np.pi * np.arange(around) / around
    rib = 1 + 0.05 * np.abs(np.sin(turn * 75))[:, None]
    out = mean[:, None] + 0.36 * np.cos(section)[None, :] * rib - 0.42 * np.sin(section)[None, :]
    up = height[:, None] + 0.85 * np.sin(section)[None, :] * rib
    vertices = np.stack([out * np.sin(turn)[:, None], up, out * np.cos(turn)[:, None] + AXIS_Z], axis=-1).reshape(-1, 3)
    index = np.arange(num * around).reshape(num, around)
    quads = np.stack(
        [index, np.roll(index, -1, 0), np.roll(np.roll(index, -1, 0), -1, 1), np.roll(index, -1, 1)], axis=-1
    ).reshape(-1, 4)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def _stitch(x: FloatArray, y: FloatArray) -> FloatArray:
    """Height 0-1 of plain knitting: columns of nested V."""
    across = np.abs(x / COLUMN_CM - np.floor(x / COLUMN_CM) - 0.5) * 2
    loop = 0.5 + 0.5 * np.cos(2 * np.pi * (y / ROW_CM - 0.75 * across))
    return np.asarray((1 - across**3) * (0.45 + 0.55 * loop) * np.clip(across * 6, 0.35, 1))


def knitted(points: FloatArray, normals: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Normals disturbed by stitches and the light ``(N,)`` that stays in the gaps between them."""
    wobble = 0.10 * fractal_noise(points, 1.2, 2)
    x, y = points[:, 0] + wobble, points[:, 1] - 0.45 * points[:, 2] + wobble
    step = 0.02
    here = _stitch(x, y)
    slope = np.stack([_stitch(x + step, y) - here, _stitch(x, y + step) - here, np.zeros_like(here)], axis=1) / step
    fuzz = 0.25 * fractal_noise(points, 0.07, 2)
    return unit(normals - 0.055 * slope + 0.25 * fuzz[:, None] * normals[:, [1, 2, 0]]), 0.45 + 0.55 * here
