"""Teeth, gums, tongue and throat, lit and coloured to go with the portrait."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.face.head import Tissue
from espressivo.face.landmark_groups import CHEEKS, INNER_LIPS, LEFT_EYE, RIGHT_EYE
from espressivo.render.fitting import HeadFit, RigidMotion
from espressivo.render.imaging import as_alpha, blur, dilate, fill_polygon, pull_push, smoothstep
from espressivo.render.layers import Canvas, Layer
from espressivo.render.lip_opening import lip_opening, mouth_width
from espressivo.render.lip_seal import lip_gaps
from espressivo.render.mouth_shading import FLESH, LIP, TEETH, THROAT, shade_mouth
from espressivo.render.regions import Region
from espressivo.render.shown_teeth import ShownTeeth, shown_teeth
from espressivo.render.topology import HeadTopology

__all__ = ["MouthPalette", "draw_mouth", "mouth_palette"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

LIPS = (0, 17, 37, 267, 84, 314)
MARGIN = 0.3
# A mouth no wider open than in the photograph stays the photograph; units of the head.
OPEN_IN_PHOTOGRAPH, SHOWS_TEETH = 0.12, 0.33
PARTED_LIPS = (0.015, 0.07)
# What shows between open lips holds until they have moved by this part of their distance, or the corners by this many units.
MOVED_LIPS, MOVED_CORNERS = (0.12, 0.2), (0.1, 0.18)
EMPTIED, LIP_RING = 0.05, 0.15
HIDDEN_BY_DRAWN = (0.6, 1.0)
LINING = (0.07, 0.38)
# The line in which lips meet, which a photograph of an open mouth does not have: how strong, how dark against the lip.
LIPS_MEET, LIPS_MEET_SHADE = 0.5, np.float32(0.45)
# RGB against their mean: what gums, tongue and throat look like where the portrait's own lips say nothing. Engineering.
ROSE = np.array([1.40, 0.78, 0.82], np.float32)
DARK_RED = np.array([1.83, 0.55, 0.62], np.float32)
# Range of the channels of skin, part of its brightness, from which on a picture is in colour.
COLOURFUL = 0.15
ENAMEL = np.array([1.03, 1.0, 0.93], np.float32)
TOOTH_GAP, GROOVE_SHADE = 0.16, 0.72
SOFT_THROAT = 0.15


@dataclass(frozen=True, eq=False)
class MouthPalette:
    """Colours of a portrait's mouth, and how wide it is open in the photograph.

    Attributes:
        tissue: ``(6, 3)`` RGB by tissue; skin means the throat.
        lip: ``(3,)`` RGB.
        own_gaps: ``(7,)`` distances between the lips in the photograph, units of the head.
        own_width: Distance of its corners there, units.
        brightness: What a highlight adds, grey levels.
        own_teeth: The upper teeth that the photograph shows, if any.
        lips_alone: The photograph with lips where it shows the inside of an open mouth, and its region; ``None`` where it shows
            none.
    """

    tissue: Float
    lip: Float
    own_gaps: Float
    own_width: float
    brightness: float
    own_teeth: ShownTeeth | None
    lips_alone: tuple[Region, Float] | None

    def opening(self, fit: HeadFit, points: Float) -> float:
        """How far the inside of the mouth has to be drawn when the head is at ``points`` ``(V, 3)``, 0-1.

        Lips that were shut hide it until they part; between lips that were not, the photograph holds until they move.
        """
        change = lip_gaps(fit, points) - self.own_gaps
        own = float(self.own_gaps.max())
        if own <= OPEN_IN_PHOTOGRAPH:
            return float(smoothstep(change.max(), *PARTED_LIPS))
        widened = abs(mouth_width(fit.head.landmarks(points)) / fit.scale - self.own_width)
        return float(max(smoothstep(np.abs(change).max() / own, *MOVED_LIPS), smoothstep(widened, *MOVED_CORNERS)))

    def emptied(self, photograph: Image, opening: float) -> Image:
        """The photograph without the inside of its mouth, once little of that is still seen behind what is drawn anew."""
        gone = smoothstep(opening, *HIDDEN_BY_DRAWN)
        if self.lips_alone is None or gone == 0:
            return photograph
        region, lips = self.lips_alone
        emptied = photograph.copy()
        window = emptied[region.slices]
        window[:] = np.clip(window + gone * (lips - window) + 0.5, 0, 255).astype(np.uint8)
        return emptied


def mouth_palette(image: Image, fit: HeadFit, topology: HeadTopology) -> MouthPalette:
    """Teeth take their white from the eyes, gums and tongue from the lips, brightness from the cheeks."""
    white, cheek, lip = _eye_white(image, fit), _patch(image, fit, CHEEKS), _patch(image, fit, LIPS)
    cast = 1 + 0.5 * (white / max(float(white.mean()), 1.0) - 1)
    level = float(np.clip(0.4 * white.mean() * 1.55 + 0.6 * cheek.mean() * 1.55, 70, 275))
    rose = 0.4 * lip / max(float(lip.mean()), 1.0) + 0.6 * ROSE
    base = 0.55 * lip.mean() + 0.35 * cheek.mean()
    tissue = np.zeros((len(Tissue), 3), np.float32)
    tissue[Tissue.TEETH] = ENAMEL * cast * level * 0.95
    tissue[Tissue.GUM] = rose * base * 1.25
    tissue[Tissue.TONGUE] = rose * base * 1.55
    tissue[Tissue.SKIN] = (0.4 * rose + 0.6 * DARK_RED) * base * 0.5
    tissue = _as_colourful(tissue, cheek)
    points = fit.project(fit.vertices(fit.own_expression))
    gaps = lip_gaps(fit, points)
    own = None
    if gaps.max() > SHOWS_TEETH:
        own = shown_teeth(image, fit, topology.upper_teeth, level, lip, tissue[Tissue.GUM])
    if own is not None:  # theirs is the colour
        seen = own.colour[own.alpha > 0.5]
        bright = seen[seen.mean(axis=1) >= np.percentile(seen.mean(axis=1), 60)].mean(axis=0)
        tissue[Tissue.TEETH] = 0.3 * tissue[Tissue.TEETH] + 0.7 * bright * 1.12
    brightness = float(np.clip(cheek.mean() / 150 * 26, 6, 30))
    lips_alone = _lips_alone(image, fit) if gaps.max() > OPEN_IN_PHOTOGRAPH else None
    width = mouth_width(fit.head.landmarks(points)) / fit.scale
    return MouthPalette(tissue, lip, gaps, width, brightness, own, lips_alone)


def _as_colourful(tissue: Float, skin: Float) -> Float:
    """A pencil drawing has a grey tongue."""
    colourful = np.float32(min(1.0, float(np.ptp(skin)) / max(float(skin.mean()), 1.0) / COLOURFUL))
    grey = tissue.mean(axis=-1, keepdims=True)
    toned: Float = grey + (tissue - grey) * colourful
    return toned


def _lips_alone(image: Image, fit: HeadFit) -> tuple[Region, Float] | None:
    contour = fit.landmarks[list(INNER_LIPS)]
    region = Region.around(contour, 0.6 * fit.scale, image.shape[1], image.shape[0])
    if min(region.width, region.height) < 8:
        return None
    inside = fill_polygon((region.height, region.width), contour - np.array([region.left, region.top], np.float32))
    widened, ring = (dilate(inside, 2 * max(1, round(reach * fit.scale)) + 1) for reach in (EMPTIED, EMPTIED + LIP_RING))
    away = as_alpha(255 - blur(widened, max(0.6, 0.5 * EMPTIED * fit.scale)))
    window = image[region.slices].astype(np.float32)
    sure = as_alpha(ring) * (away > 0.9)
    filled = pull_push(window * sure[..., None], sure)
    return region, window * away[..., None] + filled * (1 - away[..., None])


def _eye_white(image: Image, fit: HeadFit) -> Float:
    masks = [fill_polygon(image.shape[:2], fit.landmarks[list(contour)]) for contour in (LEFT_EYE, RIGHT_EYE)]
    eye = image[np.maximum(*masks) > 127].astype(np.float32)
    if len(eye) < 8:
        return np.full(3, 180, np.float32)
    order = eye.mean(axis=1)
    bright = (order >= np.percentile(order, 80)) & (order <= np.percentile(order, 97))
    white: Float = eye[bright].mean(axis=0)
    return white


def _patch(image: Image, fit: HeadFit, marks: tuple[int, ...]) -> Float:
    """Median colour around some landmarks."""
    radius = max(2, round(0.1 * fit.scale))
    patches = []
    for x, y in fit.landmarks[list(marks)].round().astype(int):
        patch = image[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        patches.append(patch.reshape(-1, 3))
    colours = np.concatenate(patches)
    if len(colours) == 0:
        return np.full(3, 128, np.float32)
    return np.asarray(np.median(colours, axis=0), np.float32)


def draw_mouth(
    image: Image, fit: HeadFit, topology: HeadTopology, palette: MouthPalette, points: Float, motion: RigidMotion, opening: float
) -> Layer | None:
    """The inside of the mouth at ``points`` ``(V, 3)``, as far as it is opened; ``None`` where not at all.

    See :meth:`MouthPalette.opening`.
    """
    own = palette.own_teeth
    marks = fit.head.landmarks(points)
    canvas = Canvas.around(marks[list(INNER_LIPS)], MARGIN * fit.scale, image.shape[:2], fit.scale)
    if opening < 0.02 or canvas is None:
        return None
    unit = fit.scale * canvas.zoom
    lips = lip_opening(canvas, marks, unit)
    # The upper teeth that the photograph shows are all there is of them: the head's would hang below as a second row. Lips that
    # are apart in the photograph show their whole red; there is no inner side to turn out.
    part = topology.mouth if own is None else topology.lower_mouth
    forward = (motion.rotation @ fit.rotation)[:, 2] * np.array([1, -1, 1], np.float32)
    view = shade_mouth(canvas, fit, topology, part, palette, points, forward)
    alpha = np.where(view.kind == LIP, np.maximum(smoothstep(view.lining, *LINING), lips.strictly), np.float32(1)) * lips.inside
    colour = _out_of_focus(view.colour, view.kind, unit)
    colour = _close_gaps(colour, view.kind == TEETH, unit) * _shadow_of_lips(alpha, unit)[..., None]
    if own is not None:
        widening = mouth_width(marks) / max(palette.own_width * fit.scale, 1.0)
        teeth, teeth_alpha = own.drawn(canvas, points, widening)
        colour = colour * (1 - teeth_alpha[..., None]) + teeth * teeth_alpha[..., None]
    apart = lips.parted[:, None]
    colour = colour * apart + palette.lip * LIPS_MEET_SHADE * (1 - apart)
    meeting = np.float32(0 if palette.lips_alone is None else LIPS_MEET) * lips.line * (1 - lips.parted)
    return canvas.finish(colour, (alpha * lips.parted + meeting) * np.float32(opening))


def _out_of_focus(colour: Float, kind: NDArray[np.uint8], unit: float) -> Float:
    """What lies deep in the mouth has no sharp edges: tongue, gums and far teeth lose themselves in the throat."""
    deep = (kind == FLESH) | (kind == THROAT)
    part = deep.astype(np.float32)
    softened = blur(colour * part[..., None], SOFT_THROAT * unit) / np.maximum(blur(part, SOFT_THROAT * unit), 1e-3)[..., None]
    soft: Float = np.where(deep[..., None], softened, colour)
    return soft


def _close_gaps(colour: Float, teeth: NDArray[np.bool_], unit: float) -> Float:
    """Neighbouring crowns touch; what the mesh leaves open between them is a shaded groove, not a view of the throat."""
    wide = np.ones((1, 2 * max(1, round(TOOTH_GAP * unit / 2)) + 1), np.uint8)
    mask = teeth.astype(np.uint8)
    groove = (np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, wide)) > 0) & ~teeth
    if not groove.any():
        return colour
    part = mask.astype(np.float32)
    around = blur(colour * part[..., None], TOOTH_GAP * unit) / np.maximum(blur(part, TOOTH_GAP * unit), 1e-3)[..., None]
    filled: Float = np.where(groove[..., None], around * np.float32(GROOVE_SHADE), colour)
    return filled


def _shadow_of_lips(alpha: Float, unit: float) -> Float:
    """The lips shade what lies behind them, the upper one more; a narrow opening lets in little light."""
    inside = (alpha > 0.5).astype(np.float32)
    soft = blur(inside, 0.2 * unit)
    lowered = np.array([[1, 0, 0], [0, 1, 0.1 * unit]], np.float32)
    from_above = np.asarray(cv2.warpAffine(soft, lowered, soft.shape[::-1]), np.float32)
    opening = smoothstep(blur(inside, 0.5 * unit), 0.0, 0.5)
    shadow: Float = (0.48 + 0.52 * smoothstep(np.minimum(soft, from_above), 0.1, 0.75)) * (0.72 + 0.28 * opening)
    return shadow
