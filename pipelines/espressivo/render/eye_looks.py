"""What the eyes of a portrait look like without their lids, and with their lids shut; painted once.

The eyeball is drawn from a copy of the photograph without lids, its iris completed under them and its catch-lights taken off;
these stay where the lamp puts them when the eye turns. A lid that closes would stretch its dark fold over the eye, so the
picture of a closed lid is painted once, from the skin around the eye, and laid over as the lid comes down.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_smoothing_spline

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.landmark_groups import CHEEKS, IRISES, LEFT_EYE, LID_PAIRS, RIGHT_EYE
from espressivo.render.eyeballs import bare_eyeball
from espressivo.render.fitting import HeadFit
from espressivo.render.imaging import AREA, LINEAR, as_alpha, blur, fill_polygon, resize, sample
from espressivo.render.regions import Region

__all__ = ["EYES", "UPPER_RIM", "EyeLook", "eye_looks", "lid_gap"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

EYES = (LEFT_EYE, RIGHT_EYE)
# Upper lid along the rim and along the crease, outer corner to inner: left, right.
UPPER_RIM = ((263, 466, 388, 387, 386, 385, 384, 398, 362), (33, 246, 161, 160, 159, 158, 157, 173, 133))
CREASE = ((359, 467, 260, 259, 257, 258, 286, 414, 463), (130, 247, 30, 29, 27, 28, 56, 190, 243))
# Skin around the eye that a lid takes its colour from: below, between lid and brow, beside.
SKIN_AROUND = ((450, 449, 451, 448, 452, 443, 444, 442, 445, 446), (230, 229, 231, 228, 232, 223, 224, 222, 225, 226))
# What is darker than this part of the skin below the eye is brow or lash; the skin above an eye is shaded by the brow.
BROW_DARKNESS, UNDER_BROW, NUM_BELOW = 0.82, 0.94, 5
# Middle of rim and crease: the lid itself, make-up and all, counts this much.
LID_MIDDLE, LID_WEIGHT = slice(2, 7), 1.5
# A lid whose colour differs this much from the skin's below, part of the brightness, is made up, not shaded.
MAKE_UP = 0.2
CHEEK_HUE = 0.5


@dataclass(frozen=True, eq=False)
class EyeLook:
    """One eye of a portrait. Pictures cover ``region`` of the photograph.

    Attributes:
        region: Where the pictures lie.
        ball: ``(h, w, 3)`` uint8, the eyeball without lids and catch-lights.
        catch_light: ``(h, w, 3)`` float32, what the lamps add.
        lid: ``(h, w, 3)`` float32, the closed lid.
        lid_alpha: ``(h, w)`` float32, where it covers.
        lash_alpha: ``(h, w)`` float32, lashes of the closed eye.
        lash_colour: ``(3,)``.
        source: ``(V, 2)`` places of the vertices in the photograph, pixels.
        closed: ``(V, 2)`` their places when the eye is closed.
        gap: Distance of the lids in the photograph, pixels.
    """

    region: Region
    ball: Image
    catch_light: Float
    lid: Float
    lid_alpha: Float
    lash_alpha: Float
    lash_colour: Float
    source: Float
    closed: Float
    gap: float


def eye_looks(image: Image, fit: HeadFit) -> tuple[EyeLook, EyeLook]:
    """Prepare the left and the right eye of a portrait."""
    return _look(image, fit, 0), _look(image, fit, 1)


def _look(image: Image, fit: HeadFit, side: int) -> EyeLook:
    contour = fit.landmarks[list(EYES[side])]
    region = Region.around(contour, 1.6 * fit.scale, image.shape[1], image.shape[0])
    corner = np.array([region.left, region.top], np.float32)
    window = image[region.slices]
    points = fit.project(fit.vertices(fit.own_expression))
    closed = _closed_points(fit, side)
    ball, catch_light = bare_eyeball(window, contour - corner, fit.landmarks[list(IRISES[side])] - corner, fit.scale)
    closed_marks = fit.head.landmarks(closed)[:, :2] - corner
    rim, crease = closed_marks[list(UPPER_RIM[side])], closed_marks[list(CREASE[side])]
    lid = _lid_skin(image, fit, side, region)
    lid, lid_alpha = _lid_shape(lid, rim, crease, fit.scale)
    lash_alpha = _lashes(window.shape[:2], rim, fit.scale)
    lash_colour, strength = _lash_colour(window, fit.landmarks[list(UPPER_RIM[side])] - corner, lid, fit.scale)
    for picture in (catch_light, lid_alpha, lash_alpha):  # so that what is sampled beside the pictures is empty
        picture[[0, -1]] = 0
        picture[:, [0, -1]] = 0
    return EyeLook(
        region=region,
        ball=ball,
        catch_light=catch_light,
        lid=lid,
        lid_alpha=lid_alpha,
        lash_alpha=lash_alpha * strength,
        lash_colour=lash_colour,
        source=points[:, :2],
        closed=closed[:, :2],
        gap=lid_gap(fit, side, points),
    )


def lid_gap(fit: HeadFit, side: int, points: Float) -> float:
    """Distance of the lids of one eye (0 left, 1 right) at ``points`` ``(V, 3)``, pixels; negative where they overlap."""
    upper, lower = (fit.head.landmarks(points, rim)[:, 1] for rim in zip(*LID_PAIRS[side], strict=True))
    return float((lower - upper).mean())


def _closed_points(fit: HeadFit, side: int) -> Float:
    weights = fit.own_expression.copy()
    blink = ARKIT_INDEX[("eyeBlinkLeft", "eyeBlinkRight")[side]]
    weights[blink] = fit.gain[blink]
    return fit.project(fit.vertices(weights))


def _lid_skin(image: Image, fit: HeadFit, side: int, region: Region) -> Float:
    """Skin as it would be over the eye: a plane through the colours around it, with the grain of the skin below."""
    radius = max(1, round(0.14 * fit.scale))
    rim, crease = (fit.landmarks[np.array(line[side])[LID_MIDDLE]] for line in (UPPER_RIM, CREASE))
    marks = np.concatenate([fit.landmarks[list(SKIN_AROUND[side])], 0.25 * rim + 0.75 * crease])
    colour = np.array([_median_around(image, mark, radius) for mark in marks])
    below = np.median(colour[:NUM_BELOW], axis=0)
    dark = colour.mean(axis=1) < BROW_DARKNESS * below.mean()
    on_lid = np.arange(len(marks)) >= len(marks) - len(rim)
    hue = np.median(colour[on_lid], axis=0)
    made_up = np.abs(hue / max(float(hue.mean()), 1) - below / max(float(below.mean()), 1)).max() > MAKE_UP
    if made_up:
        dark &= ~on_lid
    colour[dark] = below * UNDER_BROW
    if not made_up:
        cheek = np.median([_median_around(image, place, radius) for place in fit.landmarks[list(CHEEKS)]], axis=0)
        even = colour.mean(axis=1, keepdims=True) * cheek / max(float(cheek.mean()), 1)
        colour = (1 - CHEEK_HUE) * colour + CHEEK_HUE * even
    weight = np.where(on_lid, LID_WEIGHT, 1.0)[:, None]
    middle, mean = marks.mean(axis=0), (weight * colour).sum(axis=0) / weight.sum()
    design = np.concatenate([np.ones((len(marks), 1)), (marks - middle) / (2 * fit.scale)], axis=1)
    plane = np.linalg.solve(design.T @ (weight * design) + np.diag([0, 0.6, 0.6]), design.T @ (weight * (colour - mean)))
    grid = (region.grid() - middle) / (2 * fit.scale)
    smooth = mean + plane[0] + grid[..., :1] * plane[1] + grid[..., 1:] * plane[2]
    below = region.grid() + np.array([0, 1.25 * fit.scale], np.float32)
    skin = sample(image, below, LINEAR).astype(np.float32)
    grain = skin - blur(skin, 0.12 * fit.scale)
    lid: Float = (smooth + 0.8 * np.clip(grain, -18, 18)).astype(np.float32)
    return lid


def _median_around(image: Image, place: Float, radius: int) -> Float:
    x, y = (int(np.clip(v, 0, n - 1)) for v, n in zip(place, image.shape[1::-1], strict=True))
    patch = image[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1].reshape(-1, 3)
    return np.asarray(np.median(patch, axis=0), np.float32)


def _lid_shape(lid: Float, rim: Float, crease: Float, scale: float) -> tuple[Float, Float]:
    """Round the lid: darker towards crease, rim and corners. Also where it covers, ``(h, w)``."""
    height, width = lid.shape[:2]
    mask = fill_polygon((height, width), np.concatenate([rim, crease[::-1]]))
    alpha = as_alpha(blur(mask, max(0.8, 0.09 * scale)))
    x = np.arange(width, dtype=np.float32)
    order = np.argsort(rim[:, 0])
    bottom = np.interp(x, rim[order, 0], rim[order, 1])
    order = np.argsort(crease[:, 0])
    top = np.interp(x, crease[order, 0], crease[order, 1])
    y = np.arange(height, dtype=np.float32)[:, None]
    down = np.clip((y - top) / np.maximum(bottom - top, 1.0), 0, 1)
    left, right = rim[:, 0].min(), rim[:, 0].max()
    across = np.clip((x - left) / max(right - left, 1.0), 0, 1)[None]
    bulge = np.sqrt(np.clip(np.sin(np.pi * across), 0, 1)) * np.sin(np.pi * (0.15 + 0.75 * down))
    crease_line = np.exp(-(((y - top) / (0.10 * scale)) ** 2))
    shade = 0.90 + 0.12 * bulge - 0.12 * crease_line * np.sin(np.pi * across) - 0.10 * down**4
    return lid * shade[..., None].astype(np.float32), alpha.astype(np.float32)


def _lashes(shape: tuple[int, int], rim: Float, scale: float) -> Float:
    """The lash line and short lashes below it, ``(h, w)`` alpha."""
    fine = 4 if scale < 60 else 2
    canvas = np.zeros((shape[0] * fine, shape[1] * fine), np.uint8)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(rim, axis=0), axis=1))])
    line = make_smoothing_spline(along, rim, lam=(0.3 * scale) ** 3)(np.linspace(along[0], along[-1], 60)) * fine
    for index in range(1, 59):  # thin at the ends
        width = 0.075 * np.sin(np.pi * index / 60) ** 0.6
        _stroke(canvas, line[index - 1 : index + 1], 215, width * scale * fine)
    middle = line[:, 0].mean()
    half = max(float(np.ptp(line[:, 0])) / 2, 1.0)
    hairs = np.zeros_like(canvas)
    for index in range(5, 56, 2):
        root = line[index]
        lean = (root[0] - middle) / half
        length = (0.12 + 0.12 * abs(lean)) * scale * fine * (0.85 + 0.3 * ((index * 7) % 5) / 4)
        tip = root + np.array([0.75 * lean, 1.0]) * length
        bow = (root + tip) / 2 + np.array([-0.15 * lean, 0.12]) * length
        _stroke(hairs, np.array([root, bow, tip]), 110, 0.02 * scale * fine)
    both = np.maximum(canvas, hairs)
    small = resize(both, (shape[1], shape[0]), AREA)
    return as_alpha(blur(small, max(0.5, 0.02 * scale)))


def _stroke(mask: NDArray[np.uint8], line: NDArray[np.floating], value: int, width: float) -> None:
    """Draw an open line into a mask."""
    points = line.round().astype(np.int32)
    cv2.polylines(mask, [points], isClosed=False, color=(value,), thickness=max(1, round(width)), lineType=cv2.LINE_AA)


def _lash_colour(window: Image, rim: Float, lid: Float, scale: float) -> tuple[Float, float]:
    """Colour of the dark line along the open lid, and how much it stands out there (0-1)."""
    mask = np.zeros(window.shape[:2], np.uint8)
    _stroke(mask, rim[1:-1], 255, max(2.0, 0.2 * scale))
    line = window[mask > 0].astype(np.float32)
    if len(line) < 4:
        return np.full(3, 40, np.float32), 0.5
    grey = line.mean(axis=1)
    dark = line[grey <= np.percentile(grey, 25)].mean(axis=0)
    skin = max(float(np.median(lid)), 1.0)
    strength = float(np.clip((skin - dark.mean()) / skin * 1.25, 0.3, 0.9))
    return dark.astype(np.float32), strength
