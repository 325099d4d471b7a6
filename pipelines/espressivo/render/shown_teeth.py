"""The upper teeth that a photograph shows: cut out once, fixed to the skull; lips move over them and never stretch them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from espressivo.face.landmark_groups import INNER_LIPS
from espressivo.render.fitting import HeadFit
from espressivo.render.imaging import LINEAR, as_alpha, blur, dilate, fill_polygon, sample, smoothstep
from espressivo.render.layers import Canvas
from espressivo.render.regions import Region

__all__ = ["ShownTeeth", "shown_teeth"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

# The brightest part of an open mouth is teeth if it is this bright against what teeth would have, and less red than the lips.
BRIGHT_PART = 75
AS_BRIGHT, AS_RED = 0.42, 0.75
BRIGHTER_THAN_LIPS = 1.1
# An upper tooth ends where its column falls below this part of its greatest brightness, not sooner than this (units of the head).
EDGE_BRIGHTNESS = 0.62
SHORTEST = 0.22
# The edges of the upper teeth lie on an arc, this near (units): what hangs lower is no tooth, what is higher a shadow.
OFF_THE_ARC, ARC_ROUNDS = 0.05, 6
# Units of the head: lips' edge belongs to the lips; crowns go on under the upper lip, then comes gum.
LIP_EDGE = 0.05
LIT = 0.7
WIDENED, WIDEST = 0.8, 1.25
CROWN = (0.75, 0.95)
# Gums lie in the shadow of the lip that uncovers them.
UNDER_THE_LIP = np.float32(0.82)
GAPLESS, GAP_REACH = 0.15, 0.1
# Teeth beside those that the photograph lights: how far they go on (units), how much darker they get, how the row rises.
SIDES = (0.9, 1.5)
# The last tooth on each side is half hidden by the corner of the mouth, units.
HALF_SEEN = 0.2
UNLIT, RISE = 0.7, 0.25
FRONT = 0.6


@dataclass(frozen=True, eq=False)
class ShownTeeth:
    """Upper teeth of a photograph at ``region``.

    Attributes:
        region: Where they lie.
        colour: ``(h, w, 3)`` float32, continued under the upper lip.
        alpha: ``(h, w)`` float32 0-1.
        vertices: Front vertices of the upper arch.
        places: ``(N, 2)`` their places in the photograph.
    """

    region: Region
    colour: Float
    alpha: Float
    vertices: NDArray[np.int64]
    places: Float

    def drawn(self, canvas: Canvas, points: Float, widening: float) -> tuple[Float, Float]:
        """Colour ``(h, w, 3)`` and alpha ``(h, w)`` on a canvas.

        Args:
            canvas: Where they are drawn.
            points: ``(V, 3)`` where the head is.
            widening: Width of the mouth against the photograph's. A wider one would show teeth that the photograph hides; the
                others are widened a little instead.
        """
        now = np.concatenate([points[self.vertices, :2], np.ones((len(self.vertices), 1))], axis=1)
        back, *_ = np.linalg.lstsq(now, self.places.astype(np.float64), rcond=None)
        grid = canvas.grid()
        place = grid @ back[:2].astype(np.float32) + (back[2] - [self.region.left, self.region.top]).astype(np.float32)
        middle = np.float32(self.places[:, 0].mean() - self.region.left)
        place[..., 0] = middle + (place[..., 0] - middle) / np.float32(np.clip(1 + WIDENED * (widening - 1), 1, WIDEST))
        return (
            sample(self.colour, place, LINEAR, cv2.BORDER_REPLICATE),
            sample(self.alpha, place, LINEAR, cv2.BORDER_REPLICATE),
        )


def shown_teeth(
    image: Image, fit: HeadFit, upper_arch: NDArray[np.int64], level: float, lip: Float, gum: Float
) -> ShownTeeth | None:
    """Cut out the upper teeth; ``None`` where the photograph shows none.

    Args:
        image: The photograph.
        fit: The head on it.
        upper_arch: Vertices of the upper teeth.
        level: Brightness that teeth would have here.
        lip: RGB of the lips.
        gum: RGB of gums.
    """
    contour = fit.landmarks[list(INNER_LIPS)]
    region = Region.around(contour, 0.8 * fit.scale, image.shape[1], image.shape[0])
    if region.width < 6 or region.height < 6:
        return None
    corner = np.array([region.left, region.top], np.float32)
    opening = fill_polygon((region.height, region.width), contour - corner)
    edge = max(1, round(LIP_EDGE * fit.scale))
    narrower = 255 - dilate(255 - opening, 2 * edge + 1)
    sure = narrower > 127
    window = image[region.slices].astype(np.float32)
    if sure.sum() < 16 or not _are_teeth(window[sure], level, lip):
        return None
    ends = _lower_edge(blur(window.mean(axis=-1), max(0.5, 0.06 * fit.scale)), sure, fit.scale)
    above_end = smoothstep(ends - np.arange(region.height)[:, None], -0.7, 0.7)
    colour, alpha = _continued(window, as_alpha(blur(narrower, 0.5 * edge)) * above_end, sure, ends, gum, fit.scale)
    alpha[[0, -1]] = 0
    alpha[:, [0, -1]] = 0
    points = fit.project(fit.vertices(fit.own_expression))
    depth = points[upper_arch, 2]
    front = upper_arch[depth > depth.max() - FRONT * fit.scale]
    return ShownTeeth(region, colour, alpha, front, points[front, :2])


def _are_teeth(inside: Float, level: float, lip: Float) -> bool:
    grey = inside.mean(axis=-1)
    bright = np.median(inside[grey >= np.percentile(grey, BRIGHT_PART)], axis=0)

    def redness(colour: Float) -> float:
        return float((colour[0] - colour[1:].mean()) / max(float(colour.mean()), 8.0))

    if float(bright.mean()) < BRIGHTER_THAN_LIPS * float(lip.mean()):  # the lips of a statue
        return False
    return float(bright.mean()) > AS_BRIGHT * level and redness(bright) < AS_RED * max(redness(lip), 0.15)


def _lower_edge(grey: Float, sure: NDArray[np.bool_], scale: float) -> Float:
    """``(w,)`` row at which the upper teeth of each column end: where their brightness falls, or at the lip."""
    width = sure.shape[1]
    shortest = max(1, round(SHORTEST * scale))
    columns = np.flatnonzero(sure.any(axis=0))
    ends = []
    for x in columns:
        rows = np.flatnonzero(sure[:, x])
        column = grey[rows[0] : rows[-1] + 1, x]
        peak = int(column[: max(len(column) * 2 // 3, 1)].argmax())
        dark = np.flatnonzero(column < EDGE_BRIGHTNESS * column[peak])
        dark = dark[dark > max(peak, shortest)]
        ends.append(rows[0] + dark[0] if len(dark) else rows[-1] + 1 + LIP_EDGE * scale)
    steady = median_filter(np.array(ends, np.float32), size=2 * max(1, round(0.12 * scale)) + 1, mode="nearest")
    arc = _arc(columns, steady, OFF_THE_ARC * scale)
    steady = np.clip(steady, arc - OFF_THE_ARC * scale, arc + OFF_THE_ARC * scale)
    line: Float = np.interp(np.arange(width), columns, steady).astype(np.float32)
    return line


def _arc(columns: NDArray[np.intp], rows: Float, near: float) -> Float:
    """Rows of the parabola that most of the points lie near: what hangs over the edge does not bend it (Huber 1964)."""
    weight = np.ones(len(columns))
    for _ in range(ARC_ROUNDS):
        arc: Float = np.polyval(np.polyfit(columns, rows, 2, w=np.sqrt(weight)), columns).astype(np.float32)
        weight = near / np.maximum(np.abs(rows - arc), near)
    return arc


def _continued(
    window: Float, shown: Float, sure: NDArray[np.bool_], ends: Float, gum: Float, scale: float
) -> tuple[Float, Float]:
    """Each column goes on above its topmost pixel, then turns into gum; the row goes on to both sides, into the dark.

    A smile that widens shows teeth which the photograph hides: they are the mirror image of the last lit ones, smaller and less
    lit.
    """
    height, width = shown.shape
    columns = np.flatnonzero(sure.any(axis=0))
    low = np.minimum(ends, height - sure[::-1].argmax(axis=0))
    top, bottom = (
        blur(np.interp(np.arange(width), columns, edge[columns]).astype(np.float32)[None], max(0.5, 0.1 * scale))[0]
        for edge in (sure.argmax(axis=0), low)
    )
    inward, beyond = _mirrored(window, sure, scale)
    beyond /= np.float32(scale)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(RISE * scale) * beyond
    top, bottom = top[inward], bottom[inward]
    ends = np.where(beyond > 0, bottom, ends)
    inset = np.float32(max(1.0, 0.06 * scale))
    place = np.stack([np.broadcast_to(inward, y.shape), np.maximum(y, top + inset)], axis=-1).astype(np.float32)
    above = (top - y) / np.float32(scale)
    into_gum = (smoothstep((bottom - y) / np.float32(scale), *CROWN) * smoothstep(above, 0.0, 0.15))[..., None]
    gapless = smoothstep(above, 0.0, GAPLESS)[..., None]
    colour = sample(window, place, LINEAR) * (1 - gapless) + sample(_without_gaps(window, scale), place, LINEAR) * gapless
    colour = colour * (1 - into_gum) + gum * UNDER_THE_LIP * into_gum
    colour *= (1 - np.float32(UNLIT) * smoothstep(beyond, 0.0, SIDES[1]))[None, :, None]
    row = smoothstep(ends - y, -0.7, 0.7) * (1 - smoothstep(beyond, *SIDES))
    alpha = np.where(beyond > 0, row, np.maximum(shown, smoothstep(above, -0.1, 0.0)))
    return colour.astype(np.float32), alpha.astype(np.float32)


def _without_gaps(window: Float, scale: float) -> Float:
    """The dark gaps between crowns and the red points of the gums do not go on upwards: along the row, the lighter wins."""
    reach = 2 * max(1, round(GAP_REACH * scale)) + 1
    lighter = cv2.dilate(window, np.ones((1, reach), np.uint8))
    return np.asarray(cv2.blur(lighter, (reach, 1)), np.float32)


def _mirrored(window: Float, sure: NDArray[np.bool_], scale: float) -> tuple[NDArray[np.intp], Float]:
    """``(w,)`` the column that each column shows, the lit ones themselves, and how far it lies beyond them, pixels."""
    brightness = np.where(sure, window.mean(axis=-1), 0).max(axis=0)
    lit = np.flatnonzero(brightness > LIT * window[sure].mean())
    first, last = (lit if len(lit) else np.flatnonzero(sure.any(axis=0)))[[0, -1]]
    inset = min(round(HALF_SEEN * scale), (last - first) // 4)
    first, last = first + inset, last - inset
    column = np.arange(window.shape[1])
    left, right = np.maximum(first - column, 0), np.maximum(column - last, 0)
    inward = np.clip(column + 2 * left - 2 * right, first, last)
    return inward, (left + right).astype(np.float32)
