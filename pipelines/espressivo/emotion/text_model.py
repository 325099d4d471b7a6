"""The trained reader of short texts: a linear model over words and pieces of words, in int8, with numpy alone.

Its weights are its explanation: what each word adds to a label can be read off (:meth:`TextScores.evidence`). Trained by
``python -m espressivo.training.text_emotion`` on GoEmotions (28 labels) and EmoBank (valence, arousal, dominance).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.text_features import Token, piece_features, surface_features, tokenise, word_features
from espressivo.errors import CheckpointError
from espressivo.resources import checkpoint_folder

__all__ = ["CHECKPOINT", "FeatureSpace", "FoundFeatures", "TextModel", "TextScores", "ordinary_words", "probabilities"]

CHECKPOINT = "text_emotion"
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FoundFeatures:
    """Features of one text.

    Attributes:
        indices: ``(F,)`` int64, rows of the vocabulary, each once, ascending.
        values: ``(F,)`` TF-IDF, unit length for words, :attr:`FeatureSpace.piece_weight` for pieces.
        spans: For each, ``(first token, last token)`` of every place where it occurs.
    """

    indices: NDArray[np.int64]
    values: Array
    spans: list[list[tuple[int, int]]]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSpace:
    """Vocabulary and weighting of the sparse features.

    Attributes:
        vocabulary: Feature -> row; pieces of words begin with ``#`` and are longer than one character.
        idf: ``(V,)`` inverse document frequency.
        piece_weight: Length of the part of the vector that belongs to pieces; words have length 1.
    """

    vocabulary: Mapping[str, int]
    idf: Array
    piece_weight: float

    def find(self, tokens: list[Token]) -> FoundFeatures:
        """Sparse TF-IDF vector (``(1 + ln count) x idf``) of a tokenised text."""
        parts = [self._part(word_features(tokens), 1.0), self._part(piece_features(tokens), self.piece_weight)]
        indices = np.array([row for part in parts for row in part[0]], dtype=np.int64)
        order = np.argsort(indices, kind="stable")
        values = np.concatenate([part[1] for part in parts])[order]
        spans = [part[2][place] for part in parts for place in range(len(part[0]))]
        return FoundFeatures(indices[order], values, [spans[place] for place in order])

    def _part(self, features: list[tuple[str, int, int]], length: float) -> tuple[list[int], Array, list[list[tuple[int, int]]]]:
        places: dict[int, list[tuple[int, int]]] = {}
        for feature, first, last in features:
            row = self.vocabulary.get(feature)
            if row is not None:
                places.setdefault(row, []).append((first, last))
        rows = list(places)
        counts = np.array([len(places[row]) for row in rows], dtype=np.float64)
        values = (1.0 + np.log(counts)) * self.idf[rows] if rows else np.zeros(0)
        norm = float(np.linalg.norm(values))
        return rows, values * (length / norm) if norm > 0 else values, list(places.values())


@dataclass(frozen=True, slots=True)
class TextScores:
    """What the model says about a text.

    Attributes:
        labels: The 28 labels of GoEmotions.
        probabilities: ``(28,)`` calibrated, each label on its own.
        present: ``(28,)`` bool, above the label's threshold.
        vad: ``(3,)`` valence, arousal, dominance; stretched from EmoBank's ratings to the range of emotion words, -1..1.
        tokens: As the model saw them.
        evidence: ``(N, 28)`` what each token adds to each label's log-odds.
        coverage: Share of the letters that belong to words that the model or its word list knows.
    """

    labels: tuple[str, ...]
    probabilities: Array
    present: NDArray[np.bool_]
    vad: Array
    tokens: list[Token]
    evidence: Array
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class TextModel:
    """Weights and vocabulary; immutable, safe to share between threads.

    Attributes:
        space: Sparse features.
        labels: Names of the columns of :attr:`weights`.
        weights: ``(L, 28)`` int8 over the first ``L`` features.
        scale: ``(28,)`` value of one step of a column.
        bias: ``(28,)``.
        calibration: ``(28, 2)`` slope and offset from score to log-odds.
        thresholds: ``(28,)`` in score.
        vad_weights: ``(V, 3)`` int8 over all features; ``vad_scale``: ``(3,)``.
        vad_dense: ``(28 + 28 + 14, 3)`` weights of scores, probabilities and surface features after standardising with
            ``dense_mean``, ``dense_std``.
        vad_bias: ``(3,)``.
        vad_middle: ``(3,)`` middle of the predictions; ``vad_gain``: ``(3,)`` stretches them about it.
        valence: Word -> valence (VADER, Hutto & Gilbert 2014, MIT).
        ordinary: Ordinary words: everything else that is capitalised is taken for a name.
    """

    space: FeatureSpace
    labels: tuple[str, ...]
    weights: NDArray[np.int8]
    scale: Array
    bias: Array
    calibration: Array
    thresholds: Array
    vad_weights: NDArray[np.int8]
    vad_scale: Array
    vad_dense: Array
    dense_mean: Array
    dense_std: Array
    vad_bias: Array
    vad_middle: Array
    vad_gain: Array
    valence: Mapping[str, float]
    ordinary: frozenset[str]

    @classmethod
    def load(cls) -> TextModel:
        """The bundled model; read once.

        Raises:
            CheckpointError: It is missing, altered or malformed.
        """
        return _load(checkpoint_folder(CHECKPOINT))

    def score(self, text: str) -> TextScores:
        """Read a text of any length; time grows with its length."""
        tokens = tokenise(text, self.ordinary)
        found = self.space.find(tokens)
        used = found.indices < len(self.weights)
        rows, values = found.indices[used], found.values[used]
        contributions = self.weights[rows].astype(np.float64) * self.scale * values[:, None]
        score = contributions.sum(axis=0) + self.bias
        return TextScores(
            labels=self.labels,
            probabilities=probabilities(score, self.calibration),
            present=score > self.thresholds,
            vad=self._vad(text, tokens, found, score),
            tokens=tokens,
            evidence=_per_token(
                len(tokens), [found.spans[place] for place in np.flatnonzero(used)], contributions * self.calibration[:, 0]
            ),
            coverage=_coverage(tokens, self.ordinary),
        )

    def _vad(self, text: str, tokens: list[Token], found: FoundFeatures, score: Array) -> Array:
        surface = surface_features(text, tokens, self.valence)
        dense = np.concatenate([score, probabilities(score, self.calibration), surface])
        standard = (dense - self.dense_mean) / self.dense_std
        sparse = found.values @ self.vad_weights[found.indices].astype(np.float64) * self.vad_scale
        rated = self.vad_bias + sparse + standard @ self.vad_dense
        vad: Array = np.clip((rated - self.vad_middle) * self.vad_gain, -1.0, 1.0)
        return vad


def probabilities(score: Array, calibration: Array) -> Array:
    """Calibrated probability of each label (Platt 1999)."""
    log_odds = score * calibration[:, 0] + calibration[:, 1]
    chance: Array = 1.0 / (1.0 + np.exp(-log_odds))
    return chance


def ordinary_words(vocabulary: Mapping[str, int], valence: Mapping[str, float]) -> frozenset[str]:
    """Single words of the vocabulary, of the valence list and of the ontology."""
    ontology = Ontology.load()
    single = {feature for feature in vocabulary if feature[0].isalpha() and " " not in feature}
    return frozenset(single | set(valence) | set(ontology.nodes) | set(ontology.forms))


def _per_token(num_tokens: int, spans: list[list[tuple[int, int]]], contributions: Array) -> Array:
    """Share each feature's contribution equally among the tokens of the places where it occurs."""
    evidence = np.zeros((num_tokens, contributions.shape[1]))
    for places, contribution in zip(spans, contributions, strict=True):
        touched = [token for first, last in places for token in range(first, last + 1)]
        np.add.at(evidence, touched, contribution / len(touched))
    return evidence


def _coverage(tokens: list[Token], known: frozenset[str]) -> float:
    """Letters of known words over letters of all words; masked words count as known."""
    words = [token for token in tokens if token.form[0].isalpha() or token.form.startswith("[")]
    letters = sum(token.end - token.start for token in words)
    return (
        sum(token.end - token.start for token in words if token.form in known or token.form[0] == "[") / letters
        if letters
        else 1.0
    )


@cache
def _load(folder: Path) -> TextModel:
    try:
        tensors = load_file(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        features = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        listed = (folder / "valence.txt").read_text(encoding="utf-8").split("\n")[:-1]
        valences = tensors["valence"].astype(np.float64) * float(config["valence_scale"])
        valence = dict(zip(listed, (float(value) for value in valences), strict=True))
        vocabulary = {feature: row for row, feature in enumerate(features)}
        space = FeatureSpace(vocabulary, tensors["idf"].astype(np.float64), float(config["piece_weight"]))
        model = TextModel(
            space=space,
            labels=tuple(config["labels"]),
            weights=tensors["weights"],
            scale=tensors["scale"].astype(np.float64),
            bias=tensors["bias"].astype(np.float64),
            calibration=tensors["calibration"].astype(np.float64),
            thresholds=tensors["thresholds"].astype(np.float64),
            vad_weights=tensors["vad_weights"],
            vad_scale=tensors["vad_scale"].astype(np.float64),
            vad_dense=tensors["vad_dense"].astype(np.float64),
            dense_mean=tensors["dense_mean"].astype(np.float64),
            dense_std=tensors["dense_std"].astype(np.float64),
            vad_bias=tensors["vad_bias"].astype(np.float64),
            vad_middle=np.array(config["vad_middle"], dtype=np.float64),
            vad_gain=np.array(config["vad_gain"], dtype=np.float64),
            valence=valence,
            ordinary=ordinary_words(vocabulary, valence),
        )
    except (OSError, KeyError, ValueError, TypeError, SafetensorError) as error:
        raise CheckpointError(
            "checkpoint.malformed", f"checkpoint {CHECKPOINT!r} cannot be used: {error}; reinstall it"
        ) from error
    if len(space.vocabulary) != len(space.idf) or model.weights.shape[1] != len(model.labels):
        raise CheckpointError("checkpoint.malformed", f"checkpoint {CHECKPOINT!r} does not fit its own vocabulary; reinstall it")
    return model
