"""The conditions of the denoiser."""

from dataclasses import replace

import numpy as np
import pytest

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.motion.state import (
    ACTION_DIM,
    MODEL_FPS,
    Conditions,
    emotion_condition,
    emotion_dim,
    emotion_faces,
    speech_condition,
    speech_dim,
)
from espressivo.motion.visemes import visemes
from espressivo.speech.phones import Phone

NUM_VISEMES = len(visemes())


def times(frames: int) -> np.ndarray:
    return (np.arange(frames) + 0.5) / float(MODEL_FPS)


@pytest.fixture(scope="module")
def heard(short_speech):
    from espressivo.speech.analysis import analyse_speech

    return replace(analyse_speech(short_speech), phones=(Phone("M", 0.2, 0.3), Phone("AA", 0.3, 0.5, 1)))


def test_each_half_of_a_frame_is_shared_out_among_the_sounds(heard) -> None:
    condition, activity = speech_condition(heard, times(30))
    assert condition.shape == (30, speech_dim())
    assert activity.shape == (30,)
    for half in (slice(0, NUM_VISEMES), slice(NUM_VISEMES, 2 * NUM_VISEMES)):
        np.testing.assert_allclose(condition[:, half].sum(axis=1), 1.0, atol=1e-6)
    closed, opened = list(visemes()).index("MM"), list(visemes()).index("aa")
    # Frame 7 lasts from .28 to .32 s: its first half is m, its second half a stressed a.
    assert condition[7, closed] == pytest.approx(1.0)
    assert condition[7, NUM_VISEMES + opened] == pytest.approx(1.0)
    assert condition[7, 2 * NUM_VISEMES] == pytest.approx(0.5)


def test_without_speech_there_is_silence() -> None:
    condition, activity = speech_condition(None, times(12))
    assert activity.max() == 0.0
    np.testing.assert_allclose(condition[:, list(visemes()).index("sil")], 1.0)
    assert condition[:, 2 * NUM_VISEMES :].max() == 0.0


def test_emotion_is_scaled_by_its_intensity() -> None:
    weak, strong = (
        emotion_condition(plan_emotion(EmotionRequest(label="joy", intensity=value, duration_s=2.0)), times(50))
        for value in (0.3, 0.9)
    )
    assert weak.shape == (50, emotion_dim())
    joy = emotion_faces().index("joy")
    assert strong[:, joy].mean() > weak[:, joy].mean() > 0.0
    np.testing.assert_allclose(strong[:, -1], 0.9, atol=1e-6)


def test_emotions_without_a_face_of_their_own_count_as_an_ancestor() -> None:
    plan = plan_emotion(EmotionRequest(label="jubilation", intensity=0.8, duration_s=2.0))
    shares = emotion_condition(plan, times(10))[:, : len(emotion_faces())]
    assert shares.sum(axis=1) == pytest.approx(0.8, abs=1e-6)


def test_conditions_share_their_frames(heard) -> None:
    plan = plan_emotion(EmotionRequest(label="fear", intensity=0.8, duration_s=1.2))
    conditions = Conditions.of(plan, heard, num_frames=30, seed=3)
    assert len(conditions) == 30
    assert conditions.actions.shape == (30, ACTION_DIM)
    assert np.isfinite(conditions.actions).all()
    again = Conditions.of(plan, heard, num_frames=30, seed=3)
    assert again.actions.tobytes() == conditions.actions.tobytes()
