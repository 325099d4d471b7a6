"""Sampling bars from the transformer: words that the grammar forbids are never drawn, so every result is music.

Pieces are streams that ask for one bar after another; any number of them is written together, a word of each at a time.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from espressivo.music.grammar import BarGrammar
from espressivo.music.model import MusicTransformer, RollingCache
from espressivo.music.tokens import (
    ACCOMPANIMENT,
    BAR,
    CHORD,
    DURATION,
    LOUDNESS,
    MELODY,
    METRE,
    NO_CHORD,
    POSITION,
    GridBar,
    decode,
)
from espressivo.threads import one_torch_thread

__all__ = ["BarRequest", "BarStream", "Prompt", "SamplingSettings", "write_streams"]

MAX_WORDS_A_BAR = 200
"""Where a bar has grown this long, only its end or what it owes is allowed."""
PACE = 0.1
"""Pull towards the number of onsets asked for, in nats a missing onset and sixteenth."""
Floats = NDArray[np.float64]
Buckets = NDArray[np.int64]


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
        buckets: ``(A,)`` conditions in the model's order, 0 unspecified.
        bare: ``(A,)`` the conditions that guidance does not exaggerate: the mode and what is left of the piece, or all but those
            that the user asks for.
        num_onsets: Onsets that are wanted, or ``None`` to let the model decide.
        guidance: In place of the settings' guidance, where there is any.
    """

    grammar: BarGrammar
    buckets: Buckets
    bare: Buckets
    num_onsets: float | None = None
    guidance: float | None = None


BarStream = Generator[BarRequest, GridBar, None]
"""Asks for a bar, is sent what was written, asks for the next."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model has before it when it begins: words and the conditions of each, ``(T,)`` and ``(T, A)``."""

    words: list[int]
    buckets: Buckets


@dataclass(slots=True)
class _Row:
    """A piece being written."""

    stream: BarStream
    random: np.random.Generator
    request: BarRequest
    words: list[int] = field(default_factory=lambda: [BAR])
    num_onsets: int = 0


def write_streams(
    model: MusicTransformer,
    streams: Sequence[BarStream],
    randoms: Sequence[np.random.Generator],
    settings: SamplingSettings,
    prompt: Prompt | None = None,
) -> None:
    """Run all streams to their ends; each has its own chance, so a piece does not depend on its neighbours.

    Args:
        model: In evaluation mode.
        streams: Not begun yet.
        randoms: One a stream.
        settings: How words are drawn.
        prompt: What stands before every one of them.
    """
    rows = [_Row(stream, random, next(stream)) for stream, random in zip(streams, randoms, strict=True)]
    with one_torch_thread(), torch.inference_mode():
        voices = _Voices(model, settings, len(rows), prompt)
        logits = voices.advance([BAR] * len(rows), [row.request for row in rows])
        while rows:
            words = [_next_word(row, values, settings) for row, values in zip(rows, logits, strict=True)]
            going = [index for index, (row, word) in enumerate(zip(rows, words, strict=True)) if _accept(row, word)]
            if len(going) < len(rows):
                voices.keep(going)
            rows, words = [rows[index] for index in going], [words[index] for index in going]
            if rows:
                logits = voices.advance(words, [row.request for row in rows])


def _accept(row: _Row, word: int) -> bool:
    """Take a word; ``False`` when the piece is finished."""
    if word == BAR:
        bar = replace(decode(row.words)[0], num_positions=row.request.grammar.num_positions)
        try:
            row.request = row.stream.send(bar)
        except StopIteration:
            return False
        row.words, row.num_onsets = [BAR], 0
        return True
    row.request.grammar.accept(word)
    row.words.append(word)
    row.num_onsets += word >= LOUDNESS
    return True


class _Voices:
    """The model's memory of all rows; guided rows have a second one that hears no conditions."""

    def __init__(self, model: MusicTransformer, settings: SamplingSettings, num_rows: int, prompt: Prompt | None) -> None:
        self._model = model
        self._guidance = settings.guidance
        self._copies = 1 if settings.guidance == 1.0 else 2
        self._num_rows = num_rows
        self._cache = RollingCache(model.config, self._copies * num_rows, next(model.parameters()))
        self._known: dict[int, tuple[BarRequest, Tensor]] = {}
        if prompt is not None and prompt.words:
            room = model.config.context
            words = torch.tensor([prompt.words[-room:]]).expand(self._copies * num_rows, -1)
            condition = model.embed_conditions(torch.from_numpy(prompt.buckets[-room:])[None])
            model(words, condition.expand(len(words), -1, -1), self._cache)

    def keep(self, rows: list[int]) -> None:
        """Forget all rows but these."""
        self._cache.keep([copy * self._num_rows + row for copy in range(self._copies) for row in rows])
        self._num_rows = len(rows)

    def advance(self, words: list[int], requests: list[BarRequest]) -> Floats:
        """``(B, V)`` logits of the word after each row's word."""
        conditions = [self._condition(request) for request in requests]
        stacked = torch.cat([torch.stack([pair[copy] for pair in conditions]) for copy in range(self._copies)])[:, None]
        given = torch.tensor(words * self._copies)[:, None]
        logits: Tensor = self._model(given, stacked, self._cache)[:, -1].double()
        if self._copies == 1:
            alone: Floats = logits.numpy()
            return alone
        asked, bare = logits.chunk(2)
        strengths = [self._guidance if request.guidance is None else request.guidance for request in requests]
        guided: Floats = (bare + torch.tensor(strengths, dtype=bare.dtype)[:, None] * (asked - bare)).numpy()
        return guided

    def _condition(self, request: BarRequest) -> Tensor:
        """``(2, W)`` embedded conditions with and without what guidance exaggerates; the same all through a bar."""
        known = self._known.get(id(request))
        if known is None or known[0] is not request:
            buckets = torch.from_numpy(np.stack([request.buckets, request.bare]))[None]
            if len(self._known) > 4 * self._num_rows:
                self._known.clear()
            known = self._known[id(request)] = (request, self._model.embed_conditions(buckets)[0])
        return known[1]


def _next_word(row: _Row, logits: Floats, settings: SamplingSettings) -> int:
    allowed = row.request.grammar.allowed()
    if len(row.words) > MAX_WORDS_A_BAR:
        allowed = _closing(allowed)
    if len(allowed) == 1:
        return allowed[0]
    words = np.array(allowed)
    values = logits[words] / settings.temperature
    if row.request.num_onsets is not None:
        values = values + _pace(words, row)
    return int(words[_draw(values, settings.top_p, row.random)])


def _draw(values: Floats, top_p: float, random: np.random.Generator) -> int:
    probability = np.exp(values - values.max())
    probability /= probability.sum()
    order = np.argsort(-probability, kind="stable")
    cumulative = np.cumsum(probability[order])
    kept = order[: int(np.searchsorted(cumulative, top_p)) + 1]
    return int(random.choice(kept, p=probability[kept] / probability[kept].sum()))


def _pace(words: NDArray[np.int64], row: _Row) -> Floats:
    """Nearer positions gain while the bar lags behind its share of onsets, later ones and the end while it is ahead."""
    is_place = ((words >= POSITION) & (words < CHORD)) | (words == BAR)
    if not is_place.any():
        return np.zeros(len(words))
    num_positions = row.request.grammar.num_positions
    place = np.where(words == BAR, num_positions, words - POSITION)
    nearest = int(place[is_place].min())
    lag = float(row.request.num_onsets or 0.0) * nearest / num_positions - row.num_onsets + 0.5
    pull: Floats = np.where(is_place, -PACE * np.clip(lag, -3.0, 3.0) * (place - nearest), 0.0)
    return pull


def _closing(allowed: list[int]) -> list[int]:
    """What brings a bar to its end soonest: the end itself, else what it owes."""
    for words in (
        [word for word in allowed if word == BAR],
        [word for word in allowed if DURATION <= word < METRE],
        [word for word in allowed if CHORD <= word < MELODY or word == NO_CHORD],
        [word for word in allowed if POSITION <= word < CHORD][-1:],
        [word for word in allowed if MELODY <= word < DURATION][-1:],
        [word for word in allowed if word >= ACCOMPANIMENT][:1],
    ):
        if words:
            return words
    return allowed
