"""Emotion words, phrases and emoji in a text, with negation, intensifiers and emphasis (after Hutto & Gilbert 2014, VADER)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.text_features import visible
from espressivo.resources import load_config

__all__ = ["Clue", "find_clues"]

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
CLAUSE_END = re.compile(r"[.,;:!?()\n]")
ELONGATED = re.compile(r"([a-z])\1{2,}")
BOOSTER_WINDOW = 2
EMOJI_WEIGHT = 1.2
PHRASE_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Clue:
    """A piece of text that speaks for an emotion.

    Attributes:
        start: First character.
        end: One past the last character.
        text: The characters themselves.
        node: Ontology node.
        weight: Strength of the evidence; 1 is a plain emotion word.
        why: What was applied, e.g. ``"negated joy"``.
        negates: The node that is denied, e.g. ``"joy"`` in "not happy".
    """

    start: int
    end: int
    text: str
    node: str
    weight: float
    why: str = ""
    negates: str = ""


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load_config("emotion/reading.yaml")
    return table


@cache
def _symbols() -> re.Pattern[str]:
    symbols = _symbol_nodes()
    listed = sorted(symbols, key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(s)}(?!\w)" if s[0].isalpha() else re.escape(s) for s in listed))


@cache
def _symbol_nodes() -> dict[str, str]:
    return {mark: node for kind in ("emoji", "emoticons") for node, marks in _table()[kind].items() for mark in marks}


@cache
def _phrases() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = _table()["phrases"]
    return tuple((re.compile(rf"(?<!\w){re.escape(text)}(?!\w)"), node) for node, texts in rows.items() for text in texts)


@cache
def _word_node(word: str) -> str | None:
    found = Ontology.load().find(word) or Ontology.load().find(ELONGATED.sub(r"\1", word))
    return found.node if found else None


def find_clues(text: str) -> list[Clue]:
    """All clues in order of their place.

    Args:
        text: Any text; offsets in the result are those of this string.
    """
    plain, places = visible(text)
    lowered = plain.lower()
    clues = _word_clues(plain)
    if len(lowered) == len(plain):
        for pattern, node in _phrases():
            clues += [Clue(m.start(), m.end(), m[0], node, PHRASE_WEIGHT, "phrase") for m in pattern.finditer(lowered)]
    nodes = _symbol_nodes()
    clues += [Clue(m.start(), m.end(), m[0], nodes[m[0]], EMOJI_WEIGHT, "emoji") for m in _symbols().finditer(plain)]
    if len(plain) != len(text):
        clues = [_moved(clue, text, places) for clue in clues]
    return sorted(clues, key=lambda clue: (clue.start, clue.end, clue.node))


def _moved(clue: Clue, text: str, places: list[int]) -> Clue:
    """The clue at its place in the text with its invisible characters."""
    start, end = places[clue.start], places[clue.end - 1] + 1
    return replace(clue, start=start, end=end, text=text[start:end])


def _word_clues(plain: str) -> list[Clue]:
    table = _table()
    matches = list(WORD.finditer(plain))
    words = [match[0].lower() for match in matches]
    shouting = sum(match[0].isupper() and len(match[0]) > 1 for match in matches) < 0.7 * max(1, len(matches))
    clues = []
    for index, match in enumerate(matches):
        node = _word_node(words[index])
        if node is None or words[index] in table["negations"] or words[index] in table["ignored"]:
            continue
        negates = ""
        weight = float(table["ambiguous_weight"]) if words[index] in table["ambiguous"] else 1.0
        why = []
        for near in words[max(0, index - BOOSTER_WINDOW) : index]:
            factor = table["boosters"].get(near, table["dampers"].get(near))
            if factor is not None:
                weight *= float(factor)
                why.append(f"{near} x {factor:g}")
        if shouting and match[0].isupper() and len(match[0]) > 2:
            weight *= float(table["capitals_boost"])
            why.append("capitals")
        if ELONGATED.search(words[index]):
            weight *= float(table["elongation_boost"])
            why.append("drawn out")
        if _is_negated(plain, matches, words, index):
            why.append(f"negated {node}")
            node, negates, weight = _negated(node), node, weight * float(table["negated_weight"])
        clues.append(Clue(match.start(), match.end(), match[0], node, round(weight, 4), ", ".join(why), negates))
    return clues


def _is_negated(plain: str, matches: list[re.Match[str]], words: list[str], index: int) -> bool:
    """A negation stands shortly before, in the same clause."""
    table = _table()
    for place in range(index - 1, max(-1, index - 1 - int(table["negation_window"])), -1):
        if (
            CLAUSE_END.search(plain, matches[place].end(), matches[place + 1].start())
            or words[place] in table["ambivalence"]["turns"]
        ):
            return False
        if words[place] in table["negations"] or words[place].endswith("n't"):
            return f"{words[place]} {words[place + 1]}" not in table["not_negating"]
    return False


def _negated(node: str) -> str:
    ontology = Ontology.load()
    table = _table()["negated_to"]
    return next((str(table[step]) for step in ontology.path(node) if step in table), "neutral")
