"""Edits of a plan, each as small as it can be: what is not touched keeps every number, what was set by hand stays set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import ValidationError

from espressivo.emotion.editing import BY_HAND, replan_segment, set_action_level
from espressivo.emotion.parse import build_request, parse_keyframes
from espressivo.emotion.plan import ActionTarget, EmotionPlan, EmotionSegment, Side
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import Personality
from espressivo.errors import PlanError
from espressivo_demo.views import side_levels

__all__ = [
    "move_border",
    "remove_segment",
    "rename_segment",
    "set_intensity",
    "set_mixture",
    "set_muscle",
    "set_music",
    "set_point",
    "split_segment",
    "stretched",
]

NEW_LEVEL: Final = 0.3
NEW_SHARE: Final = 0.3
MIN_SEGMENT_S: Final = 0.3


def rename_segment(plan: EmotionPlan, index: int, words: str, personality: Personality) -> EmotionPlan:
    """Another emotion (a word or a mixture) for one segment, at the intensity it names or the old one."""
    asked = parse_keyframes(f"0:{words}")[0]
    old = _segment(plan, index).intensity
    return _replanned(plan, index, asked.mixture, old if asked.intensity is None else asked.intensity, personality)


def set_intensity(plan: EmotionPlan, index: int, intensity: float, personality: Personality) -> EmotionPlan:
    """The same emotion, stronger or weaker."""
    return _replanned(plan, index, _segment(plan, index).distribution, _share(intensity, "intensity"), personality)


def set_mixture(plan: EmotionPlan, index: int, name: str, share: float | None, personality: Personality) -> EmotionPlan:
    """Another share for one emotion of the mixture (``None`` mixes it in); 0 takes it out."""
    segment = _segment(plan, index)
    changed = dict(segment.distribution) | {name: NEW_SHARE if share is None else _share(share, name)}
    mixture = {word: weight for word, weight in changed.items() if weight > 0}
    if not mixture:
        raise PlanError("plan.edit", "a segment feels at least one emotion; add another before you take this one out")
    return _replanned(plan, index, mixture, segment.intensity, personality)


def set_point(plan: EmotionPlan, index: int, valence: float, arousal: float, personality: Personality) -> EmotionPlan:
    """The emotions that lie at a point of valence and arousal, with the segment's dominance."""
    dominance = _segment(plan, index).vad.dominance
    point = {"valence": valence, "arousal": arousal, "dominance": dominance}
    there = plan_emotion(build_request(vad=point, personality=personality)).segments[0]
    return _replanned(plan, index, there.distribution, there.intensity, personality)


def move_border(plan: EmotionPlan, index: int, time_s: float, personality: Personality) -> EmotionPlan:
    """Move the border after a segment; the two beside it are timed anew, the others stay.

    Raises:
        PlanError: ``plan.edit`` where there is no such border, or a segment would become shorter than 0.3 s.
    """
    if not 0 <= index < len(plan.segments) - 1:
        raise PlanError("plan.edit", "the plan's beginning and end are given by the speech or the length, not by a segment")
    before, after = plan.segments[index], plan.segments[index + 1]
    if not before.start_s + MIN_SEGMENT_S <= time_s <= after.end_s - MIN_SEGMENT_S:
        message = f"{time_s:.2f} s leaves less than {MIN_SEGMENT_S} s for a segment; move the next border first"
        raise PlanError("plan.edit", message)
    moved = [before.model_copy(update={"end_s": time_s}), after.model_copy(update={"start_s": time_s})]
    return _timed_anew(plan, index, [before, after], moved, personality)


def split_segment(plan: EmotionPlan, index: int, personality: Personality) -> EmotionPlan:
    """Two segments of the same emotion in place of one."""
    segment = _segment(plan, index)
    if segment.duration_s < 2 * MIN_SEGMENT_S:
        raise PlanError("plan.edit", f"the segment lasts {segment.duration_s:.2f} s; there is no room for two")
    middle = round((segment.start_s + segment.end_s) / 2, 3)
    halves = [segment.model_copy(update={"end_s": middle}), segment.model_copy(update={"start_s": middle})]
    return _timed_anew(plan, index, [segment], halves, personality)


def remove_segment(plan: EmotionPlan, index: int, personality: Personality) -> EmotionPlan:
    """Give a segment's time to the one before it (or after it, for the first)."""
    if len(plan.segments) == 1:
        raise PlanError("plan.edit", "a plan has at least one segment")
    gone, first = _segment(plan, index), max(0, index - 1)
    kept = plan.segments[first] if index else plan.segments[1]
    ends = {"start_s": min(gone.start_s, kept.start_s), "end_s": max(gone.end_s, kept.end_s)}
    merged = kept.model_copy(update=ends)
    return _timed_anew(plan, first, plan.segments[first : first + 2], [merged], personality)


def set_muscle(plan: EmotionPlan, index: int, action_unit: int, side: Side, level: float) -> EmotionPlan:
    """How far an action unit goes on one side (or both); a new one starts where it is told to."""
    segment = _segment(plan, index)
    if side == "both":
        return set_action_level(plan, index, action_unit, level)
    left, right = side_levels(segment).get(action_unit, (0.0, 0.0))
    asked = (level, right) if side == "L" else (left, level)
    if asked[0] == asked[1] and all(action.side == "both" for action in segment.actions if action.action_unit == action_unit):
        return set_action_level(plan, index, action_unit, level)
    apart = _with_segment(plan, index, segment.model_copy(update={"actions": tuple(_sides_apart(segment, action_unit))}))
    return set_action_level(apart, index, action_unit, level, side=side)


def _sides_apart(segment: EmotionSegment, action_unit: int) -> Iterable[ActionTarget]:
    for action in segment.actions:
        if action.action_unit == action_unit and action.side == "both":
            yield action.model_copy(update={"side": "L"})
            yield action.model_copy(update={"side": "R"})
        else:
            yield action


def set_music(plan: EmotionPlan, index: int, name: str, value: object) -> EmotionPlan:
    """Another value for one musical attribute of a segment.

    Raises:
        PlanError: ``plan.invalid`` for a value outside its range.
    """
    segment = _segment(plan, index)
    music = segment.music.model_dump()
    if name not in music:
        raise PlanError("plan.edit", f"music has no attribute {name[:40]!r}")
    return _with_segment(plan, index, segment.model_dump() | {"music": music | {name: value}})


def stretched(plan: EmotionPlan, duration_s: float) -> EmotionPlan:
    """The plan over another length, every segment in proportion. For music, which ignores the single movements."""
    factor = duration_s / plan.duration_s
    segments = [
        segment.model_dump()
        | {"start_s": segment.start_s * factor, "end_s": segment.end_s * factor}
        | {"actions": [action.model_dump() | {"start_s": max(-2.0, action.start_s * factor)} for action in segment.actions]}
        for segment in plan.segments
    ]
    return _checked(plan, segments)


def _replanned(
    plan: EmotionPlan, index: int, mixture: Mapping[str, float], intensity: float, personality: Personality
) -> EmotionPlan:
    return replan_segment(plan, index, mixture, intensity=intensity, personality=personality)


def _timed_anew(
    plan: EmotionPlan,
    first: int,
    old: Iterable[EmotionSegment],
    new: list[EmotionSegment],
    personality: Personality,
) -> EmotionPlan:
    """Put segments in place of others and time their movements anew; levels set by hand, and the music, stay."""
    replaced = [*plan.segments[:first], *new, *plan.segments[first + len(list(old)) :]]
    plan = _checked(plan, [segment.model_dump() | {"actions": _within(segment)} for segment in replaced])
    for offset, wanted in enumerate(new):
        index = first + offset
        plan = _replanned(plan, index, wanted.distribution, wanted.intensity, personality)
        plan = _with_segment(plan, index, plan.segments[index].model_copy(update={"music": wanted.music}))
        by_hand = [action for action in wanted.actions if action.cause == BY_HAND]
        for unit, side in dict.fromkeys((action.action_unit, action.side) for action in by_hand):
            level = max(action.level for action in by_hand if (action.action_unit, action.side) == (unit, side))
            plan = set_muscle(plan, index, unit, side, level)
    return plan


def _within(segment: EmotionSegment) -> list[dict[str, Any]]:
    return [action.model_dump() for action in segment.actions if action.start_s < segment.end_s]


def _segment(plan: EmotionPlan, index: int) -> EmotionSegment:
    if not 0 <= index < len(plan.segments):
        raise PlanError("plan.edit", f"there is no segment {index}; the plan has {len(plan.segments)}, counted from 0")
    return plan.segments[index]


def _share(value: float, name: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise PlanError("plan.edit", f"{name} is {value:g}; accepted: 0 to 1")
    return value


def _with_segment(plan: EmotionPlan, index: int, part: EmotionSegment | dict[str, Any]) -> EmotionPlan:
    segments: list[EmotionSegment | dict[str, Any]] = list(plan.segments)
    segments[index] = part
    return _checked(plan, [item if isinstance(item, dict) else item.model_dump() for item in segments])


def _checked(plan: EmotionPlan, segments: list[dict[str, Any]]) -> EmotionPlan:
    try:
        return EmotionPlan.model_validate(plan.model_dump() | {"segments": segments})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = " ".join(str(part) for part in first["loc"])
        raise PlanError("plan.invalid", f"{where}: {first['msg']}") from error
