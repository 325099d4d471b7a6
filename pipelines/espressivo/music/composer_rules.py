"""The rule composer: themes, patterns and layers written by rules of harmony, voice leading and what emotions sound like."""

from __future__ import annotations

from collections import Counter

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.music.accompaniment import accompany, bass_line, counter_line, octaves, pad_layer, percussion_line
from espressivo.music.assembly import SectionTask, assemble, with_final_chord
from espressivo.music.draft import DraftNote
from espressivo.music.form import FormSection
from espressivo.music.melody import ThemeBook, compose_melody
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.seeds import child_seed

__all__ = ["compose_rules", "pad_and_percussion"]

NUM_DENSITY_ROUNDS = 3
PAD_SHARE, PAD_SHARE_PER_AROUSAL = 0.2, -0.12
LOWEST_BASS, LOWEST_DOUBLING = 28, 52
COUNTER_SHARE = 0.06
"""Shares of all notes that pad (more in calm music) and counter line may take; a pad that needs more is silent."""


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
    return assemble(plan, seed=seed, settings=settings, writer=_RuleWriter(seed))


class _RuleWriter:
    """Writes by rules; remembers themes and where the melody was."""

    def __init__(self, seed: int) -> None:
        self._book = ThemeBook(child_seed(seed, "themes"))
        self._before: int | None = None

    def write(self, task: SectionTask) -> list[DraftNote]:
        """Melody, layers, and an accompaniment that takes the notes which the others leave of the density asked for."""
        section, harmony = task.section, task.harmony
        melody = compose_melody(section, harmony, self._book, self._before, task.random)
        self._before = melody[-1].pitch
        lowest = min(note.pitch for note in melody)
        layers = melody + _fixed_layers(task, melody, lowest)
        wanted = {bar.start_tick: bar.moment.density_nps * bar.duration_s for bar in section.bars}
        taken = _count_by_bar(layers, section)
        correction = 1.0
        state = task.random.bit_generator.state
        drafts = layers
        for _ in range(NUM_DENSITY_ROUNDS):
            task.random.bit_generator.state = state  # each round draws the same patterns, only their density changes
            budgets = {tick: max(0.0, correction * count - taken[tick]) for tick, count in wanted.items()}
            styles = list(task.palette.styles)
            drafts = layers + accompany(section, harmony, styles, budgets, max(lowest - 2, 55), task.random)
            drafts = with_final_chord(drafts, section, harmony) if task.is_last else drafts
            correction *= float(np.clip(sum(wanted.values()) / len(drafts), 0.5, 2.0))
        return drafts


def _fixed_layers(task: SectionTask, melody: list[DraftNote], lowest: int) -> list[DraftNote]:
    section, arousal = task.section, task.section.moment.arousal
    bass = bass_line(section, task.harmony, lowest)
    notes = bass + octaves(bass, arousal, LOWEST_BASS) + octaves(melody, arousal, LOWEST_DOUBLING)
    if "counter" in task.palette.parts:
        num_notes = section.moment.density_nps * (section.end_s - section.start_s)
        notes += counter_line(melody, section, task.harmony)[: round(COUNTER_SHARE * num_notes)]
    return notes + pad_and_percussion(task, lowest)


def pad_and_percussion(task: SectionTask, lowest: int) -> list[DraftNote]:
    """Held chords in as many voices as there are notes to spare, and timpani, where the palette has them."""
    section = task.section
    notes: list[DraftNote] = []
    if "pad" in task.palette.parts:
        num_notes = section.moment.density_nps * (section.end_s - section.start_s)
        layers = [pad_layer(task.harmony, voices, max(lowest - 1, 62)) for voices in (3, 2, 1)]
        share = PAD_SHARE + PAD_SHARE_PER_AROUSAL * section.moment.arousal
        notes += next((layer for layer in layers if len(layer) <= share * num_notes + 1), [])
    if "percussion" in task.palette.parts:
        notes += percussion_line(section, task.harmony, is_last=task.is_last)
    return notes


def _count_by_bar(notes: list[DraftNote], section: FormSection) -> Counter[int]:
    starts = np.array([bar.start_tick for bar in section.bars])
    places = np.searchsorted(starts, [note.start_tick for note in notes], side="right") - 1
    return Counter(int(starts[place]) for place in places)
