"""Instruments: which palette suits an emotion, and the parts of a score that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from espressivo.emotion.plan import VAD
from espressivo.errors import SettingError
from espressivo.music.form import Form
from espressivo.music.score import Part
from espressivo.music.settings import MusicSettings
from espressivo.resources import load_config

__all__ = ["Palette", "choose_palettes", "palette_names"]

CONFIG = "music/palettes.yaml"
ROLES = ("melody", "counter", "accompaniment", "bass", "pad", "percussion")
MAX_PALETTES = 2
"""More would not fit MIDI's 15 channels, nor hold a piece together."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Instruments by role and the accompaniment styles that suit them."""

    name: str
    parts: dict[str, Part]
    styles: tuple[str, ...]


def palette_names() -> tuple[str, ...]:
    """Names accepted as ``MusicSettings.palette``."""
    return tuple(load_config(CONFIG)["palettes"])


def choose_palettes(form: Form, settings: MusicSettings) -> list[Palette]:
    """A palette for every section: the one asked for, or the nearest in VAD among the piece's two most needed.

    Raises:
        SettingError: ``setting.palette`` for a name that does not exist.
    """
    if settings.palette is not None:
        if settings.palette not in palette_names():
            raise SettingError(
                "setting.palette", f"palette {settings.palette!r} does not exist; accepted: {', '.join(palette_names())}"
            )
        return [_palette(settings.palette, settings)] * len(form.sections)
    every = [name for name, entry in load_config(CONFIG)["palettes"].items() if entry["anchor"] is not None]
    seconds: dict[str, float] = {}
    for section in form.sections:
        name = _nearest(section.segment.vad, every)
        seconds[name] = seconds.get(name, 0.0) + section.end_s - section.start_s
    kept = sorted(seconds, key=lambda name: (-seconds[name], name))[:MAX_PALETTES]
    return [_palette(_nearest(section.segment.vad, kept), settings) for section in form.sections]


def _nearest(vad: VAD, names: list[str]) -> str:
    entries = load_config(CONFIG)["palettes"]
    point = (vad.valence, vad.arousal, vad.dominance)
    return min(names, key=lambda name: (math.dist(point, entries[name]["anchor"]), name))


def _palette(name: str, settings: MusicSettings) -> Palette:
    entry = load_config(CONFIG)["palettes"][name]
    styles = (settings.style,) if settings.style else tuple(entry["styles"])
    return Palette(name, {role: _part(role, entry[role]) for role in ROLES if role in entry}, styles)


def _part(role: str, entry: dict[str, Any]) -> Part:
    volume = round(100 * 10 ** (entry.get("gain_db", 0) / 40))
    return Part(entry["name"], entry["program"], role, entry["pan"], min(volume, 127))
