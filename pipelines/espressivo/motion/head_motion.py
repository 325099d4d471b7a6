"""The head: a resting pose that changes at phrases, slow sway, beats on some accents, nods where phrases end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from espressivo.face.curves import coloured_noise, minimum_jerk, transition
from espressivo.motion.timeline import Timeline, settings_of
from espressivo.speech.prosody import Accent

__all__ = ["head_rotation"]

FloatArray = NDArray[np.float64]
PITCH, YAW, ROLL = 0, 1, 2


def head_rotation(timeline: Timeline, scale: float = 1.0) -> FloatArray:
    """``(T, 3)`` pitch, yaw, roll in radians, without what the plan adds.

    Args:
        timeline: The clip.
        scale: Multiplies every angle.
    """
    settings = settings_of("head")
    gain = float(timeline.generator("head-gain").lognormal(0.0, settings["clip_gain_log_sd"]))
    gain = scale * float(np.clip(gain, 0.6, 1.6))
    slow = (_posture(timeline) + _sway(timeline)) * _share(timeline)[:, None]
    return np.asarray(
        np.radians(slow + _beats(timeline) + _phrase_ends(timeline)) * gain * timeline.carriage.motion_scale[:, None]
    )


def _share(timeline: Timeline) -> FloatArray:
    """Less movement where nobody speaks."""
    silent = settings_of("head")["silent_share"]
    return np.asarray(silent + (1.0 - silent) * timeline.activity)


def _posture(timeline: Timeline) -> FloatArray:
    """``(T, 3)`` degrees: a new resting pose every few seconds, at the start of a phrase where there is one."""
    settings = settings_of("head")
    generator = timeline.generator("posture")
    spread = np.array(settings["posture_deg"])
    starts = np.array([phrase.start_s for phrase in timeline.phrases])
    knots: list[tuple[float, float, FloatArray]] = []
    time_s = float(generator.uniform(0.5, 2.0))
    while time_s < timeline.duration_s:
        near = starts[np.abs(starts - time_s) < 1.2] if len(starts) else starts
        moment = float(near[np.argmin(np.abs(near - time_s))]) - 0.15 if len(near) else time_s
        pose = generator.normal(0.0, spread).clip(-1.8 * spread, 1.8 * spread)
        pose[ROLL] += settings["roll_with_yaw"] * pose[YAW]
        duration_s = float(generator.uniform(*settings["posture_move_s"]))
        if moment > (knots[-1][0] + knots[-1][1] if knots else 0.0):
            knots.append((moment, duration_s, pose))
        time_s += float(generator.uniform(*settings["posture_every_s"]))
    return np.stack(
        [
            transition(timeline.times_s, [(start, length, float(pose[axis])) for start, length, pose in knots], 0.0)
            for axis in range(3)
        ],
        axis=1,
    )


def _sway(timeline: Timeline) -> FloatArray:
    settings = settings_of("head")
    noise = coloured_noise(
        timeline.generator("sway"),
        (len(timeline.times_s), 3),
        timeline.frame_s,
        settings["sway_tau_s"],
        settings["sway_cutoff_hz"],
    )
    # The portrait's own pose opens the clip.
    arriving = minimum_jerk(timeline.times_s / 1.0)[:, None]
    return np.asarray(np.clip(noise, -2.5, 2.5) * settings["sway_deg"] * arriving)


def _stroke(times_s: FloatArray, start_s: float, down_s: float, back_s: float, overshoot: float) -> FloatArray:
    """There and back with a little swing beyond rest."""
    there = minimum_jerk((times_s - start_s) / down_s)
    back = minimum_jerk((times_s - start_s - down_s) / back_s)
    swing = minimum_jerk((times_s - start_s - down_s - back_s) / (0.8 * back_s))
    return np.asarray(there - (1.0 + overshoot) * back + overshoot * swing)


def _add(curve: FloatArray, timeline: Timeline, start_s: float, down_s: float, back_s: float, direction: FloatArray) -> None:
    overshoot = settings_of("head")["beat_overshoot"]
    near = slice(*np.searchsorted(timeline.times_s, [start_s, start_s + down_s + 1.9 * back_s]))
    curve[near] += _stroke(timeline.times_s[near], start_s, down_s, back_s, overshoot)[:, None] * direction


def _strongest_of_phrases(timeline: Timeline) -> set[Accent]:
    return {
        max(inside, key=lambda accent: accent.strength)
        for phrase in timeline.phrases
        if (inside := [accent for accent in timeline.accents if phrase.start_s <= accent.time_s <= phrase.end_s])
    }


def _beats(timeline: Timeline) -> FloatArray:
    """``(T, 3)`` degrees: strokes with a part of the accents, mostly downwards, shortly after the vowel begins."""
    settings = settings_of("head")
    generator = timeline.generator("beats")
    strongest = _strongest_of_phrases(timeline)
    least, mean, most = settings["beat_deg"]
    nod, tilt, _ = settings["beat_kinds"].values()
    curve = np.zeros((len(timeline.times_s), 3))
    for accent in timeline.accents:
        draws = generator.random(3)
        size = float(np.clip(mean * (0.6 + 0.8 * accent.strength) * generator.lognormal(0.0, 0.3), least, most))
        peak_s = accent.onset_s + float(generator.normal(*settings["beat_delay_s"])) + 0.5 * settings["beat_down_s"]
        tempo = float(generator.lognormal(0.0, 0.15))
        if draws[0] > settings["beat_chance"][accent in strongest]:
            continue
        side = 1.0 if draws[2] < 0.5 else -1.0
        direction = np.array([-size, 0.25 * side * size, 0.0])
        if draws[1] > nod:
            direction = (
                np.array([-0.3 * size, 0.3 * side * size, 0.7 * side * size]) if draws[1] < nod + tilt else -0.7 * direction
            )
        _add(
            curve,
            timeline,
            peak_s - settings["beat_down_s"] * tempo,
            settings["beat_down_s"] * tempo,
            settings["beat_back_s"] * tempo,
            direction,
        )
    return curve


def _phrase_ends(timeline: Timeline) -> FloatArray:
    """``(T, 3)`` degrees: a nod on the last syllable of some phrases."""
    settings = settings_of("head")
    generator = timeline.generator("phrase-ends")
    curve = np.zeros((len(timeline.times_s), 3))
    for phrase in timeline.phrases:
        size = float(generator.uniform(*settings["phrase_end_nod_deg"]))
        if generator.random() < settings["phrase_end_nod_chance"] and phrase.duration_s > 0.8:
            _add(curve, timeline, phrase.end_s - 0.28, 0.24, 0.42, np.array([-size, 0.0, 0.0]))
    return curve
