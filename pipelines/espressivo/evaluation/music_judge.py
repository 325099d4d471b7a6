"""Judges of emotion in music, trained on real clips only: which quadrant of valence and arousal does a piece belong to?

They judge; nothing in the product is trained or chosen by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from espressivo.music.attributes import ATTRIBUTE_NAMES

__all__ = ["TIMELESS_NAMES", "Judge", "cross_validated", "recalls"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_QUADRANTS = 4
TIMED = (
    "notes_per_s",
    "onsets_per_s",
    "gap_p10_s",
    "gap_p50_s",
    "gap_p90_s",
    "gap_short_share",
    "gap_long_share",
    "duration_p50_s",
)
TIMELESS_NAMES = tuple(name for name in ATTRIBUTE_NAMES if not name.startswith("velocity") and name not in TIMED)
"""Attributes that know neither loudness nor tempo."""
KERNEL_RIDGE = 0.5
SOFTMAX_RIDGE = 0.02


@dataclass(frozen=True, slots=True)
class Judge:
    """A classifier over named attributes.

    Attributes:
        kind: ``"kernel"`` is regularised least squares with a Gaussian kernel (Rifkin, Yeo & Poggio 2003), ``"linear"``
            multinomial logistic regression.
        names: Attributes it looks at.
    """

    kind: Literal["kernel", "linear"]
    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    support: Floats
    weights: Floats

    @classmethod
    def fit(cls, kind: Literal["kernel", "linear"], names: tuple[str, ...], values: Floats, quadrants: Ints) -> Judge:
        """Train on ``(N, 84)`` values and quadrants 1-4."""
        chosen = values[:, [ATTRIBUTE_NAMES.index(name) for name in names]]
        mean, scale = chosen.mean(axis=0), chosen.std(axis=0) + 1e-6
        x = np.clip((chosen - mean) / scale, -4.0, 4.0)
        target = np.eye(NUM_QUADRANTS)[quadrants - 1]
        weights = _kernel_weights(x, target) if kind == "kernel" else _softmax_weights(x, target)
        return cls(kind, names, mean, scale, x, weights)

    def scores(self, values: Floats) -> Floats:
        """``(N, 4)``; the highest is the verdict."""
        chosen = values[:, [ATTRIBUTE_NAMES.index(name) for name in self.names]]
        x = np.clip((chosen - self.mean) / self.scale, -4.0, 4.0)
        if self.kind == "kernel":
            smooth: Floats = _kernel(x, self.support) @ self.weights
            return smooth
        straight: Floats = x @ self.weights[:-1] + self.weights[-1]
        return straight

    def quadrants(self, values: Floats) -> Ints:
        """Verdicts 1-4."""
        verdicts: Ints = self.scores(values).argmax(axis=1) + 1
        return verdicts


def _kernel(a: Floats, b: Floats) -> Floats:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    kernel: Floats = np.asarray(np.exp(-0.5 * np.maximum(squared, 0.0) / a.shape[1]), np.float64)
    return kernel


def _kernel_weights(x: Floats, target: Floats) -> Floats:
    centred = target - 1.0 / NUM_QUADRANTS
    weights: Floats = np.asarray(np.linalg.solve(_kernel(x, x) + KERNEL_RIDGE * np.eye(len(x)), centred), np.float64)
    return weights


def _softmax_weights(x: Floats, target: Floats) -> Floats:
    padded = np.hstack([x, np.ones((len(x), 1))])
    shape = (padded.shape[1], NUM_QUADRANTS)

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape)
        logits = padded @ weights
        penalty = SOFTMAX_RIDGE * weights
        penalty[-1] = 0.0
        loss = -(target * log_softmax(logits, axis=1)).sum() / len(x) + 0.5 * float((penalty * weights).sum())
        gradient = padded.T @ (softmax(logits, axis=1) - target) / len(x) + penalty
        return float(loss), gradient.ravel()

    result = minimize(objective, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    weights: Floats = result.x.reshape(shape)
    return weights


def cross_validated(
    kind: Literal["kernel", "linear"],
    names: tuple[str, ...],
    values: Floats,
    quadrants: Ints,
    groups: list[str],
    num_folds: int = 5,
) -> Ints:
    """Verdicts on every clip by a judge that has heard no clip of the same song."""
    songs = sorted(set(groups))
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(songs))
    fold_of = {songs[index]: place % num_folds for place, index in enumerate(order)}
    folds = np.array([fold_of[group] for group in groups])
    verdicts = np.zeros(len(values), np.int64)
    for fold in range(num_folds):
        judge = Judge.fit(kind, names, values[folds != fold], quadrants[folds != fold])
        verdicts[folds == fold] = judge.quadrants(values[folds == fold])
    return verdicts


def recalls(wanted: Ints, verdicts: Ints) -> Floats:
    """Share of each quadrant's pieces that are recognised as such, ``(4,)``."""
    return np.array([float((verdicts[wanted == q] == q).mean()) for q in range(1, NUM_QUADRANTS + 1)])
