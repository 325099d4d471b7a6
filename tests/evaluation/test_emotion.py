"""The evaluation of the emotion front-end runs without data and meets its floors."""

import pytest

from espressivo.evaluation.emotion import evaluate
from espressivo.evaluation.figures import as_report, missed


@pytest.mark.slow
def test_figures_without_data():
    figures = evaluate(None, quick=True)
    assert len({figure.name for figure in figures}) == len(figures)
    assert {figure.name for figure in missed(figures) if not figure.name.startswith("speed.")} == set()
    assert all(figure.source for figure in figures)
    skipped = [figure for figure in figures if figure.value is None]
    assert {figure.name.partition("_")[0] for figure in skipped} <= {"text.goemotions", "text.ekman", "text.emobank"}
    assert as_report("emotion", figures, "espressivo evaluate emotion")["figures"]
