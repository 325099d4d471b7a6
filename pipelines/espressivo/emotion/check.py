"""Second look: read the composed face with rules that were not used to make it, and correct it once.

Looked at before intensity is applied, so that a correction does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from espressivo.emotion.conflicts import settle_conflicts
from espressivo.emotion.facial import Face, FaceRow, with_raised
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import HeadGazeTarget
from espressivo.emotion.tracking import EmotionState
from espressivo.resources import load_config

__all__ = ["READER_TABLES", "FaceVerdict", "check_face", "head_units", "read_face", "reading_primary"]

READER_TABLES = ("emfacs", "keltner2019", "cordaro_icp", "other_published")
ROW_NODES = {
    "happiness": "joy",
    "happy": "joy",
    "duchenne": "joy",
    "pride_tracy_robins": "pride",
    "embarrassment_kb": "embarrassment",
    "pain_pspi": "pain",
    "awe_shiota": "awe",
    "sad": "sadness",
    "fearful": "fear",
    "angry": "anger",
    "surprised": "surprise",
    "disgusted": "disgust",
}
MIN_EVIDENCE = 0.25
CORRECTION_LEVEL = 0.5
# An action unit of two thirds of the strongest one counts as fully there.
FULLY_SEEN = 1.5
ONE_SIDED_WEIGHT = 0.5
DOMINANT_FROM = 0.5
HEAD_FULL_DEG = 8.0
HEAD_FROM_DEG = 2.0
# Faces that cannot be told apart from a smile by action units alone (Keltner et al. 2019: told by voice, touch, posture).
READ_AS = {"love": "joy"}


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What the check found.

    Attributes:
        face: As given, or corrected.
        read: Emotion that was read first.
        expected: Primary emotions that count as right.
        changed: Action units that were raised.
        tables: Rule sets used.
        said: A sentence.
        agrees: The reading fits.
    """

    face: Face
    read: str
    expected: tuple[str, ...]
    changed: tuple[int, ...]
    tables: tuple[str, ...]
    said: str
    agrees: bool


@cache
def _rules(tables: tuple[str, ...]) -> tuple[tuple[str, frozenset[int], bool], ...]:
    """``(node, action units, one-sided)`` of all rows and variants of some tables."""
    prototypes = load_config("emotion/prototypes.yaml")
    rules = []
    for name in tables:
        table = prototypes[name]
        listed = [(label, row["aus"], row.get("side") == "one") for label, row in table["rows"].items()]
        listed += [(label, units, False) for label, variants in table.get("variants", {}).items() for units in variants]
        rules += [(ROW_NODES.get(label, label), frozenset(units), one or label == "contempt") for label, units, one in listed]
    return tuple(rules)


def head_units(head: HeadGazeTarget) -> dict[int, float]:
    """How head and eyes are carried, as action units 53-56 and 64 with levels."""
    pitch, roll, away = (math.degrees(value) for value in (head.pitch_rad, head.roll_rad, head.gaze_aversion_rad))
    degrees = {53: pitch, 54: -pitch, 55: -roll, 56: roll, 64: away - 5.0 if pitch < 0 else 0.0}
    return {unit: min(1.0, value / HEAD_FULL_DEG) for unit, value in degrees.items() if value > HEAD_FROM_DEG}


def read_face(
    levels: Mapping[int, float],
    tables: Iterable[str] = READER_TABLES,
    *,
    head: HeadGazeTarget | None = None,
    one_sided: frozenset[int] = frozenset(),
) -> dict[str, float]:
    """Emotions that published rules see in a face.

    The score of a rule is the overlap (Dice coefficient) between its set and the levels, relative to the strongest one. A
    tilt to either side counts for either.

    Args:
        levels: Action unit -> level.
        tables: Rule sets of ``prototypes.yaml``.
        head: How head and eyes are carried; without it their action units are left out of the rules.
        one_sided: Action units that act on one side only; they count half for symmetric faces.

    Returns:
        Node -> score 0-1, best first; ``{"neutral": 1}`` for a face at rest.
    """
    facial = {unit: level for unit, level in levels.items() if level > 0}
    if not facial:
        return {"neutral": 1.0}
    strongest = max(facial.values())
    weight = {unit: min(1.0, FULLY_SEEN * level / strongest) for unit, level in facial.items()}
    if head is not None:
        carried = head_units(head)
        weight |= {56 if unit == 55 else unit: level for unit, level in carried.items()}
    total = sum(weight.values())
    scores: dict[str, float] = {}
    for node, units, lopsided in _rules(tuple(tables)):
        wanted = {56 if unit == 55 else unit for unit in units} & (set(range(1, 51)) | ({53, 54, 56, 64} if head else set()))
        matched = sum(
            weight.get(unit, 0.0) * (ONE_SIDED_WEIGHT if unit in one_sided and not lopsided else 1.0) for unit in wanted
        )
        if matched > 0:
            scores[node] = max(scores.get(node, 0.0), 2.0 * matched / (total + len(wanted)))
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def check_face(face: Face, head: HeadGazeTarget, state: EmotionState) -> FaceVerdict:
    """Read a composed face with rules other than those that made it; raise what is missing, once."""
    tables = tuple(table for table in READER_TABLES if table not in {row.table for row in face.rows})
    expected = _expected(state, face.rows)
    if not face.levels() or expected == ("neutral",):
        return FaceVerdict(face, "neutral", expected, (), tables, "the face rests; nothing to read", agrees=True)
    scores = _read(face, head, tables)
    read = next(iter(scores), "neutral")
    if state.mask is not None:
        said = f"two feelings by intention: the whole reads as {read}"
        return FaceVerdict(face, read, expected, (), tables, said, agrees=True)
    if scores.get(read, 0.0) >= MIN_EVIDENCE and reading_primary(read) in expected:
        return FaceVerdict(face, read, expected, (), tables, f"read as {read} ({scores[read]:.2f}), as meant", agrees=True)
    known = {reading_primary(node) for node, _, _ in _rules(tables)}
    if not known & set(expected) or all(row.table in {"extrapolated", "none"} for row in face.rows):
        said = f"no other publication describes this face of {state.label}; the nearest one it describes is {read}"
        return FaceVerdict(face, read, expected, (), tables, said, agrees=True)
    if state.distribution[state.label] < DOMINANT_FROM:
        said = f"no emotion of the mixture dominates; the nearest published face is {read}"
        return FaceVerdict(face, read, expected, (), tables, said, agrees=True)
    return _corrected(face, head, read, scores, expected, tables)


def _read(face: Face, head: HeadGazeTarget, tables: tuple[str, ...]) -> dict[str, float]:
    one_sided = frozenset(pull.unit for pull in face.pulls if pull.side != "both")
    return read_face(face.levels(), tables, head=head, one_sided=one_sided)


def _corrected(
    face: Face, head: HeadGazeTarget, read: str, scores: Mapping[str, float], expected: tuple[str, ...], tables: tuple[str, ...]
) -> FaceVerdict:
    target = next((node for node in scores if reading_primary(node) in expected), None)
    if target is None:
        said = f"read as {read}; no rule for {expected[0]} shares a muscle with it, left as composed"
        return FaceVerdict(face, read, expected, (), tables, said, agrees=False)
    levels = face.levels()
    best = max((units for node, units, _ in _rules(tables) if node == target), key=lambda units: len(units & set(levels)))
    corrected, changed = face, []
    height = round(CORRECTION_LEVEL * max(levels.values()), 4)
    for unit in sorted(unit for unit in best if unit < 51 and levels.get(unit, 0.0) < height):
        trial = with_raised(corrected, unit, height, f"{target} (raised by the check)")
        if settle_conflicts(trial.levels())[0] == trial.levels():
            corrected = trial
            changed.append(unit)
    again = next(iter(_read(corrected, head, tables)))
    raised = ", ".join(f"AU{unit}" for unit in changed) or "nothing"
    told = f"read as {read} instead of {target}; raised {raised}, now read as {again}"
    if reading_primary(again) not in expected:
        # One correction only: what does not help is not kept.
        return FaceVerdict(face, read, expected, (), tables, f"{told}; not kept, left as composed", agrees=False)
    return FaceVerdict(corrected, again, expected, tuple(changed), tables, told, agrees=True)


def reading_primary(node: str) -> str:
    """Primary emotion under which a reading is compared."""
    primary = Ontology.load().primary(node)
    return READ_AS.get(primary, primary)


def _expected(state: EmotionState, rows: Iterable[FaceRow]) -> tuple[str, ...]:
    """Primaries of the two strongest emotions, and of the parts that a published compound face is named after."""
    ordered = sorted(state.distribution, key=lambda name: (-state.distribution[name], name))
    compounds = load_config("emotion/prototypes.yaml")["du2014"]["compounds"]
    parts = [ROW_NODES[part] for row in rows for part in compounds.get(row.row.partition(".")[2], ())]
    return tuple(dict.fromkeys(reading_primary(name) for name in (*ordered[:2], *parts)))
