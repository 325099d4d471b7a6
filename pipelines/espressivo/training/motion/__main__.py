"""Commands of the denoiser's training."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from espressivo.resources import load_config
from espressivo.training.motion.ablation import compare
from espressivo.training.motion.dataset import ClipSet
from espressivo.training.motion.layouts import LAYOUTS
from espressivo.training.motion.train import TrainingSettings, export, train
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
    templates = commands.add_parser("templates", help="read the head motion of LivePortrait's templates")
    templates.add_argument("--liveportrait", type=Path, required=True, help="folder with the templates as npz")
    templates.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    terms = "weights trained on such sets are bound by the terms of the sets (MEAD, HDTF, RAVDESS and CREMA-D restrict their use)"
    clips = commands.add_parser("clips", help="track and hear the clips of a set of filmed speakers", epilog=terms)
    clips.add_argument("--folder", type=Path, required=True, help="folder of the set, or a part of it")
    clips.add_argument("--layout", choices=tuple(LAYOUTS), required=True, help="how its files are named")
    clips.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    training = commands.add_parser("train", help="train, or continue a run")
    kinds = "files of prepare; give it again for those of capture, and of templates"
    training.add_argument("--data", type=Path, nargs="+", action="append", required=True, help=kinds)
    training.add_argument("--run", type=Path, required=True)
    training.add_argument("--threads", type=int, default=1)
    training.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    training.add_argument("--minutes", type=float, help="train for this long instead of the number of steps in the config")
    training.add_argument("--steps", type=int, help="number of steps instead of the config's")
    training.add_argument("--batch", type=int, help="windows in a step instead of the config's")
    training.add_argument("--compile", action="store_true", help="let torch compile the denoiser")
    start = "checkpoint to start from instead of fresh weights, with the config's settings for fine tuning"
    training.add_argument("--init-from", type=Path, metavar="FOLDER", help=start)
    training.add_argument("--model", default="model", help="section of the config that describes the denoiser")
    comparing = commands.add_parser("compare", help="held-out loss of runs on plain emotions and on mixtures, without muscles")
    comparing.add_argument("--data", type=Path, nargs="+", required=True, help="files of prepare that were learnt from")
    comparing.add_argument("--run", type=Path, nargs="+", required=True)
    comparing.add_argument("--model", nargs="+", required=True, help="section of the config for each run")
    exporting = commands.add_parser("export", help="write the checkpoint of a run")
    exporting.add_argument("--run", type=Path, required=True)
    exporting.add_argument("--model", default="model", help="as for train")
    exporting.add_argument("-o", "--output", type=Path, required=True)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    options = _parser().parse_args(arguments)
    config = load_config("train/motion.yaml")
    if options.command == "train":
        torch.set_num_threads(options.threads)
        asked = {name: value for name in ("steps", "batch") if (value := getattr(options, name)) is not None}
        settings = TrainingSettings(**config["training"] | (config["fine_tuning"] if options.init_from else {}) | asked)
        shares = settings.shares[: len(options.data)]
        model = config[options.model]
        clips = ClipSet(options.data, shares, model["window"], options.device)
        run = Run(options.run)
        train(model, settings, clips, run, options.minutes, init_from=options.init_from, compiled=options.compile)
    elif options.command == "compare":
        for model, folder in zip(options.model, options.run, strict=True):
            compare(config[model], TrainingSettings(**config["training"]), options.data, Run(folder), model)
    elif options.command == "export":
        export(config[options.model], Run(options.run), options.output)
    else:
        _make_data(options)


def _make_data(options: argparse.Namespace) -> None:
    # Imported here: reading media needs codecs that a machine which only trains does not have.
    from espressivo.training.motion.capture import prepare_facegood, prepare_templates
    from espressivo.training.motion.clips import prepare_folder
    from espressivo.training.motion.teacher import prepare_clips
    from espressivo.training.phone_network.corpus import read_corpus
    from espressivo.training.phone_network.dataset import is_held_out

    if options.command == "prepare":
        held_out = load_config("train/phone_network.yaml")["held_out"]
        items = [item for folder in options.corpus for item in read_corpus(folder) if not is_held_out(item, held_out)]
        prepare_clips(items, options.clips, options.seed, options.output)
    elif options.command == "capture":
        prepare_facegood(options.facegood, options.output)
    elif options.command == "clips":
        prepare_folder(options.folder, options.layout, options.output)
    else:
        prepare_templates(options.liveportrait, options.output)


if __name__ == "__main__":
    main()
