"""The grammar that makes every sequence of words a bar again, within what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from espressivo.music.tokens import (
    ACCOMPANIMENT,
    ACCOMPANIMENT_HIGH,
    ACCOMPANIMENT_LOW,
    BAR,
    CHORD,
    DURATION,
    DURATIONS,
    LOUDNESS,
    MELODY,
    MELODY_HIGH,
    MELODY_LOW,
    METRE,
    NO_CHORD,
    NUM_LOUDNESS,
    POSITION,
    TEMPO,
    GridChord,
    GridNote,
    chord_word,
    metre_word,
    pitch_word,
)

__all__ = ["BarGrammar"]

ANY_DURATION = list(range(DURATION, DURATION + len(DURATIONS)))
ANY_LOUDNESS = list(range(LOUDNESS, LOUDNESS + NUM_LOUDNESS))


@dataclass
class BarGrammar:
    """Which words may come next in a bar whose chords, length, tempo and scale are given.

    Attributes:
        num_positions: Sixteenths of the bar.
        chords: Chords that must appear, the first at position 0.
        scales: Pitch classes (from the tonic) allowed from each chord on, one set a chord.
        melody_range: Lowest and highest pitch of the melody, tonic on C.
        accompaniment_range: As above.
        tempo: Index of the tempo.
        melody: The melody where it is given: these notes and no others; ``None`` leaves it to the model.
    """

    num_positions: int
    chords: tuple[GridChord, ...]
    scales: tuple[frozenset[int], ...]
    melody_range: tuple[int, int]
    accompaniment_range: tuple[int, int]
    tempo: int = 15
    melody: tuple[GridNote, ...] | None = None
    _position: int = -1
    _last: int = BAR
    _lowest_accompaniment: int = 0
    _melody_done: bool = False
    _chords_done: int = field(default=0)

    def allowed(self) -> list[int]:
        """Words that may come now; ``BAR`` ends this bar."""
        last = self._last
        if last == BAR:
            return [metre_word(self.num_positions)]
        if METRE <= last < TEMPO:
            return [TEMPO + self.tempo]
        if TEMPO <= last < LOUDNESS:
            return self._positions()
        if POSITION <= last < CHORD and (pending := self._chord_here()) is not None:
            return [chord_word(pending)]
        if last < MELODY:  # a position or its chord
            after_chord = last == NO_CHORD or last >= CHORD
            return ANY_LOUDNESS if not after_chord or self._owes_melody() else [*ANY_LOUDNESS, *self._positions()]
        if last >= LOUDNESS:
            return self._pitches()
        if last < DURATION:
            return self._durations()
        return self._positions() + self._pitches()

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

    @cached_property
    def _given(self) -> dict[int, GridNote]:
        return {note.position: note for note in self.melody or ()}

    def _owes_melody(self) -> bool:
        return self._position in self._given and not self._melody_done

    def _chord_here(self) -> GridChord | None:
        pending = self._pending()
        return pending if pending is not None and pending.position == self._position else None

    def _pending(self) -> GridChord | None:
        return self.chords[self._chords_done] if self._chords_done < len(self.chords) else None

    def _positions(self) -> list[int]:
        """Later positions, none beyond the next chord or the next given note; the end when nothing is owed."""
        owed = [position for position in self._given if position > self._position]
        pending = self._pending()
        owed += [pending.position] if pending is not None else []
        words = [POSITION + position for position in range(self._position + 1, min(owed, default=self.num_positions - 1) + 1)]
        return words if owed else [*words, BAR]

    def _durations(self) -> list[int]:
        if self._last < ACCOMPANIMENT and self._position in self._given:
            return [DURATION + DURATIONS.index(self._given[self._position].duration)]
        return ANY_DURATION

    def _pitches(self) -> list[int]:
        if self._owes_melody():
            return [pitch_word(self._given[self._position])]
        scale = self.scales[max(self._chords_done - 1, 0)]
        low, high = self.accompaniment_range
        low = max(low, ACCOMPANIMENT_LOW, self._lowest_accompaniment - ACCOMPANIMENT + ACCOMPANIMENT_LOW)
        words = [
            ACCOMPANIMENT + pitch - ACCOMPANIMENT_LOW
            for pitch in range(low, min(high, ACCOMPANIMENT_HIGH) + 1)
            if pitch % 12 in scale
        ]
        if self._melody_done or self.melody is not None:
            return words
        low, high = self.melody_range
        melody = range(max(low, MELODY_LOW), min(high, MELODY_HIGH) + 1)
        return words + [MELODY + pitch - MELODY_LOW for pitch in melody if pitch % 12 in scale]
