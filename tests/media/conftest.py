import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from espressivo.media.clip import AudioClip


@pytest.fixture
def gradient() -> np.ndarray:
    """A 48 x 64 RGB picture in which every orientation differs."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 4, (rows + columns) * 2], axis=2).astype(np.uint8)


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    """Encode an array or a Pillow picture."""

    def encode(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: object) -> bytes:
        buffer = io.BytesIO()
        image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
        image.save(buffer, format=kind, **options)
        return buffer.getvalue()

    return encode


@pytest.fixture
def png_claiming() -> Callable[[int, int], bytes]:
    """A small PNG whose header claims any size."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    def make(width: int, height: int) -> bytes:
        header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
        rows = zlib.compress(bytes(100_000), 9)
        return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    return make


@pytest.fixture
def tone() -> Callable[..., AudioClip]:
    """A clip with a burst of sound each second, so that shifts can be measured."""

    def make(duration_s: float = 1.0, sample_rate_hz: int = 48_000, channels: int = 1) -> AudioClip:
        samples = np.zeros((channels, round(duration_s * sample_rate_hz)), np.float32)
        length = round(0.02 * sample_rate_hz)
        burst = (0.8 * np.sin(2 * np.pi * 1000 * np.arange(length) / sample_rate_hz)).astype(np.float32)
        for start_s in np.arange(0.3, duration_s - 0.05, 1.0):
            start = round(start_s * sample_rate_hz)
            samples[:, start : start + length] = burst
        return AudioClip(samples, sample_rate_hz)

    return make
