"""Fitting how far muscles go, on responses made by hand."""

import numpy as np
import pytest

from espressivo.evaluation.face_fitting import Response, Score, fitted_levels
from espressivo.evaluation.motion_pixels import ACTED, read_profile, read_rules
from espressivo.face.arkit import ARKIT_INDEX, expand_sides
from espressivo.resources import load_config

SETTINGS = load_config("evaluation/face_fitting.yaml")
EMOTIONS = list(ACTED)


def offset(**shapes: float) -> np.ndarray:
    result = np.zeros(52)
    for name, value in shapes.items():
        result[[ARKIT_INDEX[side] for side in expand_sides(name)]] = value
    return result


@pytest.fixture
def profiles() -> np.ndarray:
    rows = {
        "joy": offset(mouthSmile=0.5, mouthUpperUp=0.3, eyeSquint=0.2),
        "sadness": offset(mouthFrown=0.3, eyeBlink=0.2),
        "surprise": offset(browInnerUp=0.4, browOuterUp=0.3, jawOpen=0.2),
    }
    filler = {emotion: offset(mouthLeft=0.1 + 0.01 * index) for index, emotion in enumerate(EMOTIONS)}
    return np.stack([rows.get(emotion, filler[emotion]) for emotion in EMOTIONS])


@pytest.fixture
def half_a_smile() -> Response:
    """A smile, a cheek that narrows the eyes, and a frown; today there is too much frown."""
    slopes = [offset(mouthSmile=0.5, mouthUpperUp=0.3), offset(eyeSquint=0.3), offset(mouthFrown=0.6, eyeBlink=0.4)]
    today = np.array([0.2, 0.1, 0.6])
    base = np.tensordot(today, np.stack(slopes), axes=1)
    return Response((12, 6, 15), today, np.stack([base, base]), np.repeat(np.stack(slopes)[:, None], 2, axis=1))


def test_levels_move_towards_what_is_meant_within_their_bounds(profiles, half_a_smile):
    joy = EMOTIONS.index("joy")
    score = Score(profiles, SETTINGS["sharpness"])
    levels = fitted_levels(half_a_smile, joy, score, [[0.0, 0.8], [0.0, 1.0], [0.0, 1.0]], 0.01)
    assert levels[0] > 0.4, "more smile"
    assert levels[2] < 0.5 * half_a_smile.levels[2], "less frown"
    assert levels.max() <= 0.8
    before, after = half_a_smile.base, half_a_smile.at(levels)
    assert score.loss(after, joy) < score.loss(before, joy)
    assert read_profile(before[0], profiles) != joy
    assert read_profile(after[0], profiles) == joy == read_rules(after[0])


def test_a_high_penalty_keeps_today_and_bounds_hold_even_then(profiles, half_a_smile):
    score = Score(profiles, SETTINGS["sharpness"])
    kept = fitted_levels(half_a_smile, EMOTIONS.index("joy"), score, [[0.0, 1.0]] * 3, 1e4)
    assert kept == pytest.approx(half_a_smile.levels, abs=0.026)
    held = fitted_levels(half_a_smile, EMOTIONS.index("joy"), score, [[0.5, 0.6], [0.0, 1.0], [0.0, 1.0]], 1e4)
    assert 0.5 <= held[0] <= 0.6


def test_soft_signs_agree_with_the_rule_reader_where_signs_are_clear(profiles):
    score = Score(profiles, SETTINGS["sharpness"])
    clear = {
        "joy": offset(mouthSmile=0.5, mouthUpperUp=0.4, eyeSquint=0.3),
        "surprise": offset(browInnerUp=0.5, browOuterUp=0.5, jawOpen=0.3),
        "anger": offset(browInnerUp=-0.4, browOuterUp=-0.4, eyeSquint=0.4, jawOpen=0.3),
    }
    for emotion, face in clear.items():
        losses = [score.loss(face[None], index) for index in range(len(EMOTIONS))]
        assert EMOTIONS[read_rules(face)] == emotion
        assert score.loss(face[None], EMOTIONS.index(emotion)) <= np.median(losses)


def test_every_bound_is_an_interval_that_holds_todays_level_of_an_acted_emotion():
    nodes = load_config("emotion/faces.yaml")["nodes"]
    assert set(SETTINGS["bounds"]) == set(ACTED)
    for emotion, units in SETTINGS["bounds"].items():
        levels = nodes[emotion]["amplitude"] | nodes[emotion].get("extra", {})
        for unit, (least, most) in units.items():
            assert 0.0 <= least < most <= 1.0
            assert least <= levels.get(unit, 0.0) <= most, (emotion, unit)
