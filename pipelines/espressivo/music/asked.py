"""Asked against achieved: every attribute of a piece beside what the plan or the user wanted of it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from espressivo.emotion.plan import EmotionPlan
from espressivo.errors import SettingError
from espressivo.music.achieved import measure_attributes
from espressivo.music.attributes import ATTRIBUTE_NAMES, MIN_NOTES, NoteTable, measure
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings, asked_attributes
from espressivo.music.theory import MODE_BRIGHTNESS
from espressivo.resources import load_config

__all__ = ["RANK_TOLERANCE", "AttributeRow", "attribute_rank", "checked_attributes", "compare", "mean_error"]

ATTRIBUTES_CONFIG: Final = "music/emotion_attributes.yaml"
RATIO_TOLERANCES: Final = {"tempo_bpm": 0.08, "density_nps": 0.25}
"""Relative deviations that count as met; the others below are absolute."""
TOLERANCES: Final = {
    "register_low": 6.0, "register_high": 6.0, "velocity": 5.0, "velocity_spread": 4.0, "articulation": 0.12,
    "dissonance": 0.2, "irregularity": 0.2,
}  # fmt: skip
RANK_TOLERANCE: Final = 0.2
"""One of five buckets."""


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute of a section, or of the whole piece.

    Attributes:
        section: Place of the section, or ``None`` for the whole piece.
        label: The section's emotion, or ``"piece"``.
        name: As in ``MusicAttributes`` or in ``ATTRIBUTE_NAMES``.
        asked: Value in the attribute's unit; a rank 0-1 for measured attributes.
        achieved: Re-extracted from the notes, or ``None`` where there are too few.
        error: Deviation in units of the tolerance: 1 is a full tolerance; 0 where nothing could be measured.
        by_user: Whether the settings asked for it rather than the plan.
    """

    section: int | None
    label: str
    name: str
    asked: float | str
    achieved: float | str | None
    error: float
    by_user: bool

    @property
    def is_met(self) -> bool:
        """Within the tolerance."""
        return self.achieved is not None and self.error <= 1.0


def checked_attributes(attributes: Mapping[str, float]) -> dict[str, float]:
    """The attributes themselves, if all are known.

    Raises:
        SettingError: ``setting.attribute``, with the names that are nearest.
    """
    for name in attributes:
        if name not in ATTRIBUTE_NAMES:
            near = difflib.get_close_matches(name, ATTRIBUTE_NAMES, 4, 0.4)
            hint = f"did you mean {', '.join(near)}?" if near else "see docs/music.md for their names"
            raise SettingError("setting.attribute", f"{name!r} is no attribute of music; {hint}")
    return dict(attributes)


def attribute_rank(name: str, value: float) -> float:
    """Share of the clips of EMOPIA that have less of an attribute, 0-1, between the quintiles by interpolation."""
    return min(max(_place(name, value), 0.0), 1.0)


def _place(name: str, value: float) -> float:
    """A rank that goes on beyond 0 and 1, so that what is too much can be told from what is far too much."""
    borders = np.array(load_config(ATTRIBUTES_CONFIG)["attributes"][name]["borders"], float)
    nudge = 1e-9 * max(float(np.abs(borders).max()), 1e-6)
    # Where many clips share a value, its rank is the middle of theirs.
    inside = float(np.interp([value - nudge, value + nudge], borders, np.linspace(0.2, 0.8, 4)).mean())
    scale = max(float(borders[3] - borders[0]) / 0.6, 1e-6)
    return inside + (min(value - float(borders[0]), 0.0) + max(value - float(borders[3]), 0.0)) / scale


def compare(score: Score, plan: EmotionPlan, settings: MusicSettings) -> tuple[AttributeRow, ...]:
    """Every attribute that was asked for, section by section, and the measured attributes of the whole piece.

    Raises:
        SettingError: ``setting.attribute``.
    """
    rows: list[AttributeRow] = []
    for index, section in enumerate(score.sections):
        middle_s = 0.5 * (score.seconds(section.start_tick) + score.seconds(section.end_tick))
        segment = next((s for s in plan.segments if s.start_s <= middle_s < s.end_s), plan.segments[-1])
        asked = asked_attributes(segment.music, settings).model_dump()
        achieved = measure_attributes(score, section)
        for name in ("mode", *RATIO_TOLERANCES, *TOLERANCES):
            got = achieved.get(name)
            by_user = getattr(settings, name) is not None
            rows.append(AttributeRow(index, section.label, name, asked[name], got, _error(name, asked[name], got), by_user))
    return (*rows, *_measured_rows(score, checked_attributes(settings.attributes)))


def _measured_rows(score: Score, asked: dict[str, float]) -> list[AttributeRow]:
    if not asked:
        return []
    table = NoteTable.of_score(score)
    values = measure(table) if len(table) >= MIN_NOTES else {}
    rows = []
    for name, wanted in asked.items():
        got = round(attribute_rank(name, values[name]), 3) if name in values else None
        error = 0.0 if got is None else abs(_place(name, values[name]) - wanted) / RANK_TOLERANCE
        rows.append(AttributeRow(None, "piece", name, wanted, got, error, by_user=True))
    return rows


def _error(name: str, asked: float | str, achieved: float | str | None) -> float:
    if achieved is None:
        return 0.0
    if isinstance(asked, str):
        return abs(MODE_BRIGHTNESS[asked] - MODE_BRIGHTNESS[str(achieved)]) / 0.4  # type: ignore[index]  # both are modes
    if name in RATIO_TOLERANCES:
        return abs(math.log(max(float(achieved), 1e-6) / asked)) / RATIO_TOLERANCES[name]
    return abs(float(achieved) - asked) / TOLERANCES[name]


def mean_error(rows: Iterable[AttributeRow]) -> float:
    """Mean error of some rows in tolerances, each counted up to 5; 0 for none."""
    errors = [min(row.error, 5.0) for row in rows]
    return sum(errors) / len(errors) if errors else 0.0
