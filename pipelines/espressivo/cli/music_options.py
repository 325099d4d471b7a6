"""Options of the music, and how words such as ``C3-C5`` or ``mf`` become numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from espressivo.errors import SettingError

if TYPE_CHECKING:
    from espressivo.music.settings import MusicSettings

__all__ = ["music_settings", "parse_register"]

MUSIC = "Music"
PITCH_CLASSES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
PITCH_NAME = re.compile(r"([A-Ga-g])([#b]?)(-?\d)")
DYNAMICS = {"ppp": 20.0, "pp": 34.0, "p": 48.0, "mp": 62.0, "mf": 76.0, "f": 92.0, "ff": 108.0, "fff": 122.0}
"""Velocities of the dynamic marks: an engineering choice, in nearly equal steps as sequencers have them."""


def music_settings(
    composer: Annotated[str, typer.Option(help="rules | model.", rich_help_panel=MUSIC)] = "rules",
    palette: Annotated[str | None, typer.Option(help="Instruments: piano, strings, ...", rich_help_panel=MUSIC)] = None,
    style: Annotated[
        str | None,
        typer.Option(
            help="Accompaniment: sustain | block | pulse | offbeat | arpeggio | alberti | waltz | tremolo | ostinato.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="C, F#, Bb, ...: the tonic.", rich_help_panel=MUSIC)] = None,
    mode: Annotated[
        str | None, typer.Option(help="phrygian | minor | dorian | mixolydian | major | lydian.", rich_help_panel=MUSIC)
    ] = None,
    metre: Annotated[str | None, typer.Option(help="2/4 | 3/4 | 4/4 | 6/8.", rich_help_panel=MUSIC)] = None,
    tempo: Annotated[float | None, typer.Option(help="Quarters a minute, 30 to 220.", rich_help_panel=MUSIC)] = None,
    chords: Annotated[
        str | None, typer.Option(help='A chord a bar: "Am F C G", "Dm7 G7 | Cmaj7", "i VI III VII".', rich_help_panel=MUSIC)
    ] = None,
    density: Annotated[float | None, typer.Option(help="Onsets a second, 0.25 to 16.", rich_help_panel=MUSIC)] = None,
    register: Annotated[
        str | None, typer.Option(help="Range of the melody: C4-C6, or MIDI pitches 60-84.", rich_help_panel=MUSIC)
    ] = None,
    dynamics: Annotated[
        str | None, typer.Option(help="ppp to fff, or a mean MIDI velocity, 1 to 127.", rich_help_panel=MUSIC)
    ] = None,
    articulation: Annotated[
        float | None, typer.Option(help="Sounding over written length: 0.3 staccato, 1 legato.", rich_help_panel=MUSIC)
    ] = None,
    dissonance: Annotated[float | None, typer.Option(help="0 triads, 1 clusters.", rich_help_panel=MUSIC)] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A measured attribute by its rank among real pieces: onsets_per_s=0.8. May be repeated; names in docs/music.md.",
            rich_help_panel=MUSIC,
        ),
    ] = None,
) -> MusicSettings:
    """Settings of the music, checked."""
    from espressivo.music.progression import parse_progression
    from espressivo.music.settings import MusicSettings
    from espressivo.settings import validated

    if chords is not None:
        parse_progression(chords)
    low, high = (None, None) if register is None else parse_register(register)
    return validated(
        MusicSettings,
        {
            "composer": composer,
            "palette": palette,
            "style": style,
            "tonic": None if key is None else _pitch_class(key),
            "mode": mode,
            "metre": metre,
            "tempo_bpm": tempo,
            "chords": chords,
            "density_nps": density,
            "register_low": low,
            "register_high": high,
            "velocity": None if dynamics is None else _velocity(dynamics),
            "articulation": articulation,
            "dissonance": dissonance,
            "attributes": dict(_slider(text) for text in attributes or ()),
        },
    )


def _pitch_class(key: str) -> int:
    """``"F#"`` -> 6."""
    natural, accidentals = key[:1].upper(), key[1:]
    if natural not in PITCH_CLASSES or set(accidentals) - {"#", "b"}:
        raise SettingError("setting.invalid", f"key is {key!r}; accepted: A to G with # or b, such as F# or Bb")
    return (PITCH_CLASSES[natural] + accidentals.count("#") - accidentals.count("b")) % 12


def parse_register(text: str) -> tuple[int, int]:
    """``"C4-C6"`` or ``"60-84"`` -> (60, 84).

    Raises:
        SettingError: ``setting.register``.
    """
    halves = re.fullmatch(r"\s*([A-Ga-g][#b]?-?\d|\d+)\s*(?:-|to)\s*([A-Ga-g][#b]?-?\d|\d+)\s*", text)
    if not halves:
        raise SettingError("setting.register", f"register is {text!r}; accepted: two pitches such as C4-C6 or 60-84")
    low, high = (_pitch(half) for half in halves.groups())
    return low, high


def _pitch(text: str) -> int:
    if text.isdigit():
        return int(text)
    letter, accidental, octave = PITCH_NAME.fullmatch(text).groups()  # type: ignore[union-attr]  # the caller matched it
    return 12 * (int(octave) + 1) + PITCH_CLASSES[letter.upper()] + {"": 0, "#": 1, "b": -1}[accidental]


def _velocity(text: str) -> float:
    if text in DYNAMICS:
        return DYNAMICS[text]
    try:
        return float(text)
    except ValueError as error:
        marks = ", ".join(DYNAMICS)
        raise SettingError("setting.dynamics", f"dynamics is {text!r}; accepted: {marks} or a velocity 1 to 127") from error


def _slider(text: str) -> tuple[str, float]:
    from espressivo.music.asked import checked_attributes

    name, _, value = text.partition("=")
    try:
        return next(iter(checked_attributes({name.strip(): float(value)}).items()))
    except ValueError as error:
        raise SettingError("setting.attribute", f"--set {text!r}: write NAME=RANK with a rank 0 to 1") from error
