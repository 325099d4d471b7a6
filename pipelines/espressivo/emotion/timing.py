"""When each muscle moves: regions follow one another, holds are renewed and never frozen, states overlap smoothly.

A hold is written as overlapping action targets of the same action unit; of those the highest acts at every moment. The
first movement reaches the peak and falls; under it lie holds at changing lower levels, and over them pulses that
re-pull the expression at irregular moments (rates measured on captured takes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.facial import Face, MusclePull, unit_region
from espressivo.emotion.plan import ActionTarget
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = ["Entry", "SegmentClock", "entries", "time_face"]

MINIMUM_JERK_PEAK = 1.875  # peak speed of a minimum-jerk rise is 1.875 amplitude / duration
PULSE_OVERLAP_S = 0.1
LONG_HOLD_S = 0.9
MAX_EVENTS = 14
ACTION_BUDGET = 8000
PHRASE_JITTER_S = 0.08


@dataclass(frozen=True, slots=True)
class Entry:
    """When a state begins to show and how long the change takes."""

    start_s: float
    transition_s: float
    why: str


@dataclass(frozen=True, slots=True)
class SegmentClock:
    """What the timing of one segment needs to know.

    Attributes:
        index: Of the segment.
        start_s: Of the segment.
        end_s: Of the segment.
        entry: Of this segment.
        leave: Entry of the next one, ``None`` at the end of the plan.
        next_units: Action units that the next face has too.
        phrase_starts_s: Moments at which speech sets in again.
        max_events: Most renewals of a hold for one action unit.
        continued: The segment goes on with the same face as the one before.
    """

    index: int
    start_s: float
    end_s: float
    entry: Entry
    leave: Entry | None
    next_units: frozenset[int]
    phrase_starts_s: tuple[float, ...]
    max_events: int
    continued: bool

    @property
    def stop_s(self) -> float:
        """When the face lets go."""
        return self.end_s if self.leave is None else self.leave.start_s


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load_config("emotion/dynamics.yaml")
    return table


def entries(
    starts_s: Sequence[float], ends_s: Sequence[float], pauses_s: Sequence[tuple[float, float]], seed: int
) -> list[Entry]:
    """When the face begins to change for each segment.

    The change leads the boundary by 200-400 ms, and moves into a pause of the speech where one is near.

    Args:
        starts_s: Starts of the segments.
        ends_s: Their ends.
        pauses_s: Silent stretches of the speech.
        seed: Of the plan.
    """
    table = _table()["transition"]
    found = [Entry(0.0, float(table["seconds"][0]), "the plan begins")]
    for index in range(1, len(starts_s)):
        rng = numpy_generator(seed, "emotion", "entry", str(index))
        boundary = starts_s[index]
        transition = float(rng.uniform(*table["seconds"]))
        lead = min(float(rng.uniform(*table["lead_s"])), 0.45 * (boundary - starts_s[index - 1]))
        room = 0.8 * min(boundary - starts_s[index - 1], ends_s[index] - boundary)
        start, why = boundary - lead, f"leads the turn by {lead * 1000:.0f} ms"
        pause = _near_pause(boundary, pauses_s, min(float(table["snap_to_pause_s"]), room))
        if pause is not None:
            start, why = pause, "begins in the pause of the speech"
        found.append(Entry(round(max(start, found[-1].start_s + 0.02), 4), round(min(transition, max(0.05, room)), 4), why))
    return found


def _near_pause(boundary: float, pauses_s: Sequence[tuple[float, float]], reach: float) -> float | None:
    starts = [max(begin, boundary - reach) for begin, end in pauses_s if begin <= boundary + reach and end >= boundary - reach]
    near = [start for start in starts if abs(start - boundary) <= reach]
    return min(near, key=lambda start: abs(start - boundary), default=None)


def event_cap(num_segments: int, num_units: int) -> int:
    """Most renewals per action unit and kind, so that long plans stay small enough to read and save."""
    budget = ACTION_BUDGET // max(1, num_segments)
    return int(np.clip((budget // max(1, num_units) - 1) // 2, 2, MAX_EVENTS))


def time_face(face: Face, clock: SegmentClock, step: str, seed: int) -> tuple[ActionTarget, ...]:
    """Action targets of one segment.

    Args:
        face: Muscles and levels.
        clock: The segment.
        step: Id of the step that chose the muscles.
        seed: Of the plan; intensity has no influence on what is drawn.
    """
    pulses = _shared_pulses(clock, seed)
    targets = [target for pull in face.pulls for target in _time_pull(pull, clock, pulses, step, seed)]
    return tuple(sorted(targets, key=lambda target: (target.start_s, target.action_unit, -target.level)))


def _shared_pulses(clock: SegmentClock, seed: int) -> NDArray[np.float64]:
    """``(N, 2)`` moments and sizes (0-1) at which the whole face may be renewed; muscles take part or not."""
    table = _table()["hold"]
    rng = numpy_generator(seed, "emotion", "pulses", str(clock.index))
    rate = max(table["pulses_per_minute_of_action_unit"].values()) / 60.0
    gap = float(table["min_gap_s"])
    now = clock.entry.start_s + (0.0 if clock.continued else 1.2)
    moments = []
    while True:
        now += gap + float(rng.exponential(max(1.0 / rate - gap, 0.2)))
        if now >= clock.stop_s:
            break
        moments.append((now, float(rng.uniform())))
    locked = float(table["phrase_locked_share"])
    found: list[tuple[float, float]] = []
    for moment, size in moments:
        near = [s for s in clock.phrase_starts_s if abs(s - moment) < 1.0 and clock.entry.start_s + gap < s < clock.stop_s]
        if near and rng.uniform() < locked:
            moment = min(near, key=lambda s: abs(s - moment)) + float(rng.normal(0.0, PHRASE_JITTER_S))
        if not found or moment - found[-1][0] >= gap:
            found.append((moment, size))
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _time_pull(pull: MusclePull, clock: SegmentClock, pulses: NDArray[np.float64], step: str, seed: int) -> list[ActionTarget]:
    table = _table()
    rng = numpy_generator(seed, "emotion", "timing", str(clock.index), str(pull.unit))
    shape = table["dynamics"]["classes"][pull.dynamics]
    sigma = float(table["duration_spread"]["log_sd"])
    spread = np.exp(rng.normal(0.0, sigma, 3).clip(-2 * sigma, 2 * sigma))
    region = unit_region(pull.unit)
    level = min(1.0, pull.level * float(shape.get("amplitude_gain", 1.0)))
    onset = max(float(shape["onset"]) * spread[0], MINIMUM_JERK_PEAK / _speed(pull.unit, region))
    offset = float(shape["offset"]) * spread[2]
    apex = float(rng.uniform(*shape["apex"])) * spread[1]
    delay = float(table["region_delay_ms"]["of"][region]) / 1000.0 * spread[0]
    begin = clock.entry.start_s + (0.0 if clock.continued else delay)
    room = clock.stop_s - begin
    if clock.end_s - clock.start_s <= float(table["micro"]["hard_max"]):
        return [_micro(pull, level, clock, step)]
    onset = min(onset, 0.6 * max(room, 0.1))
    until = _until(pull.unit, clock, onset)
    if clock.leave is not None:
        offset = min(offset, 1.5 * clock.leave.transition_s)

    def target(height: float, start: float, rise: float, hold: float, fall: float) -> ActionTarget:
        return ActionTarget(
            action_unit=pull.unit,
            side=pull.side,
            level=round(min(1.0, height), 4),
            start_s=round(start, 4),
            onset_s=round(max(rise, 0.04), 4),
            apex_s=round(max(hold, 0.0), 4),
            offset_s=round(max(fall, 0.08), 4),
            step=step,
            cause=pull.cause,
        )

    peak_end = begin + onset + apex
    if until - peak_end < LONG_HOLD_S and not clock.continued:
        return [target(level, begin, onset, until - begin - onset, offset)]
    brief = float(table["brief"]["of"].get(pull.dynamics, 1.0))
    targets = [] if clock.continued else [target(level, begin, onset, apex, offset)]
    knots = _knots(begin, until, rng, clock.max_events)
    heights = _hold_heights(len(knots) - 1, brief, rng, first=not clock.continued)
    for left, right, height in zip(knots, knots[1:], heights, strict=False):
        last = right >= until
        targets.append(target(level * height, left, onset, right + (0.0 if last else onset) - left - onset, offset))
    targets += [
        target(level * height * (brief if brief < 1.0 else 1.0), moment, onset, hold, offset)
        for moment, height, hold in _own_pulses(pull.unit, region, pulses, peak_end, until - onset, rng, clock.max_events)
    ]
    return targets


def _speed(unit: int, region: str) -> float:
    table = _table()["peak_speed_per_s"]
    return float(table["of_action_unit"].get(unit, table["of"].get(region, 5.0)))


def _micro(pull: MusclePull, level: float, clock: SegmentClock, step: str) -> ActionTarget:
    """An expression too short to unfold: quick, small, gone."""
    table = _table()["micro"]
    total = min(clock.end_s - clock.start_s, float(table["hard_max"]))
    onset = min(float(table["onset_max"]), 0.4 * total)
    return ActionTarget(
        action_unit=pull.unit,
        side=pull.side,
        level=round(min(level, float(table["amplitude"][1])), 4),
        start_s=round(clock.start_s, 4),
        onset_s=round(onset, 4),
        apex_s=round(0.2 * total, 4),
        offset_s=round(0.4 * total, 4),
        step=step,
        cause=f"{pull.cause}; micro-expression",
    )


def _until(unit: int, clock: SegmentClock, onset: float) -> float:
    """When the hold ends; a muscle that the next face uses too waits for it."""
    if clock.leave is None:
        return clock.end_s
    shared = unit in clock.next_units
    return clock.leave.start_s + (clock.leave.transition_s + onset if shared else 0.25 * clock.leave.transition_s)


def _knots(begin: float, until: float, rng: np.random.Generator, most: int) -> list[float]:
    """Moments at which a hold changes its level."""
    low, high = _table()["hold"]["drift_every_s"]
    stretch = max(1.0, (until - begin) / (most * 0.5 * (low + high)))
    knots = [begin]
    while (following := knots[-1] + stretch * float(rng.uniform(low, high))) < until - low:
        knots.append(following)
    return [*knots[:most], until]


def _hold_heights(count: int, brief: float, rng: np.random.Generator, *, first: bool) -> list[float]:
    table = _table()["hold"]
    heights = []
    for index in range(count):
        bounds = table["first_decay_level"] if index == 0 and first else table["level_between"]
        heights.append(brief * float(rng.uniform(*bounds)))
    return heights


def _own_pulses(
    unit: int, region: str, pulses: NDArray[np.float64], after: float, before: float, rng: np.random.Generator, most: int
) -> list[tuple[float, float, float]]:
    """Moments, heights (share of the level) and hold times of the renewals that this muscle joins."""
    table = _table()["hold"]
    rate = float(table["pulses_per_minute_of_action_unit"].get(unit, table["pulses_per_minute"].get(region, 5.0)))
    share = rate / max(table["pulses_per_minute_of_action_unit"].values())
    low, high = table["pulse_level"]
    joined = []
    for moment, size in pulses:
        joins, own, hold = rng.uniform() < share, rng.uniform(), rng.uniform(0.2, LONG_HOLD_S)
        if joins and after - PULSE_OVERLAP_S < moment < before:
            joined.append((float(moment), low + (high - low) * (0.7 * float(size) + 0.3 * own), hold))
    return joined[:most]
