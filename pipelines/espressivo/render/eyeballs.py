"""An eyeball without its lids: what the photograph hides of iris and white is completed, catch-lights are taken off."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.render.imaging import as_alpha, blur, dilate, fill_polygon, smoothstep

__all__ = ["bare_eyeball"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

RIM_ERODE: Final = 0.07  # units of the head: the lids' edge belongs to the lids
LIMBUS: Final = (0.9, 1.12)  # radii of the iris between which it turns into the white
NUM_RINGS: Final = 24
# Of an eye that shows less than this part of its iris the iris is guessed: as dark as what is seen, else brown. RGB against the
# white: the commonest colour of human irises. Engineering.
SEEN_IRIS: Final = 0.22
BROWN: Final = np.array([0.36, 0.24, 0.16], np.float32)
PUPIL: Final = (0.34, 0.42)
WARM_WHITE: Final = np.array([0.92, 0.88, 0.84], np.float32)
SHADED_WHITE: Final = 0.8  # under the lids less light falls than where the white is seen


def bare_eyeball(window: Image, contour: Float, iris: Float, scale: float) -> tuple[Image, Float]:
    """Complete an eye.

    Args:
        window: ``(h, w, 3)`` part of the photograph around the eye.
        contour: ``(N, 2)`` line of the lids in the window, pixels.
        iris: ``(5, 2)`` centre and four points of the rim of the iris.
        scale: Pixels per unit of the head.

    Returns:
        The eyeball ``(h, w, 3)`` uint8, and the catch-lights ``(h, w, 3)`` float32 that were taken off it.
    """
    opening = fill_polygon(window.shape[:2], contour)
    if not (opening > 127).any():
        return window.copy(), np.zeros(window.shape, np.float32)
    centre, radius = iris[0], max(float(np.linalg.norm(iris[1:] - iris[0], axis=1).mean()), 1.0)
    y, x = np.mgrid[: window.shape[0], : window.shape[1]].astype(np.float32)
    distance = np.hypot(x - centre[0], y - centre[1]) / np.float32(radius)
    plain, light = _take_catch_light(window.astype(np.float32), opening > 127, distance, radius)
    edge = max(1, round(2 * RIM_ERODE * scale))
    seen = as_alpha(blur(255 - dilate(255 - opening, edge), 0.5 * edge))
    surely = seen > 0.95
    white = _white(plain, surely & (distance > 1.25), x)
    seen_iris = surely & (distance < 1.05)
    if seen_iris.sum() >= SEEN_IRIS * np.pi * radius**2:
        rings = _iris(plain, seen_iris, distance)
    else:
        rings = _guessed_iris(plain, (opening > 127) & (distance < 0.9), distance, white)
    part = (1 - smoothstep(distance, *LIMBUS))[..., None]
    whole = white * (1 - part) + rings * part
    ball = plain * seen[..., None] + whole * (1 - seen[..., None])
    return np.clip(ball + 0.5, 0, 255).astype(np.uint8), light


def _take_catch_light(window: Float, opening: NDArray[np.bool_], distance: Float, radius: float) -> tuple[Float, Float]:
    """Split bright small spots off the iris."""
    size = max(3, int(radius * 0.9) | 1)
    square = np.ones((size, size), np.uint8)
    plain = np.stack([cv2.morphologyEx(window[..., k], cv2.MORPH_OPEN, square) for k in range(3)], axis=-1)
    excess = (window - plain).min(axis=-1)
    amount = smoothstep(excess, 25, 60) * (1 - smoothstep(distance, 0.75, 0.95)) * opening
    light: Float = (window - plain) * blur(amount, max(0.5, radius * 0.06))[..., None]
    return window - light, light


def _white(plain: Float, seen: NDArray[np.bool_], x: Float) -> Float:
    """Colour of the white of the eye, brighter or darker from corner to corner as it is seen."""
    if seen.sum() < 8:
        bright = float(np.percentile(plain.mean(axis=-1), 80))
        return np.full(plain.shape, np.float32(bright) * WARM_WHITE, np.float32)
    colours, places = plain[seen], x[seen]
    bright = colours.mean(axis=1) >= np.percentile(colours.mean(axis=1), 45)
    middle, spread = float(places[bright].mean()), max(float(np.ptp(places)), 1.0)
    design = np.stack([np.ones(int(bright.sum())), (places[bright] - middle) / spread], axis=1)
    fit = np.linalg.solve(design.T @ design + np.diag([0, 0.2 * bright.sum()]), design.T @ colours[bright])
    across = np.clip((x - middle) / spread, -0.7, 0.7)[..., None]
    white: Float = (SHADED_WHITE * (fit[0] + across * fit[1])).astype(np.float32)
    return white


def _iris(plain: Float, seen: NDArray[np.bool_], distance: Float) -> Float:
    """The iris as rings of the mean colour at each radius."""
    ring = np.minimum((distance[seen] * NUM_RINGS).astype(int), 2 * NUM_RINGS - 1)
    count = np.bincount(ring, minlength=2 * NUM_RINGS).astype(np.float64)
    filled = np.flatnonzero(count)
    radii = np.arange(2 * NUM_RINGS, dtype=np.float64)
    where = distance * NUM_RINGS - 0.5
    channels = []
    for k in range(3):
        mean = np.bincount(ring, plain[..., k][seen], minlength=2 * NUM_RINGS)[filled] / count[filled]
        table = np.convolve(np.pad(np.interp(radii, filled, mean), 2, mode="edge"), [0.1, 0.2, 0.4, 0.2, 0.1], mode="valid")
        channels.append(np.interp(where, radii, table))
    return np.stack(channels, axis=-1).astype(np.float32)


def _guessed_iris(plain: Float, slit: NDArray[np.bool_], distance: Float, white: Float) -> Float:
    """An iris for an eye that is all but shut: pupil, brown ring, dark rim."""
    base = white.reshape(-1, 3).mean(axis=0) * BROWN
    if slit.sum() >= 8:
        grey = plain[slit].mean(axis=1)
        dark = plain[slit][grey <= np.percentile(grey, 40)].mean(axis=0)
        if dark.mean() < 0.55 * white.mean():
            base = 0.5 * base + 0.5 * dark
    tone = 0.8 + 0.5 * smoothstep(distance, 0.4, 0.75) - 0.7 * smoothstep(distance, 0.75, 1.05)
    iris: Float = (base * (tone * (0.3 + 0.7 * smoothstep(distance, *PUPIL)))[..., None]).astype(np.float32)
    return iris
