"""Manifests: a row a job, as JSON lines, CSV or YAML; every mistake is reported, not only the first."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from espressivo.emotion.request import MAX_TEXT_CHARACTERS
from espressivo.errors import ManifestError
from espressivo.media.source import read_bounded
from espressivo.provenance import ConsentBasis
from espressivo.seeds import MAX_SEED

__all__ = ["BadRow", "JobSpec", "Kind", "Manifest", "manifest_schema", "read_manifest"]

Kind = Literal["plan", "compose", "talk", "scene"]
MAX_MANIFEST_BYTES: Final = 64 * 1024 * 1024
MAX_JOBS: Final = 100_000
PORTRAIT_KINDS: Final = frozenset({"talk", "scene"})
FILE_FIELDS: Final = ("portrait", "speech", "transcript", "plan", "dialogue", "drive")
EMOTION_FORMS: Final = ("emotion", "vad", "dialogue", "plan")

Words = Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARACTERS)]
FileName = Annotated[str, Field(min_length=1, max_length=1024)]
Overrides = dict[Annotated[str, Field(max_length=64)], Any]


class Strict(BaseModel):
    """Base of everything that is read from a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class JobSpec(Strict):
    """One job, as a row of the manifest describes it.

    Attributes:
        kind: ``plan``, ``compose``, ``talk`` or ``scene``.
        id: Name of the result for people; letters, digits, ``.``, ``_`` and ``-``. Default: the row's number.
        emotion: Words, mixture, arc, keyframes or a sentence, as on the command line.
        vad: Valence, arousal, dominance, each -1 to 1, instead of ``emotion``.
        dialogue: Text file, a turn a line as ``SPEAKER: words``, instead of ``emotion``.
        plan: File of a finished plan, instead of ``emotion``.
        intensity: 0-1.
        mask: An emotion put on over the felt one.
        persona: A persona or Big Five traits, e.g. ``"E=0.5,N=-0.2"``.
        portrait: Picture file, for ``talk`` and ``scene``.
        speech: Sound file, for ``talk`` and ``scene``; it decides the length.
        transcript: Text file with the words spoken.
        drive: Clip or saved actions that a ``talk`` acts out; it then needs no emotion, and its length is the clip's where there
            is no speech.
        duration_s: Length where there is no speech; default 8, for ``compose`` 30.
        seed: Default: drawn from the run's seed and what the job is.
        consent: Basis for using the portrait; required with one.
        settings: Settings of the talking head, by name.
        music: Settings of the music, by name.
    """

    kind: Kind
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    emotion: Words | None = None
    vad: tuple[float, float, float] | None = None
    dialogue: FileName | None = None
    plan: FileName | None = None
    intensity: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    mask: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    persona: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    portrait: FileName | None = None
    speech: FileName | None = None
    transcript: FileName | None = None
    drive: FileName | None = None
    duration_s: Annotated[float, Field(ge=0.2, le=1800.0)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    consent: ConsentBasis | None = None
    settings: Overrides = {}
    music: Overrides = {}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        forms = [name for name in EMOTION_FORMS if getattr(self, name) is not None]
        if len(forms) != 1 and (forms or self.drive is None):
            message = f"give exactly one of {', '.join(EMOTION_FORMS)}; got {', '.join(forms) or 'none'}"
            raise ValueError(message)
        if self.plan is not None and (self.mask or self.persona or self.intensity is not None):
            message = "mask, persona and intensity shape a thought; plan is a finished one"
            raise ValueError(message)
        shows_portrait = self.kind in PORTRAIT_KINDS
        if shows_portrait and self.portrait is None:
            message = f"a {self.kind} needs a portrait"
            raise ValueError(message)
        if shows_portrait and self.consent is None:
            message = f"a portrait needs a consent basis: {', '.join(ConsentBasis)}"
            raise ValueError(message)
        meant_for_portraits = ("portrait", "speech", "transcript", "consent", "settings")
        surplus = [name for name in meant_for_portraits if not shows_portrait and getattr(self, name)]
        if self.music and self.kind not in {"compose", "scene"}:
            surplus.append("music")
        if self.drive is not None and self.kind != "talk":
            surplus.append("drive")
        if surplus:
            message = f"a {self.kind} takes no {', '.join(surplus)}"
            raise ValueError(message)
        if self.speech is not None and self.duration_s is not None:
            message = "the speech decides the length; give no duration_s"
            raise ValueError(message)
        return self


class Matrix(Strict):
    """Values that are combined with each other: every combination becomes a job."""

    portrait: Annotated[tuple[FileName, ...], Field(min_length=1)] | None = None
    speech: Annotated[tuple[FileName, ...], Field(min_length=1)] | None = None
    emotion: Annotated[tuple[Words, ...], Field(min_length=1)] | None = None
    plan: Annotated[tuple[FileName, ...], Field(min_length=1)] | None = None
    intensity: Annotated[tuple[float, ...], Field(min_length=1)] | None = None
    seed: Annotated[tuple[int, ...], Field(min_length=1)] | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """One mistake: where, in which field, and what is wrong."""

    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field}: {self.message}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The rows that are good, with their line, and the mistakes in the others."""

    specs: tuple[tuple[int, JobSpec], ...]
    bad_rows: tuple[BadRow, ...]


def manifest_schema() -> dict[str, Any]:
    """JSON schema of a row, for editors and other programs."""
    schema = JobSpec.model_json_schema()
    schema["title"] = "espressivo batch manifest row"
    schema["properties"]["matrix"] = Matrix.model_json_schema()
    return schema


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; the suffix decides the format: ``.jsonl``, ``.csv``, ``.yaml`` or ``.yml``.

    Raises:
        ManifestError: ``manifest.missing``, ``manifest.format``, ``manifest.malformed``, ``manifest.no_rows``,
            ``manifest.too_large`` or ``manifest.too_many_jobs``; mistakes within rows are collected instead.
    """
    readers = {".jsonl": _json_rows, ".csv": _csv_rows, ".yaml": _yaml_rows, ".yml": _yaml_rows}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ManifestError("manifest.format", f"{path.name!r} is of no known kind; accepted: {', '.join(readers)}")
    data = read_bounded(path, ManifestError, max_bytes=MAX_MANIFEST_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ManifestError("manifest.malformed", f"{path.name!r} is not UTF-8 text; save it as UTF-8") from error
    specs: list[tuple[int, JobSpec]] = []
    bad_rows: list[BadRow] = []
    for line, row in reader(text, path.name):
        if isinstance(row, BadRow):
            bad_rows.append(row)
            continue
        good, bad = _parse_row(line, row)
        specs += [(line, spec) for spec in good]
        bad_rows += bad
        if len(specs) > MAX_JOBS:
            raise ManifestError("manifest.too_many_jobs", f"{path.name!r} describes over {MAX_JOBS} jobs; split it")
    if not specs and not bad_rows:
        raise ManifestError("manifest.no_rows", f"{path.name!r} has no rows; write a job a line")
    return Manifest(tuple(specs), tuple(bad_rows + _repeated_names(specs)))


Rows = Iterator[tuple[int, Any]]


def _json_rows(text: str, name: str) -> Rows:
    del name
    for line, content in enumerate(text.splitlines(), 1):
        if not content.strip():
            continue
        try:
            yield line, json.loads(content)
        except (ValueError, RecursionError) as error:
            yield line, BadRow(line, "row", f"not valid JSON ({str(error)[:80]})")


def _csv_rows(text: str, name: str) -> Rows:
    """Cells are text; empty ones count as not given; ``settings.size`` reaches into ``settings``."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        for cells in reader:
            yield reader.line_num, _nested(cells)
    except csv.Error as error:
        raise ManifestError("manifest.malformed", f"{name!r} is not valid CSV near line {reader.line_num}: {error}") from error


def _nested(cells: dict[str | Any, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for column, cell in cells.items():
        if not cell:
            continue
        outer, dot, inner = str(column or "surplus cells").partition(".")
        if dot:
            row.setdefault(outer, {})[inner] = cell
        else:
            row[outer] = [float(part) for part in cell.split()] if outer == "vad" and _are_numbers(cell) else cell
    return row


def _are_numbers(cell: str) -> bool:
    return all(part.lstrip("+-").replace(".", "", 1).isdigit() for part in cell.split())


def _yaml_rows(text: str, name: str) -> Rows:
    """A list of mappings. Aliases are refused: a few lines of them can stand for gigabytes."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ManifestError(
                "manifest.malformed", f"{name!r} uses YAML aliases (*name), which are not accepted; write rows out"
            )
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        rows = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        summary = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ManifestError("manifest.malformed", f"{name!r} is not valid YAML: {summary}") from error
    if not isinstance(rows, list) or not isinstance(node, yaml.SequenceNode):
        raise ManifestError("manifest.malformed", f"{name!r} must hold a list of rows, each beginning with '- '")
    for item, row in zip(node.value, rows, strict=True):
        yield item.start_mark.line + 1, row


def _parse_row(line: int, row: object) -> tuple[list[JobSpec], list[BadRow]]:
    if not isinstance(row, dict):
        return [], [BadRow(line, "row", f"expected fields with values, found {type(row).__name__}")]
    fields = {str(name): value for name, value in row.items()}
    try:
        matrix = Matrix.model_validate(fields.pop("matrix", {}))
    except ValidationError as error:
        return [], _mistakes(line, error, prefix="matrix.")
    axes = {name: values for name, values in matrix.model_dump().items() if values is not None}
    clash = sorted(set(axes) & set(fields))
    if clash:
        return [], [BadRow(line, f"matrix.{clash[0]}", "given beside the matrix too; give it once")]
    num_jobs = 1
    for values in axes.values():
        num_jobs *= len(values)
    if num_jobs > MAX_JOBS:
        return [], [BadRow(line, "matrix", f"makes {num_jobs} jobs; accepted: up to {MAX_JOBS}")]
    return _expand(line, fields, axes)


def _expand(line: int, fields: dict[str, Any], axes: dict[str, Sequence[Any]]) -> tuple[list[JobSpec], list[BadRow]]:
    specs: list[JobSpec] = []
    name = fields.get("id")
    for index, values in enumerate(itertools.product(*axes.values())):
        cell = fields | dict(zip(axes, values, strict=True))
        if axes and isinstance(name, str):
            cell["id"] = f"{name}-{index + 1}"
        try:
            specs.append(JobSpec.model_validate(cell))
        except ValidationError as error:
            return [], _mistakes(line, error)
    return specs, []


def _mistakes(line: int, error: ValidationError, prefix: str = "") -> list[BadRow]:
    found = []
    for mistake in error.errors(include_url=False):
        field = prefix + (".".join(str(part) for part in mistake["loc"]) or "row")
        found.append(BadRow(line, field, mistake["msg"].removeprefix("Value error, ")))
    return found


def _repeated_names(specs: Sequence[tuple[int, JobSpec]]) -> list[BadRow]:
    first: dict[str, int] = {}
    repeated = []
    for line, spec in specs:
        if spec.id is None:
            continue
        if spec.id in first:
            repeated.append(BadRow(line, "id", f"{spec.id!r} is the name of line {first[spec.id]} already"))
        first.setdefault(spec.id, line)
    return repeated
