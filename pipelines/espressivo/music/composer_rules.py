"""The rule composer: plan -> form -> harmony -> melody -> accompaniment -> performance -> score."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.accompaniment import accompany, bass_line, counter_line, octaves, pad_layer, percussion_line
from espressivo.music.draft import DraftNote
from espressivo.music.form import Form, FormSection, lay_out
from espressivo.music.harmony import SectionHarmony, harmonise, voice_chords
from espressivo.music.melody import ThemeBook, compose_melody
from espressivo.music.palette import Palette, choose_palettes
from espressivo.music.performance import Performer, resolve_overlaps
from espressivo.music.score import ChordSpan, Control, KeyChange, Marker, Note, Part, Score, Section
from espressivo.music.settings import MusicSettings
from espressivo.seeds import child_seed, numpy_generator

__all__ = ["MAX_MUSIC_S", "compose_rules"]

MAX_MUSIC_S = 1800.0
NUM_DENSITY_ROUNDS = 3
PIANO_PROGRAMS = range(6)
PAD_SHARE, PAD_SHARE_PER_AROUSAL = 0.2, -0.12
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
    if plan.duration_s > MAX_MUSIC_S:
        raise SettingError(
            "setting.duration", f"the plan lasts {plan.duration_s:.0f} s; music is composed up to {MAX_MUSIC_S:.0f} s"
        )
    form = lay_out(plan, settings, numpy_generator(seed, "form"))
    harmonies = harmonise(form, settings, numpy_generator(seed, "harmony"))
    palettes = choose_palettes(form, settings)
    parts = _parts(palettes)
    book = ThemeBook(child_seed(seed, "themes"))
    notes: list[Note] = []
    controls: list[Control] = []
    before: int | None = None
    for section, harmony, palette in zip(form.sections, harmonies, palettes, strict=True):
        random = numpy_generator(seed, "section", str(section.index))
        is_last = section.index == len(form.sections) - 1
        melody = compose_melody(section, harmony, book, before, random)
        before = melody[-1].pitch
        drafts = _arrange(section, harmony, palette, melody, random, is_last=is_last)
        of_role = {role: parts.index(part) for role, part in palette.parts.items()}
        performer = Performer(section, settings, of_role, random, is_last)
        notes += performer.play(drafts)
        pianos = sorted({of_role[role] for role, part in palette.parts.items() if part.program in PIANO_PROGRAMS})
        controls += performer.pedal(pianos, harmony.chords)
    return _score(form, harmonies, parts, resolve_overlaps(notes), controls)


def _parts(palettes: list[Palette]) -> list[Part]:
    """Parts of all palettes; the same instrument in the same role stays one part."""
    return list(dict.fromkeys(part for palette in palettes for part in palette.parts.values()))


# --- arrangement -------------------------------------------------------------------------------------------------------


def _arrange(
    section: FormSection,
    harmony: SectionHarmony,
    palette: Palette,
    melody: list[DraftNote],
    random: np.random.Generator,
    *,
    is_last: bool,
) -> list[DraftNote]:
    """Layers under the melody; the accompaniment takes the notes that the others leave of the density asked for."""
    lowest = min(note.pitch for note in melody)
    layers = melody + _fixed_layers(section, harmony, palette, melody, lowest, is_last=is_last)
    wanted = {bar.start_tick: bar.moment.density_nps * bar.duration_s for bar in section.bars}
    taken = _count_by_bar(layers, section)
    correction = 1.0
    state = random.bit_generator.state
    drafts = layers
    for _ in range(NUM_DENSITY_ROUNDS):
        random.bit_generator.state = state  # each round draws the same patterns, only their density changes
        budgets = {tick: max(0.0, correction * count - taken[tick]) for tick, count in wanted.items()}
        drafts = layers + accompany(section, harmony, list(palette.styles), budgets, max(lowest - 2, 55), random)
        drafts = _with_final_chord(drafts, section, harmony) if is_last else drafts
        correction *= float(np.clip(sum(wanted.values()) / len(drafts), 0.5, 2.0))
    return drafts


def _fixed_layers(
    section: FormSection, harmony: SectionHarmony, palette: Palette, melody: list[DraftNote], lowest: int, *, is_last: bool
) -> list[DraftNote]:
    num_notes = section.moment.density_nps * (section.end_s - section.start_s)
    bass = bass_line(section, harmony, lowest)
    arousal = section.moment.arousal
    notes = bass + octaves(bass, arousal, upwards=False) + octaves(melody, arousal, upwards=True)
    if "pad" in palette.parts:
        layers = [pad_layer(harmony, voices, max(lowest - 1, 62)) for voices in (3, 2, 1)]
        share = PAD_SHARE + PAD_SHARE_PER_AROUSAL * arousal
        notes += next((layer for layer in layers if len(layer) <= share * num_notes + 1), [])
    if "counter" in palette.parts:
        notes += counter_line(melody, section, harmony)[: round(COUNTER_SHARE * num_notes)]
    if "percussion" in palette.parts:
        notes += percussion_line(section, harmony, is_last=is_last)
    return notes


def _count_by_bar(notes: list[DraftNote], section: FormSection) -> Counter[int]:
    starts = np.array([bar.start_tick for bar in section.bars])
    places = np.searchsorted(starts, [note.start_tick for note in notes], side="right") - 1
    return Counter(int(starts[place]) for place in places)


def _with_final_chord(drafts: list[DraftNote], section: FormSection, harmony: SectionHarmony) -> list[DraftNote]:
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


# --- score -------------------------------------------------------------------------------------------------------------


def _score(
    form: Form, harmonies: tuple[SectionHarmony, ...], parts: list[Part], notes: tuple[Note, ...], controls: list[Control]
) -> Score:
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
