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

__all__ = ["Entry", "SegmentClock", "entries", "event_cap", "time_face"]

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
        renewal: Factor on how often a hold is renewed.
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
    renewal: float
    continued: bool

    @property
    def stop_s(self) -> float:
        """When the face lets go."""
        return self.end_s if self.leave is None else self.leave.start_s


@dataclass(frozen=True, slots=True)
class _Shape:
    """When a muscle starts and stops in a segment, how its movements unfold, and what share of the peak can be held."""

    begin_s: float
    onset_s: float
    apex_s: float
    offset_s: float
    until_s: float
    brief: float


@dataclass(frozen=True, slots=True)
class _Hold:
    """A level that is kept for a while: when it begins to rise, for how long, and its share of the peak."""

    start_s: float
    rise_s: float
    share: float


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
    targets += _leaks(face, clock, step, seed)
    return tuple(sorted(targets, key=lambda target: (target.start_s, target.action_unit, -target.level)))


def _shared_pulses(clock: SegmentClock, seed: int) -> NDArray[np.float64]:
    """``(N, 2)`` moments and sizes (0-1) at which the whole face may be renewed; muscles take part or not."""
    table = _table()["hold"]
    rng = numpy_generator(seed, "emotion", "pulses", str(clock.index))
    rate = clock.renewal * max(table["pulses_per_minute_of_action_unit"].values()) / 60.0
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
    if clock.end_s - clock.start_s <= float(_table()["micro"]["hard_max"]):
        return [_micro(pull, clock, step)]
    rng = numpy_generator(seed, "emotion", "timing", str(clock.index), str(pull.unit))
    shape = _shape_of(pull, clock, rng)
    peak_end = shape.begin_s + shape.onset_s + shape.apex_s
    if shape.until_s - peak_end < LONG_HOLD_S and not clock.continued:
        stay = shape.until_s - shape.begin_s - shape.onset_s
        return [_target(pull, step, 1.0, (shape.begin_s, shape.onset_s, stay, shape.offset_s))]
    eased = shape.offset_s * float(_table()["hold"]["relax"])
    targets = []
    if not clock.continued:
        fall = min(eased, shape.until_s - peak_end + shape.offset_s)
        targets.append(_target(pull, step, 1.0, (shape.begin_s, shape.onset_s, shape.apex_s, fall)))
    holds = _holds(shape, rng, clock)
    for index, hold in enumerate(holds):
        # A hold stays until the next one has risen, so that nothing dips between them.
        last = index + 1 == len(holds)
        stop = shape.until_s if last else holds[index + 1].start_s + holds[index + 1].rise_s
        fall = shape.offset_s if last else max(shape.offset_s, holds[index + 1].rise_s)
        targets.append(_target(pull, step, hold.share, (hold.start_s, hold.rise_s, stop - hold.start_s - hold.rise_s, fall)))
    # A muscle that the next face uses too is held beyond the segment, but nothing new begins there.
    window = (peak_end, min(shape.until_s - shape.onset_s, clock.end_s))
    for moment, share, wish in _own_pulses(pull, pulses, window, rng, clock.max_events):
        room = shape.until_s - moment - shape.onset_s
        stay = min(wish, room)
        fall = min(eased, max(shape.offset_s, room - stay))
        targets.append(_target(pull, step, share * shape.brief, (moment, shape.onset_s, stay, fall)))
    return targets


def _shape_of(pull: MusclePull, clock: SegmentClock, rng: np.random.Generator) -> _Shape:
    """Durations of a muscle's movement: the class of its emotion, its own inertia, the room in the segment, and chance."""
    table = _table()
    row = table["dynamics"]["classes"][pull.dynamics]
    sigma = float(table["duration_spread"]["log_sd"])
    spread = np.exp(rng.normal(0.0, sigma, 3).clip(-2 * sigma, 2 * sigma))
    region = unit_region(pull.unit)
    delay = 0.0 if clock.continued else float(table["region_delay_ms"]["of"][region]) / 1000.0 * spread[0]
    begin = clock.entry.start_s + delay
    onset = max(float(row["onset"]) * spread[0], MINIMUM_JERK_PEAK / _speed(pull.unit, region))
    onset = min(onset, 0.6 * max(clock.stop_s - begin, 0.1))
    offset = float(row["offset"]) * spread[2]
    if clock.leave is not None:
        offset = min(offset, 1.5 * clock.leave.transition_s)
    return _Shape(
        begin_s=begin,
        onset_s=onset,
        apex_s=float(rng.uniform(*row["apex"])) * spread[1],
        offset_s=offset,
        until_s=_until(pull.unit, clock, onset),
        brief=float(table["brief"]["of"].get(pull.dynamics, 1.0)),
    )


def _target(pull: MusclePull, step: str, share: float, times: tuple[float, float, float, float]) -> ActionTarget:
    """A movement to a share of the pull's level; ``times`` are start, onset, apex, offset."""
    gain = float(_table()["dynamics"]["classes"][pull.dynamics].get("amplitude_gain", 1.0))
    start, onset, apex, offset = times
    return ActionTarget(
        action_unit=pull.unit,
        side=pull.side,
        level=round(share * min(1.0, pull.level * gain), 4),
        start_s=round(start, 4),
        onset_s=round(max(onset, 0.04), 4),
        apex_s=round(max(apex, 0.0), 4),
        offset_s=round(max(offset, 0.08), 4),
        step=pull.step or step,
        cause=pull.cause,
    )


def _speed(unit: int, region: str) -> float:
    table = _table()["peak_speed_per_s"]
    return float(table["of_action_unit"].get(unit, table["of"].get(region, 5.0)))


def _leaks(face: Face, clock: SegmentClock, step: str, seed: int) -> list[ActionTarget]:
    """What is felt flashes up in the mouth for a fraction of a second, at irregular moments."""
    if not face.leaks:
        return []
    low, high = load_config("emotion/intensity.yaml")["mask"]["leak_every_s"]
    shortest, longest = _table()["micro"]["total"]
    rng = numpy_generator(seed, "emotion", "leaks", str(clock.index))
    targets = []
    now = clock.entry.start_s + float(rng.uniform(0.5 * low, low))
    for _ in range(clock.max_events):
        total = float(rng.uniform(shortest, longest))
        if now + total >= clock.stop_s:
            break
        targets += [_target(pull, step, 1.0, (now, 0.4 * total, 0.2 * total, 0.4 * total)) for pull in face.leaks]
        now += float(rng.uniform(low, high))
    return targets


def _micro(pull: MusclePull, clock: SegmentClock, step: str) -> ActionTarget:
    """An expression too short to unfold: quick, small, gone."""
    table = _table()["micro"]
    total = min(clock.end_s - clock.start_s, float(table["hard_max"]))
    onset = min(float(table["onset_max"]), 0.4 * total)
    return ActionTarget(
        action_unit=pull.unit,
        side=pull.side,
        level=round(min(pull.level, float(table["amplitude"][1])), 4),
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


def _holds(shape: _Shape, rng: np.random.Generator, clock: SegmentClock) -> list[_Hold]:
    """The stretches under the peaks, each at another level."""
    table = _table()["hold"]
    low, high = table["drift_every_s"]
    stretch = max(1.0, (shape.until_s - shape.begin_s) / (clock.max_events * 0.5 * (low + high)))
    starts = [shape.begin_s]
    while (following := starts[-1] + stretch * float(rng.uniform(low, high))) < min(shape.until_s, clock.end_s) - low:
        starts.append(following)
    holds = []
    for index, start in enumerate(starts[: clock.max_events]):
        bounds = table["level_between"] if index or clock.continued else table["first_decay_level"]
        share, drift = float(rng.uniform(*bounds)), float(rng.uniform(*table["drift_s"]))
        holds.append(_Hold(start, max(shape.onset_s, drift) if index else shape.onset_s, shape.brief * share))
    return holds


def _own_pulses(
    pull: MusclePull, pulses: NDArray[np.float64], window_s: tuple[float, float], rng: np.random.Generator, most: int
) -> list[tuple[float, float, float]]:
    """Moments, heights (share of the level) and hold times of the renewals that this muscle joins."""
    table = _table()["hold"]
    rate = float(table["pulses_per_minute_of_action_unit"].get(pull.unit, table["pulses_per_minute"][unit_region(pull.unit)]))
    share = rate / max(table["pulses_per_minute_of_action_unit"].values())
    low, high = table["pulse_level"]
    joined = []
    for moment, size in pulses:
        joins, own, hold = rng.uniform() < share, rng.uniform(), rng.uniform(0.2, LONG_HOLD_S)
        if joins and window_s[0] - PULSE_OVERLAP_S < moment < window_s[1]:
            joined.append((float(moment), low + (high - low) * (0.7 * float(size) + 0.3 * own), hold))
    return joined[:most]
