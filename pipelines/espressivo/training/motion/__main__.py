"""Commands of the denoiser's training."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from espressivo.resources import load_config
from espressivo.training.motion.capture import prepare_facegood
from espressivo.training.motion.dataset import ClipSet
from espressivo.training.motion.teacher import prepare_clips
from espressivo.training.motion.train import TrainingSettings, export, train
from espressivo.training.phone_network.corpus import read_corpus
from espressivo.training.phone_network.dataset import is_held_out
from espressivo.training.runs import Run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.motion", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="let the procedural teacher act out random plans on a speech corpus")
    prepare.add_argument("--corpus", type=Path, nargs="+", required=True)
    prepare.add_argument("--clips", type=int, required=True)
    prepare.add_argument("--seed", type=int, default=1)
    prepare.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    capture = commands.add_parser("capture", help="read captured mouths with their speech")
    capture.add_argument("--facegood", type=Path, required=True, help="folder with the takes")
    capture.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    training = commands.add_parser("train", help="train, or continue a run")
    training.add_argument("--data", type=Path, nargs="+", required=True, help="files of prepare and capture")
    training.add_argument("--run", type=Path, required=True)
    training.add_argument("--threads", type=int, default=1)
    exporting = commands.add_parser("export", help="write the checkpoint of a run")
    exporting.add_argument("--run", type=Path, required=True)
    exporting.add_argument("-o", "--output", type=Path, required=True)
    return parser


def main() -> None:
    """Run one command."""
    options = _parser().parse_args()
    config = load_config("train/motion.yaml")
    if options.command == "prepare":
        held_out = load_config("train/phone_network.yaml")["held_out"]
        items = [item for folder in options.corpus for item in read_corpus(folder) if not is_held_out(item, held_out)]
        prepare_clips(items, options.clips, options.seed, options.output)
    elif options.command == "capture":
        prepare_facegood(options.facegood, options.output)
    elif options.command == "train":
        torch.set_num_threads(options.threads)
        settings = TrainingSettings(**config["training"])
        shares = settings.shares[: len(options.data)]
        train(config["model"], settings, ClipSet(options.data, shares, config["model"]["window"]), Run(options.run))
    else:
        export(config["model"], Run(options.run), options.output)


if __name__ == "__main__":
    main()
