"""From whatever a caller gives - words, a request, a plan, a plan file - to a plan of the right length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from espressivo.emotion.parse import parse_emotion
from espressivo.emotion.plan import TIME_TOLERANCE_S, EmotionPlan, load_plan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest, Personality
from espressivo.errors import EmotionInputError

__all__ = ["Emotion", "EmotionWords", "fit_plan_to_duration", "receive", "think"]


@dataclass(frozen=True, slots=True)
class EmotionWords:
    """Words whose request depends on a length that is not known yet, with what goes with them.

    Attributes:
        text: Anything :func:`parse_emotion` takes.
        mask: An emotion that is put on over the felt one.
        personality: Whose emotion it is.
    """

    text: str
    mask: str | None = None
    personality: Personality | None = None

    def request(self, *, duration_s: float, intensity: float | None) -> EmotionRequest:
        """The request, now that the length is known."""
        request = parse_emotion(self.text, intensity=intensity, duration_s=duration_s, personality=self.personality)
        return request if self.mask is None else request.model_copy(update={"mask": self.mask})


Emotion = str | EmotionWords | EmotionRequest


def receive(
    emotion: Emotion | None, plan: EmotionPlan | Path | None, *, duration_s: float, intensity: float | None = None
) -> EmotionRequest | EmotionPlan:
    """Check what was asked for, before any work is done on it.

    Args:
        emotion: Anything :func:`parse_emotion` takes, or a request (its own duration is replaced).
        plan: A finished plan or the path of one.
        duration_s: Length in seconds that the plan is to cover.
        intensity: 0-1; overrides the intensity that the words would suggest.

    Raises:
        EmotionInputError: ``emotion.one_form`` unless exactly one of ``emotion`` and ``plan`` is given; or the emotion
            cannot be understood.
        PlanError: The plan file cannot be used.
    """
    if (emotion is None) == (plan is None):
        raise EmotionInputError("emotion.one_form", "give either an emotion or a plan: got both or neither")
    if plan is not None:
        return fit_plan_to_duration(load_plan(plan) if isinstance(plan, Path) else plan, duration_s)
    if isinstance(emotion, str):
        emotion = EmotionWords(emotion)
    if isinstance(emotion, EmotionWords):
        return emotion.request(duration_s=duration_s, intensity=intensity)
    assert emotion is not None  # noqa: S101 - tells the type checker what the first test established
    changes = {"duration_s": duration_s} | ({} if intensity is None else {"intensity": intensity})
    try:
        return EmotionRequest.model_validate(emotion.model_dump() | changes)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"]
        raise EmotionInputError("emotion.invalid", f"the emotion does not fit {duration_s:.2f} s: {message}") from error


def think(
    asked: EmotionRequest | EmotionPlan,
    *,
    pauses: Sequence[tuple[float, float]] = (),
    word_times: Sequence[tuple[float, float]] = (),
    seed: int = 0,
) -> EmotionPlan:
    """The plan itself, or one newly thought out.

    Args:
        asked: What :func:`receive` gave.
        pauses: ``(start_s, end_s)`` of the speech's pauses, where an emotional state likes to change.
        word_times: ``(start_s, end_s)`` of the spoken words; a text of as many words is laid on them.
        seed: Seed of the planner's small variations.
    """
    if isinstance(asked, EmotionPlan):
        return asked
    return plan_emotion(asked, seed=seed, speech_pauses=pauses, word_times=word_times)


def fit_plan_to_duration(plan: EmotionPlan, duration_s: float) -> EmotionPlan:
    """Cut the plan at ``duration_s``, or let its last segment last until then. Nothing is stretched."""
    if abs(plan.duration_s - duration_s) <= TIME_TOLERANCE_S:
        return plan
    kept = [segment for segment in plan.segments if segment.start_s < duration_s - TIME_TOLERANCE_S]
    last = kept[-1]
    actions = tuple(action for action in last.actions if action.start_s < duration_s)
    kept[-1] = last.model_copy(update={"end_s": duration_s, "actions": actions})
    return plan.model_copy(update={"segments": tuple(kept)})
