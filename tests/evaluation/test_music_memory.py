"""The copying check finds copies, in any key, and nothing else."""

import numpy as np

from espressivo.evaluation.music_memory import RunIndex, longest_shared_run, steps_of_bars
from espressivo.music.tokens import GridBar, GridChord, GridNote


def melody(seed: int, num_bars: int = 12, shift: int = 0) -> list[tuple[int, int]]:
    random = np.random.default_rng(seed)
    bars = []
    for _ in range(num_bars):
        places = sorted(random.choice(16, 5, replace=False).tolist())
        notes = tuple(GridNote(place, False, int(random.integers(60, 80)) + shift, 2) for place in places)
        bars.append(GridBar((GridChord(0, 0, "maj"),), notes))
    return steps_of_bars(bars)


def test_a_transposed_copy_is_found() -> None:
    index = RunIndex([melody(1), melody(2)])
    assert longest_shared_run(index, melody(1, shift=3)) == 24
    assert longest_shared_run(index, melody(9)[:20] + melody(2)[10:25] + melody(8)[:20]) >= 15


def test_foreign_melodies_share_little() -> None:
    index = RunIndex([melody(1), melody(2)])
    assert longest_shared_run(index, melody(3)) <= 3
    assert longest_shared_run(index, []) == 0
