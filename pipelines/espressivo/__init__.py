"""Emotion in, an expressive talking head and fitting music out, from one editable chain of thought.

The public names are loaded when they are first used, so that ``import espressivo`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from espressivo.composition import MusicPipeline, MusicPipelineOutput
    from espressivo.emotion.parse import parse_emotion
    from espressivo.emotion.plan import EmotionPlan, load_plan, save_plan
    from espressivo.emotion.planner import plan_emotion
    from espressivo.emotion.reading import read_text
    from espressivo.emotion.request import EmotionRequest
    from espressivo.errors import EspressivoError
    from espressivo.face.track import FacialActionTrack
    from espressivo.progress import CancelToken
    from espressivo.render.performance import Performance, track_video
    from espressivo.scene import ScenePipeline, ScenePipelineOutput
    from espressivo.talking_head import TalkingHeadPipeline, TalkingHeadPipelineOutput

_HOME_OF = {
    "CancelToken": "espressivo.progress",
    "EmotionPlan": "espressivo.emotion.plan",
    "EmotionRequest": "espressivo.emotion.request",
    "EspressivoError": "espressivo.errors",
    "FacialActionTrack": "espressivo.face.track",
    "MusicPipeline": "espressivo.composition",
    "MusicPipelineOutput": "espressivo.composition",
    "Performance": "espressivo.render.performance",
    "ScenePipeline": "espressivo.scene",
    "ScenePipelineOutput": "espressivo.scene",
    "TalkingHeadPipeline": "espressivo.talking_head",
    "TalkingHeadPipelineOutput": "espressivo.talking_head",
    "load_plan": "espressivo.emotion.plan",
    "parse_emotion": "espressivo.emotion.parse",
    "plan_emotion": "espressivo.emotion.planner",
    "read_text": "espressivo.emotion.reading",
    "save_plan": "espressivo.emotion.plan",
    "track_video": "espressivo.render.performance",
}

__all__ = [
    "CancelToken",
    "EmotionPlan",
    "EmotionRequest",
    "EspressivoError",
    "FacialActionTrack",
    "MusicPipeline",
    "MusicPipelineOutput",
    "Performance",
    "ScenePipeline",
    "ScenePipelineOutput",
    "TalkingHeadPipeline",
    "TalkingHeadPipelineOutput",
    "load_plan",
    "parse_emotion",
    "plan_emotion",
    "read_text",
    "save_plan",
    "track_video",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        message = f"module 'espressivo' has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
