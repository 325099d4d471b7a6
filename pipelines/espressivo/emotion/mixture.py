"""Soft labels: how weights over emotions are normalised, tempered, and turned into one face."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from espressivo.emotion.ontology import Ontology
from espressivo.resources import load_config

__all__ = ["FaceComponent", "aggregate_labels", "mix_faces", "normalise", "penalise_unlikely", "strongest"]

KEEP_FROM = 0.22
FULL_FROM = 0.45

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


@cache
def _penalties() -> tuple[tuple[str, str, float], ...]:
    return tuple((one, other, float(factor)) for one, other, factor in load_config("emotion/pairs.yaml")["penalty"])


def _lineage(name: str) -> set[str]:
    """A node, what it descends from up to its facial family, and nothing beyond: disgust is no anger."""
    ontology = Ontology.load()
    path = ontology.path(name)
    family = ontology.family(name)
    return set(path[: path.index(family) + 1])


def penalise_unlikely(distribution: Mapping[str, float]) -> tuple[dict[str, float], list[str]]:
    """Weaken the weaker of two emotions that are seldom felt together.

    For distributions that were read from text; a mixture that a person asks for stays as asked.

    Returns:
        The new distribution, and a sentence for each change.
    """
    changed = dict(distribution)
    notes = []
    lineage = {name: _lineage(name) for name in distribution}
    names = sorted(distribution, key=lambda name: (-distribution[name], name))
    for index, strong in enumerate(names):
        for weak in names[index + 1 :]:
            factor = min(
                (f for one, other, f in _penalties() if _matches(lineage[strong], lineage[weak], one, other)), default=1.0
            )
            if factor < 1.0:
                changed[weak] *= factor
                notes.append(f"{weak} x {factor:g}: seldom felt with {strong}")
    return normalise(changed), notes


def _matches(left: set[str], right: set[str], one: str, other: str) -> bool:
    return (one in left and other in right) or (one in right and other in left)


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
def _antagonists() -> tuple[tuple[int, int, float], ...]:
    return tuple(
        (int(one), int(other), float(weight)) for one, other, weight in load_config("emotion/conflicts.yaml")["antagonists"]
    )


def mix_faces(components: Sequence[FaceComponent]) -> dict[int, float]:
    """One face from several emotions: evidence adds, antagonists inhibit, what is left keeps its amplitude.

    For each action unit the shares of people who show it combine as independent causes
    (``1 - prod(1 - g s)``); antagonistic muscles then inhibit each other in proportion to their own support, and what
    falls under a threshold is dropped. This reproduces the compound faces of Du, Tao & Martinez 2014 from their six
    basic ones better than the maximum or the mean of the parts (see ``espressivo evaluate emotion``).

    Args:
        components: ``(weight, share per action unit, amplitude per action unit)`` per emotion.

    Returns:
        Amplitude per action unit at intensity 1.
    """
    if len(components) == 1:
        return dict(components[0][2])
    top = max(weight for weight, _, _ in components)
    support: dict[int, float] = {}
    amplitude: dict[int, float] = {}
    for weight, shares, amplitudes in components:
        gain = weight / top
        for unit, share in shares.items():
            support[unit] = 1.0 - (1.0 - support.get(unit, 0.0)) * (1.0 - gain * share)
            amplitude[unit] = max(amplitude.get(unit, 0.0), gain * amplitudes.get(unit, 0.0))
    inhibition = dict.fromkeys(support, 0.0)
    for one, other, weight in _antagonists():
        if one in support and other in support:
            inhibition[one] += weight * support[other]
    kept = {}
    for unit, value in support.items():
        net = value - inhibition[unit]
        level = amplitude[unit] * min(1.0, max(0.0, (net - KEEP_FROM) / (FULL_FROM - KEEP_FROM)))
        if level > 0:
            kept[unit] = level
    return kept
