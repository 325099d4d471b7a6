"""Measures of motion, on curves whose answer is known."""

from fractions import Fraction

import numpy as np
import pytest

from espressivo.evaluation.motion_compounds import UNITS, arrival_s, shown_units
from espressivo.evaluation.motion_identity import who_and_what
from espressivo.evaluation.motion_long import drift, seam_ratio
from espressivo.evaluation.motion_measures import jerk_rms, sides_apart, speed_percentile
from espressivo.face.actions import action_weights
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.track import FacialActionTrack
from espressivo.motion.state import STATE_DIM

FPS = Fraction(25)


def smooth(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    times = np.arange(frames)[:, None] / 25
    return 0.5 + 0.2 * np.sin(times * rng.uniform(2, 6, STATE_DIM) + rng.uniform(0, 6, STATE_DIM))


def test_speed_and_jerk_are_per_second() -> None:
    times = np.arange(500) / 25
    assert speed_percentile(2.0 * times, FPS, 95) == pytest.approx(2.0)
    assert jerk_rms(times**3, FPS) == pytest.approx(6.0)


def test_sides_apart_is_a_share() -> None:
    weights = np.zeros((4, 52))
    weights[:, ARKIT_INDEX["mouthSmileLeft"]], weights[:, ARKIT_INDEX["mouthSmileRight"]] = 0.6, 0.2
    assert sides_apart(weights, "mouthSmile") == pytest.approx(0.5)


def test_a_jump_where_windows_meet_is_a_seam_and_elsewhere_is_not() -> None:
    state = smooth(400)
    assert seam_ratio(state, 90, 10)[0] == pytest.approx(1.0, abs=0.2)
    jumping = state.copy()
    for seam in range(85, 400, 75):
        jumping[seam:] += 0.1
    assert seam_ratio(jumping, 90, 10)[0] > 3.0


def test_what_moves_away_drifts() -> None:
    state = smooth(3000)
    assert drift(state)[0] < 0.2
    assert drift(state + np.linspace(0, 1, 3000)[:, None])[0] > 1.0


def test_action_units_are_read_off_their_own_shapes() -> None:
    shown = dict(zip(UNITS, shown_units(0.6 * action_weights(1) + 0.4 * action_weights(12)), strict=True))
    assert shown[1] == pytest.approx(0.6, abs=0.02)
    assert shown[12] == pytest.approx(0.4, abs=0.02)
    assert max(level for unit, level in shown.items() if unit not in (1, 12)) < 0.05


def test_arrival_is_when_most_of_the_way_is_done() -> None:
    times = (np.arange(150) + 0.5) / 25
    asked = np.zeros((150, 52))
    asked[:, 3], asked[:, 7] = np.clip(3.5 - times, 0, 1), np.clip(times - 2.5, 0, 1)
    late = np.roll(asked, 5, axis=0)
    late[:5] = asked[0]
    assert arrival_s(late, asked, times) - arrival_s(asked, asked, times) == pytest.approx(0.2)


def test_who_and_what_are_told_apart() -> None:
    def clip(value: float) -> list[FacialActionTrack]:
        weights = np.full((10, 52), value, np.float32)
        return [FacialActionTrack(weights, weights[:, :3] * 0, weights[:, :3] * 0, FPS)]

    def read(track: FacialActionTrack) -> np.ndarray:
        return track.weights[0, :1].astype(float)

    # The emotion decides the value, the actor hardly: emotions are told, actors are not.
    parts = [[clip(0.2 * emotion + 0.001 * actor) for emotion in range(4)] for actor in range(2)]
    who, what = who_and_what(parts, read)
    assert what == [1.0] * 8
    assert np.mean(who) < 1.0
