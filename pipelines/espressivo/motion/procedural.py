"""The procedural motion backend: a face from rules and measured statistics, without any learnt weights.

It is also the teacher of the learnt backend and the baseline that this one has to beat.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_INDEX
from espressivo.face.expression import expression_curves
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.motion.accompaniment import breathe, brow_accents, idle_lips, resting_face
from espressivo.motion.articulation import articulation_gains
from espressivo.motion.blinks import blink_curves, draw_blinks
from espressivo.motion.carriage import carriage_of
from espressivo.motion.coarticulation import blended
from espressivo.motion.combine import attenuated, combined, lids_settled
from espressivo.motion.constraints import apply_constraints
from espressivo.motion.gaze import draw_gaze, eye_weights
from espressivo.motion.head_motion import head_rotation
from espressivo.motion.heard_lips import follow_sound, sound_shares
from espressivo.motion.style import SpeakingStyle
from espressivo.motion.timeline import Timeline, settings_of
from espressivo.motion.visemes import gestures
from espressivo.speech.analysis import SpeechAnalysis

__all__ = ["ProceduralMotion", "with_speech"]

FloatArray = NDArray[np.float64]
NUM_STEPS = 5
LARGEST_SCALE = 3.0


class ProceduralMotion:
    """Makes a facial action track from a plan and speech. Holds no state: one instance serves any number of threads."""

    def generate(
        self,
        plan: EmotionPlan,
        speech: SpeechAnalysis | None,
        *,
        duration_s: float,
        fps: Fraction,
        seed: int,
        speech_scale: float = 1.0,
        emotion_scale: float = 1.0,
        muscle_scale: float = 1.0,
        head_scale: float = 1.0,
        gaze_scale: float = 1.0,
        blink_scale: float = 1.0,
        on_step: Callable[[int, int], None] | None = None,
    ) -> FacialActionTrack:
        """Act out a plan.

        Args:
            plan: What is felt and shown when; its last segment stays after its end.
            speech: What is said; ``None`` or silence gives an idle face.
            duration_s: Length of the track.
            fps: Frames a second.
            seed: The same seed gives the same track.
            speech_scale: How far the mouth moves in speech, 0-3; closures stay closed at any scale above 0.
            emotion_scale: How strongly emotion shows in face and carriage, 0-3.
            muscle_scale: How strongly the plan's action units show, 0-3; multiplies ``emotion_scale`` for the face.
            head_scale: Size of the head's own movement, 0-3; what the plan asks of it is not scaled.
            gaze_scale: Size of gaze shifts, 0-3.
            blink_scale: Rate of blinks, 0-3.
            on_step: Called with the number of steps done and their total.

        Returns:
            ``ceil(duration_s x fps)`` frames, in range and bounded in speed. Frame ``i`` shows the moment in the middle of
            its time.

        Raises:
            SettingError: ``setting.scale`` when a scale is outside 0-3.
        """
        scales = {
            "speech_scale": speech_scale,
            "emotion_scale": emotion_scale,
            "muscle_scale": muscle_scale,
            "head_scale": head_scale,
            "gaze_scale": gaze_scale,
            "blink_scale": blink_scale,
        }
        for name, value in scales.items():
            if not 0.0 <= value <= LARGEST_SCALE:
                raise SettingError("setting.scale", f"{name} is {value}; accepted: 0 to {LARGEST_SCALE:g}")

        def step(done: int) -> None:
            if on_step is not None:
                on_step(done, NUM_STEPS)

        frame_s = float(1 / fps)
        times_s = (np.arange(num_frames(duration_s, fps), dtype=np.float64) + 0.5) * frame_s
        carriage = carriage_of(plan, times_s, emotion_scale)
        timeline = Timeline.of(times_s, frame_s, duration_s, seed, carriage, speech)
        step(1)
        expression = expression_curves(plan, times_s, seed=seed, gain=emotion_scale * muscle_scale).astype(np.float64)
        step(2)
        rotation, translation, eyes = _head_and_eyes(timeline, head_scale, gaze_scale, blink_scale)
        step(3)
        breath = breathe(timeline)
        emotional = attenuated(expression, timeline.activity)
        emotional[:, ARKIT_INDEX["jawOpen"]] += breath.jaw * (1.0 - timeline.activity) * min(1.0, speech_scale)
        rotation[:, 0] += breath.pitch_rad * head_scale
        translation[:, 1] += breath.rise * head_scale
        layers = [emotional, brow_accents(timeline), idle_lips(timeline), eyes]
        face = combined(*layers, np.broadcast_to(resting_face(timeline), expression.shape))
        step(4)
        weights = lids_settled(with_speech(face, timeline, speech, speech_scale))
        step(5)
        return FacialActionTrack(
            weights.astype(np.float32), _bounded(rotation, frame_s).astype(np.float32), translation.astype(np.float32), fps
        )


def _head_and_eyes(
    timeline: Timeline, head_scale: float, gaze_scale: float, blink_scale: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``(T, 3)`` rotation, ``(T, 3)`` translation, ``(T, 52)`` eye shapes and blinks."""
    gaze = draw_gaze(timeline, gaze_scale)
    rotation = timeline.carriage.rotation + head_rotation(timeline, head_scale)
    rotation[:, :2] += gaze.head
    most = np.radians(settings_of("head")["most_deg"])
    rotation = np.clip(rotation, -most, most)
    translation = np.zeros_like(rotation)
    # A turning head leads a little with the whole body; forward and back come from the plan.
    translation[:, 0] = 0.05 * rotation[:, 1]
    translation[:, 2] = timeline.carriage.forward
    blinks = draw_blinks(timeline, gaze.shifts, blink_scale)
    eyes = combined(eye_weights(gaze.direction, rotation[:, :2]), blink_curves(blinks, timeline.times_s, timeline.frame_s))
    return rotation, translation, eyes


def with_speech(face: FloatArray, timeline: Timeline, speech: SpeechAnalysis | None, speech_scale: float) -> FloatArray:
    """Add the mouth of speech to a face ``(T, 52)``, then make it keep its promises."""
    jaw_at_rest = face[:, ARKIT_INDEX["jawOpen"]].copy()
    phones = speech.phones if speech is not None and speech_scale > 0.0 else ()
    sequence = gestures(phones, timeline.duration_s)
    by_sound = sound_shares(speech, timeline.times_s)
    if speech is not None and phones:
        style = SpeakingStyle.drawn(timeline.seed)
        gains = articulation_gains(sequence, speech, timeline)
        mouth = follow_sound(blended(sequence, timeline.times_s, style, gains), speech, timeline.times_s, by_sound)
        face = combined(face, np.clip(speech_scale * mouth, 0.0, 1.0))
    return apply_constraints(face, sequence, timeline.times_s, timeline.frame_s, jaw_at_rest, by_sound)


def _bounded(rotation: FloatArray, frame_s: float) -> FloatArray:
    """No corner in the head's path: smoothed over 40 ms, which keeps speed below what necks do."""
    sigma = 0.04 / frame_s
    return np.asarray(gaussian_filter1d(rotation, sigma, axis=0, mode="nearest")) if sigma > 0.3 else rotation
