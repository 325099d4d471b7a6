"""Jaw and lips follow the sound where phones are heard by ear, and closures stay closed."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from espressivo.evaluation.motion_measures import closures_hit
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.motion.heard_lips import follow_sound
from espressivo.motion.procedural import ProceduralMotion

from . import builders

JAW, FUNNEL, PUCKER = (ARKIT_INDEX[name] for name in ("jawOpen", "mouthFunnel", "mouthPucker"))
DURATION_S = 3.0


def heard(method="network", jaw=0.4, rounding=0.0):
    phones = builders.spoken("M AA1 B IY P AA1 _ M UW B AA1 P")
    speech = builders.speech(phones, DURATION_S)
    lips = np.zeros((len(speech.features), 3), np.float32)
    lips[:, 0], lips[:, 2] = jaw, rounding
    return replace(speech, lips=lips, method=method)


def followed(speech, mouth=None):
    times_s = (np.arange(75) + 0.5) / 25.0
    return follow_sound(np.zeros((75, 52)) if mouth is None else mouth, speech, times_s)


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
    assert (rounded[:, shape] > 0.6).all()
    assert (rounded[:, other] < 0.2).all()


def test_closures_close_however_open_the_jaw_is_heard():
    speech = heard(jaw=0.6, rounding=0.5)
    track = ProceduralMotion().generate(builders.plan(DURATION_S), speech, duration_s=DURATION_S, fps=Fraction(25), seed=1)
    assert np.mean(closures_hit(track, speech.phones)) == 1.0
    assert track.weights[:, JAW].max() > 0.3
