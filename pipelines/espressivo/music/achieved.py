"""What a section of a score has become, in the terms in which it was asked for."""

from __future__ import annotations

import numpy as np

from espressivo.emotion.plan import Mode
from espressivo.music.attributes import TOGETHER_S, NoteTable, measure
from espressivo.music.score import TICKS_PER_QUARTER, Score, Section
from espressivo.music.theory import MODE_STEPS, Key

__all__ = ["measure_attributes", "measure_mode"]

Achieved = dict[str, float | str]
TRIAD_ROUGHNESS, CLUSTER_ROUGHNESS = 0.17, 0.6


def measure_attributes(score: Score, section: Section) -> Achieved:
    """Attributes of a section, re-extracted from its notes, under the names of ``MusicAttributes``.

    ``density_nps`` counts notes struck together as one onset; ``register_low`` and ``register_high`` are the melody's extremes,
    ``articulation`` the melody's median of sounding time over time to the next onset that is not of a note struck together,
    absent where all are; ``dissonance`` the roughness of the sonorities (Huron 1994) between that of triads (0) and that of
    clusters (1), ``irregularity`` the normalised pairwise variability of the gaps between all onsets (Grabe & Low 2002) over 100.
    Sections with fewer than 4 notes give only tempo and density.
    """
    duration_s = score.seconds(section.end_tick) - score.seconds(section.start_tick)
    notes = score.notes_between(section.start_tick, section.end_tick)
    quarters = (section.end_tick - section.start_tick) / TICKS_PER_QUARTER
    starts = np.array([score.seconds(note.start_tick) for note in notes])
    num_onsets = int((np.diff(starts, prepend=-1.0) > TOGETHER_S).sum())
    achieved: Achieved = {"tempo_bpm": 60.0 * quarters / duration_s, "density_nps": num_onsets / duration_s}
    melody = [note for note in notes if score.parts[note.part].role == "melody"] or list(notes)
    if len(notes) < 4 or len(melody) < 2:
        return achieved
    table = NoteTable.of_score(score, section.start_tick, section.end_tick)
    values = measure(table, score.key_at(section.start_tick))
    begins = np.array([score.seconds(note.start_tick) for note in melody])
    ends = np.array([score.seconds(note.end_tick) for note in melody])
    following = np.append(begins, np.inf)[np.searchsorted(begins, begins + TOGETHER_S, side="right")]
    is_followed = np.isfinite(following)
    achieved |= {
        "mode": measure_mode(table, score.key_at(section.start_tick)),
        "register_low": float(min(note.pitch for note in melody)),
        "register_high": float(max(note.pitch for note in melody)),
        "velocity": values["velocity_mean"],
        "velocity_spread": values["velocity_sd"],
        "dissonance": float(np.clip((values["roughness"] - TRIAD_ROUGHNESS) / (CLUSTER_ROUGHNESS - TRIAD_ROUGHNESS), 0, 1)),
        "irregularity": min(values["gap_npvi"] / 100.0, 1.0),
    }
    if is_followed.any():
        achieved["articulation"] = float(np.median(((ends - begins) / (following - begins))[is_followed]))
    return achieved


def measure_mode(table: NoteTable, key: Key) -> Mode:
    """The mode on the key's tonic that leaves least outside its scale; the key's own mode where several do."""
    histogram = np.bincount((table.pitch - key.tonic) % 12, table.duration_s, 12)

    def fit(mode: Mode) -> tuple[float, bool]:
        inside = float(sum(histogram[step] for step in MODE_STEPS[mode]))
        return round(inside / float(histogram.sum()), 3), mode == key.mode

    return max(MODE_STEPS, key=fit)
