"""Two feelings at once: how much a text is of two minds, and what a face does that puts one emotion on over another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from espressivo.emotion.mixture import normalise
from espressivo.emotion.vad import node_vad
from espressivo.resources import load_config

__all__ = ["SPLIT_FROM", "ambivalent_parts", "read_discordance"]

POLE_FROM = 0.12
SPLIT_FROM = 0.35


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    table: dict[str, Any] = load_config("emotion/reading.yaml")["ambivalence"]
    return {
        kind: re.compile("|".join(rf"(?<!\w){re.escape(cue)}(?!\w)" for cue in table[kind]), re.IGNORECASE)
        for kind in ("cues", "hiding", "turns")
    }


def _poles(distribution: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Pleasant and unpleasant parts of a soft label."""
    valence = {name: float(node_vad(name)[0]) for name in distribution}
    pleasant = {name: weight for name, weight in distribution.items() if valence[name] > POLE_FROM}
    unpleasant = {name: weight for name, weight in distribution.items() if valence[name] < -POLE_FROM}
    return pleasant, unpleasant


def read_discordance(text: str, distribution: Mapping[str, float]) -> tuple[float, str]:
    """How much a text is of two minds.

    Args:
        text: The text.
        distribution: What was read from it.

    Returns:
        0-1, and the reason; 0 for a text with one feeling.
    """
    table = load_config("emotion/reading.yaml")["ambivalence"]
    patterns = _patterns()
    pleasant, unpleasant = (sum(pole.values()) for pole in _poles(distribution))
    weaker = min(pleasant, unpleasant)
    if match := patterns["hiding"].search(text):
        return float(table["hiding_discordance"]), f"{match[0].lower()!r}: a feeling is being hidden"
    if match := patterns["cues"].search(text):
        return max(float(table["cue_discordance"]), 2.0 * weaker), f"{match[0].lower()!r}: of two minds"
    if weaker >= float(table["least_share"]) and (match := patterns["turns"].search(text)):
        return min(1.0, 2.0 * weaker), f"pleasant and unpleasant joined by {match[0].lower()!r}"
    return 0.0, ""


def ambivalent_parts(distribution: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]] | None:
    """What is felt (the unpleasant part) and what is shown over it (the pleasant part), or ``None`` with one pole only."""
    pleasant, unpleasant = _poles(distribution)
    if not pleasant or not unpleasant:
        return None
    return normalise(unpleasant), normalise(pleasant)
