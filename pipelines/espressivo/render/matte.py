"""Which pixels are the person, and what lies behind: so that a head turns in front of a background that stays.

Found once per portrait: the head's own silhouette starts a segmentation by colour (GrabCut; Rother, Kolmogorov and Blake 2004)
on a small copy, its edge is fitted to the picture (guided filter; He, Sun and Tang 2013), and the background is continued
smoothly behind the person.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.render.fitting import HeadFit
from espressivo.render.imaging import AREA, CUBIC, LINEAR, blur, resize, sample, smoothstep
from espressivo.render.pixels import TILE_PX, classify, kinds_of, static_background
from espressivo.render.rasterizer import rasterize
from espressivo.render.regions import Region
from espressivo.render.topology import HeadTopology

__all__ = ["PersonMatte", "person_matte"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

# Longest side of the copy that is segmented, and of the one at which the edge is fitted.
SEGMENT_PX: Final = 192
EDGE_PX: Final = 640
ROUNDS: Final = 4
# Units of the head. Surely the person: this far inside the silhouette; surely not: this far outside, above the shoulders.
SURELY_INSIDE, SURELY_OUTSIDE = 0.35, 6.0
HAIR: Final = 1.3
# Shoulders: from this half width at the chin they widen by this much per unit, down to ...
NECK, SHOULDER_SLOPE = 2.5, 1.3
GUIDE_RADIUS, GUIDE_EPS = 0.35, 2e-3
# Background is trusted this far from the person's edge.
CLEAR_OF_EDGE: Final = 0.75
# How far behind the person a turning head lets one see, units; radius of the inpainting, pixels of the small copy.
SEEN_BEHIND, TELEA_RADIUS = 2.5, 4
COARSEST_PX, RELAXATIONS = 8, 12
MIN_BACKGROUND: Final = 0.03


@dataclass(frozen=True, eq=False)
class PersonMatte:
    """Person and background of a region of a portrait.

    Attributes:
        region: Where.
        alpha: ``(h, w)`` uint8, 255 on the person, 0 only where ``background`` is the photograph.
        background: ``(h, w, 3)`` uint8, the photograph with the background continued behind the person.
    """

    region: Region
    alpha: Image
    background: Image

    def carry(self, photograph: Image, places: Float) -> Image:
        """The person carried over the still background: ``(h, w, 3)`` at ``region``.

        Args:
            photograph: ``(H, W, 3)`` the whole portrait.
            places: ``(h, w, 2)`` portrait coordinates that each pixel is taken from.
        """
        moved = self.background.copy()
        seen, busy = classify(places, self._kinds, self.region.left, self.region.top)
        for row in np.flatnonzero(busy.any(axis=1)):
            first, last = np.flatnonzero(busy[row])[[0, -1]]
            part = slice(row * TILE_PX, (row + 1) * TILE_PX), slice(first * TILE_PX, (last + 1) * TILE_PX)
            moved[part] = sample(photograph, places[part], CUBIC)
        static_background(moved, seen, places, self.alpha, self.background, self.region.left, self.region.top)
        return moved

    @cached_property
    def _kinds(self) -> Image:
        return kinds_of(self.alpha)


def person_matte(image: Image, fit: HeadFit, topology: HeadTopology, points: Float, region: Region) -> PersonMatte:
    """Separate the person from the background.

    Args:
        image: The photograph.
        fit: The head on it.
        topology: Its parts.
        points: ``(V, 3)`` its vertices in the photograph, pixels.
        region: The part of the picture that can move.
    """
    window = np.ascontiguousarray(image[region.slices])
    shrink = min(1.0, EDGE_PX / max(window.shape[:2]))
    size = (max(1, round(region.width * shrink)), max(1, round(region.height * shrink)))
    small = resize(window, size, AREA)
    person = _segment(small, fit, topology, points, region)
    if person is None:
        return PersonMatte(region, np.full(window.shape[:2], 255, np.uint8), window)
    unit = fit.scale * shrink
    alpha = _fitted_edge(small, person, max(2, round(GUIDE_RADIUS * unit)))
    clear = 1 - cv2.dilate((alpha > 0.02).astype(np.uint8), _disc(CLEAR_OF_EDGE * unit)).astype(np.float32)
    fill = _continued(small, clear, SEEN_BEHIND * unit)
    full = (region.width, region.height)
    behind = blur(resize(1 - clear, full, LINEAR), max(0.8, 0.1 * fit.scale))[..., None]
    background = window * (1 - behind) + resize(fill, full, LINEAR) * behind
    wide = np.clip(resize(alpha, full, LINEAR) * 255 + 0.5, 0, 255).astype(np.uint8)
    wide = np.maximum(wide, (behind[..., 0] > 0).astype(np.uint8))
    return PersonMatte(region, wide, np.clip(background + 0.5, 0, 255).astype(np.uint8))


def _continued(picture: Image, clear: Float, reach: float) -> Float:
    """The picture with what is not ``clear`` filled: lines go on near the edge (Telea 2004), deeper it is smooth."""
    smooth = _membrane(picture.astype(np.float32), clear)
    deep = np.asarray(cv2.distanceTransform((clear < 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)
    start = np.where((deep > reach)[..., None], smooth, picture).astype(np.uint8)
    band = ((deep > 0) & (deep <= reach)).astype(np.uint8)
    lines = np.asarray(cv2.inpaint(start, band, TELEA_RADIUS, cv2.INPAINT_TELEA), np.float32)
    part = smoothstep(deep / np.float32(reach), 0.3, 1.0)[..., None]
    filled: Float = lines * (1 - part) + smooth * part
    return filled


def _membrane(picture: Float, known: Float) -> Float:
    """Fill what is not ``known`` like a soap film (Laplace's equation), from coarse to fine."""
    levels = [(picture, known)]
    while min(levels[-1][1].shape) > COARSEST_PX:
        fine, there = levels[-1]
        size = (there.shape[1] // 2, there.shape[0] // 2)
        weight = resize(there, size, AREA)
        mean = resize(fine * there[..., None], size, AREA) / np.maximum(weight, 1e-6)[..., None]
        levels.append((mean, (weight > 0).astype(np.float32)))
    coarse, there = levels[-1]
    film = np.broadcast_to((coarse * there[..., None]).sum(axis=(0, 1)) / max(float(there.sum()), 1.0), coarse.shape)
    for fine, there in reversed(levels):
        film = resize(film.astype(np.float32), fine.shape[1::-1], LINEAR)
        for _ in range(RELAXATIONS):
            film = np.where(there[..., None] > 0, fine, np.asarray(cv2.blur(film, (3, 3))))
    return film.astype(np.float32)


def _disc(radius: float) -> Image:
    size = 2 * max(1, round(radius)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)


def _segment(small: Image, fit: HeadFit, topology: HeadTopology, points: Float, region: Region) -> Float | None:
    """``(h, w)`` 0-1, the person in the picture; ``None`` where there is no background to learn from."""
    shrink = min(1.0, SEGMENT_PX / max(small.shape[:2]))
    width, height = (max(8, round(n * shrink)) for n in small.shape[1::-1])
    zoom = width / region.width
    unit = fit.scale * zoom
    cells = points.copy()
    cells[:, :2] = (points[:, :2] - np.array([region.left, region.top], np.float32) + 0.5) * np.float32(zoom) - 0.5
    silhouette = (rasterize(cells, topology.skin, height, width).index >= 0).astype(np.uint8)
    chin = (fit.landmarks[FACE_OVAL[18]] - [region.left, region.top]) * zoom
    y, x = np.mgrid[:height, :width].astype(np.float32)
    below = (y - chin[1]) / np.float32(unit)
    shoulders = (below > 0) & (np.abs(x - chin[0]) < (NECK + SHOULDER_SLOPE * below) * unit)
    outside = cv2.distanceTransform(1 - silhouette, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / np.float32(unit)
    inside = cv2.distanceTransform(silhouette, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) / np.float32(unit)
    mask = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    mask[((outside < HAIR) & (below < 1)) | shoulders] = cv2.GC_PR_FGD
    mask[(outside > SURELY_OUTSIDE) & (below < 0)] = cv2.GC_BGD
    mask[(inside > SURELY_INSIDE) & (below < 1)] = cv2.GC_FGD
    if np.isin(mask, (cv2.GC_BGD, cv2.GC_PR_BGD)).mean() < MIN_BACKGROUND or not (mask == cv2.GC_FGD).any():
        return None
    cv2.setRNGSeed(0)  # GrabCut starts from a random clustering
    models = np.zeros((1, 65)), np.zeros((1, 65))
    picture = resize(small, (width, height), AREA)
    cv2.grabCut(picture, mask, None, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    person = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    return resize(_one_piece(person, silhouette, unit).astype(np.float32), small.shape[1::-1], LINEAR)


def _one_piece(person: Image, silhouette: Image, unit: float) -> Image:
    """What hangs together with the head, without holes."""
    person = np.maximum(person, silhouette)
    person = np.asarray(cv2.morphologyEx(person, cv2.MORPH_CLOSE, _disc(0.3 * unit)), np.uint8)
    _, labels = cv2.connectedComponents(person)
    head = labels == np.bincount(labels[silhouette > 0]).argmax()
    _, around = cv2.connectedComponents((~head).astype(np.uint8))
    border = np.unique(np.concatenate([around[0], around[:, 0], around[:, -1]]))
    whole: Image = (head | ~np.isin(around, border[border > 0])).astype(np.uint8)
    return whole


def _fitted_edge(picture: Image, person: Float, radius: int) -> Float:
    """Guided filter with the brightness as guide."""
    guide = picture.mean(axis=-1).astype(np.float32) / 255
    box = (2 * radius + 1, 2 * radius + 1)

    def mean(values: Float) -> Float:
        return np.asarray(cv2.blur(values, box), np.float32)

    centre, about = mean(guide), mean(person)
    slope = (mean(guide * person) - centre * about) / (mean(guide * guide) - centre**2 + np.float32(GUIDE_EPS))
    fitted = mean(slope) * guide + mean(about - slope * centre)
    return smoothstep(fitted, 0.08, 0.85)
