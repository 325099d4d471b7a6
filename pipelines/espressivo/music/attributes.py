"""What a piece is like in numbers: 84 attributes of pitch, tonality, melody, harmony, rhythm, articulation, texture, dynamics.

They are computed from the sounding notes in seconds alone, so that a performance without beats and a score with them are measured
alike; pitch classes are counted from the tonic; none measures length. Families and many definitions follow jSymbolic 2.2
(McKay, Cumming & Fujinaga 2018). ``configs/music/attributes.yaml`` says of each what it is: :func:`describe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from espressivo.music.score import Score
from espressivo.music.theory import MODE_STEPS, Key
from espressivo.resources import load_config

__all__ = [
    "ATTRIBUTE_NAMES",
    "AttributeDescription",
    "NoteTable",
    "describe",
    "estimate_tonic",
    "measure",
    "measure_bars",
    "roughness",
]

Floats = NDArray[np.float64]

KRUMHANSL_MAJOR = np.array([6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88])
KRUMHANSL_MINOR = np.array([6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17])
"""Probe-tone profiles (Krumhansl & Kessler 1982)."""

HURON_CONSONANCE = np.array([np.nan, -1.428, -0.582, 0.594, 0.386, 1.240, -0.453])
"""Aggregate consonance of interval classes 1-6 (Huron 1994, table 2)."""
ROUGHNESS = np.nan_to_num((1.240 - HURON_CONSONANCE) / (1.240 + 1.428))
FIFTHS_POSITION = np.array([0, -5, 2, -3, 4, -1, 6, 1, -4, 3, -2, 5], float)
"""Steps from the tonic on the line of fifths, by semitones above it."""
TOGETHER_S = 0.035
"""Notes that begin within this time form one onset."""
MIN_NOTES = 4


@dataclass(frozen=True, slots=True)
class NoteTable:
    """Notes as columns, sorted by start.

    Attributes:
        start_s: ``(N,)`` float64.
        duration_s: ``(N,)`` float64, positive.
        pitch: ``(N,)`` int64, MIDI.
        velocity: ``(N,)`` int64, MIDI.
    """

    start_s: Floats
    duration_s: Floats
    pitch: NDArray[np.int64]
    velocity: NDArray[np.int64]

    @classmethod
    def of_score(cls, score: Score, start_tick: int = 0, end_tick: int | None = None) -> NoteTable:
        """Notes that begin between two ticks, as long as they sound (with pedal); drums are left out."""
        limit = score.end_tick if end_tick is None else end_tick
        chosen = [
            (note, end)
            for note, end in zip(score.notes, score.sounding_ends(), strict=True)
            if start_tick <= note.start_tick < limit and not score.parts[note.part].is_drum
        ]
        notes = [note for note, _ in chosen]
        start = np.array([score.seconds(note.start_tick) for note in notes], float)
        end = np.array([score.seconds(end) for _, end in chosen], float)
        pitch = np.array([note.pitch for note in notes], np.int64)
        return cls.of_columns(start, end - start, pitch, np.array([note.velocity for note in notes], np.int64))

    @classmethod
    def of_columns(cls, start_s: Floats, duration_s: Floats, pitch: NDArray[np.int64], velocity: NDArray[np.int64]) -> NoteTable:
        """Sort columns by start, then pitch."""
        order = np.lexsort((pitch, start_s))
        return cls(start_s[order], np.maximum(duration_s[order], 1e-3), pitch[order], velocity[order])

    def __len__(self) -> int:
        return int(self.start_s.size)


@dataclass(frozen=True, slots=True)
class AttributeDescription:
    """What an attribute is.

    Attributes:
        name: As in :data:`ATTRIBUTE_NAMES`.
        family: pitch, tonality, melody, harmony, rhythm, articulation, texture or dynamics.
        unit: Empty for a plain number.
        range: Least and greatest possible value.
        definition: In words.
        source: Where it comes from.
    """

    name: str
    family: str
    unit: str
    range: tuple[float, float]
    definition: str
    source: str


@cache
def describe() -> dict[str, AttributeDescription]:
    """All attributes in the order of :data:`ATTRIBUTE_NAMES`, from ``configs/music/attributes.yaml``."""
    found = {}
    for family, entry in load_config("music/attributes.yaml")["families"].items():
        for name, row in entry["rows"].items():
            low, high = row["range"]
            found[name] = AttributeDescription(
                name, family, row["unit"], (float(low), float(high)), str(row["definition"]), entry["source"]
            )
    return {name: found[name] for name in ATTRIBUTE_NAMES}


def estimate_tonic(table: NoteTable) -> tuple[int, float, float]:
    """Tonic and the correlations of the best major and the best minor key (Krumhansl & Schmuckler, in Krumhansl 1990).

    Returns:
        Pitch class of the better key's tonic, correlation of the best major key, of the best minor key.
    """
    weights = np.bincount(table.pitch % 12, table.duration_s, 12)
    major = [_correlation(np.roll(weights, -tonic), KRUMHANSL_MAJOR) for tonic in range(12)]
    minor = [_correlation(np.roll(weights, -tonic), KRUMHANSL_MINOR) for tonic in range(12)]
    tonic = int(np.argmax(major)) if max(major) >= max(minor) else int(np.argmax(minor))
    return tonic, max(major), max(minor)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / norm if norm > 0 else 0.0


def measure(table: NoteTable, key: Key | None = None) -> dict[str, float]:
    """All attributes of a piece or an excerpt, by name in the order of :data:`ATTRIBUTE_NAMES`.

    Args:
        table: At least 4 notes.
        key: The key where it is known; estimated otherwise.

    Raises:
        ValueError: Fewer than 4 notes.
    """
    if len(table) < MIN_NOTES:
        message = f"{len(table)} notes are too few to measure; at least {MIN_NOTES} are needed"
        raise ValueError(message)
    onsets = _onset_groups(table)
    top = np.array([group[np.argmax(table.pitch[group])] for group in onsets])
    bottom = np.array([group[np.argmin(table.pitch[group])] for group in onsets])
    return {
        **_pitch(table, top, bottom),
        **_tonality(table, key),
        **_melody(table, top),
        **_harmony(table, onsets),
        **_rhythm(table, onsets),
        **_articulation(table, top),
        **_texture(table, onsets, top, bottom),
        **_dynamics(table, top),
    }


def measure_bars(score: Score, *, bars_around: int = 1) -> Floats:
    """Attributes along a score: ``(B, 84)``, a row for each bar with its neighbours.

    Args:
        score: Any.
        bars_around: Bars to either side that are measured with each bar; 0 measures it alone.

    Returns:
        NaN where there are fewer than 4 notes.
    """
    bars = score.bars()
    rows = np.full((len(bars), len(ATTRIBUTE_NAMES)), np.nan)
    for index in range(len(bars)):
        first, last = max(index - bars_around, 0), min(index + bars_around, len(bars) - 1)
        table = NoteTable.of_score(score, bars[first][0], bars[last][1])
        if len(table) >= MIN_NOTES:
            rows[index] = list(measure(table, score.key_at(bars[index][0])).values())
    return rows


def _onset_groups(table: NoteTable) -> list[NDArray[np.int64]]:
    """Indices of the notes of each onset."""
    groups: list[list[int]] = []
    begun = -np.inf
    for index, start in enumerate(table.start_s.tolist()):
        if start - begun > TOGETHER_S:
            groups.append([])
            begun = start
        groups[-1].append(index)
    return [np.array(group, np.int64) for group in groups]


def _share(mask: NDArray[np.bool_], weights: Floats | None = None) -> float:
    if mask.size == 0:
        return 0.0
    return float(np.average(mask, weights=weights)) if weights is not None else float(mask.mean())


def _entropy(counts: Floats) -> float:
    total = counts.sum()
    p = counts[counts > 0] / total if total > 0 else np.array([1.0])
    return float(-(p * np.log2(p)).sum())


def _pitch(table: NoteTable, top: NDArray[np.int64], bottom: NDArray[np.int64]) -> dict[str, float]:
    pitch = table.pitch.astype(float)
    low, median, high = np.percentile(pitch, [10, 50, 90])
    return {
        "pitch_mean": float(pitch.mean()),
        "pitch_sd": float(pitch.std()),
        "pitch_p10": float(low),
        "pitch_p50": float(median),
        "pitch_p90": float(high),
        "pitch_skew": float(((pitch - pitch.mean()) ** 3).mean() / max(float(pitch.std()), 1e-6) ** 3),
        "pitch_low_share": _share(pitch < 48),
        "pitch_high_share": _share(pitch >= 72),
        "top_mean": float(table.pitch[top].mean()),
        "top_sd": float(table.pitch[top].std()),
        "bottom_mean": float(table.pitch[bottom].mean()),
        "pitch_variety": len(np.unique(table.pitch)) / np.sqrt(len(table)),
    }


def _tonality(table: NoteTable, key: Key | None) -> dict[str, float]:
    tonic, major, minor = estimate_tonic(table)
    tonic = key.tonic if key is not None else tonic
    histogram = np.bincount((table.pitch - tonic) % 12, table.duration_s, 12).astype(float)
    histogram = histogram / histogram.sum()
    scales = np.array([[step in steps for step in range(12)] for steps in MODE_STEPS.values()], float)
    values = {f"degree_{semitones}": float(histogram[semitones]) for semitones in range(12)}
    return {
        **values,
        "major_minus_minor": major - minor,
        "key_clarity": max(major, minor),
        "fifths_brightness": float((FIFTHS_POSITION * histogram).sum()),
        "third_balance": _balance(histogram[4], histogram[3]),
        "sixth_balance": _balance(histogram[9], histogram[8]),
        "seventh_balance": _balance(histogram[11], histogram[10]),
        "out_of_scale": float(1.0 - (scales @ histogram).max()),
        "pitch_class_entropy": _entropy(histogram),
    }


def _balance(bright: float, dark: float) -> float:
    return float((bright - dark) / (bright + dark + 0.02))


def _melody(table: NoteTable, top: NDArray[np.int64]) -> dict[str, float]:
    """Intervals of the top line; jSymbolic follows each channel, here the highest note of every onset."""
    steps = np.diff(table.pitch[top])
    size = np.abs(steps)
    moving = steps[steps != 0]
    turns = np.sign(moving[1:]) != np.sign(moving[:-1])
    return {
        "melodic_interval_mean": float(size.mean()) if size.size else 0.0,
        "melodic_repeats": _share(size == 0),
        "melodic_semitones": _share(size == 1),
        "melodic_tones": _share(size == 2),
        "melodic_thirds": _share((size == 3) | (size == 4)),
        "melodic_fourths_fifths": _share((size == 5) | (size == 7)),
        "melodic_tritones": _share(size == 6),
        "melodic_leaps": _share(size > 7),
        "melodic_rising": _share(moving > 0),
        "melodic_turns": _share(turns),
        "melodic_interval_entropy": _entropy(np.bincount(np.minimum(size, 13)).astype(float)) if size.size else 0.0,
    }


def roughness(pitches: NDArray[np.int64]) -> float:
    """Mean roughness (0 fifths - 1 semitones) over all pairs of sounding pitch classes; 0 for fewer than two."""
    return _roughness_of(_class_mask(pitches))


def _class_mask(pitches: NDArray[np.int64]) -> int:
    """A bit for each pitch class that sounds."""
    return int(np.bitwise_or.reduce(1 << pitches % 12))


@cache
def _roughness_of(mask: int) -> float:
    """Cached, since sonorities return all the time and there are no more than 4,096."""
    classes = np.array([pitch_class for pitch_class in range(12) if mask >> pitch_class & 1])
    if classes.size < 2:
        return 0.0
    distance = np.abs(classes[:, None] - classes[None, :])
    return float(ROUGHNESS[np.minimum(distance, 12 - distance)[_pairs(classes.size)]].mean())


@cache
def _pairs(num: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of all pairs of ``num`` things."""
    first, second = np.triu_indices(num, 1)
    return first, second


def _harmony(table: NoteTable, onsets: list[NDArray[np.int64]]) -> dict[str, float]:
    """Sonorities at every onset, weighted by the time to the next one."""
    times = np.array([table.start_s[group].max() + 1e-6 for group in onsets])
    end = float((table.start_s + table.duration_s).max())
    spans = np.clip(np.diff(np.append(times, end)), 1e-3, 2.0)
    sounding = [table.pitch[(table.start_s <= t) & (table.start_s + table.duration_s > t)] for t in times]
    masks = np.array([_class_mask(pitches) for pitches in sounding])
    intervals = np.zeros(13)
    for pitches, span in zip(sounding, spans, strict=True):
        gaps = np.abs(pitches[:, None] - pitches[None, :])[_pairs(pitches.size)]
        np.add.at(intervals, np.where(gaps == 0, 12, np.where(gaps % 12 == 0, 12, gaps % 12)), span / max(gaps.size, 1))
    intervals /= max(float(intervals.sum()), 1e-9)
    rough = np.array([_roughness_of(mask) for mask in masks.tolist()])
    return {
        "sounding_pitches": float(np.average([pitches.size for pitches in sounding], weights=spans)),
        "sounding_classes": float(np.average([int(mask).bit_count() for mask in masks], weights=spans)),
        "roughness": float(np.average(rough, weights=spans)),
        "rough_share": _share(rough > 0.45, spans),
        "major_triads": _share(_contains(masks, (0, 4, 7)), spans),
        "minor_triads": _share(_contains(masks, (0, 3, 7)), spans),
        "diminished_triads": _share(_contains(masks, (0, 3, 6)), spans),
        "vertical_seconds": float(intervals[1] + intervals[2] + intervals[10] + intervals[11]),
        "vertical_minor_thirds": float(intervals[3] + intervals[9]),
        "vertical_major_thirds": float(intervals[4] + intervals[8]),
        "vertical_fifths": float(intervals[5] + intervals[7]),
        "vertical_tritones": float(intervals[6]),
        "vertical_octaves": float(intervals[12]),
        "harmonic_change": float(np.mean([float(int(a ^ b).bit_count()) for a, b in pairwise(masks)] or [0.0])),
    }


def _contains(masks: NDArray[np.int64], chord: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which sonorities contain a chord on any root."""
    hit = np.zeros(masks.size, bool)
    for root in range(12):
        wanted = sum(1 << (root + interval) % 12 for interval in chord)
        hit |= (masks & wanted) == wanted
    return hit


def _rhythm(table: NoteTable, onsets: list[NDArray[np.int64]]) -> dict[str, float]:
    starts = np.array([table.start_s[group[0]] for group in onsets])
    span = max(float((table.start_s + table.duration_s).max() - table.start_s[0]), 0.2)
    gaps = np.clip(np.diff(starts), 1e-3, 4.0)
    gaps = gaps if gaps.size else np.array([span])
    short, median, long = np.percentile(gaps, [10, 50, 90])
    relative = np.abs(np.diff(gaps)) / (0.5 * (gaps[1:] + gaps[:-1]))
    ratios = np.round(np.log2(gaps / median) * 2.0).astype(int)
    windows = np.histogram(starts, bins=max(int(span / 2.0), 2))[0].astype(float)
    return {
        "notes_per_s": len(table) / span,
        "onsets_per_s": len(onsets) / span,
        "gap_p10_s": float(short),
        "gap_p50_s": float(median),
        "gap_p90_s": float(long),
        "gap_log_sd": float(np.log(gaps).std()),
        "gap_npvi": float(100.0 * relative.mean()) if relative.size else 0.0,
        "gap_entropy": _entropy(np.bincount(ratios - ratios.min()).astype(float)),
        "gap_short_share": _share(gaps < 0.15),
        "gap_long_share": _share(gaps > 0.6),
        "gap_same_share": _share(np.abs(np.diff(np.log(gaps))) < 0.18),
        "density_variation": float(windows.std() / max(float(windows.mean()), 1e-6)),
    }


def _articulation(table: NoteTable, top: NDArray[np.int64]) -> dict[str, float]:
    gaps = np.clip(np.diff(table.start_s[top]), 1e-3, None)
    ratio = np.minimum(table.duration_s[top[:-1]] / gaps, 3.0)
    ratio = ratio if ratio.size else np.array([1.0])
    return {
        "duration_p50_s": float(np.median(table.duration_s)),
        "duration_log_sd": float(np.log(table.duration_s).std()),
        "articulation": float(np.median(ratio)),
        "legato_share": _share(ratio > 0.95),
        "staccato_share": _share(ratio < 0.5),
    }


def _texture(
    table: NoteTable, onsets: list[NDArray[np.int64]], top: NDArray[np.int64], bottom: NDArray[np.int64]
) -> dict[str, float]:
    sizes = np.array([group.size for group in onsets], float)
    up, down = np.sign(np.diff(table.pitch[top])), np.sign(np.diff(table.pitch[bottom]))
    both = (up != 0) & (down != 0)
    return {
        "notes_per_onset": float(sizes.mean()),
        "chord_share": _share(sizes >= 3),
        "single_share": _share(sizes == 1),
        "hands_distance": float((table.pitch[top] - table.pitch[bottom]).mean()),
        "contrary_motion": _share(up[both] != down[both]),
    }


def _dynamics(table: NoteTable, top: NDArray[np.int64]) -> dict[str, float]:
    velocity = table.velocity.astype(float)
    return {
        "velocity_mean": float(velocity.mean()),
        "velocity_sd": float(velocity.std()),
        "velocity_p10": float(np.percentile(velocity, 10)),
        "velocity_change": float(np.abs(np.diff(velocity)).mean()),
        "velocity_top": float(velocity[top].mean() - velocity.mean()),
    }


def _names() -> tuple[str, ...]:
    columns = np.arange(MIN_NOTES)
    table = NoteTable(columns.astype(float), np.ones(MIN_NOTES), columns + 60, columns + 60)
    return tuple(measure(table))


ATTRIBUTE_NAMES: tuple[str, ...] = _names()
"""Names of all attributes, in order."""
