"""What a text says about a feeling: a soft label, a point in VAD space, an intensity, and the words behind them.

A trained linear model (:mod:`espressivo.emotion.text_model`) gives calibrated weights of 28 labels; words of the ontology,
phrases and emoji found in the text then make them finer ("terrified" turns fear into terror) and fill what the model
cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.ambivalence import read_discordance
from espressivo.emotion.lexicon import Clue, find_clues
from espressivo.emotion.mixture import normalise, penalise_unlikely, strongest
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import VAD
from espressivo.emotion.sentences import split_sentences
from espressivo.emotion.text_model import TextModel, TextScores
from espressivo.emotion.vad import mixture_vad, to_vad
from espressivo.resources import load_config

__all__ = ["Clue", "Reading", "read_text"]

MAX_NODES = 10
MAX_CLUES = 24
LONG_TEXT_CHARACTERS = 400
EMPHASIS_MARKS = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        distribution: Ontology node name -> weight, strongest first, summing to 1.
        vad: Where the text lies: the trained regression, moved towards the soft label where words are few or foreign.
        intensity: 0-1.
        clues: Spans of the text that speak for an emotion, strongest first.
        notes: What was changed on the way (unlikely pairs, unknown language), one sentence each.
        discordance: How much the text is of two minds, 0-1; 0 for a text with one feeling.
    """

    distribution: dict[str, float]
    vad: VAD
    intensity: float
    clues: tuple[Clue, ...]
    notes: tuple[str, ...] = ()
    discordance: float = 0.0


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = load_config("emotion/reading.yaml")
    return table


def read_text(text: str) -> Reading:
    """Read the emotion of a text.

    Args:
        text: A sentence or a scene; any characters. Long texts are read sentence by sentence.

    Raises:
        CheckpointError: The trained model is missing or altered.
    """
    pieces = _pieces(text)
    if len(pieces) > 1:
        return _joined(text, [_read_piece(piece) for piece in pieces], pieces)
    return _read_piece(text)


def _pieces(text: str) -> list[str]:
    return [text] if len(text) <= LONG_TEXT_CHARACTERS else split_sentences(text)


def _read_piece(text: str) -> Reading:
    scores = TextModel.load().score(text)
    words = find_clues(text)
    trust = _trust(scores)
    weights = _label_weights(scores, trust)
    foreign = float(_table()["combination"]["foreign_refine"])
    for clue in words:
        _refine(weights, clue, gain=trust + foreign * (1.0 - trust))
    distribution, notes = penalise_unlikely(strongest(normalise(weights), MAX_NODES))
    if trust < 1.0:
        notes.append(_language_note(scores))
    discordance, why = read_discordance(text, distribution)
    notes += [why] if why else []
    vad = _vad(scores, distribution, trust)
    intensity = _intensity(text, distribution, vad, words)
    clues = _merged(words, _model_clues(text, scores, distribution) if trust > 0 else [])
    return Reading(distribution, to_vad(vad), intensity, clues, tuple(notes), discordance)


def _label_weights(scores: TextScores, trust: float) -> dict[str, float]:
    """Calibrated probabilities, those above their threshold raised; neutral takes what an unknown language leaves open."""
    boost = np.where(scores.present, float(_table()["combination"]["present_boost"]), 1.0)
    shares = scores.probabilities * boost
    shares = trust * shares / shares.sum()
    weights = {label: float(share) for label, share in zip(scores.labels, shares, strict=True)}
    weights["neutral"] += 1.0 - trust
    return weights


def _refine(weights: dict[str, float], clue: Clue, gain: float) -> None:
    """Let a word of the ontology take weight from the label above it, and add some of its own; a denied label loses."""
    table = _table()["combination"]
    ontology = Ontology.load()
    if clue.negates:
        for denied in (*ontology.path(clue.negates), ontology.near(clue.negates)):
            if denied in weights:
                weights[denied] *= float(_table()["negated_keeps"])
    label = next((step for step in ontology.path(clue.node)[1:] if step in weights), None)
    moved = 0.0
    if label is not None and clue.node not in weights:
        moved = float(table["refine_share"]) * min(1.0, clue.weight) * weights[label]
        weights[label] -= moved
    weights[clue.node] = weights.get(clue.node, 0.0) + moved + gain * float(table["refine_weight"]) * clue.weight


def _trust(scores: TextScores) -> float:
    """How far the model can be trusted with the words of the text: 1 for English, 0 for what it has never seen."""
    counts = _function_words(scores)
    english = counts.pop("English")
    most = max(counts.values())
    if english or most:
        return english / (english + most) if most > english else 1.0
    table = _table()
    low, high = float(table["unknown_below"]), float(table["known_from"])
    return float(np.clip((scores.coverage - low) / (high - low), 0.0, 1.0))


def _language_note(scores: TextScores) -> str:
    counts = _function_words(scores)
    best = max(counts, key=lambda language: (counts[language], language == "English"))
    guess = f"it looks {best}" if counts[best] and best != "English" else "its words are foreign or made up"
    return f"not read as English ({guess}): only emoji and known words count in full"


def _function_words(scores: TextScores) -> dict[str, int]:
    """How many of the words are function words of each language."""
    words = [token.form for token in scores.tokens]
    return {language: sum(word in listed for word in words) for language, listed in _table()["languages"].items()}


def _vad(scores: TextScores, distribution: dict[str, float], trust: float) -> NDArray[np.float64]:
    return trust * scores.vad + (1.0 - trust) * mixture_vad(distribution)


def _intensity(text: str, distribution: dict[str, float], vad: NDArray[np.float64], words: list[Clue]) -> float:
    """From how little is neutral and how far the point lies from the middle, moved by emphasis."""
    table, row = _table(), _table()["combination"]["intensity"]
    salience = 1.0 - distribution.get("neutral", 0.0)
    calm = float(row["bias"]) + float(row["salience"]) * salience + float(row["distance"]) * float(np.linalg.norm(vad))
    stressed = [clue.weight for clue in words if clue.why and not clue.negates and clue.why not in {"phrase", "emoji"}]
    own = max(stressed, default=1.0)
    emphasis = float(np.clip(own, 0.45, 1.5)) * float(table["exclamation_boost"]) ** min(EMPHASIS_MARKS, text.count("!"))
    return float(np.round(np.clip(calm * emphasis, 0.1, 1.0), 4))


def _model_clues(text: str, scores: TextScores, distribution: dict[str, float]) -> list[Clue]:
    """Words whose weights speak for the labels that were read."""
    table = _table()["combination"]
    least, share = float(table["model_clue_from"]), float(table["model_clue_share"])
    columns = [place for place, label in enumerate(scores.labels) if distribution.get(label, 0.0) >= share and label != "neutral"]
    clues = []
    for token, evidence in zip(scores.tokens, scores.evidence, strict=True):
        best = max(columns, key=lambda place: evidence[place] * distribution[scores.labels[place]], default=None)
        if best is not None and evidence[best] >= least and (token.form[0].isalpha() or not token.form.isascii()):
            label = scores.labels[best]
            why = f"adds {evidence[best]:.2f} to the log-odds of {label}"
            clues.append(Clue(token.start, token.end, text[token.start : token.end], label, round(float(evidence[best]), 4), why))
    return clues


def _merged(words: list[Clue], learnt: list[Clue]) -> tuple[Clue, ...]:
    """Listed words first where both name the same span; strongest first."""
    free = [clue for clue in learnt if not any(word.start < clue.end and clue.start < word.end for word in words)]
    ordered = sorted([*words, *free], key=lambda clue: (-clue.weight, clue.start, clue.node))
    return tuple(ordered[:MAX_CLUES])


def _joined(text: str, readings: list[Reading], pieces: list[str]) -> Reading:
    """Reading of a long text: sentences weigh by their length's root and by how emotional they are."""
    salience = np.array([1.05 - reading.distribution.get("neutral", 0.0) for reading in readings])
    weight = np.sqrt([len(piece) for piece in pieces]) * salience
    weight /= weight.sum()
    total: dict[str, float] = {}
    for share, reading in zip(weight, readings, strict=True):
        for name, value in reading.distribution.items():
            total[name] = total.get(name, 0.0) + float(share) * value
    distribution = strongest(normalise(total), MAX_NODES)
    points = np.array([[r.vad.valence, r.vad.arousal, r.vad.dominance] for r in readings])
    intensity = float(np.round(np.quantile([reading.intensity for reading in readings], 0.75), 4))
    discordance, why = read_discordance(text, distribution)
    notes = tuple(dict.fromkeys([note for reading in readings for note in reading.notes] + ([why] if why else [])))[:8]
    clues = _placed(text, pieces, readings)
    return Reading(distribution, to_vad(weight @ points), intensity, clues, notes, discordance)


def _placed(text: str, pieces: list[str], readings: list[Reading]) -> tuple[Clue, ...]:
    """Clues of the pieces at their place in the whole text, strongest first."""
    found = []
    cursor = 0
    for piece, reading in zip(pieces, readings, strict=True):
        start = text.index(piece, cursor)
        cursor = start + len(piece)
        found += [Clue(c.start + start, c.end + start, c.text, c.node, c.weight, c.why) for c in reading.clues]
    return tuple(sorted(found, key=lambda clue: (-clue.weight, clue.start, clue.node))[:MAX_CLUES])
