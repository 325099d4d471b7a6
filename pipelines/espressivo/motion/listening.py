"""Listening: a silent face that takes up a little of what is felt, a moment later, and nods where the other pauses."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.curves import transition
from espressivo.face.track import EYE_PITCH_RANGE_RAD, FacialActionTrack
from espressivo.motion.blinks import blink_curves, shaped_blinks
from espressivo.motion.combine import combined, lids_settled
from espressivo.motion.timeline import settings_of
from espressivo.seeds import numpy_generator
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.prosody import Interval

__all__ = ["listen_to"]

FloatArray = NDArray[np.float64]
PITCH, ROLL = 0, 2
# Where the eyes look and when they blink is the listener's own.
MIMICKED: Final = np.array([not name.startswith(("eyeLook", "eyeBlink")) for name in ARKIT_NAMES])
# An ordinary accent (see Accent.strength), against which an emphatic phrase is measured.
ORDINARY_ACCENT: Final = 0.5


def listen_to(
    silent: FacialActionTrack, other: SpeechAnalysis, *, seed: int, head_scale: float = 1.0, blink_scale: float = 1.0
) -> FacialActionTrack:
    """Turn a silent face into one that listens.

    The expression comes later and smaller than in ``silent`` (mimicry) and parts no lips. Where the other's phrases end, the
    listener nods (more likely after long and emphatic phrases), sometimes tilts the head, and often blinks; the eyes stay on
    the other through a nod. Gaze and carriage are those of ``silent``. Constants: ``listening`` in
    ``configs/motion/nonverbal.yaml``.

    Args:
        silent: What a motion backend makes of a plan without speech.
        other: What the other says, on the same clock.
        seed: The same seed gives the same listener.
        head_scale: Size of nods and tilts, 0-3.
        blink_scale: Multiplies the chance of a blink at a pause, 0-3.
    """
    times_s = (np.arange(len(silent), dtype=np.float64) + 0.5) / float(silent.fps)
    face = _mimicry(silent.weights.astype(np.float64), times_s, seed)
    ends = [phrase for phrase in other.phrases if phrase.end_s < times_s[-1]]
    added = np.zeros((len(silent), 3))
    added[:, PITCH] = head_scale * _nods(times_s, ends, other, seed)
    added[:, ROLL] = head_scale * _tilts(times_s, ends, seed)
    most = np.radians(settings_of("head")["most_deg"])
    rotation = np.clip(silent.head_rotation + added, -most, most)
    face = _eyes_kept_on_the_other(face, rotation[:, PITCH] - silent.head_rotation[:, PITCH])
    face = lids_settled(combined(face, _blinks(face, times_s, float(1 / silent.fps), ends, blink_scale, seed)))
    return FacialActionTrack(face.astype(np.float32), rotation.astype(np.float32), silent.head_translation.copy(), silent.fps)


def _mimicry(face: FloatArray, times_s: FloatArray, seed: int) -> FloatArray:
    """``(T, 52)`` the expression later and smaller, with shut lips; before it starts, the first frame is held."""
    settings = settings_of("listening")
    generator = numpy_generator(seed, "listening", "mimicry")
    gain, delay_s = (float(generator.uniform(*settings[name])) for name in ("mimicry_gain", "mimicry_delay_s"))
    result = face.copy()
    for shape in np.flatnonzero(MIMICKED):
        result[:, shape] = gain * np.interp(times_s - delay_s, times_s, face[:, shape])
    result[:, [ARKIT_INDEX[side] for name in settings["shut"] for side in expand_sides(name)]] = 0.0
    return result


def _emphasis(phrase: Interval, other: SpeechAnalysis) -> float:
    """1 for a phrase with an ordinary accent, 0.5 without any, up to 1.5."""
    inside = [accent.strength for accent in other.accents if phrase.start_s <= accent.time_s <= phrase.end_s]
    return 0.5 + 0.5 * max(inside, default=0.0) / ORDINARY_ACCENT


def _nods(times_s: FloatArray, ends: list[Interval], other: SpeechAnalysis, seed: int) -> FloatArray:
    """``(T,)`` pitch in radians. What was said since the last end makes a nod likely, so that the rate holds for any pauses."""
    settings = settings_of("listening")
    generator = numpy_generator(seed, "listening", "nods")
    curve = np.zeros(len(times_s))
    heard_until_s, nodded_until_s = 0.0, 0.0
    for phrase in ends:
        draw, later = generator.random(), float(generator.uniform(*settings["nod_after_phrase_s"]))
        num_cycles = 1 + int(generator.choice(len(settings["nod_cycles"]), p=settings["nod_cycles"]))
        cycle_s = 1.0 / float(generator.uniform(*settings["nod_hz"]))
        size_deg = settings["nod_deg"] * float(generator.lognormal(0.0, settings["nod_log_sd"]))
        expected = settings["nods_per_min"] / 60.0 * (phrase.end_s - heard_until_s) * _emphasis(phrase, other)
        heard_until_s = phrase.end_s
        start_s = phrase.end_s + later
        fits = nodded_until_s <= start_s and start_s + num_cycles * cycle_s <= times_s[-1]
        if draw < 1.0 - np.exp(-expected) and fits:
            curve -= np.radians(size_deg) * _nod(times_s, start_s, cycle_s, num_cycles)
            nodded_until_s = start_s + num_cycles * cycle_s + settings["between_nods_s"]
    return curve


def _nod(times_s: FloatArray, start_s: float, cycle_s: float, num_cycles: int) -> FloatArray:
    """``(T,)`` dips of a nod: the more cycles, the larger the first; each smaller than the one before, the last most of all."""
    settings = settings_of("listening")
    cycle = np.floor((times_s - start_s) / cycle_s)
    sizes = (1.0 + settings["first_cycle_growth"] * (num_cycles - 1)) * settings["cycle_decay"] ** np.arange(num_cycles)
    if num_cycles > 1:
        sizes[-1] *= settings["last_cycle_share"]
    inside = (cycle >= 0) & (cycle < num_cycles)
    dip = np.sin(np.pi * (times_s - start_s) / cycle_s) ** 2
    return np.asarray(np.where(inside, sizes[np.clip(cycle, 0, num_cycles - 1).astype(int)] * dip, 0.0))


def _tilts(times_s: FloatArray, ends: list[Interval], seed: int) -> FloatArray:
    """``(T,)`` roll in radians: at some phrase ends the head takes a new tilt and keeps it."""
    settings = settings_of("listening")
    generator = numpy_generator(seed, "listening", "tilts")
    knots: list[tuple[float, float, float]] = []
    for phrase in ends:
        draw, sign = generator.random(), generator.choice([-1.0, 1.0])
        move_s, level_deg = (float(generator.uniform(*settings[name])) for name in ("tilt_move_s", "tilt_deg"))
        if draw < settings["tilt_chance"] and (not knots or phrase.end_s > knots[-1][0] + knots[-1][1]):
            knots.append((phrase.end_s, move_s, float(np.radians(sign * level_deg))))
    return transition(times_s, knots, 0.0)


def _eyes_kept_on_the_other(face: FloatArray, pitch_rad: FloatArray) -> FloatArray:
    """Turn the eyes ``(T, 52)`` against what the head's pitch ``(T,)`` gained."""
    result = face.copy()
    for side in ("Left", "Right"):
        up, down = ARKIT_INDEX[f"eyeLookUp{side}"], ARKIT_INDEX[f"eyeLookDown{side}"]
        looked = np.clip(face[:, up] - face[:, down] - pitch_rad / EYE_PITCH_RANGE_RAD, -1.0, 1.0)
        result[:, up], result[:, down] = np.maximum(0.0, looked), np.maximum(0.0, -looked)
    return result


def _blinks(face: FloatArray, times_s: FloatArray, frame_s: float, ends: list[Interval], scale: float, seed: int) -> FloatArray:
    """``(T, 52)`` blinks shortly after phrase ends, where the listener does not blink anyway."""
    settings = settings_of("listening")
    generator = numpy_generator(seed, "listening", "blinks")
    apart_s = settings_of("blinks")["shortest_interval_s"]
    lids = face[:, ARKIT_INDEX["eyeBlinkLeft"]]
    moments: list[tuple[float, bool]] = []
    for phrase in ends:
        draw, later = generator.random(), float(generator.uniform(*settings["blink_after_phrase_s"]))
        time_s = phrase.end_s + later
        near = slice(*np.searchsorted(times_s, [time_s - apart_s, time_s + apart_s]))
        if draw < settings["blink_chance"] * scale and not (lids[near] > settings["blinking_above"]).any():
            moments.append((time_s, False))
    blinks = shaped_blinks(moments, float(times_s[-1]), generator)
    return blink_curves(blinks, times_s, frame_s)
