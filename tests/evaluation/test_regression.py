"""The subset that runs with every change: nothing is worse than its noise explains, and it can tell."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from espressivo.cli import app
from espressivo.evaluation import regression
from espressivo.evaluation.figures import missed


@pytest.mark.slow
def test_nothing_got_worse():
    figures = regression.evaluate(None, quick=True)
    worse = {figure.name: (figure.value, figure.floor) for figure in missed(figures)}
    assert worse == {}, "worse than noise explains; if that is meant, see configs/evaluation/regression.yaml"
    assert all(figure.met for figure in figures), "a figure without a value is no pass"


@pytest.fixture
def as_usual(monkeypatch):
    """Figures that are exactly as expected; tests spoil one."""
    values = {name: row.value for name, row in regression.expectations().items()}
    monkeypatch.setattr(regression, "measured", lambda _seed: values)
    return values


@pytest.mark.parametrize("name", sorted(regression.expectations()))
def test_each_figure_can_fail_and_noise_alone_cannot(name, as_usual):
    row = regression.expectations()[name]
    noise = max(2.9 * row.deviation, 0.9 * row.resolution)
    worse = -1 if row.better == "higher" else 1
    as_usual[name] = row.value + worse * noise
    assert missed(regression.evaluate(None, quick=True)) == []
    as_usual[name] = row.value + worse * max(3.1 * row.deviation, 1.1 * row.resolution)
    assert [figure.name for figure in missed(regression.evaluate(None, quick=True))] == [name]
    as_usual[name] = row.value - 10 * worse * noise
    assert missed(regression.evaluate(None, quick=True)) == [], "better is never a regression"


def test_the_command_fails_where_something_got_worse(as_usual):
    assert CliRunner().invoke(app, ["evaluate", "regression"]).exit_code == 0
    as_usual["motion.procedural.closures_hit"] = 0.5
    assert CliRunner().invoke(app, ["evaluate", "regression"]).exit_code == 1


def test_a_figure_without_an_expectation_is_an_error(as_usual):
    as_usual["face.new"] = 1.0
    with pytest.raises(RuntimeError, match=r"face\.new"):
        regression.evaluate(None, quick=True)


def test_tolerances_are_noise_or_what_matters_and_would_catch_a_loss():
    for name, row in regression.expectations().items():
        assert row.resolution > 0, name
        assert replace(row, better="higher").floor < row.value < replace(row, better="lower").floor
