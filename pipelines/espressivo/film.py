"""Frames -> file: what is marked on the pictures, and how they are encoded with their sound."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from espressivo.face.track import FacialActionTrack
from espressivo.media.clip import AudioClip
from espressivo.media.label import labelled
from espressivo.media.video import encode_video
from espressivo.media.watermark import watermarked
from espressivo.progress import StageTimer
from espressivo.provenance import Provenance
from espressivo.settings import TalkSettings
from espressivo.threads import ahead

__all__ = ["film", "marked"]

Frame = NDArray[np.uint8]
FRAMES_AHEAD = 4


def marked(frames: Iterator[Frame], settings: TalkSettings, provenance: Provenance) -> Iterator[Frame]:
    """The frames with the marks that the settings ask for: a label to read, an invisible watermark.

    Args:
        frames: RGB ``(H, W, 3)`` uint8.
        settings: ``label`` and ``watermark``.
        provenance: Its ``mark`` is what the watermark says.
    """
    if settings.label:
        frames = labelled(frames)
    return watermarked(frames, provenance.mark) if settings.watermark else frames


def film(
    frames: Iterator[Frame],
    track: FacialActionTrack,
    clip: AudioClip | None,
    path: Path,
    provenance: Provenance,
    timer: StageTimer,
) -> None:
    """Draw the frames and encode them with the speech; one is drawn while another is encoded.

    Args:
        frames: As many as the track has.
        track: Gives the frame rate.
        clip: The speech, or what is listened to, or ``None`` for a silent film.
        path: Where the mp4 goes; written atomically.
        provenance: Written into the file.
        timer: Gets the stage ``render``, and within it ``render/draw`` and ``render/encode``, which overlap.

    Raises:
        EncodeError: The video could not be written; an existing file is untouched.
    """
    spent = {"render/draw": 0.0, "render/encode": 0.0}

    def drawn() -> Iterator[Frame]:
        for index in range(len(track)):
            started = time.perf_counter()
            frame = next(frames)
            spent["render/draw"] += time.perf_counter() - started
            report(index + 1)
            yield frame

    def encoded(source: Iterator[Frame]) -> Iterator[Frame]:
        for frame in source:
            started = time.perf_counter()
            yield frame
            spent["render/encode"] += time.perf_counter() - started

    with timer.stage("render", len(track)) as report, closing(ahead(drawn(), FRAMES_AHEAD)) as source:
        encode_video(path, encoded(source), fps=track.fps, audio=clip, metadata=provenance.metadata())
    timer.seconds |= spent
