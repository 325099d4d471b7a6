"""What music costs: seconds and words a second of the learned composer beside a loop without a cache, playing, memory."""

from __future__ import annotations

import resource
import time

import numpy as np
import torch

from espressivo.evaluation.figures import Figure
from espressivo.evaluation.music_pieces import PIANO, plan_at
from espressivo.music.compose import compose
from espressivo.music.composer_model import Composer, compose_model
from espressivo.music.grid import grid_bars
from espressivo.music.model import RollingCache
from espressivo.music.synthesis import synthesise
from espressivo.music.tokens import encode

__all__ = ["measure_speed"]

PIECE_S = 30.0
NUM_WORDS = 400
NUM_UNCACHED = 8
"""Words that the slow loop writes, spread over the length."""


def measure_speed() -> list[Figure]:
    """Processor time on one core; nothing waits for another thread."""
    plan = plan_at(0.6, 0.5, 0.2, PIECE_S, 0)
    composer = Composer.bundled()
    started = time.process_time()
    score = compose_model(plan, seed=0, settings=PIANO)
    by_model = time.process_time() - started
    words = [word for bar in grid_bars(score) for word in encode(bar)]
    started = time.process_time()
    synthesise(score)
    played = time.process_time() - started
    started = time.process_time()
    compose(plan, seed=0, settings=PIANO.model_copy(update={"composer": "rules"}))
    by_rules = time.process_time() - started
    cached, uncached = _per_word(composer, words)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    note = "processor time of one core, one run"
    bare = f"the network alone, without guidance, over the first {NUM_WORDS} words of a piece"
    return [
        Figure("speed.compose_30_s", by_model, "s", "lower", 10.0, None, {"rules": by_rules}, note),
        Figure("speed.play_30_s", played, "s", "lower", 10.0, None, {}, note),
        Figure("speed.words_per_s", 1.0 / cached, "words/s", "higher", None, None, {"no cache": 1.0 / uncached}, bare),
        Figure("speed.words_of_30_s", float(len(words)), "words", "lower", None, None, {}, "of the piece that was timed"),
        Figure("speed.parameters", composer.model.num_parameters / 1e6, "million", "lower", None, None, {}, "of the network"),
        Figure("speed.peak_memory", memory_mb, "MB", "lower", None, None, {}, "of the measuring process"),
    ]


@torch.inference_mode()
def _per_word(composer: Composer, words: list[int]) -> tuple[float, float]:
    """Seconds a word with the cache of keys and values, and with the whole past computed anew for each word."""
    model = composer.model
    given = torch.tensor([(words * (NUM_WORDS // len(words) + 1))[:NUM_WORDS]])
    buckets = torch.from_numpy(composer.vector({})).expand(1, NUM_WORDS, -1)
    condition = model.embed_conditions(buckets)
    cache = RollingCache(model.config, 1)
    started = time.process_time()
    for place in range(NUM_WORDS):
        model(given[:, place : place + 1], condition[:, place : place + 1], cache)
    cached = (time.process_time() - started) / NUM_WORDS
    started = time.process_time()
    for place in np.linspace(1, NUM_WORDS, NUM_UNCACHED).astype(int).tolist():
        model(given[:, :place], condition[:, :place])
    return cached, (time.process_time() - started) / NUM_UNCACHED
