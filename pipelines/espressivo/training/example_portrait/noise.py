"""Value noise in space, for everything that must not look perfect."""

from __future__ import annotations

import numba
import numpy as np

from espressivo.training.example_portrait.mesh import FloatArray

__all__ = ["fractal_noise", "noise_gradient"]


@numba.njit
def _lattice(x, y, z):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    h = np.uint32(x) * np.uint32(374761393) + np.uint32(y) * np.uint32(668265263) + np.uint32(z) * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    return ((h ^ (h >> np.uint32(16))) & np.uint32(0xFFFFFF)) / 8388608.0 - 1.0


@numba.njit
def _value(x, y, z):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    f, g, h = x - i, y - j, z - k
    f, g, h = f * f * (3 - 2 * f), g * g * (3 - 2 * g), h * h * (3 - 2 * h)
    total = 0.0
    for corner in range(8):
        a, b, c = corner & 1, (corner >> 1) & 1, (corner >> 2) & 1
        weight = (f if a else 1 - f) * (g if b else 1 - g) * (h if c else 1 - h)
        total += weight * _lattice(i + a, j + b, k + c)
    return total


@numba.njit
def _fractal(points, octaves, out):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    for n in range(points.shape[0]):
        scale, amplitude = 1.0, 0.5
        for _ in range(octaves):
            out[n] += amplitude * _value(points[n, 0] * scale, points[n, 1] * scale, points[n, 2] * scale)
            scale *= 2.03
            amplitude *= 0.5


def fractal_noise(points: FloatArray, wavelength_cm: float | FloatArray, octaves: int = 3) -> FloatArray:
    """``(N,)`` noise, roughly -1 to 1, whose coarsest octave has the given wavelength (``(3,)`` to stretch it)."""
    out = np.zeros(len(points))
    _fractal(points / wavelength_cm + 100.0, octaves, out)
    return out


def noise_gradient(points: FloatArray, wavelength_cm: float, octaves: int = 2) -> FloatArray:
    """``(N, 3)`` gradient of :func:`fractal_noise` for a wavelength of one; serves as bump."""
    step = 0.2 * wavelength_cm
    here = fractal_noise(points, wavelength_cm, octaves)
    gradient = [fractal_noise(points + step * axis, wavelength_cm, octaves) - here for axis in np.eye(3)]
    return np.stack(gradient, axis=1) / 0.2
