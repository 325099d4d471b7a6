"""The conditions of the transformer: attributes of the bars around each bar, in buckets; where the piece and a gap end; the mode.

They are measured on the grid at a nominal tempo of 120 quarters a minute, with the sound held by the pedal to the end of each
chord: what a bar is asked to be does not depend on how fast it is then played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.music.attributes import MIN_NOTES, NoteTable, measure
from espressivo.music.theory import Key
from espressivo.music.tokens import GridBar

__all__ = [
    "BARS_TO_END",
    "BARS_TO_JOIN",
    "CONDITION_NAMES",
    "MODE_CONDITION",
    "NUM_BUCKETS",
    "STEADY",
    "TIMED",
    "Quantiles",
    "condition_values",
    "countdown",
    "window_table",
]

NUM_BUCKETS = 5
CONDITION_NAMES: tuple[str, ...] = (
    "notes_per_s", "onsets_per_s", "notes_per_onset", "chord_share", "density_variation", "sounding_pitches", "sounding_classes",
    "pitch_p10", "pitch_p90", "pitch_sd", "top_mean", "top_sd", "bottom_mean", "hands_distance", "contrary_motion",
    "melodic_interval_mean", "melodic_repeats", "melodic_semitones", "melodic_tones", "melodic_leaps", "melodic_rising",
    "gap_p90_s", "gap_log_sd", "gap_npvi", "gap_same_share", "duration_p50_s", "duration_log_sd", "legato_share",
    "roughness", "vertical_octaves", "vertical_fifths", "major_triads", "minor_triads", "harmonic_change",
    "major_minus_minor", "third_balance", "seventh_balance", "out_of_scale", "pitch_class_entropy",
)  # fmt: skip
"""Attributes that can be heard in four bars without loudness, which the performance adds."""
BARS_TO_END, BARS_TO_JOIN, MODE_CONDITION = "bars_to_end", "bars_to_join", "mode_is_major"
STEADY = (BARS_TO_END, BARS_TO_JOIN, MODE_CONDITION)
"""Conditions of place: bars left in the piece and in a gap, this one included (5 for more), and the mode (1 minor, 2 major)."""
TIMED = {"notes_per_s": 1.0, "onsets_per_s": 1.0, "gap_p90_s": -1.0, "duration_p50_s": -1.0}
"""Attributes that change with tempo, and with which power of a beat's length."""
NOMINAL_BEAT_S = 0.5
SIXTEENTH_S = 0.25 * NOMINAL_BEAT_S
BARS_BEFORE, BARS_AFTER = 1, 2
"""The window of a bar: itself, the bar before and two after."""
LOUD = 80
"""Any velocity; no condition depends on it."""


def window_table(bars: Sequence[GridBar]) -> NoteTable:
    """Bars one after another at the nominal tempo, notes held by the pedal until their chord ends."""
    rows: list[tuple[int, int, int]] = []
    clock = 0
    for bar in bars:
        borders = [chord.position for chord in bar.chords[1:]] + [bar.num_positions]
        for note in bar.notes:
            release = next((border for border in borders if border > note.position), bar.num_positions)
            end = max(note.position + note.duration, release)
            rows.append((clock + note.position, clock + end, note.pitch))
        clock += bar.num_positions
    rows.sort(key=lambda row: (row[0], row[2]))
    struck: dict[int, int] = {}
    ends = []
    for start, end, pitch in reversed(rows):
        ends.append(min(end, struck.get(pitch, clock)))
        struck[pitch] = start
    columns = np.array([(start, end, pitch) for (start, _, pitch), end in zip(rows, reversed(ends), strict=True)], np.int64)
    columns = columns.reshape(-1, 3)
    start_s = columns[:, 0].astype(np.float64) * SIXTEENTH_S
    duration_s = (columns[:, 1] - columns[:, 0]).astype(np.float64) * SIXTEENTH_S
    return NoteTable.of_columns(start_s, duration_s, columns[:, 2], np.full(len(columns), LOUD, np.int64))


def condition_values(bars: Sequence[GridBar], index: int) -> NDArray[np.float64] | None:
    """Values of :data:`CONDITION_NAMES` around a bar; ``None`` for fewer than 4 notes."""
    table = window_table(bars[max(index - BARS_BEFORE, 0) : index + BARS_AFTER + 1])
    if len(table) < MIN_NOTES:
        return None
    values = measure(table, Key(0, "major"))
    return np.array([values[name] for name in CONDITION_NAMES])


def countdown(num_left: int) -> int:
    """Bucket for a number of bars that are left, 1 for the last one."""
    return min(max(num_left, 1), NUM_BUCKETS)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Borders between buckets: ``(A, 4)`` for five buckets of equal size, in the order of ``names``."""

    names: tuple[str, ...]
    borders: NDArray[np.float64]

    @classmethod
    def of(cls, names: Sequence[str], values: NDArray[np.float64]) -> Quantiles:
        """Borders from ``(N, A)`` values."""
        shares = np.arange(1, NUM_BUCKETS) / NUM_BUCKETS
        return cls(tuple(names), np.quantile(values, shares, axis=0).T)

    def buckets(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(..., A)`` buckets from 1; 0 is left for "unspecified"."""
        passed: NDArray[np.int64] = (values[..., None] > self.borders).sum(axis=-1)
        return 1 + passed

    def asked(self, values: Mapping[str, float]) -> dict[str, int]:
        """Buckets of some attributes by name; names without borders are left out."""
        return {
            name: 1 + int((values[name] > borders).sum())
            for name, borders in zip(self.names, self.borders, strict=True)
            if name in values
        }
