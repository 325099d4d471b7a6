"""Jaw and lips as they would move at this sound: loudness and colour of a voice move a mouth beyond what its phones say."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.motion.visemes import CONFIG
from espressivo.resources import load_config
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.phones import LIP_CURVES

__all__ = ["follow_sound"]

FloatArray = NDArray[np.float64]


@cache
def _columns() -> tuple[int, int, int]:
    return ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthFunnel"], ARKIT_INDEX["mouthPucker"]


def follow_sound(mouth: FloatArray, speech: SpeechAnalysis, times_s: FloatArray) -> FloatArray:
    """Move jaw and rounding of a blended mouth towards what the phone network hears in the sound.

    With a transcript the phones are exact and nothing is changed; where they are heard by ear the sound decides most. Closures,
    teeth and rounding that a viewer must see are the business of :func:`espressivo.motion.constraints.apply_constraints`,
    afterwards.

    Args:
        mouth: ``(T, 52)`` weights.
        speech: With ``lips``; without them nothing is changed.
        times_s: ``(T,)`` moment that each frame shows.

    Returns:
        ``(T, 52)`` weights.
    """
    if speech.lips is None:
        return mouth
    settings = load_config(CONFIG)["heard_lips"]
    share = settings["share"][speech.method]
    jaw, funnel, pucker = _columns()
    heard = dict(zip(LIP_CURVES, speech.lips.T, strict=True))
    wanted = {name: np.interp(times_s, speech.features.times_s, heard[name]) for name in ("jaw", "rounding")}
    result = mouth.copy()
    result[:, jaw] += share["jaw"] * (settings["jaw_gain"] * wanted["jaw"] - mouth[:, jaw])
    # The phones say whether the lips round by protruding or by funnelling; where they do not round, both in equal parts.
    rounding = np.maximum(mouth[:, funnel], mouth[:, pucker])
    for column in (funnel, pucker):
        split = (mouth[:, column] + settings["even_split"]) / (rounding + settings["even_split"])
        target = np.minimum(1.0, split) * settings["rounding_gain"] * wanted["rounding"]
        result[:, column] += share["rounding"] * (target - mouth[:, column])
    return np.clip(result, 0.0, 1.0)
