"""The music figures: judges learn what can be learnt and nothing else; figures come without data too."""

import numpy as np
import pytest

from espressivo.evaluation.music import evaluate_music
from espressivo.evaluation.music_judge import TIMELESS_NAMES, Judge, cross_validated, recalls
from espressivo.music.attributes import ATTRIBUTE_NAMES


def clips(num: int, separation: float) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Attributes of invented clips of invented songs; each quadrant is shifted along its own attributes."""
    random = np.random.default_rng(0)
    quadrants = random.integers(1, 5, num)
    values = random.normal(size=(num, len(ATTRIBUTE_NAMES)))
    for quadrant in range(1, 5):
        values[quadrants == quadrant, 10 * quadrant : 10 * quadrant + 5] += separation
    return values, quadrants, [f"song {index // 3}" for index in range(num)]


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_judges_tell_apart_what_differs(kind: str) -> None:
    values, quadrants, songs = clips(240, 2.0)
    verdicts = cross_validated(kind, ATTRIBUTE_NAMES, values, quadrants, songs)
    assert (verdicts == quadrants).mean() > 0.9
    assert recalls(quadrants, verdicts).min() > 0.8


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_judges_guess_where_nothing_differs(kind: str) -> None:
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


@pytest.mark.slow
def test_figures_without_data() -> None:
    figures = {figure.name: figure for figure in evaluate_music(None, quick=True)}
    assert figures["valid and of exact length"].value == 1.0
    assert figures["control of tempo_bpm"].value > 0.9
    assert not any("judge" in name for name in figures)
