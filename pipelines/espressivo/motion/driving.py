"""A recorded performance as the source of motion: on another clock, scaled, under other words or another emotion."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import TrackError
from espressivo.face.arkit import ARKIT_NAMES
from espressivo.face.expression import expression_curves
from espressivo.face.track import FacialActionTrack, num_frames
from espressivo.motion.carriage import Carriage
from espressivo.motion.combine import attenuated, combined, lids_settled
from espressivo.motion.procedural import with_speech
from espressivo.motion.timeline import Timeline
from espressivo.speech.analysis import SpeechAnalysis

__all__ = ["drive", "on_clock"]

FloatArray = NDArray[np.float64]

# A performance may end this much before the speech: its last frame is held. Engineering.
LONGEST_HOLD_S: Final = 0.5
# The mood of a mouth, as opposed to its words, changes no faster than this. Engineering: a syllable lasts about 0.2 s.
MOOD_S: Final = 0.4
MOUTH: Final = np.array([name.startswith(("mouth", "jaw", "tongue")) for name in ARKIT_NAMES])
GAZE: Final = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])
BLINK: Final = np.array([name.startswith("eyeBlink") for name in ARKIT_NAMES])
# Shapes of the mouth that show a mood; all others spell words.
MOOD: Final = np.array(
    [
        name.startswith(("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthUpperUp"))
        or name in ("mouthLeft", "mouthRight")
        for name in ARKIT_NAMES
    ]
)


def drive(
    performance: FacialActionTrack,
    *,
    fps: Fraction,
    duration_s: float,
    plan: EmotionPlan | None = None,
    speech: SpeechAnalysis | None = None,
    seed: int = 0,
    speech_scale: float = 1.0,
    emotion_scale: float = 1.0,
    muscle_scale: float = 1.0,
    head_scale: float = 1.0,
    gaze_scale: float = 1.0,
) -> FacialActionTrack:
    """Act out a recorded performance.

    Head, gaze, lids, brows and cheeks are the performance's. So is the mouth, unless other words are given: then the mouth
    speaks those and keeps the performance's slow mood. A plan's action units are added on top, less so around a mouth that
    speaks.

    Args:
        performance: What was performed.
        fps: Frames a second of the result.
        duration_s: Length of the result.
        plan: Its action units are added; head and gaze stay the performance's.
        speech: Words to speak instead of the performance's own; ``None`` keeps its lips.
        seed: Decides the plan's noise and the speaker's style.
        speech_scale: Gain of the mouth, 0-3.
        emotion_scale: Gain of the plan's action units, 0-3.
        muscle_scale: Gain of the performance's brows, cheeks, nose and squint, 0-3; multiplies ``emotion_scale`` for the plan.
        head_scale: Gain of head movement, 0-3.
        gaze_scale: Gain of gaze, 0-3.

    Raises:
        TrackError: ``track.length`` when the performance ends before the speech.
    """
    track = on_clock(performance, fps, duration_s)
    gains = np.where(MOUTH, speech_scale, np.where(GAZE, gaze_scale, np.where(BLINK, 1.0, muscle_scale)))
    face = np.clip(track.weights * gains, 0.0, 1.0).astype(np.float64)
    frame_s = float(1 / fps)
    times_s = (np.arange(len(track), dtype=np.float64) + 0.5) * frame_s
    timeline = Timeline.of(times_s, frame_s, duration_s, seed, Carriage.still(len(track)), speech)
    own_lips = speech is None
    if not own_lips:
        face = attenuated(_mood_only(face, frame_s), timeline.activity)
    if plan is not None:
        added = expression_curves(plan, times_s, seed=seed, gain=emotion_scale * muscle_scale).astype(np.float64)
        face = combined(face, attenuated(added, np.ones(len(track)) if own_lips else timeline.activity))
    if not own_lips:
        face = with_speech(face, timeline, speech, speech_scale)
    return FacialActionTrack(
        lids_settled(face).astype(np.float32),
        np.clip(track.head_rotation * head_scale, -1.0, 1.0),
        np.clip(track.head_translation * head_scale, -1.0, 1.0),
        fps,
    )


def on_clock(track: FacialActionTrack, fps: Fraction, duration_s: float) -> FacialActionTrack:
    """The same performance at another frame rate, cut or held to another length.

    Raises:
        TrackError: ``track.length`` when it is more than half a second too short.
    """
    if duration_s - track.duration_s > LONGEST_HOLD_S:
        raise TrackError(
            "track.length",
            f"the performance lasts {track.duration_s:.2f} s, {duration_s:.2f} s are needed; give a longer one or shorter speech",
        )
    count = num_frames(duration_s, fps)
    if fps == track.fps and count == len(track):
        return track
    wanted_s = (np.arange(count) + 0.5) / float(fps)
    given_s = (np.arange(len(track)) + 0.5) / float(track.fps)

    def resampled(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.stack([np.interp(wanted_s, given_s, column) for column in values.T], axis=1).astype(np.float32)

    return FacialActionTrack(resampled(track.weights), resampled(track.head_rotation), resampled(track.head_translation), fps)


def _mood_only(face: FloatArray, frame_s: float) -> FloatArray:
    """Without the words that the mouth spelt."""
    slow = face.copy()
    slow[:, MOOD] = gaussian_filter1d(face[:, MOOD], MOOD_S / frame_s, axis=0, mode="nearest")
    slow[:, MOUTH & ~MOOD] = 0.0
    return slow
