import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from espressivo.emotion.plan import HeadGazeTarget
from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.track import num_frames
from espressivo.motion.constraints import speed_limits
from espressivo.motion.lip_geometry import lip_measure
from espressivo.motion.procedural import ProceduralMotion
from espressivo.speech.phones import Phone

from .builders import action, plan, speech, spoken

FPS = Fraction(25)
SENTENCE = "M AA1 M AH0 B IY P AE1 P ER _ S UW1 P AH0 M AE N _ B UW M P AH0 B OW1 B"
SOUNDS = ("P", "B", "M", "AA1", "IY", "UW", "OW", "S", "F", "TH", "W", "R", "T", "AH0", "K", "_")
SHOW = [action(12, 0.8), action(6, 0.6), action(25, 0.5), action(26, 0.6), action(10, 0.4)]


def generate(the_plan=None, heard=None, duration_s=6.0, fps=FPS, seed=5, **scales):
    return ProceduralMotion().generate(the_plan or plan(duration_s), heard, duration_s=duration_s, fps=fps, seed=seed, **scales)


def closed_frames(track, phones):
    times = (np.arange(len(track)) + 0.5) / float(track.fps)
    gap = lip_measure(track.weights, "gap_cm")
    frame_s = 1 / float(track.fps)
    return [
        int((gap[(times >= p.start_s - max(0.05, frame_s)) & (times <= p.end_s)] <= 0.0).sum())
        for p in phones
        if p.label in "PBM"
    ]


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(60), Fraction(12)])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("actions", [(), SHOW])
def test_lips_meet_on_every_p_b_and_m(fps, seed, actions):
    phones = spoken(SENTENCE)
    track = generate(plan(6.0, actions), speech(phones, 6.0), fps=fps, seed=seed)
    assert min(closed_frames(track, phones)) >= 1


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.sampled_from(SOUNDS),
        min_size=3,
        max_size=25,
    ),
    st.floats(0.035, 0.12),
    st.floats(0.05, 0.2),
)
def test_closures_hold_for_any_sequence_and_speed(labels, consonant_s, vowel_s):
    phones = spoken(" ".join(labels), vowel_s=vowel_s, consonant_s=consonant_s)
    duration_s = (phones[-1].end_s if phones else 0.5) + 0.5
    track = generate(plan(duration_s, SHOW), speech(phones, duration_s), duration_s=duration_s)
    assert min(closed_frames(track, phones), default=1) >= 1
    assert (np.abs(np.diff(track.weights, axis=0)) <= speed_limits() / 25.0 + 1e-4).all()


def test_vowels_open_and_round_and_spread():
    phones = spoken("AA1 _ UW1 _ IY1 _ S", vowel_s=0.3, consonant_s=0.2)
    track = generate(heard=speech(phones, 6.0))
    jaw, pucker, stretch = (track.shape(name) for name in ("jawOpen", "mouthPucker", "mouthStretchLeft"))
    at = [int(phone.centre_s * 25) for phone in phones]
    assert jaw[at[0]] > 0.35 > jaw[at[1]]
    assert pucker[at[1]] > 0.4 > pucker[at[2]] + 0.2
    assert stretch[at[2]] > stretch[at[1]] + 0.1
    assert jaw[at[3]] <= 0.11
    assert lip_measure(track.weights[at[3]], "gap_cm") > 0.2


def test_the_jaw_moves_with_the_sound():
    phones = spoken("T AA1 T EH T AA T AH T AE1 T AA1 T OW T AA " * 2)
    heard = speech(phones, 6.0)
    track = generate(heard=heard, fps=Fraction(50))
    times = (np.arange(len(track)) + 0.5) / 50
    speaking = (times > phones[0].start_s) & (times < phones[-1].end_s)
    energy = np.interp(times, heard.features.times_s, heard.features.energy_db)
    jaw = track.shape("jawOpen").astype(float)
    lags = np.arange(-6, 7)
    r = [np.corrcoef(np.roll(jaw, -lag)[speaking], energy[speaking])[0, 1] for lag in lags]
    assert max(r) > 0.6
    assert -0.08 <= lags[int(np.argmax(r))] / 50 <= 0.02


def test_silence_is_alive_with_a_closed_mouth():
    track = generate(duration_s=40.0)
    assert track.shape("jawOpen").max() < 0.05
    assert lip_measure(track.weights, "gap_cm").max() < 0.25
    assert track.shape("eyeBlinkLeft").max() > 0.9
    assert np.degrees(track.head_rotation).std(axis=0).min() > 0.1
    assert track.shape("eyeLookInLeft").std() > 0.005


def test_silent_track_opens_on_the_portrait():
    track = generate()
    assert np.degrees(np.abs(track.head_rotation[0])).max() < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_blink_statistics(seed):
    track = generate(duration_s=600.0, seed=seed)
    shut = track.shape("eyeBlinkLeft") > 0.45
    starts = np.flatnonzero(np.diff(shut.astype(int)) == 1)
    assert 5 <= len(starts) / 10 <= 32
    intervals = np.diff(starts) / 25
    assert 0.4 < np.log(intervals).std() < 1.4
    lengths = np.flatnonzero(np.diff(shut.astype(int)) == -1)[: len(starts)] - starts[: np.count_nonzero(shut)]
    assert 1 <= np.median(lengths) <= 8


def test_no_blinks_when_asked():
    assert generate(duration_s=60.0, blink_scale=0.0).shape("eyeBlinkLeft").max() < 0.5


def test_same_seed_same_bytes_other_seed_other_face():
    phones = spoken(SENTENCE)
    first, again, other = (generate(plan(6.0, SHOW), speech(phones, 6.0), seed=seed) for seed in (3, 3, 4))
    assert first.weights.tobytes() == again.weights.tobytes()
    assert first.head_rotation.tobytes() == again.head_rotation.tobytes()
    assert not np.array_equal(first.weights, other.weights)


@settings(deadline=None, max_examples=12)
@given(st.floats(0.2, 20.0), st.sampled_from([Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(7), Fraction(120)]))
def test_length_range_and_speed(duration_s, fps):
    phones = spoken("HH AH L OW1 DH EH R", start_s=0.05)
    track = generate(plan(20.0, SHOW), speech(phones, max(1.0, duration_s)), duration_s=duration_s, fps=fps)
    assert len(track) == num_frames(duration_s, fps)
    assert (np.abs(np.diff(track.weights, axis=0)) <= speed_limits() / float(fps) + 1e-4).all()
    assert np.degrees(np.abs(np.diff(track.head_rotation, axis=0)) * float(fps)).max(initial=0) < 150


def test_emotion_gives_way_to_speech_in_the_lower_face_only():
    phones = spoken("AA T EH K AA T EH K AA T EH K AA T EH K AA T EH K AA", start_s=1.0)
    shown = [action(12, 0.8, 0.0, 0.3, 8.0), action(24, 0.7, 0.0, 0.3, 8.0), action(4, 0.7, 0.0, 0.3, 8.0)]
    talking = generate(plan(6.0, shown), speech(phones, 6.0))
    silent = generate(plan(6.0, shown), None)
    during = slice(38, 62)

    def ratio(name):
        return talking.shape(name)[during].mean() / silent.shape(name)[during].mean()

    assert ratio("mouthPressLeft") < 0.4
    assert 0.55 < ratio("mouthSmileLeft") < 0.95
    assert ratio("browDownLeft") > 0.9


def test_carriage_follows_the_plan():
    down = generate(plan(6.0, head_gaze=HeadGazeTarget(pitch_rad=-0.25, roll_rad=0.1)))
    level = generate(plan(6.0))
    moved = (down.head_rotation - level.head_rotation)[50:].mean(axis=0)
    np.testing.assert_allclose(moved, [-0.25, 0.0, 0.1], atol=0.06)


def test_aversion_turns_the_eyes_away():
    def away(track):
        looks = [ARKIT_INDEX[name] for name in ARKIT_NAMES if name.startswith("eyeLook")]
        return float(track.weights[:, looks].mean())

    averted, direct = (
        generate(plan(40.0, head_gaze=HeadGazeTarget(gaze_aversion_rad=angle, motion_scale=0.0)), duration_s=40.0)
        for angle in (0.35, 0.0)
    )
    assert away(averted) > 1.5 * away(direct)


def test_scales():
    phones = spoken(SENTENCE)
    heard = speech(phones, 6.0)
    still = generate(plan(6.0, SHOW), heard, speech_scale=0.0, emotion_scale=0.0, head_scale=0.0, gaze_scale=0.0, blink_scale=0.0)
    assert np.abs(still.head_rotation).max() < 0.02
    assert still.shape("jawOpen").max() < 0.05
    louder = generate(plan(6.0), heard, speech_scale=1.5).shape("jawOpen").mean()
    assert louder > 1.15 * generate(plan(6.0), heard).shape("jawOpen").mean()
    with pytest.raises(SettingError) as error:
        generate(head_scale=7.0)
    assert error.value.code == "setting.scale"


def test_steps_are_reported_in_order():
    seen = []
    generate(on_step=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_half_an_hour_is_quick():
    phones = [
        Phone(p.label, p.start_s + 5 * k, p.end_s + 5 * k, p.stress) for k in range(60) for p in spoken("M AA1 M AH0 B IY P AE1")
    ]
    heard = speech(phones, 300.0)
    started = time.process_time()
    track = generate(plan(300.0, SHOW), heard, duration_s=300.0)
    assert len(track) == 7_500
    assert time.process_time() - started < 0.05 * 300.0
