import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.head import expression_weights
from espressivo.face.landmark_groups import NUM_MESH_LANDMARKS
from espressivo.face.pose import rotation_matrix
from espressivo.render.fitting import weighted_similarity
from espressivo.render.own_expression import hold_back, kept_of_own
from espressivo.seeds import numpy_generator

angle = st.floats(-0.9, 0.9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), angle, angle, angle, st.floats(0.2, 20))
def test_a_similarity_is_found_again(seed, pitch, yaw, roll, scale):
    rng = numpy_generator(seed, "similarity")
    points, weight = rng.normal(size=(12, 3)), rng.uniform(0.1, 1, 12)
    rotation, shift = rotation_matrix(pitch, yaw, roll), rng.normal(size=3)
    found = weighted_similarity(points, scale * points @ rotation.T + shift, weight)
    np.testing.assert_allclose(found[0], scale, rtol=1e-6)
    np.testing.assert_allclose(found[1], rotation, atol=1e-6)
    np.testing.assert_allclose(found[2], shift, atol=1e-5)


def test_the_head_lies_on_the_landmarks(portrait):
    fit = portrait.fit
    assert fit.mean_residual_px / (fit.scale * fit.head.face_height) < 0.015
    points = fit.project(fit.vertices(fit.own_expression))
    distance = np.linalg.norm(fit.head.landmarks(points)[:, :2] - fit.landmarks[:NUM_MESH_LANDMARKS], axis=1)
    assert distance.mean() < 0.3


@settings(deadline=None, max_examples=20)
@given(angle, angle, angle, st.floats(-0.3, 0.3), st.floats(-0.3, 0.3))
def test_a_motion_can_be_undone(portrait, pitch, yaw, roll, right, nearer):
    motion = portrait.fit.motion(np.array([pitch, yaw, roll]), np.array([right, 0.1, nearer]))
    points = portrait.fit.vertices(portrait.fit.own_expression) * np.float32(portrait.fit.scale)
    moved = motion.apply(points)
    np.testing.assert_allclose(motion.undo(moved), points, atol=0.05)
    np.testing.assert_allclose(motion.depth_after(moved[:, :2], points[:, 2]), moved[:, 2], atol=0.2)


def test_nothing_of_the_own_expression_is_lost_at_rest():
    assert (kept_of_own(expression_weights()) == 1).all()


def test_a_frown_releases_the_smile():
    kept = kept_of_own(expression_weights(mouthFrown=1))
    assert kept[ARKIT_INDEX["mouthSmileLeft"]] == 0
    assert kept[ARKIT_INDEX["browDownLeft"]] == 1


def test_shapes_of_the_same_skin_do_not_pile_up():
    held = hold_back(expression_weights(mouthUpperUp=1, noseSneer=1))
    assert held[ARKIT_INDEX["mouthUpperUpLeft"]] == 0.25
    assert hold_back(expression_weights(mouthUpperUp=1))[ARKIT_INDEX["mouthUpperUpLeft"]] == 1


def test_brows_rise_with_surprise_and_less_together_than_alone():
    levels = np.linspace(0, 1, 11)
    held = np.array([hold_back(expression_weights(browInnerUp=level, browOuterUp=level)) for level in levels])
    brows = held[:, [ARKIT_INDEX["browInnerUp"], ARKIT_INDEX["browOuterUpLeft"], ARKIT_INDEX["browOuterUpRight"]]]
    assert (np.diff(brows, axis=0) > 0).all()
    assert (brows[-1] < 0.7).all()
    assert hold_back(expression_weights(browInnerUp=1))[ARKIT_INDEX["browInnerUp"]] == 1
