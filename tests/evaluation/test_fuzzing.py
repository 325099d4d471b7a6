from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from espressivo.evaluation.fuzzing import damaged, fuzz_readers


def test_readers_stand_some_seconds_of_damage(tmp_path: Path) -> None:
    result = fuzz_readers(tmp_path, seconds=4.0, seed=1)
    assert result.untyped == []
    assert set(result.per_kind) >= {"png", "wav", "mid", "mp4", "json"}
    assert result.slowest_s < 5


@given(data=st.binary(max_size=100), seed=st.integers(0, 100))
def test_damage_is_repeatable(data: bytes, seed: int) -> None:
    first, second = (damaged(data, np.random.default_rng(seed)) for _ in range(2))
    assert first == second
