"""Eyes that turn and lids that close."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.face.head import Tissue
from espressivo.render.eye_looks import EYES, UPPER_RIM, EyeLook, lid_gap
from espressivo.render.fitting import HeadFit
from espressivo.render.imaging import AREA, CUBIC, LINEAR, as_alpha, blur, fill_polygon, resize, sample, smoothstep
from espressivo.render.layers import Canvas, Layer
from espressivo.render.lid_painting import paint_lid
from espressivo.render.rasterizer import rasterize
from espressivo.render.topology import HeadTopology, Part

__all__ = ["draw_eye"]

Float = NDArray[np.float32]

# Units of the head beside the line of the lids.
BALL_MARGIN, LID_MARGIN = 0.1, 1.0
LID_BEFORE_EYE = 0.12
# Part of the way from the photograph's lids to closed ones over which the painted lid, then its lashes, come in.
CLOSING = (0.15, 0.75)
LASHES = (0.3, 0.9)
SHUT = (0.98, 1.04)
# Movement over which the painted eye takes over from the photograph: pixels at least, units of the head.
STILL_PX, STILL = 0.35, 0.08
LOWER_LID = 9  # points of an eye's contour up to the inner corner


def draw_eye(
    fit: HeadFit, topology: HeadTopology, look: EyeLook, side: int, points: Float, frame: tuple[int, int]
) -> tuple[Layer, ...]:
    """Layers of one eye at ``points`` ``(V, 3)``: the eyeball, then the closing lid; none while it is as in the photograph."""
    contour = fit.head.landmarks(points, EYES[side])
    corners = fit.head.landmark_vertices[[UPPER_RIM[side][0], UPPER_RIM[side][-1]], 0]
    drift = (points[corners, :2] - look.source[corners]).mean(axis=0)
    shown = np.concatenate([fit.head.eye_vertices[side], fit.head.landmark_vertices[list(UPPER_RIM[side]), 0]])
    moved = np.abs(points[shown, :2] - look.source[shown] - drift)
    activity = float(smoothstep(float(moved.max()), 0.0, max(STILL_PX, STILL * fit.scale)))
    if activity == 0:
        return ()
    layers = [
        _ball_layer(fit, topology.eyeballs[side], look, contour, points, drift, frame, activity),
        _lid_layer(fit, topology, look, side, contour, points, frame),
    ]
    return tuple(layer for layer in layers if layer is not None)


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


def _ball_layer(
    fit: HeadFit,
    part: Part,
    look: EyeLook,
    contour: Float,
    points: Float,
    drift: Float,
    frame: tuple[int, int],
    activity: float,
) -> Layer | None:
    """The eyeball between the lids, sampled at the frame's own resolution; only its outline is drawn finer."""
    canvas = Canvas.around(contour, BALL_MARGIN * fit.scale + 2, frame, fit.scale)
    if canvas is None:
        return None
    opening = _opening(canvas, canvas.cells(contour)[:, :2])
    if not opening.any():
        return None
    region = canvas.region
    plain = Canvas(region, 1)
    raster = rasterize(plain.cells(points[part.vertices]), part.triangles, plain.height, plain.width)
    corner = np.array([look.region.left, look.region.top], np.float32)
    place = raster.interpolate(look.source[part.vertices]) - corner
    ball = sample(look.ball, place, CUBIC, cv2.BORDER_REPLICATE).astype(np.float32)
    lamp = region.grid() - drift - corner
    ball += sample(look.catch_light, lamp, LINEAR, cv2.BORDER_REPLICATE)
    alpha = resize(opening, (region.width, region.height), AREA)
    alpha = blur(alpha, max(0.6, 0.02 * fit.scale)) * (raster.index >= 0) * np.float32(activity)
    return Layer(region, ball * alpha[..., None], alpha)


def _lid_layer(
    fit: HeadFit, topology: HeadTopology, look: EyeLook, side: int, contour: Float, points: Float, frame: tuple[int, int]
) -> Layer | None:
    """The painted lid over the upper lid as it comes down."""
    closing = 1 - lid_gap(fit, side, points) / max(look.gap, 1e-3)
    canvas = Canvas.around(contour, LID_MARGIN * fit.scale, frame, fit.scale)
    if closing <= CLOSING[0] or canvas is None:
        return None
    part = topology.eyes[side]
    num_skin = len(part.triangles) - len(topology.eyeballs[side].triangles)
    own = points[part.vertices]
    own[fit.head.tissue[part.vertices] == Tissue.EYE, 2] -= LID_BEFORE_EYE * fit.scale
    raster = rasterize(canvas.cells(own), part.triangles, canvas.height, canvas.width)
    place = look.closed[part.vertices] - np.array([look.region.left, look.region.top], np.float32)
    amounts = [float(smoothstep(closing, *over)) for over in (CLOSING, LASHES, SHUT)]
    return paint_lid(canvas, raster, num_skin, place, fit.head.lid[side][part.vertices], look, *amounts)
