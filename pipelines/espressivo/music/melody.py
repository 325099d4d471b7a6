"""Melody: themes of rhythm and contour that are stated, varied and bent to the harmony.

A theme ranks the places of a bar; a bar of *n* notes sounds its *n* highest-ranked places, so the theme stays itself at any
density. Pitches are found by dynamic programming over the scale (chord tones on strong beats, small steps, leaps recovered,
the theme's contour followed), which makes a repeated theme a variation that fits its new chords.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.music.curve import MusicMoment
from espressivo.music.draft import SIXTEENTH, DraftNote
from espressivo.music.form import Bar, FormSection, Phrase
from espressivo.music.harmony import SectionHarmony
from espressivo.music.score import ChordSpan
from espressivo.music.theory import Chord, Key
from espressivo.seeds import numpy_generator

__all__ = ["MelodyNeeds", "Theme", "ThemeBook", "compose_melody"]

MAX_PLACES = 48
THEME_BARS = 2
CONTOUR_POINTS = 8
MAX_LEAP = 12
MELODY_SHARE = 0.33
"""Notes of the melody over onsets of all parts."""


@dataclass(frozen=True, slots=True)
class Theme:
    """Rhythm (a ranking of sixteenths for two bars) and contour (scale steps at equal distances)."""

    ranking: NDArray[np.float64]
    contour: NDArray[np.float64]


class ThemeBook:
    """Themes by letter, the same throughout a piece: sections transform them instead of bringing new ones.

    Args:
        seed: Of the themes that are invented.
        given: Themes that are there already, by letter.
    """

    def __init__(self, seed: int, given: Mapping[str, Theme] | None = None) -> None:
        self._seed = seed
        self._themes: dict[str, Theme] = dict(given or {})

    def theme(self, letter: str) -> Theme:
        """Theme of a letter."""
        if letter not in self._themes:
            self._themes[letter] = _invent(numpy_generator(self._seed, "theme", letter))
        return self._themes[letter]


def _invent(random: np.random.Generator) -> Theme:
    ranking = random.normal(0.0, 1.0, (THEME_BARS, MAX_PLACES))
    if random.random() < 0.7:
        ranking[1] = 0.75 * ranking[0] + 0.25 * ranking[1]  # the second bar answers with nearly the same rhythm
    peak = random.uniform(0.35, 0.75)
    position = np.linspace(0.0, 1.0, CONTOUR_POINTS)
    arch = random.uniform(2.0, 4.5) * np.exp(-(((position - peak) / 0.3) ** 2))
    wander = np.cumsum(random.normal(0.0, 0.9, CONTOUR_POINTS))
    wander -= np.linspace(wander[0], wander[-1], CONTOUR_POINTS)
    return Theme(ranking, arch + wander)


@dataclass(frozen=True, slots=True)
class MelodyNeeds:
    """What the emotion asks of a line, from its moment (Juslin & Laukka 2003, table 7; Gabrielsson & Lindström 2010)."""

    leapiness: float
    trend_steps: float
    repetition: float
    syncopation: float
    rests: float
    step_span: float

    @classmethod
    def of(cls, moment: MusicMoment) -> MelodyNeeds:
        """Joy rises and leaps, sadness falls by step, anger repeats, fear leaps and breaks off."""
        threatened = float(np.clip(-moment.valence * (0.5 + moment.arousal), 0.0, 1.0))
        return cls(
            leapiness=float(np.clip(0.35 + 0.35 * moment.arousal + 0.5 * moment.irregularity, 0.0, 1.3)),
            trend_steps=1.5 * moment.valence + 1.0 * moment.arousal * float(moment.valence > -0.2),
            repetition=threatened * float(moment.dominance > 0),
            syncopation=0.35 + 0.5 * moment.irregularity + 0.25 * float(np.clip(moment.arousal, 0.0, 1.0)),
            rests=0.25 * moment.irregularity + 0.1 * threatened,
            step_span=0.75 + 0.5 * float(np.clip(moment.arousal, -0.6, 1.0)),
        )


# --- rhythm ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Event:
    start_tick: int
    duration_ticks: int
    target: float
    strength: float
    closes_phrase: bool


def metrical_weight(place: int, num_places: int, beat_places: int) -> float:
    """Weight of a sixteenth in its bar: bar line 4, half bar 3, beats 2, eighths 1, others 0 (Lerdahl & Jackendoff 1983)."""
    if place == 0:
        return 4.0
    if 2 * place == num_places and place % beat_places == 0:
        return 3.0
    if place % beat_places == 0:
        return 2.2
    return 1.0 if place % 2 == 0 else -0.6


def _num_notes(bar: Bar, phrase: Phrase, *, is_last: bool) -> int:
    """Melody notes of a bar: a share of the onsets asked for; the bar that closes a phrase has fewer."""
    wanted = MELODY_SHARE * bar.moment.density_nps * bar.duration_s + 0.5
    limit = bar.length_eighths * (1.5 if bar.duration_s > 1.6 else 1.0)
    if is_last:
        wanted = 1.0 + 0.4 * (wanted - 1.0) * float(not phrase.closes_section)
    return int(np.clip(round(wanted), 1, max(1, int(limit))))


def _rhythm(phrase: Phrase, section: FormSection, theme: Theme, random: np.random.Generator) -> list[_Event]:
    starts: list[tuple[int, float]] = []
    beat_places = 2 * section.beat_eighths
    for index, bar in enumerate(phrase.bars):
        needs = MelodyNeeds.of(bar.moment)
        is_last = index == len(phrase.bars) - 1
        places = _places(bar, theme.ranking[index % THEME_BARS], needs, _num_notes(bar, phrase, is_last=is_last), beat_places)
        if not is_last and random.random() < needs.rests and len(places) > 2:
            places = places[1:] if random.random() < 0.5 else places[:-1]
        num_places = 2 * bar.length_eighths
        starts += [(bar.start_tick + p * SIXTEENTH, metrical_weight(p, num_places, beat_places)) for p in places]
    return _events(starts, phrase, section, theme)


def _places(bar: Bar, ranking: NDArray[np.float64], needs: MelodyNeeds, count: int, beat_places: int) -> list[int]:
    num_places = 2 * bar.length_eighths
    # Sixteenths come in only where eighths do not suffice, and not where they would be faster than about 8 a second.
    step = 1 if count > bar.length_eighths and bar.duration_s / num_places > 0.11 else 2
    usable = range(0, num_places, step)
    score = {
        place: metrical_weight(place, num_places, beat_places) + 2.0 * needs.syncopation * float(ranking[place % MAX_PLACES])
        for place in usable
    }
    chosen = sorted(usable, key=lambda place: (-score[place], place))[: min(count, len(usable))]
    return sorted(chosen)


def _events(starts: list[tuple[int, float]], phrase: Phrase, section: FormSection, theme: Theme) -> list[_Event]:
    """Durations up to the next note (with a breath at the end of the phrase) and the contour's height at each."""
    first, last = phrase.bars[0], phrase.bars[-1]
    needs = MelodyNeeds.of(first.moment)
    phrase_end = last.end_tick
    breath = 0 if phrase.closes_section else min(section.beat_eighths * 2 * SIXTEENTH, (phrase_end - starts[-1][0]) // 3)
    ends = [tick for tick, _ in starts[1:]] + [phrase_end - breath]
    events = []
    theme_ticks = sum(bar.end_tick - bar.start_tick for bar in phrase.bars[:THEME_BARS])
    for index, ((tick, strength), end) in enumerate(zip(starts, ends, strict=True)):
        offset = tick - first.start_tick
        within = (offset % theme_ticks) / theme_ticks
        height = float(np.interp(within, np.linspace(0.0, 1.0, CONTOUR_POINTS), theme.contour)) * needs.step_span
        height += needs.trend_steps * (offset / (phrase_end - first.start_tick) - 0.5)
        if offset >= theme_ticks and "'" in phrase.letter:
            height += 1.0  # a varied phrase takes its second half up a step: sequence
        events.append(_Event(tick, end - tick, height, strength, index == len(starts) - 1))
    return events


# --- pitch -------------------------------------------------------------------------------------------------------------


def compose_melody(
    section: FormSection,
    harmony: SectionHarmony,
    book: ThemeBook,
    before: int | None,
    random: np.random.Generator,
    after: int | None = None,
) -> list[DraftNote]:
    """The melody of a section; ``before`` is the last pitch of the section before, ``after`` the first of what follows."""
    notes: list[DraftNote] = []
    for phrase in section.phrases:
        events = _rhythm(phrase, section, book.theme(phrase.material), random)
        line = _Line(phrase, harmony, events, random)
        pitches = line.pitches(before, after if phrase.closes_section else None)
        before = pitches[-1]
        notes += [
            DraftNote(event.start_tick, event.duration_ticks, pitch, "melody", 0.8 * event.strength)
            for event, pitch in zip(events, pitches, strict=True)
        ]
    return notes


def chord_at(chords: Sequence[ChordSpan], tick: int) -> Chord:
    """Chord that sounds at a tick."""
    return chords[max(bisect_right(chords, tick, key=lambda span: span.start_tick) - 1, 0)].chord


def scale_over(key: Key, chord: Chord) -> tuple[int, ...]:
    """The key's scale with the chord's foreign tones in place of their neighbours (harmonic minor over its dominant)."""
    foreign = set(chord.pitch_classes) - set(key.pitch_classes)
    kept = {tone for tone in key.pitch_classes if not any((tone - other) % 12 in {1, 11} for other in foreign)}
    return tuple(sorted(kept | set(chord.pitch_classes)))


class _Line:
    """Finds the pitches of a phrase by dynamic programming."""

    def __init__(self, phrase: Phrase, harmony: SectionHarmony, events: list[_Event], random: np.random.Generator) -> None:
        moment = phrase.bars[0].moment
        self._needs = MelodyNeeds.of(moment)
        self._low, self._high = round(moment.register_low), round(moment.register_high)
        self._events = events
        self._harmony = harmony
        self._chords = [chord_at(harmony.chords, event.start_tick) for event in events]
        self._final = phrase.closes_section and harmony.chords[-1].chord.root == harmony.key.tonic
        self._mean_target = float(np.mean([event.target for event in events]))
        self._dissonance = moment.dissonance
        self._noise = random.normal(0.0, 0.18, (len(events), 128))

    def pitches(self, before: int | None, after: int | None = None) -> list[int]:
        """One pitch for every event."""
        candidates = [self._candidates(chord) for chord in self._chords]
        costs = [self._standing(0, pitch) + self._entry(before, pitch) for pitch in candidates[0]]
        links: list[list[int]] = []
        for index in range(1, len(candidates)):
            step = [
                min(
                    (cost + self._moving(index, old, new), place)
                    for place, (old, cost) in enumerate(zip(candidates[index - 1], costs, strict=True))
                )
                for new in candidates[index]
            ]
            costs = [cost + self._standing(index, new) for (cost, _), new in zip(step, candidates[index], strict=True)]
            links.append([place for _, place in step])
        if after is not None:
            costs = [cost + 0.15 * max(abs(pitch - after) - 2, 0) for cost, pitch in zip(costs, candidates[-1], strict=True)]
        best = min(range(len(costs)), key=costs.__getitem__)
        path = [best]
        for link in reversed(links):
            path.append(link[path[-1]])
        return [options[place] for options, place in zip(candidates, reversed(path), strict=True)]

    def _candidates(self, chord: Chord) -> list[int]:
        scale = scale_over(self._harmony.key, chord)
        return [pitch for pitch in range(self._low, self._high + 1) if pitch % 12 in scale]

    def _standing(self, index: int, pitch: int) -> float:
        """How well a pitch stands at an event: contour, chord, ending."""
        event, chord = self._events[index], self._chords[index]
        width = self._high - self._low
        wanted = self._low + 0.55 * width + 1.8 * min(width / 20.0, 2.0) * (event.target - self._mean_target)
        cost = 0.16 * abs(pitch - wanted) + float(self._noise[index, pitch])
        long = event.duration_ticks >= 4 * SIXTEENTH
        if pitch % 12 not in chord.pitch_classes:
            cost += (1.6 if event.strength >= 2.0 or long else 0.35) * (1.0 - 0.6 * self._dissonance)
            grinds = any((pitch - tone) % 12 == 1 for tone in chord.pitch_classes)
            cost += 0.8 * (1.0 - self._dissonance) if grinds and long else 0.0
        if event.closes_phrase and pitch % 12 not in chord.pitch_classes:
            cost += 3.0
        if event.closes_phrase and self._final and pitch % 12 != self._harmony.key.tonic:
            cost += 4.0
        return cost

    def _moving(self, index: int, old: int, new: int) -> float:
        """How well a pitch follows another: repeats and leaps cost, dissonances must leave by step."""
        interval = abs(new - old)
        if interval > MAX_LEAP:
            return 6.0 + 0.5 * (interval - MAX_LEAP)
        patience = 1.3 - self._needs.leapiness
        cost = 0.75 * (1.0 - self._needs.repetition) if interval == 0 else max(0.0, interval - 2) * 0.16 * patience
        cost += 0.7 * (1.0 - self._dissonance) if interval in {6, 10, 11} else 0.0
        unresolved = old % 12 not in self._chords[index - 1].pitch_classes and interval > 2
        return cost + (0.9 if unresolved else 0.0)

    def _entry(self, before: int | None, pitch: int) -> float:
        return 0.0 if before is None else 0.05 * abs(pitch - before)
