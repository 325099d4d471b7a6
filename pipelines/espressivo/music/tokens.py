"""Bars as words for the transformer, and the grammar that makes every sequence a bar again.

A bar is ``BAR`` and, position by position in sixteenths, ``POSITION [CHORD] [MELODY DURATION] (ACCOMPANIMENT DURATION)*``.
Pitches and chord roots are counted from the tonic, so that the model learns degrees instead of twelve keys. Tempo, loudness and
articulation are no words: the form and the performance rules decide them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from espressivo.errors import RenderError

__all__ = [
    "VOCABULARY_SIZE",
    "BarGrammar",
    "GridBar",
    "GridChord",
    "GridNote",
    "decode",
    "encode",
    "nearest_duration",
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

PAD, BAR, NO_CHORD = 0, 1, 2
POSITION = 3
CHORD = POSITION + MAX_POSITIONS
MELODY = CHORD + 12 * len(QUALITIES)
ACCOMPANIMENT = MELODY + MELODY_HIGH - MELODY_LOW + 1
DURATION = ACCOMPANIMENT + ACCOMPANIMENT_HIGH - ACCOMPANIMENT_LOW + 1
VOCABULARY_SIZE: Final = DURATION + len(DURATIONS)


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
    """A bar: chords with one at position 0, notes sorted, one melody note at most at a position."""

    chords: tuple[GridChord, ...]
    notes: tuple[GridNote, ...]


def token_quality(quality: str) -> str:
    """The quality under which a chord is known to the model."""
    return SIMPLER.get(quality, quality)


def nearest_duration(sixteenths: float) -> int:
    """The duration that has a word and is nearest."""
    return min(DURATIONS, key=lambda duration: (abs(duration - sixteenths), duration))


def encode(bar: GridBar) -> list[int]:
    """Words of a bar."""
    words = [BAR]
    chords = {chord.position: chord for chord in bar.chords}
    by_position: dict[int, list[GridNote]] = {position: [] for position in chords}
    for note in sorted(bar.notes):
        by_position.setdefault(note.position, []).append(note)
    for position in sorted(by_position):
        words.append(POSITION + position)
        if position in chords:
            words.append(chord_word(chords[position]))
        for note in by_position[position]:
            base, low = (ACCOMPANIMENT, ACCOMPANIMENT_LOW) if note.is_accompaniment else (MELODY, MELODY_LOW)
            words += [base + note.pitch - low, DURATION + DURATIONS.index(note.duration)]
    return words


def chord_word(chord: GridChord) -> int:
    """Word of a chord."""
    return NO_CHORD if chord.quality is None else CHORD + 12 * QUALITIES.index(chord.quality) + chord.root


def decode(words: list[int]) -> list[GridBar]:
    """Inverse of :func:`encode` for any number of bars.

    Raises:
        RenderError: ``render.tokens`` for a sequence that the grammar does not allow.
    """
    bars: list[GridBar] = []
    chords: list[GridChord] = []
    notes: list[GridNote] = []
    position, pitch_word = -1, 0
    for index, word in enumerate([*words, BAR]):
        if word == BAR:
            if index:
                bars.append(GridBar(tuple(chords), tuple(sorted(notes))))
            chords, notes, position = [], [], -1
        elif POSITION <= word < CHORD:
            position = word - POSITION
        elif word == NO_CHORD or CHORD <= word < MELODY:
            quality = None if word == NO_CHORD else QUALITIES[(word - CHORD) // 12]
            chords.append(GridChord(position, 0 if word == NO_CHORD else (word - CHORD) % 12, quality))
        elif MELODY <= word < DURATION:
            pitch_word = word
        elif DURATION <= word < VOCABULARY_SIZE and pitch_word and position >= 0:
            notes.append(_note(position, pitch_word, DURATIONS[word - DURATION]))
            pitch_word = 0
        else:
            raise RenderError("render.tokens", f"word {word} at {index} does not continue a bar")
    return bars


def _note(position: int, word: int, duration: int) -> GridNote:
    if word >= ACCOMPANIMENT:
        return GridNote(position, True, word - ACCOMPANIMENT + ACCOMPANIMENT_LOW, duration)  # noqa: FBT003 - a field
    return GridNote(position, False, word - MELODY + MELODY_LOW, duration)  # noqa: FBT003 - a field


@dataclass(slots=True)
class BarGrammar:
    """Which words may come next in a bar whose chords, length and scale are given.

    Attributes:
        num_positions: Sixteenths of the bar.
        chords: Chords that must appear, the first at position 0.
        scales: Pitch classes (from the tonic) allowed from each chord on, one set a chord.
        melody_range: Lowest and highest pitch of the melody, tonic on C.
        accompaniment_range: As above.
    """

    num_positions: int
    chords: tuple[GridChord, ...]
    scales: tuple[frozenset[int], ...]
    melody_range: tuple[int, int]
    accompaniment_range: tuple[int, int]
    _position: int = -1
    _last: int = BAR
    _lowest_accompaniment: int = 0
    _melody_done: bool = False
    _chords_done: int = field(default=0)

    def allowed(self) -> list[int]:
        """Words that may come now; ``BAR`` ends this bar."""
        if CHORD > self._last >= POSITION:
            pending = self._pending()
            if pending is not None and pending.position == self._position:
                return [chord_word(pending)]
            return self._pitches()
        if MELODY <= self._last < DURATION:
            return list(range(DURATION, VOCABULARY_SIZE))
        following = self._positions()
        if self._last == BAR:
            return following
        return following + self._pitches()

    def accept(self, word: int) -> None:
        """Move on by a word that was allowed."""
        if POSITION <= word < CHORD:
            self._position = word - POSITION
            self._lowest_accompaniment, self._melody_done = 0, False
        elif word == NO_CHORD or CHORD <= word < MELODY:
            self._chords_done += 1
        elif MELODY <= word < ACCOMPANIMENT:
            self._melody_done = True
        elif ACCOMPANIMENT <= word < DURATION:
            self._melody_done = True
            self._lowest_accompaniment = word + 1
        self._last = word

    def _pending(self) -> GridChord | None:
        return self.chords[self._chords_done] if self._chords_done < len(self.chords) else None

    def _positions(self) -> list[int]:
        pending = self._pending()
        limit = self.num_positions if pending is None else pending.position + 1
        words = [POSITION + position for position in range(self._position + 1, limit)]
        return words if pending is not None else [*words, BAR]

    def _pitches(self) -> list[int]:
        scale = self.scales[max(self._chords_done - 1, 0)]
        low, high = self.accompaniment_range
        words = [
            ACCOMPANIMENT + pitch - ACCOMPANIMENT_LOW
            for pitch in range(max(low, ACCOMPANIMENT_LOW), min(high, ACCOMPANIMENT_HIGH) + 1)
            if pitch % 12 in scale
        ]
        words = [word for word in words if word >= self._lowest_accompaniment]
        if self._melody_done:
            return words
        low, high = self.melody_range
        melody = range(max(low, MELODY_LOW), min(high, MELODY_HIGH) + 1)
        return words + [MELODY + pitch - MELODY_LOW for pitch in melody if pitch % 12 in scale]
