"""The score: notes, tempo, metre, keys, chords and sections in ticks, immutable and always valid."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Self, TypeVar

from espressivo.errors import MidiInputError
from espressivo.music.theory import Chord, Key

if TYPE_CHECKING:
    import pretty_midi

__all__ = [
    "AI_MARK",
    "TICKS_PER_QUARTER",
    "ChordSpan",
    "Control",
    "KeyChange",
    "Marker",
    "MetreChange",
    "Note",
    "Part",
    "Score",
    "Section",
    "TempoChange",
]

TICKS_PER_QUARTER = 480
MAX_MICROSECONDS_PER_QUARTER = 2**24 - 1
SUSTAIN_PEDAL, PEDAL_DOWN = 64, 64
AI_MARK = "AI-generated music, made with espressivo"
"""Text meta event at tick 0 of every MIDI file that is written."""


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """A note of a part; ``start_tick`` and ``duration_ticks`` are as performed, ``pitch`` and ``velocity`` as in MIDI."""

    start_tick: int
    pitch: int
    duration_ticks: int
    velocity: int
    part: int

    @property
    def end_tick(self) -> int:
        """Where the note is let go."""
        return self.start_tick + self.duration_ticks


@dataclass(frozen=True, slots=True)
class Part:
    """A voice of the score.

    Attributes:
        name: Shown by notation programs; one line.
        program: General MIDI program, 0-127.
        role: ``melody``, ``accompaniment``, ``bass``, ``pad``, ``counter`` or ``percussion``.
        pan: As in MIDI, 0 left, 64 centre, 127 right.
        volume: As in MIDI, 0-127; the gain is 40 log10(volume / 127) dB.
        is_drum: Plays on MIDI channel 10.
    """

    name: str
    program: int
    role: str
    pan: int = 64
    volume: int = 100
    is_drum: bool = False


@dataclass(frozen=True, slots=True)
class TempoChange:
    """From ``tick`` a quarter lasts so many microseconds (1 to 16,777,215, as MIDI stores it)."""

    tick: int
    microseconds_per_quarter: int


@dataclass(frozen=True, slots=True)
class MetreChange:
    """From ``tick`` bars have ``numerator`` beats of a ``1/denominator`` note."""

    tick: int
    numerator: int
    denominator: int

    @property
    def bar_ticks(self) -> int:
        """Length of a bar."""
        return self.numerator * TICKS_PER_QUARTER * 4 // self.denominator


@dataclass(frozen=True, slots=True)
class KeyChange:
    """From ``tick`` the music is in ``key``."""

    tick: int
    key: Key


@dataclass(frozen=True, slots=True)
class ChordSpan:
    """The harmony from ``start_tick`` to ``end_tick``."""

    start_tick: int
    end_tick: int
    chord: Chord


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch that sets one segment of the plan to music; sections tile the score."""

    start_tick: int
    end_tick: int
    label: str


@dataclass(frozen=True, slots=True)
class Marker:
    """A remark at a moment, e.g. the accent at a change of emotion."""

    tick: int
    text: str


@dataclass(frozen=True, slots=True, order=True)
class Control:
    """A MIDI controller of a part: 64 is the sustaining pedal, 11 expression."""

    tick: int
    part: int
    number: int
    value: int


Change = TypeVar("Change", TempoChange, MetreChange, KeyChange)


@dataclass(frozen=True)
class Score:
    """Music in ticks of 1/480 quarter.

    Attributes:
        parts: Voices; a note's ``part`` is an index into them.
        notes: Sorted by start, then pitch; the same pitch never overlaps itself within a part.
        tempos: The first at tick 0, ascending.
        metres: The first at tick 0, ascending.
        keys: The first at tick 0, ascending.
        chords: Ascending, not overlapping; gaps mean no chord.
        sections: Tile ``[0, end_tick]``.
        markers: Ascending.
        controls: Ascending.
        end_tick: End of the music; no note sounds beyond it.

    Raises:
        MidiInputError: ``midi.invalid_score``, naming what is wrong.
    """

    parts: tuple[Part, ...]
    notes: tuple[Note, ...]
    tempos: tuple[TempoChange, ...]
    metres: tuple[MetreChange, ...]
    keys: tuple[KeyChange, ...]
    chords: tuple[ChordSpan, ...]
    sections: tuple[Section, ...]
    end_tick: int
    markers: tuple[Marker, ...] = ()
    controls: tuple[Control, ...] = ()

    def __post_init__(self) -> None:
        for check in (self._check_maps, self._check_notes, self._check_overlaps, self._check_sections):
            problem = check()
            if problem:
                raise MidiInputError("midi.invalid_score", f"score is not valid: {problem}")

    def _check_maps(self) -> str:
        if self.end_tick <= 0:
            return f"it ends at tick {self.end_tick}"
        maps = {
            "tempo": [tempo.tick for tempo in self.tempos],
            "metre": [metre.tick for metre in self.metres],
            "key": [key.tick for key in self.keys],
        }
        for name, ticks in maps.items():
            if not ticks or ticks[0] != 0 or any(b <= a for a, b in pairwise(ticks)):
                return f"{name} changes must begin at tick 0 and ascend, got {ticks[:4]}"
        for tempo in self.tempos:
            if not 1 <= tempo.microseconds_per_quarter <= MAX_MICROSECONDS_PER_QUARTER:
                return f"tempo of {tempo.microseconds_per_quarter} microseconds a quarter at tick {tempo.tick}"
        for metre in self.metres:
            if not 1 <= metre.numerator <= 64 or metre.denominator not in {1, 2, 4, 8, 16, 32}:
                return f"metre {metre.numerator}/{metre.denominator} at tick {metre.tick}"
        return ""

    def _check_notes(self) -> str:
        if any(later < earlier for earlier, later in pairwise(self.notes)):
            return "notes are not in order"
        for note in self.notes:
            in_range = 0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 and 0 <= note.part < len(self.parts)
            in_time = note.start_tick >= 0 and note.duration_ticks >= 1 and note.end_tick <= self.end_tick
            if not (in_range and in_time):
                return f"{note} is out of range (parts {len(self.parts)}, end {self.end_tick})"
        for control in self.controls:
            if not (0 <= control.tick <= self.end_tick and 0 <= control.number <= 127 and 0 <= control.value <= 127):
                return f"{control} is out of range"
        return ""

    def _check_overlaps(self) -> str:
        sounding: dict[tuple[int, int], int] = {}
        for note in self.notes:
            voice = (note.part, note.pitch)
            if note.start_tick < sounding.get(voice, 0):
                return f"{note} begins while the same pitch still sounds"
            sounding[voice] = note.end_tick
        return ""

    def _check_sections(self) -> str:
        clock = 0
        for section in self.sections:
            if section.start_tick != clock or section.end_tick <= clock:
                return f"sections must tile the score; {section} does not begin at {clock}"
            clock = section.end_tick
        if clock != self.end_tick:
            return f"sections end at {clock}, the score at {self.end_tick}"
        for earlier, later in pairwise(self.chords):
            if later.start_tick < earlier.end_tick:
                return f"chords overlap at tick {later.start_tick}"
        return ""

    @cached_property
    def _tempo_clock(self) -> tuple[list[int], list[int]]:
        """Ticks of the tempo changes and the exact time there, in microseconds times ticks per quarter."""
        ticks = [tempo.tick for tempo in self.tempos]
        times = [0]
        for tempo, following in pairwise(self.tempos):
            times.append(times[-1] + (following.tick - tempo.tick) * tempo.microseconds_per_quarter)
        return ticks, times

    def seconds(self, tick: int) -> float:
        """Time of a tick, exact to rounding; ticks before 0 or after the end follow the nearest tempo."""
        ticks, times = self._tempo_clock
        index = max(bisect_right(ticks, tick) - 1, 0)
        elapsed = times[index] + (tick - ticks[index]) * self.tempos[index].microseconds_per_quarter
        return elapsed / (TICKS_PER_QUARTER * 1e6)

    def tick(self, seconds: float) -> int:
        """Nearest tick to a time."""
        ticks, times = self._tempo_clock
        target = seconds * TICKS_PER_QUARTER * 1e6
        index = max(bisect_right(times, target) - 1, 0)
        return ticks[index] + round((target - times[index]) / self.tempos[index].microseconds_per_quarter)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.seconds(self.end_tick)

    def bars(self) -> tuple[tuple[int, int], ...]:
        """Start and end tick of every bar; the last may be cut by the end."""
        starts = []
        for metre, following in zip(self.metres, (*self.metres[1:], None), strict=True):
            limit = following.tick if following else self.end_tick
            starts += list(range(metre.tick, min(limit, self.end_tick), metre.bar_ticks))
        return tuple(pairwise((*starts, self.end_tick)))

    def key_at(self, tick: int) -> Key:
        """Key in force at a tick."""
        return self.keys[max(bisect_right(self.keys, tick, key=lambda change: change.tick) - 1, 0)].key

    def sounding_ends(self) -> tuple[int, ...]:
        """Where each note stops sounding: at its end, or where the pedal comes up or the same pitch is struck again."""
        pedals: dict[int, list[tuple[int, int]]] = {index: [] for index in range(len(self.parts))}
        for control in self.controls:
            if control.number == SUSTAIN_PEDAL:
                moves = pedals[control.part]
                is_down = bool(moves) and moves[-1][1] >= PEDAL_DOWN
                if (control.value >= PEDAL_DOWN) != is_down:  # half-pedalling moves nothing
                    moves.append((control.tick, control.value))
        struck: dict[tuple[int, int], int] = {}
        ends = []
        for note in reversed(self.notes):
            held = self._released(pedals[note.part], note.end_tick)
            again = struck.get((note.part, note.pitch), self.end_tick)
            ends.append(max(min(held, again), note.end_tick))
            struck[note.part, note.pitch] = note.start_tick
        return tuple(reversed(ends))

    def _released(self, pedal: list[tuple[int, int]], tick: int) -> int:
        """Where a note that ends at ``tick`` is let go; ``pedal`` holds ticks at which the pedal goes down or up."""
        place = bisect_right(pedal, (tick, 127))
        if place == 0 or pedal[place - 1][1] < PEDAL_DOWN:
            return tick
        return pedal[place][0] if place < len(pedal) else self.end_tick

    def notes_between(self, start_tick: int, end_tick: int) -> tuple[Note, ...]:
        """Notes that begin in ``[start_tick, end_tick)``."""
        first = bisect_left(self.notes, start_tick, key=lambda note: note.start_tick)
        return self.notes[first : bisect_left(self.notes, end_tick, lo=first, key=lambda note: note.start_tick)]

    def excerpt(self, start_tick: int, end_tick: int) -> Self:
        """What begins between two ticks, as a score of its own; what lasts beyond the end is cut there.

        Raises:
            MidiInputError: ``midi.invalid_score`` for an empty stretch.
        """

        def within(tick: int) -> int:
            return min(max(tick - start_tick, 0), end_tick - start_tick)

        def in_force(changes: tuple[Change, ...]) -> tuple[Change, ...]:
            latest = {within(change.tick): change for change in changes if change.tick < end_tick}
            return tuple(replace(change, tick=tick) for tick, change in sorted(latest.items()))

        notes = [
            replace(note, start_tick=within(note.start_tick), duration_ticks=min(note.end_tick, end_tick) - note.start_tick)
            for note in self.notes_between(start_tick, end_tick)
        ]
        pedal = {(c.part, c.number): c for c in self.controls if c.tick <= start_tick}
        later = [c for c in self.controls if start_tick < c.tick <= end_tick]
        chords = [c for c in self.chords if c.start_tick < end_tick and c.end_tick > start_tick]
        sections = [s for s in self.sections if s.start_tick < end_tick and s.end_tick > start_tick]
        return replace(
            self,
            notes=tuple(notes),
            tempos=in_force(self.tempos),
            metres=in_force(self.metres),
            keys=in_force(self.keys),
            chords=tuple(replace(c, start_tick=within(c.start_tick), end_tick=within(c.end_tick)) for c in chords),
            sections=tuple(replace(s, start_tick=within(s.start_tick), end_tick=within(s.end_tick)) for s in sections),
            markers=tuple(replace(m, tick=within(m.tick)) for m in self.markers if start_tick <= m.tick < end_tick),
            controls=tuple(sorted(replace(c, tick=within(c.tick)) for c in [*pedal.values(), *later])),
            end_tick=end_tick - start_tick,
        )

    def to_midi_bytes(self) -> bytes:
        """Standard MIDI file with markers for sections, chords and keys and the mark of AI-generated content."""
        from espressivo.music.midi import score_to_midi_bytes

        return score_to_midi_bytes(self)

    @classmethod
    def from_midi_bytes(cls, data: bytes) -> Self:
        """Inverse of :meth:`to_midi_bytes`; see :func:`espressivo.music.midi.score_from_midi_bytes`."""
        from espressivo.music.midi import score_from_midi_bytes

        return score_from_midi_bytes(data, cls)

    def to_pretty_midi(self) -> pretty_midi.PrettyMIDI:
        """The score for pretty_midi; tempo stays exact, markers become text events."""
        from espressivo.music.midi import score_to_pretty_midi

        return score_to_pretty_midi(self)

    @classmethod
    def from_pretty_midi(cls, midi: pretty_midi.PrettyMIDI) -> Self:
        """Inverse of :meth:`to_pretty_midi`; foreign files are brought to 480 ticks a quarter.

        Raises:
            MidiInputError: As :meth:`from_midi_bytes`.
        """
        from espressivo.music.midi import score_from_pretty_midi

        return score_from_pretty_midi(midi, cls)
