"""Accompaniment, bass, pad and percussion: patterns chosen by mood and by how many notes the section still lacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from espressivo.music.draft import SIXTEENTH, DraftNote
from espressivo.music.form import Bar, FormSection, Phrase
from espressivo.music.harmony import SectionHarmony, voice_chords
from espressivo.music.melody import chord_at, metrical_weight
from espressivo.music.score import ChordSpan

__all__ = ["PATTERNS", "accompany", "bass_line", "counter_line", "low_chords", "octaves", "pad_layer", "percussion_line"]

BASS_LOW, BASS_HIGH = 34, 52
MENACING_LOW, CLEAR_LOW = 40, 48
"""Lowest notes of chords: below C3 close chords turn to mud, which only threatening music wants."""
LOWEST_CEILING = 55
"""However low the melody goes, chords need the room below this."""
MAX_OWED = 2.5
"""Onsets that a bar may make up for the one before; more would make the pattern hurry and drag from bar to bar."""
BROKEN_STYLES = {"arpeggio", "alberti", "ostinato"}
WIDE_STYLES = {"arpeggio"}
BEAT_STYLES = {"sustain", "block", "offbeat", "waltz"}
"""Never faster than a beat, whatever their cell."""
Hit = tuple[int, int, tuple[int, ...]]
"""Start and length in sixteenths of the bar, and the voices (0 = lowest) that sound."""


# --- patterns of a bar -------------------------------------------------------------------------------------------------

Cell = tuple[int, ...]
"""Lengths in sixteenths that are repeated through a bar: (2,) eighths, (2, 1, 1) a gallop."""
CELLS: tuple[Cell, ...] = ((1,), (2, 1, 1), (2,), (4, 2, 2), (4,), (8,))


def _steps(places: int, cell: Cell) -> list[tuple[int, int]]:
    """Start and length of the notes of a cell, cut at the end of the bar."""
    steps, place, index = [], 0, 0
    while place < places:
        length = cell[index % len(cell)]
        steps.append((place, min(length, places - place)))
        place, index = place + length, index + 1
    return steps


def _sustain(places: int, _beat: int, _cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    return [(0, places, voices)]


def _block(places: int, beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    return [(p, length, voices) for p, length in _steps(places, (max(cell[0], beat),))]


def _pulse(places: int, _beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    return [(p, length, voices) for p, length in _steps(places, cell)]


def _offbeat(places: int, beat: int, _cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    first = beat // 3 * 2 if beat % 3 == 0 else 2
    return [(p, min(2, places - p), voices) for p in range(min(first, places - 1), places, beat)]


def _arpeggio(places: int, _beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    wave = [*voices, *voices[-2:0:-1]]
    return [(p, length, (wave[k % len(wave)],)) for k, (p, length) in enumerate(_steps(places, cell))]


def _alberti(places: int, _beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    figure = [voices[0], voices[-1], voices[len(voices) // 2], voices[-1]]
    return [(p, length, (figure[k % 4],)) for k, (p, length) in enumerate(_steps(places, cell))]


def _waltz(places: int, beat: int, _cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    return [(p, length, voices[:1] if p == 0 else voices[1:] or voices) for p, length in _steps(places, (max(beat, 2),))]


def _tremolo(places: int, beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    return [(p, length, voices[-2:]) for p, length in _steps(places, (max(beat // 2, cell[0]),))]


def _ostinato(places: int, _beat: int, cell: Cell, voices: tuple[int, ...]) -> list[Hit]:
    figure = [voices[0], voices[0], voices[min(1, len(voices) - 1)], voices[0], voices[-1], voices[0]]
    return [(p, length, (figure[k % 6],)) for k, (p, length) in enumerate(_steps(places, cell))]


PATTERNS: dict[str, Callable[[int, int, Cell, tuple[int, ...]], list[Hit]]] = {
    "sustain": _sustain,
    "block": _block,
    "pulse": _pulse,
    "offbeat": _offbeat,
    "arpeggio": _arpeggio,
    "alberti": _alberti,
    "waltz": _waltz,
    "tremolo": _tremolo,
    "ostinato": _ostinato,
}


@dataclass(frozen=True, slots=True)
class _Figure:
    """A pattern with its rhythm and number of voices."""

    style: str
    cell: Cell
    num_voices: int

    def hits(self, bar: Bar, beat_places: int) -> list[Hit]:
        return PATTERNS[self.style](2 * bar.length_eighths, beat_places, self.cell, tuple(range(self.num_voices)))

    def onsets(self, bar: Bar, beat_places: int) -> set[int]:
        return {bar.start_tick + start * SIXTEENTH for start, _, _ in self.hits(bar, beat_places)}


def accompany(
    section: FormSection,
    harmony: SectionHarmony,
    styles: list[str],
    wanted: dict[int, float],
    taken: dict[int, set[int]],
    melody: list[DraftNote],
    random: np.random.Generator,
) -> list[DraftNote]:
    """Chordal accompaniment such that all layers together have the number of onsets wanted, as nearly as patterns allow.

    Args:
        section: Where.
        harmony: Its chords.
        styles: Pattern names in order of liking; the first of them that comes near the number serves a whole phrase.
        wanted: Onsets of each bar, by its first tick; what a bar misses the next may make up for.
        taken: Ticks at which other layers begin notes, by bar; notes struck together are one onset.
        melody: The notes that it stays below.
        random: Source of choices.
    """
    notes: list[DraftNote] = []
    owed = 0.0
    ordered = _ordered_styles(section, styles, random)
    # Fuller chords for more arousal and for sadness: on EMOPIA notes struck together and whole minor triads are their marks.
    moment = section.moment
    num_voices = 2 + int(moment.arousal > 0.0 or moment.valence < -0.2) + int(moment.arousal > 0.5)
    ceiling = max(min(note.pitch for note in melody) - 2, LOWEST_CEILING)
    voicings = voice_chords(harmony.chords, num_voices + 1, *_range(section, ceiling))
    ceilings = [_lowest_over(span.start_tick, span.end_tick, melody) - 2 for span in harmony.chords]
    opened = [_open_position(*pair) for pair in zip(voicings, ceilings, strict=True)]
    choices = dict(zip(ordered, _figures(ordered, num_voices), strict=True))
    beat_places = 2 * section.beat_eighths
    for phrase in section.phrases:
        figure = _figure_for(phrase, list(choices.values()), wanted, taken, beat_places)
        for bar in phrase.bars:
            goal = max(wanted[bar.start_tick] + owed, 0.0)
            chosen = _adapted(figure, choices[figure.style], bar, goal, taken, beat_places)
            owed = float(np.clip(goal - _num_onsets(chosen, bar, taken, beat_places), -MAX_OWED, MAX_OWED))
            spread = chosen.style in WIDE_STYLES and section.moment.arousal < 0.2
            played = _realise(chosen, bar, beat_places, harmony.chords, opened if spread else voicings)
            notes += _stumbling(played, bar.moment.irregularity, random)
    return notes


def _ordered_styles(section: FormSection, styles: list[str], random: np.random.Generator) -> list[str]:
    """Calm music breaks its chords, agitated music strikes them: on EMOPIA single notes are a mark of low arousal."""
    struck = np.array([style not in BROKEN_STYLES for style in styles], float)
    liking = np.arange(len(styles)) + 1.5 * random.random(len(styles)) - 4.0 * section.moment.arousal * struck
    return [styles[index] for index in np.argsort(liking)]


def _figures(styles: list[str], num_voices: int) -> list[list[_Figure]]:
    """Figures by style: broken chords have a voice more than struck ones, and what is struck fast has fewer."""

    def voices(style: str, cell: Cell) -> int:
        if style in BROKEN_STYLES:
            return num_voices + 1
        return num_voices if style in BEAT_STYLES else min(num_voices, 2 * min(cell) - 1)

    return [[_Figure(style, cell, voices(style, cell)) for cell in CELLS] for style in styles]


def _num_onsets(figure: _Figure, bar: Bar, taken: dict[int, set[int]], beat_places: int) -> int:
    return len(taken[bar.start_tick] | figure.onsets(bar, beat_places))


def _misfit(figure: _Figure, bar: Bar, wanted: float, taken: dict[int, set[int]], beat_places: int) -> float:
    """Logarithm of the ratio of onsets, more where the figure is too fast to be played."""
    unit_s = bar.duration_s / (2 * bar.length_eighths) * min(figure.cell)
    fastest_s = 0.09 if figure.style in BROKEN_STYLES or figure.num_voices == 1 else 0.16
    too_fast = unit_s < fastest_s and figure.style not in {"sustain", "block", "waltz"}
    count = _num_onsets(figure, bar, taken, beat_places)
    return abs(float(np.log(max(count, 0.5) / max(wanted, 0.5)))) + (2.0 if too_fast else 0.0)


def _figure_for(
    phrase: Phrase, choices: list[list[_Figure]], wanted: dict[int, float], taken: dict[int, set[int]], beat_places: int
) -> _Figure:
    """The best-liked style that comes within 15 % of the phrase's number of onsets, or else the nearest."""
    bar = max(phrase.bars, key=lambda bar: bar.length_eighths)
    goal = wanted[bar.start_tick]
    best = [min(figures, key=lambda figure: _misfit(figure, bar, goal, taken, beat_places)) for figures in choices]
    misfits = [_misfit(figure, bar, goal, taken, beat_places) for figure in best]
    good = [figure for figure, misfit in zip(best, misfits, strict=True) if misfit < 0.15]
    return good[0] if good else best[int(np.argmin(misfits))]


def _adapted(
    figure: _Figure, figures: list[_Figure], bar: Bar, wanted: float, taken: dict[int, set[int]], beat_places: int
) -> _Figure:
    """The phrase's figure, or the same style slower or faster (where the melody rests) if that fits much better."""

    def cost(other: _Figure) -> tuple[float, Cell]:
        change = 0.25 if other.cell != figure.cell else 0.0
        return _misfit(other, bar, wanted, taken, beat_places) + change, other.cell

    return min(figures, key=cost)


def _open_position(voicing: tuple[int, ...], ceiling: int) -> tuple[int, ...]:
    """Every other voice an octave higher, where that stays below the melody: the wide arpeggios of a left hand with pedal."""
    return tuple(sorted(pitch + 12 if index % 2 and pitch + 12 <= ceiling else pitch for index, pitch in enumerate(voicing)))


def _lowest_over(start: int, end: int, melody: list[DraftNote]) -> int:
    """Lowest melody note that sounds between two ticks; the highest of all where none does."""
    sounding = (note.pitch for note in melody if note.start_tick < end and start < note.end_tick)
    return min(sounding, default=max(note.pitch for note in melody))


def _range(section: FormSection, ceiling: int) -> tuple[int, int]:
    menacing = section.moment.valence < -0.2 and section.moment.arousal > 0.3
    low = max(ceiling - 22, MENACING_LOW if menacing else CLEAR_LOW)
    return low, max(ceiling, low + 17)


def _stumbling(notes: list[DraftNote], irregularity: float, random: np.random.Generator) -> list[DraftNote]:
    """Irregular music loses hits and strikes others late (Juslin & Laukka 2003: pauses and jerks for fear)."""
    fate = {tick: random.random(2) for tick in sorted({note.start_tick for note in notes})}
    lost, late = 0.5 * max(irregularity - 0.2, 0.0), 0.5 * irregularity
    kept = [note for note in notes if fate[note.start_tick][0] >= lost]
    return [
        replace(note, start_tick=note.start_tick + SIXTEENTH, duration_ticks=note.duration_ticks - SIXTEENTH)
        if fate[note.start_tick][1] < late and note.duration_ticks > SIXTEENTH
        else note
        for note in kept
    ]


def _realise(
    figure: _Figure, bar: Bar, beat_places: int, chords: tuple[ChordSpan, ...], voicings: list[tuple[int, ...]]
) -> list[DraftNote]:
    places = 2 * bar.length_eighths
    sounding = [
        pair
        for pair in zip(chords, voicings, strict=True)
        if bar.start_tick < pair[0].end_tick and pair[0].start_tick < bar.end_tick
    ]
    notes = []
    for start, length, voices in figure.hits(bar, beat_places):
        first = bar.start_tick + start * SIXTEENTH
        weight = metrical_weight(start, places, beat_places) - 1.5
        # A hit that outlasts its chord is struck again with the next one.
        for span, voicing in sounding:
            tick, end = max(first, span.start_tick), min(first + length * SIXTEENTH, span.end_tick)
            if tick < end:
                pitches = {voicing[min(voice, len(voicing) - 1)] for voice in voices}
                notes += [DraftNote(tick, end - tick, pitch, "accompaniment", weight) for pitch in sorted(pitches)]
    return notes


# --- the other layers --------------------------------------------------------------------------------------------------


def bass_line(section: FormSection, harmony: SectionHarmony, lowest_melody: int) -> list[DraftNote]:
    """Roots, with fifths and pulses as arousal rises; the bass moves by the nearest octave."""
    notes: list[DraftNote] = []
    high = min(BASS_HIGH, lowest_melody - 5)
    pitch = BASS_LOW + 7
    for bar in section.bars:
        places = 2 * bar.length_eighths
        for start, length, is_fifth in _bass_rhythm(bar, section.beat_eighths * 2):
            tick = bar.start_tick + start * SIXTEENTH
            chord = chord_at(harmony.chords, tick)
            fifth = (chord.root + 7) % 12
            tone = fifth if is_fifth and fifth in chord.pitch_classes else chord.bass
            options = [p for p in range(BASS_LOW, max(high, BASS_LOW + 11) + 1) if p % 12 == tone]
            pitch = _nearest(options, pitch)
            weight = metrical_weight(start, places, section.beat_eighths * 2) - 1.0
            notes.append(DraftNote(tick, length * SIXTEENTH, pitch, "bass", weight))
    return _split_at_chords(notes, harmony.chords)


def _nearest(pitches: list[int], goal: int) -> int:
    return min(pitches, key=lambda pitch: (abs(pitch - goal), pitch))


def _bass_rhythm(bar: Bar, beat_places: int) -> list[tuple[int, int, bool]]:
    """Starts, lengths and whether the fifth sounds, from one note a bar to a pulse of eighths."""
    places = 2 * bar.length_eighths
    affordable = 0.18 * bar.moment.density_nps * bar.duration_s
    if affordable < 1.6 or places <= beat_places:
        return [(0, places, False)]
    if affordable < 3.0:
        middle = (places // 2 + beat_places - 1) // beat_places * beat_places
        return (
            [(0, middle, False), (middle, places - middle, bar.moment.valence > 0)] if middle < places else [(0, places, False)]
        )
    step = beat_places if affordable < 5.5 else max(beat_places // 2, 2)
    starts = range(0, places, step)
    return [(p, min(step, places - p), bar.moment.valence > 0 and k % 4 == 2) for k, p in enumerate(starts)]


def _split_at_chords(notes: list[DraftNote], chords: tuple[ChordSpan, ...]) -> list[DraftNote]:
    """A held bass note is struck again where the chord changes beneath it."""
    result = []
    for note in notes:
        cuts = [s for s in chords if note.start_tick < s.start_tick < note.end_tick and s.chord.bass != note.pitch % 12]
        if not cuts:
            result.append(note)
            continue
        cut = cuts[0]
        pitch = _nearest([p for p in range(BASS_LOW, BASS_HIGH + 6) if p % 12 == cut.chord.bass], note.pitch)
        result.append(DraftNote(note.start_tick, cut.start_tick - note.start_tick, note.pitch, "bass", note.weight))
        result.append(DraftNote(cut.start_tick, note.end_tick - cut.start_tick, pitch, "bass", note.weight - 1.0))
    return result


def octaves(notes: list[DraftNote], arousal: float, lowest: int) -> list[DraftNote]:
    """Stressed notes doubled an octave below, the more the higher the arousal: octaves are a mark of high arousal on EMOPIA."""
    threshold = 4.4 - 3.2 * arousal
    return [
        replace(note, pitch=note.pitch - 12, weight=note.weight - 2.0)
        for note in notes
        if note.weight >= threshold and note.pitch - 12 >= lowest
    ]


def low_chords(bass: list[DraftNote], melody: list[DraftNote], harmony: SectionHarmony) -> list[DraftNote]:
    """Octave and twelfth over every bass note: on EMOPIA more tones sound together in sad clips than in calm ones."""
    return [
        replace(note, pitch=note.pitch + distance, role="accompaniment", weight=note.weight - 2.0)
        for note in bass
        for distance in (12, 19)
        if (note.pitch + distance) % 12 in chord_at(harmony.chords, note.start_tick).pitch_classes
        and note.pitch + distance + 2 <= _lowest_over(note.start_tick, note.end_tick, melody)
    ]


def pad_layer(harmony: SectionHarmony, num_voices: int, ceiling: int) -> list[DraftNote]:
    """Held chords in smooth voicings; tones that two chords share are tied over."""
    held: dict[int, tuple[int, int]] = {}
    notes: list[DraftNote] = []
    voicings = voice_chords(harmony.chords, num_voices, max(ceiling - 20, CLEAR_LOW), max(ceiling, 67))
    for span, voicing in zip(harmony.chords, voicings, strict=True):
        for pitch in [pitch for pitch in held if pitch not in voicing]:
            start, end = held.pop(pitch)
            notes.append(DraftNote(start, end - start, pitch, "pad"))
        for pitch in voicing:
            held[pitch] = (held[pitch][0] if pitch in held else span.start_tick, span.end_tick)
    notes += [DraftNote(start, end - start, pitch, "pad") for pitch, (start, end) in held.items()]
    return notes


def counter_line(melody: list[DraftNote], section: FormSection, harmony: SectionHarmony) -> list[DraftNote]:
    """A second voice a third to a sixth below the melody's longer notes, in contrasting and in varied phrases."""
    varied = [(p.bars[0].start_tick, p.bars[-1].end_tick) for p in section.phrases if p.letter != "A" and p.letter != "C"]
    notes: list[DraftNote] = []
    for note in melody:
        if note.duration_ticks < 4 * SIXTEENTH or not any(start <= note.start_tick < end for start, end in varied):
            continue
        tones = chord_at(harmony.chords, note.start_tick).pitch_classes
        below = [pitch for pitch in range(note.pitch - 9, note.pitch - 2) if pitch % 12 in tones]
        if below and (not notes or notes[-1].end_tick <= note.start_tick):
            notes.append(DraftNote(note.start_tick, note.duration_ticks, below[-1], "counter", -2.0))
    return notes


def percussion_line(section: FormSection, harmony: SectionHarmony, *, is_last: bool) -> list[DraftNote]:
    """Timpani: the root at phrase beginnings and, as arousal rises, at bar lines; a roll leads over the border."""
    notes: list[DraftNote] = []
    for phrase in section.phrases:
        for index, bar in enumerate(phrase.bars):
            if index == 0 or section.moment.arousal > 0.55:
                pitch = _timpani_pitch(chord_at(harmony.chords, bar.start_tick).root)
                notes.append(DraftNote(bar.start_tick, 4 * SIXTEENTH, pitch, "percussion", 4.0 if index == 0 else 0.0))
    bar = section.bars[-1]
    if not is_last and section.moment.arousal > 0.2 and bar.length_eighths >= 4 and len(section.bars) > 1:
        pitch = _timpani_pitch(chord_at(harmony.chords, bar.end_tick - 1).root)
        places = range(2 * bar.length_eighths - 8, 2 * bar.length_eighths)
        first = bar.start_tick + places[0] * SIXTEENTH
        notes = [note for note in notes if note.start_tick < first]
        notes += [
            DraftNote(bar.start_tick + p * SIXTEENTH, SIXTEENTH, pitch, "percussion", -8.0 + 1.5 * k)
            for k, p in enumerate(places)
        ]
    return notes


def _timpani_pitch(root: int) -> int:
    return next(pitch for pitch in range(41, 53) if pitch % 12 == root)
