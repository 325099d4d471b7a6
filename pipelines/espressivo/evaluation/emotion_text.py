"""How well texts are read: GoEmotions and EmoBank test splits, calibration, bias, speed and size."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.lexicon import find_clues
from espressivo.emotion.mixture import normalise
from espressivo.emotion.ontology import Ontology
from espressivo.emotion.reading import read_text
from espressivo.emotion.text_features import surface_features
from espressivo.emotion.text_model import CHECKPOINT, TextModel, TextScores
from espressivo.emotion.vad import mixture_vad
from espressivo.evaluation.figures import Figure
from espressivo.resources import checkpoint_folder
from espressivo.training.text_emotion import read_emobank, read_goemotions

__all__ = ["measure_texts"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
QUICK_ROWS: Final = 1200
DRAWS: Final = 400
BINS: Final = 15
NO_DATA: Final = "skipped: needs text/goemotions and text/emobank under --data"
GOEMOTIONS: Final = "GoEmotions test split (5,427 comments); published BERT (Demszky et al. 2020) macro .46, other hardware"
EMOBANK: Final = (
    "EmoBank test split (1,000 sentences), Pearson r; published BERT-large .765/.583/.416, RoBERTa-large .838/.573/.536"
)


def measure_texts(data: Path | None, *, quick: bool) -> list[Figure]:
    """Figures of reading; those that need data are skipped without it."""
    folder = None if data is None else data / "text"
    if folder is None or not (folder / "goemotions" / "test.tsv").is_file():
        names = ["text.goemotions_macro_f1", "text.ekman_macro_f1", "text.emobank_r_valence", "text.emobank_r_arousal"]
        skipped = [Figure(name, None, "", "higher", source=NO_DATA) for name in (*names, "text.emobank_r_dominance")]
        return [*skipped, *_costs(["I can't believe we won!"] * 200)]
    limit = QUICK_ROWS if quick else None
    return [*_labels(folder / "goemotions", limit), *_vad(folder / "emobank", limit)]


def _labels(folder: Path, limit: int | None) -> list[Figure]:
    corpus = read_goemotions(folder, "test")
    texts, truth = corpus.texts[:limit], corpus.targets[:limit].astype(np.bool_)
    model = TextModel.load()
    scores = [model.score(text) for text in texts]
    predicted = np.array([score.present for score in scores])
    chances = np.array([score.probabilities for score in scores])
    groups = _groups(model.labels)
    by_words = np.array([_by_words(text, model.labels) for text in texts])
    majority = np.zeros_like(truth)
    majority[:, model.labels.index("neutral")] = True
    part = "" if limit is None else f"; first {limit} rows"
    ekman_truth, ekman = _grouped(truth, groups), _grouped(predicted, groups)
    read = [read_text(text) for text in texts]
    public = np.array([[reading.distribution.get(label, 0.0) for label in model.labels] for reading in read])
    return [
        Figure(
            "text.goemotions_macro_f1",
            _macro(predicted, truth),
            "",
            "higher",
            0.45,
            _interval(_macro, predicted, truth),
            {
                "always neutral": _macro(majority, truth),
                "word list": _macro(by_words, truth),
                "read_text().distribution > .15": _macro(public > 0.15, truth),
            },
            GOEMOTIONS + part,
        ),
        Figure(
            "text.goemotions_micro_f1",
            _micro(predicted, truth),
            "",
            "higher",
            None,
            _interval(_micro, predicted, truth),
            {},
            GOEMOTIONS + part,
        ),
        Figure(
            "text.ekman_macro_f1",
            _macro(ekman, ekman_truth),
            "",
            "higher",
            0.57,
            _interval(_macro, ekman, ekman_truth),
            {"word list": _macro(_grouped(by_words, groups), ekman_truth)},
            "labels grouped into Ekman's six and neutral; published BERT .64" + part,
        ),
        Figure(
            "text.calibration_error",
            _calibration_error(chances, truth),
            "",
            "lower",
            None,
            None,
            {"uncalibrated": _calibration_error(_raw(scores, model), truth)},
            "expected calibration error over all labels, 15 bins; no interval: one number over 28 x N decisions" + part,
        ),
        Figure(
            "text.label_entropy_ratio",
            _entropy(predicted) / _entropy(truth),
            "",
            "higher",
            None,
            None,
            {},
            "entropy of predicted labels over that of the true ones: under 1 favours few labels; no interval: descriptive" + part,
        ),
        *_costs(texts[:400]),
    ]


def _vad(folder: Path, limit: int | None) -> list[Figure]:
    corpus = read_emobank(folder, "test")
    texts, truth = corpus.texts[:limit], corpus.targets[:limit].astype(np.float64)
    model = TextModel.load()
    scores = [model.score(text) for text in texts]
    predicted = np.array([score.vad for score in scores])
    listed = np.array([surface_features(text, score.tokens, model.valence)[0] for text, score in zip(texts, scores, strict=True)])
    table = np.array([mixture_vad(normalise(dict(zip(score.labels, score.probabilities, strict=True)))) for score in scores])
    floors = {"valence": 0.60, "arousal": 0.45, "dominance": 0.32}
    figures = []
    for axis, (name, floor) in enumerate(floors.items()):
        baselines = {"labels through Russell & Mehrabian's table": _r(table[:, axis], truth[:, axis])}
        baselines |= {"valence word list": _r(listed, truth[:, axis])} if axis == 0 else {}
        interval = _interval(_r, predicted[:, axis], truth[:, axis])
        figures.append(
            Figure(
                f"text.emobank_r_{name}",
                _r(predicted[:, axis], truth[:, axis]),
                "",
                "higher",
                floor,
                interval,
                baselines,
                EMOBANK,
            )
        )
    return figures


def _costs(texts: list[str]) -> list[Figure]:
    read_text(texts[0])
    times = []
    for text in texts:
        started = time.perf_counter()
        read_text(text)
        times.append(1000.0 * (time.perf_counter() - started))
    size = sum(
        path.stat().st_size for path in checkpoint_folder(CHECKPOINT).iterdir() if path.name not in {"README.md", "SHA256SUMS"}
    )
    spread = (float(np.percentile(times, 2.5)), float(np.percentile(times, 97.5)))
    return [
        Figure(
            "text.read_ms",
            float(np.median(times)),
            "ms",
            "lower",
            5.0,
            spread,
            {},
            "read_text, median per text; interval: 95 % of texts",
        ),
        Figure("text.model_mb", size / 1e6, "MB", "lower", 1.0, None, {}, "files of the checkpoint; exact"),
    ]


def _macro(predicted: Bools, truth: Bools) -> float:
    both = (predicted & truth).sum(axis=0)
    return float(np.mean(2 * both / np.maximum(1, predicted.sum(axis=0) + truth.sum(axis=0))))


def _micro(predicted: Bools, truth: Bools) -> float:
    return float(2 * (predicted & truth).sum() / max(1, predicted.sum() + truth.sum()))


def _r(predicted: Floats, truth: Floats) -> float:
    return float(np.corrcoef(predicted, truth)[0, 1])


def _interval(measure: Callable[..., float], predicted: NDArray[np.generic], truth: NDArray[np.generic]) -> tuple[float, float]:
    """95 % percentile bootstrap over texts."""
    rng = np.random.Generator(np.random.PCG64(0))
    values = []
    for _ in range(DRAWS):
        sample = rng.integers(0, len(truth), len(truth))
        values.append(measure(predicted[sample], truth[sample]))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def _groups(labels: tuple[str, ...]) -> list[list[int]]:
    table = Ontology.load().table["views"]["goemotions"]["to_ekman"]
    return [[labels.index(label) for label in row] for row in (*table.values(), ["neutral"])]


def _grouped(values: Bools, groups: list[list[int]]) -> Bools:
    return np.stack([values[:, group].any(axis=1) for group in groups], axis=1)


def _by_words(text: str, labels: tuple[str, ...]) -> Bools:
    """Baseline: the labels whose words occur in the text, else neutral."""
    ontology = Ontology.load()
    found = np.zeros(len(labels), dtype=np.bool_)
    for clue in find_clues(text):
        label = next((step for step in ontology.path(clue.node) if step in labels), None)
        if label is not None:
            found[labels.index(label)] = True
    if not found.any():
        found[labels.index("neutral")] = True
    return found


def _raw(scores: list[TextScores], model: TextModel) -> Floats:
    """Probabilities as if scores were log-odds."""
    slope, offset = model.calibration.T
    log_odds = [np.log(score.probabilities / (1.0 - score.probabilities)) for score in scores]
    raw: Floats = 1.0 / (1.0 + np.exp(-(np.array(log_odds) - offset) / slope))
    return raw


def _calibration_error(chances: Floats, truth: Bools) -> float:
    edges = np.linspace(0.0, 1.0, BINS + 1)
    place = np.clip(np.digitize(chances.ravel(), edges) - 1, 0, BINS - 1)
    error = 0.0
    for index in range(BINS):
        inside = place == index
        if inside.any():
            error += inside.mean() * abs(truth.ravel()[inside].mean() - chances.ravel()[inside].mean())
    return float(error)


def _entropy(labels: Bools) -> float:
    share = labels.sum(axis=0) / max(1, labels.sum())
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
