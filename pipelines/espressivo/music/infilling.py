"""New music for some bars of a given piece; every note outside them stays as it was."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import MidiInputError, SettingError
from espressivo.music.assembly import SectionTask
from espressivo.music.composer_rules import RuleWriter
from espressivo.music.continuation import motifs_of, settled
from espressivo.music.curve import AttributeCurve, MusicMoment
from espressivo.music.form import EIGHTH, Bar, Form, FormSection, phrases_of
from espressivo.music.harmony import SectionHarmony, harmonise
from espressivo.music.hearing import EARLY_TICKS, HEARD, Heard, hear, heard_plan
from espressivo.music.melody import MAX_PLACES, ThemeBook
from espressivo.music.model_given import model_notes
from espressivo.music.performance import Performer, resolve_overlaps
from espressivo.music.progression import follow_progression
from espressivo.music.score import PEDAL_DOWN, SUSTAIN_PEDAL, TICKS_PER_QUARTER, ChordSpan, Control, Note, Score
from espressivo.music.settings import MusicSettings
from espressivo.music.texture import textured
from espressivo.music.theory import Chord
from espressivo.seeds import child_seed, numpy_generator

__all__ = ["bars_duration_s", "fill_bars", "parse_bars", "plan_for_bars"]

PERIODS: Final = (4, 8, 2, 1)
"""Bars after which harmony tends to return."""
NEAR_BARS: Final = 4


def parse_bars(text: str) -> tuple[int, int]:
    """``"9-12"`` -> (9, 12), ``"9"`` -> (9, 9); counted from 1.

    Raises:
        SettingError: ``setting.bars``.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:-\s*(\d{1,6}))?\s*", text)
    if not match:
        raise SettingError("setting.bars", f"bars is {text!r}; accepted: the first and the last bar, such as 9-12")
    first = int(match.group(1))
    return first, int(match.group(2) or first)


def bars_duration_s(score: Score, first_bar: int, last_bar: int) -> float:
    """Length of bars in seconds, for a plan that is to fill them.

    Args:
        score: The given piece.
        first_bar: Counted from 1.
        last_bar: Counted from 1, inclusive.

    Raises:
        SettingError: ``setting.bars`` when the piece has no such bars.
    """
    bars = score.bars()
    if not 1 <= first_bar <= last_bar <= len(bars):
        raise SettingError("setting.bars", f"bars {first_bar}-{last_bar} of a piece that has bars 1 to {len(bars)}")
    return score.seconds(bars[last_bar - 1][1]) - score.seconds(bars[first_bar - 1][0])


def fill_bars(
    score: Score, first_bar: int, last_bar: int, *, seed: int, settings: MusicSettings, plan: EmotionPlan | None = None
) -> Score:
    """Write some bars anew so that they lead from what is before to what is after.

    What the bars held is not looked at. Without a plan (or with that of :func:`plan_for_bars`) the new bars are like their
    neighbours: the accompaniment is theirs over the chords that the piece's periods suggest (its own where the file names them),
    the melody uses their motifs. A plan gives the bars another emotion, on the same tonic; tempo and instruments stay.

    Args:
        score: The given piece; at least 4 notes outside the bars.
        first_bar: Counted from 1.
        last_bar: Counted from 1, inclusive.
        seed: 0 or more.
        settings: As for composing; tempo and metre are the piece's own.
        plan: What the bars are to feel like, on a clock that starts with them; stretched to their length.

    Raises:
        MidiInputError: ``midi.too_few_notes``, ``midi.metre`` for bars that do not consist of eighths.
        SettingError: ``setting.bars``, ``setting.chords``.
    """
    duration_s = bars_duration_s(score, first_bar, last_bar)
    gap = range(first_bar - 1, last_bar)
    heard = _outside(score, gap)
    kept = heard.score.notes
    start, end = heard.bars[gap[0]][0], heard.bars[gap[-1]][1]
    near = _neighbours(heard, gap)
    plan = plan or heard_plan(heard, duration_s=duration_s, first_bar=near[0], last_bar=near[-1])
    like_neighbours = plan.planner == HEARD
    settings = settled(settings, heard)
    section = _section(heard, gap, plan, settings, duration_s)
    harmony = _harmony(heard, section, gap, settings, seed, like_neighbours=like_neighbours)
    if settings.composer == "model":
        played, pedal = _by_model(heard, gap, plan, settings, harmony, seed)
    else:
        played, pedal = _by_rules(heard, gap, near, section, harmony, settings, seed, like_neighbours=like_neighbours)
    new = _fitting(played, kept, end)
    pedalled = sorted({control.part for control in score.controls if control.number == SUSTAIN_PEDAL})
    controls = _pedalled(score, pedal, pedalled, start, end)
    chords = score.chords
    if chords:
        chords = (*_chords_outside(chords, start, end), *harmony.chords)
    return replace(
        score,
        notes=tuple(sorted((*kept, *new))),
        controls=controls,
        chords=tuple(sorted(chords, key=lambda span: span.start_tick)),
    )


def _by_model(
    heard: Heard, gap: range, plan: EmotionPlan, settings: MusicSettings, harmony: SectionHarmony, seed: int
) -> tuple[list[Note], list[Control]]:
    """The transformer's notes in the place of the gap; its bars must be as long as the piece's."""
    start, end = heard.bars[gap[0]][0], heard.bars[gap[-1]][1]
    quarters = (end - start) / TICKS_PER_QUARTER
    moved = tuple(replace(s, start_tick=s.start_tick - start, end_tick=s.end_tick - start) for s in harmony.chords)

    def harmoniser(form: Form, _settings: MusicSettings, _random: np.random.Generator) -> tuple[SectionHarmony, ...]:
        if [bar.end_tick - bar.start_tick for s in form.sections for bar in s.bars] != [
            b - a for a, b in heard.bars[gap[0] : gap[-1] + 1]
        ]:
            raise SettingError("setting.composer", "these bars change their length; composer 'rules' can fill them")
        return tuple(SectionHarmony(harmony.key, moved) for _ in form.sections)

    exact = settings.model_copy(update={"tempo_bpm": 60.0 * quarters / plan.duration_s, "rubato": 0.0})
    written = model_notes(heard, gap, plan, seed=seed, settings=exact, harmoniser=harmoniser)
    notes = [replace(note, start_tick=note.start_tick + start) for note in written.notes]
    return notes, [replace(control, tick=control.tick + start) for control in written.controls]


def _by_rules(
    heard: Heard,
    gap: range,
    near: Sequence[int],
    section: FormSection,
    harmony: SectionHarmony,
    settings: MusicSettings,
    seed: int,
    *,
    like_neighbours: bool,
) -> tuple[list[Note], list[Control]]:
    score = heard.score
    start, end = heard.bars[gap[0]][0], heard.bars[gap[-1]][1]
    before = [i for i in heard.melody if heard.score.notes[i].start_tick + EARLY_TICKS < start]
    after = [i for i in heard.melody if heard.score.notes[i].start_tick + EARLY_TICKS >= end]
    writer = RuleWriter(
        ThemeBook(child_seed(seed, "themes"), motifs_of(heard, gap[0] - 2 if gap[0] >= 2 else gap[-1] + 1, gap[-1] + 1)),
        heard.score.notes[max(before)].pitch if before else None,
        heard.score.notes[min(after)].pitch if after else None,
    )
    task = SectionTask(section, harmony, heard.palette, numpy_generator(seed, "section", "0"), is_last=False)
    of_role = {role: score.parts.index(part) for role, part in heard.palette.parts.items()}
    performer = Performer(section, settings, of_role, task.random, is_last=False)
    if like_neighbours:
        played = performer.play(writer.lead(task)) + textured(heard, near, section.bars, harmony)
    else:
        played = performer.play(writer.write(task))
    pedalled = sorted({control.part for control in score.controls if control.number == SUSTAIN_PEDAL})
    return played, performer.pedal(pedalled, harmony.chords)


def plan_for_bars(score: Score, first_bar: int, last_bar: int) -> EmotionPlan:
    """The plan by which bars become like their neighbours.

    Raises:
        MidiInputError: ``midi.too_few_notes``.
        SettingError: ``setting.bars``.
    """
    duration_s = bars_duration_s(score, first_bar, last_bar)
    gap = range(first_bar - 1, last_bar)
    heard = _outside(score, gap)
    near = _neighbours(heard, gap)
    return heard_plan(heard, duration_s=duration_s, first_bar=near[0], last_bar=near[-1])


def _outside(score: Score, gap: range) -> Heard:
    """The piece as it sounds without the gap's notes."""
    bars = score.bars()
    start, end = bars[gap[0]][0], bars[gap[-1]][1]
    return hear(replace(score, notes=tuple(n for n in score.notes if not start <= n.start_tick + EARLY_TICKS < end)))


def _neighbours(heard: Heard, gap: range) -> list[int]:
    """Up to four bars with notes before the gap, or after it where none are before."""
    before = [bar for bar in range(gap[0]) if heard.notes_by_bar[bar]][-NEAR_BARS:]
    return before or [bar for bar in range(gap[-1] + 1, len(heard.bars)) if heard.notes_by_bar[bar]][:NEAR_BARS]


def _section(heard: Heard, gap: range, plan: EmotionPlan, settings: MusicSettings, duration_s: float) -> FormSection:
    bars = []
    score = heard.score
    curve = AttributeCurve(plan, settings)
    zero_s = score.seconds(heard.bars[gap[0]][0])
    for start, end in (heard.bars[bar] for bar in gap):
        eighths, rest = divmod(end - start, EIGHTH)
        if rest or not 1 <= eighths <= MAX_PLACES // 2:
            raise MidiInputError(
                "midi.metre",
                f"a bar of {(end - start) / EIGHTH:g} eighths; bars of 1 to {MAX_PLACES // 2} whole eighths can be filled",
            )
        start_s, end_s = score.seconds(start) - zero_s, score.seconds(end) - zero_s
        middle = 0.5 * (start_s + end_s) / duration_s * plan.duration_s
        bars.append(Bar(start, eighths, start_s, end_s, curve.at(middle)))
    metre = next(change for change in reversed(score.metres) if change.tick <= bars[0].start_tick)
    compound = metre.denominator == 8 and metre.numerator % 3 == 0
    segment = max(plan.segments, key=lambda segment: segment.duration_s)
    moment = MusicMoment.of_segment(segment, settings)
    most = max(bar.length_eighths for bar in bars)
    return FormSection(0, segment, moment, 3 if compound else 2, most, phrases_of(bars, 0), 0.0, duration_s)


def _harmony(
    heard: Heard, section: FormSection, gap: range, settings: MusicSettings, seed: int, *, like_neighbours: bool
) -> SectionHarmony:
    """The user's chords; the rules' for another emotion; those that the file names, or those of the bars a period away."""
    form = Form((section, replace(section, index=1)), heard.score.tempos, heard.score.metres, ())
    random = numpy_generator(seed, "harmony")
    if settings.chords is not None:
        return follow_progression(form, settings, random, ends=False)[0]
    if not like_neighbours:
        return harmonise(form, settings, random)[0]
    chords = heard.chords if heard.score.chords else _returning(heard, gap)
    spans = [ChordSpan(bar.start_tick, bar.end_tick, chords[index]) for bar, index in zip(section.bars, gap, strict=True)]
    return SectionHarmony(heard.key, tuple(spans))


def _returning(heard: Heard, gap: range) -> list[Chord]:
    """Chords of all bars, those in the gap taken from the period at which the others agree best."""
    chords = list(heard.chords)
    known = [bar for bar in range(len(chords)) if bar not in gap]

    def agreement(period: int) -> float:
        pairs = [(chords[bar], chords[bar + period]) for bar in known if bar + period in set(known)]
        return sum(a == b for a, b in pairs) / len(pairs) if pairs else 0.0

    period = max(PERIODS, key=agreement)
    for bar in gap:
        earlier = [b for b in range(bar - period, -1, -period) if b not in gap]
        later = [b for b in range(bar + period, len(chords), period) if b not in gap]
        source = (earlier or later or known)[0]
        chords[bar] = heard.chords[source]
    return chords


def _fitting(new: Sequence[Note], kept: Sequence[Note], end: int) -> list[Note]:
    """New notes cut at the end of the gap and where a kept note takes their pitch; none begins where one still sounds."""
    ringing: dict[tuple[int, int], int] = {}
    following: dict[tuple[int, int], int] = {}
    for note in kept:
        voice = (note.part, note.pitch)
        if note.start_tick + EARLY_TICKS < end:
            ringing[voice] = max(ringing.get(voice, 0), note.end_tick)
        else:
            following[voice] = min(following.get(voice, end), note.start_tick)
    fitting = []
    for note in new:
        voice = (note.part, note.pitch)
        limit = min(end, following.get(voice, end))
        if ringing.get(voice, 0) <= note.start_tick < limit:
            fitting.append(replace(note, duration_ticks=max(min(note.duration_ticks, limit - note.start_tick), 1)))
    return list(resolve_overlaps(fitting))


def _pedalled(score: Score, new: list[Control], parts: Sequence[int], start: int, end: int) -> tuple[Control, ...]:
    """Pedal of the gap in place of what was there; before and after it the pedal is as it was."""
    kept = [c for c in score.controls if c.number != SUSTAIN_PEDAL or not start <= c.tick < end]
    inside = [control for control in new if start <= control.tick < end]
    for part in parts:
        own = [c for c in score.controls if c.part == part and c.number == SUSTAIN_PEDAL]
        at_start = next((c.value for c in reversed(own) if c.tick < start), 0)
        at_end = next((c.value for c in reversed(own) if c.tick < end), 0)
        if at_start >= PEDAL_DOWN:
            inside.append(Control(start, part, SUSTAIN_PEDAL, 0))
        last = next((c.value for c in sorted(inside, reverse=True) if c.part == part), at_start)
        if (last >= PEDAL_DOWN) != (at_end >= PEDAL_DOWN):
            inside.append(Control(end - 1, part, SUSTAIN_PEDAL, at_end))
    return tuple(sorted((*kept, *inside)))


def _chords_outside(chords: Sequence[ChordSpan], start: int, end: int) -> list[ChordSpan]:
    before = [replace(span, end_tick=min(span.end_tick, start)) for span in chords if span.start_tick < start]
    return before + [replace(span, start_tick=max(span.start_tick, end)) for span in chords if span.end_tick > end]
