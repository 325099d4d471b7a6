"""The rule planner: one request, one chain of thought, one plan.

tracking -> cause -> appraisal -> muscles -> timing -> conflicts -> music -> check.
"""

from __future__ import annotations

from collections.abc import Sequence

from espressivo.emotion.plan import EmotionPlan
from espressivo.emotion.request import EmotionRequest
from espressivo.emotion.steps import StepRecorder
from espressivo.emotion.thinking import plan_spans
from espressivo.emotion.tracking import track_request

__all__ = ["plan_emotion"]


def plan_emotion(
    request: EmotionRequest,
    *,
    seed: int = 0,
    speech_pauses: Sequence[tuple[float, float]] = (),
    word_times: Sequence[tuple[float, float]] = (),
) -> EmotionPlan:
    """Reason from a request to a plan, by rules; offline, deterministic, a few milliseconds.

    Args:
        request: What is felt, how strongly, by whom, for how long.
        seed: Draws what differs between people and takes: rare action units, durations, renewals of a hold, the key.
        speech_pauses: ``(start, end)`` in seconds of silent stretches of the speech, in order; changes of state then
            begin in a pause where one is near, and renewals of a hold follow the phrases.
        word_times: ``(start, end)`` in seconds of each spoken word of a text or last turn; scenes then begin with their
            first word. Ignored when their number is not that of the words.

    Raises:
        EmotionInputError: ``emotion.unknown`` for a word that is no emotion.
    """
    steps = StepRecorder()
    spans = track_request(request, steps, word_times)
    return plan_spans(request, spans, steps, seed=seed, pauses=speech_pauses, overrides={}, planner="rules")
