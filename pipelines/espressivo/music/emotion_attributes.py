"""From a place in valence and arousal to the attributes of music there (EmoGen's supervised clustering, made continuous).

The centres of EMOPIA's quadrants (``configs/music/emotion_attributes.yaml``) are interpolated; ranks are turned into values by
the quantiles of the same clips.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from espressivo.resources import load_config

__all__ = ["attribute_value", "emotion_ranks"]

CONFIG = "music/emotion_attributes.yaml"
CORNER_VALENCE, CORNER_AROUSAL = 0.65, 0.6
"""Where the clips of a quadrant are taken to lie."""
RANK_GAIN = 1.4
"""Clips of a quadrant scatter widely; what is typical of it is asked for a little more clearly than they show on average."""
BORDER_RANKS = (0.2, 0.4, 0.6, 0.8)


@cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = load_config(CONFIG)["attributes"]
    return table


def emotion_ranks(valence: float, arousal: float) -> dict[str, float]:
    """Rank 0-1 among EMOPIA's clips that each attribute should have.

    Bilinear in valence and arousal between the quadrants' centres, and beyond them for stronger emotions.
    """
    bright, awake = 0.5 + 0.5 * valence / CORNER_VALENCE, 0.5 + 0.5 * arousal / CORNER_AROUSAL
    weights = np.array([bright * awake, (1 - bright) * awake, (1 - bright) * (1 - awake), bright * (1 - awake)])
    return {
        name: float(np.clip(0.5 + RANK_GAIN * (np.dot(weights, row["ranks"]) - 0.5), 0.0, 1.0)) for name, row in _table().items()
    }


def attribute_value(name: str, rank: float) -> float:
    """Value of an attribute that a share ``rank`` (0-1) of the clips stays below; linear between and beyond the quintiles."""
    borders = _table()[name]["borders"]
    if rank < BORDER_RANKS[0]:
        return float(borders[0] + (rank - BORDER_RANKS[0]) * (borders[1] - borders[0]) / 0.2)
    if rank > BORDER_RANKS[-1]:
        return float(borders[-1] + (rank - BORDER_RANKS[-1]) * (borders[-1] - borders[-2]) / 0.2)
    return float(np.interp(rank, BORDER_RANKS, borders))
