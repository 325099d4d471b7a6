"""Eyeballs with a cornea, an iris behind it, and a wet surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from espressivo.training.example_portrait.light import AreaLights, Illumination, mirror, shade
from espressivo.training.example_portrait.mesh import FloatArray, IntArray, unit, vertex_normals
from espressivo.training.example_portrait.noise import fractal_noise, noise_gradient
from espressivo.training.example_portrait.person import Person
from espressivo.training.example_portrait.raster import Surface

__all__ = ["Eyeball", "shade_eye"]

LIMBUS = 0.385  # radius of the iris over that of the eyeball; .37 by nature, a little more looks friendly
PUPIL = 0.33  # radius of the pupil over that of the iris
BULGE = 0.075  # height of the cornea above the eyeball over its radius
REFRACTION = 1 / 1.376  # of the cornea


@dataclass(frozen=True, slots=True)
class Eyeball:
    """An eyeball as a dense sphere.

    Attributes:
        centre: ``(3,)`` cm.
        radius: cm.
        axes: ``(3, 3)`` rows right, up and gaze.
        vertices: ``(V, 3)`` cm.
        triangles: ``(T, 3)``.
        normals: ``(V, 3)``.
    """

    centre: FloatArray
    radius: float
    axes: FloatArray
    vertices: FloatArray
    triangles: IntArray
    normals: FloatArray

    @staticmethod
    def fitted(points: FloatArray, target: FloatArray) -> Eyeball:
        """Sphere through ``points`` ``(N, 3)`` that looks at ``target`` ``(3,)``."""
        solution = np.linalg.lstsq(np.c_[2 * points, np.ones(len(points))], (points**2).sum(axis=1), rcond=None)[0]
        centre = solution[:3]
        radius = float(np.sqrt(solution[3] + centre @ centre))
        gaze = unit(target - centre)
        right = unit(np.cross(np.array([0.0, 1.0, 0.0]), gaze))
        axes = np.stack([right, np.cross(gaze, right), gaze])
        rings, spokes = 160, 160
        ring, spoke = np.mgrid[0 : rings + 1, 0:spokes]
        polar, turn = np.pi * (ring / rings) ** 1.4, 2 * np.pi * spoke / spokes
        local = np.stack([np.sin(polar) * np.cos(turn), np.sin(polar) * np.sin(turn), np.cos(polar)], axis=-1).reshape(-1, 3)
        bulge = np.clip(1 - (polar.ravel() / (np.arcsin(LIMBUS) * 1.12)) ** 2, 0, None) ** 1.5
        local *= (radius * (1 + BULGE * bulge))[:, None]
        index = np.arange((rings + 1) * spokes).reshape(rings + 1, spokes)
        beside = np.roll(index, -1, axis=1)
        quads = np.stack([index[:-1], index[1:], beside[1:], beside[:-1]], axis=-1).reshape(-1, 4)
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        vertices = centre + local @ axes
        return Eyeball(centre, radius, axes, vertices, triangles, vertex_normals(vertices, triangles))


def _iris(person: Person, spot: FloatArray, to_light: FloatArray) -> FloatArray:
    """Colour ``(N, 3)`` of the iris at ``spot`` ``(N, 2)``, radii of the iris; lit from ``to_light`` ``(2,)``."""
    radius, angle = np.hypot(spot[:, 0], spot[:, 1]), np.arctan2(spot[:, 1], spot[:, 0])
    circle = np.stack([np.cos(angle), np.sin(angle), 0.22 * radius], axis=1)
    fibres = fractal_noise(circle + 0.02 * fractal_noise(circle, 0.5)[:, None], 0.10, 3)
    coarse = fractal_noise(circle + 5, 0.55, 2)
    edge = PUPIL + 0.16 + 0.05 * coarse
    inner = 1 / (1 + np.exp((radius - edge) * 22))
    colour = np.array(person.iris) * (1 - inner[:, None]) + np.array(person.iris_inner) * inner[:, None]
    colour = colour * np.clip(1 + 0.95 * fibres + 0.35 * coarse, 0.25, 2.4)[:, None]
    collarette = np.exp(-(((radius - edge) / 0.06) ** 2))
    colour = colour * (1 + 0.45 * collarette[:, None])
    limbal = 1 / (1 + np.exp(-(radius - 0.88) * 30))
    colour = colour * (1 - 0.80 * limbal[:, None])
    gathered = np.clip(1.15 - 0.95 * (spot @ to_light), 0.35, None)  # the cornea gathers light opposite to the lamp
    pupil = 1 / (1 + np.exp(-(radius - PUPIL) * 60))
    return np.asarray(colour * (gathered * pupil)[:, None])


def shade_eye(
    person: Person, eye: Eyeball, surface: Surface, arriving: Illumination, camera: FloatArray, lights: AreaLights
) -> FloatArray:
    """Linear light ``(N, 3)`` of the eyeball's pixels; ``arriving`` is per vertex."""
    points, normals = surface.interpolate(eye.vertices), unit(surface.interpolate(eye.normals))
    visible, ambient = surface.interpolate(arriving.visible), surface.interpolate(arriving.ambient)
    local = (points - eye.centre) @ eye.axes.T / eye.radius
    view = unit(points - camera)

    wet = unit(normals - 0.02 * noise_gradient(points, 0.25, 2))
    diffuse, _ = shade(points, normals, visible, camera, lights, np.array([0.35, 0.25, 0.2]), np.full(len(points), 0.3))
    light = diffuse + ambient
    sideways = np.abs(local[:, 0])
    white = np.array([0.56, 0.50, 0.465]) * (1 - 0.35 * np.clip(sideways - 0.35, 0, 1)[:, None] * np.array([0.35, 1.0, 1.0]))
    veins = np.clip(fractal_noise(points * np.array([0.5, 1.6, 1.0]), 0.22, 3) - 0.22, 0, 1) * np.clip(sideways * 2 - 0.6, 0, 1)
    white = white * np.exp(-0.8 * veins[:, None] * np.array([0.1, 1.0, 0.9]))

    cosine = -(view * normals).sum(axis=1)
    inside = REFRACTION * view + (REFRACTION * cosine - np.sqrt(1 - REFRACTION**2 * (1 - cosine**2)))[:, None] * normals
    inside = inside @ eye.axes.T
    depth = np.sqrt(1 - LIMBUS**2) - 0.02
    travel = (depth - local[:, 2]) / np.minimum(inside[:, 2], -0.2)
    spot = (local + travel[:, None] * inside)[:, :2] / (LIMBUS * 0.985)
    key = unit((lights.centres[0] - eye.centre) @ eye.axes.T)[:2]
    iris = _iris(person, spot, key)
    rim = np.hypot(local[:, 0], local[:, 1]) / LIMBUS
    covered = 1 / (1 + np.exp((rim - 1.0) * 26)) * (local[:, 2] > 0)
    colour = white * (1 - covered[:, None]) + iris * 1.25 * covered[:, None]

    reflected = unit(view - 2 * (view * wet).sum(axis=1, keepdims=True) * wet)
    fresnel = (0.025 + 0.6 * (1 - np.clip(cosine, 0, 1)) ** 5)[:, None]
    visible_key = np.clip(visible[:, :1] * 1.6, 0, 1)
    highlight = mirror(points, reflected, lights, 0.25) * fresnel * 14 * visible_key
    return np.asarray(light * colour + highlight)
