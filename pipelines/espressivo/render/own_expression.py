"""How a performance replaces what the photograph already shows: a smile in the portrait must not stay under a frown.

At rest nothing is taken away, so that the portrait at rest is the photograph. The pairs follow from which muscles pull against
each other (Ekman, Friesen and Hager 2002, FACS); the amounts are engineering.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.render.imaging import smoothstep

__all__ = ["GIVES_WAY", "given_way", "hold_back", "kept_of_own", "mouth_released", "smile_shown"]

Float = NDArray[np.float32]

SMILING = ("mouthSmile", "mouthDimple", "cheekSquint", "mouthStretch", "mouthUpperUp", "mouthLowerDown", "eyeSquint", "noseSneer")
SHAPING = ("mouthPucker", "mouthFunnel", "mouthFrown", "mouthPress", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
           "mouthShrugUpper", "mouthClose", "mouthLeft", "mouthRight")  # fmt: skip
# (what is shown, what takes it away, how much of it at weight 1)
RELEASES: tuple[tuple[tuple[str, ...], tuple[str, ...], float], ...] = (
    (SMILING, ("mouthFrown", "mouthPucker", "mouthFunnel"), 1.0),
    (SMILING, ("mouthPress", "mouthShrugLower", "mouthRollLower", "browDown", "noseSneer", "browInnerUp"), 0.7),
    (("jawOpen",), ("mouthPress", "mouthClose", "mouthFrown", "mouthRollLower", "mouthRollUpper", "mouthPucker"), 1.0),
    (SHAPING, ("mouthSmile", "jawOpen", "mouthStretch"), 0.8),
    (("browDown",), ("browInnerUp", "browOuterUp"), 1.0),
    (("browInnerUp", "browOuterUp"), ("browDown",), 1.0),
    (("eyeSquint", "eyeBlink"), ("eyeWide",), 1.0),
    (("eyeWide",), ("eyeSquint", "eyeBlink"), 1.0),
)
# Shapes that move the same skin do not add up: (held back, by what, what part is lost when both are at weight 1). The brows
# together rise by 13 mm then, not by 22. Engineering.
CROWDED: tuple[tuple[str, str, float], ...] = (
    ("mouthUpperUpLeft", "noseSneerLeft", 0.75),
    ("mouthUpperUpRight", "noseSneerRight", 0.75),
    ("mouthFunnel", "mouthPucker", 0.6),
    ("browOuterUpLeft", "browInnerUp", 0.36),
    ("browOuterUpRight", "browInnerUp", 0.36),
    ("browInnerUp", "browOuterUpLeft", 0.22),
    ("browInnerUp", "browOuterUpRight", 0.22),
)

# A shape that is asked for takes the place of what the portrait shows of it already: a smile on a smile is not two smiles.
GIVES_WAY = 0.8
RELEASED = 0.6
MOUTH_SHAPES = ("jawOpen", "mouthSmileLeft", "mouthSmileRight")


@cache
def _release_table() -> tuple[tuple[NDArray[np.intp], NDArray[np.intp], float], ...]:
    def columns(names: tuple[str, ...]) -> NDArray[np.intp]:
        return np.array([ARKIT_INDEX[full] for name in names for full in expand_sides(name)])

    return tuple((columns(shown), columns(taking), amount) for shown, taking, amount in RELEASES)


def hold_back(weights: Float) -> Float:
    """A track's ``(52,)`` weights with those lowered that would pile up on the same skin."""
    held = np.array(weights, np.float32)
    for name, by, amount in CROWDED:
        held[ARKIT_INDEX[name]] *= 1 - amount * float(weights[ARKIT_INDEX[by]])
    return held


def kept_of_own(weights: Float) -> Float:
    """``(52,)`` factor 0-1 of each shape of the portrait's own expression under a track's ``(52,)`` weights."""
    kept = np.ones(len(ARKIT_NAMES), np.float32)
    for shown, taking, amount in _release_table():
        kept[shown] *= 1 - np.float32(amount) * min(float(weights[taking].max()), 1.0)
    return kept


def given_way(weights: Float) -> Float:
    """``(52,)`` factor 0-1 of each shape of the own expression under the same shape of a track's ``(52,)`` weights."""
    factor: Float = 1 - np.float32(GIVES_WAY) * np.minimum(weights, 1)
    return factor


def smile_shown(blendshapes: Float) -> Float:
    """``(52,)`` what a reader's ``(52,)`` blendshapes say of a smile. It does not see raised cheeks: they go with the corners."""
    seen = np.zeros(len(ARKIT_NAMES), np.float32)
    for shape, read_from in (("mouthSmile", "mouthSmile"), ("cheekSquint", "mouthSmile"), ("mouthUpperUp", "mouthUpperUp")):
        for side in ("Left", "Right"):
            seen[ARKIT_INDEX[shape + side]] = blendshapes[ARKIT_INDEX[read_from + side]]
    return seen


def mouth_released(weights: Float) -> np.float32:
    """How far a track's ``(52,)`` weights take away how the portrait holds its mouth, 0-1."""
    kept = kept_of_own(weights)
    released = 1 - min(float(kept[ARKIT_INDEX[name]]) for name in MOUTH_SHAPES)
    return np.float32(smoothstep(released, 0.0, RELEASED))
