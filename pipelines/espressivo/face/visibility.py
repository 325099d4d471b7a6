"""Whether a picture shows a face well enough to be animated: sharp, and neither mouth nor eyes covered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import ImageInputError
from espressivo.face.landmark_groups import LEFT_EYE, OUTER_LIPS, RIGHT_EYE

if TYPE_CHECKING:
    from espressivo.face.landmarks import FaceLandmarks

__all__ = ["FaceVisibility", "face_visibility", "refuse_unseen"]

# The face is looked at at this height, so that the measures do not depend on the size of the picture.
FACE_PX: Final = 200
FINE_PX, COARSE_PX = 1.0, 2.5
MARGIN: Final = 0.15
# 192 portraits, paintings and drawings measured .037 to .2 in sharpness and .047 upwards at the mouth; copies of the bundled
# portraits blurred by a fiftieth of the face .012 to .021, with a patch over the mouth 0, with sunglasses 0 at the eyes.
MIN_SHARPNESS: Final = 0.018
MIN_RELIEF: Final = 0.025


@dataclass(frozen=True)
class FaceVisibility:
    """What can be seen of a face.

    Attributes:
        sharpness: Fine structure of the face against its coarse structure; 0.04 to 0.2 in sharp pictures.
        mouth: Structure around the lips, part of the brightness range of the face.
        eyes: The same around the eyes, the less structured of the two.
    """

    sharpness: float
    mouth: float
    eyes: float

    @property
    def shows_eyes(self) -> bool:
        """Whether the eyes are seen, not dark glasses."""
        return self.eyes >= MIN_RELIEF


def face_visibility(image: NDArray[np.uint8], face: FaceLandmarks) -> FaceVisibility:
    """Measure a face in its picture, ``(H, W, 3)`` uint8 RGB."""
    left, top, right, bottom = face.box
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (
        int(np.clip(v, 0, n)) for v, n in ((left, width - 2), (top, height - 2), (right + 1, width), (bottom + 1, height))
    )
    crop = image[y0 : max(y1, y0 + 2), x0 : max(x1, x0 + 2)]
    zoom = FACE_PX / crop.shape[0]
    size = (max(8, round(crop.shape[1] * zoom)), FACE_PX)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC), np.float32)
    coarse = max(float(cv2.GaussianBlur(grey, (0, 0), COARSE_PX).std()), 1.0)
    fine = float((grey - cv2.GaussianBlur(grey, (0, 0), FINE_PX)).std())
    marks = (face.points[:, :2] - np.array([x0, y0], np.float32)) * np.float32(zoom)
    mouth, *eyes = (_relief(grey, marks[list(group)]) / coarse for group in (OUTER_LIPS, LEFT_EYE, RIGHT_EYE))
    return FaceVisibility(fine / coarse, mouth, min(eyes))


def refuse_unseen(seen: FaceVisibility) -> None:
    """Refuse a face that would be animated badly.

    Raises:
        ImageInputError: ``image.blurred`` or ``image.face_covered``.
    """
    if seen.sharpness < MIN_SHARPNESS:
        raise ImageInputError(
            "image.blurred",
            f"the face is blurred (sharpness {seen.sharpness:.3f}, at least {MIN_SHARPNESS} is needed); use a sharper picture",
        )
    if seen.mouth < MIN_RELIEF:
        raise ImageInputError(
            "image.face_covered",
            f"no mouth can be made out (relief {seen.mouth:.3f}, at least {MIN_RELIEF} is needed); "
            "use a picture in which nothing covers the mouth",
        )


def _relief(grey: NDArray[np.float32], marks: NDArray[np.float32]) -> float:
    """How much the brightness changes over a few pixels within the box of some points."""
    low, high = marks.min(axis=0), marks.max(axis=0)
    margin = MARGIN * (high - low)
    (x0, y0), (x1, y1) = (np.clip(v, 0, np.array(grey.shape[::-1]) - 1).astype(int) for v in (low - margin, high + margin))
    part = grey[y0 : max(y1, y0 + 1) + 1, x0 : max(x1, x0 + 1) + 1]
    return float(np.median(np.abs(part - cv2.GaussianBlur(part, (0, 0), COARSE_PX))))
