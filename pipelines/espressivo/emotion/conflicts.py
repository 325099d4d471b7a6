"""Muscles that work against each other, and who wins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from espressivo.resources import load_config

__all__ = ["settle_conflicts"]

Levels = dict[int, float]


def settle_conflicts(levels: Mapping[int, float]) -> tuple[Levels, list[tuple[str, str]]]:
    """Apply the rules of ``conflicts.yaml`` in their order.

    Args:
        levels: Action unit -> level.

    Returns:
        The levels that remain, and ``(rule, sentence)`` for everything that was changed.
    """
    settled = dict(levels)
    changes = []
    for rule in load_config("emotion/conflicts.yaml")["rules"]:
        before = dict(settled)
        _KINDS[rule["kind"]](settled, rule)
        if settled != before:
            changes.append((rule["id"], f"{_difference(before, settled)}: {rule['because']}"))
    return settled, changes


def _difference(before: Levels, after: Levels) -> str:
    return ", ".join(
        f"AU{unit} {level:.2f} -> {after.get(unit, 0.0):.2f}" for unit, level in before.items() if after.get(unit) != level
    )


def _maximum(levels: Levels, rule: dict[str, Any]) -> None:
    present = [unit for unit in rule["aus"] if unit in levels]
    strongest = max(present, key=lambda unit: (levels[unit], unit), default=None)
    for unit in present:
        if unit != strongest:
            del levels[unit]


def _winner(levels: Levels, rule: dict[str, Any]) -> None:
    if rule["winner"] in levels:
        levels.pop(rule["loser"], None)


def _cap(levels: Levels, rule: dict[str, Any]) -> None:
    if rule["au"] in levels and rule["with"] in levels:
        levels[rule["au"]] = min(levels[rule["au"]], rule["cap"])


def _share(levels: Levels, rule: dict[str, Any]) -> None:
    if rule["au"] in levels and rule["with"] in levels and rule["unless"] not in levels:
        levels[rule["au"]] = min(levels[rule["au"]], rule["share"] * levels[rule["with"]])


def _stronger(levels: Levels, rule: dict[str, Any]) -> None:
    one = [unit for unit in rule["one"] if unit in levels]
    other = [unit for unit in rule["other"] if unit in levels]
    if one and other:
        first_wins = max(levels[unit] for unit in one) >= max(levels[unit] for unit in other)
        for unit in other if first_wins else one:
            del levels[unit]


_KINDS: dict[str, Callable[[Levels, dict[str, Any]], None]] = {
    "maximum": _maximum,
    "winner": _winner,
    "cap": _cap,
    "share": _share,
    "stronger": _stronger,
}
