"""Bars as words for the transformer.

A bar is ``BAR METRE TEMPO`` and, position by position in sixteenths, ``POSITION [CHORD] [LOUDNESS [MELODY DURATION]
(ACCOMPANIMENT DURATION)*]``. Pitches and chord roots are counted from the tonic, so that the model learns degrees instead of
twelve keys; loudness is relative to the piece's mean. ``AFTER`` announces bars that come later in the piece, ``HERE`` the bars up
to and including those to be written: what stands between them is the far side of a gap (fill in the middle, Bavarian et al.
2022, with the far side first).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from espressivo.errors import RenderError

__all__ = [
    "BAR_LENGTHS",
    "MEAN_LOUDNESS",
    "NUM_LOUDNESS",
    "VOCABULARY_SIZE",
    "GridBar",
    "GridChord",
    "GridNote",
    "decode",
    "encode",
    "nearest_duration",
    "nearest_tempo",
    "prompt_words",
    "tempo_bpm",
    "token_quality",
]

MAX_POSITIONS: Final = 24
"""Sixteenths of the longest bar (6/4)."""
DURATIONS: Final = (1, 2, 3, 4, 6, 8, 12, 16)
QUALITIES: Final = ("maj", "min", "dim", "aug", "sus4", "7", "maj7", "min7", "hdim7", "dim7")
SIMPLER: Final = {
    "sus2": "sus4", "5": "maj", "minmaj7": "min", "add9": "maj", "minadd9": "min", "maj6": "maj", "7b9": "7", "minb9": "min",
    "7#11": "7",
}  # fmt: skip
"""Chords of the rule harmony that have no word of their own."""
MELODY_LOW, MELODY_HIGH = 36, 100
ACCOMPANIMENT_LOW, ACCOMPANIMENT_HIGH = 21, 96
BAR_LENGTHS: Final = (12, 16)
"""Bars in sixteenths that have a metre word: 3/4 and 4/4; others are announced by the nearest."""
NUM_TEMPOS: Final = 30
SLOWEST_BPM, TEMPOS_AN_OCTAVE = 40.0, 12
NUM_LOUDNESS: Final = 8
MEAN_LOUDNESS: Final = 4

PAD, BAR, NO_CHORD = 0, 1, 2
POSITION = 3
CHORD = POSITION + MAX_POSITIONS
MELODY = CHORD + 12 * len(QUALITIES)
ACCOMPANIMENT = MELODY + MELODY_HIGH - MELODY_LOW + 1
DURATION = ACCOMPANIMENT + ACCOMPANIMENT_HIGH - ACCOMPANIMENT_LOW + 1
METRE = DURATION + len(DURATIONS)
TEMPO = METRE + len(BAR_LENGTHS)
LOUDNESS = TEMPO + NUM_TEMPOS
AFTER = LOUDNESS + NUM_LOUDNESS
HERE = AFTER + 1
VOCABULARY_SIZE: Final = HERE + 1


@dataclass(frozen=True, slots=True, order=True)
class GridNote:
    """A note on the grid of sixteenths; ``pitch`` is the MIDI pitch it would have with the tonic on C."""

    position: int
    is_accompaniment: bool
    pitch: int
    duration: int


@dataclass(frozen=True, slots=True, order=True)
class GridChord:
    """A chord that begins at a position; ``root`` in semitones above the tonic; ``quality`` ``None`` is no chord."""

    position: int
    root: int
    quality: str | None


@dataclass(frozen=True, slots=True)
class GridBar:
    """A bar of music with its tonic on C.

    Attributes:
        chords: One at position 0 at least, ascending.
        notes: Sorted; one melody note at most at a position.
        num_positions: Sixteenths of the bar.
        tempo: Index of the tempo, see :func:`tempo_bpm`.
        loudness: ``(position, level)`` of every position with notes, ascending; levels 0-7 in steps of half a standard
            deviation of the piece's loudness, 4 is its mean.
    """

    chords: tuple[GridChord, ...]
    notes: tuple[GridNote, ...]
    num_positions: int = 16
    tempo: int = 15
    loudness: tuple[tuple[int, int], ...] = ()


def token_quality(quality: str) -> str:
    """The quality under which a chord is known to the model."""
    return SIMPLER.get(quality, quality)


def nearest_duration(sixteenths: float) -> int:
    """The duration that has a word and is nearest."""
    return min(DURATIONS, key=lambda duration: (abs(duration - sixteenths), duration))


def nearest_tempo(bpm: float) -> int:
    """Index of the nearest tempo, by ratio; 40 to 214 quarters a minute in steps of a twelfth of an octave (6 %)."""
    return min(max(round(TEMPOS_AN_OCTAVE * math.log2(bpm / SLOWEST_BPM)), 0), NUM_TEMPOS - 1)


def tempo_bpm(tempo: int) -> float:
    """Quarters a minute of a tempo index."""
    return float(SLOWEST_BPM * 2.0 ** (tempo / TEMPOS_AN_OCTAVE))


def metre_word(num_positions: int) -> int:
    """Word of the nearest bar length that is known."""
    known = min(
        range(len(BAR_LENGTHS)), key=lambda index: (num_positions % BAR_LENGTHS[index] != 0, abs(16 - BAR_LENGTHS[index]))
    )
    return METRE + known


def encode(bar: GridBar) -> list[int]:
    """Words of a bar."""
    words = [BAR, metre_word(bar.num_positions), TEMPO + bar.tempo]
    chords = {chord.position: chord for chord in bar.chords}
    by_position: dict[int, list[GridNote]] = {position: [] for position in chords}
    for note in sorted(bar.notes):
        by_position.setdefault(note.position, []).append(note)
    loudness = dict(bar.loudness)
    for position in sorted(by_position):
        words.append(POSITION + position)
        if position in chords:
            words.append(chord_word(chords[position]))
        if by_position[position]:
            words.append(LOUDNESS + loudness.get(position, MEAN_LOUDNESS))
        for note in by_position[position]:
            words += [pitch_word(note), DURATION + DURATIONS.index(note.duration)]
    return words


def pitch_word(note: GridNote) -> int:
    """Word of a note's part and pitch."""
    if note.is_accompaniment:
        return ACCOMPANIMENT + note.pitch - ACCOMPANIMENT_LOW
    return MELODY + note.pitch - MELODY_LOW


def chord_word(chord: GridChord) -> int:
    """Word of a chord."""
    return NO_CHORD if chord.quality is None else CHORD + 12 * QUALITIES.index(chord.quality) + chord.root


def prompt_words(before: Iterable[GridBar], after: Iterable[GridBar]) -> list[tuple[int, int | None]]:
    """Words that lead up to the bars to be written, each with the index of its bar in ``[*before, *after]``.

    With nothing after, they are the words of the bars before.
    """
    before, after = list(before), list(after)
    near = [(word, index) for index, bar in enumerate(before) for word in encode(bar)]
    if not after:
        return [(word, index) for word, index in near]
    far = [(word, len(before) + index) for index, bar in enumerate(after) for word in encode(bar)]
    return [(AFTER, None), *far, (HERE, None), *near]


def decode(words: list[int]) -> list[GridBar]:
    """Inverse of :func:`encode` for any number of bars.

    Raises:
        RenderError: ``render.tokens`` for a sequence that the grammar does not allow.
    """
    reader = _Reader()
    for index, word in enumerate(words):
        if not reader.accept(word):
            raise RenderError("render.tokens", f"word {word} at {index} does not continue a bar")
    return reader.finished()


class _Reader:
    """Collects words into bars."""

    def __init__(self) -> None:
        self._bars: list[GridBar] = []
        self._begin()
        self._open = False

    def _begin(self) -> None:
        self._chords: list[GridChord] = []
        self._notes: list[GridNote] = []
        self._loudness: list[tuple[int, int]] = []
        self._num_positions, self._tempo, self._position, self._pitch = 16, 15, -1, 0

    def finished(self) -> list[GridBar]:
        """All bars."""
        if self._open:
            bar = GridBar(
                tuple(self._chords), tuple(sorted(self._notes)), self._num_positions, self._tempo, tuple(self._loudness)
            )
            self._bars.append(bar)
        self._begin()
        return self._bars

    def accept(self, word: int) -> bool:
        """Take a word; ``False`` when it has no meaning here."""
        if word == BAR:
            self.finished()
            self._open = True
        elif not self._open or word == PAD or word >= AFTER or word < 0:
            return False
        elif POSITION <= word < CHORD:
            self._position = word - POSITION
        elif METRE <= word < TEMPO:
            self._num_positions = BAR_LENGTHS[word - METRE]
        elif TEMPO <= word < LOUDNESS:
            self._tempo = word - TEMPO
        elif self._position < 0:
            return False
        else:
            return self._accept_at_position(word)
        return True

    def _accept_at_position(self, word: int) -> bool:
        if word == NO_CHORD or CHORD <= word < MELODY:
            quality = None if word == NO_CHORD else QUALITIES[(word - CHORD) // 12]
            self._chords.append(GridChord(self._position, 0 if quality is None else (word - CHORD) % 12, quality))
        elif word >= LOUDNESS:
            self._loudness.append((self._position, word - LOUDNESS))
        elif word < DURATION:
            self._pitch = word
        elif self._pitch:
            self._notes.append(_note(self._position, self._pitch, DURATIONS[word - DURATION]))
            self._pitch = 0
        else:
            return False
        return True


def _note(position: int, word: int, duration: int) -> GridNote:
    if word >= ACCOMPANIMENT:
        return GridNote(position, is_accompaniment=True, pitch=word - ACCOMPANIMENT + ACCOMPANIMENT_LOW, duration=duration)
    return GridNote(position, is_accompaniment=False, pitch=word - MELODY + MELODY_LOW, duration=duration)
