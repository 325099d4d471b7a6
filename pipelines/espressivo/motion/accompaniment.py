"""Small things that a face does beside speech and emotion: brows on accents, breath before phrases, lips and throat at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.curves import movement
from espressivo.motion.timeline import Timeline, settings_of

__all__ = ["Breathing", "breathe", "brow_accents", "idle_lips", "resting_face"]

FloatArray = NDArray[np.float64]


def _add(weights: FloatArray, name: str, curve: FloatArray) -> None:
    for side in expand_sides(name):
        weights[:, ARKIT_INDEX[side]] += curve


def brow_accents(timeline: Timeline) -> FloatArray:
    """``(T, 52)`` brows that rise shortly before some accented words, or gather when the plan is angry."""
    settings = settings_of("brows")
    generator = timeline.generator("brows")
    raised, lowered = np.zeros(len(timeline.times_s)), np.zeros(len(timeline.times_s))
    for accent in timeline.accents:
        chance, lead_s, apex_s, up, down = generator.random(5)
        arousal = timeline.at(timeline.carriage.arousal, accent.time_s)
        if chance > settings["raise_chance"] * (1.0 + max(0.0, arousal)) * (0.6 + 0.8 * accent.strength):
            continue
        start_s = accent.onset_s - float(np.interp(lead_s, [0, 1], settings["start_before_s"]))
        hold_s = float(np.interp(apex_s, [0, 1], settings["apex_s"]))
        curve = movement(timeline.times_s, start_s, settings["onset_s"], hold_s, settings["offset_s"])
        angry = (
            timeline.at(timeline.carriage.valence, accent.time_s) < settings["lower_below_valence"]
            and timeline.at(timeline.carriage.dominance, accent.time_s) > settings["lower_above_dominance"]
        )
        if angry:
            lowered = np.maximum(lowered, float(np.interp(down, [0, 1], settings["lower_level"])) * curve)
        else:
            raised = np.maximum(raised, float(np.interp(up, [0, 1], settings["raise_level"])) * curve)
    weights = np.zeros((len(timeline.times_s), len(ARKIT_NAMES)))
    _add(weights, "browInnerUp", 0.8 * raised)
    _add(weights, "browOuterUp", raised)
    _add(weights, "browDown", lowered)
    return weights


@dataclass(frozen=True, slots=True)
class Breathing:
    """``jaw`` (T,) opening, ``pitch_rad`` (T,) and ``rise`` (T,) in face heights."""

    jaw: FloatArray
    pitch_rad: FloatArray
    rise: FloatArray


def breathe(timeline: Timeline) -> Breathing:
    """Quiet breath in silence; a quick one through the mouth before a phrase, deeper before a longer one."""
    settings = settings_of("breathing")
    generator = timeline.generator("breath")
    times_s = timeline.times_s
    arousal = 1.0 + settings["arousal_gain"] * timeline.carriage.arousal
    period_s = 60.0 / settings["rate_per_min"]
    phase = np.cumsum(arousal * timeline.frame_s) / period_s + float(generator.random())
    within = phase % 1.0
    share = settings["in_share"]
    quiet = np.where(
        within < share, 0.5 - 0.5 * np.cos(np.pi * within / share), 0.5 + 0.5 * np.cos(np.pi * (within - share) / (1.0 - share))
    )
    jaw, deep = np.zeros(len(times_s)), np.zeros(len(times_s))
    silent_since = 0.0
    for phrase in timeline.phrases:
        length_s, size = float(generator.uniform(*settings["speech_in_s"])), float(generator.uniform(*settings["jaw"]))
        pause_s = phrase.start_s - silent_since
        silent_since = phrase.end_s
        if pause_s < settings["shortest_pause_s"]:
            continue
        depth = float(np.clip(0.6 + 0.15 * phrase.duration_s, 0.6, 1.3))
        in_s = min(length_s, pause_s)
        start_s = phrase.start_s - settings["ends_before_voice_s"] - in_s
        jaw += size * depth * movement(times_s, start_s, in_s, 0.02, 0.3)
        deep += depth * movement(times_s, start_s, in_s, 0.1, min(3.0, max(0.6, phrase.duration_s)))
    quiet = quiet * (1.0 - timeline.activity)
    pitch_deg = settings["rest_pitch_deg"] * quiet + settings["pitch_deg"] * deep
    return Breathing(jaw, np.radians(pitch_deg) * arousal, settings["rise"] * (0.5 * quiet + np.minimum(1.5, deep)) * arousal)


def idle_lips(timeline: Timeline) -> FloatArray:
    """``(T, 52)`` in silence the lips press or part now and then, and one swallows."""
    settings = settings_of("idle")
    generator = timeline.generator("idle")
    weights = np.zeros((len(timeline.times_s), len(ARKIT_NAMES)))
    quiet = 1.0 - timeline.activity
    time_s = float(generator.uniform(*settings["lips_every_s"])) * 0.6
    while time_s < timeline.duration_s:
        level, length_s = float(generator.uniform(*settings["lips_level"])), float(generator.uniform(*settings["lips_s"]))
        curve = level * movement(timeline.times_s, time_s, 0.3 * length_s, 0.4 * length_s, 0.5 * length_s) * quiet
        name = str(generator.choice(["mouthPress", "mouthRollLower", "mouthStretch", "mouthDimple"]))
        _add(weights, name, curve)
        time_s += float(generator.uniform(*settings["lips_every_s"]))
    time_s = float(generator.uniform(*settings["swallow_every_s"]))
    while time_s < timeline.duration_s:
        third = settings["swallow_s"] / 3.0
        curve = settings["swallow_level"] * movement(timeline.times_s, time_s, third, third, third) * quiet
        _add(weights, "mouthShrugLower", curve)
        _add(weights, "mouthPress", 0.5 * curve)
        time_s += float(generator.uniform(*settings["swallow_every_s"]))
    return weights


def resting_face(timeline: Timeline) -> FloatArray:
    """``(52,)`` what this clip's face is like when nothing happens."""
    generator = timeline.generator("rest")
    weights = np.zeros(len(ARKIT_NAMES))
    for name, most in settings_of("expression")["rest_offsets"].items():
        weights[[ARKIT_INDEX[side] for side in expand_sides(name)]] = generator.uniform(0.0, most)
    return weights
