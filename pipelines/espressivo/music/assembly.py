"""From a plan to a score, whoever writes the notes: form, harmony and instruments before, performance after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.draft import DraftNote
from espressivo.music.form import Form, FormSection, lay_out
from espressivo.music.harmony import SectionHarmony, harmonise, voice_chords
from espressivo.music.palette import Palette, choose_palettes
from espressivo.music.performance import Performer, resolve_overlaps
from espressivo.music.progression import follow_progression
from espressivo.music.score import ChordSpan, Control, KeyChange, Marker, Note, Part, Score, Section
from espressivo.music.settings import MusicSettings
from espressivo.seeds import numpy_generator

__all__ = [
    "MAX_MUSIC_S",
    "Harmoniser",
    "SectionTask",
    "SectionWriter",
    "Sketch",
    "assemble",
    "score_of",
    "sketch",
    "with_final_chord",
]

MAX_MUSIC_S = 1800.0
PIANO_PROGRAMS = range(6)


class SectionTask:
    """What a writer is given for a section.

    Attributes:
        section: Bars and what the music should be like there.
        harmony: Key and chords.
        palette: Instruments.
        random: The section's own source of chance.
        is_last: Whether the piece ends here.
    """

    def __init__(
        self, section: FormSection, harmony: SectionHarmony, palette: Palette, random: np.random.Generator, *, is_last: bool
    ) -> None:
        self.section = section
        self.harmony = harmony
        self.palette = palette
        self.random = random
        self.is_last = is_last


class SectionWriter(Protocol):
    """Writes the notes of a piece, section by section, in order."""

    def write(self, task: SectionTask) -> list[DraftNote]:
        """Notes of all parts of a section."""


Harmoniser = Callable[[Form, MusicSettings, np.random.Generator], tuple[SectionHarmony, ...]]


@dataclass(frozen=True, slots=True)
class Sketch:
    """A piece without its notes: form, keys, chords and instruments.

    Attributes:
        tasks: What is to be written, section by section, in order.
    """

    form: Form
    harmonies: tuple[SectionHarmony, ...]
    settings: MusicSettings
    tasks: tuple[SectionTask, ...]

    def perform(self, drafts: Sequence[list[DraftNote]]) -> Score:
        """The score, played: one list of written notes for each task."""
        parts = _parts([task.palette for task in self.tasks])
        notes: list[Note] = []
        controls: list[Control] = []
        for task, written in zip(self.tasks, drafts, strict=True):
            of_role = {role: parts.index(part) for role, part in task.palette.parts.items()}
            performer = Performer(task.section, self.settings, of_role, task.random, task.is_last)
            notes += performer.play(written)
            pianos = sorted({of_role[role] for role, part in task.palette.parts.items() if part.program in PIANO_PROGRAMS})
            controls += performer.pedal(pianos, task.harmony.chords)
        return score_of(self.form, self.harmonies, parts, resolve_overlaps(notes), controls)


def sketch(plan: EmotionPlan, *, seed: int, settings: MusicSettings, harmoniser: Harmoniser | None = None) -> Sketch:
    """Lay out and harmonise.

    ``harmoniser`` is by default the user's progression where one is given, else the rules of harmony.

    Raises:
        SettingError: ``setting.duration``, ``setting.palette`` or ``setting.chords``.
    """
    if plan.duration_s > MAX_MUSIC_S:
        raise SettingError(
            "setting.duration", f"the plan lasts {plan.duration_s:.0f} s; music is composed up to {MAX_MUSIC_S:.0f} s"
        )
    form = lay_out(plan, settings, numpy_generator(seed, "form"))
    harmoniser = harmoniser or (harmonise if settings.chords is None else follow_progression)
    harmonies = harmoniser(form, settings, numpy_generator(seed, "harmony"))
    last = len(form.sections) - 1
    tasks = tuple(
        SectionTask(
            section, harmony, palette, numpy_generator(seed, "section", str(section.index)), is_last=section.index == last
        )
        for section, harmony, palette in zip(form.sections, harmonies, choose_palettes(form, settings), strict=True)
    )
    return Sketch(form, harmonies, settings, tasks)


def assemble(
    plan: EmotionPlan, *, seed: int, settings: MusicSettings, writer: SectionWriter, harmoniser: Harmoniser | None = None
) -> Score:
    """Lay out, harmonise as :func:`sketch` does, let the writer write, perform.

    Raises:
        SettingError: ``setting.duration``, ``setting.palette`` or ``setting.chords``.
    """
    plain = sketch(plan, seed=seed, settings=settings, harmoniser=harmoniser)
    return plain.perform([writer.write(task) for task in plain.tasks])


def _parts(palettes: list[Palette]) -> list[Part]:
    """Parts of all palettes; the same instrument in the same role stays one part."""
    return list(dict.fromkeys(part for palette in palettes for part in palette.parts.values()))


def with_final_chord(drafts: list[DraftNote], section: FormSection, harmony: SectionHarmony) -> list[DraftNote]:
    """The last chord is struck once and held to the end by everyone; the melody rests on its tonic."""
    last = harmony.chords[-1]
    start = max(last.start_tick, section.bars[-1].start_tick)
    length = section.end_tick - start
    kept = [note for note in drafts if note.start_tick < start or note.role in {"pad", "percussion"}]
    kept = [
        replace(note, duration_ticks=min(note.duration_ticks, start - note.start_tick))
        if note.role in {"melody", "counter"}
        else note
        for note in kept
    ]
    tonic_pitches = [note.pitch for note in drafts if note.role == "melody" and note.end_tick > start]
    centre = tonic_pitches[-1] if tonic_pitches else round(section.moment.register_low + 6)
    tonic = min(range(24, 104), key=lambda pitch: (pitch % 12 != last.chord.root, abs(pitch - centre), pitch))
    chord = voice_chords((last,), 3, max(tonic - 20, 40), max(tonic - 1, 60))[0]
    bass = min(range(31, 50), key=lambda pitch: (pitch % 12 != last.chord.root, abs(pitch - 38), pitch))
    kept.append(DraftNote(start, length, tonic, "melody", 2.0))
    kept += [DraftNote(start, length, pitch, "accompaniment", 0.0) for pitch in chord if pitch != tonic]
    kept.append(DraftNote(start, length, bass, "bass", 1.0))
    return kept


def score_of(
    form: Form, harmonies: tuple[SectionHarmony, ...], parts: list[Part], notes: tuple[Note, ...], controls: list[Control]
) -> Score:
    """A form with its harmony and its played notes."""
    keys: list[KeyChange] = []
    chords: list[ChordSpan] = []
    for section, harmony in zip(form.sections, harmonies, strict=True):
        if not keys or keys[-1].key != harmony.key:
            keys.append(KeyChange(section.start_tick, harmony.key))
        chords += harmony.chords
    score = Score(
        parts=tuple(parts),
        notes=notes,
        tempos=form.tempos,
        metres=form.metres,
        keys=tuple(keys),
        chords=tuple(chords),
        sections=tuple(Section(s.start_tick, s.end_tick, s.segment.label) for s in form.sections),
        end_tick=form.end_tick,
        controls=tuple(sorted(controls)),
    )
    markers = tuple(Marker(score.tick(time_s), f"to {label}") for time_s, label in form.inner_borders)
    return replace(score, markers=markers)
