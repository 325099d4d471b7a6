"""What was captured: mouths of the FACEGOOD takes (Mandarin speech with rig controls) and heads of LivePortrait's templates.

Both are MIT. The names that come with the takes are those of another column order; the order below follows the vendor's
prediction tables and is confirmed by the ten left-right pairs, which agree to within 0.001.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.motion.state import (
    ACTION_DIM,
    EVENT_DIM,
    MODEL_FPS,
    SOUND_DIM,
    STATE_DIM,
    Conditions,
    emotion_dim,
    emotion_faces,
    sound_condition,
    speech_condition,
)
from espressivo.speech.features import SAMPLE_RATE_HZ, extract_features
from espressivo.speech.phone_network import recognise_phones
from espressivo.training.motion.dataset import Clip, write_clips
from espressivo.training.motion.teacher import analysis_of

__all__ = ["CAPTURED_SHAPES", "TEST_TAKES", "TRAINING_TAKES", "lip_curves", "prepare_facegood", "prepare_templates", "read_take"]

TRAINING_TAKES: Final = ("1114_2_01", "1114_2_02", "1114_2_03", "1114_2_04", "1114_3_15")
TEST_TAKES: Final = ("1114_2_05", "1114_3_16")
CAPTURE_FPS: Final = 30.0
# The curves follow the sound by about a frame; natural faces do not.
LAG_S: Final = 1.0 / 30.0
# ARKit shape: {column of the takes: weight}. 63 is "oh", 64 "oo", which the vendor's own mapping to ARKit drops.
COLUMNS: Final[dict[str, dict[int, float]]] = {
    "jawOpen": {74: 1.0, 63: 0.25},
    "mouthFunnel": {42: 0.25, 43: 0.25, 44: 0.25, 45: 0.25, 63: 0.55, 64: 0.25},
    "mouthPucker": {68: 0.5, 69: 0.5, 63: 0.15, 64: 0.75},
    "mouthSmileLeft": {53: 1.0},
    "mouthSmileRight": {54: 1.0},
    "mouthStretchLeft": {57: 1.0},
    "mouthStretchRight": {58: 1.0},
    "mouthLowerDownLeft": {59: 1.0},
    "mouthLowerDownRight": {60: 1.0},
    "mouthUpperUpLeft": {79: 1.0},
    "mouthUpperUpRight": {80: 1.0},
    "mouthPressLeft": {66: 1.0},
    "mouthPressRight": {67: 1.0},
    "mouthRollLower": {75: 0.5, 76: 0.5},
    "mouthRollUpper": {77: 0.5, 78: 0.5},
}
CAPTURED_SHAPES: Final = tuple(COLUMNS)
YAW, ROLL = len(ARKIT_NAMES) + 1, len(ARKIT_NAMES) + 2
FloatArray = NDArray[np.float32]


def read_take(folder: Path, take: str) -> tuple[FloatArray, NDArray[np.float64], AudioClip]:
    """A take as ``(T, 52)`` ARKit weights at 30 fps, its rig controls ``(T, 116)``, and the speech.

    Shapes outside :data:`CAPTURED_SHAPES` are zero because the take does not hold them.
    """
    with np.load(folder / f"{take}.npz") as file:
        controls = file["bs"].astype(np.float64)
    weights = np.zeros((len(controls), len(ARKIT_NAMES)), np.float32)
    for name, columns in COLUMNS.items():
        curve = sum(weight * controls[:, column] for column, weight in columns.items())
        weights[:, [ARKIT_INDEX[side] for side in expand_sides(name)]] = np.clip(curve, 0.0, 1.0)[:, None]
    return weights, controls, load_audio(folder / f"{take}.flac")


def lip_curves(folder: Path, take: str) -> tuple[AudioClip, NDArray[np.float64], FloatArray]:
    """The speech of a take, and opening of the jaw, spreading and rounding as its rig shows them.

    Returns:
        Sound; ``(T,)`` moments in seconds, advanced by a frame because the curves are late; ``(T, 3)`` curves.
    """
    _, controls, sound = read_take(folder, take)
    jaw, spread = controls[:, 74], controls[:, [53, 54, 57, 58]].mean(axis=1)
    rounding = controls[:, [63, 64, 68, 69, 42, 43, 44, 45]].max(axis=1)
    times_s = (np.arange(len(controls), dtype=np.float64) + 0.5) / CAPTURE_FPS - LAG_S
    return sound, times_s, np.stack([jaw, spread, rounding], axis=1).astype(np.float32)


def _clip(folder: Path, take: str) -> Clip:
    weights, _, recording = read_take(folder, take)
    samples = recording.mono(SAMPLE_RATE_HZ)
    phones = recognise_phones(extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ))).phones
    frames = int(len(weights) / CAPTURE_FPS * float(MODEL_FPS)) - 1
    times_s = (np.arange(frames, dtype=np.float64) + 0.5) / float(MODEL_FPS)
    captured_s = (np.arange(len(weights)) + 0.5) / CAPTURE_FPS - LAG_S
    state = np.zeros((frames, STATE_DIM), np.float32)
    for column in range(len(ARKIT_NAMES)):
        state[:, column] = np.interp(times_s, captured_s, weights[:, column])
    speech = analysis_of(samples, phones)
    heard, activity = speech_condition(speech, times_s)
    sound = np.concatenate([sound_condition(speech, times_s), np.ones((frames, 1), np.float32)], axis=1)
    conditions = _bare(frames, heard, sound, activity)
    valid = np.zeros(STATE_DIM, np.bool_)
    valid[[ARKIT_INDEX[name] for name in CAPTURED_SHAPES]] = True
    known = np.array([True, False, False])
    return Clip(state, conditions, valid, known, emotion_faces().index("neutral"), matched=True)


def _bare(frames: int, heard: FloatArray, sound: FloatArray, activity: FloatArray) -> Conditions:
    """Conditions that say nothing about emotion, muscles and eyes."""
    emotion, actions, events = (np.zeros((frames, width), np.float32) for width in (emotion_dim(), ACTION_DIM, EVENT_DIM))
    return Conditions(heard, sound, emotion, actions, events, activity)


def _template(path: Path) -> Clip:
    """How the head of a LivePortrait template turns and tilts around its mean; which way it nods is not documented."""
    with np.load(path) as file:
        rotations, fps = file["R"].astype(np.float64), float(file["fps"])
    _, yaw, roll = Rotation.from_matrix(rotations).as_euler("XYZ").T
    frames = int(len(rotations) / fps * float(MODEL_FPS)) - 1
    times_s = (np.arange(frames, dtype=np.float64) + 0.5) / float(MODEL_FPS)
    captured_s = (np.arange(len(rotations)) + 0.5) / fps
    state = np.zeros((frames, STATE_DIM), np.float32)
    for column, curve in ((YAW, yaw), (ROLL, roll)):
        state[:, column] = np.interp(times_s, captured_s, curve - curve.mean())
    heard, activity = speech_condition(None, times_s)
    valid = np.zeros(STATE_DIM, np.bool_)
    valid[[YAW, ROLL]] = True
    conditions = _bare(frames, heard, np.zeros((frames, SOUND_DIM), np.float32), activity)
    return Clip(state, conditions, valid, np.zeros(3, np.bool_), emotion_faces().index("neutral"), matched=True)


def prepare_templates(folder: Path, output: Path) -> None:
    """Write the head motion of LivePortrait's templates (MIT)."""
    write_clips((_template(path) for path in sorted(folder.glob("*.npz"))), output)


def prepare_facegood(folder: Path, output: Path) -> None:
    """Write the five takes for training; the other two are kept for measuring."""
    write_clips((_clip(folder, take) for take in TRAINING_TAKES), output)
