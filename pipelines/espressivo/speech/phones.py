"""Phones and words with their times, and the classes of sound that mouth and prosody care about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "ARPABET_VOWELS",
    "BILABIALS",
    "LIP_CURVES",
    "PHRASE_PAUSE_S",
    "SIBILANTS",
    "SILENCE",
    "Phone",
    "Stress",
    "Word",
    "is_vowel",
]

Stress = Literal[0, 1, 2]

SILENCE = "SIL"
# Opening of the jaw, spreading (mean of smile and stretch), rounding (the largest of funnel, pucker, oh and oo).
LIP_CURVES = ("jaw", "spread", "rounding")
PHRASE_PAUSE_S = 0.2
BILABIALS = frozenset({"P", "B", "M"})
SIBILANTS = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})
ARPABET_VOWELS = frozenset(
    {"AA", "AE", "AH", "AH0", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW", "EY0", "OW0"}
)
_IPA_VOWELS = frozenset("aeiouyæøœɐɑɒɔəɘɛɜɝɚɞɤɨɪɯɵɶʉʊʌʏᵻɿʅ")


@dataclass(frozen=True, slots=True)
class Phone:
    """One speech sound.

    Attributes:
        label: ARPAbet without stress digits (``"AH0"`` is schwa, ``"SIL"`` silence), or an IPA symbol in lower case.
        start_s: Acoustic onset.
        end_s: Acoustic end, after the onset.
        stress: 1 primary, 2 secondary, 0 none or unknown.
    """

    label: str
    start_s: float
    end_s: float
    stress: Stress = 0

    @property
    def duration_s(self) -> float:
        """Length of the sound."""
        return self.end_s - self.start_s

    @property
    def centre_s(self) -> float:
        """Middle of the sound."""
        return 0.5 * (self.start_s + self.end_s)


@dataclass(frozen=True, slots=True)
class Word:
    """A word in lower case with its time."""

    text: str
    start_s: float
    end_s: float


def is_vowel(label: str) -> bool:
    """Whether a label, ARPAbet or IPA, is the nucleus of a syllable."""
    return label in ARPABET_VOWELS or label[:1] in _IPA_VOWELS
