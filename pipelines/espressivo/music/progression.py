"""Chord progressions as people type them - ``Am F C G``, ``Dm7 G7 | Cmaj7``, ``i VI III VII`` - and the harmony that follows.

Chords are separated by spaces, commas or dashes; each fills a bar. Where bars are written (``|``), the chords of a bar share it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np

from espressivo.errors import SettingError
from espressivo.music.form import Bar, Form, FormSection
from espressivo.music.harmony import SectionHarmony, choose_keys
from espressivo.music.score import TICKS_PER_QUARTER, ChordSpan
from espressivo.music.settings import MusicSettings
from espressivo.music.theory import MODE_BRIGHTNESS, MODE_STEPS, Chord, Key

__all__ = ["RomanChord", "follow_progression", "parse_chord", "parse_progression"]

MAX_BARS: Final = 64
MAX_CHORDS_A_BAR: Final = 4
NATURALS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS: Final = {"": 0, "#": 1, "♯": 1, "b": -1, "♭": -1}
QUALITIES: Final = {
    "": "maj", "maj": "maj", "M": "maj", "m": "min", "min": "min", "-": "min", "dim": "dim", "°": "dim", "o": "dim",
    "aug": "aug", "+": "aug", "sus2": "sus2", "sus4": "sus4", "sus": "sus4", "5": "5", "7": "7", "maj7": "maj7", "M7": "maj7",
    "Δ": "maj7", "Δ7": "maj7", "m7": "min7", "min7": "min7", "-7": "min7", "mM7": "minmaj7", "mmaj7": "minmaj7",
    "m(maj7)": "minmaj7", "minmaj7": "minmaj7", "m7b5": "hdim7", "min7b5": "hdim7", "ø": "hdim7", "ø7": "hdim7",
    "hdim7": "hdim7", "dim7": "dim7", "°7": "dim7", "o7": "dim7", "add9": "add9", "madd9": "minadd9", "minadd9": "minadd9",
    "6": "maj6", "maj6": "maj6", "7b9": "7b9", "7#11": "7#11", "m(addb9)": "minb9", "minb9": "minb9",
}  # fmt: skip
SHOWN_QUALITIES: Final = "m, 7, maj7, m7, 6, 5, dim, dim7, m7b5, aug, sus2, sus4, add9, madd9, mM7, 7b9, 7#11"
NUMERALS: Final = ("I", "II", "III", "IV", "V", "VI", "VII")
ABSOLUTE: Final = re.compile(r"([A-G])([#♯b♭]?):?([^/]*)(?:/([A-G])([#♯b♭]?))?")
ROMAN: Final = re.compile(r"([#♯b♭]?)(VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i)(.*)")


@dataclass(frozen=True, slots=True)
class RomanChord:
    """A chord on a degree: of the key's own scale, or, with an accidental, of the major scale on the tonic.

    Attributes:
        degree: 0-6.
        accidental: Semitones by which the degree of the major scale is altered, or ``None``.
        quality: As in :data:`espressivo.music.theory.CHORD_INTERVALS`.
    """

    degree: int
    accidental: int | None
    quality: str

    def in_key(self, key: Key) -> Chord:
        """The chord in a key."""
        mode = key.mode if self.accidental is None else "major"
        root = (key.tonic + MODE_STEPS[mode][self.degree] + (self.accidental or 0)) % 12
        return Chord(root, self.quality, root)


Symbol = Chord | RomanChord
Progression = tuple[tuple[Symbol, ...], ...]


def parse_progression(text: str) -> Progression:
    """Bars of chords from what a user typed.

    Raises:
        SettingError: ``setting.chords``, naming the chord that is not understood and what is.
    """
    spaced = re.sub(r"[–—,;]|\s-\s|-(?=[A-G])", " ", text)
    groups = [group.split() for group in spaced.strip().strip("|").split("|")] if "|" in spaced else [[w] for w in spaced.split()]
    if not groups or not all(groups):
        raise SettingError("setting.chords", f'no chords in {text[:60]!r}; give some, such as "Am F C G" or "Dm7 G7 | Cmaj7"')
    if len(groups) > MAX_BARS or max(len(group) for group in groups) > MAX_CHORDS_A_BAR:
        most = max(len(group) for group in groups)
        raise SettingError(
            "setting.chords", f"{len(groups)} bars with up to {most} chords; accepted: {MAX_BARS} bars of {MAX_CHORDS_A_BAR}"
        )
    return tuple(tuple(parse_chord(word) for word in group) for group in groups)


def parse_chord(word: str) -> Symbol:
    """A chord symbol or a Roman numeral.

    Raises:
        SettingError: ``setting.chords``.
    """
    roman = ROMAN.fullmatch(word)
    if roman:
        return _roman(word, *roman.groups())
    absolute = ABSOLUTE.fullmatch(word)
    if not absolute:
        hint = f"write {word[:1].upper() + word[1:]}" if word[:1] in set("acdefg") else "H is B" if word[:1] == "H" else ""
        raise _unknown(word, hint or "roots are A to G with # or b, or numerals I to VII")
    letter, accidental, tail, bass_letter, bass_accidental = absolute.groups()
    if tail not in QUALITIES:
        raise _unknown(word, f"after the root may follow nothing or {SHOWN_QUALITIES}")
    root = (NATURALS[letter] + ACCIDENTALS[accidental]) % 12
    bass = root if bass_letter is None else (NATURALS[bass_letter] + ACCIDENTALS[bass_accidental]) % 12
    return Chord(root, QUALITIES[tail], bass)


def _roman(word: str, accidental: str, numeral: str, tail: str) -> RomanChord:
    lower = numeral.islower()
    wanted = {"": "m", "7": "m7", "maj7": "mM7", "add9": "madd9"}.get(tail, tail) if lower else tail
    if wanted not in QUALITIES:
        raise _unknown(word, "after a numeral may follow nothing or 7, maj7, °, ø7, +, sus4, add9; small letters are minor")
    shift = ACCIDENTALS[accidental] if accidental else None
    return RomanChord(NUMERALS.index(numeral.upper()), shift, QUALITIES[wanted])


def _unknown(word: str, reason: str) -> SettingError:
    return SettingError("setting.chords", f"{word[:20]!r} is no chord that is known: {reason}")


# --- from symbols to the harmony of a piece ----------------------------------------------------------------------------


def follow_progression(
    form: Form, settings: MusicSettings, random: np.random.Generator, *, ends: bool = True
) -> tuple[SectionHarmony, ...]:
    """The progression bar by bar, running on through the sections; if the form ends, its last bar rests on the home chord.

    Home is the progression's first chord on the tonic, or its last chord where none is. Without a tonic asked for, each
    section takes the key that fits the chords best, in a mode near the section's own.
    """
    progression = parse_progression(settings.chords or "")
    keys = choose_keys(form, settings, random)
    absolute = [symbol for bar in progression for symbol in bar if isinstance(symbol, Chord)]
    if absolute and settings.tonic is None:
        keys = [_fitting_key(absolute, settings, key) for key in keys]
    harmonies = []
    num_before = 0
    for section, key in zip(form.sections, keys, strict=True):
        bars = [tuple(_in_key(symbol, key) for symbol in bar) for bar in progression]
        is_last = ends and section is form.sections[-1]
        harmonies.append(SectionHarmony(key, tuple(_spans(section, bars, num_before, key, is_last=is_last))))
        num_before += len(section.bars)
    return tuple(harmonies)


def _in_key(symbol: Symbol, key: Key) -> Chord:
    return symbol.in_key(key) if isinstance(symbol, RomanChord) else symbol


def _fitting_key(chords: list[Chord], settings: MusicSettings, wished: Key) -> Key:
    """Chord tones in the scale, first and last chord on the tonic and of its third, a mode as bright as wished."""
    modes = [settings.mode] if settings.mode else list(MODE_STEPS)

    def fit(key: Key) -> float:
        tones = [tone for chord in chords for tone in chord.pitch_classes]
        inside = sum(tone in key.pitch_classes for tone in tones) / len(tones)
        at_home = sum(chord.root == key.tonic for chord in (chords[0], chords[-1]))
        return 3.0 * inside + 0.25 * at_home - 0.3 * abs(MODE_BRIGHTNESS[key.mode] - MODE_BRIGHTNESS[wished.mode])

    roots = dict.fromkeys(chord.root for chord in chords)
    return max((Key(root, mode) for root in roots for mode in modes), key=fit)


def _spans(section: FormSection, bars: list[tuple[Chord, ...]], num_before: int, key: Key, *, is_last: bool) -> list[ChordSpan]:
    numbered = enumerate(section.bars, num_before)
    spans = [span for number, bar in numbered for span in _bar_spans(bar, bars[number % len(bars)])]
    if is_last:
        home = next((chord for bar in bars for chord in bar if chord.root == key.tonic), bars[-1][-1])
        last = section.bars[-1]
        spans = [span for span in spans if span.start_tick < last.start_tick]
        spans.append(ChordSpan(last.start_tick, last.end_tick, home))
    return spans


def _bar_spans(bar: Bar, chords: tuple[Chord, ...]) -> list[ChordSpan]:
    """Equal shares of the bar, to the eighth; a bar too short for all keeps the first."""
    chords = chords[: bar.length_eighths]
    starts = [bar.start_tick + round(i * bar.length_eighths / len(chords)) * TICKS_PER_QUARTER // 2 for i in range(len(chords))]
    ends = [*starts[1:], bar.end_tick]
    return [ChordSpan(start, end, chord) for start, end, chord in zip(starts, ends, chords, strict=True)]
