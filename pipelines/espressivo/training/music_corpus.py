"""POP909 (Wang et al. 2020, MIT) as bars on a grid: read, quantised, transposed to a common tonic.

    python -m espressivo.training.music_corpus --data FOLDER/pop909 -o WORK     # train.safetensors and held_out.safetensors
    python -m espressivo.training.music_measures --work WORK                    # adds what the bars are like

Kept are the bars in each song's own metre (3/4 or 4/4) of the tracks MELODY and PIANO, with BRIDGE where the melody rests, at the
beats, chords and keys of the annotations.
"""

from __future__ import annotations

import argparse
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import symusic
from numpy.typing import NDArray
from safetensors.numpy import save_file

from espressivo.music.theory import PITCH_CLASS_NAMES
from espressivo.music.tokens import (
    ACCOMPANIMENT_HIGH,
    ACCOMPANIMENT_LOW,
    MEAN_LOUDNESS,
    MELODY_HIGH,
    MELODY_LOW,
    NUM_LOUDNESS,
    QUALITIES,
    GridBar,
    GridChord,
    GridNote,
    encode,
    nearest_duration,
    nearest_tempo,
)

__all__ = ["Song", "main", "read_song"]

METRES = (3, 4)
POSITIONS_A_BEAT = 4
HELD_OUT_EVERY = 20
SHARPS = {"C#": 1, "D#": 3, "E#": 5, "Gb": 6, "G#": 8, "A#": 10, "B#": 0, "Cb": 11, "Fb": 4}
QUALITY_PREFIXES = (
    ("maj7", "maj7"), ("min7", "min7"), ("minmaj7", "min"), ("hdim", "hdim7"), ("dim7", "dim7"), ("dim", "dim"), ("aug", "aug"),
    ("sus", "sus4"), ("min", "min"), ("maj", "maj"), ("7", "7"), ("9", "7"), ("11", "7"), ("13", "7"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Song:
    """Bars, and whether each is in a major key."""

    bars: list[GridBar]
    is_major: list[bool]


@dataclass(frozen=True, slots=True)
class _Note:
    """A note; ``loudness`` in standard deviations from the mean of its track."""

    start_s: float
    end_s: float
    pitch: int
    loudness: float
    track: str


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
    bars, majors = [], []
    starts = [note.start_s for note in notes]
    for times in _bar_times(beats):
        tonic, is_major = _key_at(keys, times[0])
        lead = 0.125 * (times[-1] - times[0]) / (len(times) - 1)
        inside = notes[bisect_left(starts, times[0] - lead) : bisect_left(starts, times[-1])]
        bars.append(_grid_bar(times, inside, chords, tonic))
        majors.append(is_major)
    return Song(bars, majors)


def _notes(path: Path) -> list[_Note]:
    notes = []
    for track in symusic.Score(str(path)).to("second").tracks:
        if track.name in {"MELODY", "BRIDGE", "PIANO"} and len(track.notes):
            velocity = np.array([note.velocity for note in track.notes], float)
            loudness = (velocity - velocity.mean()) / max(float(velocity.std()), 1.0)
            rows = zip(track.notes, loudness.tolist(), strict=True)
            notes += [_Note(note.time, note.time + note.duration, note.pitch, level, track.name) for note, level in rows]
    return sorted(notes, key=lambda note: (note.start_s, note.pitch))


def _bar_times(beats: list[tuple[float, int]]) -> list[list[float]]:
    """Times of the beats of every bar in the song's own metre, with that of the next bar line."""
    downbeats = [index for index, (_, number) in enumerate(beats) if number == 1]
    lengths = Counter(after - before for before, after in pairwise(downbeats))
    usual = max(lengths, key=lambda length: (lengths[length], length), default=0)
    if usual not in METRES:
        return []
    spans = [(before, after) for before, after in pairwise(downbeats) if after - before == usual]
    return [[time for time, _ in beats[before : after + 1]] for before, after in spans]


def _key_at(keys: list[tuple[float, str]], time_s: float) -> tuple[int, bool]:
    name = keys[max(bisect_right([start for start, _ in keys], time_s + 0.2) - 1, 0)][1]
    tonic, _, mode = name.partition(":")
    return _pitch_class(tonic), mode.startswith("maj")


def _grid_bar(times: list[float], notes: list[_Note], chords: list[tuple[float, str]], tonic: int) -> GridBar:
    shift = tonic if tonic < 6 else tonic - 12
    num_beats = len(times) - 1
    beat_s = (times[-1] - times[0]) / num_beats
    found: dict[str, dict[tuple[int, int], tuple[GridNote, float]]] = {"MELODY": {}, "BRIDGE": {}, "PIANO": {}}
    for note in notes:
        position = _position(note.start_s, times)
        if position >= num_beats * POSITIONS_A_BEAT:
            break
        duration = nearest_duration((note.end_s - note.start_s) / beat_s * POSITIONS_A_BEAT)
        is_accompaniment = note.track == "PIANO"
        grid = GridNote(max(position, 0), is_accompaniment, note.pitch - shift, duration)
        low, high = (ACCOMPANIMENT_LOW, ACCOMPANIMENT_HIGH) if is_accompaniment else (MELODY_LOW, MELODY_HIGH)
        if low <= grid.pitch <= high:
            found[note.track][grid.position, grid.pitch if is_accompaniment else 0] = grid, note.loudness
    kept = [*(found["MELODY"] or found["BRIDGE"]).values(), *found["PIANO"].values()]
    levels: dict[int, list[float]] = {}
    for grid, loudness in kept:
        levels.setdefault(grid.position, []).append(loudness)
    return GridBar(
        _grid_chords(times, chords, tonic),
        tuple(sorted(grid for grid, _ in kept)),
        num_beats * POSITIONS_A_BEAT,
        nearest_tempo(60.0 / beat_s),
        tuple((position, _loudness_level(levels[position])) for position in sorted(levels)),
    )


def _loudness_level(deviations: list[float]) -> int:
    """Level of an onset, in steps of half a standard deviation around the track's mean."""
    return int(np.clip(MEAN_LOUDNESS + round(2.0 * float(np.mean(deviations))), 0, NUM_LOUDNESS - 1))


def _position(time_s: float, times: list[float]) -> int:
    exact = np.interp(time_s, times, np.arange(len(times)) * POSITIONS_A_BEAT, right=float(len(times) * POSITIONS_A_BEAT))
    return round(float(exact))


def _grid_chords(times: list[float], chords: list[tuple[float, str]], tonic: int) -> tuple[GridChord, ...]:
    """The chords of the bar's halves (in three, of the first two beats and of the third), where they change."""
    found: list[GridChord] = []
    starts = [start for start, _ in chords]
    for half in (0, 2):
        middle = 0.5 * (times[half] + times[min(half + 1, len(times) - 1)])
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m espressivo.training.music_corpus",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of POP909 with midis/ and annot/")
    parser.add_argument("-o", "--output", dest="work", type=Path, required=True)
    parser.add_argument("--num-songs", type=int, default=10_000, help="only so many, to try things out")
    options = parser.parse_args(arguments)
    names = sorted(path.stem for path in (options.data / "midis").glob("*.mid"))[: options.num_songs]
    songs = [song for name in names if (song := read_song(options.data, name)).bars]
    options.work.mkdir(parents=True, exist_ok=True)
    for split in ("train", "held_out"):
        chosen = [song for index, song in enumerate(songs) if (index % HELD_OUT_EVERY == 0) == (split == "held_out")]
        save_file(_columns(chosen), options.work / f"{split}.safetensors")


def _columns(songs: Sequence[Song]) -> dict[str, NDArray[np.generic]]:
    """Words of all songs one after another; for each bar its mode and its song."""
    return {
        "words": np.array([word for song in songs for bar in song.bars for word in encode(bar)], np.uint16),
        "is_major": np.array([mode for song in songs for mode in song.is_major], np.uint8),
        "song_of": np.repeat(np.arange(len(songs), dtype=np.uint16), [len(song.bars) for song in songs]),
    }


if __name__ == "__main__":
    main()
