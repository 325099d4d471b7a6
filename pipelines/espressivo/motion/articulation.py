"""How loudly, quickly and excitedly something is said, as gains on what the mouth does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from espressivo.motion.coarticulation import ArticulationGains
from espressivo.motion.timeline import Timeline
from espressivo.motion.visemes import CONFIG, Gesture
from espressivo.resources import load_config
from espressivo.speech.analysis import SpeechAnalysis

__all__ = ["articulation_gains"]

FloatArray = NDArray[np.float64]
RATE_WINDOW_S = 1.2


def articulation_gains(sequence: Sequence[Gesture], speech: SpeechAnalysis, timeline: Timeline) -> ArticulationGains:
    """Louder and more aroused opens the jaw, faster makes it move less and sharper (directions: Huber 2006, Schulman 1989)."""
    settings = load_config(CONFIG)["gains"]
    centres = np.array([gesture.centre_s for gesture in sequence])
    energy = speech.features.energy_db
    voiced = speech.features.voiced & speech.features.speaking
    usual_db = float(np.median(energy[voiced])) if voiced.any() else 0.0
    loud_db = np.array([_loudest(energy, gesture, speech) for gesture in sequence]) - usual_db
    nuclei = np.array([gesture.centre_s for gesture in sequence if gesture.vowel])
    rate = np.array([_rate(nuclei, gesture.centre_s, settings["usual_syllables_per_s"]) for gesture in sequence])
    relative = np.clip(rate / settings["usual_syllables_per_s"], 0.6, 1.7)
    arousal = np.interp(centres, timeline.times_s, timeline.carriage.arousal)
    jaw_loudness = np.clip(10.0 ** (loud_db / settings["jaw_db_per_decade"]), *settings["jaw_loudness_range"])
    jaw = jaw_loudness * relative ** settings["jaw_rate_power"] * (1.0 + settings["jaw_per_arousal"] * arousal)
    return ArticulationGains(
        jaw=np.clip(jaw, *settings["jaw_gain_range"]),
        lips=np.clip(10.0 ** (loud_db / settings["lips_db_per_decade"]), 0.8, 1.3) * relative ** settings["lips_rate_power"],
        theta=relative ** settings["theta_rate_power"],
    )


def _loudest(energy_db: NDArray[np.float32], gesture: Gesture, speech: SpeechAnalysis) -> float:
    first, last = speech.features.frame(gesture.start_s), speech.features.frame(gesture.end_s)
    return float(energy_db[first : last + 1].max())


def _rate(nuclei: FloatArray, centre_s: float, usual: float) -> float:
    """Syllables a second around a moment."""
    first, last = np.searchsorted(nuclei, [centre_s - RATE_WINDOW_S / 2.0, centre_s + RATE_WINDOW_S / 2.0])
    if last - first < 2:
        return usual
    return float((last - first - 1) / max(0.1, nuclei[last - 1] - nuclei[first]))
