import cv2
import numpy as np
import pytest

from espressivo.face.head import expression_weights
from espressivo.face.landmark_groups import INNER_LIPS
from espressivo.media.image import load_image
from espressivo.render.imaging import fill_polygon
from espressivo.render.layers import Canvas
from espressivo.render.lip_seal import lip_gaps
from espressivo.render.renderer import prepare_portrait
from espressivo.resources import example_path

REST = expression_weights()
SHUT = expression_weights(mouthPress=1, mouthClose=1)


@pytest.fixture(scope="module")
def closed(renderer):
    return renderer.fit(prepare_portrait(load_image(example_path("portrait.png")), 192))


def gaps(portrait, weights):
    return lip_gaps(portrait.fit, portrait.fit.pose(weights))


def test_a_smile_that_shows_teeth_is_seen(portrait, closed):
    assert portrait.mouth.own_teeth is not None
    assert closed.mouth.own_teeth is None
    assert closed.mouth.lips_alone is None


def test_the_photographs_teeth_stay_where_they_are_at_rest(renderer):
    portrait = renderer.fit(prepare_portrait(load_image(example_path("astronaut.jpg")), 512))
    fit, teeth = portrait.fit, portrait.mouth.own_teeth
    canvas = Canvas.around(fit.landmarks[list(INNER_LIPS)], 2, portrait.image.shape[:2], 200.0)
    colour, alpha = teeth.drawn(canvas, fit.pose(REST), 1.0)
    inside = fill_polygon(alpha.shape, canvas.cells(fit.landmarks[list(INNER_LIPS)])) > 250
    shown = (cv2.erode(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0) & (alpha > 0.95)
    assert shown.sum() > 10
    assert np.abs(colour - portrait.image[canvas.region.slices])[shown].mean() < 6


def test_the_row_of_teeth_goes_on_into_the_dark_beside_what_the_photograph_shows(portrait):
    """What a wider smile opens at the corners must not be a hole."""
    teeth = portrait.mouth.own_teeth
    columns = np.flatnonzero(teeth.alpha.max(axis=0) > 0.5)
    assert np.array_equal(columns, np.arange(columns[0], columns[-1] + 1))
    assert len(columns) > 1.1 * np.ptp(portrait.fit.landmarks[list(INNER_LIPS), 0])
    brightness = np.where(teeth.alpha > 0.5, teeth.colour.mean(axis=-1), 0).max(axis=0)
    assert brightness[columns[[0, -1]]].max() < 0.6 * brightness.max()


def test_teeth_do_not_move_with_the_jaw(portrait):
    teeth, fit = portrait.mouth.own_teeth, portrait.fit
    moved = fit.pose(expression_weights(jawOpen=0.8, mouthSmile=0.4))[teeth.vertices, :2]
    assert np.abs(moved - teeth.places).max() < 0.05 * fit.scale


def test_the_lips_of_a_smile_can_be_shut(portrait):
    assert gaps(portrait, REST).max() > 0.3
    assert gaps(portrait, SHUT).max() < 0.1


def test_each_lip_of_a_smile_lies_on_its_own_landmarks(portrait):
    """They touch at rest: one field for both would pull them together."""
    fit = portrait.fit
    marks = fit.head.landmarks(fit.pose(REST))[list(INNER_LIPS), :2]
    assert np.linalg.norm(marks - fit.landmarks[list(INNER_LIPS)], axis=1).mean() < 0.06 * fit.scale


def test_a_laughing_portrait_can_start_from_a_neutral_face(renderer, portrait):
    neutral = portrait.relaxed(0.0)
    assert gaps(portrait, REST).max() > 0.3
    assert gaps(neutral, REST).max() < 0.05
    half = gaps(portrait.relaxed(0.5), REST).max()
    assert gaps(neutral, REST).max() < half < gaps(portrait, REST).max()
    assert gaps(neutral, expression_weights(jawOpen=0.5)).max() > 0.3, "it can still speak"
    np.testing.assert_array_equal(renderer.frame(portrait.relaxed(1.0), REST), renderer.frame(portrait, REST))


def test_between_shut_lips_nothing_of_the_mouth_is_seen(renderer, portrait):
    frowning = expression_weights(mouthFrown=0.9, mouthShrugLower=0.5)
    frame = renderer.frame(portrait, frowning)
    lips = portrait.fit.head.landmarks(portrait.fit.pose(frowning))[list(INNER_LIPS), :2]
    inside = cv2.dilate(fill_polygon(frame.shape[:2], lips), np.ones((3, 3), np.uint8)) > 127
    assert inside.sum() > 20
    assert frame[inside].mean(axis=-1).min() > 0.5 * portrait.mouth.lip.mean()


def test_lips_that_are_shut_are_not_moved_by_the_seal(closed):
    assert np.abs(closed.fit.seal).max() < 0.1 * closed.fit.scale


def test_an_open_mouth_stays_the_photograph_until_it_moves(portrait, closed):
    for fitted in (portrait, closed):
        assert fitted.mouth.opening(fitted.fit, fitted.fit.pose(REST)) == 0
    assert portrait.mouth.opening(portrait.fit, portrait.fit.pose(SHUT)) == 1
    assert closed.mouth.opening(closed.fit, closed.fit.pose(SHUT)) == 0
    assert closed.mouth.opening(closed.fit, closed.fit.pose(expression_weights(jawOpen=0.4))) == 1


def test_a_joy_on_a_smile_is_not_two_smiles(portrait, closed):
    joy = expression_weights(mouthSmile=1)
    assert portrait.fit.total_weights(joy).max() < 0.85 < closed.fit.total_weights(joy).max()
    for fitted in (portrait, closed):
        rising = [fitted.fit.total_weights(expression_weights(mouthSmile=a)) for a in np.linspace(0, 1, 6)]
        assert (np.diff(rising, axis=0).sum(axis=1) > 0).all()


def test_the_mouth_of_a_grey_picture_is_grey(renderer, closed):
    grey = np.repeat(closed.image.mean(axis=-1, keepdims=True), 3, axis=-1).astype(np.uint8)
    assert np.ptp(renderer.fit(grey).mouth.tissue, axis=1).max() < 1
    assert np.ptp(closed.mouth.tissue, axis=1).max() > 20
