"""POP909 (Wang et al. 2020, MIT) as bars on a grid: read, quantised, transposed to a common tonic.

    python -m espressivo.training.music_corpus --data FOLDER/pop909 -o WORK

Kept are bars of four beats of the tracks MELODY and PIANO, at the beats, chords and keys of the annotations.
"""

from __future__ import annotations

import argparse
import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pretty_midi
from numpy.typing import NDArray
from safetensors.numpy import save_file

from espressivo.music.attributes import NoteTable
from espressivo.music.conditions import CONDITION_NAMES, MODE_CONDITION, NUM_BUCKETS, Quantiles, condition_values
from espressivo.music.theory import PITCH_CLASS_NAMES
from espressivo.music.tokens import (
    ACCOMPANIMENT_HIGH,
    ACCOMPANIMENT_LOW,
    MELODY_HIGH,
    MELODY_LOW,
    QUALITIES,
    GridBar,
    GridChord,
    GridNote,
    encode,
    nearest_duration,
)

__all__ = ["Song", "main", "read_song"]

BEATS_A_BAR = 4
POSITIONS_A_BEAT = 4
GROUP_BARS = 4
"""Bars that share one set of conditions."""
HELD_OUT_EVERY = 20
SHARPS = {"C#": 1, "D#": 3, "E#": 5, "Gb": 6, "G#": 8, "A#": 10, "B#": 0, "Cb": 11, "Fb": 4}
QUALITY_PREFIXES = (
    ("maj7", "maj7"), ("min7", "min7"), ("minmaj7", "min"), ("hdim", "hdim7"), ("dim7", "dim7"), ("dim", "dim"), ("aug", "aug"),
    ("sus", "sus4"), ("min", "min"), ("maj", "maj"), ("7", "7"), ("9", "7"), ("11", "7"), ("13", "7"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Song:
    """Bars with their mode and conditions' values (NaN where a group has too few notes)."""

    bars: list[GridBar]
    is_major: list[bool]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Note:
    start_s: float
    end_s: float
    pitch: int
    velocity: int
    is_accompaniment: bool


def _pitch_class(name: str) -> int:
    return SHARPS[name] if name in SHARPS else PITCH_CLASS_NAMES.index(name)


def _rows(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_song(data: Path, name: str) -> Song:
    """One song of POP909."""
    annotations = data / "annot" / name
    notes = _notes(data / "midis" / f"{name}.mid")
    beats = [(float(row[0]), round(float(row[1]))) for row in _rows(annotations / "beat_audio.txt")]
    keys = [(float(row[0]), row[2]) for row in _rows(annotations / "key_audio.txt")]
    chords = [(float(row[0]), row[2]) for row in _rows(annotations / "chord_midi.txt")]
    bars, majors, spans = [], [], []
    for start in _bar_starts(beats):
        times = [time for time, _ in beats[start : start + BEATS_A_BAR + 1]]
        tonic, is_major = _key_at(keys, times[0])
        bars.append(_grid_bar(times, notes, chords, tonic))
        majors.append(is_major)
        spans.append((times[0], times[-1]))
    return Song(bars, majors, _group_values(spans, notes))


def _notes(path: Path) -> list[_Note]:
    midi = pretty_midi.PrettyMIDI(str(path))
    notes = [
        _Note(note.start, note.end, note.pitch, note.velocity, track.name == "PIANO")
        for track in midi.instruments
        if track.name in {"MELODY", "PIANO"}
        for note in track.notes
    ]
    return sorted(notes, key=lambda note: (note.start_s, note.pitch))


def _bar_starts(beats: list[tuple[float, int]]) -> Iterator[int]:
    """Indices of beats that begin a bar of four."""
    for index in range(len(beats) - BEATS_A_BAR):
        if [number for _, number in beats[index : index + BEATS_A_BAR + 1]] == [1, 2, 3, 4, 1]:
            yield index


def _key_at(keys: list[tuple[float, str]], time_s: float) -> tuple[int, bool]:
    name = keys[max(bisect_right([start for start, _ in keys], time_s + 0.2) - 1, 0)][1]
    tonic, _, mode = name.partition(":")
    return _pitch_class(tonic), mode.startswith("maj")


def _grid_bar(times: list[float], notes: list[_Note], chords: list[tuple[float, str]], tonic: int) -> GridBar:
    shift = tonic if tonic < 6 else tonic - 12
    beat_s = (times[-1] - times[0]) / BEATS_A_BAR
    first = bisect_right([note.start_s for note in notes], times[0] - 0.125 * beat_s)
    melody: dict[int, GridNote] = {}
    rest: dict[tuple[int, int], GridNote] = {}
    for note in notes[first:]:
        position = _position(note.start_s, times)
        if position >= BEATS_A_BAR * POSITIONS_A_BEAT:
            break
        duration = nearest_duration((note.end_s - note.start_s) / beat_s * POSITIONS_A_BEAT)
        grid = GridNote(max(position, 0), note.is_accompaniment, note.pitch - shift, duration)
        if note.is_accompaniment and ACCOMPANIMENT_LOW <= grid.pitch <= ACCOMPANIMENT_HIGH:
            rest[grid.position, grid.pitch] = grid
        elif not note.is_accompaniment and MELODY_LOW <= grid.pitch <= MELODY_HIGH:
            melody[grid.position] = grid
    return GridBar(_grid_chords(times, chords, tonic), tuple(sorted([*melody.values(), *rest.values()])))


def _position(time_s: float, times: list[float]) -> int:
    exact = np.interp(time_s, times, np.arange(len(times)) * POSITIONS_A_BEAT, right=float(len(times) * POSITIONS_A_BEAT))
    return round(float(exact))


def _grid_chords(times: list[float], chords: list[tuple[float, str]], tonic: int) -> tuple[GridChord, ...]:
    """The chord of each half bar, where it changes."""
    found: list[GridChord] = []
    starts = [start for start, _ in chords]
    for half in (0, 2):
        middle = 0.5 * (times[half] + times[half + 1])
        name = chords[max(bisect_right(starts, middle) - 1, 0)][1]
        chord = _grid_chord(half * POSITIONS_A_BEAT, name, tonic)
        if not found or (chord.root, chord.quality) != (found[-1].root, found[-1].quality):
            found.append(chord)
    return tuple(found)


def _grid_chord(position: int, name: str, tonic: int) -> GridChord:
    root, _, tail = name.partition(":")
    if root == "N":
        return GridChord(position, 0, None)
    quality = next((quality for prefix, quality in QUALITY_PREFIXES if tail.startswith(prefix)), "maj")
    assert quality in QUALITIES  # noqa: S101 - the table above names only these
    return GridChord(position, (_pitch_class(root.partition("/")[0]) - tonic) % 12, quality)


def _group_values(spans: list[tuple[float, float]], notes: list[_Note]) -> NDArray[np.float64]:
    """Conditions' values of each bar: those of its group of four."""
    starts = np.array([note.start_s for note in notes])
    columns = np.array([[n.start_s, n.end_s - n.start_s, n.pitch, n.velocity] for n in notes], float).reshape(-1, 4)
    values = np.full((len(spans), len(CONDITION_NAMES)), np.nan)
    for first in range(0, len(spans), GROUP_BARS):
        group = spans[first : first + GROUP_BARS]
        inside = (starts >= group[0][0] - 0.03) & (starts < group[-1][1] - 0.03)
        part = columns[inside]
        measured = condition_values(NoteTable.of_columns(part[:, 0], part[:, 1], part[:, 2].astype(int), part[:, 3].astype(int)))
        if measured is not None:
            values[first : first + len(group)] = measured
    return values


def main() -> None:
    """Prepare the corpus: words, conditions, borders of buckets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with POP909's midis and annot")
    parser.add_argument("-o", "--work", type=Path, required=True)
    parser.add_argument("--num-songs", type=int, default=10_000, help="only so many, to try things out")
    arguments = parser.parse_args()
    names = sorted(path.stem for path in (arguments.data / "midis").glob("*.mid"))[: arguments.num_songs]
    songs = [song for name in names if (song := read_song(arguments.data, name)).bars]
    every = np.concatenate([song.values for song in songs])
    quantiles = Quantiles.of(every[~np.isnan(every).any(axis=1)])
    arguments.work.mkdir(parents=True, exist_ok=True)
    for split in ("train", "held_out"):
        chosen = [song for index, song in enumerate(songs) if (index % HELD_OUT_EVERY == 0) == (split == "held_out")]
        save_file(_columns(chosen, quantiles), arguments.work / f"{split}.safetensors")
    facts = {"attributes": [*CONDITION_NAMES, MODE_CONDITION], "borders": quantiles.borders.tolist(), "num_buckets": NUM_BUCKETS}
    (arguments.work / "corpus.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _columns(songs: list[Song], quantiles: Quantiles) -> dict[str, NDArray[np.generic]]:
    """Words of all songs one after another, the bar of each word, the buckets of each bar, the first word of each bar."""
    words: list[int] = []
    bar_of: list[int] = []
    buckets: list[list[int]] = []
    song_of: list[int] = []
    for number, song in enumerate(songs):
        for bar, is_major, values in zip(song.bars, song.is_major, song.values, strict=True):
            coded = encode(bar)
            words += coded
            bar_of += [len(buckets)] * len(coded)
            known = np.zeros(len(CONDITION_NAMES), int) if np.isnan(values).any() else quantiles.buckets(values)
            buckets.append([*known.tolist(), 1 + int(is_major)])
            song_of.append(number)
    return {
        "words": np.array(words, np.int32),
        "bar_of": np.array(bar_of, np.int32),
        "buckets": np.array(buckets, np.uint8),
        "song_of": np.array(song_of, np.int32),
    }


if __name__ == "__main__":
    main()
