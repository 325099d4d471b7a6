"""Pictures of a score: a piano roll with chords, sections and the emotion that it follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.score import Score
from espressivo.music.theory import PITCH_CLASS_NAMES

__all__ = ["piano_roll"]

Colour = tuple[int, int, int]
ROLE_COLOURS: dict[str, Colour] = {
    "melody": (196, 52, 58),
    "counter": (226, 134, 44),
    "accompaniment": (46, 102, 168),
    "bass": (66, 66, 84),
    "pad": (84, 158, 120),
    "percussion": (132, 82, 152),
}
PAPER, BLACK_KEY, LINE, BORDER, INK = (252, 251, 247), (243, 241, 234), (224, 221, 212), (150, 146, 136), (60, 58, 54)
VALENCE, AROUSAL = (70, 130, 90), (200, 90, 60)
SCALE = 2
"""Drawn twice as large and scaled down, for smooth edges."""
MARGIN, RIGHT_MARGIN, CHORD_ROW, CURVE_ROW = 44, 12, 34, 90


def piano_roll(score: Score, plan: EmotionPlan | None = None, *, width: int = 1400, height: int = 640) -> NDArray[np.uint8]:
    """Piano roll: time to the right, pitch upwards, colour by part, opacity by velocity.

    Args:
        score: What to draw.
        plan: Draws valence and arousal below the notes.
        width: Pixels, 200 to 8,000.
        height: Pixels, 200 to 4,000.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        SettingError: ``setting.picture_size``.
    """
    if not (200 <= width <= 8000 and 200 <= height <= 4000):
        raise SettingError("setting.picture_size", f"picture is {width} x {height}; accepted: 200-8000 x 200-4000")
    roll = _Roll(score, width * SCALE, height * SCALE, CURVE_ROW * SCALE if plan is not None else 0)
    roll.draw_grid()
    roll.draw_notes()
    roll.draw_names()
    if plan is not None:
        roll.draw_curve(plan)
    return np.asarray(roll.image.resize((width, height), Image.Resampling.LANCZOS), dtype=np.uint8)


class _Roll:
    """The drawing in progress; coordinates in pixels of the large picture."""

    def __init__(self, score: Score, width: int, height: int, curve_height: int) -> None:
        self._score = score
        self.image = Image.new("RGB", (width, height), PAPER)
        self._canvas = ImageDraw.Draw(self.image, "RGBA")
        self._font = ImageFont.load_default(11 * SCALE)
        self._low = min((note.pitch for note in score.notes), default=60) - 2
        self._high = max((note.pitch for note in score.notes), default=60) + 2
        self._left, self._right = MARGIN * SCALE, width - RIGHT_MARGIN * SCALE
        self._top, self._bottom = 2 * CHORD_ROW * SCALE, height - 20 * SCALE - curve_height

    def _x(self, tick: int) -> float:
        return self._left + (self._right - self._left) * self._score.seconds(tick) / self._score.duration_s

    def _y(self, pitch: float) -> float:
        return self._bottom - (self._bottom - self._top) * (pitch - self._low) / (self._high - self._low + 1)

    def draw_grid(self) -> None:
        """Keys, bar lines, section borders."""
        for pitch in range(self._low, self._high + 1):
            if pitch % 12 in {1, 3, 6, 8, 10}:
                self._canvas.rectangle([self._left, self._y(pitch + 1), self._right, self._y(pitch)], fill=BLACK_KEY)
            if pitch % 12 == 0:
                self._canvas.line([self._left, self._y(pitch), self._right, self._y(pitch)], fill=LINE, width=SCALE)
                name = f"{PITCH_CLASS_NAMES[0]}{pitch // 12 - 1}"
                self._canvas.text((8 * SCALE, self._y(pitch + 0.5)), name, fill=INK, font=self._font, anchor="lm")
        for start, _ in self._score.bars():
            self._canvas.line([self._x(start), self._top, self._x(start), self._bottom], fill=LINE, width=SCALE)
        for section in self._score.sections:
            x = self._x(section.start_tick)
            self._canvas.line([x, 0, x, self._bottom], fill=BORDER, width=2 * SCALE)

    def draw_notes(self) -> None:
        """Every note as a bar."""
        for note in self._score.notes:
            colour = ROLE_COLOURS.get(self._score.parts[note.part].role, INK)
            box = [self._x(note.start_tick), self._y(note.pitch + 1), self._x(note.end_tick), self._y(note.pitch)]
            box[2] = max(box[2], box[0] + 2 * SCALE)
            self._canvas.rounded_rectangle(box, radius=2 * SCALE, fill=(*colour, 90 + round(165 * note.velocity / 127)))

    def draw_names(self) -> None:
        """Sections, keys and chords above the roll; chords that would overlap are left out."""
        for section in self._score.sections:
            title = f"{section.label}  {self._score.key_at(section.start_tick)}"
            self._canvas.text((self._x(section.start_tick) + 6 * SCALE, 8 * SCALE), title, fill=INK, font=self._font)
        free = 0.0
        for span in self._score.chords:
            x = self._x(span.start_tick) + 3 * SCALE
            if x >= free:
                text = str(span.chord).replace(":maj/", "/").removesuffix(":maj").replace(":", "")
                self._canvas.text((x, self._top - 14 * SCALE), text, fill=INK, font=self._font, anchor="lm")
                free = x + self._canvas.textlength(text, font=self._font) + 6 * SCALE

    def draw_curve(self, plan: EmotionPlan) -> None:
        """Valence and arousal between -1 and 1 under the roll."""
        times = np.linspace(0.0, plan.duration_s, 400)
        sample = EmotionCurve(plan).at(times)
        top, bottom = self._bottom + 14 * SCALE, self._bottom + (CURVE_ROW - 6) * SCALE
        middle = 0.5 * (top + bottom)
        self._canvas.line([self._left, middle, self._right, middle], fill=LINE, width=SCALE)
        for values, colour, name, row in ((sample.vad[:, 0], VALENCE, "valence", 0), (sample.vad[:, 1], AROUSAL, "arousal", 1)):
            x = self._left + (self._right - self._left) * times / plan.duration_s
            y = middle - 0.5 * (bottom - top) * values
            self._canvas.line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=colour, width=2 * SCALE)
            self._canvas.text((4 * SCALE, top + (14 + 24 * row) * SCALE), name[:7], fill=colour, font=self._font, anchor="lm")
