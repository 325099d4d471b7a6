"""The pieces that the music measures judge: targets in all quadrants, written by every composer, many at a time."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray

from espressivo.emotion.plan import VAD, EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.music.candidates import compose_best
from espressivo.music.compose import compose
from espressivo.music.composer_model import Composer, compose_models
from espressivo.music.conditions import CONDITION_NAMES
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.seeds import numpy_generator

__all__ = ["CENTRES", "EARLY_TICKS", "PIANO", "SEED", "Piece", "Writer", "Writers", "neutral", "plan_at", "targets"]

SEED = 2023
CENTRES = {1: (0.65, 0.6), 2: (-0.65, 0.6), 3: (-0.65, -0.55), 4: (0.65, -0.55)}
"""Valence and arousal of the quadrants' targets, as far out as strong everyday emotions; pieces scatter around them by .12."""
SPREAD = 0.12
PIANO = MusicSettings(palette="piano")
"""The judges know nothing but piano."""
EARLY_TICKS = 60
"""By which a note may come before the bar that it belongs to."""
CHUNK = 25
"""Pieces that a process writes together, at most."""
Piece = tuple[EmotionPlan, int]
Writer = Literal["rules", "search", "model", "attributes hidden", "unconditioned", "no theme returns"]
"""``rules``: the rule composer; ``search``: the same with its search for attributes asked for by rank, the default way of asking;
``model``: as shipped; ``attributes hidden``: the model with the plan's form, chords, density and performance, but no attribute;
``unconditioned``: the same of a neutral plan, whatever the target; ``no theme returns``: every bar free."""


def plan_at(valence: float, arousal: float, dominance: float, duration_s: float, seed: int) -> EmotionPlan:
    """The plan of a point of valence, arousal and dominance."""
    point = np.clip([valence, arousal, dominance], -1.0, 1.0).tolist()
    vad = VAD(valence=point[0], arousal=point[1], dominance=point[2])
    return plan_emotion(EmotionRequest(vad=vad, duration_s=duration_s), seed=seed)


def neutral(num: int, duration_s: float) -> list[Piece]:
    """Plans without an emotion, which only their seeds tell apart."""
    return [(plan_at(0.0, 0.0, 0.0, duration_s, index), index) for index in range(num)]


def targets(num: int, duration_s: float) -> tuple[list[Piece], NDArray[np.int64]]:
    """``num`` plans with seeds for each quadrant, and the quadrants."""
    pieces, wanted = [], []
    for quadrant, (valence, arousal) in CENTRES.items():
        for index in range(num):
            random = numpy_generator(SEED, "target", str(quadrant), str(index))
            shift = random.normal(0.0, SPREAD, 2)
            dominance = float(random.uniform(-0.4, 0.5))
            plan = plan_at(valence + shift[0], arousal + shift[1], dominance, duration_s, index)
            pieces.append((plan, index))
            wanted.append(quadrant)
    return pieces, np.array(wanted)


class Writers:
    """As many processes as there are processors; each keeps its networks from one call to the next.

    Attributes:
        num_written: Pieces so far, by writer.
        num_valid: Those of them that are the same again after a round trip through MIDI and exactly as long as asked.
    """

    def __init__(self) -> None:
        # Forked children would wait for ever for OpenMP threads that only the parent has.
        self._pool = ProcessPoolExecutor(os.cpu_count() or 1, multiprocessing.get_context("spawn"))
        self.num_written: dict[Writer, int] = {}
        self.num_valid: dict[Writer, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def write(
        self, pieces: Sequence[Piece], writer: Writer, settings: Sequence[MusicSettings] | MusicSettings = PIANO
    ) -> list[Score]:
        """Compose all pieces.

        Args:
            pieces: Plans and seeds.
            writer: Who writes.
            settings: For all pieces, or one for each.
        """
        each = [settings] * len(pieces) if isinstance(settings, MusicSettings) else list(settings)
        size = min(CHUNK, -(-len(pieces) // (os.cpu_count() or 1)))
        places = range(0, len(pieces), size)
        futures = [
            self._pool.submit(_write_chunk, writer, pieces[first : first + size], each[first : first + size]) for first in places
        ]
        scores = [score for future in futures for score in future.result()]
        valid = sum(is_valid(score, plan) for score, (plan, _) in zip(scores, pieces, strict=True))
        self.num_written[writer] = self.num_written.get(writer, 0) + len(scores)
        self.num_valid[writer] = self.num_valid.get(writer, 0) + valid
        return scores


def is_valid(score: Score, plan: EmotionPlan) -> bool:
    """Whether a score is the same after a round trip through MIDI and as long as its plan to a millisecond."""
    return Score.from_midi_bytes(score.to_midi_bytes()) == score and abs(score.duration_s - plan.duration_s) < 1e-3


def _write_chunk(writer: Writer, pieces: Sequence[Piece], settings: Sequence[MusicSettings]) -> list[Score]:
    if writer == "rules":
        return [compose(plan, seed=seed, settings=own) for (plan, seed), own in zip(pieces, settings, strict=True)]
    if writer == "search":
        return [compose_best(plan, seed=seed, settings=own).score for (plan, seed), own in zip(pieces, settings, strict=True)]
    return compose_models(pieces, settings=settings, composer=_composer(writer))


@cache
def _composer(writer: Writer) -> Composer:
    composer = _in_bfloat16()
    if writer in {"attributes hidden", "unconditioned"}:
        return replace(composer, hidden=frozenset(CONDITION_NAMES), sampling=replace(composer.sampling, guidance=1.0))
    return replace(composer, restates=writer != "no theme returns")


@cache
def _in_bfloat16() -> Composer:
    """The same network in half the memory: faster for batches, slower for a piece alone."""
    composer = Composer.bundled()
    return replace(composer, model=copy.deepcopy(composer.model).to(torch.bfloat16))
