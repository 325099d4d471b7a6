"""Does the transformer copy? The longest run of melody that a piece shares with the training songs, whatever the key.

    python -m espressivo.evaluation.music_memory --work WORK [--num 40]      # WORK as for espressivo.training.music

A run is a sequence of steps (semitones, sixteenths to the next note). The yardstick is how much the held-out songs, which nobody
copied, share with the training songs.
"""

from __future__ import annotations

import argparse
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.music.compose import compose
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.music.tokens import GridBar, decode

__all__ = ["RunIndex", "longest_shared_run", "steps_of_bars", "steps_of_score"]

Step = tuple[int, int]
MAX_RUN = 24
BAR_SIXTEENTHS = 16
LABELS = ("joy", "anger", "sadness", "calm")


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
    """Melody of bars of four beats."""
    return _steps(
        [
            (BAR_SIXTEENTHS * n + note.position, note.pitch)
            for n, bar in enumerate(bars)
            for note in bar.notes
            if not note.is_accompaniment
        ]
    )


def steps_of_score(score: Score) -> list[Step]:
    """Melody of a score, on the grid of sixteenths."""
    notes = [note for note in score.notes if score.parts[note.part].role == "melody"]
    return _steps(sorted((round(note.start_tick / 120), note.pitch) for note in notes))


def _songs(path: Path) -> list[list[Step]]:
    columns = load_file(path)
    song_of_word = columns["song_of"][columns["bar_of"]]
    return [steps_of_bars(decode(columns["words"][song_of_word == song].tolist())) for song in np.unique(columns["song_of"])]


def main() -> None:
    """Print the longest shared runs of generated pieces beside those of held-out songs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--num", type=int, default=40)
    arguments = parser.parse_args()
    index = RunIndex(_songs(arguments.work / "train.safetensors"))
    settings = MusicSettings(composer="model", metre="4/4", humanise=0.0)
    made = []
    for number in range(arguments.num):
        plan = plan_emotion(EmotionRequest(label=LABELS[number % len(LABELS)], duration_s=40.0), seed=number)
        made.append(longest_shared_run(index, steps_of_score(compose(plan, seed=number, settings=settings))))
    songs = [melody[:100] for melody in _songs(arguments.work / "held_out.safetensors")]
    held_out = [longest_shared_run(index, melody) for melody in songs]
    show = partial(print, flush=True)
    for name, runs in (("generated pieces of 40 s", made), ("held-out songs, first 100 steps", held_out)):
        show(f"{name}: shared run, median {np.median(runs):g}, 95th percentile {np.percentile(runs, 95):g}, longest {max(runs)}")


if __name__ == "__main__":
    main()
