"""Going on with a given piece: its key, metre, instruments, motifs, chords and texture, for as long as is wanted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.assembly import MAX_MUSIC_S, SectionTask, score_of, with_final_chord
from espressivo.music.composer_rules import RuleWriter
from espressivo.music.draft import DraftNote
from espressivo.music.form import Form, FormSection, lay_out
from espressivo.music.harmony import SectionHarmony, build_chord, harmonise
from espressivo.music.hearing import HEARD, Heard, hear, heard_plan
from espressivo.music.melody import Theme, ThemeBook
from espressivo.music.model_given import model_notes
from espressivo.music.performance import Performer, resolve_overlaps
from espressivo.music.progression import follow_progression
from espressivo.music.score import ChordSpan, Control, KeyChange, MetreChange, Note, Score, Section
from espressivo.music.settings import MusicSettings
from espressivo.music.texture import textured
from espressivo.music.theory import Chord
from espressivo.resources import load_config
from espressivo.seeds import child_seed, numpy_generator

__all__ = ["Sequel", "continue_piece", "motifs_of", "plan_as_heard", "settled"]

LOOP_BARS: Final = 8
TEXTURE_BARS: Final = 4
LABEL: Final = "continued"


@dataclass(frozen=True, slots=True)
class Sequel:
    """A piece with what was added to it.

    Attributes:
        score: The whole: the given notes unchanged, then the new ones.
        tail: What was added, alone, from tick 0.
        plan: What the tail follows.
        start_tick: Where the tail begins in the whole.
    """

    score: Score
    tail: Score
    plan: EmotionPlan
    start_tick: int


def continue_piece(
    score: Score, *, seed: int, settings: MusicSettings, plan: EmotionPlan | None = None, duration_s: float = 16.0
) -> Sequel:
    """Go on from the end of a piece, and end.

    Without a plan (or with that of :func:`plan_as_heard`) the music goes on as it was: tempo, loudness, density and register are
    measured, the last chords are repeated, the accompaniment is the given one over the new chords. A plan turns it to another
    emotion with the same motifs, tonic, metre and instruments. In both cases the settings come first.

    Args:
        score: The given piece, e.g. ``Score.from_midi_bytes(data)``.
        seed: 0 or more.
        settings: As for composing.
        plan: What the new part is to feel like; it decides the length.
        duration_s: Length of the new part where there is no plan.

    Raises:
        MidiInputError: ``midi.too_few_notes``.
        SettingError: ``setting.duration``, ``setting.chords``.
        CheckpointError: With the learned composer, when its weights are missing, altered or malformed.
    """
    heard = hear(score)
    plan = plan or _as_heard(heard, duration_s)
    goes_on = plan.planner == HEARD
    first, last = _last_bars(heard)
    if score.duration_s + plan.duration_s > MAX_MUSIC_S:
        total = score.duration_s + plan.duration_s
        raise SettingError("setting.duration", f"together {total:.0f} s; music is composed up to {MAX_MUSIC_S:.0f} s")
    settings = settled(settings, heard)
    if settings.composer == "model":

        def harmoniser(form: Form, settings: MusicSettings, random: np.random.Generator) -> tuple[SectionHarmony, ...]:
            return _harmonies(heard, form, settings, first, last, random, goes_on=goes_on)

        tail = model_notes(heard, (), plan, seed=seed, settings=settings, harmoniser=harmoniser)
    else:
        tail = _by_rules(heard, plan, settings, seed, first, last, goes_on=goes_on)
    if goes_on:
        tail = replace(tail, sections=(Section(0, tail.end_tick, LABEL),))
    return _joined(score, tail, plan)


def _by_rules(
    heard: Heard, plan: EmotionPlan, settings: MusicSettings, seed: int, first: int, last: int, *, goes_on: bool
) -> Score:
    form = lay_out(plan, settings, numpy_generator(seed, "form"))
    harmonies = _harmonies(heard, form, settings, first, last, numpy_generator(seed, "harmony"), goes_on=goes_on)
    before = heard.score.notes[max(heard.melody)].pitch
    writer = RuleWriter(ThemeBook(child_seed(seed, "themes"), motifs_of(heard, 0, last - 1)), before)
    templates = range(max(last - TEXTURE_BARS + 1, 0), last + 1) if goes_on else ()
    notes, controls = _performed(heard, form, harmonies, settings, writer, templates, seed)
    return score_of(form, harmonies, list(heard.score.parts), resolve_overlaps(notes), controls)


def plan_as_heard(score: Score, duration_s: float) -> EmotionPlan:
    """The plan by which a piece goes on as it was.

    Raises:
        MidiInputError: ``midi.too_few_notes``.
    """
    return _as_heard(hear(score), duration_s)


def _as_heard(heard: Heard, duration_s: float) -> EmotionPlan:
    first, last = _last_bars(heard)
    return heard_plan(heard, duration_s=duration_s, first_bar=first, last_bar=last)


def _last_bars(heard: Heard) -> tuple[int, int]:
    last = heard.last_full_bar()
    return max(last - LOOP_BARS + 1, 0), last


def settled(settings: MusicSettings, heard: Heard) -> MusicSettings:
    """Settings with the piece's own tonic and metre where the user has not chosen others."""
    tonic = heard.key.tonic if settings.tonic is None else settings.tonic
    return settings.model_copy(update={"tonic": tonic, "metre": settings.metre or heard.metre or "4/4"})


def motifs_of(heard: Heard, *bars: int) -> dict[str, Theme]:
    """Themes ``A``, ``B``, ... from the two bars at each place, where the melody has enough to say there."""
    found = [heard.motif(max(bar, 0)) for bar in bars]
    return dict(zip("ABC", [theme for theme in found if theme is not None], strict=False))


def _harmonies(
    heard: Heard, form: Form, settings: MusicSettings, first: int, last: int, random: np.random.Generator, *, goes_on: bool
) -> tuple[SectionHarmony, ...]:
    if settings.chords is not None:
        return follow_progression(form, settings, random)
    if not goes_on:
        return harmonise(form, settings, random)
    (section,) = form.sections
    # A loop of whole phrases stays in step with them.
    size = last - first + 1
    loop = heard.chords[last - (size - size % 4 or size) + 1 : last + 1]
    chords = [loop[index % len(loop)] for index in range(len(section.bars))]
    ending = _cadence(heard, random)[-max(len(chords) - 1, 1) :]
    chords[len(chords) - len(ending) :] = ending
    spans = tuple(ChordSpan(bar.start_tick, bar.end_tick, chord) for bar, chord in zip(section.bars, chords, strict=True))
    return (SectionHarmony(heard.key, spans),)


def _cadence(heard: Heard, random: np.random.Generator) -> list[Chord]:
    """The closing chords that the mode is used to."""
    cadences: dict[str, Any] = load_config("music/harmony.yaml")["cadences"][heard.key.mode]
    options = cadences["final"]
    symbols = options[int(random.integers(len(options)))]
    return [build_chord(heard.key, str(symbol), 0.0, random) for symbol in symbols]


def _performed(
    heard: Heard,
    form: Form,
    harmonies: tuple[SectionHarmony, ...],
    settings: MusicSettings,
    writer: RuleWriter,
    templates: range | tuple[int, ...],
    seed: int,
) -> tuple[list[Note], list[Control]]:
    """The sections as played notes of the given parts; with ``templates`` in the piece's own texture."""
    of_role = {role: heard.score.parts.index(part) for role, part in heard.palette.parts.items()}
    pedalled = sorted({control.part for control in heard.score.controls if control.number == 64})
    notes: list[Note] = []
    controls: list[Control] = []
    for section, harmony in zip(form.sections, harmonies, strict=True):
        random = numpy_generator(seed, "section", str(section.index))
        task = SectionTask(section, harmony, heard.palette, random, is_last=section is form.sections[-1])
        performer = Performer(section, settings, of_role, random, task.is_last)
        if templates:
            drafts: list[DraftNote] = writer.lead(task)
            drafts = with_final_chord(drafts, section, harmony) if task.is_last else drafts
            resting = section.bars[:-1] if task.is_last else section.bars
            notes += _within(textured(heard, templates, resting, harmony), section)
        else:
            drafts = writer.write(task)
        notes += performer.play(drafts)
        controls += performer.pedal(pedalled, harmony.chords)
    return notes, controls


def _within(notes: list[Note], section: FormSection) -> list[Note]:
    return [replace(note, duration_ticks=min(note.duration_ticks, section.end_tick - note.start_tick)) for note in notes]


def _joined(score: Score, tail: Score, plan: EmotionPlan) -> Sequel:
    """The tail from the first bar line at or after the given end; nothing that was there is touched."""
    start_of_last = score.bars()[-1][0]
    metre = score.metres[-1]
    offset = max(start_of_last + metre.bar_ticks, score.end_tick)
    sections = (*score.sections[:-1], replace(score.sections[-1], end_tick=offset))
    metres = [change for change in score.metres if change.tick < offset]
    for change in tail.metres:
        if (change.numerator, change.denominator) != (metres[-1].numerator, metres[-1].denominator):
            metres.append(MetreChange(change.tick + offset, change.numerator, change.denominator))
    keys = [change for change in score.keys if change.tick < offset]
    for key in tail.keys:
        if key.key != keys[-1].key:
            keys.append(KeyChange(key.tick + offset, key.key))
    whole = replace(
        score,
        notes=tuple(sorted((*score.notes, *(replace(n, start_tick=n.start_tick + offset) for n in tail.notes)))),
        tempos=(*(t for t in score.tempos if t.tick < offset), *(replace(t, tick=t.tick + offset) for t in tail.tempos)),
        metres=tuple(metres),
        keys=tuple(keys),
        chords=(*score.chords, *(ChordSpan(c.start_tick + offset, c.end_tick + offset, c.chord) for c in tail.chords)),
        sections=(*sections, *(Section(s.start_tick + offset, s.end_tick + offset, s.label) for s in tail.sections)),
        markers=(*(m for m in score.markers if m.tick < offset), *(replace(m, tick=m.tick + offset) for m in tail.markers)),
        controls=tuple(sorted((*score.controls, *(replace(c, tick=c.tick + offset) for c in tail.controls)))),
        end_tick=offset + tail.end_tick,
    )
    return Sequel(whole, tail, plan, offset)
