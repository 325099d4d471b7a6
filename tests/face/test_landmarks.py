from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from espressivo.errors import CheckpointError, ImageInputError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import MorphableHead, expression_weights
from espressivo.face.landmark_groups import LEFT_EYE, RIGHT_EYE
from espressivo.face.landmarks import MIN_FACE_PX, FaceLandmarker, find_single_face
from espressivo.face.pose import rotation_matrix
from espressivo.training.head.correspondence import render_preview
from espressivo.training.head.mesh import HeadMesh

EXAMPLES = Path(__file__).resolve().parents[2] / "demo" / "examples"


@pytest.fixture(scope="module")
def photo():
    """An astronaut, public domain: one face."""
    return np.asarray(Image.open(EXAMPLES / "astronaut.jpg").convert("RGB"))


@pytest.fixture(scope="module")
def landmarker():
    with FaceLandmarker(num_faces=4) as opened:
        yield opened


@pytest.fixture(scope="module")
def head():
    return MorphableHead.from_pretrained()


def render(head, yaw_rad=0.0, **shapes):
    mesh = HeadMesh(
        head.neutral.astype(float), head.triangles.astype(np.int64), head.tissue, head.expression.astype(float), head.identity
    )
    vertices = head.vertices(np.zeros(head.num_identity_modes), expression_weights(**shapes)).astype(float)
    return render_preview(mesh, vertices @ rotation_matrix(0, yaw_rad, 0).T, 512)[0]


def test_one_face_with_everything_in_range(landmarker, photo):
    (face,) = landmarker.detect(photo)
    assert face.points.shape == (478, 3)
    assert face.points.dtype == np.float32
    assert face.blendshapes.shape == (52,)
    assert face.blendshapes.min() >= 0
    assert face.blendshapes.max() <= 1
    assert face.blendshapes[ARKIT_INDEX["tongueOut"]] == 0
    assert face.transform.shape == (4, 4)
    assert 0.5 < face.confidence <= 1
    left, top, right, bottom = face.box
    assert 0 < left < right < photo.shape[1]
    assert 0 < top < bottom < photo.shape[0]


def test_left_is_the_subjects_left(landmarker, photo):
    (face,) = landmarker.detect(photo)
    assert face.points[list(LEFT_EYE), 0].mean() > face.points[list(RIGHT_EYE), 0].mean()


def test_blendshapes_read_the_right_side_of_a_render(landmarker, head):
    (face,) = landmarker.detect(render(head, mouthSmileLeft=1.0))
    assert face.blendshapes[ARKIT_INDEX["mouthSmileLeft"]] > 4 * face.blendshapes[ARKIT_INDEX["mouthSmileRight"]] + 0.02


@pytest.mark.parametrize("yaw_rad", [-0.3, 0.3])
def test_pose_of_a_render(landmarker, head, yaw_rad):
    (face,) = landmarker.detect(render(head, yaw_rad))
    _, found_yaw, found_roll = face.head_rotation
    assert abs(found_yaw - yaw_rad) < 0.12
    assert abs(found_roll) < 0.1


def test_single_face_is_found_quietly(photo, capfd):
    assert find_single_face(photo).face_height_px > MIN_FACE_PX
    assert capfd.readouterr() == ("", "")


def test_no_face():
    with pytest.raises(ImageInputError) as caught:
        find_single_face(np.full((200, 300, 3), 127, np.uint8))
    assert caught.value.code == "image.no_face"


def test_many_faces_and_the_largest_of_them(photo):
    left, top, right, bottom = (round(edge) for edge in find_single_face(photo).box)
    margin = (bottom - top) // 2
    large = photo[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]
    small = cv2.resize(large, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    pair = np.zeros((large.shape[0], large.shape[1] + small.shape[1], 3), np.uint8)
    pair[:, : large.shape[1]] = large
    pair[: small.shape[0], large.shape[1] :] = small
    with pytest.raises(ImageInputError) as caught:
        find_single_face(pair)
    assert caught.value.code == "image.many_faces"
    assert find_single_face(pair, face="largest").box[2] < large.shape[1]


def test_small_face(photo):
    face = find_single_face(photo)
    scale = 0.8 * MIN_FACE_PX / face.face_height_px
    with pytest.raises(ImageInputError) as caught:
        find_single_face(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    assert caught.value.code == "image.face_too_small"


def test_turned_face(head):
    with pytest.raises(ImageInputError) as caught:
        find_single_face(render(head, 0.9))
    assert caught.value.code == "image.face_turned"


def test_cut_face(photo):
    _, top, _, bottom = find_single_face(photo).box
    with pytest.raises(ImageInputError) as caught:
        find_single_face(np.ascontiguousarray(photo[: int(bottom - 0.2 * (bottom - top))]))
    assert caught.value.code == "image.face_cut"


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 4), (0, 64, 3)])
def test_wrong_shapes_are_named(landmarker, shape):
    with pytest.raises(ImageInputError) as caught:
        landmarker.detect(np.zeros(shape, np.uint8))
    assert caught.value.code == "image.shape"


def test_video_mode_needs_rising_times(photo):
    with FaceLandmarker(mode="video") as landmarker:
        assert len(landmarker.detect(photo, timestamp_ms=0)) == 1
        assert len(landmarker.detect(photo, timestamp_ms=40)) == 1
        with pytest.raises(ValueError, match="rise"):
            landmarker.detect(photo, timestamp_ms=40)
        with pytest.raises(ValueError, match="video mode"):
            landmarker.detect(photo)


def test_threads_share_a_landmarker(landmarker, photo):
    mirrored = np.ascontiguousarray(photo[:, ::-1])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(landmarker.detect, [photo, mirrored] * 4))
    for faces in found[2::2]:
        assert np.array_equal(faces[0].points, found[0][0].points)
    for faces in found[3::2]:
        assert np.array_equal(faces[0].points, found[1][0].points)


def test_missing_model_is_a_checkpoint_error(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        FaceLandmarker(model_path=tmp_path / "none.task")
    assert caught.value.code == "checkpoint.missing"
