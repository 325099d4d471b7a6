"""How a person's traits colour an emotion: baseline mood, expressiveness, recovery.

Neuroticism enters Mehrabian's (1996) equations as emotional stability with its sign turned: neurotic people are less
pleased and more aroused at rest, not the other way round as in widely copied code.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.request import IntensityFactors, Personality
from espressivo.errors import EmotionInputError
from espressivo.resources import load_config

__all__ = [
    "amplitude_gain",
    "baseline_vad",
    "contagion",
    "expressivity",
    "half_life_s",
    "least_share",
    "mood_octant",
    "persona",
    "persona_names",
    "renewal_gain",
]


def baseline_vad(personality: Personality) -> NDArray[np.float64]:
    """Temperament ``(3,)`` in valence, arousal, dominance (Mehrabian 1996), clipped to -1..1."""
    table = load_config("emotion/personality.yaml")["mehrabian_1996"]["coefficients"]
    traits = {
        "O": personality.openness,
        "C": personality.conscientiousness,
        "E": personality.extraversion,
        "A": personality.agreeableness,
        "S": -personality.neuroticism,
    }
    values = [sum(weight * traits[trait] for trait, weight in table[axis].items()) for axis in ("P", "A", "D")]
    return np.clip(np.array(values, dtype=np.float64), -1.0, 1.0)


def mood_octant(vad: NDArray[np.float64]) -> str:
    """Name of the octant of mood space, e.g. ``"exuberant"``."""
    signs = "".join("+" if value >= 0 else "-" for value in vad)
    return str(load_config("emotion/personality.yaml")["mood_octants"]["of"][signs])


def expressivity(personality: Personality, valence: float) -> float:
    """Factor on the amplitude of the face; 1 for an average person."""
    table = load_config("emotion/personality.yaml")["expression"]
    gain = 1.0 + float(table["gain_extraversion"]) * personality.extraversion
    negative = 1.0 + float(table["negative_gain_neuroticism"]) * personality.neuroticism if valence < 0 else 1.0
    return gain * negative


def amplitude_gain(factors: IntensityFactors) -> float:
    """Factor on the amplitude of the face from depth, effort and willingness; 1 at their middle."""
    table = load_config("emotion/intensity.yaml")["display"]
    depth = 1.0 + float(table["depth"]) * (2.0 * factors.depth - 1.0)
    effort = max(0.3, 1.0 - float(table["effort"]) * (2.0 * factors.effort - 1.0))
    return depth * effort * (1.0 + float(table["willingness"]) * (2.0 * factors.willingness - 1.0))


def renewal_gain(factors: IntensityFactors) -> float:
    """Factor on how often a held expression is renewed; 1 at the middle of frequency."""
    return 1.0 + float(load_config("emotion/intensity.yaml")["display"]["frequency"]) * (2.0 * factors.frequency - 1.0)


def least_share(factors: IntensityFactors) -> float:
    """Smallest share of a mixture that shows."""
    return float(load_config("emotion/intensity.yaml")["display"]["threshold"]) * factors.threshold


def half_life_s(personality: Personality) -> float:
    """Seconds in which an emotion loses half its intensity."""
    table = load_config("emotion/personality.yaml")
    slowed = 1.0 + float(table["expression"]["half_life_neuroticism"]) * personality.neuroticism
    return float(table["decay"]["emotion_half_life_s"]) * slowed


def contagion(personality: Personality) -> float:
    """Share of another speaker's emotion that is caught."""
    table = load_config("emotion/personality.yaml")["expression"]
    return float(table["contagion_base"]) * (1.0 + float(table["contagion_agreeableness"]) * personality.agreeableness)


def _personas() -> dict[str, dict[str, float]]:
    rows: dict[str, dict[str, float]] = load_config("emotion/personality.yaml")["personas"]["of"]
    return rows


def persona(name: str) -> Personality:
    """A preset by name.

    Raises:
        EmotionInputError: ``emotion.persona`` for an unknown name.
    """
    rows = _personas()
    if name not in rows:
        raise EmotionInputError("emotion.persona", f"unknown persona {name[:40]!r}; accepted: {', '.join(rows)}")
    return Personality(**rows[name])


def persona_names() -> tuple[str, ...]:
    """The presets."""
    return tuple(_personas())
