"""What a language model is asked to return, and how a reply is read.

One schema that every server understands: ``steps`` first, so that reasoning is written before numbers; integers with limits
in place of fractions; enumerations; every field required; no patterns; strings far below 2,000 characters.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import Mode, Side
from espressivo.resources import load_config

__all__ = ["Level", "Reply", "ReplyError", "ReplyMusic", "ReplySegment", "ReplyStep", "level_value", "read_reply", "reply_schema"]

Level = Literal["A", "B", "C", "D", "E"]
ReplyKind = Literal["tracking", "cause", "appraisal", "muscles", "music"]
MAX_STEPS, MAX_SEGMENTS, MAX_EMOTIONS, MAX_ACTIONS = 12, 12, 3, 10
FIRST_HEAD_UNIT = 51


class ReplyError(ValueError):
    """A reply that cannot be used; the message is fit to be sent back to the model."""


class _Part(BaseModel):
    # A model that was only asked for "some JSON" may add fields; they mean nothing here and are dropped.
    model_config = ConfigDict(extra="ignore", frozen=True)


class ReplyStep(_Part):
    """One thought."""

    kind: ReplyKind
    observation: Annotated[str, Field(max_length=400)]
    inference: Annotated[str, Field(max_length=400)]
    clue: Annotated[str, Field(max_length=200)]


class ReplyEmotion(_Part):
    """A word of the ontology with a weight."""

    name: Annotated[str, Field(max_length=32)]
    weight_percent: Annotated[int, Field(ge=1, le=100)]


class ReplyAction(_Part):
    """An action unit with a FACS letter."""

    action_unit: Annotated[int, Field(ge=1, le=50)]
    side: Side
    level: Level


class ReplyMusic(_Part):
    """What the model says about the music; the rest follows from the emotion."""

    tempo_bpm: Annotated[int, Field(ge=40, le=200)]
    mode: Mode


class ReplySegment(_Part):
    """A stretch with one state, from ``start_percent`` of the duration to the next one's start."""

    start_percent: Annotated[int, Field(ge=0, le=99)]
    emotions: Annotated[tuple[ReplyEmotion, ...], Field(min_length=1, max_length=MAX_EMOTIONS)]
    intensity_percent: Annotated[int, Field(ge=0, le=100)]
    actions: Annotated[tuple[ReplyAction, ...], Field(max_length=MAX_ACTIONS)]
    music: ReplyMusic


class Reply(_Part):
    """A whole reply."""

    steps: Annotated[tuple[ReplyStep, ...], Field(min_length=1, max_length=MAX_STEPS)]
    segments: Annotated[tuple[ReplySegment, ...], Field(min_length=1, max_length=MAX_SEGMENTS)]


def _facial_units() -> list[int]:
    rows = load_config("emotion/au_to_arkit.yaml")["au_to_arkit"]
    return sorted({int(key.rstrip("LR")) for key in rows if int(key.rstrip("LR")) < FIRST_HEAD_UNIT})


def reply_schema() -> dict[str, Any]:
    """JSON schema of a reply."""

    def text(limit: int) -> dict[str, Any]:
        return {"type": "string", "maxLength": limit}

    def whole(low: int, high: int) -> dict[str, Any]:
        return {"type": "integer", "minimum": low, "maximum": high}

    def one_of(*values: object) -> dict[str, Any]:
        return {"enum": list(values)}

    def record(**properties: dict[str, Any]) -> dict[str, Any]:
        return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

    def listed(items: dict[str, Any], low: int, high: int) -> dict[str, Any]:
        return {"type": "array", "items": items, "minItems": low, "maxItems": high}

    step = record(kind=one_of(*get_args(ReplyKind)), observation=text(400), inference=text(400), clue=text(200))
    emotion = record(name=one_of(*sorted(Ontology.load().nodes)), weight_percent=whole(1, 100))
    action = record(action_unit=one_of(*_facial_units()), side=one_of(*get_args(Side)), level=one_of(*get_args(Level)))
    segment = record(
        start_percent=whole(0, 99),
        emotions=listed(emotion, 1, MAX_EMOTIONS),
        intensity_percent=whole(0, 100),
        actions=listed(action, 0, MAX_ACTIONS),
        music=record(tempo_bpm=whole(40, 200), mode=one_of(*get_args(Mode))),
    )
    return record(steps=listed(step, 1, MAX_STEPS), segments=listed(segment, 1, MAX_SEGMENTS))


def level_value(level: Level) -> float:
    """Weight of a FACS letter."""
    return float(load_config("emotion/action_units.yaml")["levels"]["of"][level])


def read_reply(text: str) -> Reply:
    """Find and check the JSON of a reply.

    Args:
        text: What the model wrote; prose or a code fence around the JSON is skipped.

    Raises:
        ReplyError: There is no JSON object, or it does not fit; says what to mend.
    """
    value = _first_object(text)
    try:
        reply = Reply.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the reply"
        raise ReplyError(f"{where}: {first['msg']}") from error
    starts = [segment.start_percent for segment in reply.segments]
    if starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise ReplyError(f"segments must begin at 0 and rise, got start_percent {starts}")
    known, facial = Ontology.load(), set(_facial_units())
    for index, segment in enumerate(reply.segments):
        for emotion in segment.emotions:
            if known.find(emotion.name) is None:
                close = ", ".join(known.suggestions(emotion.name)) or "joy, sadness, anger, fear, surprise, disgust"
                raise ReplyError(f"segments.{index}.emotions: {emotion.name[:32]!r} is no known emotion; use e.g. {close}")
        wrong = [action.action_unit for action in segment.actions if action.action_unit not in facial]
        if wrong:
            raise ReplyError(f"segments.{index}.actions: action unit {wrong[0]} cannot be shown; use one of {sorted(facial)}")
    return reply


def _first_object(text: str) -> object:
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, _ = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            start = text.find("{", start + 1)
            continue
        if isinstance(value, dict) and "segments" in value:
            return value
        start = text.find("{", start + 1)
    raise ReplyError("the reply holds no complete JSON object with 'steps' and 'segments'")
