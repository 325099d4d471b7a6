import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.plan import VAD, ActionTarget, EmotionPlan, EmotionSegment, MusicAttributes, PlanStep
from espressivo.face.actions import GAZE_ACTIONS, HEAD_ACTIONS, action_weights, is_shape, region_of, shape_actions
from espressivo.face.arkit import ARKIT_NAMES, mirror_name
from espressivo.face.curves import coloured_noise, minimum_jerk, movement, transition
from espressivo.face.expression import expression_curves

MUSIC = MusicAttributes(
    tempo_bpm=90, mode="major", density_nps=3, register_low=60, register_high=80, velocity=70,
    articulation=0.8, dissonance=0.1, irregularity=0.1,
)  # fmt: skip
TIMES = (np.arange(150) + 0.5) / 25


def action(unit, level=0.6, side="both", start_s=1.0, onset_s=0.4, apex_s=2.0, offset_s=0.8):
    return ActionTarget(
        action_unit=unit, side=side, level=level, start_s=start_s, onset_s=onset_s, apex_s=apex_s, offset_s=offset_s, step="m"
    )


def plan(*actions):
    segment = EmotionSegment(
        start_s=0.0, end_s=6.0, distribution={"joy": 1.0}, vad=VAD(valence=0, arousal=0, dominance=0), intensity=0.7,
        actions=actions, music=MUSIC,
    )  # fmt: skip
    return EmotionPlan(steps=(PlanStep(id="m", kind="muscles", observation="o", inference="i"),), segments=(segment,))


def moved(weights):
    return {ARKIT_NAMES[index] for index in np.flatnonzero(np.abs(weights).reshape(-1, 52).max(axis=0) > 0)}


def test_one_to_one_rows_and_sides():
    assert moved(action_weights(12)) == {"mouthSmileLeft", "mouthSmileRight"}
    assert moved(action_weights(12, "L")) == {"mouthSmileLeft"}
    assert moved(action_weights(30, "R")) == {"jawRight"}
    assert moved(action_weights(1, "L")) == {"browInnerUp"}


@pytest.mark.parametrize("unit", shape_actions())
def test_sides_mirror_each_other_and_make_up_both(unit):
    left, right, both = (action_weights(unit, side) for side in ("L", "R", "both"))
    order = [ARKIT_NAMES.index(mirror_name(name)) for name in ARKIT_NAMES]
    if unit not in GAZE_ACTIONS and unit != 30:
        np.testing.assert_array_equal(left[order], right)
        np.testing.assert_array_equal(np.maximum(left, right), both)
    assert both.min() >= 0
    assert both.max() <= 1
    assert both.any()


def test_head_movements_are_no_shapes():
    assert all(not is_shape(unit) and not action_weights(unit).any() for unit in HEAD_ACTIONS)
    assert region_of(53) == "head"


def test_unknown_action_unit():
    with pytest.raises(KeyError):
        action_weights(3)


def test_weights_cannot_be_altered():
    with pytest.raises(ValueError, match="read-only"):
        action_weights(12)[0] = 1


@pytest.mark.parametrize("unit", [1, 2, 4, 5, 6, 9, 12, 15, 20])
def test_changing_one_action_changes_its_shapes_and_no_others(unit):
    base = [action(1, 0.4), action(4, 0.3), action(12, 0.5), action(26, 0.4)]
    before = expression_curves(plan(*base), TIMES, seed=3)
    after = expression_curves(plan(*base, action(unit, 0.9)), TIMES, seed=3)
    assert moved(after - before) <= moved(action_weights(unit))
    assert moved(after - before)


def test_levels_are_reached_in_order_and_gone_at_the_end():
    curves = [
        expression_curves(plan(action(12, level)), TIMES, seed=1)[:, ARKIT_NAMES.index("mouthSmileLeft")]
        for level in (0.2, 0.5, 0.8)
    ]
    peaks = [curve[40:80].mean() for curve in curves]
    assert peaks[0] < peaks[1] < peaks[2]
    assert peaks[1] == pytest.approx(0.5, abs=0.12)
    assert all(curve[:25].max() == 0 and curve[110:].max() == 0 for curve in curves)


def test_a_hold_is_never_frozen_and_never_hisses():
    times = (np.arange(3_000) + 0.5) / 60
    curve = expression_curves(plan(action(4, 0.6, apex_s=40.0)), times, seed=2)[120:2_400, ARKIT_NAMES.index("browDownLeft")]
    assert 0.02 < curve.std() / curve.mean() < 0.25
    power = np.abs(np.fft.rfft(curve - curve.mean())) ** 2
    frequency = np.fft.rfftfreq(len(curve), 1 / 60)
    assert power[frequency < 4].sum() / power.sum() > 0.95


def test_left_and_right_differ_a_little():
    weights = expression_curves(plan(action(12, 0.7)), TIMES, seed=4)[40:80]
    left, right = (weights[:, ARKIT_NAMES.index(f"mouthSmile{side}")] for side in ("Left", "Right"))
    assert 0.001 < np.abs((left - right) / (left + right)).mean() < 0.25


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.sampled_from(shape_actions()), st.floats(0, 1), st.floats(-2, 5)), min_size=1, max_size=12),
    st.floats(0, 3),
)
def test_always_in_range(actions, gain):
    weights = expression_curves(
        plan(*(action(unit, level, start_s=start_s) for unit, level, start_s in actions)), TIMES, seed=1, gain=gain
    )
    assert weights.shape == (150, 52)
    assert np.isfinite(weights).all()
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_minimum_jerk_starts_and_ends_at_rest():
    u = np.linspace(-0.5, 1.5, 401)
    curve = minimum_jerk(u)
    assert curve[0] == 0
    assert curve[-1] == 1
    assert np.gradient(curve, u).max() == pytest.approx(1.875, rel=0.01)
    assert (np.diff(curve) >= 0).all()


@given(st.floats(0.05, 3), st.floats(0, 3), st.floats(0.05, 3), st.sampled_from((0.4, 0.6, 0.75, 1.0)))
def test_movement_rises_holds_and_falls_without_jumps(onset_s, apex_s, offset_s, share):
    times = np.linspace(-0.5, onset_s + apex_s + offset_s + 0.5, 3_000)
    curve = movement(times, 0.0, onset_s, apex_s, offset_s, share)
    assert curve[0] == 0
    assert curve[-1] == pytest.approx(0, abs=1e-9)
    assert curve.max() == pytest.approx(1, abs=1e-2)
    slopes = np.abs(np.diff(curve)) / np.diff(times)
    assert slopes.max() < 4.0 / min(onset_s, offset_s)


def test_transition_passes_its_levels():
    times = np.arange(0, 6, 0.01)
    curve = transition(times, [(1.0, 0.5, 2.0), (3.0, 0.5, -1.0)], 0.5)
    assert curve[50] == 0.5
    assert curve[200] == pytest.approx(2.0)
    assert curve[-1] == pytest.approx(-1.0)


def test_noise_has_unit_variance_and_is_slow():
    noise = coloured_noise(np.random.default_rng(0), (60_000, 2), 0.04, 0.8, 2.5)
    np.testing.assert_allclose(noise.std(axis=0), 1.0, atol=0.1)
    assert np.corrcoef(noise[1:, 0], noise[:-1, 0])[0, 1] > 0.9
