"""Progressive guidance as pure functions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.motion.combine import attenuated
from espressivo.motion.guidance import (
    GuidanceSchedule,
    GuidanceWeights,
    combine_predictions,
    guidance_weights,
    local_mask,
    missing_muscles,
    ramp,
)
from espressivo.motion.state import ACTION_DIM, STATE_DIM, region_masks


@given(st.floats(0, 1), st.floats(0, 0.9), st.floats(0.01, 0.5))
def test_the_ramp_rises_from_zero_to_one(progress: float, start: float, width: float) -> None:
    value = ramp(progress, start, width)
    assert 0.0 <= value <= 1.0
    assert ramp(min(1.0, progress + 0.05), start, width) >= value
    assert ramp(start - 1e-6, start, width) == 0.0
    assert ramp(start + width, start, width) == 1.0
    assert ramp(start + width / 2, start, width) == pytest.approx(0.5, abs=1e-6)


def test_emotion_comes_first_and_muscles_later() -> None:
    schedule = GuidanceSchedule(emotion=2.0, emotion_least=0.5, muscles=3.0)
    weights = [guidance_weights(schedule, step, 20) for step in range(20)]
    assert (weights[0].emotion, weights[0].muscles) == (2.0, 0.0)
    assert (weights[-1].emotion, weights[-1].muscles) == (0.5, 3.0)
    muscles = [weight.muscles for weight in weights]
    assert muscles == sorted(muscles)
    assert [weight.emotion for weight in weights] == sorted((weight.emotion for weight in weights), reverse=True)


def test_ablations_spend_as_much_guidance() -> None:
    def spent(order: str) -> float:
        schedule = GuidanceSchedule(muscles=2.0, start=0.4, width=0.2, order=order)
        return sum(guidance_weights(schedule, step, 41).muscles for step in range(41))

    assert spent("constant") == pytest.approx(spent("progressive"))
    schedule = GuidanceSchedule(muscles=1.0, order="reversed")
    assert guidance_weights(schedule, 0, 10).muscles == 1.0
    assert guidance_weights(schedule, 9, 10).muscles == 0.0


def test_a_single_step_uses_all_conditions() -> None:
    assert guidance_weights(GuidanceSchedule(muscles=1.0), 0, 1) == GuidanceWeights(1.0, 1.0, 1.0, 0.8)


def test_unit_weights_give_the_fully_conditioned_prediction() -> None:
    rng = torch.Generator().manual_seed(0)
    predictions = [torch.randn(2, 5, STATE_DIM, generator=rng) for _ in range(4)]
    mask = local_mask(np.zeros(5))
    guided = combine_predictions(*predictions, GuidanceWeights(1.0, 1.0, 1.0), mask)
    torch.testing.assert_close(guided, predictions[3])
    alone = combine_predictions(*predictions, GuidanceWeights(0.0, 0.0, 0.0), mask)
    torch.testing.assert_close(alone, predictions[0])


def test_muscles_give_way_to_speech_as_the_procedural_backend_does() -> None:
    activity = np.array([0.0, 0.5, 1.0])
    mask = local_mask(activity)
    weights = np.full((3, len(ARKIT_NAMES)), 0.8)
    np.testing.assert_allclose(0.8 * mask[:, : len(ARKIT_NAMES)], attenuated(weights, activity), rtol=1e-6)
    assert mask[:, len(ARKIT_NAMES) :].min() == 1.0
    assert mask[2, ARKIT_INDEX["mouthClose"]] == 0.0
    assert 0.0 < mask[2, ARKIT_INDEX["mouthSmileLeft"]] < 1.0
    predictions = [torch.full((1, 3, STATE_DIM), float(value)) for value in range(4)]
    guided = combine_predictions(*predictions, GuidanceWeights(1.0, 1.0, 1.0), mask)
    torch.testing.assert_close(guided[0], 2.0 + mask)


def test_every_number_belongs_to_one_region() -> None:
    np.testing.assert_array_equal(region_masks().sum(axis=0), np.ones(STATE_DIM))


def asked_for(level: float, frames: int = 60) -> torch.Tensor:
    actions = torch.zeros(frames, ACTION_DIM)
    for name in ("browInnerUp", "mouthSmileLeft", "jawOpen", "eyeBlinkLeft"):
        actions[:, ARKIT_INDEX[name]] = level
    return actions


def test_missing_muscles_are_those_of_the_plan_and_never_of_speech() -> None:
    state, silent = torch.zeros(60, STATE_DIM), local_mask(np.zeros(60))
    missing = missing_muscles(state, asked_for(0.5), silent)
    moved = {ARKIT_NAMES[index] for index in torch.nonzero(missing.abs().amax(dim=0) > 1e-6).flatten()}
    assert moved == {"browInnerUp", "mouthSmileLeft", "eyeBlinkLeft"}, "the jaw is free"
    torch.testing.assert_close(missing[:, ARKIT_INDEX["browInnerUp"]], torch.full((60,), 0.5))
    assert not missing_muscles(state, torch.zeros(60, ACTION_DIM), silent).any()


def test_a_mouth_that_smiles_more_in_speech_is_left_alone_and_a_brow_is_not() -> None:
    state = torch.zeros(60, STATE_DIM)
    state[:, [ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["browInnerUp"]]] = 0.9
    missing = missing_muscles(state, asked_for(0.5), local_mask(np.zeros(60)))
    assert not missing[:, ARKIT_INDEX["mouthSmileLeft"]].any()
    torch.testing.assert_close(missing[:, ARKIT_INDEX["browInnerUp"]], torch.full((60,), -0.4))


def test_lids_droop_as_asked_and_blinks_stay() -> None:
    lid = ARKIT_INDEX["eyeBlinkLeft"]
    state = torch.zeros(60, STATE_DIM)
    state[28:32, lid] = 1.0
    brought_up = state + missing_muscles(state, asked_for(0.5), local_mask(np.zeros(60)))
    assert brought_up[:10, lid].mean() > 0.45
    assert brought_up[28:32, lid].min() >= 1.0
    assert not missing_muscles(state, torch.zeros(60, ACTION_DIM), local_mask(np.zeros(60)))[:, lid].any(), "nobody asked"


def test_quick_movement_around_the_asked_level_is_kept() -> None:
    brow = ARKIT_INDEX["browInnerUp"]
    state = torch.zeros(60, STATE_DIM)
    state[:, brow] = 0.5 + 0.3 * torch.sin(torch.arange(60) * 2.0 * torch.pi / 5.0)
    missing = missing_muscles(state, asked_for(0.5), local_mask(np.zeros(60)))
    assert missing[10:50, brow].abs().max() < 0.01
