"""Train the music transformer; stop it at any time and run the same command to go on.

    python -m espressivo.training.music train --work WORK --minutes 30     # WORK holds what music_corpus wrote
    python -m espressivo.training.music export --work WORK -o checkpoints/music_pop909

Attributes are computed from the music itself (self-supervised, as in EmoGen) and hidden at random, so that any
subset may be asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from torch import Tensor
from torch.nn import functional

from espressivo.music.model import MusicTransformer, MusicTransformerConfig
from espressivo.seeds import numpy_generator
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["Corpus", "main", "train"]

BATCH_SIZE = 8
PEAK_RATE = 1e-3
WARM_UP = 100
SAVE_EVERY = 100
HELD_OUT_BATCHES = 12
SEED = 909


class Corpus:
    """Excerpts of a prepared split.

    Args:
        path: File written by ``music_corpus``.
        context: Words of an excerpt.
    """

    def __init__(self, path: Path, context: int) -> None:
        columns = load_file(path)
        self._words = columns["words"].astype(np.int64)
        self._bar_of = columns["bar_of"]
        self._buckets = columns["buckets"].astype(np.int64)
        self._context = context
        first_of_bar = np.flatnonzero(np.diff(self._bar_of, prepend=-1))
        self._starts = first_of_bar[first_of_bar + context + 1 < self._words.size]

    @property
    def num_words(self) -> int:
        """Words in the split."""
        return int(self._words.size)

    def batch(self, size: int, random: np.random.Generator, *, hide: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Words ``(B, T)``, the buckets of each word's bar ``(B, T, A)``, the following words ``(B, T)``.

        With ``hide`` an excerpt keeps a random share of its conditions; the last one, the mode, always.
        """
        starts = random.choice(self._starts, size)
        places = starts[:, None] + np.arange(self._context + 1)
        words = self._words[places]
        buckets = self._buckets[self._bar_of[places[:, :-1]]]
        if hide:
            buckets = buckets * self._kept(size, random)
        return torch.from_numpy(words[:, :-1]), torch.from_numpy(buckets), torch.from_numpy(words[:, 1:])

    def _kept(self, size: int, random: np.random.Generator) -> NDArray[np.int64]:
        share = random.choice([0.0, 0.3, 0.7, 1.0], (size, 1, 1), p=[0.1, 0.2, 0.3, 0.4])
        kept = random.random((size, 1, self._buckets.shape[1])) < share
        kept[..., -1] = True
        return kept.astype(np.int64)


def _configuration(work: Path, arguments: argparse.Namespace) -> MusicTransformerConfig:
    facts: dict[str, Any] = json.loads((work / "corpus.json").read_text(encoding="utf-8"))
    return MusicTransformerConfig(
        width=arguments.width,
        num_layers=arguments.layers,
        num_heads=arguments.width // 32,
        context=arguments.context,
        attributes=tuple(facts["attributes"]),
        num_buckets=facts["num_buckets"],
    )


def train(arguments: argparse.Namespace) -> None:
    """Train until the minutes are over or the steps are done."""
    config = _configuration(arguments.work, arguments)
    torch.manual_seed(SEED)
    model = MusicTransformer(config)
    average = MovingAverage(model, 0.998)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    run = Run(arguments.work / "run")
    sizes = {name: getattr(arguments, name) for name in ("width", "layers", "context")}
    (run.folder / "config.json").write_text(json.dumps(sizes) + "\n", encoding="utf-8")
    step = run.resume(model, average, optimizer)
    corpus = Corpus(arguments.work / "train.safetensors", config.context)
    held_out = Corpus(arguments.work / "held_out.safetensors", config.context)
    deadline = time.monotonic() + 60.0 * arguments.minutes
    losses: list[float] = []
    while step < arguments.steps and time.monotonic() < deadline:
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * warm_cosine(step, arguments.steps, WARM_UP)
        random = numpy_generator(SEED, "batch", str(step))
        losses.append(_update(model, optimizer, corpus.batch(BATCH_SIZE, random, hide=True)))
        step += 1
        average.update(model, step)
        if step % SAVE_EVERY == 0:
            run.log(step=step, loss=float(np.mean(losses)), held_out=_held_out_loss(config, average, held_out))
            run.save(step, model, average, optimizer)
            losses.clear()
    run.save(step, model, average, optimizer)


def _update(model: MusicTransformer, optimizer: torch.optim.Optimizer, batch: tuple[Tensor, Tensor, Tensor]) -> float:
    model.train()
    loss = _loss(model, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _loss(model: MusicTransformer, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    words, buckets, following = batch
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(words, buckets)
    return functional.cross_entropy(logits.float().flatten(0, 1), following.flatten())


@torch.no_grad()
def _held_out_loss(config: MusicTransformerConfig, average: MovingAverage, corpus: Corpus) -> float:
    """Loss of the averaged weights on the same excerpts each time, all conditions given."""
    model = MusicTransformer(config)
    model.load_state_dict(average.weights)
    model.eval()
    random = numpy_generator(SEED, "held out")
    return float(np.mean([float(_loss(model, corpus.batch(BATCH_SIZE, random, hide=False))) for _ in range(HELD_OUT_BATCHES)]))


def export(arguments: argparse.Namespace) -> None:
    """Write the averaged weights as a checkpoint with its checksums; the model card is written by hand."""
    run = Run(arguments.work / "run")
    saved = argparse.Namespace(**json.loads((run.folder / "config.json").read_text(encoding="utf-8")))
    model = MusicTransformer(_configuration(arguments.work, saved))
    model.load_state_dict(run.average_weights())
    model.save(arguments.output)
    facts = json.loads((arguments.work / "corpus.json").read_text(encoding="utf-8"))
    borders = {"attributes": facts["attributes"], "borders": facts["borders"]}
    (arguments.output / "buckets.json").write_text(json.dumps(borders, indent=1) + "\n", encoding="utf-8")
    names = ("buckets.json", "config.json", "model.safetensors")
    sums = [f"{hashlib.sha256((arguments.output / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (arguments.output / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main() -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    trainer = commands.add_parser("train", help="train or go on training")
    trainer.add_argument("--work", type=Path, required=True)
    trainer.add_argument("--minutes", type=float, default=60.0)
    trainer.add_argument("--steps", type=int, default=3000, help="length of the learning-rate schedule")
    trainer.add_argument("--width", type=int, default=256)
    trainer.add_argument("--layers", type=int, default=6)
    trainer.add_argument("--context", type=int, default=512)
    trainer.set_defaults(action=train)
    exporter = commands.add_parser("export", help="write the checkpoint")
    exporter.add_argument("--work", type=Path, required=True)
    exporter.add_argument("-o", "--output", type=Path, required=True)
    exporter.set_defaults(action=export)
    arguments = parser.parse_args()
    arguments.action(arguments)


if __name__ == "__main__":
    main()
