"""Asked for and achieved: choices are obeyed, ranks are reached, the best of several is the nearest."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from espressivo.errors import Cancelled, SettingError
from espressivo.music.asked import attribute_rank, checked_attributes, compare, mean_error
from espressivo.music.attributes import ATTRIBUTE_NAMES
from espressivo.music.candidates import compose_best
from espressivo.music.compose import compose
from espressivo.music.settings import MusicSettings
from espressivo.progress import CancelToken

DEFAULT = MusicSettings()


@given(st.sampled_from(ATTRIBUTE_NAMES), st.floats(-1e3, 1e3), st.floats(0, 1e3))
def test_ranks_rise_with_values_and_stay_in_range(name: str, value: float, more: float) -> None:
    lower, higher = attribute_rank(name, value), attribute_rank(name, value + more)
    assert 0.0 <= lower <= higher <= 1.0


def test_the_choices_of_the_user_come_before_the_plan(make_plan: Any) -> None:
    chosen = MusicSettings(density_nps=3.0, register_low=60, register_high=76, velocity=100, articulation=0.9)
    plan = make_plan(("sadness", 24.0))
    rows = {row.name: row for row in compare(compose(plan, seed=1, settings=chosen), plan, chosen)}
    for name, asked in (("density_nps", 3.0), ("velocity", 100.0), ("articulation", 0.9)):
        assert rows[name].asked == asked
        assert rows[name].by_user
        assert rows[name].is_met, rows[name]
    assert not rows["tempo_bpm"].by_user
    assert float(rows["register_low"].achieved) >= 54


@pytest.mark.parametrize("name", ["onsets_per_s", "roughness", "melodic_repeats", "gap_npvi"])
def test_ranks_asked_for_are_reached(make_plan: Any, name: str) -> None:
    plan = make_plan(("joy", 12.0))
    for rank in (0.2, 0.8):
        choice = compose_best(plan, seed=1, settings=MusicSettings(attributes={name: rank}))
        row = choice.rows[-1]
        assert (row.name, row.asked, row.section) == (name, rank, None)
        assert row.is_met, row


def test_the_best_of_several_is_the_nearest_and_the_first_is_the_usual(make_plan: Any) -> None:
    plan = make_plan(("fear", 8.0))
    choice = compose_best(plan, seed=5, settings=DEFAULT, num_candidates=6)
    distances = [candidate.distance for candidate in choice.candidates]
    kept = [candidate for candidate in choice.candidates if candidate.is_chosen]
    assert [candidate.index for candidate in choice.candidates] == list(range(6))
    assert len(kept) == 1
    assert kept[0].distance == min(distances) < max(distances)
    assert mean_error(choice.rows) == pytest.approx(kept[0].distance)
    assert compose_best(plan, seed=5, settings=DEFAULT, num_candidates=6) == choice
    alone = compose_best(plan, seed=5, settings=DEFAULT)
    assert alone.score == compose(plan, seed=5, settings=DEFAULT)
    assert alone.candidates[0].distance == distances[0]


def test_what_cannot_be_asked_is_said(make_plan: Any) -> None:
    with pytest.raises(SettingError, match="onsets_per_s"):
        checked_attributes({"onset_per_s": 0.5})
    for number in (0, 65):
        with pytest.raises(SettingError) as caught:
            compose_best(make_plan(("joy", 5.0)), seed=0, settings=DEFAULT, num_candidates=number)
        assert caught.value.code == "setting.candidates"
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        compose_best(make_plan(("joy", 5.0)), seed=0, settings=DEFAULT, cancel=token)
    with pytest.raises(SettingError, match="rules"):
        compose(make_plan(("joy", 5.0)), seed=0, settings=MusicSettings(composer="model", style="block"))
