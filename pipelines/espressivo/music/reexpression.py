"""Re-expression: the notes of a given piece in another emotion - mode, tempo, register, loudness, articulation, timing.

After Livingstone et al. 2010 (CMERS): only score features (mode, pitch height) move valence, so they are changed as well as the
performance. The plan's form is filled with the piece's bars, from the beginning again when they run out.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.music.assembly import SectionTask, assemble
from espressivo.music.draft import DraftNote
from espressivo.music.form import Bar, Form
from espressivo.music.harmony import SectionHarmony
from espressivo.music.hearing import Heard, best_chord, hear
from espressivo.music.score import TICKS_PER_QUARTER, ChordSpan, Note, Score
from espressivo.music.settings import MusicSettings, asked_attributes
from espressivo.music.theory import MODE_STEPS, Chord, Key

__all__ = ["natural_duration_s", "reexpress"]

PITCH_LIMITS = (24, 103)
BASS_BELOW = 48


def reexpress(score: Score, plan: EmotionPlan, *, seed: int, settings: MusicSettings) -> Score:
    """The piece in the plan's emotions, exactly as long as the plan.

    Args:
        score: Music to be changed, e.g. ``Score.from_midi_bytes(data)``; at least 4 notes.
        plan: Sections, tempi, modes, registers, loudness and articulation.
        seed: 0 or more.
        settings: As for composing; the metre is the piece's own where it is a common one.

    Raises:
        MidiInputError: ``midi.too_few_notes``.
        SettingError: As for composing.
    """
    heard = hear(score)
    material = _Material(heard)
    settings = settings.model_copy(update={"metre": settings.metre or heard.metre})
    return assemble(plan, seed=seed, settings=settings, writer=material, harmoniser=material.harmonise)


def natural_duration_s(score: Score, tempo_bpm: float) -> float:
    """How long a piece lasts at another tempo, from its first bar with notes to its last."""
    sounding = [(start, end) for start, end in score.bars() if score.notes_between(start, end)]
    return 60.0 * (sounding[-1][1] - sounding[0][0]) / (TICKS_PER_QUARTER * tempo_bpm)


class _Material:
    """Bars of the given piece, and the key it is in."""

    def __init__(self, heard: Heard) -> None:
        score = heard.score
        self._key = heard.key
        self._bars: list[list[Note]] = []
        self._written = 0
        self._melody_parts = {index for index, part in enumerate(score.parts) if part.role == "melody"}
        for start, end in score.bars():
            inside = [note for note in score.notes_between(start, end) if not score.parts[note.part].is_drum]
            self._bars.append([Note(n.start_tick - start, n.pitch, n.duration_ticks, n.velocity, n.part) for n in inside])
        while self._bars and not self._bars[0]:
            self._bars.pop(0)
        self._mean_pitch = float(np.mean([note.pitch for bar in self._bars for note in bar if note.pitch >= BASS_BELOW] or [60]))

    def harmonise(self, form: Form, settings: MusicSettings, _random: np.random.Generator) -> tuple[SectionHarmony, ...]:
        """The plan's modes on the piece's tonic, and the chords that the mapped notes make bar by bar."""
        harmonies = []
        index = 0
        for section in form.sections:
            tonic = settings.tonic if settings.tonic is not None else self._key.tonic
            key = Key(tonic, asked_attributes(section.segment.music, settings).mode)
            spans = []
            for bar in section.bars:
                pitches = [(self._mapped(note.pitch, key), note.duration_ticks) for note in self._bars[index % len(self._bars)]]
                spans.append(ChordSpan(bar.start_tick, bar.end_tick, _chord_of(pitches, key)))
                index += 1
            harmonies.append(SectionHarmony(key, tuple(spans)))
        return tuple(harmonies)

    def write(self, task: SectionTask) -> list[DraftNote]:
        """The section's bars."""
        first = self._first_bar(task)
        shift = self._register_shift(task)
        notes: list[DraftNote] = []
        for number, bar in enumerate(task.section.bars):
            notes += self._bar(self._bars[(first + number) % len(self._bars)], bar, task, shift)
        return _without_collisions(notes)

    def _first_bar(self, task: SectionTask) -> int:
        first = self._written
        self._written += len(task.section.bars)
        return first

    def _register_shift(self, task: SectionTask) -> int:
        """Whole octaves towards the middle of the register asked for."""
        moment = task.section.moment
        wanted = 0.5 * (moment.register_low + moment.register_high)
        tonic_shift = (task.harmony.key.tonic - self._key.tonic + 6) % 12 - 6
        return 12 * round((wanted - self._mean_pitch - tonic_shift) / 12)

    def _bar(self, material: list[Note], bar: Bar, task: SectionTask, shift: int) -> list[DraftNote]:
        length = bar.end_tick - bar.start_tick
        loudness = float(np.mean([note.velocity for note in material])) if material else 0.0
        # Where no part is known to lead, the highest note of each onset does.
        top = {note.start_tick: max(n.pitch for n in material if n.start_tick == note.start_tick) for note in material}
        notes = []
        for note in material:
            if note.start_tick >= length:
                continue
            pitch = self._mapped(note.pitch, task.harmony.key) + shift
            pitch = min(max(pitch, PITCH_LIMITS[0] + pitch % 12), PITCH_LIMITS[1] - 12 + pitch % 12)
            start = bar.start_tick + note.start_tick
            duration = min(note.duration_ticks, task.section.end_tick - start)
            leads = note.part in self._melody_parts if self._melody_parts else note.pitch == top[note.start_tick]
            role = _role(pitch, task, leads=leads)
            notes.append(DraftNote(start, duration, pitch, role, 0.15 * (note.velocity - loudness)))
        return notes

    def _mapped(self, pitch: int, key: Key) -> int:
        """The same scale degree in another key and mode; tones outside the scale keep their distance from the tonic."""
        above = (pitch - self._key.tonic) % 12
        steps = MODE_STEPS[self._key.mode]
        moved = MODE_STEPS[key.mode][steps.index(above)] if above in steps else above
        tonic_shift = (key.tonic - self._key.tonic + 6) % 12 - 6
        return pitch - above + moved + tonic_shift


def _role(pitch: int, task: SectionTask, *, leads: bool) -> str:
    if leads and pitch >= BASS_BELOW:
        return "melody"
    if pitch < BASS_BELOW and "bass" in task.palette.parts:
        return "bass"
    return "accompaniment"


def _chord_of(pitches: list[tuple[int, int]], key: Key) -> Chord:
    weights = np.zeros(12)
    for pitch, duration in pitches:
        weights[pitch % 12] += duration
    return best_chord(weights, key, min(pitches)[0] % 12 if pitches else None)


def _without_collisions(notes: list[DraftNote]) -> list[DraftNote]:
    """Of notes that were mapped onto the same pitch at the same time in one part, the longest stays."""
    kept: dict[tuple[str, int], dict[int, DraftNote]] = defaultdict(dict)
    for note in sorted(notes, key=lambda note: note.duration_ticks):
        kept[note.role, note.start_tick][note.pitch] = note
    return [note for group in kept.values() for note in group.values()]
