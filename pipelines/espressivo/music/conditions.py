"""The attributes that condition the transformer: which they are and into which buckets their values fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from espressivo.music.attributes import NoteTable, measure

__all__ = ["CONDITION_NAMES", "MODE_CONDITION", "NUM_BUCKETS", "Quantiles", "condition_values"]

NUM_BUCKETS = 5
MODE_CONDITION = "mode_is_major"
"""The only condition that is never left open: 1 minor, 2 major third above the tonic."""
CONDITION_NAMES: tuple[str, ...] = (
    "notes_per_s",
    "onsets_per_s",
    "notes_per_onset",
    "chord_share",
    "sounding_pitches",
    "top_mean",
    "bottom_mean",
    "hands_distance",
    "melodic_interval_mean",
    "melodic_repeats",
    "melodic_rising",
    "gap_npvi",
    "gap_same_share",
    "gap_long_share",
    "duration_p50_s",
    "roughness",
    "vertical_octaves",
    "pitch_class_entropy",
)
"""Attributes that can be heard in four bars without loudness, which the performance rules add."""


def condition_values(table: NoteTable) -> NDArray[np.float64] | None:
    """Values of the conditions in order; ``None`` for fewer than 4 notes."""
    if len(table) < 4:
        return None
    values = measure(table)
    return np.array([values[name] for name in CONDITION_NAMES])


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Borders between buckets: ``(A, 4)`` for five buckets of equal size."""

    borders: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Quantiles:
        """Borders from ``(N, A)`` values."""
        shares = np.arange(1, NUM_BUCKETS) / NUM_BUCKETS
        return cls(np.quantile(values, shares, axis=0).T)

    def buckets(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """``(A,)`` buckets from 1; 0 is left for "unspecified"."""
        passed: NDArray[np.int64] = (values[:, None] > self.borders).sum(axis=1)
        return 1 + passed
