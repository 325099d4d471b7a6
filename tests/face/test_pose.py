import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from espressivo.face.pose import rotation_angles, rotation_matrix

angle = st.floats(-1.0, 1.0)


@given(angle, angle, angle)
def test_angles_survive_the_matrix(pitch, yaw, roll):
    assert np.allclose(rotation_angles(rotation_matrix(pitch, yaw, roll)), (pitch, yaw, roll), atol=1e-9)


@given(angle, angle, angle)
def test_matrix_is_a_rotation(pitch, yaw, roll):
    matrix = rotation_matrix(pitch, yaw, roll)
    assert np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(matrix), 1)


def test_signs_are_those_of_the_track():
    nose, top = np.array([0, 0, 1.0]), np.array([0, 1.0, 0])
    assert (rotation_matrix(0.3, 0, 0) @ nose)[1] > 0, "pitch > 0 looks up"
    assert (rotation_matrix(0, 0.3, 0) @ nose)[0] > 0, "yaw > 0 turns to the viewer's right"
    assert (rotation_matrix(0, 0, 0.3) @ top)[0] > 0, "roll > 0 tilts clockwise for the viewer"
