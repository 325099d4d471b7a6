"""Sound: from untrusted files to checked samples, and back to WAV."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import AudioInputError, EncodeError, SettingError
from espressivo.media.atomic import atomic_output
from espressivo.media.clip import AudioClip
from espressivo.media.container import SOUND_FORMATS, open_container
from espressivo.media.limits import (
    DEFAULT_MAX_AUDIO_DURATION_S,
    MAX_AUDIO_BYTES,
    MAX_AUDIO_CHANNELS,
    MAX_AUDIO_PEAK,
    MAX_AUDIO_VALUES,
    MAX_SAMPLE_RATE_HZ,
    MIN_AUDIO_CHANNELS,
    MIN_AUDIO_DURATION_S,
    MIN_SAMPLE_RATE_HZ,
    SILENCE_RMS,
    SILENCE_WINDOW_S,
)

__all__ = ["AudioReport", "inspect_audio", "load_audio", "save_flac", "save_sound", "save_wav"]

Samples = NDArray[np.float32]
ACCEPTED: Final = "WAV, FLAC, Ogg, MP3, M4A, MP4, WebM"
# Full scale of the integer sample formats of FFmpeg; unsigned bytes are centred on 128.
INTEGER_SCALE: Final = {"u8": 128.0, "s16": 32768.0, "s32": 2147483648.0, "s64": 9223372036854775808.0}
CLIPPING_LEVEL: Final = 0.999
WAV_BLOCK: Final = 65_536
PCM: Final = 1
MAX_RIFF_BYTES: Final = 2**32 - 9
# RIFF INFO keys (Microsoft/IBM 1991) for what has one; other fields keep their name inside the comment.
INFO_KEYS: Final = {"comment": b"ICMT", "software": b"ISFT", "digital_source_type": b"ISRC", "espressivo": b"IPRV"}


@dataclass(frozen=True, slots=True)
class AudioReport:
    """What is worth knowing about a sound before using it.

    Attributes:
        peak: Largest magnitude; 1 is full scale.
        rms: Root mean square over all channels.
        loudest_rms: Root mean square of the loudest 50 ms.
        dc_offset: Largest mean of a channel, in magnitude.
        clipped_fraction: Share of samples at or beyond full scale, 0-1.
        is_silent: Whether even the loudest 50 ms stay below -60 dBFS.
    """

    peak: float
    rms: float
    loudest_rms: float
    dc_offset: float
    clipped_fraction: float
    is_silent: bool


def load_audio(path: Path, *, max_duration_s: float = DEFAULT_MAX_AUDIO_DURATION_S, require_signal: bool = False) -> AudioClip:
    """Read a sound file at its own rate and number of channels.

    WAV, FLAC, Ogg (Vorbis, Opus), MP3, AAC and the sound of MP4 files are accepted; 1 to 8 channels, 8 to 192 kHz. Memory
    is bounded by ``max_duration_s`` whatever the header claims.

    Args:
        path: File to read.
        max_duration_s: Longest sound accepted, in seconds.
        require_signal: Refuse silence, for sound that is to be spoken by a face.

    Raises:
        AudioInputError: ``audio.missing``, ``audio.unreadable``, ``audio.not_a_file``, ``audio.empty``,
            ``audio.too_large``, ``audio.format``, ``audio.malformed``, ``audio.no_sound``, ``audio.channels``,
            ``audio.sample_rate``, ``audio.too_long``, ``audio.too_short``, ``audio.not_finite``, ``audio.out_of_range`` or
            ``audio.silent``.
    """
    with open_container(path, AudioInputError, formats=SOUND_FORMATS, accepted=ACCEPTED, max_bytes=MAX_AUDIO_BYTES) as container:
        if not container.streams.audio:
            raise AudioInputError("audio.no_sound", f"{path.name!r} holds no sound; give a sound file")
        stream = container.streams.audio[0]
        sample_rate_hz, channels = _checked_header(stream, path.name)
        blocks = _blocks(container, stream, path.name)
        samples = _collect(blocks, channels, sample_rate_hz, max_duration_s, path.name)
        samples = samples[:, : _edited_length(container, stream)]
    clip = AudioClip(samples, sample_rate_hz)
    _check_signal(clip, path.name, require_signal=require_signal)
    return clip


def inspect_audio(clip: AudioClip) -> AudioReport:
    """Measure level, offset, clipping and silence."""
    window = max(1, round(SILENCE_WINDOW_S * clip.sample_rate_hz))
    loudest, squares, clipped, peak = 0.0, 0.0, 0, 0.0
    for start in range(0, clip.samples.shape[1], window):
        block = clip.samples[:, start : start + window]
        energy = float(np.square(block, dtype=np.float64).sum())
        squares += energy
        loudest = max(loudest, energy / (window * len(block)))
        magnitude = np.abs(block)
        peak = max(peak, float(magnitude.max()))
        clipped += int((magnitude >= CLIPPING_LEVEL).sum())
    return AudioReport(
        peak=peak,
        rms=float(np.sqrt(squares / clip.samples.size)),
        loudest_rms=float(np.sqrt(loudest)),
        dc_offset=float(np.abs(clip.samples.mean(axis=1, dtype=np.float64)).max()),
        clipped_fraction=clipped / clip.samples.size,
        is_silent=bool(np.sqrt(loudest) < SILENCE_RMS),
    )


def save_wav(clip: AudioClip, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write 16-bit PCM atomically; the same clip always gives the same bytes (rounded without dither).

    Args:
        clip: Sound; beyond full scale it is clipped.
        path: Where to.
        metadata: ``comment``, ``software``, ``digital_source_type`` and ``espressivo`` go into the INFO list.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    channels, count = clip.samples.shape
    info = _info_chunk(metadata or {})
    data_bytes = channels * count * 2
    with atomic_output(path) as temporary, temporary.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", 4 + 24 + len(info) + 8 + data_bytes) + b"WAVE")
        rate, frame_bytes = clip.sample_rate_hz, channels * 2
        file.write(b"fmt " + struct.pack("<IHHIIHH", 16, PCM, channels, rate, rate * frame_bytes, frame_bytes, 16))
        file.write(info + b"data" + struct.pack("<I", data_bytes))
        for start in range(0, count, WAV_BLOCK):
            block = clip.samples[:, start : start + WAV_BLOCK].T
            file.write(np.clip(np.rint(block * 32767.0), -32768, 32767).astype("<i2").tobytes())


def save_flac(clip: AudioClip, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write 16-bit FLAC atomically; the same clip always gives the same bytes on one build of FFmpeg.

    Args:
        clip: Sound, mono or stereo; beyond full scale it is clipped.
        path: Where to.
        metadata: Text fields, written as Vorbis comments.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`, or ``encode.flac``.
    """
    layout = "mono" if clip.samples.shape[0] == 1 else "stereo"
    with atomic_output(path) as temporary:
        try:
            with av.open(str(temporary), "w", format="flac") as container:
                container.metadata.update(metadata or {})
                stream = container.add_stream("flac", rate=clip.sample_rate_hz, layout=layout)
                stream.format = "s16"
                for start in range(0, clip.samples.shape[1], WAV_BLOCK):
                    block = np.clip(np.rint(clip.samples[:, start : start + WAV_BLOCK].T * 32767.0), -32768, 32767).astype("<i2")
                    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout=layout)
                    frame.sample_rate = clip.sample_rate_hz
                    frame.pts = start
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
        except (av.FFmpegError, ValueError) as error:
            raise EncodeError("encode.flac", f"writing {path.name!r} as FLAC failed: {error}") from error


def save_sound(clip: AudioClip, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a ``.wav`` or ``.flac`` file, as its name says; see :func:`save_wav` and :func:`save_flac`.

    Raises:
        SettingError: ``setting.output_path`` for another ending.
    """
    writers = {".wav": save_wav, ".flac": save_flac}
    if path.suffix.lower() not in writers:
        raise SettingError("setting.output_path", f"{path.name} ends in {path.suffix!r}; sound is written as .wav or .flac")
    writers[path.suffix.lower()](clip, path, metadata)


def _checked_header(stream: Any, name: str) -> tuple[int, int]:  # noqa: ANN401 - PyAV has no stable public stream type
    if stream.codec_context is None:
        raise AudioInputError("audio.malformed", f"{name!r} uses an unknown codec; convert it to WAV")
    sample_rate_hz, channels = int(stream.rate or 0), int(stream.channels or 0)
    if not MIN_AUDIO_CHANNELS <= channels <= MAX_AUDIO_CHANNELS:
        raise AudioInputError(
            "audio.channels",
            f"{name!r} has {channels} channels; accepted: {MIN_AUDIO_CHANNELS} to {MAX_AUDIO_CHANNELS}; mix it down",
        )
    if not MIN_SAMPLE_RATE_HZ <= sample_rate_hz <= MAX_SAMPLE_RATE_HZ:
        raise AudioInputError(
            "audio.sample_rate",
            f"{name!r} has a rate of {sample_rate_hz} Hz; accepted: {MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ} Hz; resample it",
        )
    return sample_rate_hz, channels


def _blocks(container: Any, stream: Any, name: str) -> Iterator[Samples]:  # noqa: ANN401 - as above
    """Decoded blocks ``(C, n)``, scaled to -1..1."""
    expected = stream.rate, stream.channels
    for frame in container.decode(stream):
        if (frame.sample_rate, len(frame.layout.channels)) != expected:
            raise AudioInputError("audio.malformed", f"{name!r} changes its rate or channels on the way; export it again")
        block = frame.to_ndarray()
        if not frame.format.is_planar:
            block = block.reshape(-1, len(frame.layout.channels)).T
        kind = frame.format.name.removesuffix("p")
        if kind in INTEGER_SCALE:
            scale = INTEGER_SCALE[kind]
            block = (block.astype(np.float64) - (scale if kind == "u8" else 0.0)) / scale
        yield block.astype(np.float32)


def _edited_length(container: Any, stream: Any) -> int | None:  # noqa: ANN401 - as above
    """Samples that an MP4 says are sound; AAC fills its last frame up, which would make speech outlast its track."""
    if container.format.name != "mov" or not stream.duration:
        return None
    return max(1, round(float(stream.duration * stream.time_base * stream.rate)))


def _collect(blocks: Iterator[Samples], channels: int, sample_rate_hz: int, max_duration_s: float, name: str) -> Samples:
    """Join blocks; stops at the limit, not at the end of what the file may hold."""
    most = int(max_duration_s * sample_rate_hz)
    parts: list[Samples] = []
    count = 0
    for block in blocks:
        parts.append(block)
        count += block.shape[1]
        if count > most or count * channels > MAX_AUDIO_VALUES:
            limit_s = min(max_duration_s, MAX_AUDIO_VALUES / (channels * sample_rate_hz))
            raise AudioInputError("audio.too_long", f"{name!r} lasts over {limit_s:g} s, the longest accepted; cut it")
    if count < MIN_AUDIO_DURATION_S * sample_rate_hz:
        raise AudioInputError(
            "audio.too_short", f"{name!r} lasts {count / sample_rate_hz:.3f} s; at least {MIN_AUDIO_DURATION_S} s are needed"
        )
    samples = np.empty((channels, count), np.float32)
    position = 0
    parts.reverse()
    while parts:  # each block is freed as it is copied
        block = parts.pop()
        samples[:, position : position + block.shape[1]] = block
        position += block.shape[1]
    return samples


def _check_signal(clip: AudioClip, name: str, *, require_signal: bool) -> None:
    report = inspect_audio(clip)
    if report.peak > MAX_AUDIO_PEAK:
        raise AudioInputError(
            "audio.out_of_range", f"{name!r} reaches {report.peak:.3g}; expected -1 to 1; were integers stored as floats?"
        )
    if require_signal and report.is_silent:
        raise AudioInputError("audio.silent", f"{name!r} is silent (loudest 50 ms below -60 dBFS); give a recording of speech")


def _info_chunk(metadata: Mapping[str, str]) -> bytes:
    entries = b""
    for key, value in metadata.items():
        text = value.encode("utf-8") + b"\0"
        entries += INFO_KEYS[key] + struct.pack("<I", len(text)) + text + b"\0" * (len(text) % 2)
    return b"LIST" + struct.pack("<I", 4 + len(entries)) + b"INFO" + entries if entries else b""
