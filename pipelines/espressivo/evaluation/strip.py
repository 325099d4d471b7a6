"""A strip of frames of a video, for documents: ``python -m espressivo.evaluation.strip talk.mp4 strip.jpg``."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.media.video_reader import probe_video, read_frames

__all__ = ["film_strip"]

JPEG_QUALITY = 88


def film_strip(video: Path, *, columns: int = 6, rows: int = 2, cell_px: int = 260) -> NDArray[np.uint8]:
    """Frames at even distances, in reading order.

    Args:
        video: A video file.
        columns: Frames beside each other.
        rows: Frames below each other.
        cell_px: Width of a frame in the strip.
    """
    info = probe_video(video)
    wanted = set(np.linspace(0, info.num_frames - 1, columns * rows + 2)[1:-1].astype(int).tolist())
    height = round(cell_px * info.height / info.width)
    cells = [
        cv2.resize(frame, (cell_px, height), interpolation=cv2.INTER_AREA)
        for index, frame in enumerate(read_frames(video))
        if index in wanted
    ]
    strip: NDArray[np.uint8] = np.vstack([np.hstack(cells[row * columns : (row + 1) * columns]) for row in range(rows)])
    return strip


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--rows", type=int, default=2)
    arguments = parser.parse_args()
    strip = film_strip(arguments.video, columns=arguments.columns, rows=arguments.rows)
    Image.fromarray(strip).save(arguments.picture, quality=JPEG_QUALITY)


if __name__ == "__main__":
    main()
