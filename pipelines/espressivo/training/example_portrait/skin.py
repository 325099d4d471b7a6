"""Skin: colour, relief, oil, and the light that scatters below it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.training.example_portrait.hair import scalp_height
from espressivo.training.example_portrait.makehuman import Human, sample_mask
from espressivo.training.example_portrait.mesh import FloatArray, QuadMesh, unit
from espressivo.training.example_portrait.noise import fractal_noise, noise_gradient
from espressivo.training.example_portrait.person import Person
from espressivo.training.example_portrait.raster import Surface

__all__ = ["SkinMaps", "bumped", "paint", "scatter"]

# Sum of Gaussians for skin: variance in mm^2 and weight of red, green, blue (d'Eon and Luebke 2007, GPU Gems 3, ch. 14).
SCATTERING = (
    (0.0064, (0.233, 0.455, 0.649)),
    (0.0484, (0.100, 0.336, 0.344)),
    (0.187, (0.118, 0.198, 0.0)),
    (0.567, (0.113, 0.007, 0.007)),
    (1.99, (0.358, 0.004, 0.0)),
    (7.41, (0.078, 0.0, 0.0)),
)


@dataclass(frozen=True, slots=True)
class SkinMaps:
    """Per vertex: linear ``albedo`` ``(V, 3)``, ``roughness``, ``gloss`` (strength of the reflection), ``lips`` ``(V,)``."""

    albedo: FloatArray
    roughness: FloatArray
    gloss: FloatArray
    lips: FloatArray


def _blob(points: FloatArray, x: float, y: float, width: float, height: float) -> FloatArray:
    """Soft spot on both sides of the face, in front of the ears."""
    distance = ((np.abs(points[:, 0]) - x) / width) ** 2 + ((points[:, 1] - y) / height) ** 2
    return np.asarray(np.exp(-distance) * (points[:, 2] > -7))


def paint(person: Person, human: Human, mesh: QuadMesh) -> SkinMaps:
    """Colour the skin at each vertex; positions are those of the unposed face, origin between the eyes."""
    points, uv = mesh.vertices, mesh.vertex_uv()
    lips = sample_mask(human.masks["lips"], uv, blur_px=1.5)
    ears = sample_mask(human.masks["ears"], uv, blur_px=4.0)
    nose_y = points[points[:, 2].argmax(), 1]
    mottled = fractal_noise(points, 1.3, 4)
    fine = fractal_noise(points, 0.16, 2)

    red = 0.9 * _blob(points, 3.9, nose_y - 0.1, 1.7, 1.5) + 0.55 * _blob(points, 0.0, nose_y, 0.9, 0.7)
    red += 0.35 * _blob(points, 0.9, nose_y - 0.4, 0.4, 0.4) + 0.25 * _blob(points, 0.0, nose_y - 6.3, 1.4, 0.9) + 0.8 * ears
    red = np.clip(person.blush * red * (1 + 0.25 * mottled) + 0.12 * mottled, -0.4, 1.2)[:, None]
    albedo = np.array(person.skin) * np.exp(-red * np.array([0.05, 0.36, 0.33]))
    pale = (0.25 * _blob(points, 0.0, 4.5, 3.5, 1.6))[:, None]
    albedo = albedo * (1 + pale * np.array([0.05, 0.08, 0.09]))
    shadowed = (_blob(points, 2.7, -1.15, 1.3, 0.45) + 0.7 * _blob(points, 1.4, -0.3, 0.5, 0.8))[:, None]
    albedo = albedo * np.exp(-shadowed * np.array([0.14, 0.16, 0.10]))
    albedo = albedo * (1 + 0.05 * fine[:, None] + 0.05 * mottled[:, None])
    freckles = np.clip(fractal_noise(points + 7.0, 0.22, 1) - 0.36, 0, None) * (_blob(points, 2.6, nose_y + 0.6, 2.4, 1.0))
    albedo = albedo * np.exp(-(4.0 * freckles)[:, None] * np.array([0.6, 1.0, 1.2]))

    covered = np.clip((scalp_height(points) - 0.2) / 1.2, 0, 1)[:, None]
    albedo = albedo * (1 - 0.75 * covered) + 0.5 * np.array(person.hair.colour) * 0.75 * covered
    jaw_line = nose_y - 1.3 + 0.8 * np.clip(np.abs(points[:, 0]) - 3.0, 0, 3.5)
    beard = np.clip((jaw_line - points[:, 1]) / 0.8, 0, 1) * np.clip((points[:, 1] + 12.0) / 2.0, 0, 1) * (points[:, 2] > -8)
    beard = person.stubble * beard * (0.75 + 0.8 * fractal_noise(points, 0.10, 1) + 0.3 * mottled)
    albedo = albedo * np.exp(-beard[:, None] * np.array([0.95, 0.8, 0.6]))

    lip_colour = np.array(person.lips) * (1 + 0.12 * fractal_noise(points, np.array([0.09, 0.6, 0.6]), 2))[:, None]
    albedo = albedo * (1 - lips[:, None]) + lip_colour * lips[:, None]
    oily = np.clip(_blob(points, 0.0, nose_y + 1.5, 0.9, 2.6) + 0.6 * _blob(points, 0.0, 4.0, 3.0, 1.8), 0, 1)
    roughness = 0.52 - 0.10 * oily + 0.05 * mottled
    roughness = roughness * (1 - lips) + 0.40 * lips
    gloss = (0.8 + 0.35 * oily + 0.15 * fine) * (1 - lips) + 1.05 * lips
    return SkinMaps(albedo, roughness, gloss, lips)


def bumped(points: FloatArray, normals: FloatArray, lips: FloatArray) -> FloatArray:
    """Normals disturbed by pores, fine wrinkles and the furrows of the lips."""
    slope = 0.10 * noise_gradient(points, 0.10, 2) + 0.04 * noise_gradient(points, 0.45, 2)
    furrows = 0.30 * noise_gradient(points * np.array([1.0, 0.12, 0.12]), 0.085, 1)
    slope = slope * (1 - lips[:, None]) + furrows * lips[:, None]
    slope -= normals * (slope * normals).sum(axis=1, keepdims=True)
    return unit(normals - slope)


def scatter(irradiance: FloatArray, surface: Surface, size_px: int, pixels_per_cm: float) -> FloatArray:
    """Spread irradiance ``(N, 3)`` below the skin, as far as each colour travels; light leaves the skin's outline for nothing."""
    image: NDArray[np.float32] = np.zeros((size_px, size_px, 3), np.float32)
    mask: NDArray[np.float32] = np.zeros((size_px, size_px), np.float32)
    image[surface.rows, surface.columns] = irradiance
    mask[surface.rows, surface.columns] = 1
    result = np.zeros_like(irradiance)
    for variance_mm2, weights in SCATTERING:
        sigma = np.sqrt(variance_mm2) * pixels_per_cm / 10
        if sigma < 0.3:
            blurred = irradiance
        else:
            spread = cv2.GaussianBlur(image, (0, 0), sigma)[surface.rows, surface.columns]
            cover = cv2.GaussianBlur(mask, (0, 0), sigma)[surface.rows, surface.columns]
            blurred = spread / np.maximum(cover, 1e-3)[:, None]
        result += blurred * np.array(weights)
    return result
