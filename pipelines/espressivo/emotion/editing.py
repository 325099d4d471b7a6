"""Plans as documents: what changed between two of them, and edits that leave a trace in the chain of thought."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from espressivo.emotion.facial import unit_name
from espressivo.emotion.mixture import normalise
from espressivo.emotion.plan import ActionTarget, EmotionPlan, EmotionSegment, PlanStep, Side, StepKind
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest, Keyframe, Personality
from espressivo.errors import PlanError

__all__ = ["PlanChange", "describe_changes", "diff_plans", "replan_segment", "request_from_plan", "set_action_level"]

BY_HAND = "edited by hand"
NEW_ONSET_S, NEW_OFFSET_S = 0.4, 0.6


@dataclass(frozen=True, slots=True)
class PlanChange:
    """A field that differs; ``None`` where it is missing on that side.

    Attributes:
        path: E.g. ``"segments[0].actions[AU12 both 1].level"`` (first movement of that action unit).
        before: Old value.
        after: New value.
    """

    path: str
    before: object
    after: object


def diff_plans(before: EmotionPlan, after: EmotionPlan) -> tuple[PlanChange, ...]:
    """Every field that differs, in the order of the file; movements are matched by action unit, side and order in time."""
    return tuple(_differences("", _keyed(before), _keyed(after)))


def describe_changes(changes: tuple[PlanChange, ...]) -> str:
    """The changes as lines of text; ``"no difference"`` when there are none."""
    lines = []
    for change in changes:
        if change.before is None:
            lines.append(f"+ {change.path}: {_short(change.after)}")
        elif change.after is None:
            lines.append(f"- {change.path}: {_short(change.before)}")
        else:
            lines.append(f"~ {change.path}: {_short(change.before)} -> {_short(change.after)}")
    return "\n".join(lines or ["no difference"]) + "\n"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:119] + "…"


def _keyed(plan: EmotionPlan) -> dict[str, Any]:
    value: dict[str, Any] = plan.model_dump(mode="json")
    value["steps"] = {step["id"]: step for step in value["steps"]}
    for segment in value["segments"]:
        numbered: dict[str, Any] = {}
        for action in segment["actions"]:
            name = f"AU{action['action_unit']} {action['side']}"
            number = 1 + sum(key.rpartition(" ")[0] == name for key in numbered)
            numbered[f"{name} {number}"] = action
        segment["actions"] = numbered
    value["segments"] = {str(index): segment for index, segment in enumerate(value["segments"])}
    return value


def _differences(path: str, before: object, after: object) -> Iterator[PlanChange]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            indexed = path.endswith(("steps", "actions")) or path == "segments"
            inner = f"{path}[{key}]" if indexed else f"{path}.{key}".lstrip(".")
            yield from _differences(inner, before.get(key), after.get(key))
    elif before != after:
        yield PlanChange(path, before, after)


def set_action_level(plan: EmotionPlan, segment: int, action_unit: int, level: float, *, side: Side = "both") -> EmotionPlan:
    """Set how far an action unit goes in a segment.

    Its movements keep their times and their relative sizes; one that does not occur yet is added over the whole segment;
    level 0 removes it. Nothing else changes, but a step that says so is added.

    Args:
        plan: The plan.
        segment: Index of the segment.
        action_unit: FACS number.
        level: 0-1, of the highest movement.
        side: Which side's movements are meant.

    Raises:
        PlanError: ``plan.edit`` for a segment, action unit or level that does not exist.
    """
    part = _segment(plan, segment)
    if not 0.0 <= level <= 1.0:
        raise PlanError("plan.edit", f"level is {level:g}; accepted: 0 to 1")
    try:
        name = unit_name(action_unit)
    except KeyError:
        raise PlanError("plan.edit", f"action unit {action_unit} does not exist; see configs/emotion/action_units.yaml") from None
    mine = [action for action in part.actions if (action.action_unit, action.side) == (action_unit, side)]
    others = [action for action in part.actions if (action.action_unit, action.side) != (action_unit, side)]
    peak = max((action.level for action in mine), default=0.0)
    sets = f"segments[{segment}].actions[AU{action_unit}]"
    step = _hand_step(plan, "muscles", f"{name} was {peak:.2f}", f"{name} (AU{action_unit}) is set to {level:.2f}", sets)
    if peak > 0:
        changes = [{"level": round(action.level * level / peak, 4), "step": step.id, "cause": BY_HAND} for action in mine]
        new = [action.model_copy(update=change) for action, change in zip(mine, changes, strict=True)]
    else:
        new = [_whole_segment(part, action_unit, side, level, step.id)]
    kept = [action for action in new if action.level > 0]
    actions = tuple(sorted([*others, *kept], key=lambda action: (action.start_s, action.action_unit, -action.level)))
    return _with_segment(plan, segment, part.model_copy(update={"actions": actions}), [step])


def _whole_segment(part: EmotionSegment, action_unit: int, side: Side, level: float, step: str) -> ActionTarget:
    onset = min(NEW_ONSET_S, 0.4 * part.duration_s)
    return ActionTarget(
        action_unit=action_unit,
        side=side,
        level=level,
        start_s=part.start_s,
        onset_s=onset,
        apex_s=max(0.0, part.duration_s - onset),
        offset_s=NEW_OFFSET_S,
        step=step,
        cause=BY_HAND,
    )


def replan_segment(
    plan: EmotionPlan,
    segment: int,
    mixture: Mapping[str, float],
    *,
    intensity: float,
    personality: Personality | None = None,
    seed: int = 0,
) -> EmotionPlan:
    """Give a segment another emotion; the other segments keep every number, edits included.

    Args:
        plan: The plan.
        segment: Index of the segment.
        mixture: Words with weights.
        intensity: 0-1.
        personality: Of the person shown.
        seed: Of the new choices.

    Raises:
        PlanError: ``plan.edit`` for a segment that does not exist.
        EmotionInputError: ``emotion.unknown``.
    """
    old = _segment(plan, segment)
    request = request_from_plan(plan, personality)
    assert request.keyframes is not None  # noqa: S101 - made just above
    frames = list(request.keyframes)
    frames[segment] = Keyframe(time_s=old.start_s, mixture=normalise(mixture), intensity=intensity)
    fresh = plan_emotion(request.model_copy(update={"keyframes": tuple(frames)}), seed=seed)
    new = fresh.segments[segment]
    cited = {action.step for action in new.actions} | {
        step.id for step in fresh.steps if any(target.startswith(f"segments[{segment}].") for target in step.sets)
    }
    steps, renamed = _adopt([step for step in fresh.steps if step.id in cited], plan, segment)
    actions = tuple(action.model_copy(update={"step": renamed[action.step]}) for action in new.actions)
    music = new.music.model_copy(update={"tonic": old.music.tonic})
    felt = ", ".join(f"{name} {weight:.2f}" for name, weight in new.distribution.items())
    note = _hand_step(plan, "tracking", f"segment {segment} was {old.label}", f"it is set to {felt}", f"segments[{segment}]")
    return _with_segment(plan, segment, new.model_copy(update={"actions": actions, "music": music}), [note, *steps])


def request_from_plan(plan: EmotionPlan, personality: Personality | None = None) -> EmotionRequest:
    """The states of a plan as keyframes, to change and plan anew."""
    frames = tuple(
        Keyframe(time_s=part.start_s, mixture=dict(part.distribution), intensity=part.intensity) for part in plan.segments[:100]
    )
    return EmotionRequest(keyframes=frames, duration_s=plan.duration_s, personality=personality or Personality())


def _segment(plan: EmotionPlan, index: int) -> EmotionSegment:
    if not 0 <= index < len(plan.segments):
        raise PlanError("plan.edit", f"there is no segment {index}; the plan has {len(plan.segments)}, counted from 0")
    return plan.segments[index]


def _hand_step(plan: EmotionPlan, kind: StepKind, observation: str, inference: str, sets: str) -> PlanStep:
    taken = {step.id for step in plan.steps}
    number = next(number for number in range(1, len(taken) + 2) if f"edit-{number}" not in taken)
    return PlanStep(
        id=f"edit-{number}",
        kind=kind,
        observation=observation,
        inference=inference,
        clue=BY_HAND,
        source="the user",
        sets=(sets,),
    )


def _adopt(steps: list[PlanStep], plan: EmotionPlan, segment: int) -> tuple[list[PlanStep], dict[str, str]]:
    """Steps of another plan under ids that are free in this one, naming only the segment they are taken for."""
    taken = {step.id for step in plan.steps}
    renamed = {}
    adopted = []
    for step in steps:
        name = next(name for number in range(2, 600) if (name := f"{step.id}-again-{number}") not in taken)
        taken.add(name)
        renamed[step.id] = name
        sets = tuple(target for target in step.sets if target.startswith(f"segments[{segment}]."))
        adopted.append(step.model_copy(update={"id": name, "sets": sets}))
    return adopted, renamed


def _with_segment(plan: EmotionPlan, index: int, part: EmotionSegment, steps: list[PlanStep]) -> EmotionPlan:
    segments = (*plan.segments[:index], part, *plan.segments[index + 1 :])
    return EmotionPlan.model_validate(plan.model_copy(update={"segments": segments, "steps": (*plan.steps, *steps)}).model_dump())
