"""What a text says about a feeling: a soft label, a point in VAD space, an intensity, and the words behind them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from espressivo.emotion.ambivalence import read_discordance
from espressivo.emotion.lexicon import Clue, find_clues
from espressivo.emotion.mixture import normalise, penalise_unlikely, strongest
from espressivo.emotion.plan import VAD
from espressivo.emotion.vad import mixture_vad, to_vad
from espressivo.resources import load_config

__all__ = ["Clue", "Reading", "read_text"]

NEUTRAL_EVIDENCE = 0.35
MAX_NODES = 8


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        distribution: Ontology node name -> weight, strongest first, summing to 1.
        vad: Where the text lies, at its intensity.
        intensity: 0-1.
        clues: Spans of the text that speak for an emotion.
        notes: What was changed on the way (unlikely pairs, unknown language), one sentence each.
        discordance: How much the text is of two minds, 0-1; 0 for a text with one feeling.
    """

    distribution: dict[str, float]
    vad: VAD
    intensity: float
    clues: tuple[Clue, ...]
    notes: tuple[str, ...] = ()
    discordance: float = 0.0


def read_text(text: str) -> Reading:
    """Read the emotion of a text.

    Args:
        text: A sentence or a scene; any characters.
    """
    clues = tuple(find_clues(text))
    evidence: dict[str, float] = {"neutral": NEUTRAL_EVIDENCE}
    for clue in clues:
        evidence[clue.node] = evidence.get(clue.node, 0.0) + clue.weight
    distribution, notes = penalise_unlikely(strongest(normalise(evidence), MAX_NODES))
    intensity = _intensity(text, clues)
    discordance, why = read_discordance(text, distribution)
    notes += [why] if why else []
    return Reading(distribution, to_vad(mixture_vad(distribution, intensity)), intensity, clues, tuple(notes), discordance)


def _intensity(text: str, clues: tuple[Clue, ...]) -> float:
    """Strength of the strongest evidence, moved by emphasis."""
    if not clues:
        return 0.25
    table = load_config("emotion/reading.yaml")
    strength = max(clue.weight for clue in clues) * float(table["exclamation_boost"]) ** min(3, text.count("!"))
    return float(np.round(np.clip(0.62 * strength, 0.1, 1.0), 4))
