"""How music is made, beside real music: range, classes, polyphony, scale, entropy, structure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.figures import Figure
from espressivo.music.attributes import ATTRIBUTE_NAMES, NoteTable
from espressivo.music.score import Score
from espressivo.training.emopia import Clip

__all__ = ["measure_quality", "self_similarity", "table_measures"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEASURES = ("pitch_range", "pitch_classes", "polyphony", "scale_consistency", "pitch_class_entropy", "repetition")
ATTRIBUTES = ("pitch_sd", "notes_per_onset", "gap_npvi", "melodic_interval_mean")
FRAME_S = 0.1
SLICE_S = 0.5
MAJOR = (0, 2, 4, 5, 7, 9, 11)


def table_measures(table: NoteTable) -> dict[str, float]:
    """Range in semitones, pitch classes, mean number of sounding notes where any sounds, best scale's share of notes (as muspy).

    ``repetition`` is :func:`self_similarity`.
    """
    scales = np.array([[(step - tonic) % 12 in MAJOR for step in range(12)] for tonic in range(12)], float)
    histogram = np.bincount(table.pitch % 12, minlength=12) / len(table)
    ends = table.start_s + table.duration_s
    frames = np.arange(float(table.start_s[0]), float(ends.max()), FRAME_S)
    sounding = np.searchsorted(np.sort(table.start_s), frames, "right") - np.searchsorted(np.sort(ends), frames, "right")
    shares = histogram[histogram > 0]
    return {
        "pitch_range": float(np.ptp(table.pitch)),
        "pitch_classes": float((histogram > 0).sum()),
        "polyphony": float(sounding[sounding > 0].mean()),
        "scale_consistency": float((scales @ histogram).max()),
        "pitch_class_entropy": float(-(shares * np.log2(shares)).sum()),
        "repetition": self_similarity(table),
    }


def self_similarity(table: NoteTable, length_s: float = 4.0, least_lag_s: float = 6.0) -> float:
    """How well the best returning stretch returns, on average over the piece (0-1).

    Chroma of half seconds; each stretch of ``length_s`` is compared (cosine) with all others at least ``least_lag_s`` away: the
    self-similarity of Foote 1999, of which the best match counts.
    """
    begin, end = float(table.start_s[0]), float((table.start_s + table.duration_s).max())
    num_slices, size, least = int((end - begin) / SLICE_S) + 1, round(length_s / SLICE_S), round(least_lag_s / SLICE_S)
    if num_slices < size + least + 1:
        return 0.0
    onsets = ((table.start_s - begin) / SLICE_S).astype(int)
    chroma = np.zeros((num_slices, 12))
    np.add.at(chroma, (onsets, table.pitch % 12), 1.0)
    stretches = np.stack([chroma[first : first + size].ravel() for first in range(num_slices - size + 1)])
    stretches /= np.linalg.norm(stretches, axis=1, keepdims=True) + 1e-9
    similarity = stretches @ stretches.T
    lag = np.abs(np.subtract.outer(np.arange(len(stretches)), np.arange(len(stretches))))
    return float(np.where(lag >= least, similarity, 0.0).max(axis=1).mean())


def measure_quality(
    clips: list[Clip],
    real: Floats,
    scores: dict[str, list[Score]],
    made: dict[str, Floats],
    wanted: dict[str, Ints],
    duration_s: float,
) -> list[Figure]:
    """Means of the model's pieces beside those of real clips and the other composers; per quadrant for the classic three."""
    columns = {name: _columns([NoteTable.of_score(score) for score in own], made[name]) for name, own in scores.items()}
    columns["real clips"] = _columns([_beginning(clip.table, duration_s) for clip in clips], real)
    quadrants = {**wanted, "real clips": np.array([clip.quadrant for clip in clips])}
    figures = []
    for name in (*MEASURES, *ATTRIBUTES):
        mine = columns["model"][name]
        spread = 1.96 * float(mine.std()) / np.sqrt(len(mine))
        others = {row: float(values[name].mean()) for row, values in columns.items() if row != "model"}
        others["real clips, standard deviation"] = float(columns["real clips"][name].std())
        mean = float(mine.mean())
        source = (
            f"mean of the judged pieces of {duration_s:g} s; the nearer to the first {duration_s:g} s of real clips the better"
        )
        figures.append(Figure(f"quality.{name}", mean, "", "higher", None, (mean - spread, mean + spread), others, source))
    for name in MEASURES[:3]:
        off = []
        for quadrant in range(1, 5):
            own = columns["model"][name][quadrants["model"] == quadrant].mean()
            off.append(abs(float(own / columns["real clips"][name][quadrants["real clips"] == quadrant].mean()) - 1.0))
        source = "largest deviation of a quadrant's mean from that of its real clips"
        figures.append(Figure(f"quality.{name}_off", max(off), "", "lower", None, None, {"design's target": 0.1}, source))
    return figures


def _beginning(table: NoteTable, duration_s: float) -> NoteTable:
    """The first seconds of a clip: range, pitch classes and repetition grow with length."""
    until_s = float(table.start_s[0]) + duration_s
    heard = table.start_s < until_s
    ends = np.minimum(table.start_s + table.duration_s, until_s)[heard]
    return NoteTable.of_columns(table.start_s[heard], ends - table.start_s[heard], table.pitch[heard], table.velocity[heard])


def _columns(tables: list[NoteTable], values: Floats) -> dict[str, Floats]:
    rows = [table_measures(table) for table in tables]
    columns = {name: np.array([row[name] for row in rows]) for name in MEASURES}
    return columns | {name: values[:, ATTRIBUTE_NAMES.index(name)] for name in ATTRIBUTES}
