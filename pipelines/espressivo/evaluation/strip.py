"""Videos as pictures for documents: a strip of frames, or a GIF of several videos beside each other.

python -m espressivo.evaluation.strip talk.mp4 strip.jpg
python -m espressivo.evaluation.strip joy.mp4 anger.mp4 both.gif --seconds 4
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.media.video_reader import probe_video, read_frames

__all__ = ["film_strip", "save_gif"]

JPEG_QUALITY = 88
GIF_FPS = 12.5
"""A GIF counts hundredths of a second: 8 for each frame."""
GIF_COLOURS = 128
SAME = 5
"""Brightness steps by which a pixel must change to be drawn again: less is the noise of the video's compression."""


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


def save_gif(videos: Sequence[Path], path: Path, *, seconds: float, cell_px: int = 240) -> None:
    """Write the beginning of several videos, beside each other, as a GIF that repeats.

    Args:
        videos: Of one shape and frame rate.
        path: Where the GIF goes.
        seconds: How much of them.
        cell_px: Width of each.
    """
    pictures = [Image.fromarray(frame) for frame in _still_where_nothing_moves(_beside(videos, seconds, cell_px))]
    palette = _palette(pictures)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames[0].save(path, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 / GIF_FPS), loop=0)


def _beside(videos: Sequence[Path], seconds: float, cell_px: int) -> Iterator[NDArray[np.uint8]]:
    info = probe_video(videos[0])
    shown = np.arange(int(seconds * GIF_FPS)) * float(info.fps) / GIF_FPS
    wanted = set(shown.round().astype(int).tolist())
    height = round(cell_px * info.height / info.width)
    for index, frames in enumerate(zip(*(read_frames(video) for video in videos), strict=False)):
        if index in wanted:
            cells = [cv2.resize(frame, (cell_px, height), interpolation=cv2.INTER_AREA) for frame in frames]
            yield np.hstack(cells).astype(np.uint8)


def _still_where_nothing_moves(pictures: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
    """Keep the last pixel where the next differs only by noise; a GIF stores what stays as it was in next to nothing."""
    last: NDArray[np.uint8] | None = None
    for picture in pictures:
        if last is not None:
            moved = np.abs(picture.astype(np.int16) - last).max(axis=2, keepdims=True) > SAME
            picture = np.where(moved, picture, last)
        yield picture
        last = picture


def _palette(pictures: Sequence[Image.Image]) -> Image.Image:
    """One palette for all frames, else the background would flicker."""
    some = [np.asarray(picture) for picture in pictures[:: max(1, len(pictures) // 6)]]
    return Image.fromarray(np.vstack(some)).quantize(GIF_COLOURS, method=Image.Quantize.MEDIANCUT)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+")
    parser.add_argument("picture", type=Path, help="a .jpg or .png of one video, a .gif of one or more")
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=4.0, help="of a GIF")
    arguments = parser.parse_args()
    if arguments.picture.suffix.lower() == ".gif":
        save_gif(arguments.videos, arguments.picture, seconds=arguments.seconds)
        return
    if len(arguments.videos) > 1:
        parser.error("a strip shows one video")
    strip = film_strip(arguments.videos[0], columns=arguments.columns, rows=arguments.rows)
    Image.fromarray(strip).save(arguments.picture, quality=JPEG_QUALITY)


if __name__ == "__main__":
    main()
