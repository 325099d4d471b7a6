"""Backdrop, exposure and grain."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.training.example_portrait.mesh import FloatArray
from espressivo.training.example_portrait.person import Person

__all__ = ["backdrop", "develop"]


def backdrop(person: Person, size_px: int, rng: np.random.Generator) -> FloatArray:
    """``(H, W, 3)`` linear light of a wall far out of focus, a few lamps before it."""
    row, column = np.mgrid[0:256, 0:256] / 255.0
    glow = np.exp(-(((column - 0.40) / 0.55) ** 2) - ((row - 0.40) / 0.62) ** 2)[:, :, None]
    near, far = (np.array(colour) for colour in person.background)
    picture = far + (near - far) * glow
    lamps = np.zeros((256, 256, 3))
    for _ in range(16):
        x, y, radius = rng.uniform(-10, 266), rng.uniform(-10, 190), rng.uniform(8, 22)
        tint = np.array([1.0, rng.uniform(0.78, 0.95), rng.uniform(0.5, 0.9)]) * rng.uniform(0.02, 0.085)
        disc = 1 / (1 + np.exp((np.hypot(column * 255 - x, row * 255 - y) - radius) / 1.6))
        lamps += disc[:, :, None] * tint
    picture = picture + cv2.GaussianBlur(lamps, (0, 0), 2.0)
    return np.asarray(cv2.resize(picture, (size_px, size_px), interpolation=cv2.INTER_CUBIC), np.float64)


def _filmic(light: FloatArray) -> FloatArray:
    """Display values of linear light, with a soft shoulder (Narkowicz 2015, a fit of the ACES curve)."""
    light = light * 0.78
    return np.asarray(np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1))


def develop(light: FloatArray, size_px: int, exposure: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Shrink ``(H, W, 3)`` linear light to ``size_px``, add the lens's glow and fine grain, encode as sRGB."""
    small = cv2.resize(np.minimum(light * exposure, 6.0), (size_px, size_px), interpolation=cv2.INTER_AREA)
    halo = cv2.GaussianBlur(np.maximum(small - 0.75, 0), (0, 0), size_px / 90)
    shown = _filmic(small + 0.25 * halo)
    grey = shown.mean(axis=2, keepdims=True)
    shown = np.clip(grey + 1.12 * (shown - grey), 0, 1)  # the shoulder of the curve fades colours
    encoded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 1e-9) ** (1 / 2.4) - 0.055)
    grain = cv2.GaussianBlur(rng.normal(size=(size_px, size_px)), (0, 0), 0.7)[:, :, None] * 0.011
    return np.asarray(np.clip(encoded + grain, 0, 1) * 255 + 0.5, np.uint8)
