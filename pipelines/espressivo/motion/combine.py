"""Speech and emotion on one face: the emotion gives way where the mouth needs the shape, and nowhere else."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.motion.timeline import settings_of

__all__ = ["attenuated", "combined", "lids_settled", "shares_left", "speech_shares"]

FloatArray = NDArray[np.float64]


@cache
def speech_shares() -> FloatArray:
    """``(52,)`` share of an emotional weight that goes while somebody speaks."""
    shares = np.zeros(len(ARKIT_NAMES))
    for name, share in settings_of("speech_gains")["of"].items():
        shares[[ARKIT_INDEX[side] for side in expand_sides(name)]] = share
    shares.flags.writeable = False
    return shares


def shares_left(activity: FloatArray) -> FloatArray:
    """``(T, 52)`` share of each emotional weight that stays while speech activity is ``(T,)``: ``1 - a s``."""
    return np.asarray(1.0 - activity[:, None] * speech_shares())


def attenuated(expression: FloatArray, activity: FloatArray) -> FloatArray:
    """Emotional weights ``(T, 52)`` as far as speech of activity ``(T,)`` leaves them."""
    return expression * shares_left(activity)


def combined(*layers: FloatArray) -> FloatArray:
    """Layers ``(T, 52)`` added; what each leaves free of the range is multiplied, so that nothing is cut off at 1."""
    free = np.ones(layers[0].shape)
    for layer in layers:
        free *= 1.0 - np.clip(layer, 0.0, 1.0)
    return 1.0 - free


def lids_settled(weights: FloatArray) -> FloatArray:
    """A shut eye is neither wide nor squinting much; ``(T, 52)``."""
    result = weights.copy()
    for side in ("Left", "Right"):
        open_share = 1.0 - result[:, ARKIT_INDEX[f"eyeBlink{side}"]]
        result[:, ARKIT_INDEX[f"eyeWide{side}"]] *= open_share
    return result
