import json
import subprocess
import sys

import pytest
import torch

from espressivo.evaluation import peers
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.peers_networks import (
    EmoGenSized,
    LivePortraitGenerator,
    LivePortraitWarp,
    MotionDenoiserSized,
    num_parameters,
)
from espressivo.evaluation.peers_talk import BY_RULES, OURS, measure_talk, talk_figures
from espressivo.evaluation.peers_tasks import TASKS


@pytest.mark.parametrize(
    ("network", "published"), [(LivePortraitWarp, 45.5e6), (lambda: LivePortraitGenerator(2), 55e6), (EmoGenSized, 20e6)]
)
def test_sizes_are_those_published(network: object, published: float) -> None:
    with torch.device("meta"):
        assert num_parameters(network()) == pytest.approx(published, rel=0.02)  # type: ignore[operator]


def test_shapes_without_computing() -> None:
    with torch.device("meta"):
        volume, flows = torch.zeros(1, 32, 16, 64, 64), torch.zeros(22, 16, 64, 64, 3)
        warped = LivePortraitWarp()(volume, flows)
        assert warped.shape == (1, 256, 64, 64)
        assert LivePortraitGenerator(1)(warped).shape == (1, 3, 256, 256)
        assert LivePortraitGenerator(2)(warped).shape == (1, 3, 512, 512)


@pytest.mark.parametrize("film", [True, False])
def test_a_denoiser_of_motion_keeps_the_window(film: bool) -> None:
    network = MotionDenoiserSized(numbers=7, hidden=32, audio=5, film=film).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 9, 7), torch.zeros(2, 9, 5), torch.zeros(2, 512)).shape == (2, 9, 7)


def test_the_recurrent_step_is_causal_linear_attention() -> None:
    """Against the sum written out: phi(q_t) . sum_{s<=t} phi(k_s) v_s / phi(q_t) . sum_{s<=t} phi(k_s)."""
    layer = EmoGenSized().layers[0].eval()
    tokens = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
    memory, total = torch.zeros(8, 64, 64), torch.zeros(8, 64)
    with torch.inference_mode():
        steps = [layer(token, memory, total) for token in tokens]
        query, key, value = layer.mix(tokens).view(4, 3, 8, 64).permute(1, 2, 0, 3)
        query, key = torch.nn.functional.elu(query) + 1, torch.nn.functional.elu(key) + 1
        weights = (query @ key.transpose(1, 2)).tril()
        heard = (weights / weights.sum(-1, keepdim=True)) @ value
        state = layer.norms[0](tokens + layer.out(heard.transpose(0, 1).reshape(4, 512)))
        expected = layer.norms[1](state + layer.forward_part(state))
    torch.testing.assert_close(torch.stack(steps), expected, rtol=1e-3, atol=1e-4)


def test_start_and_cost_of_a_second_lie_on_a_line() -> None:
    values = {figure.name: figure for figure in talk_figures((10.0, 40.0), {OURS: (11.0, 32.0), BY_RULES: (15.0, 45.0)})}
    assert values["peers.talk_512_short"].value == pytest.approx(1.1)
    assert values["peers.talk_512_long"].value == pytest.approx(0.8)
    assert values["peers.talk_512_long"].met
    assert values["peers.talk_512_start"].value == pytest.approx(4.0)
    assert values["peers.talk_512_real_time_from"].value == pytest.approx(4.0 / 0.3)
    assert values["peers.talk_512_real_time_from"].baselines == {}, "a second that costs a second never comes out even"


def test_one_core_is_not_timed() -> None:
    assert all(figure.value is None for figure in measure_talk([0]))


@pytest.mark.slow
def test_a_task_tells_what_it_cost() -> None:
    command = [sys.executable, "-m", "espressivo.evaluation.peers_tasks", "motion_procedural", "1", "2"]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [run["output_s"] for run in told["runs"]] == pytest.approx([1.0, 1.0], abs=0.1)
    assert all(run["cpu_s"] > 0 for run in told["runs"])
    assert told["peak_bytes"] > 50_000_000
    assert "render_512_liveportrait_sized" in TASKS


def test_every_contest_is_measured_in_length_cores_and_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Costs that are known: a task costs twice its length on two cores, and ten times that at 512 px."""

    def known(task: str, seconds: float, cores: list[int], repeats: int) -> peers._Cost:
        cost = seconds * len(cores) * (10.0 if "512" in task else 1.0)
        return peers._Cost(cost, cost, (0.9 * cost, 1.1 * cost), 1024.0 * 1024.0 * repeats)

    told_cores = []

    def told(cores: list[int]) -> list[Figure]:
        told_cores.append(cores)
        return [Figure("peers.talk", 1.0, "s/s", "lower")]

    monkeypatch.setattr(peers, "_measured", known)
    monkeypatch.setattr(peers, "measure_talk", told)
    monkeypatch.setattr(peers.os, "sched_getaffinity", lambda _pid: {0, 1})
    figures = {figure.name: figure for figure in peers.evaluate(None, quick=False)}
    for contest in peers.CONTESTS:
        one, two = figures[f"peers.{contest.name}_cpu_one_core"], figures[f"peers.{contest.name}_wall_two_cores"]
        assert two.value == pytest.approx(2 * one.value)
        assert set(one.baselines) == set(contest.others)
        assert one.interval == pytest.approx((0.9 * one.value, 1.1 * one.value))
        assert figures[f"peers.{contest.name}_growth_with_length"].value == pytest.approx(peers.LENGTHENING)
    assert figures["peers.render_growth_with_resolution"].value == pytest.approx(10.0)
    quick = peers.evaluate(None, quick=True)
    assert told_cores == [[0, 1], []]
    assert {figure.name for figure in quick} == set(figures)
