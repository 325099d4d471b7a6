"""Rectangles of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Region"]

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle of the portrait, pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an ``(H, W, ...)`` array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @classmethod
    def around(cls, points: NDArray[np.floating], margin: float, width: int, height: int) -> Region:
        """Bounding box of ``(N, 2+)`` points with a margin, within a picture; may be empty."""
        low, high = points[:, :2].min(axis=0) - margin, points[:, :2].max(axis=0) + margin
        left, top = (int(np.clip(np.floor(v), 0, n)) for v, n in zip(low, (width, height), strict=True))
        right, bottom = (int(np.clip(np.ceil(v) + 1, 0, n)) for v, n in zip(high, (width, height), strict=True))
        return cls(left, top, max(right, left), max(bottom, top))

    def grid(self, step: float = 1.0) -> Float:
        """``(h, w, 2)`` portrait coordinates of the centres of cells of ``step`` pixels."""
        across, down = round(self.width / step), round(self.height / step)
        x = (np.arange(across, dtype=np.float32) + 0.5) * (self.width / across) - 0.5 + self.left
        y = (np.arange(down, dtype=np.float32) + 0.5) * (self.height / down) - 0.5 + self.top
        return np.stack(np.meshgrid(x, y), axis=-1)
