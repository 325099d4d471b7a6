"""Small pictures laid over the warped photograph, drawn finer than the frame and averaged down so that their edges are smooth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.render.imaging import AREA, resize
from espressivo.render.regions import Region

__all__ = ["Canvas", "Layer"]

Float = NDArray[np.float32]

# Eyes and mouth of a face smaller than this many pixels per unit are drawn at twice the resolution.
FINE_SCALE = 90.0


@dataclass(frozen=True, eq=False)
class Layer:
    """RGB ``(h, w, 3)`` times its alpha, and the alpha ``(h, w)`` in 0-1, float32, at a region of the frame."""

    region: Region
    colour: Float
    alpha: Float

    def over(self, frame: NDArray[np.uint8]) -> None:
        """Lay it over a frame, in place."""
        window = frame[self.region.slices]
        mixed = window * (1 - self.alpha[..., None]) + self.colour
        window[:] = np.clip(mixed + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Canvas:
    """A region drawn ``zoom`` times finer than the frame."""

    region: Region
    zoom: int

    @classmethod
    def around(cls, points: NDArray[np.floating], margin: float, frame: tuple[int, int], scale: float) -> Canvas | None:
        """Canvas over some points of a frame ``(height, width)``; ``None`` where they lie outside.

        Args:
            points: ``(N, 2+)`` pixels.
            margin: Pixels beside them.
            frame: Height and width of the frame.
            scale: Pixels per unit of the head.
        """
        region = Region.around(points, margin, frame[1], frame[0])
        if region.width < 4 or region.height < 4:
            return None
        return cls(region, 2 if scale < FINE_SCALE else 1)

    @property
    def height(self) -> int:
        """Rows of the canvas."""
        return self.region.height * self.zoom

    @property
    def width(self) -> int:
        """Columns of the canvas."""
        return self.region.width * self.zoom

    def cells(self, points: Float) -> Float:
        """Frame coordinates ``(N, 2+)`` to those of the canvas; further columns stay."""
        cells = points.astype(np.float32, copy=True)
        cells[:, :2] = (points[:, :2] - np.array([self.region.left, self.region.top], np.float32) + 0.5) * np.float32(
            self.zoom
        ) - 0.5
        return cells

    def grid(self) -> Float:
        """``(h, w, 2)`` frame coordinates of the canvas' pixels."""
        return self.region.grid(1 / self.zoom)

    def finish(self, colour: Float, alpha: Float) -> Layer:
        """Average down to the frame's resolution."""
        size = (self.region.width, self.region.height)
        return Layer(self.region, resize(colour * alpha[..., None], size, AREA), resize(alpha, size, AREA))
