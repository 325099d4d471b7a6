"""The pieces that the music measures judge: targets in all quadrants, written by every composer, many at a time."""

from __future__ import annotations

import copy
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from espressivo.emotion.plan import VAD, EmotionPlan
from espressivo.emotion.planner import plan_emotion
from espressivo.emotion.request import EmotionRequest
from espressivo.music.compose import compose
from espressivo.music.composer_model import Composer, compose_models
from espressivo.music.conditions import CONDITION_NAMES
from espressivo.music.score import Score
from espressivo.music.settings import MusicSettings
from espressivo.seeds import numpy_generator

__all__ = ["CENTRES", "PIANO", "PIECE_S", "SEED", "Piece", "Writer", "plan_at", "targets", "write"]

SEED = 2023
PIECE_S = 30.0
CENTRES = {1: (0.65, 0.6), 2: (-0.65, 0.6), 3: (-0.65, -0.55), 4: (0.65, -0.55)}
"""Valence and arousal of the quadrants' targets, as far out as strong everyday emotions; pieces scatter around them by .12."""
SPREAD = 0.12
PIANO = MusicSettings(palette="piano")
"""The judges know nothing but piano."""
CHUNK = 13
"""Pieces that a process writes together."""
Piece = tuple[EmotionPlan, int]
Chunk = tuple[Sequence[Piece], Sequence[MusicSettings]]
Writer = Literal["rules", "model", "attributes hidden", "unconditioned", "no theme returns"]
"""``rules``: the rule composer; ``model``: as shipped; ``attributes hidden``: the model with the plan's form, chords, density and
performance, but no attribute; ``unconditioned``: the same of a neutral plan, whatever the target; ``no theme returns``: every bar
free."""


def plan_at(valence: float, arousal: float, dominance: float, duration_s: float, seed: int) -> EmotionPlan:
    """The plan of a point of valence, arousal and dominance."""
    point = np.clip([valence, arousal, dominance], -1.0, 1.0).tolist()
    vad = VAD(valence=point[0], arousal=point[1], dominance=point[2])
    return plan_emotion(EmotionRequest(vad=vad, duration_s=duration_s), seed=seed)


def targets(num: int, *, is_neutral: bool = False) -> tuple[list[Piece], NDArray[np.int64]]:
    """``num`` plans with seeds for each quadrant, and the quadrants; neutral plans that only the seeds tell apart if wanted."""
    pieces, wanted = [], []
    for quadrant, (valence, arousal) in CENTRES.items():
        for index in range(num):
            random = numpy_generator(SEED, "target", str(quadrant), str(index))
            shift = random.normal(0.0, SPREAD, 2)
            dominance = float(random.uniform(-0.4, 0.5))
            plan = plan_at(valence + shift[0], arousal + shift[1], dominance, PIECE_S, index)
            plan = plan_at(0.0, 0.0, 0.0, PIECE_S, index) if is_neutral else plan
            pieces.append((plan, 1000 * is_neutral * quadrant + index))
            wanted.append(quadrant)
    return pieces, np.array(wanted)


def write(pieces: Sequence[Piece], writer: Writer, settings: Sequence[MusicSettings] | MusicSettings = PIANO) -> list[Score]:
    """Compose all pieces, on as many processes as there are processors.

    Args:
        pieces: Plans and seeds.
        writer: Who writes.
        settings: For all pieces, or one for each.
    """
    each = [settings] * len(pieces) if isinstance(settings, MusicSettings) else list(settings)
    chunks: list[Chunk] = [(pieces[first : first + CHUNK], each[first : first + CHUNK]) for first in range(0, len(pieces), CHUNK)]
    return _spread(partial(_write_chunk, writer), chunks)


def _spread(work: Callable[[Chunk], list[Score]], chunks: list[Chunk]) -> list[Score]:
    # Forked children would wait for ever for OpenMP threads that only the parent has.
    processes = ProcessPoolExecutor(min(os.cpu_count() or 1, len(chunks)), multiprocessing.get_context("spawn"))
    with processes as pool:
        return [score for scores in pool.map(work, chunks) for score in scores]


def _write_chunk(writer: Writer, chunk: Chunk) -> list[Score]:
    pieces, settings = chunk
    if writer == "rules":
        return [compose(plan, seed=seed, settings=own) for (plan, seed), own in zip(pieces, settings, strict=True)]
    composer = _in_bfloat16(Composer.bundled())
    if writer in {"attributes hidden", "unconditioned"}:
        composer = replace(composer, hidden=frozenset(CONDITION_NAMES), sampling=replace(composer.sampling, guidance=1.0))
    if writer == "no theme returns":
        composer = replace(composer, restates=False)
    return compose_models(pieces, settings=settings, composer=composer)


def _in_bfloat16(composer: Composer) -> Composer:
    """The same network in half the memory: faster for batches, slower for a piece alone."""
    return replace(composer, model=copy.deepcopy(composer.model).to(torch.bfloat16))
