"""From states over time to a finished plan: appraisal, muscles, timing, conflicts, music, check.

The global state is settled before any local muscle is chosen, and every number cites the step that set it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from espressivo.emotion.check import FaceVerdict, check_face
from espressivo.emotion.conflicts import settle_conflicts
from espressivo.emotion.facial import Face, MusclePull, compose_face, compose_head, describe_muscles, scale_face
from espressivo.emotion.musical import MusicThought, choose_tonics, compose_music
from espressivo.emotion.personality import amplitude_gain, expressivity, least_share, renewal_gain
from espressivo.emotion.plan import (
    ActionTarget,
    EmotionPlan,
    EmotionSegment,
    HeadGazeTarget,
    Mode,
    MusicAttributes,
    Provenance,
    Side,
)
from espressivo.emotion.request import EmotionRequest
from espressivo.emotion.steps import StepRecorder
from espressivo.emotion.timing import SegmentClock, entries, event_cap, time_face
from espressivo.emotion.tracking import EmotionState, StateSpan, note_appraisal
from espressivo.emotion.vad import TYPICAL_INTENSITY, mixture_vad, to_vad
from espressivo.resources import load_config

__all__ = ["Override", "plan_spans"]

FIRMNESS: tuple[Provenance, ...] = ("verified", "cross_checked", "recalled", "engineering")


@dataclass(frozen=True, slots=True)
class _Thought:
    """What was decided about one state."""

    state: EmotionState
    indices: list[int]
    face: Face
    verdict: FaceVerdict
    head: HeadGazeTarget
    music: MusicThought
    muscle_step: str


@dataclass(frozen=True, slots=True)
class Override:
    """What somebody else than the rules decided about one state.

    Attributes:
        actions: Action unit -> side and level; added to the face that the rules compose.
        step: Id of the step that decided them.
        tempo_bpm: Instead of the rules' tempo.
        mode: Instead of the rules' mode.
    """

    actions: Mapping[int, tuple[Side, float]] = field(default_factory=dict)
    step: str = ""
    tempo_bpm: float | None = None
    mode: Mode | None = None


def plan_spans(
    request: EmotionRequest,
    spans: list[StateSpan],
    steps: StepRecorder,
    *,
    seed: int,
    pauses: Sequence[tuple[float, float]],
    overrides: Mapping[int, Override],
    planner: str,
) -> EmotionPlan:
    """Finish a plan whose states are known.

    Args:
        request: Whose personality and factors of intensity count.
        spans: States that tile the duration.
        steps: Holds the tracking and cause steps; the others are added.
        seed: Of all random choices.
        pauses: ``(start, end)`` seconds of silence in the speech.
        overrides: By number of the state.
        planner: Name that the plan carries.
    """
    thoughts = [_think(request, spans, number, steps, seed, overrides.get(number, Override())) for number in _numbers(spans)]
    actions = _time(request, spans, thoughts, steps, seed, pauses)
    _note_conflicts(thoughts, steps)
    music = _sound(spans, thoughts, steps, seed)
    _note_checks(thoughts, steps)
    segments = tuple(
        EmotionSegment(
            start_s=span.start_s,
            end_s=span.end_s,
            distribution=dict(span.state.distribution),
            vad=to_vad(span.state.vad),
            intensity=round(span.state.intensity, 4),
            actions=actions[index],
            head_gaze=thoughts[span.number].head,
            music=music[index],
        )
        for index, span in enumerate(spans)
    )
    return EmotionPlan(steps=steps.finished(), factors=_factors(spans, thoughts), segments=segments, planner=planner)


def _numbers(spans: list[StateSpan]) -> range:
    return range(spans[-1].number + 1)


def _think(
    request: EmotionRequest, spans: list[StateSpan], number: int, steps: StepRecorder, seed: int, override: Override
) -> _Thought:
    """Appraisal and muscles of one state."""
    indices = [index for index, span in enumerate(spans) if span.number == number]
    state = spans[indices[0]].state
    note_appraisal(steps, state, request.personality, indices)
    composed = compose_face(state, seed, least_share(request.factors))
    head = compose_head(state, request.personality, seed)
    # Read with the head as it is carried at typical intensity, so that what is corrected does not depend on intensity.
    typical = compose_head(replace(state, intensity=TYPICAL_INTENSITY), request.personality, seed)
    verdict = check_face(composed, typical, state)
    # The valence of the emotion itself, not of the moment: the factor must not change with intensity.
    valence = float(mixture_vad(state.distribution)[0])
    exponent = float(load_config("emotion/intensity.yaml")["amplitude_exponent"])
    scale = state.strength**exponent * expressivity(request.personality, valence) * amplitude_gain(request.factors)
    step = _note_muscles(steps, state, scale_face(composed, scale), indices)
    face = _overridden(scale_face(verdict.face, scale), override)
    return _Thought(state, indices, face, verdict, head, _with_music(compose_music(state), override), step)


def _overridden(face: Face, override: Override) -> Face:
    """The face with levels that somebody else chose, antagonists settled again."""
    if not override.actions:
        return face
    pulls = {pull.unit: pull for pull in face.pulls}
    dynamics = face.pulls[0].dynamics if face.pulls else "felt_smile"
    for unit, (side, level) in override.actions.items():
        old = pulls.get(unit)
        pulls[unit] = MusclePull(unit, side, level, old.dynamics if old else dynamics, f"set by {override.step}", override.step)
    settled, changes = settle_conflicts({unit: pull.level for unit, pull in pulls.items()})
    kept = tuple(replace(pulls[unit], level=round(level, 4)) for unit, level in settled.items() if level > 0)
    return replace(face, pulls=kept, conflicts=(*face.conflicts, *changes))


def _with_music(thought: MusicThought, override: Override) -> MusicThought:
    changes: dict[str, object] = {}
    if override.tempo_bpm is not None:
        changes["tempo_bpm"] = override.tempo_bpm
    if override.mode is not None:
        changes["mode"] = override.mode
    if not changes:
        return thought
    attributes = thought.attributes.model_copy(update=changes)
    return MusicThought(attributes, thought.brightness, f"{thought.because}; {', '.join(changes)} set by {override.step}")


def _note_muscles(steps: StepRecorder, state: EmotionState, face: Face, indices: list[int]) -> str:
    rows = "; ".join(f"{row.node}: {row.source}" for row in face.rows)
    weakest = max((row.provenance for row in face.rows), key=FIRMNESS.index)
    left_out = f"; {'; '.join(face.notes)}" if face.notes else ""
    mixed = "evidence adds, antagonists inhibit" if len(face.rows) > 1 else "the published set of this emotion"
    return steps.add(
        "muscles",
        f"the whole face shows {state.describe()}, strength {state.strength:.2f}",
        describe_muscles(face.pulls) + left_out,
        clue=f"{mixed}: {', '.join(row.row for row in face.rows)}",
        source=rows,
        provenance=weakest,
        sets=[f"segments[{index}].actions[AU{pull.unit}]" for index in indices for pull in face.pulls],
    )


def _time(
    request: EmotionRequest,
    spans: list[StateSpan],
    thoughts: list[_Thought],
    steps: StepRecorder,
    seed: int,
    pauses: Sequence[tuple[float, float]],
) -> list[tuple[ActionTarget, ...]]:
    begin = entries([span.start_s for span in spans], [span.end_s for span in spans], pauses, seed)
    phrase_starts = tuple(end for _, end in pauses)
    faces = [thoughts[span.number].face for span in spans]
    actions = []
    for index, (span, face) in enumerate(zip(spans, faces, strict=True)):
        last = index + 1 == len(spans)
        clock = SegmentClock(
            index=index,
            start_s=span.start_s,
            end_s=span.end_s,
            entry=begin[index],
            leave=None if last else begin[index + 1],
            next_units=frozenset() if last else frozenset(faces[index + 1].levels()),
            phrase_starts_s=phrase_starts,
            max_events=event_cap(len(spans), len(face.pulls)),
            renewal=renewal_gain(request.factors),
            continued=index > 0 and spans[index - 1].number == span.number,
        )
        actions.append(time_face(face, clock, thoughts[span.number].muscle_step, seed))
    turns = [f"{entry.start_s:.2f} s ({entry.why})" for entry in begin[1:]]
    classes = ", ".join(dict.fromkeys(pull.dynamics for face in faces for pull in face.pulls)) or "rest"
    steps.add(
        "timing",
        f"{len(spans)} segment{'s' if len(spans) > 1 else ''}, {sum(map(len, actions))} movements",
        "brows lead, eyes, nose, mouth follow within 80 ms; holds fall a little after the first peak and are renewed at "
        f"irregular moments{'; new states begin at ' + ', '.join(turns[:12]) if turns else ''}",
        clue=f"movement classes: {classes}",
        source="Frank et al. 1993; Schmidt et al. 2006, 2009; Guo et al. 2018; Ekman 2003; renewal rates: captured takes",
        provenance="engineering",
        sets=[f"segments[{index}].actions[*].start_s" for index in range(len(spans))],
    )
    return actions


def _note_conflicts(thoughts: list[_Thought], steps: StepRecorder) -> None:
    settled = [(thought, rule, said) for thought in thoughts for rule, said in thought.face.conflicts]
    if not settled:
        steps.add("conflicts", "all pairs of muscles were compared", "no muscle works against another", source="antagonist table")
    for thought, rule, said in settled:
        steps.add(
            "conflicts",
            f"antagonists in {thought.state.label}",
            said,
            clue=f"rule {rule}, applied to the levels of {thought.muscle_step} before intensity",
            source="antagonist table",
            sets=[f"segments[{index}].actions" for index in thought.indices],
        )


def _sound(spans: list[StateSpan], thoughts: list[_Thought], steps: StepRecorder, seed: int) -> list[MusicAttributes]:
    tonics = choose_tonics([thoughts[span.number].music for span in spans], seed)
    for thought in thoughts:
        attributes = thought.music.attributes
        steps.add(
            "music",
            f"the same state is to be heard: {thought.state.describe()}",
            f"{attributes.tempo_bpm:.0f} bpm, {tonics[thought.indices[0]][1]}; velocity {attributes.velocity:.0f}, "
            f"{attributes.density_nps:.1f} notes a second, articulation {attributes.articulation:.2f}, "
            f"dissonance {attributes.dissonance:.2f}, irregularity {attributes.irregularity:.2f}",
            clue=thought.music.because,
            source="Eerola, Friberg & Bresin 2013 (linear cues); Juslin & Laukka 2003; Gabrielsson & Lindstrom 2010 (directions)",
            provenance="engineering",
            sets=[f"segments[{index}].music" for index in thought.indices],
        )
    return [
        thoughts[span.number].music.attributes.model_copy(update={"tonic": tonic})
        for span, (tonic, _) in zip(spans, tonics, strict=True)
    ]


def _note_checks(thoughts: list[_Thought], steps: StepRecorder) -> None:
    for thought in thoughts:
        verdict = thought.verdict
        steps.add(
            "check",
            f"the planned face of {thought.state.label} is read again",
            verdict.said,
            clue=f"expected: {' or '.join(verdict.expected)}",
            source=f"independent rules: {', '.join(verdict.tables)}",
            provenance="verified",
            sets=[f"segments[{index}].actions[AU{unit}]" for index in thought.indices for unit in verdict.changed],
        )


def _factors(spans: list[StateSpan], thoughts: list[_Thought]) -> tuple[str, ...]:
    """The three to five things that face and music both rest on."""
    first = spans[0].state
    arc = [thought.state.label for thought in thoughts]
    valence, arousal, dominance = first.vad
    factors = [
        f"feeling: {first.describe()}",
        f"intensity: {first.intensity:.2f}",
        f"valence {valence:+.2f}, arousal {arousal:+.2f}, dominance {dominance:+.2f}",
    ]
    if len(arc) > 1:
        turns = [f"{b.state.label} at {b.start_s:.1f} s" for a, b in pairwise(spans) if a.number != b.number]
        factors.append(f"turns: {', '.join(turns)}"[:200])
    last = thoughts[-1].music.attributes
    sound = thoughts[0].music.attributes
    factors.append(
        f"pulse: {sound.tempo_bpm:.0f} to {last.tempo_bpm:.0f} bpm" if len(arc) > 1 else f"pulse: {sound.tempo_bpm:.0f} bpm"
    )
    return tuple(factor[:200] for factor in factors)
