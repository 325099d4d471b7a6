"""The size of the frames."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import SettingError

__all__ = ["MIN_SIZE_PX", "prepare_portrait"]

MIN_SIZE_PX = 64


def prepare_portrait(image: NDArray[np.uint8], size: int | None) -> NDArray[np.uint8]:
    """Bring a portrait to the size of the frames.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        size: Length of the shorter side in pixels; ``None`` keeps the portrait's own. A picture is never enlarged.

    Returns:
        ``(H', W', 3)`` with both sides even, as H.264 wants them; an odd last row or column is cut off.

    Raises:
        SettingError: ``setting.size`` when ``size`` is below 64.
    """
    if size is not None and size < MIN_SIZE_PX:
        raise SettingError("setting.size", f"size is {size}; accepted: {MIN_SIZE_PX} or more, or none for the portrait's own")
    height, width = image.shape[:2]
    shorter = min(height, width)
    if size is not None and size < shorter:
        target = (round(width * size / shorter), round(height * size / shorter))
        image = np.asarray(cv2.resize(image, target, interpolation=cv2.INTER_AREA), np.uint8)
        height, width = image.shape[:2]
    return np.ascontiguousarray(image[: height - height % 2, : width - width % 2])
