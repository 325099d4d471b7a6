"""Jaw and lips follow the sound where phones are heard by ear, and closures stay closed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from espressivo.evaluation.motion_measures import closures_hit
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.motion.heard_lips import follow_sound, sound_shares
from espressivo.motion.procedural import ProceduralMotion

from . import builders

JAW, FUNNEL, PUCKER = (ARKIT_INDEX[name] for name in ("jawOpen", "mouthFunnel", "mouthPucker"))
DURATION_S = 3.0
# Frames of 40 ms: the voice is heard from 0.4 to 1.7 s.
SPOKEN = slice(10, 42)


def heard(method="network", jaw=0.4, rounding=0.0):
    phones = builders.spoken("M AA1 B IY P AA1 _ M UW B AA1 P")
    speech = builders.speech(phones, DURATION_S)
    lips = np.zeros((len(speech.features), 3), np.float32)
    lips[:, 0], lips[:, 2] = jaw, rounding
    return replace(speech, lips=lips, method=method)


def followed(speech, mouth=None):
    times_s = (np.arange(75) + 0.5) / 25.0
    return follow_sound(np.zeros((75, 52)) if mouth is None else mouth, speech, times_s, sound_shares(speech, times_s))


def test_nothing_changes_without_curves_or_with_a_transcript():
    mouth = np.full((75, 52), 0.2)
    assert followed(replace(heard(), lips=None), mouth) is mouth
    np.testing.assert_array_equal(followed(heard("alignment"), mouth), mouth)


def test_the_jaw_opens_as_far_as_is_heard():
    little, far = (followed(heard(jaw=jaw))[:, JAW].mean() for jaw in (0.1, 0.5))
    assert 0.05 < little < 0.15
    assert 0.3 < far < 0.6
    assert followed(heard("dictation", jaw=0.5))[:, JAW].mean() < far


@pytest.mark.parametrize(("shape", "other"), [(FUNNEL, PUCKER), (PUCKER, FUNNEL)])
def test_rounding_keeps_the_way_that_the_phones_round(shape, other):
    mouth = np.zeros((75, 52))
    mouth[:, shape] = 0.4
    rounded = followed(heard(rounding=0.8), mouth)
    assert (rounded[SPOKEN, shape] > 0.6).all()
    assert (rounded[:, other] < 0.2).all()


def test_closures_close_however_open_the_jaw_is_heard():
    speech = heard(jaw=0.6, rounding=0.5)
    track = ProceduralMotion().generate(builders.plan(DURATION_S), speech, duration_s=DURATION_S, fps=Fraction(25), seed=1)
    assert np.mean(closures_hit(track, speech.phones)) == 1.0
    assert track.weights[:, JAW].max() > 0.3


def shares_with(noise_db=-70.0, **changes):
    speech = heard(**changes)
    energy = np.maximum(speech.features.energy_db, noise_db).astype(np.float32)
    return sound_shares(replace(speech, features=replace(speech.features, energy_db=energy)), (np.arange(75) + 0.5) / 25.0)


def test_the_sound_decides_before_the_voice_and_after_it_but_not_in_silence():
    shares = shares_with()
    assert (shares.jaw[SPOKEN.start - 6 : SPOKEN.stop] > 0.95).all()
    assert (shares.jaw[-5:] < 0.2).all()
    assert (shares_with(method="dictation").jaw <= shares.jaw).all()


def test_in_noise_the_phones_keep_their_say():
    clean, noisy = shares_with(), shares_with(noise_db=-30.0)
    assert clean.jaw_left[SPOKEN].max() < 0.05 < 0.95 < noisy.jaw_left[SPOKEN].min()
    assert noisy.jaw[SPOKEN.start - 5] < 0.1
    np.testing.assert_array_equal(noisy.rounding_left, np.ones(75))


def test_a_knock_reaches_no_further_than_it_sounds():
    speech = heard()
    activity = np.zeros_like(speech.features.activity)
    activity[100:120] = 0.5
    knock = replace(speech, features=replace(speech.features, activity=activity))
    moved = sound_shares(knock, (np.arange(75) + 0.5) / 25.0).jaw
    assert moved[:24].max() == 0.0 < moved[24:31].max() <= 0.5
    assert moved[31:].max() == 0.0


def test_a_rounding_that_is_only_heard_as_a_phone_is_not_forced():
    phones = builders.spoken("UW1 UW1 UW1 UW1")
    track = {}
    for method in ("dictation", "network"):
        speech = replace(builders.speech(phones, DURATION_S), method=method)
        speech = replace(speech, lips=np.zeros((len(speech.features), 3), np.float32))
        track[method] = ProceduralMotion().generate(
            builders.plan(DURATION_S), speech, duration_s=DURATION_S, fps=Fraction(25), seed=1
        )
    assert track["network"].weights[SPOKEN, PUCKER].max() < 0.25 < track["dictation"].weights[SPOKEN, PUCKER].max()
