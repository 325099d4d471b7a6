import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.errors import CheckpointError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, mirror_name
from espressivo.face.head import EYE_YAW_RAD, MorphableHead, Tissue, expression_weights, gaze_angles
from espressivo.face.landmark_groups import LEFT_EYEBROW, LID_PAIRS, LIP_PAIRS, RIGHT_EYEBROW
from espressivo.resources import checkpoint_folder

# shape, face points, axis, sign: what must move, and where to (x to the subject's left, y up, z out), at weight 1.
MOVES = [
    ("eyeBlinkLeft", [386, 385, 387], 1, -1),
    ("eyeBlinkRight", [159, 158, 160], 1, -1),
    ("eyeWideLeft", [386], 1, 1),
    ("eyeSquintLeft", [374], 1, 1),
    ("eyeLookDownLeft", [386], 1, -1),
    ("browDownLeft", [55 + 230, 52 + 230], 1, -1),
    ("browInnerUp", [55, 285], 1, 1),
    ("browOuterUpRight", [70, 63], 1, 1),
    ("jawOpen", [152, 17], 1, -1),
    ("jawForward", [152], 2, 1),
    ("jawLeft", [152], 0, 1),
    ("jawRight", [152], 0, -1),
    ("mouthLeft", [13, 14], 0, 1),
    ("mouthRight", [13, 14], 0, -1),
    ("mouthSmileLeft", [291], 1, 1),
    ("mouthSmileLeft", [291], 0, 1),
    ("mouthSmileRight", [61], 1, 1),
    ("mouthFrownLeft", [291], 1, -1),
    ("mouthStretchRight", [61], 0, -1),
    ("mouthPucker", [291], 0, -1),
    ("mouthFunnel", [0, 17], 2, 1),
    ("mouthUpperUpLeft", [269, 270], 1, 1),
    ("mouthLowerDownRight", [181, 91], 1, -1),
    ("mouthRollLower", [17], 2, -1),
    ("mouthShrugLower", [17], 1, 1),
    ("mouthPressLeft", [314], 1, 1),
    ("mouthDimpleLeft", [291], 0, 1),
    ("noseSneerLeft", [358], 1, 1),
    ("cheekPuff", [205, 425], 2, 1),
    ("cheekSquintLeft", [347], 1, 1),
]
SHUT = [
    "cheekPuff", "jawForward", "jawLeft", "mouthDimpleLeft", "mouthFrownLeft", "mouthLeft", "mouthPressLeft", "mouthPucker",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthSmileLeft",
]  # fmt: skip


@pytest.fixture(scope="module")
def head():
    return MorphableHead.from_pretrained()


def posed(head, **shapes):
    return head.vertices(np.zeros(head.num_identity_modes), expression_weights(**shapes))


def mirrored(head):
    """For each vertex the one on the other side."""
    from scipy.spatial import cKDTree

    return cKDTree(head.neutral).query(head.neutral * [-1, 1, 1])[1]


def test_arrays_belong_together(head):
    vertices = len(head.neutral)
    assert head.expression.shape == (52, vertices, 3)
    assert head.identity.shape == (head.num_identity_modes, vertices, 3)
    assert head.triangles.max() == vertices - 1
    assert (head.tissue[head.triangles] == head.triangle_tissue[:, None]).all()
    for field in ("neutral", "expression", "identity", "landmark_weights", "jaw", "tone", "lid", "face_mask", "mouth_depth"):
        assert np.isfinite(getattr(head, field)).all(), field
    assert np.allclose(head.landmark_weights.sum(axis=1), 1, atol=1e-5)
    assert 10 < head.face_height < 12


def test_neutral_is_zero_weights(head):
    assert np.allclose(posed(head), head.neutral, atol=1e-5)


def test_skin_is_even_left_and_right(head):
    skin = head.tissue == Tissue.SKIN
    partner = mirrored(head)
    assert np.abs(head.neutral[partner] * [-1, 1, 1] - head.neutral)[skin].max() < 1e-3
    for name in ARKIT_NAMES:
        other = head.expression[ARKIT_INDEX[mirror_name(name)]][partner] * [-1, 1, 1]
        assert np.abs(other - head.expression[ARKIT_INDEX[name]])[skin].max() < 5e-3, name


@pytest.mark.parametrize(("name", "points", "axis", "sign"), MOVES)
def test_shape_moves_what_it_should(head, name, points, axis, sign):
    moved = head.landmark_expression[ARKIT_INDEX[name]][points]
    assert (sign * moved[:, axis]).min() > 0.015


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.endswith("Left") and name not in {"jawLeft", "mouthLeft"}])
def test_left_shapes_move_the_left(head, name):
    size = np.linalg.norm(head.landmark_expression[ARKIT_INDEX[name]], axis=1)
    left, right = head.landmark_base[:, 0] > 1.0, head.landmark_base[:, 0] < -1.0
    if name.startswith("eyeLook") and size.max() < 0.02:
        pytest.skip("moves the eyeball alone")
    assert size[left].sum() > 3 * size[right].sum()


def test_no_shape_is_empty_or_wild(head):
    size = np.linalg.norm(head.expression, axis=-1).max(axis=1)
    turning = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])
    assert (size[~turning] > 0.08).all()
    assert (size < 5.0).all()


@pytest.mark.parametrize(("side", "pairs"), list(zip(("Left", "Right"), LID_PAIRS, strict=True)))
def test_lids_meet_in_a_blink_and_do_not_cross(head, side, pairs):
    points = head.landmarks(posed(head, **{f"eyeBlink{side}": 1.0}))
    rest = head.landmark_base
    for upper, lower in pairs:
        opening = rest[upper, 1] - rest[lower, 1]
        assert opening > 0.3
        assert -0.12 < points[upper, 1] - points[lower, 1] < 0.12


@pytest.mark.parametrize("name", ["", *SHUT])
def test_lips_stay_shut(head, name):
    """No more of the lips parts, or crosses, than a millimetre; corners aside."""
    sides = {name: 1.0, mirror_name(name): 1.0} if name.endswith("Left") and name not in {"jawLeft", "mouthLeft"} else {name: 1.0}
    points = head.landmarks(posed(head, **sides) if name else posed(head))
    for upper, lower in LIP_PAIRS[1:-1]:
        gap = points[upper, 1] - points[lower, 1]
        assert (-0.5 if name == "mouthShrugLower" else -0.35) < gap < 0.16, (upper, gap)


def test_mouth_close_shuts_an_open_jaw(head):
    opened, shut = (head.landmarks(posed(head, jawOpen=0.7, mouthClose=closing)) for closing in (0.0, 0.7))
    assert opened[13, 1] - opened[14, 1] > 1.0
    assert -0.35 < shut[13, 1] - shut[14, 1] < 0.16


def test_upper_teeth_stay_and_lower_ones_follow_the_jaw(head):
    teeth = head.tissue == Tissue.TEETH
    opened = posed(head, jawOpen=1.0) - head.neutral
    assert np.abs(opened[teeth & ~head.on_lower_jaw]).max() == 0
    assert opened[teeth & head.on_lower_jaw][:, 1].max() < 0
    homogeneous = np.concatenate([head.neutral, np.ones((len(head.neutral), 1))], axis=1)
    by_jaw = homogeneous @ head.jaw[ARKIT_INDEX["jawOpen"]].T
    assert np.abs(by_jaw - opened)[teeth & head.on_lower_jaw].max() < 5e-3


def test_teeth_are_rows_of_fourteen(head):
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    triangles = head.triangles[head.triangle_tissue == Tissue.TEETH]
    size = len(head.neutral)
    edges = coo_matrix((np.ones(len(triangles) * 2), (triangles[:, [0, 1]].ravel(), triangles[:, [1, 2]].ravel())), (size, size))
    part = connected_components(edges, directed=False)[1]
    for lower in (False, True):
        assert len(np.unique(part[np.flatnonzero((head.tissue == Tissue.TEETH) & (head.on_lower_jaw == lower))])) == 14


def test_teeth_face_outwards(head):
    from espressivo.training.head.mesh import vertex_normals

    normals = vertex_normals(head.neutral.astype(float), head.triangles.astype(np.int64))
    teeth = np.flatnonzero(head.tissue == Tissue.TEETH)
    foremost = teeth[head.neutral[teeth, 2] > head.neutral[teeth, 2].max() - 0.25]
    assert (normals[foremost, 2] > 0).mean() > 0.75


def test_eyes_turn_about_their_centres(head):
    weights = expression_weights(eyeLookOutLeft=1.0, eyeLookInRight=1.0)
    (left_yaw, left_pitch), (right_yaw, _) = gaze_angles(weights)
    assert left_yaw == pytest.approx(EYE_YAW_RAD)
    assert right_yaw == pytest.approx(EYE_YAW_RAD)
    assert left_pitch == 0
    turned = head.vertices(np.zeros(head.num_identity_modes), weights)
    for side, eye in enumerate(head.eye_vertices):
        before, after = (np.linalg.norm(v[eye] - head.eye_centres[side], axis=1) for v in (head.neutral, turned))
        assert np.allclose(before, after, atol=1e-3)
        front = eye[head.neutral[eye, 2].argmax()]
        assert turned[front, 0] > head.neutral[front, 0] + 0.2, "both eyes look to the subject's left"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=52, max_size=52), st.integers(0, 2**31))
def test_any_expression_of_any_person_is_finite(head, weights, seed):
    identity = np.random.default_rng(seed).normal(size=head.num_identity_modes)
    vertices = head.vertices(identity, np.array(weights, np.float32))
    assert vertices.dtype == np.float32
    assert np.isfinite(vertices).all()
    assert np.abs(vertices).max() < 40


def test_brows_belong_to_their_sides(head):
    assert head.landmark_base[list(LEFT_EYEBROW), 0].min() > 0
    assert head.landmark_base[list(RIGHT_EYEBROW), 0].max() < 0


def test_names_give_weights():
    weights = expression_weights(mouthSmile=0.8, jawOpen=0.1)
    assert np.flatnonzero(weights).tolist() == sorted(ARKIT_INDEX[n] for n in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"))
    with pytest.raises(KeyError):
        expression_weights(smile=1.0)


def test_altered_and_malformed_checkpoints_are_refused(tmp_path):
    folder = tmp_path / "head"
    shutil.copytree(checkpoint_folder("head"), folder)
    weights = folder / "head.safetensors"
    weights.chmod(0o644)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        MorphableHead.from_pretrained(folder)
    assert caught.value.code == "checkpoint.altered"
