"""The melody with its chords as a lead sheet in ABC notation (standard 2.1, Walshaw 2011)."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

from espressivo.music.score import AI_MARK, TICKS_PER_QUARTER, MetreChange, Note, Score
from espressivo.music.theory import Chord, Key

__all__ = ["BREATH", "SIXTEENTH", "chord_name", "chord_parts", "key_fifths", "lead_sheet_abc", "signature", "spelled"]

SIXTEENTH = TICKS_PER_QUARTER // 4
BREATH = 4
"""Sixteenths of silence from which a rest is written."""
LETTERS = "CDEFGAB"
NATURAL = (0, 2, 4, 5, 7, 9, 11)
FIFTHS_OF_MAJOR = {0: 0, 7: 1, 2: 2, 9: 3, 4: 4, 11: 5, 6: 6, 1: -5, 8: -4, 3: -3, 10: -2, 5: -1}
PARENT_SHIFT = {"major": 0, "minor": 3, "dorian": 10, "phrygian": 8, "lydian": 7, "mixolydian": 5}
"""Semitones from the tonic up to the major key with the same signature."""
SHARP_ORDER, FLAT_ORDER = "FCGDAEB", "BEADGCF"
ABC_MODES = {"major": "", "minor": "m", "dorian": "dor", "phrygian": "phr", "lydian": "lyd", "mixolydian": "mix"}
ABC_QUALITIES = {
    "maj": "", "min": "m", "minmaj7": "m(maj7)", "hdim7": "m7b5", "min7": "m7", "add9": "add9", "minadd9": "madd9", "maj6": "6",
    "minb9": "m(addb9)",
}  # fmt: skip
ACCIDENTALS = {-1: "_", 0: "=", 1: "^"}


def lead_sheet_abc(score: Score, title: str = "espressivo") -> str:
    """Melody and chords, quantised to sixteenths; one line of text for each section.

    Args:
        score: At least one part with the role ``melody``; others are left out.
        title: One line.
    """
    head = [
        "X:1",
        f"T:{title}",
        f"N:{AI_MARK}",
        "L:1/16",
        f"M:{_metre(score.metres[0])}",
        f"Q:1/4={_tempo_bpm(score)}",
        f"K:{_key(score.keys[0].key)}",
    ]
    return "\n".join([*head, *_Sheet(score).lines()]) + "\n"


def _metre(metre: MetreChange) -> str:
    return f"{metre.numerator}/{metre.denominator}"


def _tempo_bpm(score: Score) -> int:
    quarters = score.end_tick / TICKS_PER_QUARTER
    return round(60.0 * quarters / score.duration_s)


def key_fifths(key: Key) -> int:
    """Sharps of a key's signature; flats are negative."""
    return FIFTHS_OF_MAJOR[(key.tonic + PARENT_SHIFT[key.mode]) % 12]


def signature(key: Key) -> dict[str, int]:
    """Sharps (1) and flats (-1) of a key's signature by letter."""
    fifths = key_fifths(key)
    return dict.fromkeys(SHARP_ORDER[:fifths], 1) if fifths > 0 else dict.fromkeys(FLAT_ORDER[: max(-fifths, 0)], -1)


def spelled(pitch_class: int, key: Key) -> tuple[str, int]:
    """Letter and accidental of a pitch class: from the key's scale, else a sharp in sharp keys and a flat in flat keys."""
    marks = signature(key)
    by_class = {
        (NATURAL[LETTERS.index(letter)] + marks.get(letter, 0)) % 12: (letter, marks.get(letter, 0)) for letter in LETTERS
    }
    if pitch_class in by_class:
        return by_class[pitch_class]
    if pitch_class in NATURAL:
        return LETTERS[NATURAL.index(pitch_class)], 0
    shift = -1 if -1 in marks.values() else 1
    return LETTERS[NATURAL.index((pitch_class - shift) % 12)], shift


def _name(pitch_class: int, key: Key) -> str:
    letter, accidental = spelled(pitch_class, key)
    return letter + {-1: "b", 0: "", 1: "#"}[accidental]


def _key(key: Key) -> str:
    return _name(key.tonic, key) + ABC_MODES[key.mode]


def chord_parts(chord: Chord, key: Key) -> tuple[tuple[str, int], str, tuple[str, int] | None]:
    """Root (letter, accidental), what is written after it, and the bass where it is another tone."""
    bass = None if chord.bass == chord.root else spelled(chord.bass, key)
    return spelled(chord.root, key), ABC_QUALITIES.get(chord.quality, chord.quality), bass


def chord_name(chord: Chord, key: Key) -> str:
    """A chord as musicians write it, such as ``Bbm7/Ab``."""
    _, symbol, bass = chord_parts(chord, key)
    return f"{_name(chord.root, key)}{symbol}{'' if bass is None else '/' + _name(chord.bass, key)}"


def _chord(chord: Chord, key: Key) -> str:
    return f'"{chord_name(chord, key)}"'


class _Sheet:
    """Writes bar after bar; knows the chords and the melody on a grid of sixteenths."""

    def __init__(self, score: Score) -> None:
        self._score = score
        melody = [note for note in score.notes if score.parts[note.part].role == "melody"]
        self._top: dict[int, Note] = {}
        for note in sorted(melody, key=lambda note: note.pitch):
            self._top[min(round(note.start_tick / SIXTEENTH), score.end_tick // SIXTEENTH - 1)] = note
        self._starts = sorted(self._top)
        limits = [*self._starts[1:], score.end_tick // SIXTEENTH]
        held = [start + max(round(self._top[start].duration_ticks / SIXTEENTH), 1) for start in self._starts]
        # A breath shorter than a quarter is articulation, not a rest.
        self._ends = [limit if limit - end < BREATH else end for end, limit in zip(held, limits, strict=True)]
        self._chords = {round(span.start_tick / SIXTEENTH): span.chord for span in score.chords}

    def lines(self) -> list[str]:
        """The music, a section a line, changes of metre and key where they happen."""
        lines: list[str] = []
        metres = {metre.tick: metre for metre in self._score.metres[1:]}
        keys = {change.tick: change.key for change in self._score.keys[1:]}
        for section in self._score.sections:
            bars = []
            for start, end in self._score.bars():
                if section.start_tick <= start < section.end_tick:
                    change = f"[M:{_metre(metres[start])}]" if start in metres else ""
                    change += f"[K:{_key(keys[start])}]" if start in keys else ""
                    bars.append(change + self._bar(start // SIXTEENTH, end // SIXTEENTH))
            lines += [f"% {section.label}", " | ".join(bars) + " |"]
        return [*lines[:-1], lines[-1] + "]"]

    def _bar(self, start: int, end: int) -> str:
        """Notes and rests, cut at chords so that each chord has a place to stand over."""
        key = self._score.key_at(start * SIXTEENTH)
        cuts = sorted({start, end, *(t for t in [*self._starts, *self._chords, *self._ends] if start < t < end)})
        words = []
        shown: dict[str, int] = {}
        for first, following in pairwise(cuts):
            chord = _chord(self._chords[first], key) if first in self._chords else ""
            words.append(chord + self._sound(first, following, key, shown))
        return " ".join(words)

    def _sound(self, first: int, following: int, key: Key, shown: dict[str, int]) -> str:
        length = "" if following - first == 1 else str(following - first)
        index = bisect_right(self._starts, first) - 1
        if index < 0 or self._ends[index] <= first:
            return "z" + length
        tie = "-" if self._ends[index] > following else ""
        return _pitch(self._top[self._starts[index]].pitch, key, shown) + length + tie


def _pitch(pitch: int, key: Key, shown: dict[str, int]) -> str:
    """A note's name; an accidental is written where it differs from the signature or from one written earlier in the bar."""
    letter, accidental = spelled(pitch % 12, key)
    octave = (pitch - accidental) // 12 - 5
    name = letter.lower() + "'" * (octave - 1) if octave >= 1 else letter + "," * -octave
    in_force = shown.get(name, signature(key).get(letter, 0))
    shown[name] = accidental
    return (ACCIDENTALS[accidental] if accidental != in_force else "") + name
