"""The plan: a chain of thought that can be read, edited, saved and replayed, and is the condition of face and music.

All times are seconds on the plan's own clock, which starts at 0. Segments tile ``[0, duration_s]`` without gap or overlap.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from espressivo.errors import PlanError

__all__ = [
    "VAD",
    "ActionTarget",
    "EmotionPlan",
    "EmotionSegment",
    "HeadGazeTarget",
    "Mode",
    "MusicAttributes",
    "PlanStep",
    "Side",
    "StepKind",
    "load_plan",
    "save_plan",
]

PLAN_VERSION: Literal["1"] = "1"
MAX_PLAN_BYTES = 4 * 1024 * 1024
TIME_TOLERANCE_S = 1e-6

Side = Literal["L", "R", "both"]
StepKind = Literal["tracking", "cause", "appraisal", "muscles", "timing", "conflicts", "music", "check"]
Provenance = Literal["verified", "cross_checked", "recalled", "engineering"]
Mode = Literal["phrygian", "minor", "dorian", "mixolydian", "major", "lydian"]

Unit = Annotated[float, Field(ge=0.0, le=1.0)]
Signed = Annotated[float, Field(ge=-1.0, le=1.0)]
Seconds = Annotated[float, Field(ge=0.0, le=7200.0)]
Text = Annotated[str, Field(max_length=1000)]


class Contract(BaseModel):
    """Strict, frozen base of everything that crosses the package's edge."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class VAD(Contract):
    """A point in valence-arousal-dominance space, each -1 to 1 (Russell & Mehrabian 1977; valence = pleasure)."""

    valence: Signed
    arousal: Signed
    dominance: Signed


class PlanStep(Contract):
    """One thought: what was observed, what follows from it, on which evidence, and which fields it sets.

    Attributes:
        id: Unique within the plan, e.g. ``"muscles-2"``.
        kind: Layer of the chain.
        observation: What is given at this point.
        inference: What follows, in plain words (muscles are named anatomically).
        clue: The words, rule or number that the inference rests on.
        source: Publication or table behind the rule, or ``"engineering choice"``.
        provenance: How firm the source is.
        sets: Fields of the plan that this step decided, e.g. ``"segments[0].actions[AU12]"``.
    """

    id: Annotated[str, Field(min_length=1, max_length=64)]
    kind: StepKind
    observation: Text
    inference: Text
    clue: Text = ""
    source: Text = ""
    provenance: Provenance = "engineering"
    sets: tuple[Annotated[str, Field(max_length=200)], ...] = ()


class ActionTarget(Contract):
    """A facial action unit that rises (minimum jerk), holds and falls.

    Targets of one action unit and side may overlap: at every moment the highest of them acts. A hold is written that way,
    as a base at changing levels with pulses that renew it.

    Attributes:
        action_unit: FACS number (Ekman & Friesen 1978), 1-64.
        side: Subject's left, right, or both.
        level: 0-1; FACS letters A .12, B .30, C .55, D .80, E 1.
        start_s: When the movement begins, on the plan's clock; may lie before its segment (anticipation).
        onset_s: Duration of the rise.
        apex_s: Duration of the hold.
        offset_s: Duration of the fall.
        step: ``id`` of the step that decided it.
        cause: Emotion or rule behind it, e.g. ``"joy (Du 2014: 12 shown by > 70 %)"``.
    """

    action_unit: Annotated[int, Field(ge=1, le=64)]
    side: Side = "both"
    level: Unit
    start_s: Annotated[float, Field(ge=-2.0, le=7200.0)]
    onset_s: Annotated[float, Field(gt=0.0, le=30.0)]
    apex_s: Seconds
    offset_s: Annotated[float, Field(gt=0.0, le=30.0)]
    step: Annotated[str, Field(min_length=1, max_length=64)]
    cause: Text = ""

    @property
    def end_s(self) -> float:
        """When the movement is back at zero."""
        return self.start_s + self.onset_s + self.apex_s + self.offset_s


class HeadGazeTarget(Contract):
    """How head and eyes are carried in a segment; radians. Signs as in :class:`FacialActionTrack`."""

    pitch_rad: Annotated[float, Field(ge=-0.6, le=0.6)] = 0.0
    yaw_rad: Annotated[float, Field(ge=-0.6, le=0.6)] = 0.0
    roll_rad: Annotated[float, Field(ge=-0.6, le=0.6)] = 0.0
    gaze_aversion_rad: Annotated[float, Field(ge=0.0, le=0.6)] = 0.0
    blink_rate_scale: Annotated[float, Field(ge=0.0, le=4.0)] = 1.0
    motion_scale: Annotated[float, Field(ge=0.0, le=4.0)] = 1.0


class MusicAttributes(Contract):
    """What a section of music should be like.

    Attributes:
        tempo_bpm: Quarter notes a minute.
        mode: Scale, from dark to bright.
        tonic: Pitch class 0-11 (0 = C), or ``None`` to let the composer choose.
        density_nps: Note onsets a second over all parts.
        register_low: Lowest MIDI pitch of the melody's range.
        register_high: Highest MIDI pitch of the melody's range.
        velocity: Mean MIDI velocity.
        velocity_spread: Standard deviation of velocity.
        articulation: Sounding over notated duration; 1 = legato, 0.3 = staccato.
        dissonance: 0 consonant triads, 1 clusters and tritones.
        irregularity: 0 steady rhythm and tempo, 1 abrupt.
    """

    tempo_bpm: Annotated[float, Field(ge=30.0, le=220.0)]
    mode: Mode
    tonic: Annotated[int, Field(ge=0, le=11)] | None = None
    density_nps: Annotated[float, Field(ge=0.25, le=16.0)]
    register_low: Annotated[int, Field(ge=21, le=108)]
    register_high: Annotated[int, Field(ge=21, le=108)]
    velocity: Annotated[float, Field(ge=1.0, le=127.0)]
    velocity_spread: Annotated[float, Field(ge=0.0, le=40.0)] = 8.0
    articulation: Annotated[float, Field(ge=0.1, le=1.2)]
    dissonance: Unit
    irregularity: Unit

    @model_validator(mode="after")
    def _register_in_order(self) -> Self:
        if self.register_high - self.register_low < 5:
            message = f"register {self.register_low}-{self.register_high} is narrower than 5 semitones"
            raise ValueError(message)
        return self


class EmotionSegment(Contract):
    """A stretch of time with one emotional state and what face and music do about it.

    Attributes:
        distribution: Soft label over ontology nodes; weights are positive and sum to 1.
        intensity: 0-1.
        actions: Action units; antagonists already resolved.
    """

    start_s: Seconds
    end_s: Seconds
    distribution: Annotated[dict[str, Annotated[float, Field(gt=0.0, le=1.0)]], Field(min_length=1, max_length=40)]
    vad: VAD
    intensity: Unit
    actions: Annotated[tuple[ActionTarget, ...], Field(max_length=400)] = ()
    head_gaze: HeadGazeTarget = HeadGazeTarget()
    music: MusicAttributes

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.end_s <= self.start_s:
            message = f"segment ends at {self.end_s} s, not after its start {self.start_s} s"
            raise ValueError(message)
        total = sum(self.distribution.values())
        if not math.isclose(total, 1.0, abs_tol=1e-3):
            message = f"distribution sums to {total:.4f}, not 1"
            raise ValueError(message)
        return self

    @property
    def duration_s(self) -> float:
        """Length of the segment."""
        return self.end_s - self.start_s

    @property
    def label(self) -> str:
        """The strongest node of the distribution."""
        return max(self.distribution, key=lambda name: (self.distribution[name], name))


class EmotionPlan(Contract):
    """The whole thought. ``steps`` comes first so that reasoning precedes numbers wherever a plan is generated."""

    version: Literal["1"] = PLAN_VERSION
    steps: Annotated[tuple[PlanStep, ...], Field(min_length=1, max_length=600)]
    factors: Annotated[tuple[Annotated[str, Field(max_length=200)], ...], Field(max_length=5)] = ()
    segments: Annotated[tuple[EmotionSegment, ...], Field(min_length=1, max_length=200)]
    planner: Annotated[str, Field(max_length=64)] = "rules"
    fallback_reason: Text | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        clock = 0.0
        for index, segment in enumerate(self.segments):
            if abs(segment.start_s - clock) > TIME_TOLERANCE_S:
                message = f"segments[{index}] starts at {segment.start_s} s; segments must tile time, expected {clock} s"
                raise ValueError(message)
            clock = segment.end_s
        known = {step.id for step in self.steps}
        if len(known) != len(self.steps):
            message = "two steps carry the same id"
            raise ValueError(message)
        for index, segment in enumerate(self.segments):
            for action in segment.actions:
                if action.step not in known:
                    message = f"segments[{index}]: AU{action.action_unit} cites step {action.step!r}, which does not exist"
                    raise ValueError(message)
        return self

    @property
    def duration_s(self) -> float:
        """End of the last segment."""
        return self.segments[-1].end_s

    def to_json(self) -> str:
        """The plan as indented JSON, ending in a newline."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Parse and check a plan.

        Raises:
            PlanError: ``plan.invalid``, naming the first field that is wrong.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "plan"
            others = error.error_count() - 1
            more = f" (and {others} more)" if others else ""
            raise PlanError("plan.invalid", f"plan is not valid at {where}: {first['msg']}{more}") from error


def load_plan(path: Path) -> EmotionPlan:
    """Read a plan from a JSON file of at most 4 MB.

    Raises:
        PlanError: ``plan.unreadable``, ``plan.too_large`` or ``plan.invalid``.
    """
    try:
        if path.stat().st_size > MAX_PLAN_BYTES:
            raise PlanError("plan.too_large", f"{path.name} is over {MAX_PLAN_BYTES // 1024**2} MB; plans are small JSON files")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError("plan.unreadable", f"cannot read plan {path.name}: {error.__class__.__name__}") from error
    return EmotionPlan.from_json(text)


def save_plan(plan: EmotionPlan, path: Path) -> None:
    """Write a plan as JSON."""
    path.write_text(plan.to_json(), encoding="utf-8")
