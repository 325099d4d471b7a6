"""Train the music transformer; stop it at any time and run the same command to go on.

    python -m espressivo.training.music train --work WORK --minutes 30     # WORK holds what music_corpus wrote
    python -m espressivo.training.music export --work WORK -o checkpoints/music_pop909

Attributes are computed from the music itself (self-supervised, as in EmoGen) and hidden at random, so that any subset may be
asked for; in a share of the excerpts a gap is to be filled. What is exported are the averaged weights that knew the held-out
songs best.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from espressivo.music.conditions import STEADY
from espressivo.music.model import MusicTransformer, MusicTransformerConfig
from espressivo.seeds import numpy_generator
from espressivo.training.music_batches import Batch, Corpus, all_attributes
from espressivo.training.runs import MovingAverage, Run, warm_cosine

__all__ = ["main", "train"]

PEAK_RATE = 1.5e-3
WARM_UP = 200
HELD_OUT_WORDS = 400_000
SCHEDULE = 100_000
"""Resolution of the learning-rate schedule."""
SEED = 909
SIZES = ("width", "layers", "context", "dropout")


def _configuration(work: Path, arguments: argparse.Namespace) -> MusicTransformerConfig:
    facts: dict[str, Any] = json.loads((work / "corpus.json").read_text(encoding="utf-8"))
    return MusicTransformerConfig(
        width=arguments.width,
        num_layers=arguments.layers,
        num_heads=arguments.width // 32,
        context=arguments.context,
        dropout=arguments.dropout,
        attributes=all_attributes(facts["attributes"]),
        num_buckets=facts["num_buckets"],
    )


def train(arguments: argparse.Namespace) -> None:
    """Train until the minutes are over or the steps are done; the learning rate has then come down."""
    config = _configuration(arguments.work, arguments)
    device = torch.device(arguments.device)
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")
    model = MusicTransformer(config).to(device)
    average = MovingAverage(model, 0.999)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.05)
    run = Run(arguments.work / "run")
    (run.folder / "config.json").write_text(
        json.dumps({name: getattr(arguments, name) for name in SIZES}) + "\n", encoding="utf-8"
    )
    step = run.resume(model, average, optimizer)
    corpus, held_out = (Corpus(arguments.work, split, config.context) for split in ("train", "held_out"))
    best = _Best(run.folder, config, held_out, device)
    begun = saved = time.monotonic()
    losses: list[Tensor] = []
    while step < arguments.steps and (now := time.monotonic()) - begun < 60.0 * arguments.minutes:
        progress = max(step / arguments.steps, (now - begun) / (60.0 * arguments.minutes))
        rate = warm_cosine(int(progress * SCHEDULE), SCHEDULE, 0) * min(1.0, (step + 1) / WARM_UP)
        for group in optimizer.param_groups:
            group["lr"] = PEAK_RATE * rate
        batch = corpus.batch(arguments.batch_size, numpy_generator(SEED, "batch", str(step)), augment=True)
        losses.append(_update(model, optimizer, batch.to(device)))
        step += 1
        average.update(model, step)
        if step % arguments.save_every == 0:
            loss, known, bare = float(torch.stack(losses).mean()), *best.judge(average)
            run.log(step=step, minutes=round((time.monotonic() - begun) / 60, 3), loss=loss, held_out=known, unconditioned=bare)
            losses.clear()
            if time.monotonic() - saved > 60.0 * arguments.save_minutes:
                run.save(step, model, average, optimizer)
                saved = time.monotonic()
    best.judge(average)
    run.save(step, model, average, optimizer)


class _Best:
    """Keeps the averaged weights that know the held-out songs best."""

    def __init__(self, folder: Path, config: MusicTransformerConfig, corpus: Corpus, device: torch.device) -> None:
        self._path = folder / "best.safetensors"
        self._record = folder / "best.json"
        self._least = json.loads(self._record.read_text(encoding="utf-8"))["held_out"] if self._record.is_file() else np.inf
        self._model = MusicTransformer(config).to(device).eval()
        random = numpy_generator(SEED, "held out")
        size = 8 if device.type == "cpu" else 32
        num_batches = max(2, HELD_OUT_WORDS // (size * config.context * (20 if device.type == "cpu" else 1)))
        self._batches = [corpus.batch(size, random, augment=False) for _ in range(num_batches)]
        self._place = [config.attributes.index(name) for name in STEADY]
        self._device = device

    @torch.no_grad()
    def judge(self, average: MovingAverage) -> tuple[float, float]:
        """Loss on the same excerpts of unheard songs each time, with all conditions and with those of place alone."""
        self._model.load_state_dict(average.weights)
        known = float(torch.stack([_loss(self._model, batch.to(self._device)) for batch in self._batches]).mean())
        bare = float(torch.stack([_loss(self._model, self._hidden(batch).to(self._device)) for batch in self._batches]).mean())
        if known < self._least:
            self._least = known
            tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in average.weights.items()}
            save_file(tensors, self._path, metadata={"format": "pt"})
            self._record.write_text(json.dumps({"held_out": known, "unconditioned": bare}) + "\n", encoding="utf-8")
        return known, bare

    def _hidden(self, batch: Batch) -> Batch:
        buckets = torch.zeros_like(batch.buckets)
        buckets[..., self._place] = batch.buckets[..., self._place]
        return Batch(batch.words, buckets, batch.bar_of, batch.weight)


def _update(model: MusicTransformer, optimizer: torch.optim.Optimizer, batch: Batch) -> Tensor:
    model.train()
    loss = _loss(model, batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.detach()


def _loss(model: MusicTransformer, batch: Batch) -> Tensor:
    """Mean cross-entropy of the words that can be known."""
    bars = model.embed_conditions(batch.buckets)
    condition = bars.gather(1, batch.bar_of[:, :, None].expand(-1, -1, bars.shape[2]))
    with torch.autocast(batch.words.device.type, torch.bfloat16):
        logits = model(batch.words[:, :-1], condition)
    each = functional.cross_entropy(logits.float().flatten(0, 1), batch.words[:, 1:].flatten(), reduction="none")
    weight = batch.weight.flatten()
    return (each * weight).sum() / weight.sum()


def export(arguments: argparse.Namespace) -> None:
    """Write the best averaged weights as a checkpoint with its checksums; the model card is written by hand."""
    run = Run(arguments.work / "run")
    saved = argparse.Namespace(**json.loads((run.folder / "config.json").read_text(encoding="utf-8")))
    model = MusicTransformer(_configuration(arguments.work, saved))
    model.load_state_dict(load_file(run.folder / "best.safetensors"))
    model.save(arguments.output)
    facts = json.loads((arguments.work / "corpus.json").read_text(encoding="utf-8"))
    borders = {"attributes": facts["attributes"], "borders": facts["borders"]}
    (arguments.output / "buckets.json").write_text(json.dumps(borders, indent=1) + "\n", encoding="utf-8")
    names = ("buckets.json", "config.json", "model.safetensors")
    sums = [f"{hashlib.sha256((arguments.output / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (arguments.output / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the command."""
    parser = argparse.ArgumentParser(
        prog="python -m espressivo.training.music", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    trainer = commands.add_parser("train", help="train or go on training")
    trainer.add_argument("--work", type=Path, required=True)
    trainer.add_argument("--minutes", type=float, default=60.0)
    trainer.add_argument("--steps", type=int, default=100_000, help="at most")
    trainer.add_argument("--batch-size", type=int, default=8)
    trainer.add_argument("--save-every", type=int, default=100, help="steps between looks at the held-out songs")
    trainer.add_argument("--save-minutes", type=float, default=2.0, help="at least between savings of the state")
    trainer.add_argument("--device", default="cpu", help="cpu or cuda")
    trainer.add_argument("--width", type=int, default=256)
    trainer.add_argument("--layers", type=int, default=6)
    trainer.add_argument("--context", type=int, default=1024)
    trainer.add_argument("--dropout", type=float, default=0.15)
    trainer.set_defaults(action=train)
    exporter = commands.add_parser("export", help="write the checkpoint")
    exporter.add_argument("--work", type=Path, required=True)
    exporter.add_argument("-o", "--output", type=Path, required=True)
    exporter.set_defaults(action=export)
    options = parser.parse_args(arguments)
    options.action(options)


if __name__ == "__main__":
    main()
