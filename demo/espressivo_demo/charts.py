"""Drawings of a performance as SVG. Colours follow the page's theme; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip

__all__ = ["REGION_COLOURS", "affect_colour", "performance_svg", "with_playhead"]

WIDTH: Final = 960
LEFT: Final = 92
RIGHT: Final = 8
INK: Final = "var(--body-text-color, #2b2622)"
FAINT: Final = "var(--border-color-primary, #d8d0c4)"
SUBDUED: Final = "var(--body-text-color-subdued, #7a7168)"
# One hue a region, told apart in both themes and by people who see red and green alike.
REGION_COLOURS: Final = {
    "brows": "#4c78a8",
    "eyes": "#2a9d8f",
    "cheeks": "#b279a2",
    "lips": "#d1495b",
    "jaw": "#e08e2b",
    "head": "#7d7d7d",
}
SAND, AMBER, SLATE = (191, 180, 163), (229, 140, 52), (58, 96, 150)
ROWS: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    ("brows up", "brows", ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")),
    ("brows down", "brows", ("browDownLeft", "browDownRight")),
    ("eyes wide", "eyes", ("eyeWideLeft", "eyeWideRight")),
    ("blink", "eyes", ("eyeBlinkLeft", "eyeBlinkRight")),
    ("squint", "eyes", ("eyeSquintLeft", "eyeSquintRight", "cheekSquintLeft", "cheekSquintRight")),
    ("nose", "cheeks", ("noseSneerLeft", "noseSneerRight")),
    ("smile", "lips", ("mouthSmileLeft", "mouthSmileRight")),
    ("frown", "lips", ("mouthFrownLeft", "mouthFrownRight")),
    ("rounding", "lips", ("mouthPucker", "mouthFunnel")),
    ("jaw", "jaw", ("jawOpen",)),
)


def affect_colour(valence: float, arousal: float) -> str:
    """A colour for a state: from slate blue to amber with valence, stronger with arousal. Told apart without red and green."""
    towards = AMBER if valence > 0 else SLATE
    share = min(1.0, abs(valence)) * (0.75 + 0.25 * arousal)
    red, green, blue = (round(calm + share * (strong - calm)) for calm, strong in zip(SAND, towards, strict=True))
    return f"rgb({red} {green} {blue})"


def with_playhead(drawing: str, player: str, duration_s: float, left: float, width: float) -> str:
    """A drawing whose time axis follows a player, and moves it when pressed.

    Args:
        drawing: HTML.
        player: CSS selector of an audio or video element.
        duration_s: What the width stands for.
        left: Where time begins, as a share of the drawing's width.
        width: How wide time is, likewise.
    """
    data = f'data-player="{escape(player)}" data-seconds="{duration_s:.3f}" data-left="{left:.5f}" data-width="{width:.5f}"'
    return f'<div class="timed" {data}>{drawing}<div class="playhead"></div></div>'


def performance_svg(track: FacialActionTrack, speech: AudioClip | None, player: str) -> str:
    """The waveform, and under it what the face does, region by region; a playhead follows ``player``."""
    duration_s = track.duration_s
    parts = [] if speech is None else _waveform(speech, duration_s)
    times = (np.arange(len(track)) + 0.5) / float(track.fps)
    for index, (label, region, names) in enumerate(ROWS):
        curve = np.max([track.shape(name) for name in names], axis=0)
        parts += _row(label, REGION_COLOURS[region], times, curve, duration_s, 84 + 27 * index)
    for index, (label, column) in enumerate((("nod", 0), ("turn", 1))):
        curve = 0.5 + track.head_rotation[:, column] / 0.4
        parts += _row(label, REGION_COLOURS["head"], times, np.clip(curve, 0, 1), duration_s, 84 + 27 * (len(ROWS) + index))
    height = 84 + 27 * (len(ROWS) + 2) + 26
    parts += _seconds_axis(duration_s, height - 12)
    drawing = _svg(height, parts, "Facial actions over time, under the waveform of the speech")
    return with_playhead(drawing, player, duration_s, LEFT / WIDTH, (WIDTH - LEFT - RIGHT) / WIDTH)


def _waveform(speech: AudioClip, duration_s: float) -> list[str]:
    """Peaks of the sound, one a pixel and a half."""
    mono = np.abs(speech.samples).max(axis=0)
    count = 560
    edges = np.linspace(0, len(mono), count + 1).astype(int)
    peaks = np.array([mono[a:b].max() if b > a else 0.0 for a, b in pairwise(edges)])
    peaks = peaks / max(float(peaks.max()), 1e-6)
    x = np.linspace(LEFT, _x(speech.duration_s, duration_s), count)
    upper = " ".join(f"{a:.1f},{36 - 30 * p:.1f}" for a, p in zip(x, peaks, strict=True))
    lower = " ".join(f"{a:.1f},{36 + 30 * p:.1f}" for a, p in zip(x[::-1], peaks[::-1], strict=True))
    label = f'<text x="{LEFT - 10}" y="40" text-anchor="end" font-size="13" fill="{SUBDUED}">speech</text>'
    return [f'<polygon points="{upper} {lower}" fill="{SUBDUED}" opacity="0.55"/>', label]


def _row(
    label: str, colour: str, times: NDArray[np.floating], curve: NDArray[np.floating], duration_s: float, y: float
) -> list[str]:
    step = max(1, len(times) // 700)
    points = " ".join(f"{_x(t, duration_s):.1f},{y - 21 * c:.1f}" for t, c in zip(times[::step], curve[::step], strict=True))
    last = _x(float(times[::step][-1]), duration_s)
    return [
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="{FAINT}" stroke-width="1"/>',
        f'<polygon points="{LEFT},{y} {points} {last:.1f},{y}" fill="{colour}" opacity="0.28"/>',
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>',
        f'<text x="{LEFT - 10}" y="{y - 5}" text-anchor="end" font-size="13" fill="{INK}">{escape(label)}</text>',
    ]


def _x(time_s: float, duration_s: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * time_s / duration_s


def _seconds_axis(duration_s: float, y: float) -> list[str]:
    step = next(step for step in (0.5, 1, 2, 5, 10, 30, 60, 300, 1200) if duration_s / step <= 12)
    marks = np.arange(0, duration_s + 1e-9, step)
    return [
        f'<text x="{_x(float(mark), duration_s):.1f}" y="{y}" font-size="12" text-anchor="middle" fill="{SUBDUED}">'
        f"{mark:g} s</text>"
        for mark in marks
    ]


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" '
        f'style="width:100%;height:auto;font-family:inherit">{"".join(parts)}</svg>'
    )
