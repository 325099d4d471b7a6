"""The painted lid, carried over the upper lid as it comes down."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from espressivo.render.compiled import compiled
from espressivo.render.eye_looks import EyeLook
from espressivo.render.layers import Canvas, Layer
from espressivo.render.rasterizer import Raster, corner_weights

__all__ = ["paint_lid"]

Float = NDArray[np.float32]

# How much of the upper lid a vertex must be for the paint to begin, and to cover.
UPPER_FROM, UPPER_TO = np.float32(0.02), np.float32(0.2)


def paint_lid(
    canvas: Canvas,
    raster: Raster,
    num_skin: int,
    place: Float,
    upper: Float,
    look: EyeLook,
    skin: float,
    lashes: float,
    shut: float,
) -> Layer:
    """Lay the painted lid over a drawn eye.

    Args:
        canvas: What the raster covers.
        raster: Lids and eyeball.
        num_skin: How many of its triangles, the first, are skin.
        place: ``(N, 2)`` place of each vertex in the eye's pictures when the eye is closed.
        upper: ``(N,)`` 0-1, how much it is upper lid.
        look: The pictures.
        skin: 0-1, how far the painted skin has come in.
        lashes: The same of the lashes on the upper lid.
        shut: 0-1, how far lashes lie on the lower lid.
    """
    region = canvas.region
    colour, alpha = np.zeros((region.height, region.width, 3), np.float32), np.zeros((region.height, region.width), np.float32)
    values = np.concatenate([place, upper[:, None]], axis=1).astype(np.float32)
    _paint(
        raster.points, raster.triangles, raster.index, num_skin, values, look.lid, look.lid_alpha, look.lash_alpha,
        look.lash_colour, np.float32(skin), np.float32(lashes), np.float32(shut), canvas.zoom, colour, alpha,
    )  # fmt: skip
    return Layer(region, colour, alpha)


@compiled()
def _paint(
    points: Float,
    triangles: NDArray[np.int32],
    index: NDArray[np.int32],
    num_skin: int,
    values: Float,
    lid: Float,
    lid_alpha: Float,
    lash_alpha: Float,
    lash_colour: Float,
    skin: np.float32,
    lashes: np.float32,
    shut: np.float32,
    zoom: int,
    colour: Float,
    alpha: Float,
) -> None:
    """Colour times alpha, and alpha, averaged over ``zoom`` times ``zoom`` pixels."""
    one, none = np.float32(1), np.float32(0)
    height, width = lid_alpha.shape
    share = one / np.float32(zoom * zoom)
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            t = index[y, x]
            if t < 0 or t >= num_skin:
                continue
            a, b, c, w0, w1, w2 = corner_weights(points, triangles, t, x, y)
            part = (w0 * values[a, 2] + w1 * values[b, 2] + w2 * values[c, 2] - UPPER_FROM) / (UPPER_TO - UPPER_FROM)
            part = min(max(part, none), one)
            upper = part * part * (np.float32(3) - np.float32(2) * part)
            if upper == none and shut == none:
                continue
            u = min(max(w0 * values[a, 0] + w1 * values[b, 0] + w2 * values[c, 0], none), np.float32(width - 1))
            v = min(max(w0 * values[a, 1] + w1 * values[b, 1] + w2 * values[c, 1], none), np.float32(height - 1))
            x0, y0 = min(int(u), width - 2), min(int(v), height - 2)
            fx, fy = u - np.float32(x0), v - np.float32(y0)
            w00, w01, w10, w11 = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
            x1, y1 = x0 + 1, y0 + 1
            cover = w00 * lid_alpha[y0, x0] + w01 * lid_alpha[y0, x1] + w10 * lid_alpha[y1, x0] + w11 * lid_alpha[y1, x1]
            lash = w00 * lash_alpha[y0, x0] + w01 * lash_alpha[y0, x1] + w10 * lash_alpha[y1, x0] + w11 * lash_alpha[y1, x1]
            cover *= upper * skin
            lash *= (upper + (one - upper) * shut) * lashes
            alpha[y // zoom, x // zoom] += share * (cover + lash - cover * lash)
            for k in range(3):
                there = w00 * lid[y0, x0, k] + w01 * lid[y0, x1, k] + w10 * lid[y1, x0, k] + w11 * lid[y1, x1, k]
                colour[y // zoom, x // zoom, k] += share * (there * cover * (one - lash) + lash_colour[k] * lash)
