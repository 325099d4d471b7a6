"""The rule composer: themes, patterns and layers written by rules of harmony, voice leading and what emotions sound like."""

from __future__ import annotations

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.music.accompaniment import accompany, bass_line, counter_line, low_chords, octaves, pad_layer, percussion_line
from espressivo.music.assembly import SectionTask, assemble, with_final_chord
from espressivo.music.draft import SIXTEENTH, DraftNote
from espressivo.music.melody import ThemeBook, compose_melody
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.seeds import child_seed

__all__ = ["RuleWriter", "compose_rules", "pad_and_percussion"]

NUM_DENSITY_ROUNDS = 4
LOWEST_BASS, LOWEST_DOUBLING = 28, 52
AGITATED = 0.35
COUNTER_SHARE = 0.12
"""Notes of the counter line over onsets of all parts, at most."""


def compose_rules(plan: EmotionPlan, *, seed: int, settings: MusicSettings) -> Score:
    """Compose by rules: same plan, seed and settings, same score.

    Sections begin and end exactly (to a microsecond per section) with the plan's segments; segments shorter than 1.5 s join a
    neighbour and are marked. The last section ends with a cadence, a ritardando and a held chord.

    Args:
        plan: At most 30 minutes.
        seed: 0 or more.
        settings: Choices for the whole piece.

    Raises:
        SettingError: ``setting.duration`` or ``setting.palette``.
    """
    return assemble(plan, seed=seed, settings=settings, writer=RuleWriter(ThemeBook(child_seed(seed, "themes"))))


class RuleWriter:
    """Writes by rules; remembers themes and where the melody was.

    Args:
        book: The themes.
        before: Last pitch of the melody before the first section.
        after: First pitch of the melody after the section, where music that is there already follows.
    """

    def __init__(self, book: ThemeBook, before: int | None = None, after: int | None = None) -> None:
        self._book = book
        self._before = before
        self._after = after

    def lead(self, task: SectionTask) -> list[DraftNote]:
        """The section's melody alone."""
        melody = compose_melody(task.section, task.harmony, self._book, self._before, task.random, self._after)
        self._before = melody[-1].pitch
        return melody

    def write(self, task: SectionTask) -> list[DraftNote]:
        """Melody, layers, and an accompaniment that brings all onsets together to the density asked for."""
        section, harmony = task.section, task.harmony
        melody = self.lead(task)
        lowest = min(note.pitch for note in melody)
        layers = melody + _fixed_layers(task, melody, lowest)
        ticks = {note.start_tick for note in layers}
        taken = {
            bar.start_tick: {t for t in range(bar.start_tick, bar.end_tick, SIXTEENTH) if t in ticks} for bar in section.bars
        }
        wanted = {bar.start_tick: bar.moment.density_nps * bar.duration_s for bar in section.bars}
        total = sum(wanted.values())
        correction = 1.0
        state = task.random.bit_generator.state
        tried: list[tuple[float, list[DraftNote]]] = []
        for _ in range(NUM_DENSITY_ROUNDS):
            task.random.bit_generator.state = state  # each round draws the same patterns, only their density changes
            goals = {tick: correction * count for tick, count in wanted.items()}
            styles = list(task.palette.styles)
            drafts = layers + accompany(section, harmony, styles, goals, taken, melody, task.random)
            drafts = with_final_chord(drafts, section, harmony) if task.is_last else drafts
            ratio = total / len({note.start_tick for note in drafts})
            tried.append((abs(float(np.log(ratio))), drafts))
            correction *= float(np.clip(ratio, 0.7, 1.4))
        return min(tried, key=lambda attempt: attempt[0])[1]


def _fixed_layers(task: SectionTask, melody: list[DraftNote], lowest: int) -> list[DraftNote]:
    section, arousal = task.section, task.section.moment.arousal
    bass = bass_line(section, task.harmony, lowest)
    notes = bass + octaves(bass, arousal, LOWEST_BASS) + octaves(melody, arousal, LOWEST_DOUBLING)
    if arousal < 0.0 and section.moment.valence < -0.2:
        notes += low_chords(bass, melody, task.harmony)
    if "counter" in task.palette.parts:
        num_notes = section.moment.density_nps * (section.end_s - section.start_s)
        notes += counter_line(melody, section, task.harmony)[: round(COUNTER_SHARE * num_notes)]
    return notes + pad_and_percussion(task, lowest)


def pad_and_percussion(task: SectionTask, lowest: int) -> list[DraftNote]:
    """Held chords, thinner in agitated music, and timpani, where the palette has them."""
    section = task.section
    notes: list[DraftNote] = []
    if "pad" in task.palette.parts:
        num_voices = 3 if section.moment.arousal < AGITATED else 2
        notes += pad_layer(task.harmony, num_voices, max(lowest - 1, 62))
    if "percussion" in task.palette.parts:
        notes += percussion_line(section, task.harmony, is_last=task.is_last)
    return notes
