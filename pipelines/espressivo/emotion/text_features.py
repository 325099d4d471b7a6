"""What the text model sees of a text: words, pairs of words, pieces of words, and the valence of listed words.

Training and reading share this file, so that a model never meets features it was not trained on.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import cache
from unicodedata import category

import numpy as np
from numpy.typing import NDArray

from espressivo.resources import load_config

__all__ = ["NUM_SURFACE_FEATURES", "Token", "piece_features", "surface_features", "tokenise", "visible", "word_features"]

TOKEN = re.compile(r"\[[A-Z]+\]|[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[!?.]+|[^\w\s]")
DRAWN_OUT = re.compile(r"(.)\1{2,}")
PIECE_LENGTHS = (3, 4, 5)
MIN_PIECED_LETTERS = 3
NAME_TOKEN = "[NAME]"  # noqa: S105 - as the training text masks names
CAPITALISED_NATIONS = frozenset({"polish"})  # a verb when it is not capitalised
INVISIBLE = frozenset({"Cf", "Cc"})
EMOJI_SELECTOR = "\ufe0f"
SENTENCE_MARKS = frozenset('.!?"\u201c\u201d:;\u2026')
TITLE_SHARE = 0.6
NEGATIONS = frozenset({"not", "no", "never", "without", "hardly", "barely", "cannot", "nor", "neither", "nobody", "nothing"})
NEGATION_REACH = 3
NEGATION_FACTOR = -0.74  # Hutto & Gilbert 2014, N_SCALAR
BOOST = 0.293  # Hutto & Gilbert 2014, B_INCR
BOOSTERS = frozenset({"very", "so", "really", "extremely", "absolutely", "totally", "completely", "incredibly", "deeply", "too"})
DAMPERS = frozenset({"slightly", "somewhat", "kinda", "sorta", "almost", "barely", "little"})
COMPOUND_ALPHA = 15.0  # Hutto & Gilbert 2014


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark: its form for the model and its place in the text."""

    form: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _People:
    """Words that say who somebody is, and the token that stands for all of their kind."""

    always: Mapping[str, str]
    capitalised: Mapping[str, str]
    inside_sentence: frozenset[str]
    not_names: frozenset[str]


@cache
def _people() -> _People:
    table = load_config("emotion/people.yaml")
    always = {word: row[0] for row in table["gendered"] for word in row}
    for kind in ("NATION", "RELIGION", "ORIENTATION"):
        always |= dict.fromkeys(table[kind], f"[{kind}]")
    capitalised = {word: f"[{kind}]" for kind in ("PLACE", "NAME") for word in table[kind]}
    return _People(always, capitalised, frozenset(table["AMBIGUOUS_NAME"]), frozenset(table["not_names"]))


def visible(text: str) -> tuple[str, list[int]]:
    """The text without invisible characters and with plain apostrophes, and where each of its characters was."""
    places = [index for index, letter in enumerate(text) if letter.isspace() or category(letter) not in INVISIBLE]
    return "".join(text[index] for index in places).replace("\u2019", "'").replace("\u2018", "'"), places


def tokenise(text: str, known: Container[str] | None = None) -> list[Token]:
    """Tokens with their places; lower case, drawn-out letters shortened to two, invisible characters skipped.

    Names, genders, nationalities, religions and orientations become one token for all of their kind.

    Args:
        text: Any text.
        known: Ordinary words; a capitalised word that is none of them is taken as a name. ``None``: only listed names are.
    """
    plain, places = visible(text)
    matches = list(TOKEN.finditer(plain.replace(EMOJI_SELECTOR, " ")))
    letters = [match[0] for match in matches if match[0][0].isalpha()]
    titled = len(letters) > 3 and sum(word[0].isupper() for word in letters) > TITLE_SHARE * len(letters)
    tokens = []
    begins = True
    for match in matches:
        form = _form(match[0], None if titled else known, begins=begins or titled)
        tokens.append(Token(form, places[match.start()], places[match.end() - 1] + 1))
        begins = match[0][0] in SENTENCE_MARKS or (begins and not match[0][0].isalpha())
    return tokens


def _form(raw: str, known: Container[str] | None, *, begins: bool) -> str:
    if raw[0] == "[" and len(raw) > 1:
        return raw
    people = _people()
    form = DRAWN_OUT.sub(r"\1\1", raw.lower())
    word, possessive = (form[:-2], "'s") if form.endswith("'s") else (form, "")
    if word in people.always and (word not in CAPITALISED_NATIONS or raw[0].isupper()):
        return people.always[word]
    if raw[0].isupper():
        if word in people.capitalised:
            return people.capitalised[word]
        if word in people.inside_sentence and not begins and not raw.isupper():
            return NAME_TOKEN
        unheard_of = known is not None and form not in known and word + possessive not in known and word not in known
        if unheard_of and word not in people.not_names and len(raw) > 1 and not raw.isupper():
            return NAME_TOKEN
    return form


def word_features(tokens: list[Token]) -> list[tuple[str, int, int]]:
    """``(feature, first token, last token)`` of words and pairs of words; ``<s>`` begins the text."""
    forms = [token.form for token in tokens]
    singles = [(form, index, index) for index, form in enumerate(forms)]
    pairs = [
        (f"{left} {right}", index - 1, index) for index, (left, right) in enumerate(zip(["<s>", *forms], forms, strict=False))
    ]
    return singles + [(feature, max(0, first), last) for feature, first, last in pairs]


def piece_features(tokens: list[Token]) -> list[tuple[str, int, int]]:
    """``(feature, token, token)`` of pieces of three to five letters of each word, its ends marked."""
    found = []
    for index, token in enumerate(tokens):
        if len(token.form) < MIN_PIECED_LETTERS or token.form[0] == "[":
            continue
        marked = f"<{token.form}>"
        for length in PIECE_LENGTHS:
            found += [(f"#{marked[start : start + length]}", index, index) for start in range(len(marked) - length + 1)]
    return found


NUM_SURFACE_FEATURES = 14


def surface_features(text: str, tokens: list[Token], valence: Mapping[str, float]) -> NDArray[np.float64]:
    """``(14,)``: sums of listed valence with negation and intensifiers (after Hutto & Gilbert 2014), punctuation, length.

    Args:
        text: The text itself.
        tokens: Its tokens.
        valence: Word -> valence, about -4 to 4.
    """
    values = np.array(word_valences(tokens, valence), dtype=np.float64)
    total, positive, negative = values.sum(), values.clip(0).sum(), -values.clip(None, 0).sum()
    exclamations, questions = min(4, text.count("!")), min(4, text.count("?"))
    emphasised = total + np.sign(total) * 0.292 * exclamations
    words = sum(token.form[0].isalpha() for token in tokens)
    scale = max(1.0, positive + negative + max(0, words - np.count_nonzero(values)))
    letters = max(1, len(text))
    return np.array(
        [
            emphasised / np.sqrt(emphasised**2 + COMPOUND_ALPHA),
            abs(emphasised) / np.sqrt(emphasised**2 + COMPOUND_ALPHA),
            positive / scale,
            negative / scale,
            total,
            positive + negative,
            values.max(initial=0.0),
            values.min(initial=0.0),
            np.count_nonzero(values),
            exclamations,
            questions,
            np.log(letters),
            sum(letter.isupper() for letter in text) / letters,
            words / max(1, len(tokens)),
        ]
    )


def word_valences(tokens: list[Token], valence: Mapping[str, float]) -> list[float]:
    """Valence of each token: listed value, turned by negation and moved by intensifiers before it."""
    forms = [token.form for token in tokens]
    found = []
    for index, form in enumerate(forms):
        value = valence.get(form, 0.0)
        if value:
            before = forms[max(0, index - NEGATION_REACH) : index]
            boost = sum(word in BOOSTERS for word in before) - sum(word in DAMPERS for word in before)
            value += np.sign(value) * BOOST * boost
            if any(word in NEGATIONS or word.endswith("n't") for word in before):
                value *= NEGATION_FACTOR
        found.append(float(value))
    return found
