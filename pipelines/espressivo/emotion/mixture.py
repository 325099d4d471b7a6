"""Soft labels: how weights over emotions are normalised, tempered, and turned into one face."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from espressivo.emotion.ontology import Ontology
from espressivo.resources import load_config

__all__ = ["FaceComponent", "aggregate_labels", "mix_faces", "mixed_support", "normalise", "penalise_unlikely", "strongest"]

TOLD_FROM = 0.08

# Share of people who show an action unit, and its amplitude, for one emotion of a mixture.
FaceComponent = tuple[float, Mapping[int, float], Mapping[int, float]]


def normalise(weights: Mapping[str, float]) -> dict[str, float]:
    """Positive weights scaled to sum 1, strongest first."""
    positive = {name: weight for name, weight in weights.items() if weight > 0}
    total = math.fsum(positive.values())
    ordered = sorted(positive.items(), key=lambda item: (-item[1], item[0]))
    return {name: weight / total for name, weight in ordered}


def strongest(distribution: Mapping[str, float], count: int, threshold: float = 0.0) -> dict[str, float]:
    """The ``count`` strongest nodes of at least ``threshold``, renormalised; never empty."""
    ordered = sorted(distribution.items(), key=lambda item: (-item[1], item[0]))[:count]
    kept = [(name, weight) for name, weight in ordered if weight >= threshold] or ordered[:1]
    return normalise(dict(kept))


def _lineage(name: str) -> set[str]:
    """A node, what it descends from up to its facial family, and nothing beyond: disgust is no anger."""
    ontology = Ontology.load()
    path = ontology.path(name)
    family = ontology.family(name)
    return set(path[: path.index(family) + 1])


@cache
def _pair_factor(one: str, other: str) -> float:
    """The smallest factor of the rules that speak of two nodes or of what they descend from."""
    left, right = _lineage(one), _lineage(other)
    rules = load_config("emotion/pairs.yaml")["penalty"]
    return min((float(f) for a, b, f in rules if (a in left and b in right) or (a in right and b in left)), default=1.0)


def penalise_unlikely(distribution: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Weaken the weaker of two emotions that are seldom felt together.

    For distributions that were read from text; a mixture that a person asks for stays as asked.

    Returns:
        The new distribution, and a sentence for each change that matters.
    """
    changed = dict(distribution)
    notes = []
    names = sorted(distribution, key=lambda name: (-distribution[name], name))
    for index, strong in enumerate(names):
        for weak in names[index + 1 :]:
            factor = _pair_factor(strong, weak)
            changed[weak] *= factor
            if factor < 1.0 and distribution[weak] >= TOLD_FROM:
                notes.append(f"{weak} x {factor:g}: seldom felt with {strong}")
    return normalise(changed), notes


def aggregate_labels(labels: Iterable[Sequence[str]]) -> dict[str, float]:
    """Soft label of several annotators or samples by the all-inclusive rule.

    Every label that anybody gave counts; an annotator with two labels gives half a vote to each.

    Args:
        labels: For each annotator, the nodes chosen.
    """
    votes: dict[str, float] = {}
    for chosen in labels:
        for name in chosen:
            votes[name] = votes.get(name, 0.0) + 1.0 / len(chosen)
    return normalise(votes)


@cache
def _mixing() -> dict[str, Any]:
    table: dict[str, Any] = load_config("emotion/conflicts.yaml")["mixing"]
    return table


def mixed_support(components: Sequence[FaceComponent]) -> dict[int, float]:
    """Evidence for each action unit in a mixture: the mean share of people who show it, less what antagonists have.

    Weights enter by their square root, so that a lesser emotion still shows.
    """
    roots = [math.sqrt(weight) for weight, _, _ in components]
    mean: dict[int, float] = {}
    for root, (_, shares, _) in zip(roots, components, strict=True):
        for unit, share in shares.items():
            mean[unit] = mean.get(unit, 0.0) + share * root / math.fsum(roots)
    net = dict(mean)
    inhibition = float(_mixing()["inhibition"])
    for one, other in _mixing()["antagonists"]:
        if one in mean and other in mean:
            net[one] -= inhibition * mean[other]
            net[other] -= inhibition * mean[one]
    return net


def mix_faces(components: Sequence[FaceComponent]) -> dict[int, float]:
    """One face from several emotions: evidence adds, antagonists inhibit, what is left keeps its amplitude.

    Reproduces the compound faces of Du, Tao & Martinez 2014 from their six basic ones better than the maximum or the mean
    of the parts (``espressivo evaluate emotion``).

    Args:
        components: ``(weight, share per action unit, amplitude per action unit)`` per emotion.

    Returns:
        Amplitude per action unit at intensity 1.
    """
    if len(components) == 1:
        return dict(components[0][2])
    top = max(weight for weight, _, _ in components)
    threshold, fade = float(_mixing()["threshold"]), float(_mixing()["fade"])
    mixed = {}
    for unit, support in mixed_support(components).items():
        amplitude = max(weight / top * amplitudes.get(unit, 0.0) for weight, _, amplitudes in components)
        level = amplitude * min(1.0, max(0.0, (support - threshold + fade) / (2.0 * fade)))
        if level > 0:
            mixed[unit] = level
    return mixed
