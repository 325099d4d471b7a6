"""The music figures: judges learn what can be learnt and nothing else; figures come without data too."""

from typing import Any

import numpy as np
import pytest

from espressivo.evaluation.music import evaluate
from espressivo.evaluation.music_attributes import correlation, mild_plans, not_asked
from espressivo.evaluation.music_judge import TIMELESS_NAMES, Judge, cross_validated, recalls
from espressivo.evaluation.music_pieces import PIANO, Writers, neutral, targets
from espressivo.evaluation.music_quality import self_similarity, table_measures
from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable
from espressivo.music.compose import compose


def clips(num: int, separation: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Attributes of invented clips of invented songs; each quadrant is shifted along its own attributes."""
    random = np.random.default_rng(0)
    quadrants = random.integers(1, 5, num)
    values = random.normal(size=(num, len(ATTRIBUTE_NAMES)))
    for quadrant in range(1, 5):
        values[quadrants == quadrant, 10 * quadrant : 10 * quadrant + 5] += separation
    return values, quadrants, [f"song {index // 3}" for index in range(num)]


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_judges_tell_apart_what_differs(kind: Any) -> None:
    values, quadrants, songs = clips(240, 2.0)
    verdicts = cross_validated(kind, ATTRIBUTE_NAMES, values, quadrants, songs)
    assert (verdicts == quadrants).mean() > 0.9
    assert recalls(quadrants, verdicts).min() > 0.8


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_judges_guess_where_nothing_differs(kind: Any) -> None:
    values, quadrants, songs = clips(240, 0.0)
    assert (cross_validated(kind, ATTRIBUTE_NAMES, values, quadrants, songs) == quadrants).mean() < 0.4


def test_the_deaf_judge_is_deaf() -> None:
    values, quadrants, _ = clips(120, 1.0)
    judge = Judge.fit("linear", TIMELESS_NAMES, values, quadrants)
    changed = values.copy()
    for index, name in enumerate(ATTRIBUTE_NAMES):
        if name.startswith("velocity") or name == "notes_per_s":
            changed[:, index] += 100.0
    assert np.allclose(judge.scores(values), judge.scores(changed))


def table(pitches: list[int]) -> NoteTable:
    count = len(pitches)
    return NoteTable.of_columns(np.arange(count) * 0.5, np.full(count, 0.5), np.array(pitches), np.full(count, 70))


def test_what_returns_is_found() -> None:
    random = np.random.default_rng(0)
    phrase = random.integers(55, 80, 16).tolist()
    wandering = random.integers(55, 80, 64).tolist()
    assert self_similarity(table(phrase * 4)) > 0.95
    assert self_similarity(table(wandering)) < 0.75
    assert self_similarity(table(phrase[:8])) == 0.0


def test_measures_of_a_scale() -> None:
    values = table_measures(table([60, 62, 64, 65, 67, 69, 71, 72]))
    assert values["pitch_range"] == 12
    assert values["pitch_classes"] == 7
    assert values["scale_consistency"] == 1.0
    assert values["polyphony"] == pytest.approx(1.0, abs=0.15)


def test_targets_scatter_around_their_quadrants_and_neutral_ones_do_not() -> None:
    pieces, wanted = targets(2, 4.0)
    valence = np.array([plan.segments[0].vad.valence for plan, _ in pieces])
    assert ((valence > 0) == np.isin(wanted, (1, 4))).all()
    aimless = neutral(3, 4.0)
    assert {plan.segments[0].vad.valence for plan, _ in aimless} == {0.0}
    assert len({seed for _, seed in aimless}) == 3


def test_what_never_changes_follows_nothing() -> None:
    assert correlation([0.1, 0.5, 0.9], [3.0, 4.0, 5.0]) == pytest.approx(1.0)
    assert correlation([0.1, 0.5, 0.9], [3.0, 3.0, 3.0]) == 0.0


def test_pieces_of_which_nothing_is_asked_have_seeds_of_their_own() -> None:
    plans = mild_plans(3, 4.0)
    assert len({plan.segments[0].vad for plan, _ in plans}) == 3
    aimless = not_asked(plans, 2)
    assert [plan for plan, _ in aimless] == [plan for plan, _ in plans for _ in range(2)]
    assert len({seed for _, seed in aimless}) == 6


@pytest.mark.slow
def test_processes_write_what_one_writes() -> None:
    pieces, _ = targets(1, 8.0)
    with Writers() as writers:
        scores = writers.write(pieces, "rules")
    assert scores == [compose(plan, seed=seed, settings=PIANO) for plan, seed in pieces]
    assert writers.num_written == writers.num_valid == {"rules": 4}


@pytest.mark.slow
def test_figures_without_data() -> None:
    figures = {figure.name: figure for figure in evaluate(None, quick=True)}
    for name in ("valid", "key", "metre", "tempo", "chords"):
        assert figures[f"constraint.{name}"].value == 1.0
    assert figures["control.plan.tempo_bpm"].value is not None
    assert set(figures["control.attributes.median"].baselines) == {"model", "no control", "shuffled"}
    assert figures["scene.turn_to_section"].met
    assert figures["emotion.velocity_free.accuracy"].value is None
