"""Pictures of a score: piano roll and lead sheet, with sections, chords and the emotion that the music follows."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.media.atomic import write_bytes
from espressivo.media.image import save_png
from espressivo.music.canvas import Canvas, Colour, PixelCanvas, SvgCanvas, text_width
from espressivo.music.notation import chord_name
from espressivo.music.score import AI_MARK, Score

__all__ = [
    "MARGIN",
    "RIGHT_MARGIN",
    "lead_sheet_png",
    "lead_sheet_svg",
    "piano_roll",
    "piano_roll_svg",
    "save_lead_sheet",
    "save_piano_roll",
]

ROLE_COLOURS: Final[dict[str, Colour]] = {
    "melody": (196, 52, 58),
    "counter": (226, 134, 44),
    "accompaniment": (46, 102, 168),
    "bass": (66, 66, 84),
    "pad": (84, 158, 120),
    "percussion": (132, 82, 152),
}
PAPER, BLACK_KEY, LINE, BORDER, INK = (252, 251, 247), (243, 241, 234), (224, 221, 212), (150, 146, 136), (60, 58, 54)
HEADER: Final[tuple[Colour, Colour]] = ((232, 228, 216), (240, 237, 228))
CURVES: Final[tuple[tuple[str, Colour, int], ...]] = (("valence", (58, 128, 88), 0), ("arousal", (206, 92, 58), 1))
MARGIN, RIGHT_MARGIN, HEADER_ROW, CHORD_ROW, CURVE_ROW, LEGEND_ROW = 44, 14, 26, 24, 96, 26
MIN_SIDE, MAX_WIDTH, MAX_HEIGHT = 200, 8000, 4000
SHEET_WIDTH: Final = 1400


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
    _check_size(width, height)
    canvas = PixelCanvas(width, height, PAPER)
    _Roll(score, plan, canvas, width, height).draw()
    return canvas.pixels()


def piano_roll_svg(score: Score, plan: EmotionPlan | None = None, *, width: int = 1400, height: int = 640) -> str:
    """The same picture as :func:`piano_roll`, as an SVG document."""
    _check_size(width, height)
    canvas = SvgCanvas(width, height, PAPER, AI_MARK)
    _Roll(score, plan, canvas, width, height).draw()
    return canvas.svg()


def lead_sheet_svg(score: Score, plan: EmotionPlan | None = None, *, title: str = "espressivo") -> str:
    """Melody and chords engraved by Verovio (extra ``notation``), sections as rehearsal marks, the emotion's curve below.

    Args:
        score: What to engrave.
        plan: Draws valence and arousal under the music.
        title: One line.

    Raises:
        SettingError: ``setting.extra`` when partitura or Verovio are not installed.
        MidiInputError: ``midi.too_few_notes``.
    """
    pages = _engraved(score)
    heights = [SHEET_WIDTH * page_height / page_width for _, page_width, page_height in pages]
    curve = CURVE_ROW + 40 if plan is not None else 0
    canvas = SvgCanvas(SHEET_WIDTH, round(70 + sum(heights) + curve), (255, 255, 255), AI_MARK)
    canvas.text((SHEET_WIDTH / 2, 40), title, INK, size=26, centred=True)
    top = 64.0
    for (svg, _, _), height in zip(pages, heights, strict=True):
        canvas.inset(svg, (0, top, SHEET_WIDTH, top + height))
        top += height
    if plan is not None:
        _draw_curve(canvas, plan, (70, top + 16, SHEET_WIDTH - 40, top + 16 + CURVE_ROW), plan.duration_s)
    return canvas.svg()


def lead_sheet_png(score: Score, plan: EmotionPlan | None = None, *, title: str = "espressivo", width: int = 1400) -> bytes:
    """The picture of :func:`lead_sheet_svg` as a PNG file (resvg, extra ``notation``).

    Raises:
        SettingError: ``setting.picture_size``, or as for the SVG.
    """
    _check_size(width, MIN_SIDE)
    svg = lead_sheet_svg(score, plan, title=title)
    try:
        import resvg_py
    except ImportError as error:
        raise _missing("a picture of notes") from error
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, width=width))


def save_piano_roll(path: Path, score: Score, plan: EmotionPlan | None, metadata: Mapping[str, str]) -> None:
    """Write a piano roll as ``.png`` (with metadata) or ``.svg``.

    Raises:
        SettingError: ``setting.output_path``.
        EncodeError: As :func:`espressivo.media.atomic.atomic_output`.
    """
    if _is_svg(path):
        write_bytes(path, piano_roll_svg(score, plan).encode())
    else:
        save_png(piano_roll(score, plan), path, metadata)


def save_lead_sheet(path: Path, score: Score, plan: EmotionPlan | None, metadata: Mapping[str, str]) -> None:
    """Write a lead sheet as ``.png`` (with metadata) or ``.svg``.

    Raises:
        SettingError: ``setting.output_path``, or as :func:`lead_sheet_svg`.
        EncodeError: As :func:`espressivo.media.atomic.atomic_output`.
    """
    if _is_svg(path):
        write_bytes(path, lead_sheet_svg(score, plan).encode())
    else:
        picture = Image.open(io.BytesIO(lead_sheet_png(score, plan))).convert("RGB")
        save_png(np.asarray(picture), path, metadata)


def _is_svg(path: Path) -> bool:
    if path.suffix.lower() not in {".svg", ".png"}:
        raise SettingError("setting.output_path", f"{path.name} ends in {path.suffix!r}; pictures are written as .png or .svg")
    return path.suffix.lower() == ".svg"


def _engraved(score: Score) -> list[tuple[str, float, float]]:
    """Pages of Verovio as SVG with their width and height."""
    from espressivo.music.musicxml import score_to_musicxml

    try:
        import verovio
    except ImportError as error:
        raise _missing("engraving") from error
    # Verovio remembers where its fonts lie for the thread alone that imported it; without them the sheet is empty.
    verovio.setDefaultResourcePath(str(files("verovio") / "data"))
    toolkit = verovio.toolkit()
    toolkit.setOptions(
        {
            "pageWidth": 2100, "pageHeight": 2900, "scale": 40, "adjustPageHeight": True, "header": "none", "footer": "none",
            "svgViewBox": True, "xmlIdSeed": 1, "mnumInterval": 0,
        }
    )  # fmt: skip
    toolkit.loadData(score_to_musicxml(score, lead_sheet=True).decode("utf-8"))
    pages = []
    for number in range(1, toolkit.getPageCount() + 1):
        svg = toolkit.renderToSVG(number)
        _, _, width, height = (float(value) for value in svg.split('viewBox="', 1)[1].split('"', 1)[0].split())
        pages.append((svg, width, height))
    return pages


def _missing(what: str) -> SettingError:
    return SettingError(
        "setting.extra", f"{what} needs the extra 'notation'; install it with: pip install 'espressivo[notation]'"
    )


def _check_size(width: int, height: int) -> None:
    if not (MIN_SIDE <= width <= MAX_WIDTH and MIN_SIDE <= height <= MAX_HEIGHT):
        raise SettingError(
            "setting.picture_size",
            f"picture is {width} x {height}; accepted: {MIN_SIDE}-{MAX_WIDTH} x {MIN_SIDE}-{MAX_HEIGHT}",
        )


class _Roll:
    """A piano roll in progress."""

    def __init__(self, score: Score, plan: EmotionPlan | None, canvas: Canvas, width: int, height: int) -> None:
        self._score, self._plan, self._canvas = score, plan, canvas
        self._low = min((note.pitch for note in score.notes), default=60) - 2
        self._high = max((note.pitch for note in score.notes), default=60) + 2
        self._left, self._right = float(MARGIN), float(width - RIGHT_MARGIN)
        self._top = float(HEADER_ROW + CHORD_ROW)
        self._bottom = float(height - LEGEND_ROW - (CURVE_ROW if plan is not None else 0))

    def draw(self) -> None:
        """Everything, from the back to the front."""
        self._grid()
        self._sections()
        self._notes()
        self._chords()
        self._legend()
        if self._plan is not None:
            box = (self._left, self._bottom + LEGEND_ROW, self._right, self._bottom + LEGEND_ROW + CURVE_ROW - 8)
            _draw_curve(self._canvas, self._plan, box, self._score.duration_s)

    def _x(self, tick: int) -> float:
        return self._left + (self._right - self._left) * self._score.seconds(tick) / self._score.duration_s

    def _y(self, pitch: float) -> float:
        return self._bottom - (self._bottom - self._top) * (pitch - self._low) / (self._high - self._low + 1)

    def _grid(self) -> None:
        for pitch in range(self._low, self._high + 1):
            if pitch % 12 in {1, 3, 6, 8, 10}:
                self._canvas.rectangle((self._left, self._y(pitch + 1), self._right, self._y(pitch)), BLACK_KEY)
            if pitch % 12 == 0:
                self._canvas.line([(self._left, self._y(pitch)), (self._right, self._y(pitch))], LINE)
                self._canvas.text((10, self._y(pitch + 0.5)), f"C{pitch // 12 - 1}", INK)
        for start, _ in self._score.bars():
            self._canvas.line([(self._x(start), self._top), (self._x(start), self._bottom)], LINE)

    def _sections(self) -> None:
        for index, section in enumerate(self._score.sections):
            left, right = self._x(section.start_tick), self._x(section.end_tick)
            self._canvas.rectangle((left, 0, right, HEADER_ROW - 2), HEADER[index % 2])
            self._canvas.line([(left, 0), (left, self._bottom)], BORDER, width=1.6)
            key = self._score.key_at(section.start_tick)
            title = f"{section.label} · {str(key).replace(':', ' ')}" if section.label else str(key).replace(":", " ")
            if text_width(title, 13) < right - left:
                self._canvas.text((left + 8, HEADER_ROW / 2 - 1), title, INK, size=13)

    def _notes(self) -> None:
        for note in self._score.notes:
            colour = ROLE_COLOURS.get(self._score.parts[note.part].role, INK)
            left, right = self._x(note.start_tick), self._x(note.end_tick)
            box = (left, self._y(note.pitch + 1) + 0.5, max(right, left + 2), self._y(note.pitch) - 0.5)
            self._canvas.rectangle(box, colour, opacity=0.35 + 0.65 * note.velocity / 127, radius=2)

    def _chords(self) -> None:
        free = 0.0
        for span in self._score.chords:
            x = self._x(span.start_tick) + 3
            text = chord_name(span.chord, self._score.key_at(span.start_tick))
            if x >= free and x + text_width(text, 11) < self._right:
                self._canvas.text((x, HEADER_ROW + CHORD_ROW / 2), text, INK)
                free = x + text_width(text, 11) + 6

    def _legend(self) -> None:
        x, y = self._left, self._bottom + LEGEND_ROW / 2
        for role in dict.fromkeys(self._score.parts[note.part].role for note in self._score.notes):
            names = dict.fromkeys(part.name for part in self._score.parts if part.role == role)
            text = f"{role} ({', '.join(names)})"
            if x + 18 + text_width(text, 11) > self._right:
                break
            self._canvas.rectangle((x, y - 4, x + 12, y + 4), ROLE_COLOURS.get(role, INK), radius=2)
            self._canvas.text((x + 17, y), text, INK)
            x += 17 + text_width(text, 11) + 18


def _draw_curve(canvas: Canvas, plan: EmotionPlan, box: tuple[float, float, float, float], duration_s: float) -> None:
    """Valence and arousal between -1 and 1 over time, with the plan's borders."""
    left, top, right, bottom = box
    middle = 0.5 * (top + bottom)
    covered = left + (right - left) * min(plan.duration_s / duration_s, 1.0)
    canvas.rectangle((left, top, right, bottom), BLACK_KEY, opacity=0.6, radius=3)
    canvas.line([(left, middle), (right, middle)], BORDER, opacity=0.6)
    for segment in plan.segments[1:]:
        x = left + (covered - left) * segment.start_s / plan.duration_s
        canvas.line([(x, top), (x, bottom)], BORDER, width=1.2)
    times = np.linspace(0.0, plan.duration_s, 400)
    vad = EmotionCurve(plan).at(times).vad
    across = left + (covered - left) * times / plan.duration_s
    names_y = bottom - 9 if vad[:80, :2].max() > 0.5 else top + 9  # where no curve begins
    for name, colour, axis in CURVES:
        y = middle - 0.47 * (bottom - top) * vad[:, axis]
        line = list(zip(across.tolist(), y.tolist(), strict=True))
        canvas.area([(left, middle), *line, (covered, middle)], colour, opacity=0.12)
        canvas.line(line, colour, width=2.2)
        canvas.text((left + 8 + 70 * axis, names_y), name, colour)
