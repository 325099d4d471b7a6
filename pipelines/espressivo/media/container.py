"""Opening sound and video containers with PyAV, so that a file can only be what its first bytes say it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import av

from espressivo.errors import EspressivoError
from espressivo.media.source import open_regular

__all__ = ["SOUND_FORMATS", "VIDEO_FORMATS", "open_container"]

SOUND_FORMATS: Final = frozenset({"wav", "flac", "ogg", "mp3", "mov", "aac", "matroska"})
VIDEO_FORMATS: Final = frozenset({"mov", "matroska"})
NO_PROTOCOLS: Final = {"protocol_whitelist": ""}
_HEADER_BYTES: Final = 16


@contextmanager
def open_container(
    path: Path, error: type[EspressivoError], *, formats: frozenset[str], accepted: str, max_bytes: int
) -> Iterator[Any]:
    """An opened PyAV container.

    The demuxer is chosen here, never probed: playlists (HLS, DASH, concat), which make FFmpeg open other files and
    addresses, are never among the candidates, and no protocol is allowed besides the handle that is passed in.

    Args:
        path: File to read.
        error: Class of the errors raised.
        formats: Names of demuxers that are accepted.
        accepted: The same for the user, e.g. ``"WAV, FLAC or MP3"``.
        max_bytes: Largest file.

    Raises:
        EspressivoError: ``*.format``, ``*.malformed`` or those of :func:`espressivo.media.source.open_regular`. FFmpeg's
            own errors inside the block become ``*.malformed``.
    """
    with open_regular(path, error, max_bytes=max_bytes) as file:
        demuxer = _demuxer(file.read(_HEADER_BYTES))
        if demuxer not in formats:
            raise error(f"{error.prefix}format", f"{path.name!r} is of no kind that is accepted ({accepted}); convert it first")
        file.seek(0)
        try:
            with av.open(file, format=demuxer, options=NO_PROTOCOLS, metadata_errors="replace") as container:
                yield container
        except (av.FFmpegError, EOFError) as cause:
            reason = getattr(cause, "strerror", None) or type(cause).__name__
            raise error(f"{error.prefix}malformed", f"{path.name!r} cannot be decoded ({reason}); export it again") from cause


def _demuxer(start: bytes) -> str | None:
    """FFmpeg's demuxer for a file by its signature."""
    if start[:4] in {b"RIFF", b"RF64"} and start[8:12] == b"WAVE":
        return "wav"
    if start.startswith(b"fLaC"):
        return "flac"
    if start.startswith(b"OggS"):
        return "ogg"
    if start.startswith(b"ID3"):
        return "mp3"
    if start[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"}:
        return "mov"
    if start.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    return _mpeg_audio(start)


def _mpeg_audio(start: bytes) -> str | None:
    """Bare MPEG audio begins with 11 (AAC in ADTS: 12) set bits and a layer field (ISO/IEC 11172-3, 2.4.1.3; 13818-7, 6.2)."""
    if len(start) < 2 or start[0] != 0xFF or start[1] & 0xE0 != 0xE0:
        return None
    layer = start[1] >> 1 & 3
    if layer == 0:
        return "aac" if start[1] & 0xF0 == 0xF0 else None
    return "mp3"
