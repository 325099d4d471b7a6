"""A plan in words."""

from __future__ import annotations

from espressivo.emotion.facial import unit_name
from espressivo.emotion.plan import EmotionPlan, EmotionSegment

__all__ = ["explain"]

MARKS = {
    "verified": "",
    "cross_checked": " [cross-checked]",
    "recalled": " [recalled, not verified]",
    "engineering": " [own choice]",
}


def explain(plan: EmotionPlan) -> str:
    """The chain of thought and what it sets, as readable text ending in a newline.

    Args:
        plan: Any valid plan.
    """
    lines = [f"Plan of {plan.duration_s:g} s by {plan.planner}, {len(plan.segments)} segment(s)"]
    if plan.fallback_reason:
        lines.append(f"fallback: {plan.fallback_reason}")
    lines += [f"  * {factor}" for factor in plan.factors]
    kind = ""
    for step in plan.steps:
        if step.kind != kind:
            kind = step.kind
            lines += ["", kind.upper()]
        lines.append(f"  {step.id}: {step.observation}")
        lines.append(f"      -> {step.inference}")
        if step.clue:
            lines.append(f"      clue: {step.clue}")
        if step.source:
            lines.append(f"      source: {step.source}{MARKS[step.provenance]}")
    lines += ["", "SEGMENTS"]
    for index, segment in enumerate(plan.segments):
        lines += _segment_lines(index, segment)
    return "\n".join(lines) + "\n"


def _segment_lines(index: int, segment: EmotionSegment) -> list[str]:
    felt = ", ".join(f"{name} {weight:.2f}" for name, weight in segment.distribution.items())
    vad, music = segment.vad, segment.music
    lines = [
        f"  [{index}] {segment.start_s:.2f}-{segment.end_s:.2f} s: {felt}; intensity {segment.intensity:.2f}; "
        f"V {vad.valence:+.2f} A {vad.arousal:+.2f} D {vad.dominance:+.2f}"
    ]
    peaks: dict[tuple[int, str], tuple[float, int]] = {}
    for action in segment.actions:
        key = (action.action_unit, action.side)
        level, count = peaks.get(key, (0.0, 0))
        peaks[key] = (max(level, action.level), count + 1)
    for (unit, side), (level, count) in sorted(peaks.items(), key=lambda item: -item[1][0]):
        where = "" if side == "both" else f" ({'left' if side == 'L' else 'right'})"
        lines.append(f"      AU{unit:<2} {unit_name(unit)}{where}: {level:.2f}, {count} movement(s)")
    lines.append(
        f"      music: {music.tempo_bpm:.0f} bpm {music.mode}, tonic {music.tonic}, velocity {music.velocity:.0f}, "
        f"{music.density_nps:.1f} notes/s, register {music.register_low}-{music.register_high}"
    )
    return lines
