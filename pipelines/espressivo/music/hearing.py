"""Hearing a given piece: its key, metre, tempo, chords, melody and motifs, estimated from the notes where the file is silent."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.musical import linear_attributes
from espressivo.emotion.plan import VAD, EmotionPlan, EmotionSegment, MusicAttributes, PlanStep
from espressivo.errors import MidiInputError
from espressivo.music.achieved import measure_attributes, measure_mode
from espressivo.music.attributes import NoteTable, estimate_tonic
from espressivo.music.draft import SIXTEENTH
from espressivo.music.melody import CONTOUR_POINTS, MAX_PLACES, THEME_BARS, Theme, chord_at
from espressivo.music.palette import Palette
from espressivo.music.score import TICKS_PER_QUARTER, Note, Part, Score, Section
from espressivo.music.theory import MODE_BRIGHTNESS, MODE_STEPS, Chord, Key

__all__ = ["EARLY_TICKS", "HEARD", "MIN_NOTES", "Heard", "best_chord", "hear", "heard_plan"]

MIN_NOTES: Final = 4
HEARD_CHORDS: Final = ("maj", "min", "dim", "7", "min7", "maj7", "sus4")
TOGETHER_TICKS: Final = 45
HEARD: Final = "heard"
"""Planner of plans that were made by listening."""
EARLY_TICKS: Final = 45
"""A performer's deviation: less than half a thirty-second."""
BASS_BELOW: Final = 52
Metre = Literal["2/4", "3/4", "4/4", "6/8"]
NEARBY_TICKS: Final = 2 * TICKS_PER_QUARTER
METRES: Final[tuple[Metre, ...]] = get_args(Metre)
DECIDED: Final = 6.0
"""Height of a motif's places in a theme's ranking: above what metre and syncopation weigh."""
ROLES: Final = ("melody", "counter", "accompaniment", "bass", "pad", "percussion")


@dataclass(frozen=True)
class Heard:
    """A piece and what it tells about itself.

    Attributes:
        score: The piece.
        key: Its key; the mode is the one that leaves least outside its scale.
        bars: ``(start_tick, end_tick)`` of each bar.
        chords: The chord of each bar.
        melody: Indices into ``score.notes`` of the melody.
        palette: Its own parts by role.
    """

    score: Score
    key: Key
    bars: tuple[tuple[int, int], ...]
    chords: tuple[Chord, ...]
    melody: frozenset[int]
    palette: Palette

    @cached_property
    def metre(self) -> Metre | None:
        """The metre that holds longest, if it is one that can be composed in."""
        ends = [*(change.tick for change in self.score.metres[1:]), self.score.end_tick]
        held: Counter[str] = Counter()
        for change, end in zip(self.score.metres, ends, strict=True):
            held[f"{change.numerator}/{change.denominator}"] += end - change.tick
        name = held.most_common(1)[0][0]
        return next((metre for metre in METRES if metre == name), None)

    @cached_property
    def notes_by_bar(self) -> tuple[tuple[tuple[int, Note], ...], ...]:
        """Index and note of what begins in each bar; what is played a little early belongs to the bar that it anticipates."""
        starts = [start for start, _ in self.bars]
        found: list[list[tuple[int, Note]]] = [[] for _ in self.bars]
        for index, note in enumerate(self.score.notes):
            found[bisect_right(starts, note.start_tick + EARLY_TICKS) - 1].append((index, note))
        return tuple(tuple(notes) for notes in found)

    def melody_of(self, bar: int) -> list[Note]:
        """The melody's notes that begin in a bar."""
        return [note for index, note in self.notes_by_bar[bar] if index in self.melody]

    def last_full_bar(self) -> int:
        """The last bar that is more than a held ending."""
        counts = [len(notes) for notes in self.notes_by_bar]
        usual = float(np.median([count for count in counts if count]))
        return max(bar for bar, count in enumerate(counts) if count >= 0.5 * usual)

    def motif(self, bar: int) -> Theme | None:
        """Rhythm and contour of the melody in two bars; ``None`` where it has fewer than three notes."""
        bars = [b for b in range(bar, bar + THEME_BARS) if b < len(self.bars)]
        notes = [note for b in bars for note in self.melody_of(b)]
        if len(notes) < 3:
            return None
        start, end = self.bars[bars[0]][0], self.bars[bars[-1]][1]
        ranking = np.full((THEME_BARS, MAX_PLACES), -DECIDED)
        for row in range(THEME_BARS):
            source = bars[min(row, len(bars) - 1)]
            for note in self.melody_of(source):
                place = round((note.start_tick - self.bars[source][0]) / SIXTEENTH)
                ranking[row, min(max(place, 0), MAX_PLACES - 1)] = DECIDED
        where = np.array([(note.start_tick - start) / (end - start) for note in notes])
        pitch = np.array([note.pitch for note in notes], float)
        steps = (pitch - pitch.mean()) * 7.0 / 12.0
        return Theme(ranking, np.interp(np.linspace(0.0, 1.0, CONTOUR_POINTS), where, steps))


def hear(score: Score) -> Heard:
    """Listen to a piece.

    Raises:
        MidiInputError: ``midi.too_few_notes`` for fewer than 4 notes that are not drums.
    """
    pitched = [note for note in score.notes if not score.parts[note.part].is_drum]
    if len(pitched) < MIN_NOTES:
        raise MidiInputError("midi.too_few_notes", f"the music has {len(pitched)} notes; at least {MIN_NOTES} are needed")
    table = NoteTable.of_score(score)
    tonic, major, minor = estimate_tonic(table)
    key = Key(tonic, "major" if major >= minor else "minor")
    if score.chords:  # written by a composer that says its keys
        key = score.keys[-1].key
    key = Key(key.tonic, measure_mode(table, key))
    bars = score.bars()
    chords = tuple(_bar_chord(score, start, end, key) for start, end in bars)
    melody = _melody(score)
    return Heard(score, key, bars, chords, melody, _own_palette(score, melody))


def _bar_chord(score: Score, start: int, end: int, key: Key) -> Chord:
    if score.chords:
        return chord_at(score.chords, start)
    weights = np.zeros(12)
    lowest: tuple[int, int] | None = None
    for note in score.notes_between(start - 4 * TICKS_PER_QUARTER, end):
        overlap = min(note.end_tick, end) - max(note.start_tick, start)
        if overlap > 0 and not score.parts[note.part].is_drum:
            weights[note.pitch % 12] += overlap
            lowest = min(lowest or (127, 0), (note.pitch, note.start_tick))
    return best_chord(weights, key, None if lowest is None else lowest[0] % 12)


def best_chord(weights: NDArray[np.float64], key: Key, bass: int | None) -> Chord:
    """The chord that covers most of ``(12,)`` sounding times by pitch class; the tonic triad for silence.

    What sounds outside the chord counts against it, so that a seventh is heard only where it sounds; a root in the bass and on a
    degree of the key is preferred.
    """
    if not weights.any():
        return Chord(key.tonic, "maj" if MODE_STEPS[key.mode][2] == 4 else "min", key.tonic)
    shares = weights / weights.sum()
    chords, tones = _known_chords()
    missing = (tones & (shares < 0.03)).sum(axis=1)
    at_home = ~(tones & ~np.isin(np.arange(12), key.pitch_classes)).any(axis=1)
    on_bass = np.array([chord.root == bass for chord in chords])
    fit = tones @ shares - 0.1 * missing - 0.04 * tones.sum(axis=1) + 0.12 * on_bass + 0.04 * at_home
    return chords[int(np.argmax(fit))]


@cache
def _known_chords() -> tuple[tuple[Chord, ...], NDArray[np.bool_]]:
    """Chords that can be heard and ``(C, 12)`` whether each has a pitch class."""
    chords = tuple(Chord(root, quality, root) for root in range(12) for quality in HEARD_CHORDS)
    return chords, np.array([[tone in chord.pitch_classes for tone in range(12)] for chord in chords])


def _melody(score: Score) -> frozenset[int]:
    """The part that says it leads, else the skyline: the highest note of each onset that no higher one still covers.

    Of the skyline, what lies more than an octave below its highest note nearby is accompaniment heard through the melody's rests.
    """
    leading = {index for index, part in enumerate(score.parts) if part.role == "melody"}
    notes = [(i, n) for i, n in enumerate(score.notes) if not score.parts[n.part].is_drum and (not leading or n.part in leading)]
    found: list[int] = []
    onset = -TOGETHER_TICKS
    covered_until, covered_by = 0, 0
    for index, note in notes:
        if note.start_tick - onset < TOGETHER_TICKS and found:
            if note.pitch > score.notes[found[-1]].pitch:
                found[-1] = index
        elif note.pitch >= covered_by or note.start_tick >= covered_until - TOGETHER_TICKS:
            found.append(index)
            onset = note.start_tick
        top = score.notes[found[-1]]
        covered_until, covered_by = top.end_tick, top.pitch
    if leading:
        return frozenset(found)
    ticks = np.array([score.notes[index].start_tick for index in found])
    pitches = np.array([score.notes[index].pitch for index in found])
    spans = zip(np.searchsorted(ticks, ticks - NEARBY_TICKS), np.searchsorted(ticks, ticks + NEARBY_TICKS, "right"), strict=True)
    highest = [int(pitches[first:end].max()) for first, end in spans]
    return frozenset(index for index, pitch, high in zip(found, pitches, highest, strict=True) if pitch >= high - 12)


def _own_palette(score: Score, melody: frozenset[int]) -> Palette:
    """The piece's own instruments: by role where parts have several, else by what they mostly play."""
    labelled = {part.role: part for part in reversed(score.parts)}
    if "melody" in labelled and "accompaniment" in labelled:
        return Palette("given", {role: labelled[role] for role in ROLES if role in labelled}, ("arpeggio", "block", "pulse"))
    leads: Counter[int] = Counter(score.notes[index].part for index in melody)
    others = [n for i, n in enumerate(score.notes) if i not in melody and not score.parts[n.part].is_drum]
    inner: Counter[int] = Counter(note.part for note in others if note.pitch >= BASS_BELOW)
    low: Counter[int] = Counter(note.part for note in others if note.pitch < BASS_BELOW)
    lead = leads.most_common(1)[0][0]
    chosen = {
        "melody": lead,
        "accompaniment": (inner or low or leads).most_common(1)[0][0],
        "bass": (low or inner or leads).most_common(1)[0][0],
    }
    parts: dict[str, Part] = {role: score.parts[index] for role, index in chosen.items()}
    return Palette("given", parts, ("arpeggio", "block", "pulse"))


# --- a plan that goes on as the piece is ------------------------------------------------------------------------------


def heard_plan(heard: Heard, *, duration_s: float, first_bar: int, last_bar: int) -> EmotionPlan:
    """A plan of one segment whose music is like a stretch of the piece; its place in VAD is found from that music.

    The inverse of the linear cue model (ridge-regularised least squares over tempo, velocity, density, brightness and
    articulation, each in units of its slope) says where such music would lie.
    """
    start, end = heard.bars[first_bar][0], heard.bars[last_bar][1]
    music = _heard_attributes(heard, Section(start, end, "heard"))
    vad = _heard_vad(music)
    step = PlanStep(
        id="heard-1",
        kind="music",
        observation=f"bars {first_bar + 1} to {last_bar + 1} of the given piece",
        inference=f"go on in {heard.key}, {music.tempo_bpm:.0f} quarters a minute, {music.density_nps:.1f} onsets a second",
        clue="measured from its notes",
        source="linear cue model of configs/emotion/music.yaml, inverted",
        sets=("segments[0].music", "segments[0].vad"),
    )
    segment = EmotionSegment(start_s=0.0, end_s=duration_s, distribution={"neutral": 1.0}, vad=vad, intensity=0.5, music=music)
    return EmotionPlan(steps=(step,), segments=(segment,), planner=HEARD)


def _heard_attributes(heard: Heard, section: Section) -> MusicAttributes:
    score = heard.score
    measured = {name: value for name, value in measure_attributes(score, section).items() if isinstance(value, float)}
    inside = score.notes_between(section.start_tick, section.end_tick) or score.notes
    leading = [i for i in sorted(heard.melody) if section.start_tick <= score.notes[i].start_tick < section.end_tick]
    pitches = [score.notes[i].pitch for i in leading]
    low, high = (min(pitches), max(pitches)) if pitches else (60, 76)
    if high - low < 7:
        low, high = low - 3, high + 4
    # The new melody is performed; what accompanies it keeps its own loudness.
    velocities = np.array([score.notes[i].velocity for i in leading] or [note.velocity for note in inside], float)

    def clipped(name: str, default: float, least: float, most: float) -> float:
        return float(np.clip(measured.get(name, default), least, most))

    return MusicAttributes(
        tempo_bpm=clipped("tempo_bpm", 100.0, 30.0, 220.0),
        mode=heard.key.mode,
        tonic=heard.key.tonic,
        density_nps=clipped("density_nps", 3.0, 0.25, 16.0),
        register_low=int(np.clip(low, 21, 100)),
        register_high=int(np.clip(high, 28, 108)),
        velocity=float(np.clip(velocities.mean(), 1.0, 127.0)),
        velocity_spread=float(np.clip(velocities.std(), 0.0, 40.0)),
        articulation=clipped("articulation", 0.9, 0.1, 1.2),
        dissonance=clipped("dissonance", 0.1, 0.0, 1.0),
        irregularity=clipped("irregularity", 0.1, 0.0, 0.15),
    )


def _heard_vad(music: MusicAttributes) -> VAD:
    wanted = {
        "tempo_bpm": (music.tempo_bpm, 40.0),
        "velocity": (music.velocity, 28.0),
        "density_nps": (music.density_nps, 2.5),
        "brightness": (MODE_BRIGHTNESS[music.mode], 1.0),
        "articulation": (music.articulation, 0.25),
    }
    origin = linear_attributes(np.zeros(3))
    axes = [linear_attributes(unit) for unit in np.eye(3)]
    slopes = np.array([[(axis[name] - origin[name]) / scale for axis in axes] for name, (_, scale) in wanted.items()])
    offsets = np.array([(value - origin[name]) / scale for name, (value, scale) in wanted.items()])
    ridge = 0.3 * np.eye(3)
    point = np.clip(np.linalg.solve(slopes.T @ slopes + ridge, slopes.T @ offsets), -0.9, 0.9)
    return VAD(valence=float(point[0]), arousal=float(point[1]), dominance=float(point[2]))
