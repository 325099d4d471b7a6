"""What the denoiser sees and makes: the motion state, and the conditions on the same frames.

Legend: T frames at :data:`MODEL_FPS`, D = 58 numbers of state (52 ARKit weights, 3 rotations, 3 translations), P viseme classes,
K faces of emotion. All conditions are per frame, so that timelines, per-word emotion and mixtures need nothing special.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.curve import EmotionCurve
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import EmotionPlan
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.expression import expression_curves
from espressivo.face.track import FacialActionTrack
from espressivo.motion.blinks import blink_curves, draw_blinks
from espressivo.motion.carriage import Carriage, carriage_of
from espressivo.motion.gaze import draw_gaze
from espressivo.motion.timeline import Timeline
from espressivo.motion.visemes import gestures, visemes
from espressivo.resources import load_config
from espressivo.speech.analysis import SpeechAnalysis

__all__ = [
    "ACTION_DIM",
    "EVENT_DIM",
    "MODEL_FPS",
    "REGIONS",
    "SOUND_DIM",
    "STATE_DIM",
    "Conditions",
    "emotion_dim",
    "emotion_faces",
    "region_masks",
    "speech_dim",
    "state_of",
]

MODEL_FPS: Final = Fraction(25)
STATE_DIM: Final = len(ARKIT_NAMES) + 6
ACTION_DIM: Final = len(ARKIT_NAMES) + 4
EVENT_DIM: Final = 3
NUM_BANDS: Final = 20
SOUND_DIM: Final = NUM_BANDS + 1
REGIONS: Final = ("brows", "eyes", "nose_cheeks", "mouth_jaw", "head")
SAMPLES_PER_HALF_FRAME = 4
PROSODY_DIM = 8
MEL_SCALE, SOFTEST_MEL = 3.0, -3.0
GAZE_SCALE = 4.0
CARRIAGE_SCALE = 5.0
ACCENT_WIDTH_S = 0.12
NEAREST_PHRASE_S = 1.0

FloatArray = NDArray[np.float32]


@cache
def emotion_faces() -> tuple[str, ...]:
    """The K nodes of the ontology that have a face of their own; all others count as their nearest ancestor among them."""
    return tuple(load_config("emotion/faces.yaml")["nodes"])


@cache
def _face_of(node: str) -> int:
    faces = emotion_faces()
    lineage = (node, *reversed(Ontology.load().path(node)))
    return next((faces.index(name) for name in lineage if name in faces), faces.index("neutral"))


def emotion_dim() -> int:
    """Width of the emotion condition: shares of the K faces, valence, arousal, dominance, intensity."""
    return len(emotion_faces()) + 4


def speech_dim() -> int:
    """Width of the speech condition: viseme shares of both halves of a frame, stress, loudness, voicing, rhythm, pitch."""
    return 2 * len(visemes()) + PROSODY_DIM


def _region_of(name: str) -> str:
    if name.startswith("brow"):
        return "brows"
    if name.startswith("eye"):
        return "eyes"
    return "nose_cheeks" if name.startswith(("nose", "cheek")) else "mouth_jaw"


@cache
def region_masks() -> NDArray[np.bool_]:
    """``(5, D)`` which numbers of the state belong to which of :data:`REGIONS`."""
    owners = [*(_region_of(name) for name in ARKIT_NAMES), *["head"] * 6]
    masks = np.array([[owner == region for owner in owners] for region in REGIONS])
    masks.flags.writeable = False
    return masks


def state_of(track: FacialActionTrack) -> FloatArray:
    """``(T, D)`` state of a track, in the track's own units."""
    return np.concatenate([track.weights, track.head_rotation, track.head_translation], axis=1)


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked for, frame by frame.

    Attributes:
        speech: ``(T, speech_dim())`` float32.
        sound: ``(T, SOUND_DIM)`` float32: 20 mel bands, and 1 where the mouth moves as captured ones do; all 0 where the sound
            is left out, and only phones tell.
        emotion: ``(T, emotion_dim())`` float32.
        actions: ``(T, ACTION_DIM)`` float32: the plan's action units as ARKit weights, and how the head is carried.
        events: ``(T, EVENT_DIM)`` float32: lids shut by blinks, pitch and yaw of the line of sight. Nothing else foretells them,
            so they are drawn from their published statistics and given to the denoiser.
        activity: ``(T,)`` float32, speech activity 0-1.
    """

    speech: FloatArray
    sound: FloatArray
    emotion: FloatArray
    actions: FloatArray
    events: FloatArray
    activity: FloatArray

    def __len__(self) -> int:
        return len(self.activity)

    @classmethod
    def of(
        cls,
        plan: EmotionPlan,
        speech: SpeechAnalysis | None,
        *,
        num_frames: int,
        seed: int,
        events_seed: int | None = None,
        start_s: float = 0.0,
        captured: bool = False,
        gaze_scale: float = 1.0,
        blink_scale: float = 1.0,
    ) -> Conditions:
        """Conditions at :data:`MODEL_FPS`; frame ``i`` describes the moment in the middle of its time.

        Args:
            plan: What is felt and shown when.
            speech: What is said, ``None`` for silence.
            num_frames: T.
            seed: Of the clip; the natural irregularity of held expressions and the moments of blinks belong to it.
            events_seed: Of blinks and gaze, where they are not the clip's: in passages of a clip.
            start_s: Where the frames begin on the plan's clock; the speech's begins with them.
            captured: Move the mouth as captured ones do, by the sound; else as the articulatory teacher does, by the phones.
            gaze_scale: Size of gaze shifts.
            blink_scale: Rate of blinks.
        """
        frame_s = 1.0 / float(MODEL_FPS)
        times_s = (np.arange(num_frames, dtype=np.float64) + 0.5) * frame_s
        plan_s = times_s + start_s
        heard, activity = speech_condition(speech, times_s)
        carriage = carriage_of(plan, plan_s)
        eyes_seed = seed if events_seed is None else events_seed
        timeline = Timeline.of(times_s, frame_s, num_frames * frame_s, eyes_seed, carriage, speech)
        sound = np.zeros((num_frames, SOUND_DIM), np.float32)
        if captured and speech is not None:
            sound = np.concatenate([sound_condition(speech, times_s), np.ones((num_frames, 1), np.float32)], axis=1)
        return cls(
            heard,
            sound,
            emotion_condition(plan, plan_s),
            action_condition(plan, plan_s, seed, carriage),
            event_condition(timeline, gaze_scale, blink_scale),
            activity,
        )


def event_condition(timeline: Timeline, gaze_scale: float, blink_scale: float) -> FloatArray:
    """``(T, EVENT_DIM)`` blinks and gaze, drawn for the clip; the scales are those of the procedural backend."""
    gaze = draw_gaze(timeline, gaze_scale)
    blinks = blink_curves(draw_blinks(timeline, gaze.shifts, blink_scale), timeline.times_s, timeline.frame_s)
    return np.column_stack([blinks[:, ARKIT_INDEX["eyeBlinkLeft"]], GAZE_SCALE * gaze.direction]).astype(np.float32)


def sound_condition(speech: SpeechAnalysis, times_s: NDArray[np.float64]) -> FloatArray:
    """``(T, NUM_BANDS)`` log-mel power beside its mean over the speech of the recording, of every frame's 40 ms."""
    features = speech.features
    bands = features.log_mel.reshape(len(features), NUM_BANDS, -1).mean(axis=2)
    usual = bands[features.speaking].mean(axis=0) if features.speaking.any() else bands.mean(axis=0)
    level = np.maximum(SOFTEST_MEL, (bands - usual) / MEL_SCALE)
    sums = np.concatenate([np.zeros((1, NUM_BANDS)), np.cumsum(level, axis=0, dtype=np.float64)])
    half_s = 0.5 / float(MODEL_FPS)
    first, last = (
        np.clip(np.round((times_s + shift_s) / features.hop_s).astype(int), least, len(level) - 1 + least)
        for shift_s, least in ((-half_s, 0), (half_s, 1))
    )
    last = np.maximum(first + 1, last)
    return np.asarray((sums[last] - sums[first]) / (last - first)[:, None], np.float32)


def speech_condition(speech: SpeechAnalysis | None, times_s: NDArray[np.float64]) -> tuple[FloatArray, FloatArray]:
    """``(T, speech_dim())`` what is heard in each frame, and ``(T,)`` speech activity."""
    frame_s = 1.0 / float(MODEL_FPS)
    end_s = float(times_s[-1]) + frame_s / 2.0
    sequence = gestures(speech.phones if speech else (), end_s)
    names = list(visemes())
    starts_s = np.array([gesture.start_s for gesture in sequence])
    classes = np.array([names.index(gesture.viseme.name) for gesture in sequence])
    offsets_s = (np.arange(2 * SAMPLES_PER_HALF_FRAME) + 0.5) / (2 * SAMPLES_PER_HALF_FRAME) * frame_s - frame_s / 2.0
    instants_s = times_s[:, None] + offsets_s  # (T, 8)
    current = np.clip(np.searchsorted(starts_s, instants_s, side="right") - 1, 0, len(sequence) - 1)
    halves = np.zeros((len(times_s), 2 * len(names)), np.float32)
    for sample in range(2 * SAMPLES_PER_HALF_FRAME):
        half = sample // SAMPLES_PER_HALF_FRAME
        halves[np.arange(len(times_s)), half * len(names) + classes[current[:, sample]]] += 1.0 / SAMPLES_PER_HALF_FRAME
    prosody = np.zeros((len(times_s), PROSODY_DIM), np.float32)
    prosody[:, 0] = np.array([gesture.stress == 1 for gesture in sequence])[current].mean(axis=1)
    if speech is None:
        return np.concatenate([halves, prosody], axis=1), prosody[:, 3]
    prosody[:, 1:4] = _loudness_voicing_activity(speech, times_s)
    for accent in speech.accents:
        near = slice(*np.searchsorted(times_s, [accent.time_s - 4 * ACCENT_WIDTH_S, accent.time_s + 4 * ACCENT_WIDTH_S]))
        bump = accent.strength * np.exp(-0.5 * ((times_s[near] - accent.time_s) / ACCENT_WIDTH_S) ** 2)
        prosody[near, 4] = np.maximum(prosody[near, 4], bump)
    prosody[:, 5] = _nearness(times_s, [phrase.start_s for phrase in speech.phrases])
    prosody[:, 6] = _nearness(times_s, [phrase.end_s for phrase in speech.phrases])
    prosody[:, 7] = _pitch(speech, times_s)
    return np.concatenate([halves, prosody], axis=1), prosody[:, 3].copy()


def _nearness(times_s: NDArray[np.float64], moments_s: Sequence[float]) -> NDArray[np.float64]:
    """``(T,)`` 1 at the moments, falling in straight lines to 0 a second away; moments in increasing order."""
    edges_s = np.array([-np.inf, *moments_s, np.inf])
    following = np.searchsorted(edges_s, times_s)
    distance = np.minimum(times_s - edges_s[following - 1], edges_s[following] - times_s)
    near: NDArray[np.float64] = np.maximum(0.0, 1.0 - distance / NEAREST_PHRASE_S)
    return near


def _loudness_voicing_activity(speech: SpeechAnalysis, times_s: NDArray[np.float64]) -> FloatArray:
    """``(T, 3)``: loudness above the speaker's median in units of 10 dB, share of voiced sound, speech activity."""
    features = speech.features
    spoken = features.voiced & features.speaking
    usual_db = float(np.median(features.energy_db[spoken])) if spoken.any() else 0.0
    loudness = np.clip((features.energy_db - usual_db) / 10.0, -4.0, 2.0)
    curves = (loudness, features.voiced.astype(np.float32), features.activity)
    return np.stack([np.interp(times_s, features.times_s, curve) for curve in curves], axis=1).astype(np.float32)


def _pitch(speech: SpeechAnalysis, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(T,)`` octaves above the speaker's median, 0 where nothing is voiced."""
    features = speech.features
    octaves = np.zeros(len(features))
    if features.voiced.any():
        voiced_hz = features.f0_hz[features.voiced]
        octaves[features.voiced] = np.clip(np.log2(voiced_hz / np.median(voiced_hz)), -1.5, 1.5)
    return np.asarray(np.interp(times_s, features.times_s, octaves))


def emotion_condition(plan: EmotionPlan, times_s: NDArray[np.float64]) -> FloatArray:
    """``(T, emotion_dim())``: the plan's curve as shares of faces (times intensity), valence, arousal, dominance, intensity."""
    sample = EmotionCurve(plan).at(times_s)
    shares = np.zeros((len(times_s), len(emotion_faces())))
    for column, node in enumerate(sample.nodes):
        shares[:, _face_of(node)] += sample.distribution[:, column]
    intensity = sample.intensity[:, None]
    return np.concatenate([shares * intensity, sample.vad * intensity, intensity], axis=1).astype(np.float32)


def action_condition(plan: EmotionPlan, times_s: NDArray[np.float64], seed: int, carriage: Carriage | None = None) -> FloatArray:
    """``(T, ACTION_DIM)``: action units as ARKit weights; pitch, yaw, roll and forward of the head's carriage, scaled."""
    carriage = carriage or carriage_of(plan, times_s)
    carried = np.concatenate([carriage.rotation, carriage.forward[:, None]], axis=1) * CARRIAGE_SCALE
    return np.concatenate([expression_curves(plan, times_s, seed=seed), carried], axis=1).astype(np.float32)
