"""Speed and memory of the face: a frame, the first frame, drawing with encoding, and ten minutes of video."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from espressivo.evaluation.face_spike import Spike
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.head import expression_weights
from espressivo.face.track import FacialActionTrack
from espressivo.media.image import load_image
from espressivo.media.video import encode_video
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.resources import example_path
from espressivo.threads import ahead, drawing_threads

__all__ = ["memory", "resident_mb", "speed"]

Image = NDArray[np.uint8]
SIZES: Final = (256, 512, 1024)
FPS: Final = Fraction(25)
FRAME_FLOOR_MS: Final = 40.0
FIRST_FRAME_FLOOR_S: Final = 1.0
MEMORY_SIZE: Final = 160
MEMORY_FLOOR_MB: Final = 16.0
TEN_MINUTES: Final = 15_000
MEGABYTE: Final = 1024 * 1024


def speed(renderer: PortraitRenderer, data: Path | None, count: int) -> list[Figure]:
    """Milliseconds a frame beside the prototype's, the first frame, and the real-time factor of drawing with encoding.

    Args:
        renderer: Ours.
        data: The prototype is looked for beside it.
        count: Frames to draw.
    """
    image = load_image(example_path("portrait.png"))
    spike = Spike.beside(data)
    track = moving_track(count)
    figures = []
    for size in SIZES:
        picture = prepare_portrait(image, size)
        portrait = renderer.fit(picture)
        renderer.frame(portrait, expression_weights(jawOpen=0.5))
        times = _times_ms(renderer.frames(portrait, track))
        beside = {}
        if spike is not None:
            theirs = _times_ms(spike.fit(picture).frames(track))[1:]
            beside = {"prototype": float(np.mean(theirs)), "part of the prototype's": float(np.mean(times) / np.mean(theirs))}
        source = f"{count} frames of the bundled portrait with mouth, lids, brows and head moving; without encoding"
        floor = FRAME_FLOOR_MS if size == 512 else None
        interval = bootstrap_interval(times)
        figures.append(
            Figure(f"speed.frame_{size}", float(np.mean(times)), "ms of processor time", "lower", floor, interval, beside, source)
        )
        if size == 512:
            figures += [_first_frame(renderer, picture), _drawn_and_encoded(renderer, portrait, count)]
    return figures


def memory(renderer: PortraitRenderer, num_frames: int) -> Figure:
    """How much memory grows from a tenth to the end of a long video, drawn frame by frame."""
    portrait = renderer.fit(prepare_portrait(load_image(example_path("portrait.png")), MEMORY_SIZE))
    track = moving_track(num_frames)
    marks = {round(share * (num_frames - 1)): share for share in (0.1, 0.5, 1.0)}
    resident = {}
    for index, _ in enumerate(renderer.frames(portrait, track)):
        if index in marks:
            resident[f"MB at {100 * marks[index]:g} %"] = resident_mb()
    first, *_, last = resident.values()
    source = f"{num_frames} frames at {MEMORY_SIZE} px, {num_frames / float(FPS):.0f} s of video; one run has no interval"
    return Figure("memory.growth", last - first, "MB", "lower", MEMORY_FLOOR_MB, None, resident, source)


def moving_track(count: int) -> FacialActionTrack:
    """Mouth, lids, brows and head in motion."""
    phase = np.arange(count) / 25
    weights = np.outer(0.25 + 0.25 * np.sin(9 * phase), expression_weights(jawOpen=1)) + np.outer(
        0.5 + 0.5 * np.sin(2 * phase), expression_weights(mouthSmile=0.5, browInnerUp=0.6, eyeBlink=0.9)
    )
    rotation = 0.1 * np.stack([np.sin(phase), np.sin(1.3 * phase), np.sin(0.7 * phase)], axis=1)
    return FacialActionTrack(np.clip(weights, 0, 1), rotation.astype(np.float32), np.zeros((count, 3), np.float32), FPS)


def _times_ms(frames: Iterator[Image]) -> list[float]:
    times, started = [], time.process_time()
    for _ in frames:
        now = time.process_time()
        times.append(1000 * (now - started))
        started = now
    return times


def _first_frame(renderer: PortraitRenderer, picture: Image) -> Figure:
    spent = []
    for _ in range(3):
        started = time.perf_counter()
        renderer.frame(renderer.fit(picture), expression_weights(jawOpen=0.3))
        spent.append(time.perf_counter() - started)
    source = "fit and first frame at 512 px when everything is loaded; three times, wall clock"
    return Figure(
        "speed.first_frame", float(np.median(spent)), "s", "lower", FIRST_FRAME_FLOOR_S, (min(spent), max(spent)), {}, source
    )


def _drawn_and_encoded(renderer: PortraitRenderer, portrait: FittedPortrait, count: int) -> Figure:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        frames = renderer.frames(portrait, moving_track(count), threads=drawing_threads())
        encode_video(Path(folder) / "film.mp4", ahead(frames, 4), fps=FPS)
    factor = (time.perf_counter() - started) * float(FPS) / count
    way = f"drawn and encoded as films are, {drawing_threads()} at once"
    source = f"{count} frames at 512 px, {way}, wall clock; one run has no interval"
    return Figure("speed.draw_and_encode_512", factor, "real-time factor", "lower", 1.0, None, {}, source)


def resident_mb() -> float:
    """Resident memory now (Linux: second field of statm, pages)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEGABYTE
