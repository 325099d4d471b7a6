"""What is felt: requests, the reasoned plan, the ontology and the tables behind them. Imports no torch.

>>> from espressivo.emotion import parse_emotion, plan_emotion
>>> plan = plan_emotion(parse_emotion("joy turning to awe"))
>>> [segment.label for segment in plan.segments]
['joy', 'awe']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from espressivo.emotion.curve import CurveSample, EmotionCurve
    from espressivo.emotion.explanation import explain
    from espressivo.emotion.ontology import Ontology
    from espressivo.emotion.parse import parse_dialogue, parse_emotion, parse_keyframes, parse_personality, parse_vad
    from espressivo.emotion.plan import EmotionPlan, load_plan, save_plan
    from espressivo.emotion.planner import plan_emotion
    from espressivo.emotion.reading import Reading, read_text
    from espressivo.emotion.request import EmotionRequest, Personality

__all__ = [
    "CurveSample",
    "EmotionCurve",
    "EmotionPlan",
    "EmotionRequest",
    "Ontology",
    "Personality",
    "Reading",
    "explain",
    "load_plan",
    "parse_dialogue",
    "parse_emotion",
    "parse_keyframes",
    "parse_personality",
    "parse_vad",
    "plan_emotion",
    "read_text",
    "save_plan",
]

_HOME = {
    "CurveSample": "curve",
    "EmotionCurve": "curve",
    "EmotionPlan": "plan",
    "EmotionRequest": "request",
    "Ontology": "ontology",
    "Personality": "request",
    "Reading": "reading",
    "explain": "explanation",
    "load_plan": "plan",
    "parse_dialogue": "parse",
    "parse_emotion": "parse",
    "parse_keyframes": "parse",
    "parse_personality": "parse",
    "parse_vad": "parse",
    "plan_emotion": "planner",
    "read_text": "reading",
    "save_plan": "plan",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that the command line starts fast."""
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
