"""Second look: read the composed face with rules that were not used to make it, and correct it once.

Looked at before intensity is applied, so that a correction does not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from espressivo.emotion.conflicts import settle_conflicts
from espressivo.emotion.facial import HEAD_UNITS, Face, with_raised
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.tracking import EmotionState
from espressivo.resources import load_config

__all__ = ["FaceVerdict", "check_face", "read_face"]

READER_TABLES = ("emfacs", "keltner2019", "cordaro_icp")
ROW_NODES = {"happiness": "joy", "happy": "joy"}
MIN_EVIDENCE = 0.3
CORRECTION_LEVEL = 0.5
# An action unit of two thirds of the strongest one counts as fully there.
FULLY_SEEN = 1.5
# Faces that cannot be told apart from a smile by action units alone (Keltner et al. 2019: told by voice, touch, posture).
READ_AS = {"love": "joy"}


@dataclass(frozen=True, slots=True)
class FaceVerdict:
    """What the check found.

    Attributes:
        face: As given, or corrected.
        read: Emotion that was read first, and its score.
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
def _rules(tables: tuple[str, ...]) -> tuple[tuple[str, frozenset[int]], ...]:
    """``(node, action units)`` of all rows and variants of some tables, head and eye movements left out."""
    prototypes = load_config("emotion/prototypes.yaml")
    rules = []
    for name in tables:
        table = prototypes[name]
        listed = [(label, row["aus"]) for label, row in table["rows"].items()]
        listed += [(label, units) for label, variants in table.get("variants", {}).items() for units in variants]
        for label, units in listed:
            facial = frozenset(unit for unit in units if unit not in HEAD_UNITS)
            if facial:
                rules.append((ROW_NODES.get(label, label), facial))
    return tuple(rules)


def read_face(levels: Mapping[int, float], tables: Iterable[str] = READER_TABLES) -> dict[str, float]:
    """Emotions that published rules see in a face.

    The score of a rule is the overlap (Dice coefficient) between its set and the levels, relative to the strongest one.

    Args:
        levels: Action unit -> level.
        tables: Rule sets of ``prototypes.yaml``.

    Returns:
        Node -> score 0-1, best first; ``{"neutral": 1}`` for a face at rest.
    """
    facial = {unit: level for unit, level in levels.items() if unit not in HEAD_UNITS and level > 0}
    if not facial:
        return {"neutral": 1.0}
    strongest = max(facial.values())
    weight = {unit: min(1.0, FULLY_SEEN * level / strongest) for unit, level in facial.items()}
    total = sum(weight.values())
    scores: dict[str, float] = {}
    for node, units in _rules(tuple(tables)):
        overlap = 2.0 * sum(weight.get(unit, 0.0) for unit in units) / (total + len(units))
        scores[node] = max(scores.get(node, 0.0), overlap)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def check_face(face: Face, state: EmotionState) -> FaceVerdict:
    """Read a composed face with rules other than those that made it; raise what is missing, once."""
    tables = tuple(table for table in READER_TABLES if table not in {row.table for row in face.rows})
    expected = _expected(state)
    levels = face.levels()
    if not levels or expected == ("neutral",):
        return FaceVerdict(face, "neutral", expected, (), tables, "the face rests; nothing to read", agrees=True)
    scores = read_face(levels, tables)
    read = next(iter(scores))
    known = {_primary(node) for node, _ in _rules(tables)}
    if not known & set(expected):
        said = f"no rule set but the one used describes {expected[0]}; nearest reading: {read} ({scores[read]:.2f})"
        return FaceVerdict(face, read, expected, (), tables, said, agrees=True)
    if _primary(read) in expected and scores[read] >= MIN_EVIDENCE:
        return FaceVerdict(face, read, expected, (), tables, f"read as {read} ({scores[read]:.2f}), as meant", agrees=True)
    return _corrected(face, read, scores, expected, tables)


def _corrected(
    face: Face, read: str, scores: Mapping[str, float], expected: tuple[str, ...], tables: tuple[str, ...]
) -> FaceVerdict:
    target = next(node for node in scores if _primary(node) in expected)
    levels = face.levels()
    best = max((units for node, units in _rules(tables) if node == target), key=lambda units: len(units & set(levels)))
    corrected, changed = face, []
    height = round(CORRECTION_LEVEL * max(levels.values()), 4)
    for unit in sorted(best):
        if levels.get(unit, 0.0) >= height:
            continue
        trial = with_raised(corrected, unit, height, f"{target} (raised by the check)")
        settled, conflicts = settle_conflicts(trial.levels())
        if not conflicts and set(settled) == set(trial.levels()):
            corrected = trial
            changed.append(unit)
    again = next(iter(read_face(corrected.levels(), tables)))
    agrees = _primary(again) in expected
    raised = ", ".join(f"AU{unit}" for unit in changed) or "nothing"
    told = f"read as {read} instead of {target}; raised {raised}, now read as {again}"
    if not agrees:
        # One correction only: what does not help is not kept.
        return FaceVerdict(face, read, expected, (), tables, f"{told}; not kept, left as composed", agrees=False)
    return FaceVerdict(corrected, again, expected, tuple(changed), tables, told, agrees=True)


def _primary(node: str) -> str:
    primary = Ontology.load().primary(node)
    return READ_AS.get(primary, primary)


def _expected(state: EmotionState) -> tuple[str, ...]:
    """Primaries of the two strongest emotions."""
    ordered = sorted(state.distribution, key=lambda name: (-state.distribution[name], name))
    return tuple(dict.fromkeys(_primary(name) for name in ordered[:2]))
