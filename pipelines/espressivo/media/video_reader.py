"""Reading video: what a file holds, and its frames one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import VideoInputError
from espressivo.media.container import VIDEO_FORMATS, open_container
from espressivo.media.limits import (
    DEFAULT_MAX_VIDEO_FRAMES,
    MAX_FPS,
    MAX_METADATA_CHARACTERS,
    MAX_VIDEO_BYTES,
    MAX_VIDEO_DURATION_S,
    MAX_VIDEO_PIXELS,
    MIN_FPS,
    MIN_VIDEO_SIDE,
)

__all__ = ["VideoInfo", "open_video", "probe_video", "read_frames", "read_timed_frames"]

Frame = NDArray[np.uint8]
ACCEPTED: Final = "MP4, MOV, WebM, Matroska"
MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the header of a video says.

    Attributes:
        width: Pixels.
        height: Pixels.
        fps: Average frames a second.
        num_frames: Frames; 0 where the container does not count them (WebM).
        duration_s: Length of the pictures in seconds.
        start_s: When the pictures begin.
        has_audio: Whether there is sound.
        audio_start_s: When the sound begins; 0 without sound.
        audio_duration_s: Length of the sound; 0 without sound.
        metadata: Text fields of the container.
    """

    width: int
    height: int
    fps: Fraction
    num_frames: int
    duration_s: float
    start_s: float
    has_audio: bool
    audio_start_s: float
    audio_duration_s: float
    metadata: dict[str, str]


def probe_video(path: Path) -> VideoInfo:
    """Read the header of a video.

    Raises:
        VideoInputError: ``video.missing``, ``video.unreadable``, ``video.not_a_file``, ``video.empty``,
            ``video.too_large``, ``video.format``, ``video.malformed``, ``video.no_pictures``, ``video.fps`` or
            ``video.too_long``.
    """
    with open_video(path) as container:
        return _info(container, path.name)


def read_frames(path: Path, *, max_frames: int = DEFAULT_MAX_VIDEO_FRAMES) -> Iterator[Frame]:
    """Decode a video one frame at a time.

    Args:
        path: File to read.
        max_frames: Refuse longer videos; counted while decoding, since headers lie.

    Yields:
        ``(H, W, 3)`` uint8 RGB, all of one size.

    Raises:
        VideoInputError: As :func:`probe_video`.
    """
    return (frame for _, frame in read_timed_frames(path, max_frames=max_frames))


def read_timed_frames(path: Path, *, max_frames: int = DEFAULT_MAX_VIDEO_FRAMES) -> Iterator[tuple[float, Frame]]:
    """Like :func:`read_frames`, with the moment at which each frame is shown.

    Yields:
        Seconds since the first frame, never falling, and the frame. Phones and screen recorders write frames at uneven times.
    """
    with open_video(path) as container:
        info = _info(container, path.name)
        first_s, last_s = None, 0.0
        for index, picture in enumerate(container.decode(container.streams.video[0])):
            if index >= max_frames:
                raise VideoInputError("video.too_long", f"{path.name!r} has over {max_frames} frames; cut it")
            if (picture.width, picture.height) != (info.width, info.height):
                raise VideoInputError("video.malformed", f"{path.name!r} changes its size on the way; export it again")
            time_s = index / float(info.fps) if picture.time is None else float(picture.time)
            first_s = time_s if first_s is None else first_s
            last_s = max(last_s, time_s - first_s)
            yield last_s, picture.to_ndarray(format="rgb24")


def open_video(path: Path) -> AbstractContextManager[Any]:
    """An opened PyAV container; errors as in :func:`probe_video`."""
    return open_container(path, VideoInputError, formats=VIDEO_FORMATS, accepted=ACCEPTED, max_bytes=MAX_VIDEO_BYTES)


def _info(container: Any, name: str) -> VideoInfo:  # noqa: ANN401 - PyAV has no public types here
    if not container.streams.video:
        raise VideoInputError("video.no_pictures", f"{name!r} holds no pictures; give a video")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise VideoInputError("video.malformed", f"{name!r} uses an unknown codec; convert it to H.264")
    if min(stream.width, stream.height) < MIN_VIDEO_SIDE or stream.width * stream.height > MAX_VIDEO_PIXELS:
        raise VideoInputError(
            "video.too_large",
            f"{name!r} is {stream.width} x {stream.height}; accepted: sides from {MIN_VIDEO_SIDE}, {MAX_VIDEO_PIXELS} pixels",
        )
    fps = stream.average_rate
    if fps is None or not MIN_FPS <= fps <= MAX_FPS:
        raise VideoInputError("video.fps", f"{name!r} has {fps} frames a second; accepted: {MIN_FPS} to {MAX_FPS}")
    duration_s = _duration_s(stream, container)
    if duration_s > MAX_VIDEO_DURATION_S:
        raise VideoInputError("video.too_long", f"{name!r} lasts {duration_s:.0f} s; at most {MAX_VIDEO_DURATION_S:.0f} s")
    sound = container.streams.audio[0] if container.streams.audio else None
    return VideoInfo(
        width=stream.width,
        height=stream.height,
        fps=Fraction(fps),
        num_frames=stream.frames,
        duration_s=duration_s,
        start_s=_start_s(stream),
        has_audio=sound is not None,
        audio_start_s=_start_s(sound) if sound else 0.0,
        audio_duration_s=_duration_s(sound, container) if sound else 0.0,
        metadata={key: value for key, value in container.metadata.items() if len(value) <= MAX_METADATA_CHARACTERS},
    )


def _start_s(stream: Any) -> float:  # noqa: ANN401 - PyAV has no public types here
    return float((stream.start_time or 0) * stream.time_base)


def _duration_s(stream: Any, container: Any) -> float:  # noqa: ANN401 - PyAV has no public types here
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / MICROSECONDS
