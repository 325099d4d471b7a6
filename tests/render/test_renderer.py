from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest

from espressivo.errors import Cancelled, ImageInputError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import expression_weights
from espressivo.face.landmark_groups import LIP_PAIRS, MOUTH_CORNERS, NOSE_TIP
from espressivo.face.landmarks import FaceLandmarker
from espressivo.face.pose import rotation_matrix
from espressivo.face.track import FacialActionTrack
from espressivo.media.image import load_image
from espressivo.progress import CancelToken
from espressivo.render.renderer import held_back, prepare_portrait
from espressivo.resources import example_path
from espressivo.seeds import numpy_generator

REST = expression_weights()
EVERYTHING = {
    "smile": expression_weights(mouthSmile=0.9, cheekSquint=0.6),
    "shout": expression_weights(jawOpen=0.7, browDown=0.8, mouthUpperUp=0.4),
    "blink": expression_weights(eyeBlink=1, mouthPucker=0.7),
    "glance": expression_weights(eyeLookOutLeft=0.9, eyeLookInRight=0.9, browInnerUp=0.8),
    "all": np.ones(52, np.float32),
}


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker() as found:
        yield found


def read(landmarker, frame):
    enlarged = cv2.resize(frame, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    return landmarker.detect(enlarged)[0]


def wave(frames=6):
    weights = np.zeros((frames, 52), np.float32)
    weights[:, ARKIT_INDEX["jawOpen"]] = np.linspace(0, 0.6, frames)
    rotation = np.stack([np.linspace(0, 0.1, frames)] * 3, axis=1)
    return FacialActionTrack(weights, rotation, np.zeros((frames, 3)), Fraction(25))


def test_at_rest_the_portrait_is_the_photograph(renderer, portrait, photograph):
    frame = renderer.frame(portrait, REST)
    assert frame.shape == photograph.shape
    assert frame.dtype == np.uint8
    error = np.mean((frame.astype(float) - photograph) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) > 45
    assert np.abs(frame.astype(int) - photograph).max() < 24


@pytest.mark.parametrize("name", EVERYTHING)
def test_only_the_surroundings_of_the_head_move(renderer, portrait, photograph, name):
    frame = renderer.frame(portrait, EVERYTHING[name])
    outside = np.ones(frame.shape[:2], bool)
    outside[portrait.warp.region.slices] = False
    assert (frame[outside] == photograph[outside]).all()
    assert np.abs(frame.astype(int) - photograph).max() > 10


def test_what_is_far_from_the_head_stays(renderer, portrait, photograph):
    moving = portrait.warp.fade + portrait.warp.body
    still = cv2.resize(moving, (photograph.shape[1], photograph.shape[0]), interpolation=cv2.INTER_LINEAR) == 0
    assert portrait.warp.region.width == photograph.shape[1]
    assert still.mean() > 0
    frame = renderer.frame(portrait, EVERYTHING["shout"], np.array([0.1, 0.2, 0.1]), np.array([0.1, 0, 0]))
    assert (frame[still] == photograph[still]).all()


def test_a_smile_raises_and_widens_the_mouth(renderer, portrait, landmarker):
    rest = read(landmarker, renderer.frame(portrait, expression_weights(mouthFrown=0.6)))
    smile = read(landmarker, renderer.frame(portrait, EVERYTHING["smile"]))
    corners = list(MOUTH_CORNERS)
    assert (smile.points[corners, 1] < rest.points[corners, 1] - 1).all()


def test_the_jaw_opens_the_mouth(renderer, portrait, landmarker):
    gaps = []
    for amount in (0.0, 0.4, 0.8):
        points = read(landmarker, renderer.frame(portrait, expression_weights(jawOpen=amount))).points
        upper, lower = LIP_PAIRS[3]
        gaps.append(points[lower, 1] - points[upper, 1])
    assert gaps[0] < gaps[1] < gaps[2]


def test_a_blink_closes_the_asked_eye_alone(renderer, portrait, landmarker):
    reading = read(landmarker, renderer.frame(portrait, expression_weights(eyeBlinkLeft=1))).blendshapes
    assert reading[ARKIT_INDEX["eyeBlinkLeft"]] > reading[ARKIT_INDEX["eyeBlinkRight"]] + 0.2


def test_signs_of_the_pose(renderer, portrait, landmarker):
    def nose(rotation=(0, 0, 0), translation=(0, 0, 0)):
        return read(landmarker, renderer.frame(portrait, REST, np.array(rotation), np.array(translation))).points[NOSE_TIP]

    rest = nose()
    assert nose(rotation=(0, 0.2, 0))[0] > rest[0] + 3, "yaw > 0 turns to the viewer's right"
    assert nose(rotation=(0.15, 0, 0))[1] < rest[1] - 3, "pitch > 0 looks up"
    assert nose(rotation=(0, 0, 0.2))[0] > rest[0] + 3, "roll > 0 tilts clockwise"
    assert nose(translation=(0.1, 0, 0))[0] > rest[0] + 3
    assert nose(translation=(0, 0.1, 0))[1] < rest[1] - 3


def test_slow_motion_does_not_jump(renderer, portrait):
    amounts = np.linspace(0.0, 0.5, 21)
    frames = [renderer.frame(portrait, expression_weights(jawOpen=a, mouthSmile=a, eyeBlink=a)).astype(float) for a in amounts]
    steps = [np.abs(b - a).mean() for a, b in pairwise(frames)]
    assert max(steps) < 5 * np.median(steps) + 0.05


def test_two_threads_share_a_renderer(renderer, portrait):
    track = wave()
    alone = list(renderer.frames(portrait, track))
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda _: list(renderer.frames(portrait, track)), range(2)))
    for frames in together:
        assert all((a == b).all() for a, b in zip(alone, frames, strict=True))


@pytest.mark.parametrize("threads", [2, 3])
def test_several_frames_at_once_are_the_same_frames(renderer, portrait, threads):
    track = wave()
    together = renderer.frames(portrait, track, threads=threads)
    assert all((a == b).all() for a, b in zip(renderer.frames(portrait, track), together, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_a_run_can_be_stopped(renderer, portrait, threads):
    cancel = CancelToken()
    frames = renderer.frames(portrait, wave(), cancel=cancel, threads=threads)
    next(frames)
    cancel.cancel()
    with pytest.raises(Cancelled):
        list(frames)


@pytest.mark.parametrize("crop", [(0, 0, 176, 151), (0, 24, 133, 176), (0, 30, 120, 150)])
def test_odd_sizes_and_faces_at_the_border(renderer, photograph, crop):
    top, left, bottom, right = crop
    image = np.ascontiguousarray(photograph[top:bottom, left:right])
    portrait = renderer.fit(image)
    for weights in EVERYTHING.values():
        frame = renderer.frame(portrait, weights, np.array([0.1, -0.2, 0.1]), np.array([0.1, 0.1, 0.1]))
        assert frame.shape == image.shape


def test_the_photograph_is_left_alone(renderer, portrait, photograph):
    before = photograph.copy()
    renderer.frame(portrait, EVERYTHING["all"])
    assert (portrait.image == before).all()


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (np.full((160, 160, 3), 128, np.uint8), "image.no_face"),
        (np.zeros((160, 160), np.uint8), "image.shape"),
        (np.zeros((160, 160, 3), np.float32), "image.shape"),
    ],
)
def test_pictures_that_cannot_be_used_are_refused(renderer, image, code):
    with pytest.raises(ImageInputError) as caught:
        renderer.fit(image)
    assert caught.value.code == code


def test_a_turn_too_far_is_held_back(renderer, portrait, landmarker):
    far = renderer.frame(portrait, REST, np.array([0, 1.0, 0]))
    assert (far == renderer.frame(portrait, REST, np.array([0, 0.95, 0]))).mean() > 0.9
    assert read(landmarker, far).head_rotation[1] < 0.7


def test_a_turned_head_is_turned_back_less(portrait):
    turned = replace(portrait.fit, rotation=rotation_matrix(0.0, 0.4, 0.0).astype(np.float32))
    yaws = [held_back(np.array([0, yaw, 0], np.float32), turned)[1] for yaw in (-0.3, -0.05, 0.0, 0.3)]
    np.testing.assert_allclose(yaws[1:], [-0.05, 0, 0.3], atol=1e-6)
    assert -0.15 < yaws[0] < -0.05


@pytest.mark.slow
def test_a_large_portrait_is_not_shrunk(renderer):
    """At 4k the frame is as large and as sharp as the photograph, wherever the face does not move."""
    side = 3840
    small = load_image(example_path("portrait_2.png"))[:768, :768]
    grain = numpy_generator(3, "grain").normal(0, 6, (side, side, 1)).astype(np.float32)
    large = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC) + grain
    image = np.clip(large, 0, 255).astype(np.uint8)
    portrait = renderer.fit(prepare_portrait(image, None))
    assert portrait.image.shape == image.shape
    frame = renderer.frame(portrait, expression_weights(jawOpen=0.5, mouthSmile=0.3), np.array([0.0, 0.05, 0.0]))
    assert frame.shape == image.shape
    outside = np.ones(image.shape[:2], bool)
    outside[portrait.warp.region.slices] = False
    assert (frame[outside] == image[outside]).all()

    def roughness(picture):
        x, y = portrait.fit.landmarks[9].round().astype(int)
        patch = picture[y - 120 : y + 20, x - 80 : x + 80].astype(np.float32)
        return float((patch - cv2.GaussianBlur(patch, (0, 0), 2)).std())

    assert roughness(frame) > 0.75 * roughness(image)
