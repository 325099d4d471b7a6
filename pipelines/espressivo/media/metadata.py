"""The text fields that a file of any kind carries, without decoding what it shows or plays."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import PngImagePlugin

from espressivo.errors import FileInputError
from espressivo.media.audio import INFO_KEYS
from espressivo.media.container import SOUND_FORMATS, VIDEO_FORMATS, open_container
from espressivo.media.limits import MAX_IMAGE_BYTES, MAX_METADATA_CHARACTERS, MAX_MIDI_BYTES, MAX_SIDECAR_BYTES, MAX_VIDEO_BYTES
from espressivo.media.midi_scan import scan_midi
from espressivo.media.source import open_regular, read_bounded

__all__ = ["FileMetadata", "read_metadata"]

ACCEPTED: Final = "mp4, wav, flac, mid, png, json, safetensors"
# FFmpeg's names for what we write as RIFF INFO; our own key keeps its four letters.
RIFF_NAMES: Final = {
    INFO_KEYS["espressivo"].decode(): "espressivo",
    "source": "digital_source_type",
    "ISRC": "digital_source_type",
}


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """What a file says about itself.

    Attributes:
        kind: ``"video"``, ``"sound"``, ``"midi"``, ``"picture"``, ``"json"`` or ``"tensors"``.
        fields: Text fields by name; those over 65,536 characters are left out.
    """

    kind: str
    fields: dict[str, str]


def read_metadata(path: Path) -> FileMetadata:
    """Read the text fields of an mp4, wav, flac, mid, png, json or safetensors file, recognised by its first bytes.

    Raises:
        InputError: ``file.missing``, ``file.format``, ``file.malformed`` and the like.
    """
    with open_regular(path, FileInputError, max_bytes=MAX_VIDEO_BYTES) as file:
        start = file.read(16)
    kind, read = _reader(start, path)
    fields = {key: value for key, value in read(path).items() if len(value) <= MAX_METADATA_CHARACTERS}
    return FileMetadata(kind, fields)


def _reader(start: bytes, path: Path) -> tuple[str, Callable[[Path], dict[str, str]]]:
    if start.startswith(b"MThd"):
        return "midi", _from_midi
    if start.startswith(b"\x89PNG"):
        return "picture", _from_png
    if start[:4] in {b"RIFF", b"RF64", b"fLaC"}:
        return "sound", _from_container
    if start[4:8] == b"ftyp" or start.startswith(b"\x1a\x45\xdf\xa3"):
        return "video", _from_container
    if start[8:9] == b"{" and path.suffix.lower() == ".safetensors":
        return "tensors", _from_safetensors
    if start.lstrip()[:1] == b"{":
        return "json", _from_json
    raise FileInputError("file.format", f"{path.name!r} is of no kind that can be verified ({ACCEPTED})")


def _from_container(path: Path) -> dict[str, str]:
    formats = SOUND_FORMATS | VIDEO_FORMATS
    with open_container(path, FileInputError, formats=formats, accepted=ACCEPTED, max_bytes=MAX_VIDEO_BYTES) as container:
        return {RIFF_NAMES.get(key, key): value for key, value in container.metadata.items()}


def _from_midi(path: Path) -> dict[str, str]:
    scan = scan_midi(read_bounded(path, FileInputError, max_bytes=MAX_MIDI_BYTES), path.name)
    return dict(text.split("=", 1) for text in scan.texts if "=" in text)


def _from_png(path: Path) -> dict[str, str]:
    data = read_bounded(path, FileInputError, max_bytes=MAX_IMAGE_BYTES)
    try:
        fields = PngImagePlugin.PngImageFile(io.BytesIO(data)).info
    except Exception as error:  # crafted chunks make the decoder raise nearly anything
        raise FileInputError(
            "file.malformed", f"{path.name!r} is not a valid PNG picture; nothing can be read from it"
        ) from error
    return {str(key): str(value) for key, value in fields.items() if isinstance(value, str)}


def _from_json(path: Path) -> dict[str, str]:
    """A sidecar is a provenance record itself; of other JSON only the names of the fields matter."""
    value = _json_object(read_bounded(path, FileInputError, max_bytes=MAX_SIDECAR_BYTES), path)
    if value.get("tool") == "espressivo":
        return {"espressivo": json.dumps(value)}
    return {key: "" for key in value if len(key) <= MAX_METADATA_CHARACTERS}


def _from_safetensors(path: Path) -> dict[str, str]:
    with open_regular(path, FileInputError, max_bytes=MAX_VIDEO_BYTES) as file:
        length = int.from_bytes(file.read(8), "little")
        if length > MAX_SIDECAR_BYTES:
            raise FileInputError("file.malformed", f"{path.name!r} has a header of {length} bytes; it is no file of ours")
        header = _json_object(file.read(length), path)
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict):
        return {}
    return {f"safetensors.{key}": str(value) for key, value in metadata.items()}


def _json_object(data: bytes, path: Path) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FileInputError("file.malformed", f"{path.name!r} is not valid JSON; nothing can be read from it") from error
    if not isinstance(value, dict):
        raise FileInputError("file.format", f"{path.name!r} holds no JSON object; nothing can be read from it")
    return value
