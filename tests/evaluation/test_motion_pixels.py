"""The readers of rendered emotion, on offsets made by hand."""

import numpy as np
import pytest

from espressivo.evaluation.motion_pixels import ACTED, measure_pixels, read_profile, read_rules
from espressivo.face.arkit import ARKIT_INDEX, expand_sides


def offset(**shapes: float) -> np.ndarray:
    result = np.zeros(52)
    for name, value in shapes.items():
        result[[ARKIT_INDEX[side] for side in expand_sides(name)]] = value
    return result


def test_the_profile_reader_reads_direction_not_size_and_no_gaze() -> None:
    profiles = np.stack([offset(mouthSmile=0.5), offset(browInnerUp=0.4, eyeLookDown=0.1)])
    assert read_profile(0.1 * profiles[0], profiles) == 0
    assert read_profile(offset(browInnerUp=0.05, eyeLookDown=0.9), profiles) == 1


@pytest.mark.parametrize(
    ("emotion", "shapes"),
    [
        ("joy", {"mouthSmile": 0.4, "mouthUpperUp": 0.3, "eyeSquint": 0.2}),
        ("surprise", {"browInnerUp": 0.4, "browOuterUp": 0.3, "jawOpen": 0.1}),
        ("anger", {"browInnerUp": -0.4, "browOuterUp": -0.4, "eyeSquint": 0.4, "jawOpen": 0.15}),
    ],
)
def test_the_rule_reader_knows_plain_faces(emotion, shapes) -> None:
    assert list(ACTED)[read_rules(offset(**shapes))] == emotion


def test_without_data_figures_are_skipped_not_passed() -> None:
    figures = measure_pixels({}, None, None, quick=True)
    assert figures
    assert all(figure.value is None and "skipped" in figure.source for figure in figures)
