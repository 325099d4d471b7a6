"""The eyes: on the viewer most of the time, away while thinking and where the plan averts them, always in jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES
from espressivo.face.curves import coloured_noise, minimum_jerk, transition
from espressivo.face.track import EYE_PITCH_RANGE_RAD, EYE_YAW_RANGE_RAD
from espressivo.motion.timeline import Timeline, settings_of

__all__ = ["Gaze", "draw_gaze", "eye_weights", "line_of_sight"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Gaze:
    """Where the eyes look.

    Attributes:
        direction: ``(T, 2)`` pitch and yaw in radians relative to the viewer, signs as for the head.
        head: ``(T, 2)`` what the head adds when it follows the eyes, radians.
        shifts: ``(time_s, amplitude_deg)`` of each saccade.
    """

    direction: FloatArray
    head: FloatArray
    shifts: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Fixation:
    start_s: float
    pitch_deg: float
    yaw_deg: float


def draw_gaze(timeline: Timeline, scale: float = 1.0) -> Gaze:
    """Fixations and the saccades between them.

    Args:
        timeline: The clip.
        scale: Multiplies angles; 0 looks at the viewer throughout.
    """
    settings = settings_of("gaze")
    fixations = [_Fixation(fix.start_s, fix.pitch_deg * scale, fix.yaw_deg * scale) for fix in _fixations(timeline)]
    knots: dict[str, list[tuple[float, float, float]]] = {"pitch": [], "yaw": [], "head_pitch": [], "head_yaw": []}
    shifts = []
    pitch, yaw = 0.0, 0.0
    share = settings["head_share"]
    for fix in fixations:
        amplitude = float(np.hypot(fix.pitch_deg - pitch, fix.yaw_deg - yaw))
        duration_s = settings["saccade_base_s"] + settings["saccade_per_deg_s"] * amplitude
        knots["pitch"].append((fix.start_s, duration_s, fix.pitch_deg))
        knots["yaw"].append((fix.start_s, duration_s, fix.yaw_deg))
        eccentricity = float(np.hypot(fix.pitch_deg, fix.yaw_deg))
        follow = np.interp(eccentricity, [share["below_deg"], 30.0], [share["small"], share["at_30_deg"]])
        if amplitude > 4.0:
            start_s = fix.start_s + share["delay_s"]
            knots["head_pitch"].append((start_s, share["turn_s"], follow * fix.pitch_deg))
            knots["head_yaw"].append((start_s, share["turn_s"], follow * fix.yaw_deg))
        shifts.append((fix.start_s, amplitude))
        pitch, yaw = fix.pitch_deg, fix.yaw_deg
    curves = {name: transition(timeline.times_s, moves, 0.0) for name, moves in knots.items()}
    drift = settings["drift_deg"] * coloured_noise(
        timeline.generator("drift"), (len(timeline.times_s), 2), timeline.frame_s, 0.5, 2.0
    )
    direction = np.stack([curves["pitch"], curves["yaw"]], axis=1) + min(1.0, scale) * drift
    head = np.stack([curves["head_pitch"], curves["head_yaw"]], axis=1)
    return Gaze(np.radians(direction), np.radians(head), shifts)


def _fixations(timeline: Timeline) -> list[_Fixation]:
    """Bouts on the viewer, with small hops over the face, and bouts away from it."""
    settings = settings_of("gaze")
    generator = timeline.generator("gaze")
    starts = [phrase.start_s for phrase in timeline.phrases]
    result: list[_Fixation] = []
    time_s = 0.0
    away = False
    while time_s < timeline.duration_s:
        state = "talking" if timeline.speaking_at(time_s + 0.2) else "silent"
        aversion_deg = np.degrees(timeline.at(timeline.carriage.aversion_rad, time_s))
        end_s = time_s + _bout(generator, settings, state, aversion_deg, away=away)
        if away:
            result += _looks_away(generator, timeline, time_s, end_s, aversion_deg)
        else:
            upcoming = next((start for start in starts if time_s < start - 0.1 < end_s), None)
            if upcoming is not None and upcoming > 0.5 and generator.random() < settings["turn_start_away_chance"]:
                end_s = upcoming - 0.1
            result += _hops(generator, time_s, end_s)
        away, time_s = not away, end_s
    return result


def _bout(
    generator: np.random.Generator, settings: dict[str, tuple[float, float]], state: str, aversion_deg: float, *, away: bool
) -> float:
    """Seconds of a bout; the more averted a segment is meant to be, the longer the bouts away and the shorter those between."""
    mean, spread = settings[f"{'away' if away else 'partner'}_{state}_s"]
    more = 1.0 + aversion_deg / 5.0
    mean = mean * more if away else mean / more
    variance = np.log1p((spread / settings[f"{'away' if away else 'partner'}_{state}_s"][0]) ** 2)
    return max(0.25, float(generator.lognormal(np.log(mean) - 0.5 * variance, np.sqrt(variance))))


def _hops(generator: np.random.Generator, start_s: float, end_s: float) -> list[_Fixation]:
    """Between the eyes and the mouth of the one who is looked at."""
    settings = settings_of("gaze")
    fixations = [_Fixation(start_s, 0.0, 0.0)]
    median_s, log_sd = settings["fixation_s"]
    time_s = start_s + float(generator.lognormal(np.log(median_s), log_sd))
    while time_s < end_s - 0.12:
        size, angle = float(generator.uniform(*settings["face_hop_deg"])), float(generator.uniform(0.0, 2.0 * np.pi))
        fixations.append(_Fixation(time_s, 0.7 * size * np.sin(angle), size * np.cos(angle)))
        time_s += max(0.15, float(generator.lognormal(np.log(median_s), log_sd)))
    return fixations


def _looks_away(
    generator: np.random.Generator, timeline: Timeline, start_s: float, end_s: float, aversion_deg: float
) -> list[_Fixation]:
    settings = settings_of("gaze")
    low, high = settings["away_amplitude_deg"]
    amplitude = max(float(generator.triangular(low, low, high)), float(aversion_deg * generator.uniform(0.7, 1.2)))
    weights = np.array(settings["eight_directions"])
    angle = np.radians(45.0) * generator.choice(8, p=weights / weights.sum()) + float(generator.normal(0.0, 0.2))
    if np.degrees(timeline.at(timeline.carriage.rotation[:, 0], start_s)) < settings["downcast_pitch_deg"]:
        angle = float(generator.normal(-np.pi / 2.0, 0.7))
    fixations: list[_Fixation] = []
    time_s = start_s
    while time_s < end_s - 0.1 or not fixations:
        pitch = float(np.clip(amplitude * np.sin(angle), -settings["most_pitch_deg"], settings["most_pitch_deg"]))
        yaw = float(np.clip(amplitude * np.cos(angle), -settings["most_yaw_deg"], settings["most_yaw_deg"]))
        fixations.append(_Fixation(time_s, pitch, yaw))
        time_s += max(0.2, float(generator.lognormal(np.log(0.55), 0.4)))
        angle += float(generator.normal(0.0, 0.25))
        amplitude *= float(generator.uniform(0.75, 1.15))
    return fixations


def eye_weights(direction: FloatArray, head: FloatArray) -> FloatArray:
    """``(T, 52)`` eye shapes that look in a direction while the head is turned.

    Args:
        direction: ``(T, 2)`` pitch and yaw of the line of sight relative to the viewer, radians.
        head: ``(T, 2)`` pitch and yaw of the head; the eyes turn against it.
    """
    settings = settings_of("gaze")
    result = np.zeros((len(direction), len(ARKIT_NAMES)))
    pitch = np.clip((direction[:, 0] - head[:, 0]) / EYE_PITCH_RANGE_RAD, -1.0, 1.0)
    yaw = np.clip((direction[:, 1] - head[:, 1]) / EYE_YAW_RANGE_RAD, -1.0, 1.0)
    to_left, to_right = np.maximum(0.0, yaw), np.maximum(0.0, -yaw)
    up, down = np.maximum(0.0, pitch), np.maximum(0.0, -pitch)
    for name, curve in (
        ("eyeLookOutLeft", to_left),
        ("eyeLookInRight", to_left),
        ("eyeLookInLeft", to_right),
        ("eyeLookOutRight", to_right),
    ):
        result[:, ARKIT_INDEX[name]] = curve
    for side in ("Left", "Right"):
        result[:, ARKIT_INDEX[f"eyeLookUp{side}"]] = up
        result[:, ARKIT_INDEX[f"eyeLookDown{side}"]] = down
        result[:, ARKIT_INDEX[f"eyeBlink{side}"]] = settings["lid_follows_down"] * down
        result[:, ARKIT_INDEX[f"eyeWide{side}"]] = settings["lid_follows_up"] * up * minimum_jerk(up / 0.3)
    return result


def line_of_sight(weights: NDArray[np.float32], head: NDArray[np.float32]) -> FloatArray:
    """``(T, 2)`` the direction that :func:`eye_weights` would look in, read off ``(T, 52)`` weights; both eyes count alike."""
    look = {name: weights[:, ARKIT_INDEX[name]].astype(np.float64) for name in ARKIT_NAMES if name.startswith("eyeLook")}
    pitch = look["eyeLookUpLeft"] + look["eyeLookUpRight"] - look["eyeLookDownLeft"] - look["eyeLookDownRight"]
    yaw = look["eyeLookOutLeft"] + look["eyeLookInRight"] - look["eyeLookInLeft"] - look["eyeLookOutRight"]
    return head + 0.5 * np.column_stack([EYE_PITCH_RANGE_RAD * pitch, EYE_YAW_RANGE_RAD * yaw])
