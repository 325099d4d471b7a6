"""Excerpts of the prepared corpus as batches: octaves shifted, gaps opened and filled, conditions hidden at random."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor

from espressivo.music.conditions import BARS_TO_END, BARS_TO_JOIN, MODE_CONDITION, NUM_BUCKETS, STEADY
from espressivo.music.tokens import (
    ACCOMPANIMENT,
    AFTER,
    BAR,
    DURATION,
    HERE,
    LOUDNESS,
    MELODY,
    NUM_TEMPOS,
    PAD,
    TEMPO,
)

__all__ = ["OCTAVE_SHARES", "PITCHED", "UNKNOWN", "Batch", "Corpus", "all_attributes"]

UNKNOWN = 255
"""Place of a condition that could not be measured."""
PITCHED = ("top_mean", "bottom_mean", "pitch_p10", "pitch_p90")
OCTAVE_SHARES = {-12: 0.15, 0: 0.7, 12: 0.15}
"""Shift of an excerpt in semitones and how often: registers that songs do not reach are learnt too."""
GAP_SHARE = 0.3
MAX_GAP_BARS = 8
OVERRUN = 40
"""Words by which an excerpt may run into the next song, so that songs' last bars are learnt."""
KEPT_SHARES, KEPT_ODDS = (0.0, 0.15, 0.4, 0.8, 1.0), (0.12, 0.18, 0.25, 0.25, 0.2)
TEMPO_JITTER = 2
Ints = NDArray[np.int64]


def all_attributes(names: list[str]) -> tuple[str, ...]:
    """Conditions of the model in order: the measured ones, then those of place."""
    return (*names, *STEADY)


@dataclass(frozen=True, slots=True)
class Batch:
    """Excerpts.

    Attributes:
        words: ``(B, T + 1)``.
        buckets: ``(B, N, A)`` of the excerpts' bars.
        bar_of: ``(B, T)`` which of them a word is in.
        weight: ``(B, T)``: 0 where the next word cannot be known, else 1.
    """

    words: Tensor
    buckets: Tensor
    bar_of: Tensor
    weight: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, name).to(device, non_blocking=True) for name in ("words", "buckets", "bar_of", "weight")))


class Corpus:
    """A prepared split.

    Args:
        work: Folder written by ``music_corpus``.
        split: ``"train"`` or ``"held_out"``.
        context: Words of an excerpt.
    """

    def __init__(self, work: Path, split: str, context: int) -> None:
        facts: dict[str, Any] = json.loads((work / "corpus.json").read_text(encoding="utf-8"))
        columns = load_file(work / f"{split}.safetensors")
        self._words = columns["words"].astype(np.int64)
        self._bar_of = np.cumsum(self._words == BAR) - 1
        self._bar_start = np.append(np.flatnonzero(self._words == BAR), self._words.size)
        self._levels = columns["levels"].astype(np.int64)
        self._mode = 1 + columns["is_major"].astype(np.int64)
        song = columns["song_of"].astype(np.int64)
        last_bar = np.append(np.flatnonzero(np.diff(song)), song.size - 1)
        self._bars_left = last_bar[song] - np.arange(song.size) + 1
        song_end = self._bar_start[1:][last_bar][song]
        room = np.minimum(song_end + OVERRUN, self._words.size) - self._bar_start[:-1]
        self._starts = np.flatnonzero(room > context)
        self._context = context
        self._buckets_of = _bucket_tables(facts)
        self.attributes = all_attributes(facts["attributes"])

    @property
    def num_words(self) -> int:
        """Words in the split."""
        return int(self._words.size)

    def batch(self, size: int, random: np.random.Generator, *, augment: bool) -> Batch:
        """Excerpts drawn at random.

        Args:
            size: How many.
            random: Source of chance.
            augment: Hide conditions, shift octaves, jitter tempo. Gaps are opened in any case.
        """
        rows = [self._row(int(first), random, augment=augment) for first in random.choice(self._starts, size)]
        num_bars = max(len(buckets) for _, buckets, _ in rows)
        buckets = np.zeros((size, num_bars, len(self.attributes)), np.int64)
        for index, (_, own, _) in enumerate(rows):
            buckets[index, : len(own)] = own
        words = np.stack([words for words, _, _ in rows])
        bar_of = np.stack([bar_of for _, _, bar_of in rows])[:, :-1]
        known = (words[:, 1:] != AFTER) & (words[:, 1:] != HERE) & (words[:, 1:] != PAD)
        # What follows AFTER is music out of the blue, and the far side's end is not for the model to decide.
        return Batch(*(torch.from_numpy(array) for array in (words, buckets, bar_of, known.astype(np.float32))))

    def _row(self, first: int, random: np.random.Generator, *, augment: bool) -> tuple[Ints, Ints, Ints]:
        """Words ``(T + 1,)``, buckets of the bars ``(N, A)``, bar of each word."""
        shift = int(random.choice(list(OCTAVE_SHARES), p=list(OCTAVE_SHARES.values()))) if augment else 0
        last = int(self._bar_of[self._bar_start[first] + self._context])
        bars = np.arange(first, last + 1)
        gap = self._gap(len(bars), random) if random.random() < GAP_SHARE else None
        order = bars if gap is None else np.concatenate([bars[gap[1] :], bars[: gap[1]]])
        spans = [np.arange(self._bar_start[bar], self._bar_start[bar + 1]) for bar in order]
        places = np.concatenate(spans)
        own = np.repeat(np.arange(len(order)), [len(span) for span in spans])
        words = self._words[places]
        if gap is not None:
            far = sum(len(span) for span in spans[: len(bars) - gap[1]])
            words = np.concatenate([[AFTER], words[:far], [HERE], words[far:]])
            own = np.concatenate([[0], own[:far], [len(bars) - gap[1]], own[far:]])
        size = self._context + 1
        words, own = words[:size], own[:size]
        buckets = self._buckets(order, shift)
        if gap is not None:
            left = np.clip(gap[1] - np.arange(gap[0], gap[1]), 1, NUM_BUCKETS)
            begin = len(bars) - gap[1] + gap[0]
            buckets[begin : begin + len(left), self.attributes.index(BARS_TO_JOIN)] = left
        if augment:
            words = _tempo_jittered(_shifted(words, shift), random)
            buckets = buckets * self._kept(buckets.shape, 0 if gap is None else len(bars) - gap[1] + gap[0], random)
        return words, buckets, own

    @staticmethod
    def _gap(num_bars: int, random: np.random.Generator) -> tuple[int, int] | None:
        """First bar of a gap and first bar after it; at least two bars follow."""
        if num_bars < 5:
            return None
        length = int(random.integers(1, min(MAX_GAP_BARS, num_bars - 3) + 1))
        begin = int(random.integers(0, num_bars - length - 1))
        return begin, begin + length

    def _buckets(self, bars: Ints, shift: int) -> Ints:
        measured = np.take_along_axis(self._buckets_of[shift][None], self._levels[bars][:, :, None], axis=2)[:, :, 0]
        place = {
            BARS_TO_END: np.clip(self._bars_left[bars], 1, NUM_BUCKETS),
            BARS_TO_JOIN: np.zeros(len(bars), np.int64),
            MODE_CONDITION: self._mode[bars],
        }
        every: Ints = np.concatenate([measured, np.stack([place[name] for name in STEADY], axis=1)], axis=1)
        return every

    def _kept(self, shape: tuple[int, ...], border: int, random: np.random.Generator) -> Ints:
        """Which conditions are shown: a share of them for the whole excerpt; what stands around a gap may differ from the gap."""
        shown = np.concatenate([self._shown(1, random).repeat(border, 0), self._shown(1, random).repeat(shape[0] - border, 0)])
        kept: Ints = shown if border and random.random() < 0.5 else shown[-1:].repeat(shape[0], 0)
        return kept

    def _shown(self, rows: int, random: np.random.Generator) -> Ints:
        share = random.choice(KEPT_SHARES, p=KEPT_ODDS)
        shown = random.random((rows, len(self.attributes))) < share
        shown[:, self.attributes.index(BARS_TO_END)] = random.random() < 0.6
        shown[:, self.attributes.index(BARS_TO_JOIN)] = True
        shown[:, self.attributes.index(MODE_CONDITION)] = True
        kept: Ints = np.asarray(shown, np.int64)
        return kept


def _bucket_tables(facts: dict[str, Any]) -> dict[int, Ints]:
    """For each octave shift the bucket of every place of every measured condition, ``(A, 256)``; unknown is 0."""
    values = np.array(facts["table"])
    borders = np.array(facts["borders"])
    pitched = np.isin(facts["attributes"], PITCHED)
    tables = {}
    for shift in OCTAVE_SHARES:
        moved = values + shift * pitched[:, None]
        buckets = 1 + (moved[:, :, None] > borders[:, None, :]).sum(axis=2)
        tables[shift] = np.hstack([buckets, np.zeros((len(values), 1), np.int64)])
    return tables


def _shifted(words: Ints, shift: int) -> Ints:
    """Pitches moved by octaves where they stay within the vocabulary."""
    if shift == 0:
        return words
    moved = words.copy()
    for low, high in ((MELODY, ACCOMPANIMENT), (ACCOMPANIMENT, DURATION)):
        mine = (words >= low) & (words < high)
        target = words + shift
        moved = np.where(mine & (target >= low) & (target < high), target, moved)
    return moved


def _tempo_jittered(words: Ints, random: np.random.Generator) -> Ints:
    """The same music a little faster or slower."""
    by = int(random.integers(-TEMPO_JITTER, TEMPO_JITTER + 1))
    mine = (words >= TEMPO) & (words < LOUDNESS)
    return np.where(mine, np.clip(words + by, TEMPO, TEMPO + NUM_TEMPOS - 1), words)
