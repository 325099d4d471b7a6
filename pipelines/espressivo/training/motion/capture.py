"""Captured mouths: the FACEGOOD takes (Mandarin speech with rig controls, MIT) as ARKit weights.

The names that come with the takes are those of another column order; the order below follows the vendor's prediction tables
and is confirmed by the ten left-right pairs, which agree to within 0.001.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.media.audio import load_audio
from espressivo.media.clip import AudioClip
from espressivo.motion.state import ACTION_DIM, MODEL_FPS, STATE_DIM, Conditions, emotion_dim, emotion_faces, speech_condition
from espressivo.speech.features import SAMPLE_RATE_HZ, extract_features
from espressivo.speech.phone_network import recognise_phones
from espressivo.training.motion.dataset import Clip, write_clips
from espressivo.training.motion.teacher import analysis_of

__all__ = ["CAPTURED_SHAPES", "TEST_TAKES", "TRAINING_TAKES", "lip_curves", "prepare_facegood", "read_take"]

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
    weights, _, sound = read_take(folder, take)
    samples = sound.mono(SAMPLE_RATE_HZ)
    phones = recognise_phones(extract_features(AudioClip(samples[None], SAMPLE_RATE_HZ))).phones
    frames = int(len(weights) / CAPTURE_FPS * float(MODEL_FPS)) - 1
    times_s = (np.arange(frames, dtype=np.float64) + 0.5) / float(MODEL_FPS)
    captured_s = (np.arange(len(weights)) + 0.5) / CAPTURE_FPS - LAG_S
    state = np.zeros((frames, STATE_DIM), np.float32)
    for column in range(len(ARKIT_NAMES)):
        state[:, column] = np.interp(times_s, captured_s, weights[:, column])
    heard, activity = speech_condition(analysis_of(samples, phones), times_s)
    conditions = Conditions(
        heard, np.zeros((frames, emotion_dim()), np.float32), np.zeros((frames, ACTION_DIM), np.float32), activity
    )
    valid = np.zeros(STATE_DIM, np.bool_)
    valid[[ARKIT_INDEX[name] for name in CAPTURED_SHAPES]] = True
    return Clip(state, conditions, valid, emotion_faces().index("neutral"), matched=True)


def prepare_facegood(folder: Path, output: Path) -> None:
    """Write the five takes for training; the other two are kept for measuring."""
    write_clips((_clip(folder, take) for take in TRAINING_TAKES), output)
