"""A head that the picture's upper edge cuts off must not sink: there is nothing above it to show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.landmark_groups import FACE_OVAL
from espressivo.render.fitting import HeadFit, RigidMotion
from espressivo.render.matte import PersonMatte

__all__ = ["UpperEdge", "upper_edge"]

Float = NDArray[np.float32]

# Units of the head: half width of the part of the edge that counts; how far the head may sink freely: 7 mm of stretched hair are
# not noticed, and heads that speak sink as far.
HALF_WIDTH: Final = 3.0
FREE: Final = 0.5
HELD: Final = 0.9


@dataclass(frozen=True, eq=False)
class UpperEdge:
    """Where the upper edge crosses the head.

    Attributes:
        place: ``(3,)`` point of the head at the edge, camera space (pixels; y up).
        cut: Part of the edge above the face that the person covers, 0-1.
        free_px: How far it may sink.
    """

    place: Float
    cut: float
    free_px: float

    def hold(self, motion: RigidMotion) -> RigidMotion:
        """The motion, raised as far as it would draw the cut head away from the edge."""
        if self.cut == 0 or motion.is_rest:
            return motion
        sinks = float(self.place[1] - motion.apply(self.place[None])[0, 1]) - self.free_px
        if sinks <= 0:
            return motion
        raised = motion.shift + np.array([0, HELD * self.cut * sinks, 0], np.float32)
        return replace(motion, shift=raised)


def upper_edge(fit: HeadFit, matte: PersonMatte, points: Float) -> UpperEdge:
    """Find it for a portrait with vertices at ``points`` ``(V, 3)``."""
    region = matte.region
    forehead = points[fit.head.landmark_vertices[FACE_OVAL[0], 0]]
    left, right = (int(np.clip(forehead[0] + side * HALF_WIDTH * fit.scale - region.left, 0, region.width)) for side in (-1, 1))
    row = matte.alpha[0, left:right]
    cut = float((row > 127).mean()) if region.top == 0 and len(row) and matte.alpha.min() < 255 else 0.0
    return UpperEdge(np.array([forehead[0], 0, forehead[2]], np.float32), cut, FREE * fit.scale)
