"""Drawings of a plan and a performance as SVG. Colours follow the page's theme; all text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.plan import EmotionPlan
from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip

__all__ = ["REGION_COLOURS", "affect_colour", "performance_svg", "timeline_svg"]

WIDTH: Final = 960
LEFT: Final = 92
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
    """A colour for a state: hue from cool to warm with valence, stronger with arousal."""
    hue = 222 - 190 * (valence + 1) / 2
    saturation = 38 + 22 * (arousal + 1)
    lightness = 64 - 8 * (arousal + 1)
    return f"hsl({hue:.0f} {saturation:.0f}% {lightness:.0f}%)"


def timeline_svg(plan: EmotionPlan) -> str:
    """Segments as coloured bands with their labels, and the curves of valence and arousal over them.

    It is shown in a narrow column, so its letters are large.
    """
    duration_s = plan.duration_s
    parts = []
    for segment in plan.segments:
        x, width = _x(segment.start_s, duration_s), _x(segment.end_s, duration_s) - _x(segment.start_s, duration_s)
        colour = affect_colour(segment.vad.valence, segment.vad.arousal)
        parts.append(
            f'<rect x="{x:.1f}" y="40" width="{max(width - 3, 1):.1f}" height="150" rx="10" fill="{colour}" opacity="0.32"/>'
        )
        if width > 90:
            label = escape(f"{segment.label} · {segment.intensity:.0%}")
            parts.append(f'<text x="{x + 8:.1f}" y="26" font-size="26" fill="{INK}">{label}</text>')
    times = np.linspace(0, duration_s, 241)
    vad = EmotionCurve(plan).at(times).vad
    for name, column, colour, y in (("valence", 0, REGION_COLOURS["lips"], 90), ("arousal", 1, REGION_COLOURS["brows"], 156)):
        points = " ".join(f"{_x(t, duration_s):.1f},{115 - 66 * v:.1f}" for t, v in zip(times, vad[:, column], strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="4"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y}" text-anchor="end" font-size="24" fill="{colour}">{name}</text>')
    parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="115" y2="115" stroke="{FAINT}" stroke-dasharray="4 8" stroke-width="2"/>')
    parts += _seconds_axis(duration_s, 220, font_px=22)
    return _svg(230, parts, "Emotion over time: segments, valence and arousal")


def performance_svg(track: FacialActionTrack, speech: AudioClip | None) -> str:
    """The waveform, and under it what the face does, region by region."""
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
    return _svg(height, parts, "Facial actions over time, under the waveform of the speech")


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
    return LEFT + (WIDTH - LEFT - 8) * time_s / duration_s


def _seconds_axis(duration_s: float, y: float, font_px: int = 12) -> list[str]:
    step = next(step for step in (0.5, 1, 2, 5, 10, 30, 60, 300, 1200) if duration_s / step <= 12)
    marks = np.arange(0, duration_s + 1e-9, step)
    return [
        f'<text x="{_x(float(mark), duration_s):.1f}" y="{y}" font-size="{font_px}" text-anchor="middle" fill="{SUBDUED}">'
        f"{mark:g} s</text>"
        for mark in marks
    ]


def _svg(height: float, parts: Sequence[str], title: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg" '
        f'style="width:100%;height:auto;font-family:inherit">{"".join(parts)}</svg>'
    )
