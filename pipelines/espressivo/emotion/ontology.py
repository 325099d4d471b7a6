"""The words of emotion: three tiers (Parrott 2001) with relations, word forms and back-off.

Every word that a user may give resolves to a node and a path to its primary emotion, so that a rule written for ``joy``
also serves ``jubilantly``.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from espressivo.errors import EmotionInputError
from espressivo.resources import load_config

__all__ = ["Node", "Ontology", "Resolution", "normalise_word"]

MAX_SUGGESTIONS = 4
MIN_STEM_LETTERS = 4


def normalise_word(word: str) -> str:
    """Lower case, one space between parts, plain apostrophes, no invisible characters."""
    text = unicodedata.normalize("NFKC", word).replace("\u2019", "'").replace("_", " ").lower()
    visible = "".join(letter for letter in text if unicodedata.category(letter) not in {"Cf", "Cc"} or letter.isspace())
    return " ".join(visible.split())


@dataclass(frozen=True, slots=True)
class Node:
    """One emotion word.

    Attributes:
        name: The noun.
        tier: 1 primary, 2 secondary, 3 tertiary.
        parent: The node above, ``None`` for a primary.
        origin: ``"parrott"``, ``"shaver"`` or ``"extension"``.
        strength: How strong the word is beside its family's own word (1).
    """

    name: str
    tier: int
    parent: str | None
    origin: str
    strength: float


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a word was understood.

    Attributes:
        word: As given, normalised.
        node: The node it means.
        path: From the node up to its primary.
        how: ``"node"``, ``"form"``, ``"synonym"`` or ``"ending"``.
    """

    word: str
    node: str
    path: tuple[str, ...]
    how: str

    def describe(self) -> str:
        """E.g. ``jubilantly = jubilation > cheerfulness > joy (form)``."""
        chain = " > ".join(self.path)
        return chain if self.how == "node" else f"{self.word} = {chain} ({self.how})"


@dataclass(frozen=True)
class Ontology:
    """All nodes with their relations; immutable, shared by all callers."""

    nodes: Mapping[str, Node]
    forms: Mapping[str, tuple[str, str]]
    endings: tuple[tuple[str, str], ...]
    family_roots: frozenset[str]
    table: Mapping[str, Any]

    @classmethod
    def load(cls) -> Ontology:
        """The ontology of ``configs/emotion``; read once."""
        return _load()

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def path(self, name: str) -> tuple[str, ...]:
        """The node and everything above it, e.g. ``("glee", "cheerfulness", "joy")``."""
        found = [name]
        while (parent := self.nodes[found[-1]].parent) is not None:
            found.append(parent)
        return tuple(found)

    def family(self, name: str) -> str:
        """The node whose face and sound a node takes: the nearest root on its path, or its primary."""
        path = self.path(name)
        return next((step for step in path if step in self.family_roots), path[-1])

    def primary(self, name: str) -> str:
        """Tier-1 node; disgust, contempt and envy are primaries of their own, as their faces are not angry ones."""
        path = self.path(name)
        for own in ("disgust", "envy"):
            if own in path:
                return own
        return path[-1]

    def near(self, name: str) -> str:
        """The closest of Parrott's primaries, for consumers that know only those."""
        primary = self.path(name)[-1]
        near = self.table["extension"]["nodes"].get(primary, {}).get("near")
        return str(near) if near else primary

    def children(self, name: str) -> tuple[str, ...]:
        """Nodes directly below."""
        return tuple(node.name for node in self if node.parent == name)

    def opposite(self, name: str) -> str | None:
        """The opposite of the node, or of the nearest node above it that has one."""
        for step in self.path(name):
            if step in self._opposites:
                return self._opposites[step]
        return None

    def stronger(self, name: str) -> tuple[str, ...]:
        """Words that mean more of the same."""
        chains = self.table["stronger_than"]["chains"]
        return tuple(dict.fromkeys(chain[chain.index(name) + 1] for chain in chains if name in chain[:-1]))

    def milder(self, name: str) -> tuple[str, ...]:
        """Words that mean less of the same."""
        chains = self.table["stronger_than"]["chains"]
        return tuple(dict.fromkeys(chain[chain.index(name) - 1] for chain in chains if name in chain[1:]))

    def compound_of(self, name: str) -> tuple[str, ...]:
        """The two emotions that make it up (Plutchik's dyads), or nothing."""
        return tuple(self.table["compounds"]["of"].get(name, ()))

    def resolve(self, word: str) -> Resolution:
        """Understand an emotion word in any of its forms.

        Args:
            word: Noun, adjective, adverb, verb or everyday synonym.

        Raises:
            EmotionInputError: ``emotion.unknown``, with suggestions.
        """
        found = self.find(word)
        if found is not None:
            return found
        close = self.suggestions(word)
        hint = (
            f"did you mean {', '.join(close)}?" if close else "examples: joy, sadness, anger, fear, surprise, disgust, awe, calm"
        )
        raise EmotionInputError("emotion.unknown", f"unknown emotion {word[:40]!r}; {hint}")

    def find(self, word: str) -> Resolution | None:
        """As :meth:`resolve`, but ``None`` for a word that is no emotion."""
        plain = normalise_word(word)
        for candidate in (plain, plain.replace("-", " "), plain.replace(" ", ""), plain.replace("-", "")):
            if candidate in self.nodes:
                return Resolution(plain, candidate, self.path(candidate), "node")
            if candidate in self.forms:
                node, how = self.forms[candidate]
                return Resolution(plain, node, self.path(node), how)
        return self._by_ending(plain)

    def suggestions(self, word: str) -> list[str]:
        """Known words that look like it, best first."""
        plain = normalise_word(word)
        known = [*self.nodes, *self.forms]
        return difflib.get_close_matches(plain, known, n=MAX_SUGGESTIONS, cutoff=0.7)

    def _by_ending(self, plain: str) -> Resolution | None:
        for ending, replacement in self.endings:
            stem = plain.removesuffix(ending) + replacement
            if not plain.endswith(ending) or len(stem) < MIN_STEM_LETTERS:
                continue
            node = stem if stem in self.nodes else self.forms.get(stem, ("", ""))[0]
            if node:
                return Resolution(plain, node, self.path(node), "ending")
        return None

    @cached_property
    def _opposites(self) -> dict[str, str]:
        pairs = self.table["opposites"]["pairs"]
        return {one: other for left, right in pairs for one, other in ((left, right), (right, left))}


@cache
def _load() -> Ontology:
    table = load_config("emotion/ontology.yaml")
    words = load_config("emotion/word_forms.yaml")
    strengths = table["strength"]["of"]
    nodes: dict[str, Node] = {}

    def add(name: str, tier: int, parent: str | None, origin: str) -> None:
        # A word that stands at two tiers (Parrott's "sadness") is one node, at the higher one.
        if name not in nodes:
            nodes[name] = Node(name, tier, parent, origin, float(strengths.get(name, 1.0)))

    tree = table["parrott"]["tree"]
    for primary in tree:
        add(primary, 1, None, "parrott")
    for primary, secondaries in tree.items():
        for secondary in secondaries:
            add(secondary, 2, primary, "parrott")
    for secondaries in tree.values():
        for secondary, tertiaries in secondaries.items():
            for tertiary in tertiaries:
                add(tertiary, 3, secondary, "parrott")
    for secondary, extra in table["shaver_extra"]["words"].items():
        for name in extra:
            add(name, 3, secondary, "shaver")
    for name, row in table["extension"]["nodes"].items():
        parent = row["parent"]
        add(name, 1 if parent is None else min(3, nodes[parent].tier + 1), parent, "extension")

    forms: dict[str, tuple[str, str]] = {}
    for how, key in (("form", "forms"), ("synonym", "synonyms")):
        for node, listed in words[key].items():
            for form in re.split(r"\s+", listed.strip()):
                forms.setdefault(normalise_word(form), (node, how))
    roots = frozenset(table["family_override"]["roots"])
    endings = tuple((str(ending), str(replacement)) for ending, replacement in words["endings"])
    return Ontology(nodes, {form: target for form, target in forms.items() if form not in nodes}, endings, roots, table)
