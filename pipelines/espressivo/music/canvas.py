"""A few shapes drawn twice: as SVG, and with Pillow as pixels, so that a picture looks the same in both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

__all__ = ["Box", "Canvas", "Colour", "PixelCanvas", "SvgCanvas", "text_width"]

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""
SCALE: Final = 2
"""Pixels are drawn twice as large and scaled down, for smooth edges."""
GLYPH_WIDTH: Final = 0.56
"""Mean width of a letter over its size, to leave room for texts."""


def text_width(text: str, size: float) -> float:
    """About how wide a text will be."""
    return GLYPH_WIDTH * size * len(text)


class Canvas(Protocol):
    """Coordinates in pixels from the top left; opacity 0-1."""

    def rectangle(self, box: Box, colour: Colour, *, opacity: float = 1.0, radius: float = 0.0) -> None:
        """A filled rectangle ``(left, top, right, bottom)``."""

    def line(self, points: Sequence[Point], colour: Colour, *, width: float = 1.0, opacity: float = 1.0) -> None:
        """An open line through points."""

    def area(self, points: Sequence[Point], colour: Colour, *, opacity: float = 1.0) -> None:
        """A filled polygon."""

    def text(self, place: Point, text: str, colour: Colour, *, size: float = 11.0, centred: bool = False) -> None:
        """A line of text, its middle at the place's height; from the place to the right, or centred on it."""


class SvgCanvas:
    """Draws as SVG 1.1; ``description`` is for machines and screen readers."""

    def __init__(self, width: int, height: int, paper: Colour, description: str) -> None:
        self._size = width, height
        self._shapes = [f"<desc>{escape(description)}</desc>"]
        self.rectangle((0, 0, width, height), paper)

    def rectangle(self, box: Box, colour: Colour, *, opacity: float = 1.0, radius: float = 0.0) -> None:
        """See :class:`Canvas`."""
        left, top, right, bottom = box
        round_ = f' rx="{radius:g}"' if radius else ""
        self._shapes.append(
            f'<rect x="{left:.2f}" y="{top:.2f}" width="{max(right - left, 0):.2f}" height="{max(bottom - top, 0):.2f}"'
            f'{round_} fill="{_hex(colour)}"{_opacity("fill", opacity)}/>'
        )

    def line(self, points: Sequence[Point], colour: Colour, *, width: float = 1.0, opacity: float = 1.0) -> None:
        """See :class:`Canvas`."""
        self._shapes.append(
            f'<polyline points="{_points(points)}" fill="none" stroke="{_hex(colour)}" stroke-width="{width:g}" '
            f'stroke-linejoin="round"{_opacity("stroke", opacity)}/>'
        )

    def area(self, points: Sequence[Point], colour: Colour, *, opacity: float = 1.0) -> None:
        """See :class:`Canvas`."""
        self._shapes.append(f'<polygon points="{_points(points)}" fill="{_hex(colour)}"{_opacity("fill", opacity)}/>')

    def text(self, place: Point, text: str, colour: Colour, *, size: float = 11.0, centred: bool = False) -> None:
        """See :class:`Canvas`."""
        anchor = ' text-anchor="middle"' if centred else ""
        self._shapes.append(
            f'<text x="{place[0]:.2f}" y="{place[1] + 0.35 * size:.2f}" font-family="DejaVu Sans, Verdana, sans-serif" '
            f'font-size="{size:g}"{anchor} fill="{_hex(colour)}">{escape(text)}</text>'
        )

    def inset(self, svg: str, box: Box) -> None:
        """Another SVG document (with a ``viewBox``) inside this one."""
        left, top, right, bottom = box
        body = svg[svg.index("<svg") :]
        frame = f'<svg x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}"'
        self._shapes.append(f'{frame}><svg width="100%" height="100%"{body[len("<svg") :]}</svg>')

    def svg(self) -> str:
        """The document."""
        width, height = self._size
        spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        head = f'<svg {spaces} width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        return "\n".join([head, *self._shapes, "</svg>\n"])


class PixelCanvas:
    """Draws with Pillow."""

    def __init__(self, width: int, height: int, paper: Colour) -> None:
        self._size = width, height
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), paper)
        self._draw = ImageDraw.Draw(self._image, "RGBA")

    def rectangle(self, box: Box, colour: Colour, *, opacity: float = 1.0, radius: float = 0.0) -> None:
        """See :class:`Canvas`."""
        left, top, right, bottom = (value * SCALE for value in box)
        if right > left and bottom > top:
            self._draw.rounded_rectangle((left, top, right, bottom), radius * SCALE, (*colour, round(255 * opacity)))

    def line(self, points: Sequence[Point], colour: Colour, *, width: float = 1.0, opacity: float = 1.0) -> None:
        """See :class:`Canvas`."""
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self._draw.line(scaled, (*colour, round(255 * opacity)), width=max(round(width * SCALE), 1), joint="curve")

    def area(self, points: Sequence[Point], colour: Colour, *, opacity: float = 1.0) -> None:
        """See :class:`Canvas`."""
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], (*colour, round(255 * opacity)))

    def text(self, place: Point, text: str, colour: Colour, *, size: float = 11.0, centred: bool = False) -> None:
        """See :class:`Canvas`."""
        font = ImageFont.load_default(size * SCALE)
        self._draw.text((place[0] * SCALE, place[1] * SCALE), text, colour, font, anchor="mm" if centred else "lm")

    def pixels(self) -> NDArray[np.uint8]:
        """``(height, width, 3)`` uint8 RGB."""
        return np.asarray(self._image.resize(self._size, Image.Resampling.LANCZOS), dtype=np.uint8)


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _opacity(of: str, value: float) -> str:
    return "" if value >= 1.0 else f' {of}-opacity="{value:.3f}"'


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
