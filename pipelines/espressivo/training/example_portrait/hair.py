"""Hair, eyebrows and eyelashes as strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from espressivo.training.example_portrait.light import AreaLights, HairVolume, Illumination
from espressivo.training.example_portrait.mesh import FloatArray, QuadMesh, unit, vertex_normals
from espressivo.training.example_portrait.noise import fractal_noise
from espressivo.training.example_portrait.person import Hairstyle

__all__ = ["Strands", "fill_volume", "grow", "scalp_height", "shade_strands"]

# Height of the hairline over the eyes by azimuth from the front, degrees and cm: forehead, temple, sideburn, ear, nape.
HAIRLINE = np.array(
    [(0, 5.6), (15, 5.8), (30, 5.6), (42, 4.9), (52, 4.1), (62, 3.0), (72, 1.6), (80, -0.6), (88, -1.2), (94, 1.6), (112, 1.8),
     (122, -1.5), (140, -5.0), (180, -6.0)]
)  # fmt: skip
AXIS_Z = -8.0  # of the axis around which azimuth is measured
LONGEST_STEP_CM = 0.55
MAX_POINTS = 34  # of a finished strand


@dataclass(frozen=True, slots=True)
class Strands:
    """Strands of ``K`` points: ``points`` ``(S, K, 3)``, ``radii`` ``(S, K)`` cm, ``tint`` ``(S,)`` brightness of each."""

    points: FloatArray
    radii: FloatArray
    tint: FloatArray

    @property
    def tangents(self) -> FloatArray:
        """``(S, K, 3)`` unit directions towards the tip."""
        return unit(np.gradient(self.points, axis=1))


def _azimuth(points: FloatArray) -> FloatArray:
    return np.asarray(np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - AXIS_Z)))


def scalp_height(points: FloatArray) -> FloatArray:
    """How far ``(N, 3)`` points lie above the hairline, cm."""
    return np.asarray(points[:, 1] - np.interp(_azimuth(points), *HAIRLINE.T))


def _roots(style: Hairstyle, head: QuadMesh, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Roots and normals ``(S, 3)`` spread evenly over the scalp, thinner at its border."""
    triangles = head.triangles
    a, b, c = (head.vertices[triangles[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    middle = (a + b + c) / 3
    height = scalp_height(middle) + 0.35 * fractal_noise(middle, 0.8, 2)
    area *= np.clip(height / 0.9, 0, 1) ** 1.3
    chosen = rng.choice(len(area), style.num_strands, p=area / area.sum())
    u, v = np.sqrt(rng.random(style.num_strands)), rng.random(style.num_strands)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    normals = vertex_normals(head.vertices, triangles)
    corners = triangles[chosen]
    return (
        np.einsum("nkc,nk->nc", head.vertices[corners], weights),
        unit(np.einsum("nkc,nk->nc", normals[corners], weights)),
    )


def grow(style: Hairstyle, head: QuadMesh, body: QuadMesh, rng: np.random.Generator) -> Strands:
    """Side-parted hair that runs back over the ears and falls behind the shoulders.

    Each strand walks: along the head towards a point behind the ear of its side, then down, kept off the skin by a
    distance that grows with its layer.
    """
    roots, normals = _roots(style, head, rng)
    num = len(roots)
    side = np.where(roots[:, 0] > style.part_cm * np.clip((roots[:, 2] - AXIS_Z) / 8, 0, 1), 1.0, -1.0)
    layer = rng.random(num) ** 0.8
    step_cm = min(LONGEST_STEP_CM, style.length_cm / 14)
    steps = int(style.length_cm / step_cm)
    clump = fractal_noise(roots, 1.1, 2)
    behind_ear = np.stack([side * (7.9 + 1.0 * layer), -1.0 + 2.0 * clump, -11.0 - 1.5 * rng.random(num)], axis=1)
    skin = np.concatenate([head.vertices, body.vertices])
    skin_normals = np.concatenate([vertex_normals(m.vertices, m.triangles) for m in (head, body)])
    tree = cKDTree(skin)
    position = roots.copy()
    heading = unit(normals + 0.55 * style.swept * np.stack([side, 0 * side, -0.5 + 0 * side], axis=1))
    path = [roots]
    fallen = np.zeros(num)
    lifted = 0.3 + 0.7 * np.clip(np.abs(roots[:, 0] - style.part_cm) / 4, 0, 1)  # hair lies flat beside the parting
    for step in range(1, steps):
        toward = unit(behind_ear - position)
        passed = (position[:, 1] < behind_ear[:, 1] + 1.5) | (position[:, 2] < behind_ear[:, 2])
        fallen = np.minimum(fallen + 0.12 * passed, 1)
        down = np.stack([-0.05 * side, np.full(num, -1.0), np.full(num, 0.05)], axis=1)
        pull = toward * (1 - fallen[:, None]) + down * fallen[:, None]
        heading = unit(0.62 * heading + 0.38 * style.swept * pull + style.curl * rng.normal(size=(num, 3)))
        position = position + step_cm * heading
        clearance = 0.05 + (0.15 + style.volume_cm * layer * lifted) * min(step * step_cm / 3.3, 1)
        _, nearest = tree.query(position)
        outward = skin_normals[nearest]
        gap = ((position - skin[nearest]) * outward).sum(axis=1)
        push = np.clip(clearance - gap, 0, 1.2)
        position = position + outward * push[:, None]
        heading = unit(position - path[-1])
        path.append(position)
    points = np.stack(path, axis=1)
    points = _waved(points, style, clump, rng)
    points = _trimmed(points, style, rng)
    taper = np.linspace(1, 0, points.shape[1]) ** 0.5
    radii = np.outer(0.0045 + 0.002 * rng.random(num), np.clip(taper, 0.25, 1))
    tint = np.exp(0.28 * rng.normal(size=num) + 0.5 * clump)
    return Strands(points, radii, tint)


def _waved(points: FloatArray, style: Hairstyle, clump: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Neighbouring strands wave together, more so towards the tip."""
    num, steps, _ = points.shape
    along = np.linspace(0, 1, steps)
    phase = 2.5 * clump[:, None] + 2 * np.pi * along * style.length_cm / 10
    amplitude = 0.045 * style.length_cm * np.clip(along - 0.2, 0, 1) ** 0.8
    wave = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1) * amplitude[None, :, None]
    loose = style.length_cm / 34 * np.where(rng.random(num) < 0.02, 1.0, 0.22)[:, None, None]
    stray = rng.normal(size=(num, 1, 3)) * along[None, :, None] ** 1.2 * loose
    return points + wave + stray


def _trimmed(points: FloatArray, style: Hairstyle, rng: np.random.Generator) -> FloatArray:
    """Resample each strand to its own length."""
    num, steps, _ = points.shape
    uncut = points[:, :, 1] > style.cut_cm + 0.85 * rng.normal(size=(num, 1))
    share = np.clip(np.count_nonzero(uncut, axis=1) / steps, 0.15, 1)
    where = share[:, None] * np.linspace(0, steps - 1, min(steps, MAX_POINTS))[None, :]
    lower = np.minimum(where.astype(int), steps - 2)
    part = (where - lower)[:, :, None]
    rows = np.arange(num)[:, None]
    return np.asarray(points[rows, lower] * (1 - part) + points[rows, lower + 1] * part)


def fill_volume(strands: Strands, cell_cm: float = 0.3) -> HairVolume:
    """Density of hair on a grid, for shadows."""
    points = strands.points.reshape(-1, 3)
    origin = points.min(axis=0) - 2 * cell_cm
    shape = np.ceil((points.max(axis=0) - origin) / cell_cm).astype(int) + 3
    length = np.linalg.norm(np.diff(strands.points, axis=1), axis=2)
    cover = np.concatenate([length, length[:, -1:]], axis=1) * 2 * strands.radii
    cells = ((points - origin) / cell_cm).astype(int)
    flat = np.ravel_multi_index(cells.T, shape)
    density = np.bincount(flat, cover.ravel(), int(np.prod(shape))).reshape(shape) / cell_cm**3
    return HairVolume(gaussian_filter(density, 0.7), origin, cell_cm)


def shade_strands(
    strands: Strands, colour: tuple[float, float, float], arriving: Illumination, camera: FloatArray, lights: AreaLights
) -> FloatArray:
    """Linear light ``(S, K, 3)``: Kajiya and Kay (1989) with the two highlights of Marschner et al. (2003).

    Args:
        strands: The strands.
        colour: Linear albedo.
        arriving: Light at each point, ``(S K, ...)``.
        camera: ``(3,)`` position of the lens.
        lights: The lights.
    """
    num, steps, _ = strands.points.shape
    points, tangents = strands.points.reshape(-1, 3), strands.tangents.reshape(-1, 3)
    base = np.array(colour) * np.repeat(strands.tint, steps)[:, None]
    view = unit(camera - points)
    result = 1.5 * base * arriving.ambient
    sheen = np.sqrt(np.array(colour) / max(colour))
    for index, centre in enumerate(lights.centres):
        to_light = unit(centre - points)
        cos_in, cos_out = (tangents * to_light).sum(axis=1), (tangents * view).sum(axis=1)
        sin_in, sin_out = np.sqrt(1 - cos_in**2), np.sqrt(1 - cos_out**2)
        along = cos_in * -cos_out + sin_in * sin_out
        shifted = np.clip(np.cos(np.arccos(np.clip(along, -1, 1)) - 0.10), 0, 1)
        back = np.clip(np.cos(np.arccos(np.clip(along, -1, 1)) + 0.20), 0, 1)
        primary, secondary = 0.085 * shifted**90, 1.4 * back**22
        reached = arriving.visible[:, index][:, None]
        # light that passed through hair takes its colour
        deep = reached ** (1 + 0.35 * (1 - np.array(colour) / max(colour)))
        answer = 0.85 * base * sin_in[:, None] + primary[:, None] + secondary[:, None] * base * sheen
        result += lights.colours[index] * deep * answer
    return np.asarray(result.reshape(num, steps, 3))
