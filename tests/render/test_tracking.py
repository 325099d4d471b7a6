from fractions import Fraction

import numpy as np
import pytest

from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_INDEX, expand_sides
from espressivo.face.head import expression_weights
from espressivo.face.landmarks import FaceLandmarks
from espressivo.render.tracking import track_performance

FPS = Fraction(25)


def seen(fit, weights, rotation=(0, 0, 0), translation=(0, 0, 0)):
    """Landmarks as a perfect detector would give them for a performance on a portrait that yields to it."""
    motion = fit.motion(np.array(rotation), np.array(translation))
    points = fit.head.landmarks(fit.pose(weights, motion))
    iris = np.zeros((10, 3), np.float32)
    return FaceLandmarks(
        np.concatenate([points, iris]).astype(np.float32), np.zeros(52, np.float32), np.eye(4, dtype=np.float32), 1.0
    )


@pytest.fixture(scope="module")
def fit(portrait):
    return portrait.yielding().fit


def own(fit, **shapes):
    return np.maximum(fit.own_expression / fit.gain, expression_weights(**shapes))


def test_the_portrait_itself_shows_its_own_expression(fit):
    track = track_performance(fit, [seen(fit, own(fit))], FPS)
    np.testing.assert_allclose(track.weights[0], own(fit), atol=0.2)
    assert np.abs(track.head_rotation).max() < 0.02
    assert np.abs(track.head_translation).max() < 0.02


@pytest.mark.parametrize(("shape", "amount"), [("jawOpen", 0.6), ("mouthPucker", 0.7), ("browInnerUp", 0.8), ("mouthSmile", 0.9)])
def test_a_performance_is_read_again(fit, shape, amount):
    track = track_performance(fit, [seen(fit, own(fit)), seen(fit, own(fit, **{shape: amount}))], FPS)
    change = track.weights[1] - track.weights[0]
    columns = [ARKIT_INDEX[name] for name in expand_sides(shape)]
    assert track.weights[1, columns].mean() == pytest.approx(amount, abs=0.2)
    assert change.argmax() in columns


def test_a_smile_of_the_portrait_can_be_wiped_off(fit):
    smiling = fit.own_expression[ARKIT_INDEX["mouthSmileLeft"]]
    assert smiling > 0.3, "the astronaut smiles"
    track = track_performance(fit, [seen(fit, expression_weights())], FPS)
    assert track.shape("mouthSmileLeft")[0] < 0.15


def test_an_opening_jaw_does_not_turn_the_head(fit):
    still, open_wide = seen(fit, own(fit)), seen(fit, own(fit, jawOpen=1.0))
    track = track_performance(fit, [still, open_wide], FPS)
    assert np.abs(track.head_rotation[1]).max() < 0.03
    assert np.abs(track.head_translation[1]).max() < 0.03


@pytest.mark.parametrize(
    ("pose", "place"), [((0.1, -0.15, 0.08), (0.05, -0.04, 0.1)), ((-0.2, 0.25, -0.1), (-0.1, 0.1, -0.2)), ((0, 0, 0), (0, 0, 0))]
)
def test_the_pose_is_read_again(fit, pose, place):
    track = track_performance(fit, [seen(fit, own(fit), pose, place)], FPS)
    np.testing.assert_allclose(track.head_rotation[0], pose, atol=0.03)
    np.testing.assert_allclose(track.head_translation[0], place, atol=0.03)


def test_no_frames_are_no_track(portrait):
    with pytest.raises(TrackError) as caught:
        track_performance(portrait.fit, [], FPS)
    assert caught.value.code == "track.shape"
