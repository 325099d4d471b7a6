"""The learnt motion backend: speech and emotion to facial action by guided diffusion.

Motion is drawn window by window at 25 frames a second, put on the frames that are asked for, and finished in pieces with the
same hard constraints as the procedural backend: whatever was sampled, lips meet on p, b and m and nothing moves too fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.track import MAX_ROTATION_RAD, MAX_TRANSLATION, FacialActionTrack, num_frames
from espressivo.media.clip import AudioClip
from espressivo.motion.combine import lids_settled
from espressivo.motion.constraints import apply_constraints
from espressivo.motion.denoiser_motion import MotionDenoiser
from espressivo.motion.gaze import eye_weights
from espressivo.motion.guidance import GuidanceSchedule
from espressivo.motion.imitation import read_reference
from espressivo.motion.noise import make_scheduler
from espressivo.motion.sampler import num_windows, sample_windows
from espressivo.motion.script import Passage, Script, passages_of_arriving_speech
from espressivo.motion.state import CARRIAGE_SCALE, GAZE_SCALE, MODEL_FPS, Conditions
from espressivo.pretrained import load_network
from espressivo.resources import checkpoint_folder
from espressivo.speech.analysis import SpeechAnalysis

__all__ = ["Asked", "DiffusionMotion", "MotionOptions", "joined"]

FloatArray = NDArray[np.float64]
LARGEST_SCALE = 3.0
MOST_STEPS = 200
DEFAULT_STEPS = 6
# Longer than the reach of speed limits (0.4 s) and smoothing, so that a piece does not depend on where it was cut.
MARGIN_S = 1.0
SMOOTHING_S = 0.04
JAW_ALLOWANCE = 0.05
MOUTH_TEMPERATURE = 0.5
NUM_WEIGHTS = len(ARKIT_NAMES)
LOOK = np.array([ARKIT_INDEX[name] for name in ARKIT_NAMES if name.startswith("eyeLook")])
BLINK = np.array([ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]])
JAW = ARKIT_INDEX["jawOpen"]


class MotionOptions(TypedDict, total=False):
    """Keyword arguments of :class:`DiffusionMotion`'s methods that have defaults, for type checkers; see :class:`Asked`."""

    speech_scale: float
    emotion_scale: float
    muscle_scale: float
    head_scale: float
    gaze_scale: float
    blink_scale: float
    num_inference_steps: int
    schedule: GuidanceSchedule
    reference: FacialActionTrack | None
    captured_mouth: bool
    mouth_temperature: float
    on_step: Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """How something is to be acted out.

    Attributes:
        speech_scale: Multiplies the guidance by speech, 0-3.
        emotion_scale: Multiplies the guidance by global emotion, 0-3.
        muscle_scale: Multiplies the guidance by local muscles, 0-3.
        head_scale: Size of the head's own movement, 0-3; what the plan asks of it is not scaled.
        gaze_scale: Size of gaze shifts, 0-3.
        blink_scale: Rate of blinks, 0-3.
        num_inference_steps: Denoising steps of each window, 1-200, default 6.
        schedule: How guidance runs over the steps; default: progressive.
        reference: A performance whose emotion is imitated instead of the plan's curve; the plan's muscles stay.
        captured_mouth: Move the mouth as captured performances do, by the sound beside the phones; the default follows
            the phones as the articulatory teacher does, which shows every closure.
        mouth_temperature: Standard deviation of the noise that the mouth is drawn from, 0-1.
        on_step: Called with the number of steps done and the total of those that are known to come.

    Raises:
        SettingError: ``setting.scale`` or ``setting.num_inference_steps``.
    """

    speech_scale: float = 1.0
    emotion_scale: float = 1.0
    muscle_scale: float = 1.0
    head_scale: float = 1.0
    gaze_scale: float = 1.0
    blink_scale: float = 1.0
    num_inference_steps: int = DEFAULT_STEPS
    schedule: GuidanceSchedule = field(default_factory=GuidanceSchedule)
    reference: FacialActionTrack | None = None
    captured_mouth: bool = False
    mouth_temperature: float = MOUTH_TEMPERATURE
    on_step: Callable[[int, int], None] | None = None

    def __post_init__(self) -> None:
        for name in ("speech", "emotion", "muscle", "head", "gaze", "blink"):
            value = getattr(self, f"{name}_scale")
            if not 0.0 <= value <= LARGEST_SCALE:
                raise SettingError("setting.scale", f"{name}_scale is {value}; accepted: 0 to {LARGEST_SCALE:g}")
        if not 1 <= self.num_inference_steps <= MOST_STEPS:
            raise SettingError(
                "setting.num_inference_steps", f"num_inference_steps is {self.num_inference_steps}; accepted: 1 to {MOST_STEPS}"
            )

    def scaled_schedule(self) -> GuidanceSchedule:
        """The schedule with its weights multiplied by the scales."""
        return replace(
            self.schedule,
            speech=self.schedule.speech * self.speech_scale,
            emotion=self.schedule.emotion * self.emotion_scale,
            emotion_least=self.schedule.emotion_least * self.emotion_scale,
            muscles=self.schedule.muscles * self.muscle_scale,
            hold=self.schedule.hold * min(1.0, self.muscle_scale),
        )


class DiffusionMotion:
    """Makes a facial action track from a plan and speech. One instance serves any number of threads.

    Args:
        denoiser: In evaluation mode; never changed.
        scheduler: A diffusers scheduler for predictions of the clean sample, copied for every window.
    """

    def __init__(self, denoiser: MotionDenoiser, scheduler: Any | None = None) -> None:  # noqa: ANN401 - diffusers is untyped
        self.denoiser = denoiser
        self.scheduler = scheduler if scheduler is not None else make_scheduler()

    @classmethod
    def from_pretrained(cls, path: Path | None = None) -> Self:
        """The bundled checkpoint, or one in another folder.

        Raises:
            CheckpointError: Files are missing or do not match their digests.
        """
        return cls(load_network(MotionDenoiser, path or checkpoint_folder("motion")))

    def generate(
        self,
        plan: EmotionPlan,
        speech: SpeechAnalysis | None,
        *,
        duration_s: float,
        fps: Fraction,
        seed: int,
        **options: Unpack[MotionOptions],
    ) -> FacialActionTrack:
        """Act out a plan; arguments as in :meth:`stream`.

        Returns:
            ``ceil(duration_s x fps)`` frames, in range and bounded in speed.
        """
        return joined(self.stream(plan, speech, duration_s=duration_s, fps=fps, seed=seed, **options))

    def stream(
        self,
        plan: EmotionPlan,
        speech: SpeechAnalysis | None,
        *,
        duration_s: float,
        fps: Fraction,
        seed: int,
        **options: Unpack[MotionOptions],
    ) -> Iterator[FacialActionTrack]:
        """Act out a plan in pieces of some seconds, each given as soon as it is final.

        Args:
            plan: What is felt and shown when; its last segment stays after its end.
            speech: What is said; ``None`` or silence gives an idle face.
            duration_s: Length of the track.
            fps: Frames a second.
            seed: The same seed gives the same track.
            **options: See :class:`Asked`.

        Raises:
            SettingError: An option is out of range.
        """
        asked = Asked(**options)
        heard = speech if asked.speech_scale > 0.0 else None
        conditions = Conditions.of(
            plan,
            heard,
            num_frames=num_frames(duration_s, MODEL_FPS) + 1,
            seed=seed,
            captured=asked.captured_mouth,
            gaze_scale=asked.gaze_scale,
            blink_scale=asked.blink_scale,
        )
        return self._acted_out(Script([Passage(0, duration_s, conditions, heard)]), fps, seed, asked)

    def stream_arriving(
        self, plan: EmotionPlan, sound: Iterable[AudioClip], *, fps: Fraction, seed: int, **options: Unpack[MotionOptions]
    ) -> Iterator[FacialActionTrack]:
        """Act out a plan with speech that is still arriving: the first frames come after four to eight seconds of it.

        The speech is cut at its pauses into passages of 2.5 to 7 s, which are heard one by one, without a transcript. Memory
        does not grow with its length. Blinks and gaze are drawn for each passage, so the track differs from that of
        :meth:`stream`; the same pieces and seed give the same track.

        Args:
            plan: What is felt and shown when, on the clock of the speech; its last segment stays after its end.
            sound: Pieces of the recording in order, of any length and rate; asked for when they are needed.
            fps: Frames a second.
            seed: The same seed gives the same track.
            **options: See :class:`Asked`.

        Raises:
            SettingError: An option is out of range.
        """
        asked = Asked(**options)
        passages = passages_of_arriving_speech(
            plan,
            sound,
            seed=seed,
            captured=asked.captured_mouth,
            gaze_scale=asked.gaze_scale,
            blink_scale=asked.blink_scale,
            with_speech=asked.speech_scale > 0.0,
        )
        return self._acted_out(Script(passages), fps, seed, asked)

    def _acted_out(self, script: Script, fps: Fraction, seed: int, asked: Asked) -> Iterator[FacialActionTrack]:
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            if asked.on_step is not None:
                windows = num_windows(script.num_frames, self.denoiser.window, self.denoiser.num_kept)
                asked.on_step(done, asked.num_inference_steps * windows)

        windows = sample_windows(
            self.denoiser,
            self.scheduler,
            script,
            schedule=asked.scaled_schedule(),
            num_steps=asked.num_inference_steps,
            seed=seed,
            mouth_temperature=asked.mouth_temperature,
            embedding=None if asked.reference is None else read_reference(self.denoiser, asked.reference),
            on_step=step,
        )
        return _Finisher(script, fps, asked.head_scale).pieces(windows)


class _Finisher:
    """From sampled windows at 25 fps to finished pieces at the frame rate that was asked for."""

    def __init__(self, script: Script, fps: Fraction, head_scale: float) -> None:
        self.script, self.fps, self.head_scale = script, fps, head_scale

    def pieces(self, windows: Iterator[NDArray[np.float32]]) -> Iterator[FacialActionTrack]:
        """Finish what no later window can change any more; keep only the margin that the next piece needs."""
        fps = float(self.fps)
        buffer, first_kept, ready = np.empty((0, NUM_WEIGHTS + 6)), 0, 0
        margin = int(np.ceil(MARGIN_S * fps))
        for window in windows:
            buffer = np.concatenate([buffer, window])
            sampled = first_kept + len(buffer)
            is_last = self.script.is_complete and sampled >= self.script.num_frames
            total = num_frames(self.script.end_s, self.fps)
            covered = total if is_last else min(total, int((sampled - 0.5) / float(MODEL_FPS) * fps - 0.5))
            final = total if is_last else covered - margin
            if final <= ready:
                continue
            start = max(0, ready - margin)
            times_s = (np.arange(start, covered, dtype=np.float64) + 0.5) / fps
            finished = self._finish(buffer, first_kept, times_s)
            cut = slice(ready - start, final - start)
            weights, rotation, translation = (part[cut].astype(np.float32) for part in finished)
            yield FacialActionTrack(weights, rotation, translation, self.fps)
            ready = final
            needed = max(0, int((ready - margin) / fps * float(MODEL_FPS)) - 2)
            buffer, first_kept = buffer[needed - first_kept :], needed
            self.script.forget(needed)

    def _finish(self, buffer: NDArray[np.floating], first: int, times_s: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights, rotation and translation at ``times_s`` from sampled frames that begin with number ``first``."""
        known_s = (np.arange(first, first + len(buffer), dtype=np.float64) + 0.5) / float(MODEL_FPS)
        conditions = self.script.rows(first, first + len(buffer))
        state = _interpolated(times_s, known_s, buffer)
        actions = _interpolated(times_s, known_s, conditions.actions)
        rotation, translation = self._pose(state[:, NUM_WEIGHTS:], actions[:, NUM_WEIGHTS:] / CARRIAGE_SCALE)
        events = _interpolated(times_s, known_s, conditions.events)
        weights = _with_eyes(np.clip(state[:, :NUM_WEIGHTS], 0.0, 1.0), events, rotation)
        weights, by_sound = self.script.follow_sound(weights, times_s)
        frame_s = 1.0 / float(self.fps)
        near = [g for g in self.script.sequence if g.end_s > times_s[0] - frame_s and g.start_s < times_s[-1] + frame_s]
        jaw_at_rest = actions[:, JAW] + JAW_ALLOWANCE
        weights = lids_settled(apply_constraints(weights, near, times_s, frame_s, jaw_at_rest, by_sound))
        return weights, rotation, translation

    def _pose(self, sampled: FloatArray, carried: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Rotation and translation ``(T, 3)``: what the plan asks of the head, and the head's own movement as wide as wished."""
        wanted = np.concatenate([carried[:, :3], np.zeros((len(carried), 2)), carried[:, 3:]], axis=1)
        pose = _smoothed(wanted + self.head_scale * (sampled - wanted), 1.0 / float(self.fps))
        rotation = np.clip(pose[:, :3], -MAX_ROTATION_RAD, MAX_ROTATION_RAD)
        return rotation, np.clip(pose[:, 3:], -MAX_TRANSLATION, MAX_TRANSLATION)


def _with_eyes(weights: FloatArray, events: FloatArray, rotation: FloatArray) -> FloatArray:
    """Eyes that hold the drawn line of sight whatever the sampled head does, and lids that shut fully in drawn blinks."""
    result = weights.copy()
    result[:, LOOK] = eye_weights(events[:, 1:] / GAZE_SCALE, rotation[:, :2])[:, LOOK]
    result[:, BLINK] = np.maximum(result[:, BLINK], np.clip(events[:, :1], 0.0, 1.0))
    return result


def joined(pieces: Iterable[FacialActionTrack]) -> FacialActionTrack:
    """Pieces of a performance as one track."""
    parts = list(pieces)
    return FacialActionTrack(
        np.concatenate([piece.weights for piece in parts]),
        np.concatenate([piece.head_rotation for piece in parts]),
        np.concatenate([piece.head_translation for piece in parts]),
        parts[0].fps,
    )


def _smoothed(values: FloatArray, frame_s: float) -> FloatArray:
    return np.asarray(gaussian_filter1d(values, max(0.3, SMOOTHING_S / frame_s), axis=0, mode="nearest"))


def _interpolated(times_s: FloatArray, known_s: FloatArray, values: NDArray[np.floating]) -> FloatArray:
    """``(T, D)`` at new moments, straight lines between the known ones."""
    position = np.clip((times_s - known_s[0]) * float(MODEL_FPS), 0.0, len(values) - 1.0)
    before = np.minimum(position.astype(np.int64), max(0, len(values) - 2))
    share = (position - before)[:, None]
    after = np.minimum(before + 1, len(values) - 1)
    return np.asarray((1.0 - share) * values[before] + share * values[after], np.float64)
