"""How the plan wants head and eyes carried over time: segment by segment, with smooth changes between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan, EmotionSegment
from espressivo.face.actions import HEAD_ACTIONS
from espressivo.face.curves import movement, transition

__all__ = ["Carriage", "carriage_of"]

FloatArray = NDArray[np.float64]
TRANSITION_S = 0.7
LEAD_S = 0.25
HEAD_DELAY_S = 0.15
FIRST_MOVE_S = 0.9
# Head movement of the action units 51-58 at level 1: (pitch, yaw, roll) in radians; engineering choice.
HEAD_ACTION_RAD: dict[int, tuple[float, float, float]] = {
    51: (0.0, 0.35, 0.0),
    52: (0.0, -0.35, 0.0),
    53: (0.28, 0.0, 0.0),
    54: (-0.28, 0.0, 0.0),
    55: (0.0, 0.0, 0.22),
    56: (0.0, 0.0, -0.22),
    57: (0.0, 0.0, 0.0),
    58: (0.0, 0.0, 0.0),
}
HEAD_ACTION_FORWARD: dict[int, float] = {57: 0.06, 58: -0.06}


@dataclass(frozen=True, slots=True)
class Carriage:
    """The plan's wishes for each of T frames.

    Attributes:
        rotation: ``(T, 3)`` pitch, yaw, roll in radians.
        forward: ``(T,)`` towards the viewer in face heights.
        aversion_rad: ``(T,)`` mean angle of gaze away from the viewer.
        blink_rate_scale: ``(T,)`` multiplies the rate of blinks.
        motion_scale: ``(T,)`` multiplies the head's own movement.
        valence: ``(T,)`` times intensity, -1 to 1.
        arousal: ``(T,)`` times intensity, -1 to 1.
        dominance: ``(T,)`` times intensity, -1 to 1.
    """

    rotation: FloatArray
    forward: FloatArray
    aversion_rad: FloatArray
    blink_rate_scale: FloatArray
    motion_scale: FloatArray
    valence: FloatArray
    arousal: FloatArray
    dominance: FloatArray

    @classmethod
    def still(cls, frames: int) -> Carriage:
        """No wishes."""
        none, usual = np.zeros(frames), np.ones(frames)
        return cls(np.zeros((frames, 3)), none, none, usual, usual, none, none, none)


def carriage_of(plan: EmotionPlan, times_s: FloatArray, emotion_scale: float = 1.0) -> Carriage:
    """Carriage at each moment; after the plan's end its last segment stays.

    Args:
        plan: Segments with their head and gaze targets, and head action units (51-58).
        times_s: ``(T,)`` moments.
        emotion_scale: Multiplies everything that departs from neutral.
    """

    def over_time(read: Callable[[EmotionSegment], float], neutral: float = 0.0, *, arrives: bool = False) -> FloatArray:
        levels = [neutral + emotion_scale * (read(segment) - neutral) for segment in plan.segments]
        starts = [max(0.0, segment.start_s - LEAD_S) for segment in plan.segments]
        ends = [*starts[1:], plan.duration_s]
        knots = [
            (start, min(TRANSITION_S, max(0.04, end - start)), level)
            for start, end, level in zip(starts[1:], ends[1:], levels[1:], strict=True)
        ]
        if not arrives:
            return transition(times_s, knots, levels[0])
        # The portrait's own pose opens the clip; the head arrives with the face, a little after it.
        first_s = min(FIRST_MOVE_S, max(0.04, ends[0] - HEAD_DELAY_S))
        return transition(times_s, [(HEAD_DELAY_S, first_s, levels[0]), *knots], 0.0)

    rotation = np.stack(
        [
            over_time(lambda segment: segment.head_gaze.pitch_rad, arrives=True),
            over_time(lambda segment: segment.head_gaze.yaw_rad, arrives=True),
            over_time(lambda segment: segment.head_gaze.roll_rad, arrives=True),
        ],
        axis=1,
    )
    forward = np.zeros(len(times_s))
    for segment in plan.segments:
        for action in segment.actions:
            if action.action_unit in HEAD_ACTIONS:
                curve = movement(times_s, action.start_s, action.onset_s, action.apex_s, action.offset_s, 0.6)
                rotation += emotion_scale * action.level * curve[:, None] * np.array(HEAD_ACTION_RAD[action.action_unit])
                forward += emotion_scale * action.level * curve * HEAD_ACTION_FORWARD.get(action.action_unit, 0.0)
    return Carriage(
        rotation=rotation,
        forward=forward,
        aversion_rad=over_time(lambda segment: segment.head_gaze.gaze_aversion_rad),
        blink_rate_scale=np.maximum(0.0, over_time(lambda segment: segment.head_gaze.blink_rate_scale, 1.0)),
        motion_scale=np.maximum(0.0, over_time(lambda segment: segment.head_gaze.motion_scale, 1.0)),
        valence=over_time(lambda segment: segment.vad.valence * segment.intensity),
        arousal=over_time(lambda segment: segment.vad.arousal * segment.intensity),
        dominance=over_time(lambda segment: segment.vad.dominance * segment.intensity),
    )
