"""Blinks: rare, irregular, sometimes double or half, and mostly where attention turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.curves import minimum_jerk
from espressivo.motion.timeline import Timeline, settings_of

__all__ = ["Blink", "blink_curves", "draw_blinks", "shaped_blinks"]

FloatArray = NDArray[np.float64]
CLOCK_S = 0.02
SUBFRAMES = 4


@dataclass(frozen=True, slots=True)
class Blink:
    """One closing and opening of the lids; ``depth`` 1 shuts the eye."""

    start_s: float
    closing_s: float
    closed_s: float
    opening_s: float
    depth: float

    @property
    def end_s(self) -> float:
        """When the eye is open again."""
        return self.start_s + self.closing_s + self.closed_s + self.opening_s


def _hazard(timeline: Timeline, clock_s: FloatArray) -> FloatArray:
    """``(S,)`` how likely a blink is at each moment, relative to an ordinary one."""
    settings = settings_of("blinks")
    hazard = np.interp(clock_s, timeline.times_s, timeline.carriage.blink_rate_scale)
    for accent in timeline.accents:
        hazard[slice(*np.searchsorted(clock_s, [accent.onset_s - 0.05, accent.time_s + 0.1]))] *= settings["hazard_in_accent"]
    for phrase in timeline.phrases:
        before = slice(*np.searchsorted(clock_s, [phrase.start_s - settings["before_phrase_s"], phrase.start_s]))
        after = slice(*np.searchsorted(clock_s, [phrase.end_s, phrase.end_s + settings["after_phrase_s"]]))
        hazard[before] *= settings["hazard_before_phrase"]
        hazard[after] *= settings["hazard_after_phrase"]
    return hazard


def draw_blinks(timeline: Timeline, gaze_shifts: list[tuple[float, float]], rate_scale: float = 1.0) -> list[Blink]:
    """When and how the eyes blink.

    Args:
        timeline: The clip.
        gaze_shifts: ``(time_s, amplitude_deg)`` of each saccade; large ones take a blink along.
        rate_scale: Multiplies the rate; 0 gives none.
    """
    settings = settings_of("blinks")
    generator = timeline.generator("blinks")
    rates = {kind: max(4.0, float(generator.normal(*settings[f"rate_{kind}_per_min"]))) for kind in ("talking", "silent")}
    clock_s = np.arange(0.0, timeline.duration_s, CLOCK_S)
    activity = np.interp(clock_s, timeline.times_s, timeline.activity)
    rate = rates["silent"] + activity * (rates["talking"] - rates["silent"])
    # Time runs faster where a blink is likely: intervals are log-normal in that warped time.
    elapsed = np.cumsum(_hazard(timeline, clock_s) * rate * rate_scale) * CLOCK_S / 60.0
    times: list[tuple[float, bool]] = []
    wanted = float(generator.uniform(0.2, 0.9))
    while len(elapsed) and wanted < elapsed[-1]:
        time_s = float(clock_s[np.searchsorted(elapsed, wanted)])
        times.append((time_s, False))
        if generator.random() < settings["double_share"]:
            times.append((time_s + float(generator.uniform(*settings["double_gap_s"])), True))
        log_sd = settings["interval_log_sd"]
        wanted += float(generator.lognormal(-0.5 * log_sd**2, log_sd)) / (1.0 + settings["double_share"])
    low, high = settings["gaze_shift_chance"]
    first, span = settings["gaze_shift_deg"]
    for time_s, amplitude_deg in gaze_shifts:
        chance = float(np.clip((amplitude_deg - first) / span, low, high))
        scale = min(1.0, rate_scale * timeline.at(timeline.carriage.blink_rate_scale, time_s))
        if generator.random() < chance * scale:
            times.append((max(0.0, time_s - 0.03), False))
    return shaped_blinks(sorted(times), timeline.duration_s, generator)


def shaped_blinks(times: list[tuple[float, bool]], duration_s: float, generator: np.random.Generator) -> list[Blink]:
    """Blinks at moments, each with whether it repeats the one before; what comes too soon or ends too late is left out."""
    settings = settings_of("blinks")
    blinks: list[Blink] = []
    for time_s, again in times:
        pause_s = settings["refractory_s" if again else "shortest_interval_s"]
        if blinks and time_s - blinks[-1].start_s < pause_s:
            continue
        full = generator.random() < settings["full_share"]
        closing, closed, opening = (float(generator.uniform(*settings[name])) for name in ("closing_s", "closed_s", "opening_s"))
        depth = float(generator.uniform(*settings["full_depth" if full else "partial_depth"]))
        blink = Blink(time_s, closing, closed, opening, depth)
        if blink.end_s < duration_s:
            blinks.append(blink)
    return blinks


def _closure(blink: Blink, times_s: FloatArray) -> FloatArray:
    down = minimum_jerk((times_s - blink.start_s) / blink.closing_s)
    up = minimum_jerk((times_s - blink.start_s - blink.closing_s - blink.closed_s) / blink.opening_s)
    return np.asarray(blink.depth * down * (1.0 - up))


def blink_curves(blinks: list[Blink], times_s: FloatArray, frame_s: float) -> FloatArray:
    """``(T, 52)`` lids, the dip of the eyes and the small pull around them.

    Each frame shows the most closed moment of its time, so that no blink falls between two frames.
    """
    settings = settings_of("blinks")
    closure = np.zeros(len(times_s))
    offsets = (np.arange(SUBFRAMES) + 0.5) / SUBFRAMES - 0.5
    for blink in blinks:
        near = slice(*np.searchsorted(times_s, [blink.start_s - frame_s, blink.end_s + frame_s]))
        moments = times_s[near, None] + offsets * frame_s
        closure[near] = np.maximum(closure[near], _closure(blink, moments).max(axis=1))
    result = np.zeros((len(times_s), len(ARKIT_NAMES)))
    for name, share in (
        ("eyeBlink", 1.0),
        ("eyeLookDown", settings["look_down"]),
        ("eyeSquint", settings["squint"]),
        ("browDown", settings["brow"]),
    ):
        for side in expand_sides(name):
            result[:, ARKIT_INDEX[side]] = share * closure
    return result
