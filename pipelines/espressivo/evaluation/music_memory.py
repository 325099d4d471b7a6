"""Does the transformer copy? The longest run of melody that a piece shares with the training songs, whatever the key.

A run is a sequence of steps (semitones, sixteenths to the next note). The yardstick is how much the held-out songs, which nobody
copied, share with the training songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.music.score import Score
from espressivo.music.tokens import GridBar
from espressivo.training.music_corpus import HELD_OUT_EVERY, read_song

__all__ = ["RunIndex", "longest_shared_run", "measure_memory", "steps_of_bars", "steps_of_score"]

Step = tuple[int, int]
MAX_RUN = 24


class RunIndex:
    """All runs of up to :data:`MAX_RUN` steps of some melodies."""

    def __init__(self, melodies: list[list[Step]]) -> None:
        self._runs: set[int] = set()
        for melody in melodies:
            for start in range(len(melody)):
                code = 0
                for step in melody[start : start + MAX_RUN]:
                    code = hash((code, step))
                    self._runs.add(code)

    def reach(self, melody: list[Step], start: int) -> int:
        """Length of the longest known run that begins at ``start``."""
        code = 0
        for length, step in enumerate(melody[start : start + MAX_RUN]):
            code = hash((code, step))
            if code not in self._runs:
                return length
        return min(MAX_RUN, len(melody) - start)


def longest_shared_run(index: RunIndex, melody: list[Step]) -> int:
    """Longest run of a melody that the index knows, at most :data:`MAX_RUN`."""
    return max((index.reach(melody, start) for start in range(len(melody))), default=0)


def _steps(notes: list[tuple[int, int]]) -> list[Step]:
    return [(after[1] - before[1], min(after[0] - before[0], 32)) for before, after in pairwise(notes)]


def steps_of_bars(bars: list[GridBar]) -> list[Step]:
    """Melody of bars."""
    notes, clock = [], 0
    for bar in bars:
        notes += [(clock + note.position, note.pitch) for note in bar.notes if not note.is_accompaniment]
        clock += bar.num_positions
    return _steps(notes)


def steps_of_score(score: Score) -> list[Step]:
    """Melody of a score, on the grid of sixteenths."""
    notes = [note for note in score.notes if score.parts[note.part].role == "melody"]
    return _steps(sorted((round(note.start_tick / 120), note.pitch) for note in notes))


def measure_memory(pop909: Path, scores: Sequence[Score], *, num_songs: int | None = None) -> list[Figure]:
    """Longest shared runs of generated pieces beside those of held-out songs.

    Args:
        pop909: Folder of POP909.
        scores: Pieces of the model.
        num_songs: Only so many songs; ``None`` for all.
    """
    names = sorted(path.stem for path in (pop909 / "midis").glob("*.mid"))[:num_songs]
    melodies = [steps_of_bars(song.bars) for name in names if (song := read_song(pop909, name)).bars]
    index = RunIndex([melody for place, melody in enumerate(melodies) if place % HELD_OUT_EVERY])
    steps = [steps_of_score(score) for score in scores]
    length = round(float(np.mean([len(melody) for melody in steps])))
    held_out = [melody[:length] for place, melody in enumerate(melodies) if place % HELD_OUT_EVERY == 0]
    made = [longest_shared_run(index, melody) for melody in steps]
    known = [longest_shared_run(index, melody) for melody in held_out]
    source = (
        f"{len(scores)} pieces of {length} steps on average against {len(melodies) - len(held_out)} songs; baseline: "
        f"the first {length} steps of {len(held_out)} held-out songs"
    )
    figures = []
    for name, value in (("median_run", np.median), ("run_p95", lambda runs: np.percentile(runs, 95)), ("longest_run", np.max)):
        others = {"held-out songs": float(value(known))}
        interval = bootstrap_interval(made) if name == "median_run" else None
        figures.append(Figure(f"memory.{name}", float(value(made)), "notes", "lower", None, interval, others, source))
    return figures
