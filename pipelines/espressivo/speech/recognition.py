"""What a recogniser of speech is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["RecognisedUnit", "SpeechRecogniser"]


@dataclass(frozen=True, slots=True)
class RecognisedUnit:
    """A phone or a word that the recogniser placed in time; seconds from the start of the sound it was given.

    ``confidence`` is the posterior probability of a word of a dictation, 1 for everything else.
    """

    label: str
    start_s: float
    end_s: float
    confidence: float = 1.0


class SpeechRecogniser(Protocol):
    """Knows the phones and words of one language. ``samples`` are ``(N,)`` float32 at 16 kHz, one utterance."""

    def words(self, samples: NDArray[np.float32]) -> list[RecognisedUnit]:
        """The most likely words of an utterance, in the dictionary's spelling (``"read(2)"`` is a second pronunciation)."""
        ...

    def aligned_words(self, samples: NDArray[np.float32], words: Sequence[str]) -> list[RecognisedUnit]:
        """When each of the words is spoken; empty when they do not fit the sound."""
        ...

    def aligned_phones(self, samples: NDArray[np.float32], labels: Sequence[str]) -> list[RecognisedUnit]:
        """When each of the phones is spoken, with the pauses between them; empty when they do not fit the sound."""
        ...

    def pronunciation(self, word: str) -> tuple[str, ...] | None:
        """Phones of a word in the dictionary's spelling, ``None`` when it is not listed."""
        ...

    def teach(self, word: str, phones: Sequence[str]) -> None:
        """Add a word to the dictionary of the word alignment."""
        ...
