"""What the parts of non-verbal motion have in common: the frames, the speech on them, and the plan's carriage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from espressivo.motion.carriage import Carriage
from espressivo.resources import load_config
from espressivo.seeds import numpy_generator
from espressivo.speech.analysis import SpeechAnalysis
from espressivo.speech.prosody import Accent, Interval

__all__ = ["Timeline", "settings_of"]

FloatArray = NDArray[np.float64]


def settings_of(section: str) -> dict[str, Any]:
    """A section of ``configs/motion/nonverbal.yaml``."""
    settings: dict[str, Any] = load_config("motion/nonverbal.yaml")[section]
    return settings


@dataclass(frozen=True, slots=True)
class Timeline:
    """A clip to be acted out.

    Attributes:
        times_s: ``(T,)`` the middle of each frame.
        frame_s: Seconds between frames.
        duration_s: Length of the clip.
        seed: Seed of the run.
        carriage: The plan's wishes for head and gaze.
        activity: ``(T,)`` speech activity, 0-1.
        phrases: Stretches of speech.
        accents: Syllables that stand out.
    """

    times_s: FloatArray
    frame_s: float
    duration_s: float
    seed: int
    carriage: Carriage
    activity: FloatArray
    phrases: tuple[Interval, ...]
    accents: tuple[Accent, ...]

    @classmethod
    def of(
        cls, times_s: FloatArray, frame_s: float, duration_s: float, seed: int, carriage: Carriage, speech: SpeechAnalysis | None
    ) -> Timeline:
        """Put speech on the frames; without speech everything is silent."""
        if speech is None:
            return cls(times_s, frame_s, duration_s, seed, carriage, np.zeros(len(times_s)), (), ())
        activity = np.interp(times_s, speech.features.times_s, speech.features.activity, right=0.0)
        return cls(times_s, frame_s, duration_s, seed, carriage, activity, speech.phrases, speech.accents)

    def generator(self, name: str) -> np.random.Generator:
        """Random numbers of one part of motion; another part's use of its own does not change them."""
        return numpy_generator(self.seed, "motion", name)

    def frame(self, time_s: float) -> int:
        """Index of the frame nearest to a moment."""
        return int(np.clip(time_s / self.frame_s, 0, len(self.times_s) - 1))

    def at(self, values: FloatArray, time_s: float) -> float:
        """Value of a curve at a moment."""
        return float(values[self.frame(time_s)])

    def speaking_at(self, time_s: float) -> bool:
        """Whether a phrase is being spoken."""
        return any(phrase.start_s <= time_s < phrase.end_s for phrase in self.phrases)
