"""Plans for the teacher to act out: every face of the tables, mixtures, changes, and people who differ in their muscles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from espressivo.emotion import EmotionPlan, EmotionRequest, plan_emotion
from espressivo.emotion.plan import ActionTarget
from espressivo.emotion.request import Keyframe
from espressivo.motion.state import emotion_faces

__all__ = ["sample_plan"]

NEUTRAL_SHARE, SINGLE_SHARE, MIXTURE_SHARE = 0.12, 0.52, 0.16
LEVEL_LOG_SD, LEVEL_SD = 0.25, 0.03
ABSENT_SHARE = 0.06
Pauses = Sequence[tuple[float, float]]


def _request(duration_s: float, rng: np.random.Generator) -> EmotionRequest:
    faces = [name for name in emotion_faces() if name != "neutral"]
    kind = rng.random()
    intensity = float(rng.uniform(0.25, 1.0))
    if kind < NEUTRAL_SHARE:
        return EmotionRequest(label="neutral", intensity=intensity, duration_s=duration_s)
    if kind < NEUTRAL_SHARE + SINGLE_SHARE:
        return EmotionRequest(label=str(rng.choice(faces)), intensity=intensity, duration_s=duration_s)
    first, second = (str(name) for name in rng.choice(faces, size=2, replace=False))
    if kind < NEUTRAL_SHARE + SINGLE_SHARE + MIXTURE_SHARE:
        mixture = {first: float(rng.uniform(0.3, 1.0)), second: float(rng.uniform(0.3, 1.0))}
        return EmotionRequest(mixture=mixture, intensity=intensity, duration_s=duration_s)
    moment_s = float(rng.uniform(0.3, 0.7)) * duration_s
    keyframes = (
        Keyframe(time_s=0.0, mixture={first: 1.0}, intensity=intensity),
        Keyframe(time_s=moment_s, mixture={second: 1.0}, intensity=float(rng.uniform(0.25, 1.0))),
    )
    return EmotionRequest(keyframes=keyframes, duration_s=duration_s)


def _individual(plan: EmotionPlan, rng: np.random.Generator) -> EmotionPlan:
    """The plan as another person shows it: levels drawn around the published ones, some muscles left out."""
    factors: dict[int, float] = {}

    def drawn(action: ActionTarget) -> ActionTarget:
        if action.action_unit not in factors:
            factors[action.action_unit] = 0.0 if rng.random() < ABSENT_SHARE else float(np.exp(rng.normal(0.0, LEVEL_LOG_SD)))
        level = factors[action.action_unit] * (action.level + rng.normal(0.0, LEVEL_SD))
        return action.model_copy(update={"level": float(np.clip(level, 0.0, 1.0))})

    segments = [s.model_copy(update={"actions": tuple(drawn(action) for action in s.actions)}) for s in plan.segments]
    return plan.model_copy(update={"segments": tuple(segments)})


def sample_plan(duration_s: float, pauses: Pauses, rng: np.random.Generator) -> EmotionPlan:
    """A random plan.

    Args:
        duration_s: Its length.
        pauses: Of the speech.
        rng: Decides everything.
    """
    plan = plan_emotion(_request(duration_s, rng), seed=int(rng.integers(2**31)), speech_pauses=pauses)
    return _individual(plan, rng)
