"""Kills of runners and workers and full disks at random, over and over; the store must come out whole."""

from pathlib import Path

import pytest

from espressivo.evaluation.batch_soak import soak


@pytest.mark.slow
@pytest.mark.usefixtures("frozen_tables")
def test_the_store_survives_a_rough_time(tmp_path: Path) -> None:
    result = soak(tmp_path, seconds=60.0, num_jobs=200)
    assert result.episodes.total() > 3
    assert (result.num_half_results, result.num_intruders) == (0, 0)
    assert (result.wrong, result.different, result.leftovers) == ([], [], [])
