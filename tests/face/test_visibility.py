import cv2
import numpy as np
import pytest

from espressivo.errors import ImageInputError
from espressivo.face.head import expression_weights
from espressivo.face.landmarks import FaceLandmarker, find_single_face
from espressivo.face.visibility import face_visibility
from espressivo.media.image import load_image
from espressivo.render.renderer import PortraitRenderer, prepare_portrait
from espressivo.resources import example_path

MOUTH, RIGHT_EYE, LEFT_EYE = [61, 291, 0, 17], [33], [263]


def example(name, size=384):
    return prepare_portrait(load_image(example_path(name)), size)


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker() as found:
        yield found


def covered(image, face, low, high, colour):
    """A copy with a plain patch from ``low`` to ``high`` landmarks, a sixth of the face beyond them."""
    margin = face.face_height_px / 6
    (x0, _), (x1, _) = face.points[low, :2].min(axis=0), face.points[high, :2].max(axis=0)
    middle = (face.points[low, 1].mean() + face.points[high, 1].mean()) / 2
    patched = image.copy()
    start, end = (int(x0 - margin), int(middle - margin)), (int(x1 + margin), int(middle + margin))
    cv2.rectangle(patched, start, end, colour, -1)
    return patched


@pytest.mark.parametrize("name", ["portrait.png", "portrait_2.png", "astronaut.jpg", "grace_hopper.jpg"])
def test_the_examples_are_seen_well(landmarker, name):
    image = example(name, 512)
    seen = face_visibility(image, landmarker.detect(image)[0])
    assert seen.sharpness > 0.04
    assert seen.mouth > 0.04
    assert seen.shows_eyes


def test_blur_lowers_the_sharpness_and_is_refused(landmarker):
    image = example("portrait_2.png")
    face = landmarker.detect(image)[0]
    blurs = [cv2.GaussianBlur(image, (0, 0), part * face.face_height_px) for part in (0.005, 0.01, 0.03)]
    values = [face_visibility(blurred, face).sharpness for blurred in (image, *blurs)]
    assert values == sorted(values, reverse=True)
    with pytest.raises(ImageInputError) as caught:
        find_single_face(blurs[-1])
    assert caught.value.code == "image.blurred"


def test_a_covered_mouth_is_refused(landmarker):
    image = example("portrait.png")
    masked = covered(image, landmarker.detect(image)[0], MOUTH, MOUTH, (90, 100, 160))
    with pytest.raises(ImageInputError) as caught:
        find_single_face(masked)
    assert caught.value.code == "image.face_covered"


def test_a_face_that_was_shrunk_is_too_small():
    with pytest.raises(ImageInputError) as caught:
        find_single_face(example("portrait.png", 96))
    assert caught.value.code == "image.face_too_small"


def test_two_people_are_too_many():
    side = np.hstack([example("portrait.png", 256), example("portrait_2.png", 256)[:, :256]])
    with pytest.raises(ImageInputError) as caught:
        find_single_face(np.ascontiguousarray(side))
    assert caught.value.code == "image.many_faces"


def test_eyes_behind_dark_glasses_keep_still(landmarker):
    image = example("portrait.png", 256)
    masked = covered(image, landmarker.detect(image)[0], RIGHT_EYE, LEFT_EYE, (25, 25, 28))
    renderer = PortraitRenderer.from_pretrained()
    portrait = renderer.fit(masked)
    assert portrait.eyes == ()
    rest = renderer.frame(portrait, expression_weights())
    assert (renderer.frame(portrait, expression_weights(eyeBlink=1, eyeWide=0.5)) == rest).all()
    assert (renderer.frame(portrait, expression_weights(jawOpen=0.5)) != rest).any()
