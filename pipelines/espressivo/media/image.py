"""Pictures: from untrusted bytes to plain RGB arrays, and back to PNG.

Pillow decodes, because its decoders check sizes; OpenCV only ever sees arrays (its decoder takes 5 GB for a 109 kB PNG of
30,000 x 30,000). The decoder class is chosen here by the first bytes instead of by ``Image.open``, which keeps Pillow's
other forty decoders away from untrusted bytes and its size warning off the user's terminal.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from espressivo.errors import EncodeError, ImageInputError
from espressivo.media.atomic import atomic_output
from espressivo.media.limits import (
    MAX_ICC_BYTES,
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    MAX_IMAGE_SIDE,
    MAX_JPEG_SCANNED_PIXELS,
    MAX_JPEG_SCANS,
    MIN_IMAGE_SIDE,
)
from espressivo.media.source import read_bounded

__all__ = ["WHITE", "decode_image", "load_image", "save_png"]

Rgb = tuple[int, int, int]
WHITE: Final[Rgb] = (255, 255, 255)
JPEG_START: Final = b"\xff\xd8\xff"
JPEG_SCAN: Final = b"\xff\xda"
DECODERS: Final[dict[str, Callable[[io.BytesIO], Image.Image]]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
}
TRANSPOSITIONS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
ORIENTATION_TAG: Final = 0x0112
SHORT: Final = 3
EXIF_ENTRY: Final = "HHIHxx"
EXIF_ENTRY_BYTES: Final = 12
EIGHT_BIT_MODES: Final = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})


def load_image(path: Path, *, background: Rgb = WHITE) -> NDArray[np.uint8]:
    """Read a picture as the eye sees it: upright, in sRGB, without transparency, without metadata.

    PNG, JPEG, WebP and BMP are accepted, up to 40 megapixels. Of an animation the first frame is taken. An embedded
    colour profile is applied; a broken one is ignored, as browsers do. 16-bit grey is scaled by 1/257.

    Args:
        path: File to read.
        background: RGB that transparent parts are laid on.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        ImageInputError: ``image.missing``, ``image.unreadable``, ``image.not_a_file``, ``image.empty``,
            ``image.too_large``, ``image.too_small``, ``image.format``, ``image.mode`` or ``image.malformed``.
    """
    return decode_image(read_bounded(path, ImageInputError, max_bytes=MAX_IMAGE_BYTES), path.name, background=background)


def decode_image(data: bytes, name: str, *, background: Rgb = WHITE) -> NDArray[np.uint8]:
    """As :func:`load_image`, for bytes that are already in memory; ``name`` appears in messages."""
    kind = _kind(data, name)
    if kind == "WebP":
        _check_webp(data, name)
    try:
        picture = DECODERS[kind](io.BytesIO(data))
        _check_size(picture.size, name)
        if kind == "JPEG":
            _check_scans(data, picture.size, name)
        picture.load()
        upright = _upright(picture)
    except ImageInputError:
        raise
    except Exception as error:  # crafted bytes make decoders raise nearly anything
        raise _malformed(name, kind, error) from error
    return _to_rgb(upright, picture.info.get("icc_profile"), name, background)


def save_png(image: NDArray[np.uint8], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write an RGB picture atomically.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        path: Where to.
        metadata: Text fields, written as ``iTXt``.

    Raises:
        EncodeError: ``encode.shape``, or one of :func:`espressivo.media.atomic.atomic_output`.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise EncodeError("encode.shape", f"picture has shape {image.shape} and type {image.dtype}; expected (H, W, 3) uint8")
    fields = PngImagePlugin.PngInfo()
    for key, value in (metadata or {}).items():
        fields.add_itxt(key, value)
    with atomic_output(path) as temporary:
        Image.fromarray(np.ascontiguousarray(image)).save(temporary, format="PNG", pnginfo=fields)


def _kind(data: bytes, name: str) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(JPEG_START):
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data.startswith(b"BM"):
        return "BMP"
    raise ImageInputError(
        "image.format", f"{name!r} is no picture of a kind that is accepted (PNG, JPEG, WebP, BMP); save it as PNG or JPEG"
    )


def _check_webp(data: bytes, name: str) -> None:
    """The library allocates the canvas before anybody can look at its size."""
    size = _webp_size(data)
    if size is None:
        raise ImageInputError("image.malformed", f"{name!r} is not a valid WebP picture; export it again")
    _check_size(size, name)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Canvas size from the first chunk.

    Reference: WebP Container Specification (Google), sections "Extended File Format", "Simple File Format"; RFC 6386, 9.1.
    """
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return None
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < MIN_IMAGE_SIDE:
        raise ImageInputError("image.too_small", f"{name!r} is {width} x {height}; at least {MIN_IMAGE_SIDE} a side are needed")
    if width * height > MAX_IMAGE_PIXELS or max(size) > MAX_IMAGE_SIDE:
        raise ImageInputError(
            "image.too_large",
            f"{name!r} is {width} x {height}; at most {MAX_IMAGE_PIXELS // 10**6} megapixels and {MAX_IMAGE_SIDE} pixels a side "
            "are accepted; scale it down",
        )


def _check_scans(data: bytes, size: tuple[int, int], name: str) -> None:
    scans = data.count(JPEG_SCAN)
    if scans > MAX_JPEG_SCANS or scans * size[0] * size[1] > MAX_JPEG_SCANNED_PIXELS:
        raise ImageInputError("image.malformed", f"{name!r} has {scans} scans, as no camera writes them; save it again as PNG")


def _malformed(name: str, kind: str, error: Exception) -> ImageInputError:
    reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
    return ImageInputError("image.malformed", f"{name!r} is not a complete {kind} picture ({reason}); export it again")


def _upright(picture: Image.Image) -> Image.Image:
    """Apply the orientation that the camera noted."""
    method = TRANSPOSITIONS.get(_orientation(picture.info.get("exif") or b""))
    return picture if method is None else picture.transpose(method)


def _orientation(exif: bytes) -> int:
    """Orientation from the first directory of EXIF data, 1 where there is none; broken EXIF does not spoil a picture.

    Reference: TIFF 6.0 (Adobe 1992), section 2; Exif 2.32 (CIPA DC-008), 4.6.4.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (position,) = struct.unpack(order + "I", exif[4:8])
    if position + 2 > len(exif):
        return 1
    (count,) = struct.unpack_from(order + "H", exif, position)
    count = min(count, (len(exif) - position - 2) // EXIF_ENTRY_BYTES)
    entries = exif[position + 2 : position + 2 + count * EXIF_ENTRY_BYTES]
    for tag, kind, _, value in struct.iter_unpack(order + EXIF_ENTRY, entries):
        if tag == ORIENTATION_TAG and kind == SHORT:
            return int(value)
    return 1


def _to_rgb(picture: Image.Image, profile: bytes | None, name: str, background: Rgb) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        grey = np.asarray(picture).astype(np.uint16)
        eight_bit = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
        return np.repeat(eight_bit[:, :, None], 3, axis=2)
    if picture.mode not in EIGHT_BIT_MODES:
        raise ImageInputError("image.mode", f"{name!r} has pixels of type {picture.mode}; save it as an 8-bit RGB picture")
    if not picture.has_transparency_data:
        return np.ascontiguousarray(_to_srgb(picture, profile))
    layers = picture.convert("RGBA")
    canvas = Image.new("RGB", picture.size, background)
    canvas.paste(_to_srgb(layers.convert("RGB"), profile), mask=layers.getchannel("A"))
    return np.ascontiguousarray(canvas)


def _to_srgb(picture: Image.Image, profile: bytes | None) -> Image.Image:
    if profile and len(profile) <= MAX_ICC_BYTES:
        if picture.mode in {"P", "1"}:
            picture = picture.convert("RGB")
        # A profile that is broken or made for other channels says nothing about the colours.
        with suppress(ImageCms.PyCMSError, OSError, ValueError, TypeError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
    return picture.convert("RGB")
