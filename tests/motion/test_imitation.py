"""Emotions read off performances."""

from fractions import Fraction

import pytest

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.face.track import FacialActionTrack
from espressivo.motion.imitation import READABLE, read_emotion
from espressivo.motion.procedural import ProceduralMotion


def acted(emotion: str, intensity: float, seed: int = 3) -> FacialActionTrack:
    plan = plan_emotion(EmotionRequest(label=emotion, intensity=intensity, duration_s=3.0), seed=seed)
    return ProceduralMotion().generate(plan, None, duration_s=3.0, fps=Fraction(25), seed=seed)


@pytest.mark.parametrize("emotion", READABLE)
def test_a_performance_is_named_after_its_muscles(emotion) -> None:
    shown = read_emotion(acted(emotion, 0.8))
    assert max(shown.mixture, key=shown.mixture.__getitem__) == emotion
    assert sum(shown.mixture.values()) == pytest.approx(1.0)


def test_more_is_read_as_more() -> None:
    weak, strong = (read_emotion(acted("joy", level)).intensity for level in (0.3, 0.9))
    assert weak < strong <= 1.0


def test_a_still_face_shows_nothing() -> None:
    shown = read_emotion(FacialActionTrack.still(50, Fraction(25)))
    assert shown.mixture == {}
    assert shown.intensity == 0.0
