from fractions import Fraction

import numpy as np
import pytest

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import expression_weights
from espressivo.face.landmarks import FaceLandmarks
from espressivo.render.tracking import track_performance

FPS = Fraction(25)


def seen(fit, weights, rotation=(0, 0, 0), translation=(0, 0, 0)):
    """Landmarks as a perfect detector would give them for a performance."""
    motion = fit.motion(np.array(rotation), np.array(translation))
    points = fit.head.landmarks(fit.project(fit.vertices(fit.total_weights(weights)), motion))
    iris = np.zeros((10, 3), np.float32)
    return FaceLandmarks(
        np.concatenate([points, iris]).astype(np.float32), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0
    )


def test_the_portrait_itself_is_rest(portrait):
    track = track_performance(portrait.fit, [seen(portrait.fit, expression_weights())], FPS)
    assert track.weights.max() < 0.1
    assert np.abs(track.head_rotation).max() < 0.02
    assert np.abs(track.head_translation).max() < 0.02


@pytest.mark.parametrize(("shape", "amount"), [("jawOpen", 0.6), ("mouthPucker", 0.7), ("browInnerUp", 0.8)])
def test_a_performance_is_read_again(portrait, shape, amount):
    rest, acted = expression_weights(), expression_weights(**{shape: amount})
    track = track_performance(portrait.fit, [seen(portrait.fit, rest), seen(portrait.fit, acted)], FPS)
    change = track.weights[1] - track.weights[0]
    assert change[ARKIT_INDEX[shape]] == pytest.approx(amount, abs=0.3)
    assert change.argmax() == ARKIT_INDEX[shape]


def test_the_pose_is_read_again(portrait):
    pose = (0.1, -0.15, 0.08)
    track = track_performance(portrait.fit, [seen(portrait.fit, expression_weights(), pose, (0.05, -0.04, 0))], FPS)
    np.testing.assert_allclose(track.head_rotation[0], pose, atol=0.03)
    np.testing.assert_allclose(track.head_translation[0, :2], (0.05, -0.04), atol=0.02)


def test_no_frames_are_no_track(portrait):
    with pytest.raises(TrackError) as caught:
        track_performance(portrait.fit, [], FPS)
    assert caught.value.code == "track.shape"
