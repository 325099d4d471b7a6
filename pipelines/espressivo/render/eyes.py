"""Eyes that turn and lids that close."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.render.eye_looks import EYES, UPPER_RIM, EyeLook, lid_gap
from espressivo.render.fitting import HeadFit
from espressivo.render.imaging import AREA, CUBIC, LINEAR, as_alpha, blur, fill_polygon, resize, sample, smoothstep
from espressivo.render.layers import Canvas, Layer
from espressivo.render.rasterizer import rasterize
from espressivo.render.topology import HeadTopology

__all__ = ["draw_eye"]

Float = NDArray[np.float32]

MARGIN = 1.0
# Part of the way from the photograph's lids to closed ones over which the painted lid, then its lashes, come in.
CLOSING = (0.15, 0.75)
LASHES = (0.3, 0.9)
SHUT = (0.98, 1.04)
UPPER_LID = (0.02, 0.2)
# Movement over which the painted eye takes over from the photograph: pixels at least, units of the head.
STILL_PX, STILL = 0.35, 0.08
LOWER_LID = 9  # points of an eye's contour up to the inner corner


def draw_eye(
    fit: HeadFit, topology: HeadTopology, look: EyeLook, side: int, points: Float, frame: tuple[int, int]
) -> tuple[Layer, ...]:
    """Layers of one eye at ``points`` ``(V, 3)``: the eyeball, then the closing lid; none while it is as in the photograph."""
    marks = fit.head.landmarks(points)
    canvas = Canvas.around(marks[list(EYES[side])], MARGIN * fit.scale, frame, fit.scale)
    if canvas is None:
        return ()
    eyeball = fit.head.eye_vertices[side]
    drift = points[list(_corners(fit, side)), :2] - look.source[list(_corners(fit, side))]
    moved = np.abs(points[:, :2] - look.source - drift.mean(axis=0))
    lid_points = fit.head.landmark_vertices[list(UPPER_RIM[side]), 0]
    activity = float(smoothstep(float(max(moved[eyeball].max(), moved[lid_points].max())), 0.0, max(STILL_PX, STILL * fit.scale)))
    if activity == 0:
        return ()
    drawn = canvas.cells(points)
    drawn[eyeball, 2] -= 0.12 * fit.scale
    both = rasterize(drawn, topology.eyes[side], canvas.height, canvas.width)
    num_skin = len(topology.eyes[side]) - len(topology.eyeballs[side])
    opening = _opening(canvas, canvas.cells(marks[list(EYES[side])])[:, :2])
    layers = []
    if opening.any():
        layers.append(_ball_layer(fit, topology, look, side, canvas, drawn, opening, drift.mean(axis=0), activity))
    closing = 1 - lid_gap(fit, side, points) / max(look.gap, 1e-3)
    if closing > CLOSING[0]:
        values = np.concatenate([look.closed, fit.head.lid[side][:, None]], axis=1)
        layers.append(_lid_layer(look, canvas, both.interpolate(values), (both.index >= 0) & (both.index < num_skin), closing))
    return tuple(layers)


def _opening(canvas: Canvas, contour: Float) -> Float:
    """``(h, w)`` 0-1 between the lids; nothing where the upper lid has come down over the lower one."""
    upper = np.concatenate([contour[LOWER_LID - 1 :], contour[:1]])
    order = np.argsort(upper[:, 0])
    lower = contour[:LOWER_LID].copy()
    over = np.interp(lower[:, 0], upper[order, 0], upper[order, 1])
    gap = np.maximum(lower[:, 1] - over, 0)
    lower[:, 1] = over + gap
    between = fill_polygon((canvas.height, canvas.width), np.concatenate([lower, upper[1:-1]]))
    return as_alpha(between) * smoothstep(float(gap.max()) / canvas.zoom, 0.2, 2.5)


def _corners(fit: HeadFit, side: int) -> tuple[int, int]:
    inner, outer = fit.head.landmark_vertices[[UPPER_RIM[side][0], UPPER_RIM[side][-1]], 0]
    return int(inner), int(outer)


def _ball_layer(
    fit: HeadFit,
    topology: HeadTopology,
    look: EyeLook,
    side: int,
    canvas: Canvas,
    drawn: Float,
    opening: Float,
    drift: Float,
    activity: float,
) -> Layer:
    """The eyeball, sampled at the frame's own resolution; only its outline is drawn finer."""
    region = canvas.region
    plain = Canvas(region, 1)
    cells = (drawn.copy() + 0.0) if canvas.zoom == 1 else _rescaled(drawn, canvas.zoom)
    raster = rasterize(cells, topology.eyeballs[side], plain.height, plain.width)
    corner = np.array([look.region.left, look.region.top], np.float32)
    place = raster.interpolate(look.source) - corner
    ball = sample(look.ball, place, CUBIC, cv2.BORDER_REPLICATE).astype(np.float32)
    lamp = region.grid() - drift - corner
    ball += sample(look.catch_light, lamp, LINEAR, cv2.BORDER_REPLICATE)
    alpha = resize(opening, (region.width, region.height), AREA)
    alpha = blur(alpha, max(0.6, 0.02 * fit.scale)) * (raster.index >= 0) * np.float32(activity)
    return Layer(region, ball * alpha[..., None], alpha)


def _rescaled(cells: Float, zoom: int) -> Float:
    plain = cells.copy()
    plain[:, :2] = (cells[:, :2] + 0.5) / np.float32(zoom) - 0.5
    return plain


def _lid_layer(look: EyeLook, canvas: Canvas, seen: Float, is_skin: NDArray[np.bool_], closing: float) -> Layer:
    """The painted lid over the upper lid, ``seen`` ``(h, w, 3)``: its place when closed, and how much it is upper lid."""
    place = np.ascontiguousarray(seen[..., :2] - np.array([look.region.left, look.region.top], np.float32))
    skin, lid_alpha, lash_alpha = (
        sample(picture, place, LINEAR, cv2.BORDER_REPLICATE) for picture in (look.lid, look.lid_alpha, look.lash_alpha)
    )
    upper = smoothstep(seen[..., 2], *UPPER_LID)
    lid = lid_alpha * is_skin * upper * smoothstep(closing, *CLOSING)
    shut = smoothstep(closing, *SHUT)
    lash = lash_alpha * is_skin * (upper + (1 - upper) * shut) * smoothstep(closing, *LASHES)
    alpha = lid + lash - lid * lash
    mixed = skin * (lid * (1 - lash))[..., None] + look.lash_colour * lash[..., None]
    colour = mixed / np.maximum(alpha, 1e-4)[..., None]
    return canvas.finish(colour.astype(np.float32), alpha.astype(np.float32))
