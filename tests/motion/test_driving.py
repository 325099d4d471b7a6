from fractions import Fraction

import numpy as np
import pytest

from espressivo.emotion import parse_emotion, plan_emotion
from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.head import expression_weights
from espressivo.face.track import FacialActionTrack
from espressivo.motion.driving import MOUTH, drive, on_clock
from espressivo.speech.analysis import analyse_speech

FPS = Fraction(25)


@pytest.fixture(scope="module")
def performance():
    frames = 40
    wave = np.sin(np.linspace(0, 3 * np.pi, frames)) ** 2
    weights = np.outer(wave, expression_weights(jawOpen=0.8, mouthSmile=0.5, browInnerUp=0.7, eyeBlink=0.4))
    rotation = np.stack([0.1 * wave] * 3, axis=1)
    return FacialActionTrack(weights, rotation, np.zeros((frames, 3)), FPS)


def test_alone_it_is_the_performance(performance):
    track = drive(performance, fps=FPS, duration_s=performance.duration_s)
    np.testing.assert_allclose(track.weights, performance.weights, atol=1e-6)
    np.testing.assert_array_equal(track.head_rotation, performance.head_rotation)


@pytest.mark.parametrize("fps", [Fraction(30), Fraction(30000, 1001), Fraction(12)])
def test_another_clock_keeps_the_timing(performance, fps):
    track = on_clock(performance, fps, performance.duration_s)
    assert track.fps == fps
    peak = track.shape("jawOpen").argmax() / float(fps)
    assert min(abs(peak - wanted) for wanted in np.flatnonzero(performance.shape("jawOpen") > 0.78) / 25) < 0.1


def test_it_is_cut_and_held_but_not_stretched(performance):
    assert len(on_clock(performance, FPS, 0.8)) == 20
    held = on_clock(performance, FPS, performance.duration_s + 0.4)
    np.testing.assert_array_equal(held.weights[-1], performance.weights[-1])
    with pytest.raises(TrackError) as caught:
        on_clock(performance, FPS, performance.duration_s + 1)
    assert caught.value.code == "track.length"


def test_gains_reach_what_they_name(performance):
    track = drive(
        performance, fps=FPS, duration_s=performance.duration_s, speech_scale=0, muscle_scale=0.5, head_scale=0, gaze_scale=0
    )
    assert track.weights[:, MOUTH].max() == 0
    np.testing.assert_allclose(track.shape("browInnerUp"), 0.5 * performance.shape("browInnerUp"), atol=1e-6)
    np.testing.assert_allclose(track.shape("eyeBlinkLeft"), performance.shape("eyeBlinkLeft"), atol=1e-6)
    assert np.abs(track.head_rotation).max() == 0


def test_other_words_take_the_mouth_and_leave_the_rest(performance, short_speech):
    heard = analyse_speech(short_speech, transcript=None)
    track = drive(performance, fps=FPS, duration_s=short_speech.duration_s, speech=heard)
    count = len(track)
    np.testing.assert_allclose(track.shape("browInnerUp"), performance.shape("browInnerUp")[:count], atol=1e-6)
    np.testing.assert_array_equal(track.head_rotation, performance.head_rotation[:count])
    assert track.shape("jawOpen").max() > 0.1
    assert not np.allclose(track.shape("jawOpen"), performance.shape("jawOpen")[:count], atol=0.05)
    assert (
        np.abs(np.diff(track.shape("mouthSmileLeft"))).max() < np.abs(np.diff(performance.shape("mouthSmileLeft"))).max() + 0.05
    )


def test_a_plan_adds_its_muscles_and_spares_the_lips(performance):
    plan = plan_emotion(parse_emotion("anger", duration_s=performance.duration_s))
    track = drive(performance, fps=FPS, duration_s=performance.duration_s, plan=plan, seed=1)
    added = (track.weights - performance.weights).max(axis=0)
    assert added[ARKIT_INDEX["browDownLeft"]] > 0.2
    assert (track.weights - performance.weights).min() > -1e-6 or added.min() >= 0
    np.testing.assert_array_equal(track.head_rotation, performance.head_rotation)
    louder = drive(performance, fps=FPS, duration_s=performance.duration_s, plan=plan, seed=1, emotion_scale=0.0)
    np.testing.assert_allclose(louder.weights, performance.weights, atol=1e-6)
    assert len(ARKIT_NAMES) == track.weights.shape[1]
