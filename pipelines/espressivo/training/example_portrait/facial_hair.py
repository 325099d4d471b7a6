"""Eyebrows and eyelashes; rooted on the picture's own surfaces, so that they follow every face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.training.example_portrait.hair import Strands
from espressivo.training.example_portrait.mesh import FloatArray, unit

__all__ = ["FrontView", "eyebrows", "eyelashes", "lid_lines"]

# Middle line of the person's left brow from nose to temple: x, y in cm from between the eyes.
BROW_LINE = np.array([(1.15, 1.05), (1.9, 1.33), (2.8, 1.60), (3.8, 1.76), (4.5, 1.62), (5.1, 1.30)])
NUM_BROW_HAIRS = 850


@dataclass(frozen=True, slots=True)
class FrontView:
    """Skin as seen from the front: positions and normals on a grid of x and y."""

    tree_xy: FloatArray
    points: FloatArray
    normals: FloatArray

    def at(self, xy: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Nearest skin point and normal ``(..., 3)`` to ``(..., 2)``."""
        from scipy.spatial import cKDTree

        _, index = cKDTree(self.tree_xy).query(xy.reshape(-1, 2))
        points = self.points[index].reshape(*xy.shape[:-1], 3).copy()
        points[..., :2] = xy
        return points, self.normals[index].reshape(*xy.shape[:-1], 3)


def eyebrows(view: FrontView, width_cm: float, rng: np.random.Generator) -> Strands:
    """Hairs that leave the middle line upwards near the nose and along it towards the temple."""
    parts = [_eyebrow(view, width_cm, side, rng) for side in (1.0, -1.0)]
    return Strands(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("points", "radii", "tint")))


def _eyebrow(view: FrontView, width_cm: float, side: float, rng: np.random.Generator) -> Strands:
    num, steps = NUM_BROW_HAIRS, 9
    length_along = np.linspace(0, 1, len(BROW_LINE))
    s = rng.beta(1.05, 1.0, num)
    across = np.clip(rng.normal(0, 0.42, num), -1, 1)
    half_width = 0.5 * width_cm * np.interp(s, [0, 0.12, 0.55, 1], [0.8, 1.0, 0.8, 0.25])

    def line(t: FloatArray) -> FloatArray:
        return np.stack([np.interp(t, length_along, BROW_LINE[:, 0]), np.interp(t, length_along, BROW_LINE[:, 1])], axis=-1)

    tangent = unit(line(np.clip(s + 0.06, 0, 1)) - line(np.clip(s - 0.06, 0, 1)))
    upward = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    root = line(s) + upward * (across * half_width)[:, None]
    lean = (
        np.interp(s, [0, 0.15, 0.45, 1], [1.25, 0.75, 0.25, 0.0])[:, None]
        - 0.75 * across[:, None] * np.clip(s * 2, 0, 1)[:, None]
    )
    direction = unit(tangent + upward * lean + 0.16 * rng.normal(size=(num, 2)))
    length = np.interp(s, [0, 0.2, 0.8, 1], [0.55, 0.75, 0.55, 0.35]) * (0.75 + 0.4 * rng.random(num))
    along = np.linspace(0, 1, steps)
    bend = (tangent - direction) * 0.45
    flat = root[:, None] + (along[:, None] * direction[:, None] + along[:, None] ** 2 * bend[:, None]) * length[:, None, None]
    flat[..., 0] *= side
    points, normals = view.at(flat)
    lift = 0.02 + 0.045 * np.sin(np.pi * np.clip(along * 0.8, 0, 1))
    points = points + normals * lift[None, :, None]
    radii = np.outer(0.0065 + 0.002 * rng.random(num), np.clip(1 - along**2, 0.18, 1))
    return Strands(points, radii, np.exp(0.25 * rng.normal(size=num)))


def lid_lines(positions: FloatArray, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Upper and lower border ``(K, 3)`` of an eyeball's visible pixels, from the left of the picture to the right.

    Args:
        positions: ``(N, 3)`` cm of each pixel.
        columns: ``(N,)`` of each pixel.
        rows: ``(N,)`` of each pixel.
    """
    borders = []
    for sign in (1, -1):
        order = np.lexsort((sign * rows, columns))
        _, first = np.unique(columns[order], return_index=True)
        line = positions[order[first]]
        line = gaussian_filter1d(line, max(len(line) / 60, 1), axis=0, mode="nearest")
        borders.append(line[np.linspace(0, len(line) - 1, 100).round().astype(int)])
    return borders[0], borders[1]


def eyelashes(border: FloatArray, *, upper: bool, num: int, length_cm: float, rng: np.random.Generator) -> Strands:
    """Lashes ``num`` along a lid's border ``(K, 3)``; they fan out to both sides and curl away from the eye."""
    t = np.sort(rng.random(num)) * 0.94 + 0.03
    where = t * (len(border) - 1)
    root = np.stack([np.interp(where, np.arange(len(border)), border[:, axis]) for axis in range(3)], axis=1)
    outside = np.where(root[:, 0] > 0, t, 1 - t)  # 0 at the nose, 1 at the temple
    fan = 2 * (outside - 0.42) * np.sign(root[:, 0])
    up = 1.0 if upper else -1.0
    away = unit(np.stack([0.55 * fan, np.full(num, 0.10 * up), np.full(num, 0.85)], axis=1))
    curl = unit(np.stack([0.65 * fan, np.full(num, 0.9 * up), np.full(num, 0.35)], axis=1))
    length = length_cm * (0.55 + 0.45 * np.sin(np.pi * np.clip(0.12 + 0.75 * outside, 0, 1))) * (0.75 + 0.4 * rng.random(num))
    jitter = 0.10 * rng.normal(size=(num, 3))
    along = np.linspace(0, 1, 10)[None, :, None]
    points = root[:, None] + length[:, None, None] * (
        along * unit(away + jitter)[:, None] * 0.55 + along**1.8 * unit(curl + jitter)[:, None] * 0.65
    )
    points[..., 2] += 0.13  # lids are as thick as that
    taper = np.clip(1 - along[0, :, 0] ** 1.6, 0.12, 1)
    return Strands(points, np.outer(np.full(num, 0.013 if upper else 0.008), taper), np.ones(num))
