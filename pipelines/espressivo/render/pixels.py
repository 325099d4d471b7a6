"""Hot loops over pictures: colours, edges, and the background behind a warp."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.render.compiled import compiled
from espressivo.render.regions import Region

__all__ = ["TILE_PX", "add_outside", "blend", "classify", "kinds_of", "mark_jumps", "scale_colours", "static_background"]

Float = NDArray[np.float32]
Picture = NDArray[np.uint8]

BACKGROUND, EDGE, PERSON = 0, 1, 2
TILE_PX: Final = 32


@compiled()
def _add_outside(offset: Float, trust: Float, outside: Float) -> None:
    for y in range(trust.shape[0]):
        for x in range(trust.shape[1]):
            rest = np.float32(1.0) - trust[y, x]
            outside[y, x, 0] = offset[y, x, 0] + outside[y, x, 0] * rest
            outside[y, x, 1] = offset[y, x, 1] + outside[y, x, 1] * rest


@compiled()
def _scale(image: Picture, factor: Float, share: Float) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            change = factor[y, x] - np.float32(1.0)
            if change != np.float32(0.0):
                for k in range(3):
                    value = np.float32(image[y, x, k]) * (np.float32(1.0) + change * share[k]) + np.float32(0.5)
                    image[y, x, k] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


@compiled(inline="always")
def _cell(place: np.float32, start: np.float32, size: int) -> tuple[int, np.float32]:
    """Whole and broken part of a coordinate. Beyond the edge it goes on as at the edge: a wall stays a wall."""
    at = np.float32(min(max(place - start, np.float32(0)), np.float32(size - 1)))
    cell = min(int(at), size - 2)
    return cell, at - np.float32(cell)


@compiled()
def _classify(places: Float, kinds: Picture, left: np.float32, top: np.float32, seen: Picture, busy: NDArray[np.bool_]) -> None:
    height, width = kinds.shape
    for y in range(height):
        for x in range(width):
            x0, _ = _cell(places[y, x, 0], left, width)
            y0, _ = _cell(places[y, x, 1], top, height)
            kind = kinds[y0, x0]
            seen[y, x] = kind
            if kind != BACKGROUND:
                busy[y // TILE_PX, x // TILE_PX] = True


@compiled()
def _steady(
    moved: Picture, seen: Picture, places: Float, alpha: Picture, background: Picture, left: np.float32, top: np.float32
) -> None:
    height, width = alpha.shape
    white = np.float32(255)
    for y in range(height):
        for x in range(width):
            if seen[y, x] == PERSON:
                continue
            x0, a = _cell(places[y, x, 0], left, width)
            y0, b = _cell(places[y, x, 1], top, height)
            w00, w01, w10, w11 = (1 - a) * (1 - b), a * (1 - b), (1 - a) * b, a * b
            covers = w00 * alpha[y0, x0] + w01 * alpha[y0, x0 + 1] + w10 * alpha[y0 + 1, x0] + w11 * alpha[y0 + 1, x0 + 1]
            if covers >= np.float32(254.5):
                continue
            if covers < np.float32(0.5):
                for k in range(3):
                    moved[y, x, k] = background[y, x, k]
                continue
            rest = np.float32(1.0) - covers / white
            for k in range(3):
                there = (
                    w00 * background[y0, x0, k]
                    + w01 * background[y0, x0 + 1, k]
                    + w10 * background[y0 + 1, x0, k]
                    + w11 * background[y0 + 1, x0 + 1, k]
                )
                carried, here = np.float32(moved[y, x, k]), np.float32(background[y, x, k])
                value = carried + rest * (here - there)
                if value < carried:
                    value = max(value, rest * min(carried, here))
                else:
                    value = min(value, white - rest * (white - max(carried, here)))
                moved[y, x, k] = np.uint8(value + np.float32(0.5))


@compiled()
def _mark_jumps(places: Float, limit: np.float32, mask: Float, box: NDArray[np.int64]) -> None:
    height, width = mask.shape
    for y in range(height - 1):
        for x in range(width - 1):
            here_x, here_y = places[y, x, 0], places[y, x, 1]
            across = abs(places[y, x + 1, 0] - here_x - 1) + abs(places[y, x + 1, 1] - here_y) > limit
            down = abs(places[y + 1, x, 0] - here_x) + abs(places[y + 1, x, 1] - here_y - 1) > limit
            if across:
                mask[y, x + 1] = 1
            if down:
                mask[y + 1, x] = 1
            if across or down:
                mask[y, x] = 1
                box[0], box[1] = min(box[0], y), max(box[1], y + 2)
                box[2], box[3] = min(box[2], x), max(box[3], x + 2)


@compiled()
def _blend(image: Picture, other: Picture, amount: Float) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            part = amount[y, x]
            if part > 0:
                for k in range(3):
                    value = image[y, x, k] * (np.float32(1) - part) + other[y, x, k] * part
                    image[y, x, k] = np.uint8(value + np.float32(0.5))


def add_outside(offset: Float, trust: Float, outside: Float) -> Float:
    """``offset + outside * (1 - trust)`` of ``(H, W, 2)`` maps; overwrites ``outside`` and returns it."""
    _add_outside(offset, trust, outside)
    return outside


def kinds_of(alpha: Picture) -> Picture:
    """``(h, w)`` what each pixel and its neighbours to the right and below are: ``BACKGROUND``, ``PERSON`` or ``EDGE``."""
    corners = np.lib.stride_tricks.sliding_window_view(np.pad(alpha, ((0, 1), (0, 1)), mode="edge"), (2, 2))
    low, high = corners.min(axis=(2, 3)), corners.max(axis=(2, 3))
    return np.select([high == 0, low == 255], [BACKGROUND, PERSON], EDGE).astype(np.uint8)


def classify(places: Float, kinds: Picture, left: int, top: int) -> tuple[Picture, NDArray[np.bool_]]:
    """What a warp shows.

    Args:
        places: ``(h, w, 2)`` where each pixel is taken from.
        kinds: ``(h, w)`` what is there; see :func:`kinds_of`.
        left: Coordinates of the first pixel of ``kinds``.
        top: See ``left``.

    Returns:
        ``(h, w)`` kind of each pixel, and which tiles of ``TILE_PX`` x ``TILE_PX`` show anything but background.
    """
    seen = np.empty(kinds.shape, np.uint8)
    busy = np.zeros((-(-kinds.shape[0] // TILE_PX), -(-kinds.shape[1] // TILE_PX)), np.bool_)
    _classify(places, kinds, np.float32(left), np.float32(top), seen, busy)
    return seen, busy


def static_background(
    moved: Picture, seen: Picture, places: Float, alpha: Picture, background: Picture, left: int, top: int
) -> None:
    """Exchange the background that a warp has brought along for the one that belongs there, in place.

    Of a photograph ``alpha * person + (1 - alpha) * background`` a warp by ``places`` brings ``(1 - alpha) * background`` of the
    wrong place; where nothing moves nothing changes. What lies behind is a guess where the person is near: the part that the
    person does not cover stays between what is carried there and the guess.

    Args:
        moved: ``(h, w, 3)`` the warped photograph.
        seen: ``(h, w)`` kind of each pixel; see :func:`classify`.
        places: ``(h, w, 2)`` where it was taken from; ``left`` and ``top`` are the coordinates of the first pixel.
        alpha: ``(h, w)`` 255 on the person, in the photograph; at least 2 pixels high and wide.
        background: ``(h, w, 3)`` what lies behind.
        left: See ``places``.
        top: See ``places``.
    """
    _steady(moved, seen, places, alpha, background, np.float32(left), np.float32(top))


def mark_jumps(places: Float, limit_px: float) -> tuple[Float, Region] | None:
    """Where neighbours of ``(H, W, 2)`` coordinates lie far apart.

    Returns:
        ``(H, W)`` 1 on both sides of such places, and the rectangle that holds them; ``None`` where there are none.
    """
    height, width = places.shape[:2]
    mask = np.zeros((height, width), np.float32)
    box = np.array([height, 0, width, 0], np.int64)
    _mark_jumps(places, np.float32(limit_px), mask, box)
    top, bottom, left, right = (int(side) for side in box)
    return (mask, Region(left, top, right, bottom)) if bottom else None


def blend(image: Picture, other: Picture, amount: Float) -> None:
    """Take ``(H, W)`` part, 0-1, of each pixel ``(H, W, 3)`` from another picture, in place."""
    _blend(image, other, amount)


def scale_colours(image: Picture, factor: Float, share: Float) -> None:
    """Multiply pixels ``(H, W, 3)`` by a factor ``(H, W)``, in place; each channel has its ``(3,)`` share in the change."""
    _scale(image, factor, share)
