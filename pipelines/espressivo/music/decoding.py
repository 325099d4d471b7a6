"""Sampling bars from the transformer: words that the grammar forbids are never drawn, so every result is music."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from espressivo.music.model import MusicTransformer, RollingCache
from espressivo.music.tokens import ACCOMPANIMENT, BAR, CHORD, DURATION, MELODY, NO_CHORD, POSITION, BarGrammar, GridBar, decode

__all__ = ["BarRequest", "Sampler", "SamplingSettings"]

MAX_WORDS_A_BAR = 140
"""Where a bar has grown this long, only its end or its missing chords are allowed."""


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How words are drawn.

    Attributes:
        temperature: Above 0; lower is safer.
        top_p: Only the likeliest words that make up this probability are drawn (nucleus sampling, Holtzman et al. 2020).
        guidance: Strength of the conditions: 1 as trained, above 1 exaggerated (classifier-free guidance, Ho & Salimans 2022).
    """

    temperature: float = 0.95
    top_p: float = 0.92
    guidance: float = 1.5


@dataclass(frozen=True, slots=True)
class BarRequest:
    """A bar to be written.

    Attributes:
        grammar: Chords, length, scales and ranges; used up by the writing.
        buckets: ``(A,)`` conditions, 0 unspecified; the last, the mode, is always given.
        num_notes: Notes that are wanted, or ``None`` to let the model decide. The end of the bar is made impossible before
            half of them and ever more likely after all of them.
    """

    grammar: BarGrammar
    buckets: NDArray[np.int64]
    num_notes: float | None = None


class Sampler:
    """Writes bar after bar; what was written is remembered up to the model's context.

    Args:
        model: In evaluation mode.
        settings: How words are drawn.
        random: Source of chance.
    """

    def __init__(self, model: MusicTransformer, settings: SamplingSettings, random: np.random.Generator) -> None:
        self._model = model
        self._settings = settings
        self._random = random
        self._cache = RollingCache(model.config.num_layers, model.config.context)

    def write(self, request: BarRequest) -> GridBar:
        """The next bar."""
        words = [BAR]
        num_notes = 0
        logits = self._advance(BAR, request.buckets)
        while True:
            allowed = request.grammar.allowed()
            if len(words) > MAX_WORDS_A_BAR:
                allowed = _closing(allowed)
            word = self._draw(_with_note_count(logits, request.num_notes, num_notes), allowed)
            if word == BAR:
                return decode(words)[0]
            request.grammar.accept(word)
            words.append(word)
            num_notes += word >= DURATION
            logits = self._advance(word, request.buckets)

    @torch.inference_mode()
    def _advance(self, word: int, buckets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Logits of the next word, with guidance; the batch holds the row with and the row without conditions."""
        guided = self._settings.guidance != 1.0
        bare = np.zeros_like(buckets)
        bare[-1] = buckets[-1]
        rows = [buckets, bare] if guided else [buckets]
        words = torch.full((len(rows), 1), word)
        logits: Tensor = self._model(words, torch.from_numpy(np.stack(rows))[:, None], self._cache)[:, -1]
        values: NDArray[np.float64] = logits.double().numpy()
        if not guided:
            alone: NDArray[np.float64] = values[0]
            return alone
        combined: NDArray[np.float64] = values[1] + self._settings.guidance * (values[0] - values[1])
        return combined

    def _draw(self, logits: NDArray[np.float64], allowed: list[int]) -> int:
        if len(allowed) == 1:
            return allowed[0]
        chosen = logits[allowed] / self._settings.temperature
        probability = np.exp(chosen - chosen.max())
        probability /= probability.sum()
        order = np.argsort(-probability, kind="stable")
        cumulative = np.cumsum(probability[order])
        kept = order[: int(np.searchsorted(cumulative, self._settings.top_p)) + 1]
        weights = probability[kept] / probability[kept].sum()
        return allowed[int(self._random.choice(kept, p=weights))]


def _closing(allowed: list[int]) -> list[int]:
    """What brings a bar to its end soonest: the end itself, else a duration, a chord, the next chord's position."""
    for words in (
        [word for word in allowed if word == BAR],
        [word for word in allowed if word >= DURATION],
        [word for word in allowed if CHORD <= word < MELODY or word == NO_CHORD],
        [word for word in allowed if POSITION <= word < CHORD][-1:],
        [word for word in allowed if word >= ACCOMPANIMENT],
    ):
        if words:
            return words
    return allowed


def _with_note_count(logits: NDArray[np.float64], wanted: float | None, written: int) -> NDArray[np.float64]:
    """The bar's end discouraged while notes are missing and encouraged when there are enough."""
    if wanted is None:
        return logits
    adjusted = logits.copy()
    missing = (wanted - written) / max(wanted, 1.0)
    adjusted[BAR] += -30.0 if missing > 0.5 else -12.0 * missing
    return adjusted
