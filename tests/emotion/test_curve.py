"""The curve that face and music share."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.planner import plan_emotion


def curve_of(text, duration_s=8.0):
    plan = plan_emotion(parse_emotion(text, duration_s=duration_s))
    return plan, EmotionCurve(plan)


def test_one_state_is_constant():
    plan, curve = curve_of("joy")
    sample = curve.at(np.linspace(-1.0, 20.0, 50))
    assert sample.nodes == ("joy",)
    assert np.ptp(sample.vad, axis=0).max() == 0.0
    assert sample.intensity[0] == plan.segments[0].intensity


def test_transition_is_centred_and_lasts_300_to_700_ms():
    plan, curve = curve_of("calm -> terror")
    assert 0.3 <= curve.transitions_s[0] <= 0.7
    boundary = plan.segments[0].end_s
    half = curve.transitions_s[0] / 2
    sample = curve.at([boundary - half, boundary, boundary + half])
    terror = sample.nodes.index("terror")
    assert sample.distribution[:, terror] == pytest.approx([0.0, 0.5, 1.0])


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.sampled_from(["joy", "calm", "fear", "sadness", "joy+fear", "contempt"]), min_size=2, max_size=8),
    st.floats(1.0, 30.0),
)
def test_curve_is_a_distribution_and_continuous(states, duration):
    plan, curve = curve_of(" -> ".join(states), duration)
    times = np.linspace(0.0, plan.duration_s, 3000)
    sample = curve.at(times)
    assert sample.distribution.sum(axis=1) == pytest.approx(np.ones(times.size))
    assert (sample.distribution >= 0).all()
    assert np.abs(sample.vad).max() <= 1.0
    # Raised cosine over at least the narrowest window: speed is bounded by pi / 2 x range / width.
    limit = np.pi / 2 * 2.0 / curve.transitions_s.min() * (times[1] - times[0])
    assert np.abs(np.diff(sample.vad, axis=0)).max() <= limit + 1e-9
    middles = [0.5 * (segment.start_s + segment.end_s) for segment in plan.segments]
    at_middles = curve.at(middles)
    for row, segment in zip(at_middles.distribution, plan.segments, strict=True):
        assert dict(zip(at_middles.nodes, row, strict=True))[segment.label] == pytest.approx(segment.distribution[segment.label])


def test_two_hours_are_sampled_at_once():
    _, curve = curve_of("joy -> sadness -> rage", 7200.0)
    assert curve.at(np.arange(0.0, 7200.0, 0.04)).vad.shape == (180000, 3)
