"""OpenCV's resampling with the types that the renderer works in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.threads import LINEAR_ALGEBRA_ON_ONE_CORE

__all__ = [
    "AREA",
    "CUBIC",
    "LINEAR",
    "as_alpha",
    "blur",
    "dilate",
    "fill_polygon",
    "pull_push",
    "repeatable",
    "resize",
    "sample",
    "smoothstep",
]

AREA: Final = cv2.INTER_AREA
LINEAR: Final = cv2.INTER_LINEAR
CUBIC: Final = cv2.INTER_CUBIC

Float = NDArray[np.float32]
_SUBPIXEL_BITS = 4


def smoothstep(x: NDArray[np.floating] | float, low: float, high: float) -> Float:
    """Cubic ramp from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    ramp: Float = t * t * (3 - 2 * t)
    return ramp


@contextmanager
def repeatable() -> Iterator[None]:
    """Let OpenCV and linear algebra round the same way every time, in this thread.

    Intel's primitives inside OpenCV round by the alignment of the memory that they are given, which differs from call to call.
    """
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        with LINEAR_ALGEBRA_ON_ONE_CORE:
            yield
    finally:
        cv2.ipp.setUseIPP(used)


def resize(picture: NDArray[Any], size: tuple[int, int], how: int) -> NDArray[Any]:
    """To ``(width, height)``; the picture itself where it has that size."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=how))


def sample(picture: NDArray[Any], places: Float, how: int, border: int = cv2.BORDER_REFLECT_101) -> NDArray[Any]:
    """Values at ``(h, w, 2)`` coordinates x, y; same depth as the picture."""
    # An empty array in place of None makes OpenCV 5.0 thousands of times slower with reflected borders.
    return np.asarray(cv2.remap(picture, places, None, how, borderMode=border))  # type: ignore[call-overload]


def blur(picture: NDArray[Any], sigma: float) -> NDArray[Any]:
    """Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma))


def dilate(mask: NDArray[Any], size: int) -> NDArray[Any]:
    """Largest value in a square of ``size`` pixels."""
    return np.asarray(cv2.dilate(mask, np.ones((size, size), np.uint8)))


def as_alpha(mask: NDArray[np.uint8]) -> Float:
    """0-255 to 0-1."""
    return mask.astype(np.float32) * np.float32(1 / 255)


def fill_polygon(shape: tuple[int, int], contour: NDArray[np.floating]) -> NDArray[np.uint8]:
    """``(h, w)`` mask, 255 inside a closed contour ``(N, 2)`` and half a pixel around it, edges smooth."""
    mask = np.zeros(shape, np.uint8)
    points = (contour * (1 << _SUBPIXEL_BITS)).round().astype(np.int32)
    cv2.fillPoly(mask, [points], (255,), lineType=cv2.LINE_AA, shift=_SUBPIXEL_BITS)
    return mask


def pull_push(value: Float, weight: Float) -> Float:
    """Fill a weighted map smoothly where its weight is low (Gortler et al. 1996, "The Lumigraph", 3.3).

    Args:
        value: ``(h, w, C)`` already multiplied by ``weight``, C at least 2.
        weight: ``(h, w)`` 0-1.
    """
    levels = [(value, weight)]
    while min(value.shape[:2]) > 4:
        value, weight = np.asarray(cv2.pyrDown(value)), np.asarray(cv2.pyrDown(weight))
        levels.append((value, weight))
    mean = value.sum(axis=(0, 1)) / max(float(weight.sum()), 1e-9)
    filled: Float = np.broadcast_to(mean, value.shape).astype(np.float32)
    for fine, fine_weight in reversed(levels):
        alpha = np.clip(fine_weight, 0, 1)[..., None]
        coarse = filled if filled.shape == fine.shape else np.asarray(cv2.pyrUp(filled, dstsize=fine.shape[1::-1]))
        filled = (fine / np.maximum(fine_weight, 1e-6)[..., None] * alpha + coarse * (1 - alpha)).astype(np.float32, copy=False)
    return filled
