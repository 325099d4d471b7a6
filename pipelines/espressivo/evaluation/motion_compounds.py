"""Mixed emotions against the published compound faces, and whether changes of emotion arrive when the plan says so."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr

from espressivo.emotion import EmotionRequest, plan_emotion
from espressivo.emotion.request import Keyframe
from espressivo.evaluation.figures import Figure
from espressivo.evaluation.motion_subjects import FPS, SEED, Subject, compared
from espressivo.face.actions import action_weights
from espressivo.face.expression import expression_curves
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = ["arrival_s", "compound_figures", "shown_units", "transition_figures"]

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26)
NAMES = {"happy": "joy", "sad": "sadness", "fearful": "fear", "angry": "anger", "surprised": "surprise", "disgusted": "disgust"}
DURATION_S, APEX_S = 5.0, (2.0, 3.5)
CHANGE_S, ARRIVED_SHARE, LATEST_S = 3.0, 0.8, 0.3
NUM_RESAMPLES = 400
FloatArray = NDArray[np.float64]


@cache
def _dictionary() -> FloatArray:
    """``(52, N)`` what each of :data:`UNITS` shows."""
    return np.stack([action_weights(unit).astype(np.float64) for unit in UNITS], axis=1)


def shown_units(weights: FloatArray) -> FloatArray:
    """``(N,)`` level of each of :data:`UNITS` that together come nearest to weights ``(52,)``."""
    levels, _ = nnls(_dictionary(), weights)
    return np.asarray(levels)


def _apex(subject: Subject, request: EmotionRequest) -> FloatArray:
    """``(52,)`` mean weights at the height of a silent emotion."""
    first, last = (int(moment_s * float(FPS)) for moment_s in APEX_S)
    plan = plan_emotion(request, seed=SEED)
    weights = subject.generate(plan, None, duration_s=DURATION_S, fps=FPS, seed=SEED).weights
    return np.asarray(weights[first:last].mean(axis=0), np.float64)


def compound_figures(subjects: Sequence[Subject], count: int) -> list[Figure]:
    """Published share of people who show an action unit in a compound, against its level in the mixture of the two emotions.

    Only units count that belong to the prototype of neither part, for those are what the mixture is made of.

    Args:
        subjects: Backends; the first is the figure, the others are baselines.
        count: How many of the 15 compounds.
    """
    published = load_config("emotion/prototypes.yaml")["du2014"]
    named = list(published["compounds"].items())[:count]
    levels: dict[str, list[list[float]]] = {name: [] for name in (*(s.name for s in subjects), "mean of the two faces")}
    truth: list[list[float]] = []
    calm = {subject.name: _apex(subject, EmotionRequest(label="neutral", duration_s=DURATION_S)) for subject in subjects}

    def levels_of(subject: Subject, mixture: dict[str, float]) -> FloatArray:
        mixed = _apex(subject, EmotionRequest(mixture=mixture, intensity=1.0, duration_s=DURATION_S))
        return shown_units(np.maximum(0.0, mixed - calm[subject.name]))

    needed = sorted({part for _, parts in named for part in parts})
    plain = {part: levels_of(subjects[0], {NAMES[part]: 1.0}) for part in needed}
    for compound, parts in named:
        made_of = {unit for part in parts for unit in published["rows"][part]["p"]}
        rest = [index for index, unit in enumerate(UNITS) if unit not in made_of]
        row = published["rows"][compound]
        truth.append([1.0 if UNITS[k] in row["p"] else float(row.get("v", {}).get(UNITS[k], 0.0)) for k in rest])
        for subject in subjects:
            levels[subject.name].append(levels_of(subject, {NAMES[part]: 0.5 for part in parts})[rest].tolist())
        levels["mean of the two faces"].append(np.mean([plain[part] for part in parts], axis=0)[rest].tolist())
    scores = {name: _rank(truth, values) for name, values in levels.items()}
    rng = numpy_generator(SEED, "evaluation", "compounds")
    own = levels[subjects[0].name]
    draws = []
    for _ in range(NUM_RESAMPLES):
        picked = rng.integers(0, len(named), len(named))
        draws.append(_rank([truth[k] for k in picked], [own[k] for k in picked]))
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    value = scores.pop(subjects[0].name)
    said = (
        f"{len(named)} compounds of Du 2014 as mixtures of two emotions, silent; rank correlation over the units in neither part"
    )
    return [Figure("compounds.unused_units", value, "rho", "higher", None, (float(low), float(high)), scores, said)]


def _rank(truth: Sequence[Sequence[float]], levels: Sequence[Sequence[float]]) -> float:
    asked, shown = np.concatenate([*map(np.asarray, truth)]), np.concatenate([*map(np.asarray, levels)])
    return float(spearmanr(asked, shown).statistic) if asked.std() > 0 and shown.std() > 0 else 0.0


def transition_figures(subjects: Sequence[Subject], pairs: Sequence[tuple[str, str]]) -> list[Figure]:
    """How much later than in the plan a face arrives at the second of two emotions; 80 % of the way counts as arrived."""
    delays: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    for first, second in pairs:
        keyframes = (Keyframe(time_s=0.0, mixture={first: 1.0}), Keyframe(time_s=CHANGE_S, mixture={second: 1.0}))
        plan = plan_emotion(EmotionRequest(keyframes=keyframes, duration_s=2.0 * CHANGE_S), seed=SEED)
        times_s = (np.arange(int(2.0 * CHANGE_S * float(FPS)), dtype=np.float64) + 0.5) / float(FPS)
        asked = expression_curves(plan, times_s, seed=SEED).astype(np.float64)
        for subject in subjects:
            track = subject.generate(plan, None, duration_s=2.0 * CHANGE_S, fps=FPS, seed=SEED)
            delays[subject.name].append(arrival_s(track.weights, asked, times_s) - arrival_s(asked, asked, times_s))
    said = f"{len(pairs)} changes of emotion in silence; the plan's own curves arrive at 0"
    return [compared("transitions.delay", "s", "lower", delays, said, LATEST_S)]


def arrival_s(weights: NDArray[np.floating], asked: FloatArray, times_s: FloatArray) -> float:
    """When weights ``(T, 52)`` are 80 % of the way from the asked first face to the second, for good; the end if never."""
    before = asked[(times_s > 1.5) & (times_s < CHANGE_S - 0.8)].mean(axis=0)
    after = asked[(times_s > CHANGE_S + 1.2) & (times_s < CHANGE_S + 2.0)].mean(axis=0)
    way = (after - before) / max(1e-9, float((after - before) @ (after - before)))
    progress = (weights - before) @ way
    late = np.flatnonzero((progress < ARRIVED_SHARE) & (times_s < CHANGE_S + 2.0))
    return float(times_s[late[-1]]) if len(late) else 0.0
