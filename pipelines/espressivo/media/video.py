"""Writing video: H.264 and AAC in MP4, frame by frame, with the sound as the clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from espressivo.errors import EncodeError
from espressivo.media.atomic import atomic_output, check_free_space, encode_error
from espressivo.media.clip import AudioClip
from espressivo.media.limits import MAX_FPS, MAX_VIDEO_PIXELS, MIN_FPS, MIN_VIDEO_SIDE
from espressivo.media.video_reader import VideoInfo, open_video, probe_video

__all__ = ["encode_video", "replace_audio"]

Frame = NDArray[np.uint8]
# Faststart puts the index first, so that browsers play while loading; own keys need the second flag.
MUXER_OPTIONS: Final = {"movflags": "use_metadata_tags+faststart"}
# libx264's bytes depend on the number of threads. Measured on a moving photograph of 512 x 512: preset "medium" takes three
# to four times as long as "veryfast" for 1.1 dB more and a fifth more bits; a second thread saves up to a quarter.
NUM_THREADS: Final = 1
# With AVX-512 libx264's macroblock tree reads beyond its last row where the picture has no multiple of 16 blocks of 16 pixels a
# row: what lay in the memory before decides about the last block. Its other code gives the same bytes every time, as fast.
AVX_512F: Final = 13  # cv::CpuFeatures has no names in Python
WITHOUT_AVX_512: Final = "asm=MMX2,SSE2Fast,SSSE3,SSE4.2,AVX,FMA3,BMI1,BMI2,AVX2"
DEFAULT_CRF: Final = 18
DEFAULT_PRESET: Final = "veryfast"
# ITU-T H.273, tables 2-4: 1 is Rec. ITU-R BT.709 in all three; range 1 is limited ("MPEG").
BT709: Final = 1
LIMITED_RANGE: Final = 1
# Rates that every browser's AAC decoder takes; everything else becomes 48 kHz.
AUDIO_RATES_HZ: Final = frozenset({32_000, 44_100, 48_000})
FALLBACK_AUDIO_RATE_HZ: Final = 48_000
AUDIO_BITS_PER_CHANNEL: Final = 96_000
AUDIO_BLOCK: Final = 1024
BITS_PER_PIXEL_ESTIMATE: Final = 0.2
# What the muxer writes itself.
CONTAINER_KEYS: Final = frozenset({"major_brand", "minor_version", "compatible_brands", "encoder"})


def encode_video(
    path: Path,
    frames: Iterable[Frame],
    *,
    fps: Fraction,
    audio: AudioClip | None = None,
    metadata: Mapping[str, str] | None = None,
    crf: int = DEFAULT_CRF,
    preset: str = DEFAULT_PRESET,
) -> VideoInfo:
    """Write a video with constant memory; the same input always gives the same bytes.

    With sound, the sound is the clock: there must be ``ceil(duration x fps)`` frames. Odd sizes are made even by repeating
    the last row or column, as 4:2:0 needs it. The result is read back before it is published.

    Args:
        path: Where to; written atomically, an existing file stays as it is on failure.
        frames: ``(H, W, 3)`` uint8 RGB, all of one size; taken one at a time.
        fps: Exact frames a second, 1 to 120.
        audio: Sound from the first frame on; more than two channels are mixed to one.
        metadata: Text fields of the container, such as provenance.
        crf: Constant rate factor of x264, 0 (lossless) to 51.
        preset: Speed preset of x264.

    Returns:
        What the finished file holds.

    Raises:
        EncodeError: ``encode.fps``, ``encode.shape``, ``encode.no_frames``, ``encode.frame_count``, ``encode.codec``,
            ``encode.mismatch`` or one of :func:`espressivo.media.atomic.atomic_output`. Errors of the iterator pass through.
    """
    if not MIN_FPS <= fps <= MAX_FPS:
        raise EncodeError("encode.fps", f"{fps} frames a second asked for; accepted: {MIN_FPS} to {MAX_FPS}")
    expected = None if audio is None else num_video_frames(audio, fps)
    first, rest = _peek(frames, path)
    with atomic_output(path) as temporary:
        if expected is not None:
            check_free_space(temporary.parent, round(first.size / 3 * expected * BITS_PER_PIXEL_ESTIMATE / 8))
        with _codec_errors(path), _output(temporary, metadata or {}) as container:
            count = _Encoder(container, first.shape, fps, audio, crf, preset).run(rest)
        if expected is not None and count != expected:
            raise EncodeError(
                "encode.frame_count",
                f"{count} frames for {audio.duration_s if audio else 0:.3f} s of sound; {expected} are needed at {fps} a second",
            )
        return _verify(temporary, path, count, fps, audio)


def replace_audio(video: Path, audio: AudioClip, path: Path, metadata: Mapping[str, str] | None = None) -> VideoInfo:
    """The same pictures under another sound; the pictures are copied, not encoded again.

    Args:
        video: A video written by :func:`encode_video`.
        audio: Sound of the same length, within a frame.
        path: Where to; may be ``video`` itself.
        metadata: Text fields; ``None`` keeps those of ``video``.

    Raises:
        VideoInputError: ``video`` cannot be read.
        EncodeError: ``encode.frame_count`` when the lengths differ, or as in :func:`encode_video`.
    """
    before = probe_video(video)
    expected = num_video_frames(audio, before.fps)
    if before.num_frames != expected:
        raise EncodeError(
            "encode.frame_count",
            f"{video.name!r} has {before.num_frames} frames, {audio.duration_s:.3f} s of sound need {expected}; cut one of them",
        )
    kept = {key: value for key, value in before.metadata.items() if key not in CONTAINER_KEYS}
    with atomic_output(path) as temporary:
        fields = kept if metadata is None else metadata
        with open_video(video) as source, _codec_errors(path), _output(temporary, fields) as container:
            _copy_pictures(source, container, audio)
        return _verify(temporary, path, before.num_frames, before.fps, audio)


def _copy_pictures(source: Any, container: Any, audio: AudioClip) -> None:  # noqa: ANN401 - PyAV has no public types here
    stream = source.streams.video[0]
    target = container.add_stream_from_template(stream)
    sound = _Sound(container, audio)
    for packet in source.demux(stream):
        if packet.dts is None:  # marks the end
            continue
        sound.write_until(float(packet.dts * packet.time_base))
        packet.stream = target
        container.mux(packet)
    sound.finish()


def num_video_frames(audio: AudioClip, fps: Fraction) -> int:
    """Frames that cover a sound: ``ceil(duration x fps)``, where a millionth of a frame is no frame."""
    return max(1, math.ceil(round(audio.duration_s * float(fps), 6)))


def _peek(frames: Iterable[Frame], path: Path) -> tuple[Frame, Iterator[Frame]]:
    """The first frame, which decides the size, and all of them."""
    iterator = iter(frames)
    try:
        first = next(iterator)
    except StopIteration:
        raise EncodeError("encode.no_frames", f"there are no frames to write to {path.name!r}") from None
    if first.ndim != 3 or first.shape[2] != 3 or min(first.shape[:2]) < MIN_VIDEO_SIDE:
        raise EncodeError("encode.shape", f"frame has shape {first.shape}; expected (H, W, 3), sides from {MIN_VIDEO_SIDE}")
    if first.shape[0] * first.shape[1] > MAX_VIDEO_PIXELS:
        raise EncodeError("encode.shape", f"frame is {first.shape[1]} x {first.shape[0]}; at most {MAX_VIDEO_PIXELS} pixels")
    return first, chain([first], iterator)


@contextmanager
def _codec_errors(path: Path) -> Iterator[None]:
    """FFmpeg's errors as ours; those that are about the disk keep their meaning."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno:
            raise encode_error(error, path) from error
        raise EncodeError("encode.codec", f"encoding {path.name!r} failed: {error.strerror or error}") from error


@contextmanager
def _output(path: Path, metadata: Mapping[str, str]) -> Iterator[Any]:
    container = av.open(str(path), mode="w", format="mp4", options=MUXER_OPTIONS)
    try:
        container.metadata.update(metadata)
        yield container
    except BaseException:
        # The trailer of a file that is thrown away may fail for the reason that brought us here.
        with suppress(av.FFmpegError):
            container.close()
        raise
    container.close()


class _Sound:
    """AAC beside a video stream, written piece by piece so that both streams stay interleaved."""

    def __init__(self, container: Any, clip: AudioClip) -> None:  # noqa: ANN401 - PyAV has no stable public container type
        few = clip.samples if len(clip.samples) <= 2 else clip.samples.mean(axis=0, keepdims=True)
        self._clip = AudioClip(few, clip.sample_rate_hz)
        self._container = container
        self._position = 0
        layout = "mono" if len(few) == 1 else "stereo"
        rate = clip.sample_rate_hz if clip.sample_rate_hz in AUDIO_RATES_HZ else FALLBACK_AUDIO_RATE_HZ
        self._stream = container.add_stream("aac", rate=rate, layout=layout)
        self._stream.bit_rate = AUDIO_BITS_PER_CHANNEL * len(few)
        self._resampler = av.AudioResampler(format=self._stream.format, layout=layout, rate=rate, frame_size=AUDIO_BLOCK)
        self._layout = layout

    def write_until(self, time_s: float) -> None:
        """Encode what sounds before a moment."""
        while self._position < min(time_s * self._clip.sample_rate_hz, self._clip.samples.shape[1]):
            block = self._clip.samples[:, self._position : self._position + AUDIO_BLOCK]
            frame = av.AudioFrame.from_ndarray(np.clip(block, -1.0, 1.0), format="fltp", layout=self._layout)
            frame.sample_rate = self._clip.sample_rate_hz
            frame.pts = self._position
            frame.time_base = Fraction(1, self._clip.sample_rate_hz)
            self._position += block.shape[1]
            self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        """Encode the rest and what the codec still holds."""
        self.write_until(math.inf)
        self._encode(self._resampler.resample(None))
        self._container.mux(self._stream.encode(None))

    def _encode(self, frames: list[Any]) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))


class _Encoder:
    """One video being written."""

    def __init__(
        self,
        container: Any,  # noqa: ANN401 - PyAV has no stable public container type
        shape: tuple[int, ...],
        fps: Fraction,
        audio: AudioClip | None,
        crf: int,
        preset: str,
    ) -> None:
        self._container = container
        self._shape = shape
        self._fps = fps
        height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        options = {"crf": str(crf), "preset": preset}
        if cv2.checkHardwareSupport(AVX_512F):
            options["x264-params"] = WITHOUT_AVX_512
        self._stream = container.add_stream("libx264", rate=fps, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        context = self._stream.codec_context
        context.thread_count = NUM_THREADS
        context.time_base = 1 / fps
        context.color_primaries = context.color_trc = context.colorspace = BT709
        context.color_range = LIMITED_RANGE
        self._sound = None if audio is None else _Sound(container, audio)

    def run(self, frames: Iterator[Frame]) -> int:
        """Encode everything; returns the number of frames."""
        count = 0
        for frame in frames:
            if frame.shape != self._shape or frame.dtype != np.uint8:
                raise EncodeError(
                    "encode.shape", f"frame {count} has shape {frame.shape} and type {frame.dtype}; expected {self._shape} uint8"
                )
            self._container.mux(self._stream.encode(self._picture(frame, count)))
            count += 1
            if self._sound:
                self._sound.write_until(count / float(self._fps))
        self._container.mux(self._stream.encode(None))
        if self._sound:
            self._sound.finish()
        return count

    def _picture(self, frame: Frame, index: int) -> Any:  # noqa: ANN401 - as above
        odd_rows, odd_columns = self._shape[0] % 2, self._shape[1] % 2
        if odd_rows or odd_columns:
            frame = np.pad(frame, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture = picture.reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, src_color_range=ColorRange.JPEG, dst_color_range=ColorRange.MPEG
        )
        picture.pts, picture.time_base = index, 1 / self._fps
        return picture


def _verify(temporary: Path, path: Path, count: int, fps: Fraction, audio: AudioClip | None) -> VideoInfo:
    """Read back what was written; an encoder that lost something must not go unnoticed."""
    info = probe_video(temporary)
    lasts_s = max(info.duration_s, info.audio_duration_s)
    wanted_s = max(count / float(fps), audio.duration_s if audio else 0.0)
    complete = info.num_frames == count and info.fps == fps and info.has_audio == (audio is not None)
    if not complete or abs(lasts_s - wanted_s) > 2 / float(fps):
        raise EncodeError(
            "encode.mismatch",
            f"{path.name!r} came out with {info.num_frames} frames in {lasts_s:.3f} s at {info.fps}; "
            f"{count} frames in {wanted_s:.3f} s at {fps} were written; try again",
        )
    return info
