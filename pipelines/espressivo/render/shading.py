"""Light that follows the action units: the face's form against the portrait's own light, and the folds that skin makes.

Folds are drawn once into the photograph's own space, so they travel with the skin; a frame only says how deep each is. They
deepen what the photograph has there already, so old skin folds more than young skin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.landmark_groups import CHEEKS
from espressivo.render.fitting import HeadFit
from espressivo.render.folds import FOLDS, Fold
from espressivo.render.imaging import LINEAR, blur, resize, smoothstep
from espressivo.render.pixels import scale_colours
from espressivo.render.rasterizer import vertex_normals
from espressivo.render.regions import Region
from espressivo.render.topology import HeadTopology

__all__ = ["FoldMap", "PortraitLight", "fold_maps", "fold_photograph", "portrait_light"]

Float = NDArray[np.float32]
Image = NDArray[np.uint8]

# Light from above that is assumed beside what the photograph shows, part of the mean; how much of a change is drawn.
SKY: Final = 0.10
RELIGHT: Final = 0.75
RELIGHT_RANGE: Final = (0.72, 1.25)
DARKEST: Final = 0.35
# How much more of a change the channels get that skin has less of. Light that has been
# in the skin is red. Engineering.
TINT: Final = 1.1
TINT_RANGE: Final = (0.6, 1.4)
# The flank of a fold that catches light: strength against the valley, distance and width against its half width.
FLANK, FLANK_AT, FLANK_WIDTH = 0.26, 1.8, 1.7
# A fold map is drawn at most at this many pixels per unit; it is smooth.
FOLD_SCALE: Final = 40.0
SHALLOW: Final = 0.01
OWN_DETAIL: Final = 0.9
OWN_DETAIL_RANGE: Final = (-0.16, 0.10)
# How far in hue and brightness skin differs from the cheeks'.
OTHER_HUE, TOO_DARK = (0.25, 0.5), (0.2, 0.42)
# Relief of skin (deviation of its fine structure, part of its brightness) of smooth and of deeply lined faces; measured by eye.
SMOOTH_SKIN, LINED_SKIN = 0.012, 0.045
YOUNG, OLD = 0.5, 1.25
FAINTER: Final = 1.6


@dataclass(frozen=True, eq=False)
class PortraitLight:
    """Brightness as a linear function of the normal (spherical harmonics of the first order; Ramamoorthi and Hanrahan 2001).

    Attributes:
        ambient: Brightness without direction, part of the mean.
        direction: ``(3,)`` what a normal adds, x right, y up, z towards the viewer.
        tint: ``(3,)`` share of each channel in a change of brightness: skin in the shade is not greyer but redder.
        at_rest: ``(V,)`` brightness in the photograph.
    """

    ambient: float
    direction: Float
    tint: Float
    at_rest: Float

    def change(self, topology: HeadTopology, points: Float) -> Float:
        """``(V,)`` factor of the light when the vertices are at ``points``."""
        now = _brightness(self.ambient, self.direction, _normals(topology, points))
        factor: Float = 1 + np.float32(RELIGHT) * (np.clip(now / self.at_rest, *RELIGHT_RANGE) - 1)
        return factor


@dataclass(frozen=True, eq=False)
class FoldMap:
    """One fold of a portrait.

    Attributes:
        drive: ``(52,)`` share of each ARKit weight in its depth.
        region: Where it lies in the photograph.
        relief: ``(h, w)`` relative change of brightness at full depth.
    """

    drive: Float
    region: Region
    relief: Float


def _drive(fold: Fold) -> Float:
    """``(52,)`` from the names, sides of a name without side averaged."""
    drive = np.zeros(len(ARKIT_NAMES), np.float32)
    for shape, share in fold.driven_by.items():
        sides = expand_sides(shape)
        drive[[ARKIT_INDEX[name] for name in sides]] += share / len(sides)
    return drive


def _normals(topology: HeadTopology, points: Float) -> Float:
    return vertex_normals(points * np.array([1, -1, 1], np.float32), topology.skin)


def portrait_light(image: Image, fit: HeadFit, topology: HeadTopology, trust: Float) -> PortraitLight:
    """Regress the brightness of the skin on the normals of the fitted head."""
    points = fit.project(fit.vertices(fit.own_expression))
    normals = _normals(topology, points)
    grey = blur(image.mean(axis=-1).astype(np.float32), max(0.35 * fit.scale, 1.0))
    x, y = (np.clip(points[:, k].round().astype(int), 0, n - 1) for k, n in ((0, grey.shape[1]), (1, grey.shape[0])))
    usable = np.isin(np.arange(len(points)), topology.skin) & (trust > 0.8)
    brightness = grey[y, x][usable]
    brightness = brightness / max(float(brightness.mean()), 1.0)
    design = np.concatenate([np.ones((len(brightness), 1)), normals[usable]], axis=1)
    ridge = np.diag([0.0, 1, 1, 1]) * 0.02 * len(brightness)
    ambient, *direction = np.linalg.solve(design.T @ design + ridge, design.T @ np.clip(brightness, 0.3, 2.0))
    towards = np.array(direction, np.float32) + np.array([0, SKY, 0], np.float32)
    cheek = np.median(image[y, x][usable], axis=0)
    tint = np.clip(1 - TINT * (cheek / max(float(cheek.mean()), 1.0) - 1), *TINT_RANGE).astype(np.float32)
    return PortraitLight(float(ambient), towards, tint, _brightness(float(ambient), towards, normals))


def _brightness(ambient: float, direction: Float, normals: Float) -> Float:
    lit: Float = np.maximum(np.float32(ambient) + normals @ direction, np.float32(DARKEST))
    return lit


def fold_maps(image: Image, fit: HeadFit) -> tuple[FoldMap, ...]:
    """Draw all folds of a portrait."""
    strength, skin = _age_factor(image, fit), _skin_colour(image, fit)
    maps = []
    for fold in FOLDS:
        line = fold.line(fit.landmarks, fit.scale)
        region = Region.around(line, 4 * fold.width * fit.scale + 2, image.shape[1], image.shape[0])
        if region.width >= 3 and region.height >= 3:
            maps.append(FoldMap(_drive(fold), region, _relief(image, fit, fold, line, region, strength, skin)))
    return tuple(maps)


def _relief(
    image: Image, fit: HeadFit, fold: Fold, line: NDArray[np.floating], region: Region, strength: float, skin_colour: Float
) -> Float:
    step = max(1.0, fit.scale / FOLD_SCALE)
    grid = region.grid(step)
    found: tuple[Any, Any] = cKDTree(line).query(grid.reshape(-1, 2))
    distance, nearest = found
    tangent = np.gradient(line, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    away = grid.reshape(-1, 2) - line[nearest]
    side = np.sign(tangent[nearest, 0] * away[:, 1] - tangent[nearest, 1] * away[:, 0])
    along = nearest / (len(line) - 1)
    d = (distance / (fold.width * fit.scale)).reshape(grid.shape[:2]).astype(np.float32)
    signed = d * side.reshape(d.shape).astype(np.float32)
    taper = (np.clip(np.sin(np.pi * along), 0, 1) ** 0.7).reshape(d.shape).astype(np.float32)
    if fold.wander:
        taper *= fold.waves(along)[1].reshape(d.shape).astype(np.float32)
        strength = strength**FAINTER
    valley = -np.exp(-((signed + 0.3 * fold.lit_side) ** 2)) + FLANK * np.exp(
        -(((signed - FLANK_AT * fold.lit_side) / FLANK_WIDTH) ** 2)
    )
    near = np.exp(-((d / 2.2) ** 2))
    relief = resize((fold.depth * strength * valley * taper).astype(np.float32), (region.width, region.height), LINEAR)
    mask = resize((near * taper).astype(np.float32), (region.width, region.height), LINEAR)
    grey = image[region.slices].mean(axis=-1).astype(np.float32) + 1
    own = np.clip(grey / blur(grey, 0.16 * fit.scale) - 1, *OWN_DETAIL_RANGE)
    skin = blur(_like_skin(image[region.slices], skin_colour), max(0.5, 0.05 * fit.scale))
    total: Float = ((relief + OWN_DETAIL * own * mask) * skin).astype(np.float32)
    return total


def _skin_colour(image: Image, fit: HeadFit) -> Float:
    radius = max(2, round(0.3 * fit.scale))
    places = np.clip(fit.landmarks[list(CHEEKS)].round().astype(int), 0, np.array(image.shape[1::-1]) - 1)
    patches = [image[max(y - radius, 0) : y + radius, max(x - radius, 0) : x + radius].reshape(-1, 3) for x, y in places]
    return np.asarray(np.median(np.concatenate(patches), axis=0), np.float32)


def _like_skin(window: Image, skin: Float) -> Float:
    """``(h, w)`` 0-1: no fold is drawn over hair that hangs into the face."""
    grey = np.maximum(window.mean(axis=-1).astype(np.float32), 4)
    hue = np.abs(window / grey[..., None] - skin / max(float(skin.mean()), 4.0)).max(axis=-1)
    return (1 - smoothstep(hue, *OTHER_HUE)) * smoothstep(grey / np.float32(max(float(skin.mean()), 4.0)), *TOO_DARK)


def _age_factor(image: Image, fit: HeadFit) -> float:
    """From how rough the skin of the cheeks is."""
    radius = max(3, round(0.6 * fit.scale))
    rough = []
    for x, y in fit.landmarks[list(CHEEKS)].round().astype(int):
        patch = image[max(y - radius, 0) : y + radius, max(x - radius, 0) : x + radius].mean(axis=-1).astype(np.float32)
        if patch.size > 16:
            fine = blur(patch, 0.03 * fit.scale + 0.5) - blur(patch, 0.2 * fit.scale)
            rough.append(float(fine.std() / max(float(patch.mean()), 8.0)))
    amount = float(smoothstep(float(np.median(rough)) if rough else 0.0, SMOOTH_SKIN, LINED_SKIN))
    return YOUNG + (OLD - YOUNG) * amount


def fold_photograph(image: Image, maps: tuple[FoldMap, ...], weights: Float, tint: Float) -> Image:
    """The photograph with its folds as deep as ``(52,)`` weights ask; the photograph itself where none is."""
    if not maps:
        return image
    depths = smoothstep(np.stack([folded.drive for folded in maps]) @ weights, 0.0, 1.0)
    active = [(folded, depth) for folded, depth in zip(maps, depths, strict=True) if depth > SHALLOW]
    if not active:
        return image
    out = image.copy()
    for folded, depth in active:
        window = np.ascontiguousarray(out[folded.region.slices])
        scale_colours(window, 1 + depth * folded.relief, tint)
        out[folded.region.slices] = window
    return out
