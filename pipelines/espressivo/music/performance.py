"""Performance: written notes become played ones - loudness, articulation, timing, pedal."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.music.draft import DraftNote
from espressivo.music.form import Bar, FormSection
from espressivo.music.score import SUSTAIN_PEDAL, TICKS_PER_QUARTER, ChordSpan, Control, Note
from espressivo.music.settings import MusicSettings

__all__ = ["Performer", "resolve_overlaps"]

ROLE_LEVEL = {"melody": 8.0, "counter": 1.0, "bass": 0.0, "accompaniment": -3.0, "pad": -6.0, "percussion": 2.0}
"""Loudness of the parts against each other, in velocity steps before the section's mean and spread are imposed."""
SECTION_ACCENT = 9.0
"""What begins a section is struck: the border is to be heard where the face changes."""
SUSTAINING_ROLES = {"pad", "percussion"}
PEDAL_ARTICULATION = 0.5
"""From this articulation on a piano is played with pedal."""
MAX_SHIFT_S = 0.07


@dataclass(frozen=True, slots=True)
class Performer:
    """Plays one section.

    Attributes:
        section: Where.
        settings: How freely.
        part_of_role: Index of the part that plays each role.
        random: Source of deviations.
        is_last: The final notes are held to the very end.
    """

    section: FormSection
    settings: MusicSettings
    part_of_role: dict[str, int]
    random: np.random.Generator
    is_last: bool

    def play(self, drafts: list[DraftNote]) -> list[Note]:
        """Played notes, in no particular order; the same pitch may still overlap itself within a part."""
        drafts = sorted(drafts, key=lambda note: (note.start_tick, note.pitch, note.role))
        bars = [self._bar_at(note.start_tick) for note in drafts]
        velocities = self._velocities(drafts, bars)
        shifts = self._shifts(drafts, bars)
        return [
            self._played(note, bar, int(velocity), int(shift))
            for note, bar, velocity, shift in zip(drafts, bars, velocities, shifts, strict=True)
        ]

    def _bar_at(self, tick: int) -> Bar:
        bars = self.section.bars
        return bars[bisect_right(bars, tick, key=lambda bar: bar.start_tick) - 1]

    def _velocities(self, drafts: list[DraftNote], bars: list[Bar]) -> NDArray[np.int64]:
        """Accents, parts, phrase arch and chance, scaled to the mean and spread asked for."""
        arch = np.array([self._phrase_arch(note.start_tick) for note in drafts])
        raw = np.array([ROLE_LEVEL[note.role] + 1.6 * note.weight for note in drafts]) + 7.0 * arch
        raw += SECTION_ACCENT * np.array([note.start_tick == self.section.start_tick for note in drafts])
        raw += self.settings.humanise * self.random.normal(0.0, 2.0, len(drafts))
        spread = max(float(raw.std()), 1e-6)
        wanted = np.array([bar.moment.velocity for bar in bars])
        wanted_spread = np.array([bar.moment.velocity_spread for bar in bars])
        velocity = wanted + wanted_spread * np.clip((raw - raw.mean()) / spread, -2.5, 2.5)
        whole: NDArray[np.int64] = np.clip(np.rint(velocity), 1, 127).astype(np.int64)
        return whole

    def _phrase_arch(self, tick: int) -> float:
        """Louder towards two thirds of a phrase (Todd 1992: loudness follows the phrase)."""
        phrases = self.section.phrases
        phrase = phrases[bisect_right(phrases, tick, key=lambda phrase: phrase.bars[0].start_tick) - 1]
        start, end = phrase.bars[0].start_tick, phrase.bars[-1].end_tick
        return float(np.sin(np.pi * ((tick - start) / (end - start)) ** 1.3))

    def _shifts(self, drafts: list[DraftNote], bars: list[Bar]) -> NDArray[np.int64]:
        """Deviations from the grid in ticks; what begins the section is together and exactly in time."""
        scale = self.settings.humanise
        ticks = np.zeros(len(drafts))
        for index, (note, bar) in enumerate(zip(drafts, bars, strict=True)):
            ticks_per_s = (bar.end_tick - bar.start_tick) / bar.duration_s
            deviation_s = 0.004 + 0.03 * bar.moment.irregularity
            shift_s = scale * float(self.random.normal(0.0, deviation_s))
            if note.role == "melody":
                shift_s -= 0.008 * scale  # a soloist's melody lead (Goebl 2001 measured some 10 to 30 ms)
            ticks[index] = np.clip(shift_s, -MAX_SHIFT_S, MAX_SHIFT_S) * ticks_per_s
            if note.start_tick == self.section.start_tick:
                ticks[index] = 0.0
        return np.rint(ticks).astype(np.int64)

    def _played(self, note: DraftNote, bar: Bar, velocity: int, shift: int) -> Note:
        start = min(max(note.start_tick + shift, self.section.start_tick), self.section.end_tick - 1)
        share = 1.0 if note.role in SUSTAINING_ROLES else bar.moment.articulation * float(self.random.uniform(0.94, 1.06))
        end = note.start_tick + round(note.duration_ticks * share)
        if self.is_last and note.end_tick >= self.section.end_tick:
            end = self.section.end_tick
        limit = self.section.end_tick if self.is_last else self.section.end_tick + TICKS_PER_QUARTER // 4
        end = max(min(end, limit), start + 1)
        return Note(start, note.pitch, end - start, velocity, self.part_of_role[note.role])

    def pedal(self, parts: list[int], chords: tuple[ChordSpan, ...]) -> list[Control]:
        """Pedal of the piano parts: down just after each chord begins, up where the next one does."""
        if self.section.moment.articulation < PEDAL_ARTICULATION:
            return []
        controls = []
        for span in chords:
            down = min(span.start_tick + TICKS_PER_QUARTER // 8, span.end_tick - 1)
            for part in parts:
                controls += [Control(down, part, SUSTAIN_PEDAL, 127), Control(span.end_tick, part, SUSTAIN_PEDAL, 0)]
        return controls


def resolve_overlaps(notes: list[Note]) -> tuple[Note, ...]:
    """Sorted notes in which a pitch that is struck again ends the earlier note, and of two at once the louder stays."""
    by_voice: dict[tuple[int, int], list[Note]] = defaultdict(list)
    for note in sorted(notes, key=lambda note: (note.start_tick, -note.velocity, -note.duration_ticks)):
        voice = by_voice[note.part, note.pitch]
        if voice and voice[-1].start_tick == note.start_tick:
            continue
        if voice and voice[-1].end_tick > note.start_tick:
            earlier = voice[-1]
            cut = note.start_tick - earlier.start_tick
            voice[-1] = Note(earlier.start_tick, earlier.pitch, cut, earlier.velocity, earlier.part)
        voice.append(note)
    return tuple(sorted(note for voice in by_voice.values() for note in voice))
