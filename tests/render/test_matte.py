import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.face.head import expression_weights
from espressivo.media.image import load_image
from espressivo.render.pixels import classify, kinds_of, static_background
from espressivo.render.regions import Region
from espressivo.render.renderer import prepare_portrait
from espressivo.render.warp import _sway
from espressivo.resources import example_path
from espressivo.seeds import numpy_generator

REST = expression_weights()


@pytest.fixture(scope="module")
def hopper(renderer):
    return renderer.fit(prepare_portrait(load_image(example_path("grace_hopper.jpg")), 256))


def placed(portrait, x, y):
    region = portrait.warp.region
    return portrait.matte.alpha[round(y) - region.top, round(x) - region.left]


def test_the_face_is_the_person_and_the_upper_corners_are_not(hopper):
    region, alpha = hopper.warp.region, hopper.matte.alpha
    assert alpha.shape == (region.height, region.width)
    assert all(placed(hopper, *mark) == 255 for mark in hopper.fit.landmarks[[1, 50, 280, 9, 152]])
    assert max(alpha[0, 0], alpha[0, -1]) == 0


def test_the_background_is_the_photograph_where_it_is_seen(hopper):
    seen = hopper.matte.alpha == 0
    assert seen.sum() > 1000
    window = hopper.image[hopper.warp.region.slices]
    assert np.abs(window.astype(int) - hopper.matte.background)[seen].max() == 0


def test_a_turning_head_leaves_the_background_alone(renderer, hopper):
    far = cv2.dilate(hopper.matte.alpha, np.ones((61, 61), np.uint8)) == 0
    window = hopper.warp.region.slices
    for rotation in ((0.0, 0.3, 0.0), (0.2, -0.2, 0.1)):
        frame = renderer.frame(hopper, REST, np.array(rotation))
        assert np.abs(frame[window].astype(int) - hopper.image[window])[far].max() == 0


def test_the_matte_is_the_same_every_time(renderer, hopper):
    cv2.setRNGSeed(77)
    again = renderer.fit(hopper.image)
    assert (again.matte.alpha == hopper.matte.alpha).all()
    assert (again.matte.background == hopper.matte.background).all()


def put_back(moved, places, alpha, background):
    seen, _ = classify(places, kinds_of(alpha), 5, 7)
    static_background(moved, seen, places, alpha, background, 5, 7)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.floats(-9, 9), st.floats(-9, 9))
def test_a_background_that_was_moved_is_put_back(seed, dx, dy):
    rng = numpy_generator(seed, "background")
    background = rng.integers(0, 256, (20, 24, 3), np.uint8)
    moved = rng.integers(0, 256, (20, 24, 3), np.uint8)
    places = Region(5, 7, 29, 27).grid() + np.array([dx, dy], np.float32)
    person = moved.copy()
    put_back(moved, places, np.zeros((20, 24), np.uint8), background)
    assert (moved == background).all()
    put_back(person, places, np.full((20, 24), 255, np.uint8), background)
    assert (person != background).any()


def test_where_nothing_moves_nothing_changes():
    rng = numpy_generator(1, "background")
    picture, background = (rng.integers(0, 256, (16, 16, 3), np.uint8) for _ in range(2))
    alpha = rng.integers(1, 256, (16, 16), np.uint8)
    still = picture.copy()
    put_back(still, Region(5, 7, 21, 23).grid(), alpha, background)
    assert (still == picture).all()


def test_the_shoulders_rise_with_a_breath_and_the_background_does_not(renderer, hopper):
    matte, window = hopper.matte, hopper.warp.region.slices
    frame = renderer.frame(hopper, REST, head_translation=np.array([0.0, 0.02, 0.0]))[window].astype(int)
    rows = np.arange(matte.alpha.shape[0])[:, None] + hopper.warp.region.top
    body = (matte.alpha == 255) & (rows > hopper.fit.landmarks[152, 1] + 3 * hopper.fit.scale)
    difference = np.abs(frame - hopper.image[window]).max(axis=-1)
    assert difference[body].mean() > 0.5
    assert difference[cv2.dilate(matte.alpha, np.ones((41, 41), np.uint8)) == 0].max() == 0


def test_the_sway_of_the_body_is_small(hopper):
    body, fit = hopper.warp.body, hopper.fit
    assert 0 <= body.min() <= body.max() <= 1
    far, near = (np.abs(_sway(fit.motion(np.zeros(3), np.array([s, s, 0.0])), fit.scale)).max() for s in (1.0, 0.01))
    assert near < far <= 0.2 * fit.scale + 1e-3


def test_a_wrong_guess_of_the_background_leaves_no_black_patch():
    """A dark photograph whose guessed background is bright where it comes from and dark where it goes to."""
    shape = (4, 8)
    alpha = np.full(shape, 5, np.uint8)
    background = np.full((*shape, 3), 200, np.uint8)
    background[:, :4] = 60
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    places = np.stack([x + 4, y], axis=-1)
    moved = np.full((*shape, 3), 50, np.uint8)
    put_back(moved, places, alpha, background)
    assert moved[:, :3].min() >= 48
