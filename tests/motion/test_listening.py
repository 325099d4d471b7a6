from fractions import Fraction

import numpy as np
import pytest

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.track import FacialActionTrack
from espressivo.motion.listening import listen_to
from espressivo.motion.procedural import ProceduralMotion
from espressivo.motion.timeline import settings_of

from .builders import action, plan, speech, spoken

FPS = Fraction(25)
PHRASE_S = 1.6
PERIOD_S = 2.6
DURATION_S = 60.0
LATEST_NOD_S = 0.7


@pytest.fixture(scope="module")
def other():
    """A minute of phrases of about 1.6 s, each with an accent and a pause after it."""
    starts = np.arange(0.5, DURATION_S - PERIOD_S, PERIOD_S)
    phones = [phone for start in starts for phone in spoken("M AA1 N AA S AA M AA1 N AA S AA M AA S AA N AA", start)]
    return speech(phones, DURATION_S)


@pytest.fixture(scope="module")
def still():
    return FacialActionTrack.still(int(DURATION_S * FPS), FPS)


def nod_starts(track):
    """Seconds where the head, otherwise still, begins to go down after a rest."""
    down = track.head_rotation[:, 0] < -np.radians(0.3)
    starts = np.flatnonzero(down & ~np.concatenate([[False], down[:-1]])) / float(FPS)
    return [start for index, start in enumerate(starts) if index == 0 or start - starts[index - 1] > 0.6]


def test_nods_follow_the_ends_of_phrases_at_the_asked_rate(still, other):
    ends = np.array([phrase.end_s for phrase in other.phrases])
    assert len(ends) == 22
    starts = [nod_starts(listen_to(still, other, seed=seed)) for seed in range(20)]
    for start in np.concatenate(starts):
        assert 0.25 < (start - ends[ends < start]).min() < LATEST_NOD_S + 0.15
    rate = np.mean([len(of_one) for of_one in starts])
    assert 5.0 <= rate <= 9.0
    assert len({len(of_one) for of_one in starts}) > 1


def test_a_nod_is_small_quick_and_fades(still, other):
    track = listen_to(still, other, seed=1)
    pitch_deg = np.degrees(track.head_rotation[:, 0])
    assert pitch_deg.max() < 1e-6
    assert -9.0 < pitch_deg.min() < -1.5
    assert np.abs(np.diff(pitch_deg)).max() * float(FPS) < 90.0
    eyes_deg = 25.0 * (track.shape("eyeLookUpLeft") - track.shape("eyeLookDownLeft"))
    free = track.shape("eyeBlinkLeft") == 0
    np.testing.assert_allclose(eyes_deg[free], -pitch_deg[free], atol=0.01)


def test_blinks_come_at_pauses(still, other):
    shut = listen_to(still, other, seed=3).shape("eyeBlinkLeft") > 0.4
    moments = np.flatnonzero(shut & ~np.concatenate([[False], shut[:-1]])) / float(FPS)
    assert len(moments) >= 4
    ends = np.array([phrase.end_s for phrase in other.phrases])
    assert all(0.2 < (moment - ends[ends < moment]).min() < 0.65 for moment in moments)


def test_tilts_are_small_and_without_them_the_head_is_left_alone(still, other):
    roll = np.degrees(np.abs(listen_to(still, other, seed=2).head_rotation[:, 2]).max())
    assert 0.3 < roll <= settings_of("listening")["tilt_deg"][1] + 1e-4
    quiet = listen_to(still, other, seed=2, head_scale=0.0, blink_scale=0.0)
    assert not quiet.head_rotation.any()
    assert not quiet.weights.any()


def rise_s(curve):
    """Seconds until half of the peak."""
    return np.argmax(curve > 0.5 * curve.max()) / float(FPS)


@pytest.mark.parametrize("seed", range(4))
def test_the_expression_is_smaller_and_later_than_the_speakers_and_the_lips_stay_shut(seed):
    said = speech(spoken("M AA1 N AA S AA _ M AA1 N AA"), 5.0)
    felt = plan(5.0, [action(1, 0.8, start_s=1.0), action(12, 0.8, start_s=1.0), action(25, 0.6), action(26, 0.6)])
    clip = {"duration_s": 5.0, "fps": FPS, "seed": seed}
    spoken_track = ProceduralMotion().generate(felt, said, **clip)
    listening = listen_to(ProceduralMotion().generate(felt, None, **clip), said, seed=seed)
    for name in ("browInnerUp", "mouthSmileLeft"):
        ratio = listening.shape(name).max() / spoken_track.shape(name).max()
        assert 0.25 < ratio < 0.75, name
    later_s = rise_s(listening.shape("browInnerUp")) - rise_s(spoken_track.shape("browInnerUp"))
    assert 0.2 < later_s < 1.3
    assert spoken_track.shape("jawOpen").max() > 0.15
    shut = [ARKIT_INDEX[name] for name in ARKIT_NAMES if name.startswith(("jawOpen", "mouthLowerDown", "mouthUpperUp"))]
    assert not listening.weights[:, shut].any()


def test_the_seed_decides(other):
    felt = plan(DURATION_S, [action(12)])
    silent = ProceduralMotion().generate(felt, None, duration_s=DURATION_S, fps=FPS, seed=1)
    one, same, another = (listen_to(silent, other, seed=seed) for seed in (5, 5, 6))
    assert one.weights.tobytes() == same.weights.tobytes()
    assert one.head_rotation.tobytes() == same.head_rotation.tobytes()
    assert nod_starts(one) != nod_starts(another)


def test_the_shortest_clip_is_listened_to():
    said = speech(spoken("M AA1"), 0.6)
    assert len(listen_to(FacialActionTrack.still(1, FPS), said, seed=1)) == 1
