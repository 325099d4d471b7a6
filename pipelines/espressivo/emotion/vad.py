"""Valence, arousal, dominance: where each emotion word lies, and which words lie near a point.

Vectors are float64 ``(3,)`` in the order valence, arousal, dominance, each -1 to 1 (Russell & Mehrabian 1977).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.ontology import Ontology
from espressivo.emotion.plan import VAD
from espressivo.resources import load_config

__all__ = ["NEUTRAL", "TYPICAL_INTENSITY", "distribution_at", "mixture_vad", "node_vad", "to_vad", "vad_source"]

Vector = NDArray[np.float64]

# The published means describe people who say "I am sad", not the extreme of sadness: they are taken as this intensity.
TYPICAL_INTENSITY = 0.7
NEUTRAL: Vector = np.zeros(3)
KERNEL_WIDTH = 0.28
NEUTRAL_RADIUS = 0.15


def to_vad(vector: Vector) -> VAD:
    """As the plan's type, clipped to its range and rounded to four decimals."""
    valence, arousal, dominance = (round(float(value), 4) + 0.0 for value in np.clip(vector, -1.0, 1.0))
    return VAD(valence=valence, arousal=arousal, dominance=dominance)


@cache
def _vectors() -> dict[str, tuple[Vector, str]]:
    """Vector and source of every node."""
    table = load_config("emotion/vad.yaml")
    listed = table["nodes"]["of"]
    ontology = Ontology.load()
    found: dict[str, tuple[Vector, str]] = {}

    def lookup(name: str) -> tuple[Vector, str]:
        if name in found:
            return found[name]
        if name in listed:
            entry = _listed(listed[name])
        else:
            node = ontology.nodes[name]
            if node.parent is None:
                missing = f"vad.yaml has no row for {name!r}, which has no parent"
                raise KeyError(missing)
            vector, source = lookup(node.parent)
            entry = (np.clip(vector * node.strength, -1.0, 1.0), f"{source}, through {node.parent} x {node.strength:g}")
        found[name] = entry
        return entry

    for node in ontology:
        lookup(node.name)
    return found


def _listed(row: str | list[float]) -> tuple[Vector, str]:
    table = load_config("emotion/vad.yaml")
    if isinstance(row, list):
        return np.array(row, dtype=np.float64), "engineering choice between neighbours"
    name, publication = (row.removeprefix("alma."), "alma_2005") if row.startswith("alma.") else (row, "russell_mehrabian_1977")
    label = {"alma_2005": "Gebhard 2005", "russell_mehrabian_1977": "Russell & Mehrabian 1977"}[publication]
    return np.array(table[publication]["rows"][name], dtype=np.float64), f"{label}: {name.replace('_', ' ')}"


def node_vad(name: str) -> Vector:
    """Where a node lies at typical intensity."""
    return _vectors()[name][0]


def vad_source(name: str) -> str:
    """Where its vector comes from, in words."""
    return _vectors()[name][1]


def mixture_vad(distribution: Mapping[str, float], intensity: float = TYPICAL_INTENSITY) -> Vector:
    """Weighted mean of the nodes, moved out from or in towards neutral by intensity.

    Args:
        distribution: Weights over nodes, summing to 1.
        intensity: 0-1; at 0.7 the published means are returned unchanged.
    """
    mean = np.sum([weight * node_vad(name) for name, weight in distribution.items()], axis=0)
    moved: Vector = np.clip(mean * (intensity / TYPICAL_INTENSITY), -1.0, 1.0)
    return moved


@cache
def _anchors() -> tuple[tuple[str, ...], Vector]:
    names = tuple(Ontology.load().table["vad_anchors"]["of"])
    return names, np.stack([node_vad(name) for name in names])


def distribution_at(point: Vector, max_emotions: int = 3) -> dict[str, float]:
    """Soft label of a point: a Gaussian kernel over the emotions that have a face of their own.

    Directions count more than lengths, so that a mild point is mild joy, not another emotion.

    Args:
        point: ``(3,)`` in valence, arousal, dominance.
        max_emotions: How many nodes are kept.
    """
    length = float(np.linalg.norm(point))
    if length < NEUTRAL_RADIUS:
        return {"neutral": 1.0}
    names, anchors = _anchors()
    lengths = np.linalg.norm(anchors, axis=1)
    scaled = anchors * (length / lengths)[:, None]
    distance = np.linalg.norm(scaled - point, axis=1) / length + 0.15 * np.abs(np.log(lengths / length))
    weight = np.exp(-0.5 * (distance / KERNEL_WIDTH) ** 2)
    order = np.argsort(-weight, kind="stable")[:max_emotions]
    kept = weight[order] / max(float(weight[order].sum()), 1e-300)
    strong = [(names[index], float(share)) for index, share in zip(order, kept, strict=True) if share >= 0.08]
    total = math.fsum(share for _, share in strong)
    return {name: share / total for name, share in strong}
