"""The colour of each pixel of an open mouth: what is there, how light falls on it, how deep it lies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import LIP_PAIRS
from espressivo.render.compiled import compiled
from espressivo.render.fitting import HeadFit
from espressivo.render.layers import Canvas
from espressivo.render.rasterizer import corner_weights, rasterize, vertex_normals
from espressivo.render.topology import HeadTopology, Part

if TYPE_CHECKING:
    from espressivo.render.mouth import MouthPalette

__all__ = ["ShadedMouth", "shade_mouth"]

Float = NDArray[np.float32]

LIGHT: Final = (np.float32(0.08), np.float32(0.35), np.float32(0.93))
HIGHLIGHT: Final = (np.float32(0.05), np.float32(0.45), np.float32(0.89))
BEHIND_LIPS, DEEPEST, THROAT_BEHIND = np.float32(0.3), np.float32(6), np.float32(1.3)
# How far light reaches into the mouth, by tissue, units of the head: skin, tongue, teeth, eye, gum, lash. Engineering.
REACH: Final = np.array([2.2, 2.7, 3.4, 2.0, 2.6, 2.0], np.float32)
THROAT_LIGHT: Final = np.float32(0.4)
INTO_THROAT: Final = (np.float32(0.2), np.float32(0.55))
FAR_TEETH: Final = (np.float32(0.8), np.float32(1.7))
LOST_IN_THROAT: Final = np.float32(0.5)
TOOTH_CONTRAST: Final = 0.45
LIP_SHADE: Final = np.float32(0.62)
# What a pixel shows.
THROAT, LIP, TEETH, FLESH = 0, 1, 2, 3
SKIN, TOOTH, TONGUE = int(Tissue.SKIN), int(Tissue.TEETH), int(Tissue.TONGUE)


@dataclass(frozen=True, eq=False)
class ShadedMouth:
    """The inside of a mouth on a canvas.

    Attributes:
        colour: ``(h, w, 3)`` float32 RGB.
        lining: ``(h, w)`` float32, way from the lips into the mouth, units.
        kind: ``(h, w)`` uint8, ``THROAT``, ``LIP``, ``TEETH`` or ``FLESH``.
    """

    colour: Float
    lining: Float
    kind: NDArray[np.uint8]


def shade_mouth(
    canvas: Canvas, fit: HeadFit, topology: HeadTopology, part: Part, palette: MouthPalette, points: Float, forward: Float
) -> ShadedMouth:
    """Draw a part of the mouth.

    Args:
        canvas: Where.
        fit: The head.
        topology: Its parts.
        part: What of the mouth is drawn.
        palette: Colours.
        points: ``(V, 3)`` where the vertices are.
        forward: ``(3,)`` direction in which the head looks, in the axes of ``points``.
    """
    own = np.ascontiguousarray(points[part.vertices])
    raster = rasterize(canvas.cells(own), part.triangles, canvas.height, canvas.width)
    normals = vertex_normals(own * np.array([1, -1, 1], np.float32), part.triangles)
    tone = fit.head.tone[part.vertices] ** np.float32(TOOTH_CONTRAST)
    depth = own @ forward[:, None] / np.float32(fit.scale)
    values = np.concatenate([normals, tone, topology.lining[part.vertices, None], depth], axis=1)
    tissues = fit.head.tissue[part.vertices[part.triangles[:, 0]]]
    front = np.float32((fit.head.landmarks(points, LIP_PAIRS[3]) @ forward).mean() / fit.scale)
    shape = raster.index.shape
    shaded = ShadedMouth(np.empty((*shape, 3), np.float32), np.zeros(shape, np.float32), np.full(shape, THROAT, np.uint8))
    throat = palette.tissue[Tissue.SKIN] * THROAT_LIGHT
    _shade(
        raster.points, raster.triangles, raster.index, values, tissues, palette.tissue, palette.lip * LIP_SHADE, throat,
        np.float32(palette.brightness), front, shaded.colour, shaded.lining, shaded.kind,
    )  # fmt: skip
    return shaded


@compiled(inline="always")
def _ramp(x: np.float32, low: np.float32, high: np.float32) -> np.float32:
    t = np.float32(min(max((x - low) / (high - low), np.float32(0)), np.float32(1)))
    return t * t * (np.float32(3) - np.float32(2) * t)


@compiled()
def _shade(
    points: Float,
    triangles: NDArray[np.int32],
    index: NDArray[np.int32],
    values: Float,
    tissues: NDArray[np.uint8],
    palette: Float,
    lip: Float,
    throat: Float,
    brightness: np.float32,
    front: np.float32,
    colour: Float,
    lining: Float,
    kind: NDArray[np.uint8],
) -> None:
    one = np.float32(1)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0:
                for k in range(3):
                    colour[y, x, k] = throat[k]
                continue
            a, b, c, w0, w1, w2 = corner_weights(points, triangles, t, x, y)
            way = w0 * values[a, 6] + w1 * values[b, 6] + w2 * values[c, 6]
            depth = w0 * values[a, 7] + w1 * values[b, 7] + w2 * values[c, 7]
            behind = min(max(front - depth - BEHIND_LIPS, np.float32(0)), DEEPEST)
            tissue = tissues[t]
            lining[y, x] = way
            if tissue == SKIN and behind > THROAT_BEHIND:
                for k in range(3):
                    colour[y, x, k] = throat[k]
                continue
            nx = w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0]
            ny = w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1]
            nz = w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2]
            length = one / (math.sqrt(nx * nx + ny * ny + nz * nz) + np.float32(1e-6))
            lambert = abs(nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]) * length
            reach = behind / REACH[tissue]
            near = math.exp(-reach * reach)
            if tissue == SKIN:
                kind[y, x] = LIP
                light, shine, deep = (
                    np.float32(0.72) + np.float32(0.28) * lambert,
                    np.float32(0),
                    _ramp(way, INTO_THROAT[0], INTO_THROAT[1]),
                )
            else:
                kind[y, x] = TEETH if tissue == TOOTH else FLESH
                light = np.float32(0.42) + np.float32(0.62) * lambert
                facing = (nx * HIGHLIGHT[0] + ny * HIGHLIGHT[1] + nz * HIGHLIGHT[2]) * length
                shine = min(max(facing, np.float32(0)), one) ** 40 * brightness
                deep = np.float32(0) if tissue == TONGUE else _ramp(behind, FAR_TEETH[0], FAR_TEETH[1])
                if deep > LOST_IN_THROAT:
                    kind[y, x] = THROAT
            for k in range(3):
                paint = lip[k] if tissue == SKIN else palette[tissue, k]
                tone = w0 * values[a, 3 + k] + w1 * values[b, 3 + k] + w2 * values[c, 3 + k]
                lit = (paint * tone * light + shine) * near + throat[k] * (one - near)
                colour[y, x, k] = lit + (throat[k] - lit) * deep
