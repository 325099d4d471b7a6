"""What makes one clip's speaker differ from the next: drawn once for each clip."""

from __future__ import annotations

from dataclasses import dataclass

from espressivo.resources import load_config
from espressivo.seeds import numpy_generator

__all__ = ["SpeakingStyle"]


@dataclass(frozen=True, slots=True)
class SpeakingStyle:
    """Habits of a mouth.

    Attributes:
        jaw_gain: Multiplies how far the jaw opens in vowels.
        lips_gain: Multiplies what the lips do.
        rounding_gain: Multiplies pucker and funnel on top of that.
        theta_per_s: Sharpness of coarticulation; higher articulates more clearly.
        look_ahead_slope: How much earlier a lip shape begins for each second of consonants before it.
    """

    jaw_gain: float
    lips_gain: float
    rounding_gain: float
    theta_per_s: float
    look_ahead_slope: float

    @classmethod
    def drawn(cls, seed: int) -> SpeakingStyle:
        """A style from the ranges of the config."""
        config = load_config("motion/visemes.yaml")
        generator = numpy_generator(seed, "motion", "style")
        ranges = (
            *(config["style"][name] for name in ("jaw_gain", "lips_gain", "rounding_gain", "theta_per_s")),
            config["look_ahead"]["slope"],
        )
        return cls(*(float(generator.uniform(low, high)) for low, high in ranges))
