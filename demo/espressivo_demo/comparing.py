"""One portrait, many feelings: a sheet of emotions by intensities, as a picture and as a moving one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.planner import plan_emotion
from espressivo.errors import SettingError
from espressivo.face.expression import expression_curves
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent
from espressivo_demo.studio import Studio

__all__ = ["MAX_CELLS", "Sheet", "emotion_sheet"]

MAX_CELLS: Final = 48
FIT_PX: Final = 384
CELL_PX: Final = 224
CAPTION_PX: Final = 30
NUM_MOTION_FRAMES: Final = 8
FRAME_MS: Final = 70
HOLD_MS: Final = 700
PAPER: Final = (250, 247, 242)
INK: Final = (45, 41, 36)
SUBDUED: Final = (125, 114, 101)
PLAN_S: Final = 3.0

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Columns are emotions, rows intensities.

    Attributes:
        picture: ``(H, W, 3)`` uint8 RGB, every cell at the height of its expression.
        motion: The same from rest to the height, ``NUM_MOTION_FRAMES`` pictures; empty when not asked for.
    """

    picture: Picture
    motion: tuple[Picture, ...]

    def save_png(self, path: Path) -> None:
        """Write the still."""
        Image.fromarray(self.picture).save(path, "PNG", optimize=True)

    def save_gif(self, path: Path) -> None:
        """Write the moving one: there, held, and back, without end."""
        there = [Image.fromarray(frame) for frame in self.motion]
        frames = [*there, *reversed(there[1:-1])]
        durations = [FRAME_MS] * len(frames)
        durations[0] = durations[len(there) - 1] = HOLD_MS
        frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)


def emotion_sheet(
    studio: Studio,
    portrait: Path,
    words: Sequence[str],
    intensities: Sequence[float],
    *,
    moving: bool,
    report: ProgressCallback,
    token: CancelToken,
) -> Sheet:
    """Draw the portrait in every emotion at every intensity.

    Raises:
        SettingError: ``setting.compare`` for an empty sheet or one of more than 48 cells.
        EmotionInputError: A word is not understood.
        ImageInputError: The portrait cannot be used.
    """
    if not words or not intensities or len(words) * len(intensities) > MAX_CELLS:
        count = len(words) * len(intensities)
        raise SettingError("setting.compare", f"the sheet would have {count} cells; choose 1 to {MAX_CELLS}")
    shares = np.linspace(0.0, 1.0, NUM_MOTION_FRAMES) if moving else np.ones(1)
    shares = 0.5 - 0.5 * np.cos(np.pi * shares)
    fitted = studio.fitted(portrait, FIT_PX)
    renderer = studio.talking_head().renderer
    grids: list[list[list[Picture]]] = [[] for _ in shares]
    for row, intensity in enumerate(intensities):
        for grid in grids:
            grid.append([])
        for column, word in enumerate(words):
            token.raise_if_cancelled()
            apex, rotation = _height(word, intensity)
            for grid, share in zip(grids, shares, strict=True):
                frame = renderer.frame(fitted, share * apex, share * rotation, np.zeros(3, np.float32))
                grid[row].append(_captioned(frame, word, f"{intensity:.0%}"))
            report(ProgressEvent("render", row * len(words) + column + 1, len(words) * len(intensities)))
    sheets = [np.vstack([np.hstack(row) for row in grid]) for grid in grids]
    return Sheet(sheets[-1], tuple(sheets) if moving else ())


def _height(word: str, intensity: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights ``(52,)`` and head rotation ``(3,)`` in rad when the expression is strongest."""
    plan = plan_emotion(parse_emotion(word, intensity=intensity, duration_s=PLAN_S))
    weights = expression_curves(plan, np.arange(0.5, 2.5, 0.05), seed=0)
    carriage = plan.segments[0].head_gaze
    rotation = np.array([carriage.pitch_rad, carriage.yaw_rad, carriage.roll_rad], np.float32)
    return weights[np.argmax(weights.sum(axis=1))], rotation


def _captioned(frame: Picture, word: str, strength: str) -> Picture:
    height = round(CELL_PX * frame.shape[0] / frame.shape[1])
    cell = Image.new("RGB", (CELL_PX, height + CAPTION_PX), PAPER)
    cell.paste(Image.fromarray(cv2.resize(frame, (CELL_PX, height), interpolation=cv2.INTER_AREA)))
    canvas, font = ImageDraw.Draw(cell), ImageFont.load_default(15)
    middle = height + CAPTION_PX / 2
    canvas.text((8, middle), word[:24], fill=INK, font=font, anchor="lm")
    canvas.text((CELL_PX - 8, middle), strength, fill=SUBDUED, font=font, anchor="rm")
    return np.asarray(cell, dtype=np.uint8)
