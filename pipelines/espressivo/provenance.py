"""What a result was made from and how, and the marking that it was made by a machine.

The record travels inside the file (container metadata, RIFF INFO, MIDI text events, PNG iTXt) and, with timings, in a
sidecar. It holds digests instead of names and paths, and no words of the user unless asked to.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from espressivo.errors import FileInputError, VideoInputError
from espressivo.media.atomic import write_bytes
from espressivo.media.credentials import read_credentials
from espressivo.media.limits import MAX_SIDECAR_BYTES
from espressivo.media.metadata import read_metadata
from espressivo.media.source import read_bounded
from espressivo.resources import checkpoint_folder

__all__ = ["ConsentBasis", "InputContent", "Provenance", "VerifyReport", "describe_run", "digest", "tool_version", "verify_file"]

Kind = Literal["plan", "talking_head", "music", "scene"]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
InputContent = str | bytes | Path | NDArray[Any] | None
BLOCK: Final = 1024 * 1024
# Frames of a video that are searched for the invisible mark: two seconds.
MARKED_FRAMES: Final = 50
SIDECAR_SUFFIX: Final = ".provenance.json"
# IPTC NewsCodes "digitalsourcetype": the terms that C2PA and platforms look for.
SOURCE_TYPE_SCHEME: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES: Final[dict[Kind, str]] = {
    "plan": "trainedAlgorithmicMedia",
    "music": "trainedAlgorithmicMedia",
    "talking_head": "compositeWithTrainedAlgorithmicMedia",
    "scene": "compositeWithTrainedAlgorithmicMedia",
}
# For what rules made, without anything that was learnt from data.
RULES_SOURCE_TYPE: Final = "algorithmicMedia"
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

    @property
    def mark(self) -> int:
        """32 bits for an invisible mark, the same for a talking head and the scene it is part of."""
        inputs = json.dumps(self.inputs, sort_keys=True)
        return int(digest(f"{self.tool_version}/{self.seed}/{inputs}")[:8], 16)

    def metadata(self) -> dict[str, str]:
        """Text fields to embed in a file: for people, for machines, and the whole record without timings."""
        record = self.model_dump(mode="json", exclude={"stage_seconds", "outputs"}, exclude_none=True)
        return {
            "comment": f"{self.disclosure}. Made with espressivo {self.tool_version}.",
            "digital_source_type": self.digital_source_type,
            "espressivo": json.dumps(record, sort_keys=True, separators=(",", ":")),
        }

    def to_json(self) -> str:
        """The whole record as indented JSON, ending in a newline."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), ensure_ascii=False, indent=2) + "\n"

    def save(
        self, path: Path, *, outputs: Mapping[str, Path] | None = None, stage_seconds: Mapping[str, float] | None = None
    ) -> None:
        """Write the record as a sidecar, atomically.

        Args:
            path: Where to: ``provenance.json`` in the folder of the files, or ``talk.mp4.provenance.json`` beside one.
            outputs: The files it speaks about, by the name they will have; their digests are recorded.
            stage_seconds: Time spent by stage.

        Raises:
            EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
        """
        update = {
            "outputs": {name: digest(file) for name, file in (outputs or {}).items()},
            "stage_seconds": {name: round(seconds, 3) for name, seconds in (stage_seconds or {}).items()},
        }
        write_bytes(path, self.model_copy(update=update).to_json().encode())


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
    by_rules = kind in {"plan", "music"} and not checkpoints
    return Provenance(
        tool_version=tool_version(),
        kind=kind,
        seed=seed,
        inputs={role: digest(content) for role, content in inputs.items() if content is not None},
        settings=dict(settings),
        settings_digest=_settings_digest(settings),
        checkpoints={name: digest(checkpoint_folder(name) / "SHA256SUMS") for name in checkpoints},
        consent=consent,
        disclosure=DISCLOSURES[kind],
        digital_source_type=SOURCE_TYPE_SCHEME + (RULES_SOURCE_TYPE if by_rules else SOURCE_TYPES[kind]),
        request=request,
    )


class VerifyReport(BaseModel):
    """What provenance a file carries.

    Attributes:
        file: Name of the file.
        kind: ``"video"``, ``"sound"``, ``"midi"``, ``"picture"``, ``"json"`` or ``"tensors"``.
        sha256: Digest of the file.
        found: Whether anything tells that it was made by a machine.
        provenance: The embedded record, or that of the sidecar.
        comment: The disclosure for people, as embedded.
        digital_source_type: The disclosure for machines, as embedded.
        sidecar: Whether a sidecar lists the file, and with which digest.
        watermark: Number in the pictures of a video as 8 hexadecimal digits, where they carry the invisible mark.
        credentials: What a signed C2PA statement is worth, where there is one and ``espressivo[c2pa]`` is installed.
        problems: What contradicts itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    kind: str
    sha256: Digest
    found: bool
    provenance: Provenance | None
    comment: str | None
    digital_source_type: str | None
    sidecar: Literal["none", "matches", "differs"]
    watermark: str | None
    credentials: str | None
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """The report for people."""
        lines = [f"{self.file} ({self.kind}), SHA-256 {self.sha256}"]
        if not self.found:
            lines.append("No provenance found: nothing in or beside the file tells how it was made.")
        if self.comment:
            lines.append(f"Says: {self.comment}")
        if self.digital_source_type:
            lines.append(f"Digital source type: {self.digital_source_type.rsplit('/', 1)[-1]} (IPTC)")
        if self.provenance:
            lines += _described(self.provenance)
        if self.sidecar != "none":
            lines.append(f"Sidecar: its digest {self.sidecar}{'' if self.sidecar == 'matches' else '; the file was changed'}")
        if self.watermark:
            lines.append(f"Invisible mark in the pictures: {self.watermark}")
        lines += [f"Problem: {problem}" for problem in self.problems]
        if self.credentials:
            lines.append(f"Content credentials (C2PA): {self.credentials}")
        elif self.found:
            lines.append("This information is not signed: it can be removed or forged.")
        return [_printable(line) for line in lines]


def verify_file(path: Path) -> VerifyReport:
    """Tell what an mp4, wav, flac, mid, png, json or safetensors file says about how it was made.

    A sidecar is looked for beside it: ``<file>.provenance.json``, then ``provenance.json``.

    Raises:
        InputError: ``file.missing``, ``file.format``, ``file.malformed`` and the like.
    """
    metadata = read_metadata(path)
    sha256 = digest(path)
    problems: list[str] = []
    record = _parsed(metadata.fields.get("espressivo"), "the embedded record", problems)
    beside = _sidecar(path, problems)
    sidecar: Literal["none", "matches", "differs"] = "none"
    if beside is not None:
        sidecar = "matches" if beside.outputs[path.name] == sha256 else "differs"
    comment = metadata.fields.get("comment")
    source_type = metadata.fields.get("digital_source_type")
    if record is not None and metadata.kind == "json":
        comment, source_type = record.disclosure, record.digital_source_type
    watermark = _watermark(path) if metadata.kind == "video" else None
    told = record or beside
    if watermark is not None and told is not None and watermark != f"{told.mark:08x}":
        problems.append("the invisible mark in the pictures belongs to another record")
    says_so = (comment or "").startswith("AI-generated") or (source_type or "").startswith(SOURCE_TYPE_SCHEME)
    marked = says_so or record is not None or watermark is not None
    return VerifyReport(
        file=path.name,
        kind=metadata.kind,
        sha256=sha256,
        found=marked or sidecar == "matches",
        provenance=told,
        comment=comment,
        digital_source_type=source_type,
        sidecar=sidecar,
        watermark=watermark,
        credentials=_credentials(path) if metadata.kind in {"video", "sound", "picture"} else None,
        problems=tuple(problems),
    )


def _watermark(path: Path) -> str | None:
    """The invisible mark of a video; pictures that cannot be decoded carry none."""
    from espressivo.media.video_reader import read_frames
    from espressivo.media.watermark import read_watermark  # loads scipy, which only videos need

    try:
        mark = read_watermark(itertools.islice(read_frames(path), MARKED_FRAMES))
    except VideoInputError:
        return None
    return None if mark is None else f"{mark:08x}"


def _credentials(path: Path) -> str | None:
    """State and signer of content credentials, where the library is there to judge them."""
    if find_spec("c2pa") is None:
        return None
    found = read_credentials(path)
    if found is None:
        return None
    doubts = f" ({', '.join(found.problems)})" if found.problems else ""
    return f"{found.state}, signed by {found.issuer or 'an unnamed issuer'}{doubts}"


def _parsed(text: str | None, what: str, problems: list[str]) -> Provenance | None:
    if text is None:
        return None
    try:
        record = Provenance.model_validate_json(text)
    except ValidationError as error:
        problems.append(f"{what} cannot be read ({error.error_count()} fields are wrong)")
        return None
    if record.settings_digest != _settings_digest(record.settings):
        problems.append(f"the settings in {what} do not match their digest")
    return record


def _sidecar(path: Path, problems: list[str]) -> Provenance | None:
    """The record beside a file that speaks about it."""
    for candidate in (path.with_name(path.name + SIDECAR_SUFFIX), path.with_name("provenance.json")):
        if candidate == path or not candidate.is_file():
            continue
        text = read_bounded(candidate, FileInputError, max_bytes=MAX_SIDECAR_BYTES).decode("utf-8", "replace")
        record = _parsed(text, candidate.name, problems)
        if record is not None and path.name in record.outputs:
            return record
    return None


def _printable(text: str) -> str:
    """Without the control characters by which a file could steer the terminal that shows the report."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _described(record: Provenance) -> list[str]:
    lines = [f"Made by {record.tool} {record.tool_version} ({record.kind.replace('_', ' ')}), seed {record.seed}"]
    if record.consent is not None:
        lines.append(f"Consent basis of the portrait: {record.consent.value.replace('_', ' ')}")
    elif record.kind in {"talking_head", "scene"}:
        lines.append("Consent basis of the portrait: none was declared")
    lines += [f"Input {role}: SHA-256 {sha256}" for role, sha256 in record.inputs.items()]
    lines += [f"Checkpoint {name}: SHA-256 {sha256}" for name, sha256 in record.checkpoints.items()]
    if record.request is not None:
        lines.append(f"Request: {record.request}")
    return lines


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


def _settings_digest(settings: Mapping[str, JsonValue]) -> str:
    return digest(json.dumps(dict(settings), sort_keys=True, separators=(",", ":")))


def _strings(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for item in value.values() for text in _strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in _strings(item)]
    return []
