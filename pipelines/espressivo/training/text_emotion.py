"""Train the reader of texts from GoEmotions and EmoBank, with numpy and scipy alone.

    python -m espressivo.training.text_emotion --data FOLDER --valence vader_lexicon.txt -o checkpoints/text_emotion

``FOLDER`` holds ``goemotions/{train,dev,test}.tsv``, ``goemotions/labels.txt`` and ``emobank/emobank.csv``. The valence list
is ``vader_lexicon.txt`` of the package ``vaderSentiment`` 3.3.2 (MIT). Test splits are never opened here: sizes, thresholds
and calibration are chosen on the development splits; ``espressivo evaluate emotion --data FOLDER`` gives the test figures.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from safetensors.numpy import save_file
from scipy.optimize import minimize
from scipy.sparse.linalg import lsqr

from espressivo.emotion.text_features import Token, piece_features, surface_features, tokenise, word_features
from espressivo.emotion.text_model import FeatureSpace, ordinary_words, probabilities

__all__ = ["Corpus", "main", "read_emobank", "read_goemotions"]

Array = NDArray[np.float64]
MIN_TEXTS_WORD = 2
MIN_TEXTS_PIECE = 15
MIN_TEXTS_ORDINARY = 3
PIECE_WEIGHT = 0.5
BALANCE = 0.5  # class weights are (n / 2 n_c) ** BALANCE
PENALTY = 1.0
ITERATIONS = 60
NUM_LABEL_FEATURES = 10000
NUM_VAD_FEATURES = 5000
VAD_PENALTY = 8.0
DENSE_SCALE = 0.03  # weight of a standardised dense feature beside the sparse ones before the ridge
BOOTSTRAPS = 100
INT8_MAX = 127
VALENCE_RANGE = 4.0
FAR_QUANTILE = 0.99
FAR_VALUES = (0.85, 0.75, 0.55)  # spread of Russell & Mehrabian's words in valence, arousal, dominance
EMOBANK_MIDDLE, EMOBANK_HALF_RANGE = 3.0, 2.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts and their targets: ``(N, 28)`` bool labels or ``(N, 3)`` float64 VAD in -1..1."""

    texts: list[str]
    targets: NDArray[np.bool_] | Array


def read_goemotions(folder: Path, split: str) -> Corpus:
    """A split of GoEmotions (tab-separated: text, comma-joined label numbers, comment id)."""
    texts, rows = [], []
    for line in (folder / f"{split}.tsv").read_text(encoding="utf-8").splitlines():
        text, labels, _ = line.split("\t")
        row = np.zeros(28, dtype=np.bool_)
        row[[int(label) for label in labels.split(",")]] = True
        texts.append(text)
        rows.append(row)
    return Corpus(texts, np.array(rows))


def read_emobank(folder: Path, split: str) -> Corpus:
    """A split of EmoBank, ratings moved from 1..5 to -1..1."""
    with (folder / "emobank.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    ratings = np.array([[float(row[axis]) for axis in "VAD"] for row in rows])
    return Corpus([row["text"] for row in rows], (ratings - EMOBANK_MIDDLE) / EMOBANK_HALF_RANGE)


def read_valence(path: Path) -> dict[str, float]:
    """Single words of VADER's list and their mean valence."""
    listed = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        word, mean, *_ = line.split("\t")
        if word.isalpha() and word.isascii() and [token.form for token in tokenise(word)] == [word]:
            listed[word] = float(mean)
    return dict(sorted(listed.items()))


def find_space(texts: Sequence[Sequence[Token]]) -> FeatureSpace:
    """All features that are frequent enough, with their inverse document frequencies."""
    counts: Counter[str] = Counter()
    for tokens in texts:
        counts.update({feature for feature, _, _ in (*word_features(list(tokens)), *piece_features(list(tokens)))})
    kept = [f for f, n in sorted(counts.items()) if n >= (MIN_TEXTS_PIECE if _is_piece(f) else MIN_TEXTS_WORD)]
    idf = np.array([np.log((1 + len(texts)) / (1 + counts[feature])) + 1.0 for feature in kept])
    return FeatureSpace({feature: row for row, feature in enumerate(kept)}, idf, PIECE_WEIGHT)


def _is_piece(feature: str) -> bool:
    return feature[0] == "#" and len(feature) > 1


def to_matrix(space: FeatureSpace, texts: Sequence[Sequence[Token]]) -> sp.csr_array:
    """``(N, V)`` sparse TF-IDF."""
    found = [space.find(list(tokens)) for tokens in texts]
    pointers = np.concatenate([[0], np.cumsum([len(item.indices) for item in found])])
    indices, values = np.concatenate([item.indices for item in found]), np.concatenate([item.values for item in found])
    return sp.csr_array((values, indices, pointers), shape=(len(found), len(space.vocabulary)))


def fit_labels(features: sp.csr_array, labels: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Balanced logistic regression for all labels at once by L-BFGS.

    Returns:
        ``(V, 28)`` weights and ``(28,)`` bias.
    """
    num_texts, num_features = features.shape
    num_labels = labels.shape[1]
    positive = labels.sum(axis=0)
    weight = np.where(labels, (num_texts / (2 * positive)) ** BALANCE, (num_texts / (2 * (num_texts - positive))) ** BALANCE)
    sign = np.where(labels, 1.0, -1.0)
    transposed = features.T.tocsr()

    def loss(flat: Array) -> tuple[float, Array]:
        matrix = flat.reshape(num_features + 1, num_labels)
        margin = -sign * (features @ matrix[:-1] + matrix[-1])
        gradient = -sign * weight / (1.0 + np.exp(-margin))
        value = (weight * np.logaddexp(0.0, margin)).sum() + 0.5 * PENALTY * (matrix[:-1] ** 2).sum()
        slope = np.vstack([transposed @ gradient + PENALTY * matrix[:-1], gradient.sum(axis=0)])
        return float(value), slope.ravel()

    start = np.zeros((num_features + 1) * num_labels)
    result = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS, "maxcor": 6})
    matrix = result.x.reshape(num_features + 1, num_labels)
    return matrix[:-1], matrix[-1]


def quantise(weights: Array) -> tuple[NDArray[np.int8], Array]:
    """int8 weights and the value of one step per column."""
    scale = np.abs(weights).max(axis=0) / INT8_MAX
    return np.round(weights / scale).astype(np.int8), scale


def calibrate(scores: Array, labels: NDArray[np.bool_]) -> Array:
    """``(28, 2)`` slope and offset from score to log-odds (Platt 1999, with his smoothed targets)."""
    fitted = []
    for score, label in zip(scores.T, labels.T, strict=True):
        positive, negative = label.sum(), (~label).sum()
        target = np.where(label, (positive + 1) / (positive + 2), 1 / (negative + 2))

        def loss(line: Array, score: Array = score, target: Array = target) -> tuple[float, Array]:
            log_odds = line[0] * score + line[1]
            error = 1.0 / (1.0 + np.exp(-log_odds)) - target
            value = (np.logaddexp(0.0, log_odds) - target * log_odds).sum()
            return float(value), np.array([(error * score).sum(), error.sum()])

        fitted.append(minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x)
    return np.array(fitted)


def choose_thresholds(scores: Array, labels: NDArray[np.bool_]) -> Array:
    """``(28,)`` scores with the best F1, averaged over resamples of the texts so that rare labels are not overfitted."""
    rng = np.random.Generator(np.random.PCG64(0))
    chosen = []
    for score, label in zip(scores.T, labels.T, strict=True):
        best = []
        for _ in range(BOOTSTRAPS):
            sample = rng.integers(0, len(score), len(score))
            best.append(_best_threshold(score[sample], label[sample]))
        chosen.append(float(np.median(best)))
    return np.array(chosen)


def _best_threshold(score: Array, label: NDArray[np.bool_]) -> float:
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(label[order])
    f1 = 2 * hits / (np.arange(len(order)) + 1 + label.sum())
    place = int(f1.argmax())
    following = min(place + 1, len(order) - 1)
    return float(0.5 * (score[order[place]] + score[order[following]]))


def macro_f1(predicted: NDArray[np.bool_], labels: NDArray[np.bool_]) -> float:
    """Mean over labels of F1."""
    both = (predicted & labels).sum(axis=0)
    return float(np.mean(2 * both / np.maximum(1, predicted.sum(axis=0) + labels.sum(axis=0))))


def fit_vad(sparse: sp.csr_array, dense: Array, targets: Array) -> _VadHead:
    """Ridge regression on sparse features and standardised dense ones."""
    mean, spread = dense.mean(axis=0), dense.std(axis=0)
    std = np.where(spread > 0, spread, 1.0)  # a feature that never varies says nothing, and must not divide by zero
    features = sp.hstack([sparse, sp.csr_array((dense - mean) / std * DENSE_SCALE)]).tocsr()
    bias = targets.mean(axis=0)
    columns = [lsqr(features, column, damp=np.sqrt(VAD_PENALTY), iter_lim=300)[0] for column in (targets - bias).T]
    weights = np.array(columns).T
    num_sparse = sparse.shape[1]
    return _VadHead(weights[:num_sparse], weights[num_sparse:] * DENSE_SCALE, mean, std, bias)


def correlations(predicted: Array, targets: Array) -> Array:
    """``(3,)`` Pearson correlations."""
    return np.array([np.corrcoef(left, right)[0, 1] for left, right in zip(predicted.T, targets.T, strict=True)])


@dataclass(frozen=True, slots=True)
class _Split:
    """A split of both corpora: tokens, features, targets."""

    go_features: sp.csr_array
    go_labels: NDArray[np.bool_]
    bank_features: sp.csr_array
    bank_surface: Array
    bank_vad: Array


@dataclass(frozen=True, slots=True)
class _VadHead:
    """Ridge weights of the sparse features and of the standardised dense ones."""

    sparse: Array
    dense: Array
    mean: Array
    std: Array
    bias: Array

    def predict(self, features: sp.csr_array, dense: Array) -> Array:
        """``(N, 3)``."""
        predicted: Array = features @ self.sparse + (dense - self.mean) / self.std @ self.dense + self.bias
        return predicted


def train(data: Path, valence_path: Path, output: Path) -> dict[str, object]:
    """Train, choose on the development splits, and write the checkpoint; returns the development figures."""
    started = time.perf_counter()

    def tell(what: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {what}", flush=True)  # noqa: T201

    corpora = {
        split: (read_goemotions(data / "goemotions", split), read_emobank(data / "emobank", split)) for split in ("train", "dev")
    }
    valence = read_valence(valence_path)
    all_texts = [text for corpus in corpora["train"] for text in corpus.texts]
    known = ordinary_words(_frequent_words(all_texts), valence)
    full = find_space([tokenise(text, known) for text in all_texts])
    tell(f"{len(full.vocabulary)} features")
    label_rows, vad_rows = _strongest_features(_prepare(corpora["train"], full, known, valence))
    tell(f"chosen {len(label_rows)} for labels, {len(vad_rows)} for valence, arousal, dominance")

    # Everything is fitted again on what is kept: lengths of vectors and names taken for ordinary words change with it.
    names = list(full.vocabulary)
    rows = np.concatenate([label_rows, np.setdiff1d(vad_rows, label_rows)])
    space = FeatureSpace({names[row]: place for place, row in enumerate(rows)}, full.idf[rows], PIECE_WEIGHT)
    known = ordinary_words(space.vocabulary, valence)
    splits = {split: _prepare(pair, space, known, valence) for split, pair in corpora.items()}
    num_labels = len(label_rows)
    weights, bias = fit_labels(splits["train"].go_features[:, :num_labels], splits["train"].go_labels)
    small, scale = quantise(weights)
    tell("labels fitted")

    def scores(features: sp.csr_array) -> Array:
        return np.asarray(features[:, :num_labels] @ (small * scale) + bias)

    train_split, dev = splits["train"], splits["dev"]
    calibration = calibrate(scores(dev.go_features), dev.go_labels)

    def dense(split: _Split) -> Array:
        score = scores(split.bank_features)
        return np.hstack([score, probabilities(score, calibration), split.bank_surface])

    head = fit_vad(train_split.bank_features, dense(train_split), train_split.bank_vad)
    vad_small, vad_scale = quantise(head.sparse)
    rounded = replace(head, sparse=vad_small * vad_scale)
    thresholds = choose_thresholds(scores(dev.go_features), dev.go_labels)
    tensors: dict[str, NDArray[np.generic]] = {
        "idf": space.idf.astype(np.float32),
        "weights": small,
        "scale": scale.astype(np.float32),
        "bias": bias.astype(np.float32),
        "calibration": calibration.astype(np.float32),
        "thresholds": thresholds.astype(np.float32),
        "vad_weights": vad_small,
        "vad_scale": vad_scale.astype(np.float32),
        "vad_dense": head.dense.astype(np.float32),
        "dense_mean": head.mean.astype(np.float32),
        "dense_std": head.std.astype(np.float32),
        "vad_bias": head.bias.astype(np.float32),
        "valence": np.round(np.array(list(valence.values())) / VALENCE_RANGE * INT8_MAX).astype(np.int8),
    }
    predicted = rounded.predict(dev.bank_features, dense(dev))
    labels = (data / "goemotions" / "labels.txt").read_text(encoding="utf-8").split()
    config = {"labels": labels, "piece_weight": PIECE_WEIGHT, "valence_scale": VALENCE_RANGE / INT8_MAX, **_stretch(predicted)}
    write(output, tensors, config, list(space.vocabulary), list(valence))
    r = correlations(predicted, dev.bank_vad)
    return {
        "dev_macro_f1": round(macro_f1(scores(dev.go_features) > thresholds, dev.go_labels), 4),
        "dev_vad_r": [round(float(value), 4) for value in r],
        "seconds": round(time.perf_counter() - started),
    }


def _stretch(predicted: Array) -> dict[str, list[float]]:
    """Middle and gain per axis that bring the cautious predictions of a ridge to the range that emotion words span."""
    middle = np.median(predicted, axis=0)
    far = np.quantile(np.abs(predicted - middle), FAR_QUANTILE, axis=0)
    gain = np.array(FAR_VALUES) / far
    return {"vad_middle": [round(float(value), 5) for value in middle], "vad_gain": [round(float(value), 4) for value in gain]}


def _prepare(pair: tuple[Corpus, Corpus], space: FeatureSpace, known: frozenset[str], valence: dict[str, float]) -> _Split:
    goemotions, emobank = pair
    bank_tokens = [tokenise(text, known) for text in emobank.texts]
    surface = [surface_features(text, tokens, valence) for text, tokens in zip(emobank.texts, bank_tokens, strict=True)]
    return _Split(
        go_features=to_matrix(space, [tokenise(text, known) for text in goemotions.texts]),
        go_labels=goemotions.targets.astype(np.bool_),
        bank_features=to_matrix(space, bank_tokens),
        bank_surface=np.array(surface),
        bank_vad=emobank.targets.astype(np.float64),
    )


def _strongest_features(split: _Split) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows with the largest weight for any label, and for any of valence, arousal, dominance."""
    weights, _ = fit_labels(split.go_features, split.go_labels)
    head = fit_vad(split.bank_features, split.bank_surface, split.bank_vad)
    label_strength = np.abs(weights).max(axis=1)
    vad_strength = np.abs(head.sparse / split.bank_vad.std(axis=0)).max(axis=1)
    return _top(label_strength, NUM_LABEL_FEATURES), _top(vad_strength, NUM_VAD_FEATURES)


def _top(strength: Array, count: int) -> NDArray[np.int64]:
    return np.sort(np.argsort(-strength, kind="stable")[:count])


def _frequent_words(texts: list[str]) -> dict[str, int]:
    """Words that are written in lower case in several texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update({text[token.start : token.end] for token in tokenise(text)})
    frequent = [word for word, count in counts.items() if count >= MIN_TEXTS_ORDINARY and word.islower()]
    return {word: row for row, word in enumerate(frequent)}


def write(
    folder: Path, tensors: Mapping[str, NDArray[np.generic]], config: dict[str, object], vocabulary: list[str], words: list[str]
) -> None:
    """Write the checkpoint's files and their checksums; the model card is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    # safetensors writes the memory as it lies: a transposed view would come back scrambled.
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (folder / "vocabulary.txt").write_text("".join(f"{feature}\n" for feature in vocabulary), encoding="utf-8")
    (folder / "valence.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    names = ("config.json", "model.safetensors", "valence.txt", "vocabulary.txt")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        prog="python -m espressivo.training.text_emotion",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with goemotions/ and emobank/")
    parser.add_argument("--valence", type=Path, required=True, help="vader_lexicon.txt")
    parser.add_argument("-o", "--output", type=Path, required=True, help="checkpoint folder")
    options = parser.parse_args(arguments)
    print(json.dumps(train(options.data, options.valence, options.output)))  # noqa: T201


if __name__ == "__main__":
    main()
