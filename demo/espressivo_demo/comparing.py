"""One portrait in many emotions, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.planner import plan_emotion
from espressivo.face.expression import expression_curves
from espressivo.media.image import load_image
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent
from espressivo.render.renderer import prepare_portrait
from espressivo.talking_head import TalkingHeadPipeline

__all__ = ["emotion_grid"]

CELL_PX: Final = 280
CAPTION_PX: Final = 34
PAPER: Final = (250, 247, 242)
INK: Final = (45, 41, 36)


def emotion_grid(
    pipeline: TalkingHeadPipeline,
    portrait: Path,
    words: Sequence[str],
    intensity: float,
    columns: int,
    report: ProgressCallback,
    token: CancelToken,
) -> NDArray[np.uint8]:
    """A captioned picture of the portrait in each emotion, at the height of its expression.

    Args:
        pipeline: Draws the faces.
        portrait: Picture of one face.
        words: Emotions.
        intensity: 0-1.
        columns: Cells beside each other.
        report: Told after each cell.
        token: Looked at before each cell.
    """
    renderer = pipeline.renderer
    fitted = renderer.fit(prepare_portrait(load_image(portrait), 512))
    cells = []
    for index, word in enumerate(words):
        token.raise_if_cancelled()
        plan = plan_emotion(parse_emotion(word, intensity=intensity, duration_s=3.0))
        weights = expression_curves(plan, np.arange(0.5, 2.5, 0.05), seed=0)
        apex = weights[np.argmax(weights.sum(axis=1))]
        target = plan.segments[0].head_gaze
        rotation = np.array([target.pitch_rad, target.yaw_rad, target.roll_rad], np.float32)
        cells.append(_captioned(renderer.frame(fitted, apex, rotation, np.zeros(3, np.float32)), word))
        report(ProgressEvent("render", index + 1, len(words)))
    while len(cells) % columns:
        cells.append(np.full_like(cells[0], PAPER))
    return np.vstack([np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)])


def _captioned(frame: NDArray[Any], word: str) -> NDArray[np.uint8]:
    height = round(CELL_PX * frame.shape[0] / frame.shape[1])
    cell = np.full((height + CAPTION_PX, CELL_PX, 3), PAPER, np.uint8)
    cell[:height] = cv2.resize(frame, (CELL_PX, height), interpolation=cv2.INTER_AREA)
    (width, _), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
    place = ((CELL_PX - width) // 2, height + 23)
    cv2.putText(cell, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, INK, 1, cv2.LINE_AA)
    return cell
