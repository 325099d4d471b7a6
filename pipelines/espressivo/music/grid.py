"""Between scores and the bars of the grid that the transformer reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from espressivo.music.attributes import NoteTable, estimate_tonic
from espressivo.music.draft import SIXTEENTH, DraftNote
from espressivo.music.melody import metrical_weight
from espressivo.music.score import ChordSpan, Note, Score
from espressivo.music.theory import CHORD_INTERVALS, Key
from espressivo.music.tokens import (
    ACCOMPANIMENT_HIGH,
    ACCOMPANIMENT_LOW,
    MAX_POSITIONS,
    MEAN_LOUDNESS,
    MELODY_HIGH,
    MELODY_LOW,
    NUM_LOUDNESS,
    QUALITIES,
    GridBar,
    GridChord,
    GridNote,
    nearest_duration,
    nearest_tempo,
    token_quality,
)

__all__ = ["drafts_of_bar", "grid_bars", "grid_chords", "key_of", "shift_of"]

LOUDNESS_WEIGHT = 1.5
"""Weight of a written note for each level of its loudness."""
BASS_BELOW = 52


def shift_of(key: Key) -> int:
    """Semitones from the grid's tonic C to a key's tonic, by the shorter way (-6 to 5)."""
    return key.tonic if key.tonic < 6 else key.tonic - 12


def key_of(score: Score) -> Key:
    """The key that a score's notes fit best: for scores whose own key is not to be relied on."""
    tonic, major, minor = estimate_tonic(NoteTable.of_score(score))
    return Key(tonic, "major" if major >= minor else "minor")


def grid_chords(spans: Sequence[ChordSpan], start_tick: int, end_tick: int, key: Key) -> tuple[GridChord, ...]:
    """Chords of a bar, the first at position 0; no chord where none is known."""
    inside = [span for span in spans if span.start_tick < end_tick and span.end_tick > start_tick]
    chords = {
        max(round((span.start_tick - start_tick) / SIXTEENTH), 0): (
            (span.chord.root - key.tonic) % 12,
            token_quality(span.chord.quality),
        )
        for span in inside
    }
    found = [GridChord(position, root, quality) for position, (root, quality) in sorted(chords.items())]
    found = [chord for chord in found if chord.position * SIXTEENTH < end_tick - start_tick]
    return tuple(found) if found and found[0].position == 0 else (GridChord(0, 0, None), *found)


def grid_bars(score: Score, key: Key | None = None) -> list[GridBar]:
    """The bars of a score, cut to 24 sixteenths where they are longer.

    The melody is the parts with that role, else the highest note of every onset. Chords are the score's own; without any they are
    guessed bar by bar from the notes.

    Args:
        score: Any.
        key: Its key; default the score's own, bar by bar.
    """
    has_melody = any(part.role == "melody" for part in score.parts)
    notes = [note for note in score.notes if not score.parts[note.part].is_drum]
    velocity = np.array([note.velocity for note in notes], float) if notes else np.zeros(1)
    mean, spread = float(velocity.mean()), max(float(velocity.std()), 1.0)
    bars = []
    for start, end in score.bars():
        inside = [note for note in notes if start - SIXTEENTH // 2 <= note.start_tick < end - SIXTEENTH // 2]
        top = {} if has_melody else _highest(inside)
        own = key or score.key_at(start)
        melody: dict[int, GridNote] = {}
        rest: dict[tuple[int, int], GridNote] = {}
        loudness: dict[int, list[float]] = {}
        num_positions = min(max(round((end - start) / SIXTEENTH), 1), MAX_POSITIONS)
        for note in inside:
            position = max(round((note.start_tick - start) / SIXTEENTH), 0)
            is_melody = score.parts[note.part].role == "melody" if has_melody else top.get(note.start_tick) is note
            low, high = (MELODY_LOW, MELODY_HIGH) if is_melody else (ACCOMPANIMENT_LOW, ACCOMPANIMENT_HIGH)
            pitch = note.pitch - shift_of(own)
            if position >= num_positions or not low <= pitch <= high:
                continue
            grid = GridNote(position, not is_melody, pitch, nearest_duration(note.duration_ticks / SIXTEENTH))
            if is_melody:
                melody[position] = grid
            else:
                rest[position, pitch] = grid
            loudness.setdefault(position, []).append((note.velocity - mean) / spread)
        written = tuple(sorted([*melody.values(), *rest.values()]))
        chords = grid_chords(score.chords, start, end, own) if score.chords else _guessed_chords(written)
        bpm = 60.0 * num_positions / 4 / max(score.seconds(end) - score.seconds(start), 1e-3)
        levels = tuple((position, _level(values)) for position, values in sorted(loudness.items()))
        bars.append(GridBar(chords, written, num_positions, nearest_tempo(bpm), levels))
    return bars


def _highest(notes: Sequence[Note]) -> dict[int, Note]:
    top: dict[int, Note] = {}
    for note in notes:
        if note.start_tick not in top or note.pitch > top[note.start_tick].pitch:
            top[note.start_tick] = note
    return top


def _level(deviations: list[float]) -> int:
    return int(np.clip(MEAN_LOUDNESS + round(2.0 * float(np.mean(deviations))), 0, NUM_LOUDNESS - 1))


def _guessed_chords(notes: Sequence[GridNote]) -> tuple[GridChord, ...]:
    """The triad or seventh that covers most of a bar's sounding time and wastes fewest tones."""
    weights = np.zeros(12)
    for note in notes:
        weights[note.pitch % 12] += note.duration
    if not weights.any():
        return (GridChord(0, 0, None),)
    bass = min(notes, key=lambda note: (note.position, note.pitch)).pitch % 12

    def fit(candidate: tuple[int, str]) -> float:
        root, quality = candidate
        tones = [(root + interval) % 12 for interval in CHORD_INTERVALS[quality]]
        return float(weights[tones].sum() - 0.25 * weights.mean() * len(tones) + 0.3 * weights.mean() * (root == bass))

    root, quality = max(((root, quality) for root in range(12) for quality in QUALITIES), key=fit)
    return (GridChord(0, root, quality),)


def drafts_of_bar(
    bar: GridBar, start_tick: int, end_tick: int, key: Key, *, octaves: int = 0, has_bass: bool = False, beat_places: int = 4
) -> list[DraftNote]:
    """A bar as written notes.

    Args:
        bar: As the transformer wrote it.
        start_tick: Where it begins.
        end_tick: Where its notes must end.
        key: Its tonic is where the grid's C goes.
        octaves: By which the melody is lowered.
        has_bass: Whether low notes go to a bass part of their own.
        beat_places: Sixteenths of a beat.
    """
    loudness = dict(bar.loudness)
    drafts = []
    for note in bar.notes:
        pitch = note.pitch + shift_of(key)
        role = "melody" if not note.is_accompaniment else "bass" if has_bass and pitch < BASS_BELOW else "accompaniment"
        if role == "melody":
            pitch = min(max(pitch - 12 * octaves, 24), 105)
        start = start_tick + note.position * SIXTEENTH
        length = min(note.duration * SIXTEENTH, end_tick - start)
        weight = 0.5 * metrical_weight(note.position, bar.num_positions, beat_places)
        weight += LOUDNESS_WEIGHT * (loudness.get(note.position, MEAN_LOUDNESS) - MEAN_LOUDNESS)
        drafts.append(DraftNote(start, length, pitch, role, weight))
    return drafts
