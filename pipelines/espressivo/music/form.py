"""Form: the plan's segments become sections of whole bars whose borders fall on the segments' times exactly."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan, EmotionSegment
from espressivo.music.curve import AttributeCurve, MusicMoment
from espressivo.music.score import MAX_MICROSECONDS_PER_QUARTER, TICKS_PER_QUARTER, MetreChange, TempoChange
from espressivo.music.settings import MusicSettings

__all__ = ["EIGHTH", "Bar", "Form", "FormSection", "Phrase", "lay_out", "phrases_of", "tempo_map"]

EIGHTH = TICKS_PER_QUARTER // 2
MIN_SECTION_S = 1.5
"""Shorter segments join a neighbour; their borders remain as markers and accents inside it."""
TEMPO_TOLERANCE = 0.06
PHRASE_BARS = 4
PHRASE_PATTERN = ("A", "A'", "B", "A''", "C", "C'", "B'", "A'''")


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar in ticks, its place in time, and what the music should be like there."""

    start_tick: int
    length_eighths: int
    start_s: float
    end_s: float
    moment: MusicMoment

    @property
    def end_tick(self) -> int:
        """First tick of the next bar."""
        return self.start_tick + self.length_eighths * EIGHTH

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Phrase:
    """Two to five bars that belong together; ``letter`` names the material, primes mark variation."""

    bars: tuple[Bar, ...]
    letter: str
    closes_section: bool

    @property
    def material(self) -> str:
        """Letter without primes."""
        return self.letter.rstrip("'")


@dataclass(frozen=True)
class FormSection:
    """One segment (or several short ones) set to music.

    Attributes:
        index: Place in the piece.
        segment: The segment that decides key, palette and label: the longest of those joined.
        moment: The segment's attributes.
        beat_eighths: 2, or 3 in compound metre.
        bar_eighths: Length of a full bar.
        phrases: All bars, in phrases.
        start_s: Start on the plan's clock.
        end_s: End on the plan's clock.
    """

    index: int
    segment: EmotionSegment
    moment: MusicMoment
    beat_eighths: int
    bar_eighths: int
    phrases: tuple[Phrase, ...]
    start_s: float
    end_s: float

    @cached_property
    def bars(self) -> tuple[Bar, ...]:
        """All bars."""
        return tuple(bar for phrase in self.phrases for bar in phrase.bars)

    @property
    def start_tick(self) -> int:
        """First tick."""
        return self.phrases[0].bars[0].start_tick

    @property
    def end_tick(self) -> int:
        """First tick after the section."""
        return self.phrases[-1].bars[-1].end_tick


@dataclass(frozen=True, slots=True)
class Form:
    """Sections, metres and tempi of a piece; complete but for the notes.

    ``inner_borders`` are times and labels of segments that begin inside a section because a neighbour was too short.
    """

    sections: tuple[FormSection, ...]
    tempos: tuple[TempoChange, ...]
    metres: tuple[MetreChange, ...]
    inner_borders: tuple[tuple[float, str], ...]

    @property
    def end_tick(self) -> int:
        """End of the piece."""
        return self.sections[-1].end_tick


def lay_out(plan: EmotionPlan, settings: MusicSettings, random: np.random.Generator) -> Form:
    """Divide the plan's time into sections, phrases and bars, and find the tempi that make them fit.

    Each section gets a whole number of bars whose tempo deviates least from the tempo asked for; where whole bars would
    deviate by much more than 6 %, its last bar is shorter or longer.
    """
    curve = AttributeCurve(plan, settings)
    sections: list[FormSection] = []
    tempos: list[TempoChange] = []
    tick = 0
    groups = _joined(plan)
    for index, group in enumerate(groups):
        main = max(group, key=lambda segment: segment.duration_s)
        start_s, end_s = group[0].start_s, group[-1].end_s
        moment = MusicMoment.of_segment(main, settings)
        bar_eighths, beat_eighths = _metre(main, settings, random)
        lengths = bar_lengths(end_s - start_s, moment.tempo_bpm, bar_eighths)
        last = index == len(groups) - 1
        beats = _Beats.of(lengths, beat_eighths, start_s, end_s)
        wobble = settings.humanise * 0.1 * moment.irregularity * random.standard_normal(beats.lengths.size)
        changes, bar_times = tempo_map(beats, curve, moment, tick, settings, wobble, is_last=last)
        tempos += changes
        bars = _bars(lengths, tick, bar_times, curve)
        sections.append(
            FormSection(index, main, moment, beat_eighths, bar_eighths, phrases_of(bars, len(sections)), start_s, end_s)
        )
        tick = bars[-1].end_tick
    return Form(tuple(sections), tuple(_merged(tempos)), tuple(_metres(sections)), _inner_borders(groups))


def _joined(plan: EmotionPlan) -> list[list[EmotionSegment]]:
    """Segments in groups of at least :data:`MIN_SECTION_S`."""
    groups: list[list[EmotionSegment]] = []
    for segment in plan.segments:
        too_short = segment.duration_s < MIN_SECTION_S
        before_too_short = bool(groups) and groups[-1][-1].end_s - groups[-1][0].start_s < MIN_SECTION_S
        if groups and (too_short or before_too_short):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


def _metre(segment: EmotionSegment, settings: MusicSettings, random: np.random.Generator) -> tuple[int, int]:
    """Eighths of a bar and of a beat; gentle music may swing in three."""
    draw = random.random()
    if settings.metre is not None:
        return {"2/4": (4, 2), "3/4": (6, 2), "4/4": (8, 2), "6/8": (6, 3)}[settings.metre]
    gentle = segment.vad.arousal < 0.15 and segment.music.tempo_bpm < 100.0
    if gentle and draw < 0.2:
        return 6, 3
    return 8, 2


def bar_lengths(duration_s: float, tempo_bpm: float, bar_eighths: int) -> list[int]:
    """Bars (in eighths) that fill a duration at nearly a tempo; the last may differ from ``bar_eighths``."""
    ideal = duration_s * tempo_bpm / 30.0
    candidates = range(max(1, math.floor(ideal * 0.85)), max(1, math.ceil(ideal * 1.15)) + 1)

    def cost(total: int) -> float:
        deviation = math.log(total / ideal) / TEMPO_TOLERANCE
        bars, rest = divmod(total, bar_eighths)
        oddness = 0.0 if rest == 0 else 0.5 if 2 * rest == bar_eighths else 0.9 if rest % 2 == 0 else 2.5
        return deviation**2 + oddness + (0.2 if bars % 2 and not rest else 0.0)

    total = min(candidates, key=cost)
    bars, rest = divmod(total, bar_eighths)
    if rest == 0:
        return [bar_eighths] * bars
    if rest <= bar_eighths // 4 and bars > 0:
        return [bar_eighths] * (bars - 1) + [bar_eighths + rest]
    return [bar_eighths] * bars + [rest]


# --- tempo -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Beats:
    """Beats of a section: lengths in eighths, place in the section 0-1, place in their phrase 0-1, bar of each."""

    lengths: NDArray[np.float64]
    bar_of: NDArray[np.int64]
    phrase_position: NDArray[np.float64]
    start_s: float
    end_s: float

    @classmethod
    def of(cls, lengths: list[int], beat_eighths: int, start_s: float, end_s: float) -> _Beats:
        beats, bar_of = [], []
        for index, bar in enumerate(lengths):
            whole, rest = divmod(bar, beat_eighths)
            parts = [beat_eighths] * whole + ([rest] if rest else [])
            beats += parts
            bar_of += [index] * len(parts)
        bars = np.asarray(bar_of)
        position = np.concatenate(
            [np.linspace(0.0, 1.0, int(np.isin(bars, group).sum()), endpoint=False) for group in _phrase_groups(len(lengths))]
        )
        return cls(np.asarray(beats, float), bars, position, start_s, end_s)


def tempo_map(
    beats: _Beats,
    curve: AttributeCurve,
    moment: MusicMoment,
    tick: int,
    settings: MusicSettings,
    wobble: NDArray[np.float64],
    *,
    is_last: bool,
) -> tuple[list[TempoChange], list[float]]:
    """Tempo of every beat such that the section lasts exactly as long as it must, and the times of its bar lines.

    Inside phrases the tempo bends (faster in the middle, slower at the ends; cf. Friberg, Bresin & Sundberg 2006, phrase
    arch), more so in calm music; across borders it follows the plan's curve; ``wobble`` (one
    number a beat) makes irregular music lurch; the piece ends with a ritardando (Friberg &
    Sundberg 1999 describe it by a square root of position; here in time rather than in score position).
    """
    span = beats.end_s - beats.start_s
    share = np.cumsum(beats.lengths) - 0.5 * beats.lengths
    asked = np.array([curve.at(beats.start_s + span * s / beats.lengths.sum()).tempo_bpm for s in share])
    slowness = moment.tempo_bpm / asked
    calm = float(np.clip(0.5 - 0.5 * moment.arousal, 0.0, 1.0))
    bend = settings.rubato * (0.01 + 0.05 * calm)
    slowness *= 1.0 + bend * (2.0 * (beats.phrase_position - 0.45)) ** 2
    slowness *= np.exp(wobble)
    if is_last:
        slowness *= _final_ritardando(beats, calm)
    seconds = slowness * beats.lengths
    ends = beats.start_s + span * np.cumsum(seconds) / seconds.sum()
    return _rounded(ends, beats, tick)


def _final_ritardando(beats: _Beats, calm: float) -> NDArray[np.float64]:
    """Slowing over the last two bars, to 1.25 (agitated) or 1.7 times (calm) the length of a beat."""
    reach = min(beats.lengths.sum() * 0.5, 2.0 * float(beats.lengths[beats.bar_of == 0].sum()))
    left = np.cumsum(beats.lengths[::-1])[::-1]
    progress = np.clip(1.0 - left / reach, 0.0, 1.0)
    slowness: NDArray[np.float64] = 1.0 / np.sqrt(1.0 - progress * (1.0 - 1.0 / (1.25 + 0.45 * calm) ** 2))
    return slowness


def _rounded(ends: NDArray[np.float64], beats: _Beats, tick: int) -> tuple[list[TempoChange], list[float]]:
    """Whole microseconds a quarter; each beat makes up for the rounding of those before it."""
    changes, bar_times = [], [beats.start_s]
    clock = beats.start_s
    for index, (end, length) in enumerate(zip(ends, beats.lengths, strict=True)):
        quarters = length / 2.0
        microseconds = int(np.clip(round((end - clock) * 1e6 / quarters), 1, MAX_MICROSECONDS_PER_QUARTER))
        changes.append(TempoChange(tick, microseconds))
        clock += microseconds * quarters / 1e6
        tick += int(length) * EIGHTH
        if index + 1 == len(beats.lengths) or beats.bar_of[index + 1] != beats.bar_of[index]:
            bar_times.append(clock)
    return changes, bar_times


def _merged(tempos: list[TempoChange]) -> list[TempoChange]:
    kept: list[TempoChange] = []
    for tempo in tempos:
        if not kept or kept[-1].microseconds_per_quarter != tempo.microseconds_per_quarter:
            kept.append(tempo)
    return kept


# --- bars and phrases --------------------------------------------------------------------------------------------------


def _bars(lengths: list[int], tick: int, times: list[float], curve: AttributeCurve) -> list[Bar]:
    bars = []
    for index, length in enumerate(lengths):
        start_s, end_s = times[index], times[index + 1]
        bars.append(Bar(tick, length, start_s, end_s, curve.at(0.5 * (start_s + end_s))))
        tick += length * EIGHTH
    return bars


def _phrase_groups(num_bars: int) -> list[list[int]]:
    """Indices of the bars of each phrase: fours, with threes and fives where fours do not fit."""
    sizes: list[int] = []
    left = num_bars
    while left > PHRASE_BARS + 1:
        size = 3 if left == 2 * 3 else PHRASE_BARS
        sizes.append(size)
        left -= size
    sizes.append(left)
    starts = np.cumsum([0, *sizes])
    return [list(range(int(start), int(start) + size)) for start, size in zip(starts[:-1], sizes, strict=True)]


def phrases_of(bars: list[Bar], section: int) -> tuple[Phrase, ...]:
    """Bars in phrases of four, lettered; ``section`` is the section's place in the piece."""
    groups = _phrase_groups(len(bars))
    phrases = []
    for index, group in enumerate(groups):
        round_trip, place = divmod(index, len(PHRASE_PATTERN))
        letter = PHRASE_PATTERN[place]
        if round_trip and letter.startswith("C"):
            letter = letter.replace("C", chr(ord("C") + min(round_trip, 20)))
        if index == 0 and section % 2 == 1 and len(groups) > 1:
            letter = "A'"
        phrases.append(Phrase(tuple(bars[i] for i in group), letter, index == len(groups) - 1))
    return tuple(phrases)


def _metres(sections: list[FormSection]) -> list[MetreChange]:
    changes: list[MetreChange] = []
    for section in sections:
        for bar in section.bars:
            compound = section.beat_eighths == 3
            numerator, denominator = (
                (bar.length_eighths, 8) if compound or bar.length_eighths % 2 else (bar.length_eighths // 2, 4)
            )
            if not changes or (changes[-1].numerator, changes[-1].denominator) != (numerator, denominator):
                changes.append(MetreChange(bar.start_tick, numerator, denominator))
    return changes


def _inner_borders(groups: list[list[EmotionSegment]]) -> tuple[tuple[float, str], ...]:
    return tuple((segment.start_s, segment.label) for group in groups for segment in group[1:])
