"""The plan as tables that can be edited, and back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from html import escape
from typing import Any, Final

from pydantic import ValidationError

from espressivo.emotion.plan import EmotionPlan, EmotionSegment, PlanStep
from espressivo.errors import PlanError
from espressivo.resources import load_config

__all__ = [
    "ACTION_HEADERS",
    "MUSIC_HEADERS",
    "SEGMENT_HEADERS",
    "action_rows",
    "music_rows",
    "segment_rows",
    "thought_html",
    "with_actions",
    "with_music",
]

SEGMENT_HEADERS: Final = ["start s", "end s", "emotion", "intensity"]
ACTION_HEADERS: Final = ["segment", "unit", "side", "level", "what it does"]
MUSIC_FIELDS: Final = (
    "tempo_bpm", "mode", "density_nps", "register_low", "register_high", "velocity", "articulation", "dissonance", "irregularity",
)  # fmt: skip
MUSIC_HEADERS: Final = ["segment", *(name.replace("_", " ") for name in MUSIC_FIELDS)]
EMPTY: Final = '<div class="empty">Say what is felt, then press <b>Think</b>. The thought appears here, and can be changed.</div>'

Rows = list[list[Any]]


def thought_html(plan: EmotionPlan | None) -> str:
    """The chain of thought as cards."""
    if plan is None:
        return EMPTY
    return "".join(_card(step) for step in plan.steps)


def _card(step: PlanStep) -> str:
    why = " · ".join(escape(part) for part in (step.clue, step.source) if part)
    return (
        f'<div class="thought"><span class="kind">{escape(step.kind)}</span><span class="mark">{escape(step.provenance)}</span>'
        f'<div class="inference">{escape(step.inference)}</div><div class="why">{why}</div></div>'
    )


def segment_rows(plan: EmotionPlan) -> Rows:
    """Start, end, mixture and intensity of each segment."""
    return [
        [round(segment.start_s, 2), round(segment.end_s, 2), _mixture(segment), round(segment.intensity, 2)]
        for segment in plan.segments
    ]


def _mixture(segment: EmotionSegment) -> str:
    if len(segment.distribution) == 1:
        return segment.label
    strongest = sorted(segment.distribution.items(), key=lambda item: -item[1])
    return "+".join(f"{name}:{weight:.2f}" for name, weight in strongest)


def action_rows(plan: EmotionPlan) -> Rows:
    """One row an action unit and side of a segment, with the highest level it reaches there."""
    names = load_config("emotion/action_units.yaml")["action_units"]
    return [
        [index, unit, side, round(level, 2), f"{names[unit]['name']}: {names[unit]['muscle']} {names[unit]['does']}"]
        for (index, unit, side), level in _levels(plan).items()
    ]


def _levels(plan: EmotionPlan) -> dict[tuple[int, int, str], float]:
    levels: dict[tuple[int, int, str], float] = defaultdict(float)
    for index, segment in enumerate(plan.segments):
        for action in segment.actions:
            key = (index, action.action_unit, action.side)
            levels[key] = max(levels[key], action.level)
    return levels


def music_rows(plan: EmotionPlan) -> Rows:
    """One row a segment."""
    return [
        [index, *(_rounded(getattr(segment.music, name)) for name in MUSIC_FIELDS)] for index, segment in enumerate(plan.segments)
    ]


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def with_actions(plan: EmotionPlan, rows: Sequence[Sequence[Any]]) -> EmotionPlan:
    """The plan with the levels of the table: all movements of a unit are scaled together.

    Raises:
        PlanError: ``plan.invalid`` for a level outside 0 to 1.
    """
    before = _levels(plan)
    asked = {(int(row[0]), int(row[1]), str(row[2])): float(row[3]) for row in rows}
    segments = []
    for index, segment in enumerate(plan.segments):
        actions = []
        for action in segment.actions:
            key = (index, action.action_unit, action.side)
            level = action.level * asked.get(key, before[key]) / before[key] if before[key] else 0.0
            actions.append(action.model_dump() | {"level": level})
        segments.append(segment.model_dump() | {"actions": actions})
    return _checked(plan, segments)


def with_music(plan: EmotionPlan, rows: Sequence[Sequence[Any]]) -> EmotionPlan:
    """The plan with the music of the table.

    Raises:
        PlanError: ``plan.invalid`` for a value outside its range.
    """
    segments = []
    for segment, row in zip(plan.segments, rows, strict=True):
        values = dict(zip(MUSIC_FIELDS, row[1:], strict=True))
        segments.append(segment.model_dump() | {"music": segment.music.model_dump() | values})
    return _checked(plan, segments)


def _checked(plan: EmotionPlan, segments: list[dict[str, Any]]) -> EmotionPlan:
    try:
        return EmotionPlan.model_validate(plan.model_dump() | {"segments": segments})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " ".join(str(part) for part in first["loc"])
        raise PlanError("plan.invalid", f"{where}: {first['msg']}") from error
