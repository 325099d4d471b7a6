"""What a result was made from and how, and the marking that it was made by a machine.

The record travels inside the file (container metadata, RIFF INFO, MIDI text events, PNG iTXt) and, with timings, in a
sidecar. It holds digests instead of names and paths, and no words of the user unless asked to.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from espressivo.media.atomic import write_bytes
from espressivo.resources import checkpoint_folder

__all__ = ["ConsentBasis", "Provenance", "describe_run", "digest", "tool_version", "write_sidecar"]

Kind = Literal["plan", "talking_head", "music", "scene"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
InputContent = str | bytes | Path | NDArray[Any] | None
BLOCK: Final = 1024 * 1024
SIDECAR_SUFFIX: Final = ".provenance.json"
# IPTC NewsCodes "digitalsourcetype": the terms that C2PA and platforms look for.
SOURCE_TYPE_SCHEME: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: Final[dict[Kind, str]] = {
    "plan": "trainedAlgorithmicMedia",
    "music": "trainedAlgorithmicMedia",
    "talking_head": "compositeWithTrainedAlgorithmicMedia",
    "scene": "compositeWithTrainedAlgorithmicMedia",
}
DISCLOSURES: Final[dict[Kind, str]] = {
    "plan": "AI-generated plan of an emotion",
    "music": "AI-generated music",
    "talking_head": "AI-generated video: a portrait was animated by software; the movements did not happen",
    "scene": "AI-generated video and music: a portrait was animated by software; the movements did not happen",
}
LOCAL_PATH: Final = re.compile(r"^(?:[/~]|[A-Za-z]:[\\/]|\\\\|file:)")


class ConsentBasis(StrEnum):
    """On what basis a portrait may be animated."""

    OWN_LIKENESS = "own_likeness"
    WRITTEN_PERMISSION = "written_permission"
    SYNTHETIC_PERSON = "synthetic_person"
    PUBLIC_DOMAIN_ARTWORK = "public_domain_artwork"


class Provenance(BaseModel):
    """The record of one run.

    Attributes:
        kind: What was made.
        tool_version: Version of espressivo.
        seed: The seed that was used.
        inputs: SHA-256 of each input by its role, e.g. ``{"portrait": ..., "speech": ...}``.
        settings: Resolved settings of the run.
        settings_digest: SHA-256 of the settings as canonical JSON.
        checkpoints: SHA-256 of the digest list of each checkpoint used.
        consent: Basis for using the portrait; ``None`` where none was declared or no portrait is shown.
        ai_generated: Always true.
        disclosure: The same for people.
        digital_source_type: The same for machines, as an IPTC NewsCode.
        request: Words of the user, only where they asked to keep them.
        stage_seconds: Time spent by stage; only in sidecars, because the same input must give the same bytes.
        outputs: SHA-256 of the files that a sidecar speaks about, by file name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal["1"] = "1"
    tool: Literal["espressivo"] = "espressivo"
    tool_version: Annotated[str, Field(max_length=64)]
    kind: Kind
    seed: Annotated[int, Field(ge=0)]
    inputs: dict[Name, Digest] = {}
    settings: dict[Name, JsonValue] = {}
    settings_digest: Digest
    checkpoints: dict[Name, Digest] = {}
    consent: ConsentBasis | None = None
    ai_generated: Literal[True] = True
    disclosure: Annotated[str, Field(max_length=200)]
    digital_source_type: Annotated[str, Field(pattern=f"^{re.escape(SOURCE_TYPE_SCHEME)}[A-Za-z]+$")]
    request: Annotated[str, Field(max_length=2000)] | None = None
    stage_seconds: dict[Name, Annotated[float, Field(ge=0.0)]] = {}
    outputs: dict[Annotated[str, Field(pattern=r"^[^/\\\x00]{1,255}$")], Digest] = {}

    @model_validator(mode="after")
    def _no_local_paths(self) -> Self:
        found = [text for text in _strings(self.settings) if LOCAL_PATH.match(text)]
        if found:
            message = f"settings hold a local path ({found[0][:20]!r}...); record a digest instead"
            raise ValueError(message)
        return self

    def metadata(self) -> dict[str, str]:
        """Text fields to embed in a file: for people, for machines, and the whole record without timings."""
        record = self.model_dump(mode="json", exclude={"stage_seconds", "outputs"}, exclude_none=True)
        return {
            "comment": f"{self.disclosure}. Made with espressivo {self.tool_version}.",
            "digital_source_type": self.digital_source_type,
            "espressivo": json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")),
        }

    def to_json(self) -> str:
        """The whole record as indented JSON, ending in a newline."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2) + "\n"


def describe_run(
    *,
    kind: Kind,
    seed: int,
    inputs: Mapping[str, InputContent],
    settings: Mapping[str, JsonValue],
    checkpoints: Sequence[str] = (),
    consent: ConsentBasis | None = None,
    request: str | None = None,
) -> Provenance:
    """Record a run.

    Args:
        kind: What was made.
        seed: The seed that was used.
        inputs: What went in, by role: arrays, text, bytes or files, of which only digests are kept; ``None`` is left out.
        settings: Resolved settings, as JSON values.
        checkpoints: Names of the bundled checkpoints that took part.
        consent: Basis for using the portrait.
        request: Words of the user, where they asked to keep them.

    Raises:
        CheckpointError: A checkpoint is missing or altered.
    """
    canonical = json.dumps(dict(settings), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Provenance(
        tool_version=tool_version(),
        kind=kind,
        seed=seed,
        inputs={role: digest(content) for role, content in inputs.items() if content is not None},
        settings=dict(settings),
        settings_digest=digest(canonical),
        checkpoints={name: digest(checkpoint_folder(name) / "SHA256SUMS") for name in checkpoints},
        consent=consent,
        disclosure=DISCLOSURES[kind],
        digital_source_type=SOURCE_TYPE_SCHEME + SOURCE_TYPES[kind],
        request=request,
    )


def write_sidecar(
    provenance: Provenance, path: Path, *, outputs: Sequence[Path] = (), stage_seconds: Mapping[str, float] | None = None
) -> None:
    """Write the record beside the files it speaks about, with their digests and with timings.

    Args:
        provenance: The record.
        path: Where to, e.g. ``talk.mp4.provenance.json``.
        outputs: Finished files.
        stage_seconds: Time spent by stage.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    update = {
        "outputs": {output.name: digest(output) for output in outputs},
        "stage_seconds": {name: round(seconds, 3) for name, seconds in (stage_seconds or {}).items()},
    }
    write_bytes(path, provenance.model_copy(update=update).to_json().encode())


def digest(content: str | bytes | Path | NDArray[Any]) -> str:
    """SHA-256 of a text, of bytes, of a file, or of an array with its shape and type."""
    hasher = hashlib.sha256()
    if isinstance(content, Path):
        with content.open("rb") as file:
            while block := file.read(BLOCK):
                hasher.update(block)
    elif isinstance(content, np.ndarray):
        hasher.update(f"{content.dtype.str}{content.shape}".encode())
        hasher.update(np.ascontiguousarray(content).data)
    else:
        hasher.update(content.encode() if isinstance(content, str) else content)
    return hasher.hexdigest()


def tool_version() -> str:
    """Version of the installed package; ``"unknown"`` when it runs from a bare source tree."""
    try:
        return version("espressivo")
    except PackageNotFoundError:
        return "unknown"


def _strings(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return []
