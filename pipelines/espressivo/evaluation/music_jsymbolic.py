"""Our attributes beside music21's jSymbolic features where both define the same thing: on melodies, since channels differ.

python -m espressivo.evaluation.music_jsymbolic --data FOLDER [--num 20]     # needs music21, which is not a dependency
"""

from __future__ import annotations

import argparse
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from espressivo.music.attributes import TOGETHER_S, NoteTable, measure
from espressivo.training.emopia import note_table

__all__ = ["PAIRS", "compare", "main", "top_line"]

PAIRS: dict[str, tuple[str, str]] = {
    "PrimaryRegisterFeature": ("pitch_mean", "mean pitch"),
    "NoteDensityFeature": ("notes_per_s", "notes a second"),
    "AverageMelodicIntervalFeature": ("melodic_interval_mean", "mean step"),
    "RepeatedNotesFeature": ("melodic_repeats", "steps of 0"),
    "ChromaticMotionFeature": ("melodic_semitones", "steps of 1"),
    "MelodicThirdsFeature": ("melodic_thirds", "steps of 3 or 4"),
    "MelodicTritonesFeature": ("melodic_tritones", "steps of 6"),
    "DirectionOfMotionFeature": ("melodic_rising", "rising steps"),
}
"""jSymbolic feature in music21, our attribute, what both measure."""
MIN_LINE = 12
GRID_S = 1 / 16
"""Onsets are put on this grid, whose times are exact in both, so that a note ends where the next begins in both."""


def top_line(table: NoteTable) -> NoteTable:
    """The highest note of every onset, each ending at the next: a melody that both understand alike."""
    kept: list[int] = []
    for index, start in enumerate(table.start_s.tolist()):
        if kept and start - table.start_s[kept[-1]] <= TOGETHER_S:
            kept[-1] = index if table.pitch[index] > table.pitch[kept[-1]] else kept[-1]
        else:
            kept.append(index)
    start, first = np.unique(np.round((table.start_s[kept] - table.start_s[0]) / GRID_S) * GRID_S, return_index=True)
    chosen = np.array(kept)[first]
    return NoteTable.of_columns(start, np.append(np.diff(start), 1.0), table.pitch[chosen], table.velocity[chosen])


def compare(tables: list[NoteTable]) -> dict[str, tuple[float, float]]:
    """Correlation and mean difference of each pair over some melodies."""
    features = import_module("music21.features.jSymbolic")
    ours = [measure(table) for table in tables]
    streams = [_stream(table) for table in tables]
    found = {}
    for feature, (name, _) in PAIRS.items():
        theirs = np.array([getattr(features, feature)(stream).extract().vector[0] for stream in streams], float)
        mine = np.array([values[name] for values in ours])
        found[feature] = float(np.corrcoef(theirs, mine)[0, 1]), float(np.abs(theirs - mine).mean())
    return found


def _stream(table: NoteTable) -> Any:  # noqa: ANN401 - music21 has no types
    """A part at 60 quarters a minute, so that a quarter lasts a second."""
    note, stream, tempo = (import_module(f"music21.{name}") for name in ("note", "stream", "tempo"))
    part = stream.Part()
    part.insert(0.0, tempo.MetronomeMark(number=60))
    for start, duration, pitch in zip(table.start_s, table.duration_s, table.pitch, strict=True):
        part.insert(float(start - table.start_s[0]), note.Note(int(pitch), quarterLength=float(duration)))
    score = stream.Score()
    score.insert(0.0, part)
    return score


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds music/emopia")
    parser.add_argument("--num", type=int, default=20)
    arguments = parser.parse_args()
    paths = sorted((arguments.data / "music" / "emopia" / "midis").glob("Q*.mid"))
    lines = [top_line(note_table(path)) for path in paths[:: max(len(paths) // arguments.num, 1)]]
    show = partial(print, flush=True)
    for feature, (correlation, difference) in compare([line for line in lines if len(line) >= MIN_LINE]).items():
        name, meaning = PAIRS[feature]
        show(f"{meaning:16} {feature:32} {name:24} r {correlation:.4f}, mean difference {difference:.4f}")


if __name__ == "__main__":
    main()
