"""A visible label in the corner of a video, for viewers who see no metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["LABEL_TEXT", "Corner", "labelled"]

Frame = NDArray[np.uint8]
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]
LABEL_TEXT: Final = "AI-generated"
# Fractions of the shorter side: readable on a phone, small beside a face.
FONT_SHARE: Final = 0.036
MARGIN_SHARE: Final = 0.025
MIN_FONT_PIXELS: Final = 10
PLATE_OPACITY: Final = 150
SUPERSAMPLING: Final = 4
# Half a pixel of the final size: the thin strokes of a small font would be lost in H.264.
STROKE: Final = 2


def labelled(frames: Iterable[Frame], *, text: str = LABEL_TEXT, corner: Corner = "bottom-right") -> Iterator[Frame]:
    """The same frames with a label laid into a corner.

    Args:
        frames: ``(H, W, 3)`` uint8 RGB; they are not changed.
        text: What the label says.
        corner: Where it is.

    Yields:
        ``(H, W, 3)`` uint8 RGB.
    """
    plate: NDArray[np.float32] | None = None
    shape: tuple[int, ...] = ()
    for frame in frames:
        if plate is None or frame.shape != shape:
            plate, shape = _plate(text, min(frame.shape[:2])), frame.shape
        rows, columns = _place(frame.shape, plate.shape, corner)
        marked = frame.copy()
        region = marked[rows, columns]
        covered = plate[: region.shape[0], : region.shape[1]]  # a frame may be smaller than the label
        opacity = covered[..., 3:]
        region[:] = np.rint(region * (1.0 - opacity) + covered[..., :3] * opacity)
        yield marked


def _plate(text: str, side: int) -> NDArray[np.float32]:
    """``(h, w, 4)`` colour 0-255 and opacity 0-1 of the label, drawn large and scaled down for smooth edges."""
    size = max(MIN_FONT_PIXELS, round(FONT_SHARE * side)) * SUPERSAMPLING
    font = ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    pad_x, pad_y = size * 0.6, size * 0.35
    width, height = round(right - left + 2 * pad_x), round(bottom - top + 2 * pad_y)
    width += -width % SUPERSAMPLING
    height += -height % SUPERSAMPLING
    picture = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=height / 2, fill=(0, 0, 0, PLATE_OPACITY))
    white = (255, 255, 255, 255)
    draw.text((width / 2, height / 2), text, font=font, anchor="mm", fill=white, stroke_width=STROKE, stroke_fill=white)
    small = picture.resize((width // SUPERSAMPLING, height // SUPERSAMPLING), Image.Resampling.BOX)
    plate = np.asarray(small, np.float32).copy()
    plate[..., 3] /= 255.0
    return plate


def _place(frame: tuple[int, ...], plate: tuple[int, ...], corner: Corner) -> tuple[slice, slice]:
    margin = round(MARGIN_SHARE * min(frame[:2]))
    vertical, horizontal = corner.split("-")
    top = margin if vertical == "top" else max(0, frame[0] - margin - plate[0])
    left = margin if horizontal == "left" else max(0, frame[1] - margin - plate[1])
    return slice(top, top + plate[0]), slice(left, left + plate[1])
