"""Jaw and lips as they would move at this sound: loudness and colour of a voice move a mouth beyond what its phones say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from espressivo.face.arkit import ARKIT_INDEX
from espressivo.motion.visemes import CONFIG
from espressivo.resources import load_config
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.features import SpeechFeatures
from espressivo.speech.phones import LIP_CURVES

__all__ = ["SoundShares", "follow_sound", "sound_shares"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SoundShares:
    """How far the sound itself, rather than the phones that were found in it, decides what jaw and rounding do.

    Attributes:
        jaw: ``(T,)`` in 0-1, how far the jaw follows the sound.
        rounding: ``(T,)`` in 0-1.
        clearness: ``(T,)`` 1 for clean sound, 0 in noise, where what the ear hears of the lips is as unsure as the phones are.
    """

    jaw: FloatArray
    rounding: FloatArray
    clearness: FloatArray

    @property
    def jaw_left(self) -> FloatArray:
        """``(T,)`` how far the phones keep their say about the jaw."""
        return 1.0 - self.clearness * self.jaw

    @property
    def rounding_left(self) -> FloatArray:
        """``(T,)`` how far the phones keep their say about rounding."""
        return 1.0 - self.clearness * self.rounding


def sound_shares(speech: SpeechAnalysis | None, times_s: FloatArray) -> SoundShares:
    """Shares at ``times_s`` ``(T,)``: those of the way in which the phones were found, in and around speech; elsewhere 0."""
    if speech is None or speech.lips is None:
        return SoundShares(*(np.zeros(len(times_s)) for _ in range(3)))
    settings = load_config(CONFIG)["heard_lips"]
    share, clearness = settings["share"][speech.method], _clearness(speech.features)
    near = np.interp(times_s, speech.features.times_s, _nearness(speech.features, clearness), right=0.0)
    return SoundShares(share["jaw"] * near, share["rounding"] * near, np.full(len(times_s), clearness))


def _clearness(features: SpeechFeatures) -> float:
    """0-1, from how far speech stands above the quietest tenth of what is not speech."""
    silent = features.energy_db[~features.speaking]
    if not len(silent) or not features.speaking.any():
        return 0.0
    low, high = load_config(CONFIG)["heard_lips"]["clear_from_to_db"]
    above_db = float(np.median(features.energy_db[features.speaking]) - np.percentile(silent, 10))
    return float(np.clip((above_db - low) / (high - low), 0.0, 1.0))


def _nearness(features: SpeechFeatures, clearness: float) -> FloatArray:
    """``(T,)`` 1 in speech, and as far around it as lips move: before the voice and after it. A knock is not extended."""
    settings = load_config(CONFIG)["heard_lips"]
    word, reach = (round(settings[name] / features.hop_s) for name in ("shortest_s", "reach_s"))
    activity = features.activity.astype(np.float64)
    around = maximum_filter1d(minimum_filter1d(activity, word), word + 2 * reach)
    return activity + clearness * np.maximum(0.0, around - activity)


@cache
def _columns() -> tuple[int, int, int]:
    return ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthFunnel"], ARKIT_INDEX["mouthPucker"]


def follow_sound(mouth: FloatArray, speech: SpeechAnalysis, times_s: FloatArray, share: SoundShares) -> FloatArray:
    """Move jaw and rounding of a blended mouth towards what the phone network hears in the sound.

    With a transcript the phones are exact and nothing is changed; where they are heard by ear the sound decides most. Closures
    and teeth that a viewer must see are the business of :func:`espressivo.motion.constraints.apply_constraints`,
    afterwards.

    Args:
        mouth: ``(T, 52)`` weights.
        speech: With ``lips``; without them nothing is changed.
        times_s: ``(T,)`` moment that each frame shows.
        share: Of :func:`sound_shares` at the same moments.

    Returns:
        ``(T, 52)`` weights.
    """
    if speech.lips is None:
        return mouth
    settings = load_config(CONFIG)["heard_lips"]
    jaw, funnel, pucker = _columns()
    heard = dict(zip(LIP_CURVES, speech.lips.T, strict=True))
    wanted = {name: np.interp(times_s, speech.features.times_s, heard[name]) for name in ("jaw", "rounding")}
    result = mouth.copy()
    result[:, jaw] += share.jaw * (settings["jaw_gain"] * wanted["jaw"] - mouth[:, jaw])
    # The phones say whether the lips round by protruding or by funnelling; where they do not round, both in equal parts.
    rounding = np.maximum(mouth[:, funnel], mouth[:, pucker])
    for column in (funnel, pucker):
        split = (mouth[:, column] + settings["even_split"]) / (rounding + settings["even_split"])
        target = np.minimum(1.0, split) * settings["rounding_gain"] * wanted["rounding"]
        result[:, column] += share.rounding * (target - mouth[:, column])
    return np.clip(result, 0.0, 1.0)
