"""From the global state to local muscles: which action units, how far, and because of what.

Levels are first composed for full intensity, where conflicts between muscles are settled and the face is checked; then
everything is scaled by one factor, so that raising the intensity never lowers an action unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from espressivo.emotion.conflicts import settle_conflicts
from espressivo.emotion.mixture import mix_faces, strongest
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import HeadGazeTarget, Provenance, Side
from espressivo.emotion.request import Personality
from espressivo.emotion.tracking import EmotionState
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = [
    "Face",
    "FaceRow",
    "MusclePull",
    "compose_face",
    "compose_head",
    "describe_muscles",
    "face_row",
    "published_row",
    "scale_face",
    "unit_name",
    "unit_region",
    "with_raised",
]

HEAD_UNITS = range(51, 65)
MIN_LEVEL = 0.02
CHEEK_RAISER = 6
# Actors who speak with contempt (MEAD) lift one corner and one half of the upper lip, but both brows.
ONE_SIDED_REGIONS = ("mouth", "nose", "cheek")
REGION_WORDS = {"brow": "brows", "eye": "eyes", "nose": "nose", "cheek": "cheeks", "mouth": "mouth", "chin_jaw": "chin and jaw"}


@dataclass(frozen=True, slots=True, eq=False)
class FaceRow:
    """The published face of a node.

    Attributes:
        node: The node that has it.
        row: Table and row, e.g. ``"du2014.happy"``.
        shares: Action unit -> share of people who show it.
        amplitudes: Action unit -> level at intensity 1.
        extra: Action units that everybody shows here, though the published row lacks them or gives them to few people.
        side: For one-sided faces: of mouth, nose and cheeks; brows and eyes move on both sides.
        dynamics: Class of the timing table.
        source: Publication.
        provenance: How firm it is.
    """

    node: str
    row: str
    shares: Mapping[int, float]
    amplitudes: Mapping[int, float]
    extra: frozenset[int]
    side: Side
    dynamics: str
    source: str
    provenance: Provenance

    @property
    def table(self) -> str:
        """Publication's key, e.g. ``"du2014"``."""
        return self.row.partition(".")[0]

    def cause(self, unit: int) -> str:
        """Why an action unit belongs to it."""
        if unit in self.extra:
            return f"{self.node} (engineering choice beside {self.source.partition(',')[0]})"
        share = self.shares[unit]
        shown = (
            {True: "shown by > 70 %", False: f"shown by {share:.0%}"}[share > 0.7]
            if self.table == "du2014"
            else "part of the set"
        )
        return f"{self.node} ({self.source.partition(',')[0]}: {unit} {shown})"


@dataclass(frozen=True, slots=True)
class MusclePull:
    """An action unit of a composed face; ``step`` is set where another step than the muscles' chose it."""

    unit: int
    side: Side
    level: float
    dynamics: str
    cause: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Face:
    """A composed face.

    Attributes:
        pulls: Strongest first.
        rows: Published rows that it was made from.
        conflicts: What was settled: ``(rule, sentence)``.
        notes: What was left out and why.
        leaks: What flashes through a mask for a fraction of a second.
    """

    pulls: tuple[MusclePull, ...]
    rows: tuple[FaceRow, ...]
    conflicts: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    leaks: tuple[MusclePull, ...] = ()

    def levels(self) -> dict[int, float]:
        """Highest level per action unit."""
        found: dict[int, float] = {}
        for pull in self.pulls:
            found[pull.unit] = max(found.get(pull.unit, 0.0), pull.level)
        return found


@cache
def face_row(node: str) -> FaceRow:
    """The face of a node, or of the nearest node above it that has one."""
    table = load_config("emotion/faces.yaml")
    path = Ontology.load().path(node)
    owner = next((step for step in path if step in table["nodes"]), "neutral")
    entry = table["nodes"][owner]
    side: Side = entry.get("side", "both")
    extra = {int(unit): float(level) for unit, level in entry.get("extra", {}).items()}
    if entry["row"] is None:
        return FaceRow(owner, "none", {}, {}, frozenset(), side, entry["dynamics"], "no expression", "engineering")
    shares, source, provenance = published_row(entry["row"])
    default = float(table["default_amplitude"])
    face_shares = {unit: share for unit, share in shares.items() if unit not in HEAD_UNITS}
    amplitudes = {unit: float(entry["amplitude"].get(unit, default)) for unit in face_shares}
    return FaceRow(
        owner,
        entry["row"],
        {**face_shares, **dict.fromkeys(extra, 1.0)},
        {**amplitudes, **extra},
        frozenset(extra),
        side,
        entry["dynamics"],
        source,
        provenance,
    )


@cache
def published_row(row: str) -> tuple[dict[int, float], str, Provenance]:
    """Shares per action unit of ``table.row``, its source and mark; plain sets have a share of 1."""
    table_name, _, row_name = row.partition(".")
    table: dict[str, Any] = load_config("emotion/prototypes.yaml")[table_name]
    entry = table["rows"][row_name]
    if "p" in entry:
        shares = {**dict.fromkeys(entry["p"], 0.85), **{int(unit): float(share) for unit, share in entry["v"].items()}}
    else:
        shares = dict.fromkeys(entry["aus"], 1.0)
    return shares, str(entry.get("source", table["source"])), entry.get("provenance", table["provenance"])


def compose_face(state: EmotionState, seed: int, least: float = 0.0) -> Face:
    """Choose muscles and levels for a state at full strength; :func:`scale_face` brings them to its intensity.

    Args:
        state: The global state.
        seed: Draws the action units that only some people show.
        least: Smallest share of a mixture that shows.
    """
    if state.mask is None:
        return _plain_face(strongest(state.distribution, len(state.distribution), least), seed)
    felt, shown = _plain_face(state.mask.felt, seed), _plain_face(state.mask.shown, seed)
    return _masked_face(felt, shown, state.mask.discordance)


def _plain_face(distribution: Mapping[str, float], seed: int) -> Face:
    rows = {name: face_row(name) for name in distribution}
    notes: list[str] = []
    if len(rows) == 1:
        base = _shown_units(next(iter(rows.values())), seed, notes)
    else:
        base = mix_faces([(distribution[name], row.shares, row.amplitudes) for name, row in rows.items()])
    settled, conflicts = settle_conflicts(base)
    pulls = []
    for unit, level in settled.items():
        name = max(rows, key=lambda n: (distribution[n] * rows[n].amplitudes.get(unit, 0.0), n))
        lopsided = unit_region(unit) in ONE_SIDED_REGIONS and _only_in(unit, name, rows)
        side: Side = rows[name].side if lopsided else "both"
        pulls.append(MusclePull(unit, side, level, rows[name].dynamics, rows[name].cause(unit)))
    return Face(_by_level(pulls), tuple(dict.fromkeys(rows.values())), tuple(conflicts), tuple(notes))


def _masked_face(felt: Face, shown: Face, discordance: float) -> Face:
    """The put-on mouth under the felt brows and eyes; what is felt flashes up in the mouth now and then."""
    table = load_config("emotion/intensity.yaml")["mask"]
    pulls: dict[int, MusclePull] = {}
    for pull in shown.pulls:
        put_on = unit_region(pull.unit) in table["put_on_regions"]
        posed = replace(pull, dynamics="posed_smile") if pull.dynamics == "felt_smile" else pull
        # The cheek raiser does not obey (Ekman, Davidson & Friesen 1990): a smile that is put on lacks it.
        level = pull.level if put_on else 0.0 if pull.unit == CHEEK_RAISER else pull.level * (1.0 - discordance)
        pulls[pull.unit] = replace(posed, level=level, cause=f"put on: {pull.cause}")
    for pull in felt.pulls:
        if unit_region(pull.unit) in table["felt_regions"]:
            other = pulls.get(pull.unit)
            level = discordance * pull.level + (other.level if other else 0.0)
            pulls[pull.unit] = replace(pull, level=level, cause=f"leaks: {pull.cause}")
    settled, conflicts = settle_conflicts({unit: pull.level for unit, pull in pulls.items()})
    kept = _by_level([replace(pulls[unit], level=level) for unit, level in settled.items() if level > 0])
    share = discordance * float(table["leak_amplitude"])
    leaks = [
        replace(pull, level=share * pull.level, cause=f"flashes through the mask: {pull.cause}")
        for pull in felt.pulls
        if unit_region(pull.unit) in table["put_on_regions"] and share > 0
    ]
    rows = tuple(dict.fromkeys((*shown.rows, *felt.rows)))
    return Face(kept, rows, tuple(conflicts), (*shown.notes, *felt.notes), _by_level(leaks))


def _by_level(pulls: Iterable[MusclePull]) -> tuple[MusclePull, ...]:
    return tuple(sorted(pulls, key=lambda pull: (-pull.level, pull.unit)))


def scale_face(face: Face, scale: float) -> Face:
    """The face at a strength: one factor for all muscles, cut off at 1."""

    def scaled(pulls: tuple[MusclePull, ...]) -> tuple[MusclePull, ...]:
        levels = [replace(pull, level=round(min(1.0, pull.level * scale), 4)) for pull in pulls]
        return tuple(pull for pull in levels if pull.level >= MIN_LEVEL)

    return replace(face, pulls=scaled(face.pulls), leaks=scaled(face.leaks))


def _only_in(unit: int, name: str, rows: Mapping[str, FaceRow]) -> bool:
    return all(other == name or unit not in row.shares for other, row in rows.items())


def _shown_units(row: FaceRow, seed: int, notes: list[str]) -> dict[int, float]:
    """Units that this person shows; those that under half of people show are drawn."""
    always = float(load_config("emotion/faces.yaml")["inclusion"]["always_from_share"])
    shown = {}
    for unit, share in row.shares.items():
        if share >= always or numpy_generator(seed, "emotion", "face", row.row, str(unit)).random() < share:
            shown[unit] = row.amplitudes[unit]
        else:
            notes.append(f"{unit_name(unit)} (AU{unit}) is shown by {share:.0%} of people, not by this one (seed {seed})")
    return shown


def with_raised(face: Face, unit: int, level: float, cause: str) -> Face:
    """The face with an action unit at no less than ``level``."""
    old = next((pull for pull in face.pulls if pull.unit == unit), None)
    dynamics = face.pulls[0].dynamics if face.pulls else "felt_smile"
    raised = replace(old, level=max(old.level, level)) if old else MusclePull(unit, "both", level, dynamics, cause)
    return replace(face, pulls=_by_level([*(pull for pull in face.pulls if pull.unit != unit), raised]))


def unit_name(unit: int) -> str:
    """E.g. ``"lip corner puller"``."""
    return str(_units()[unit]["name"])


@cache
def _units() -> dict[int, dict[str, str]]:
    units: dict[int, dict[str, str]] = load_config("emotion/action_units.yaml")["action_units"]
    return units


def unit_region(unit: int) -> str:
    """Region of the face, e.g. ``"brow"``."""
    return _units()[unit]["region"]


def describe_muscles(pulls: tuple[MusclePull, ...]) -> str:
    """The face in plain anatomical words, region by region."""
    by_region: dict[str, list[str]] = {}
    for pull in pulls:
        row = _units()[pull.unit]
        degree = _degree(pull.level)
        side = {"L": " on the left", "R": " on the right", "both": ""}[pull.side]
        by_region.setdefault(row["region"], []).append(
            f"{row['muscle']} {degree} {row['does']}{side} (AU{pull.unit} {pull.level:.2f})"
        )
    order = [region for region in REGION_WORDS if region in by_region]
    return (
        "; ".join(f"{REGION_WORDS[region]}: {', '.join(by_region[region])}" for region in order)
        or "no muscle pulls; the face rests"
    )


def _degree(level: float) -> str:
    for limit, word in ((0.2, "barely"), (0.42, "slightly"), (0.68, "clearly"), (0.9, "strongly")):
        if level < limit:
            return word
    return "fully"


def compose_head(state: EmotionState, personality: Personality, seed: int) -> HeadGazeTarget:
    """How head and eyes are carried in a state; sideways signs are drawn once per seed."""
    table = load_config("emotion/head_gaze.yaml")
    sign = float(numpy_generator(seed, "emotion", "head").choice([-1.0, 1.0]))
    drive = min(1.2, state.strength / float(load_config("emotion/intensity.yaml")["default"]) * 0.9)
    totals = dict.fromkeys(("pitch", "yaw", "roll", "gaze_away"), 0.0)
    blink, motion = 0.0, 0.0
    for name, weight in state.distribution.items():
        carriage = _nearest(table["carriage"]["of"], name, {})
        for axis in totals:
            totals[axis] += weight * float(carriage.get(axis, 0.0))
        blink += weight * math.log(float(_nearest(table["blink_multiplier"]["of"], name, 1.0)))
        motion += weight * math.log(float(_nearest(table["motion_scale"]["of"], name, 1.0)))
    liveliness = 1.0 + 0.25 * personality.extraversion

    def radians(axis: str, factor: float = 1.0) -> float:
        return round(max(-0.6, min(0.6, math.radians(totals[axis]) * drive * factor)), 4) + 0.0

    return HeadGazeTarget(
        pitch_rad=radians("pitch"),
        yaw_rad=radians("yaw", sign),
        roll_rad=radians("roll", sign),
        gaze_aversion_rad=radians("gaze_away"),
        blink_rate_scale=round(math.exp(blink * min(1.0, drive)), 4),
        motion_scale=round(math.exp(motion * min(1.0, drive)) * liveliness, 4),
    )


def _nearest(table: Mapping[str, Any], node: str, default: Any) -> Any:  # noqa: ANN401 - values of a YAML table
    """Entry of the node or of the nearest one above it."""
    return next((table[step] for step in Ontology.load().path(node) if step in table), default)
