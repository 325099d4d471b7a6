"""From rows to jobs: files found and confined, settings resolved, seed drawn, key computed."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from espressivo.batch.manifest import EMOTION_FORMS, FILE_FIELDS, PORTRAIT_KINDS, BadRow, JobSpec, Manifest
from espressivo.emotion.intake import EmotionWords, receive
from espressivo.emotion.parse import build_request, parse_dialogue, parse_emotion, parse_personality
from espressivo.emotion.request import EmotionRequest
from espressivo.errors import EspressivoError, ManifestError, SettingError
from espressivo.media.source import read_bounded
from espressivo.provenance import digest, tool_version
from espressivo.resources import home
from espressivo.seeds import child_seed

__all__ = ["Job", "build_jobs", "emotion_of", "read_words", "resolve_input", "shard_of"]

KEY_SCHEMA: Final = 1
MAX_WORDS_BYTES: Final = 100_000
DEFAULT_DURATION_S: Final = {"plan": 8.0, "talk": 8.0, "scene": 8.0, "compose": 30.0}


@dataclass(frozen=True, slots=True)
class Job:
    """Something to render.

    Attributes:
        key: Digest of everything that the result depends on; 32 hexadecimal digits.
        name: For people; unique within a run.
        line: Row of the manifest.
        spec: What the row asks for.
        inputs: Files by field, resolved and confined.
        settings: Resolved settings of the talking head; empty for kinds without one.
        music: Resolved settings of the music; empty for kinds without it.
        seed: The seed to use.
    """

    key: str
    name: str
    line: int
    spec: JobSpec
    inputs: Mapping[str, Path]
    settings: Mapping[str, Any]
    music: Mapping[str, Any]
    seed: int

    @property
    def duration_s(self) -> float:
        """Length where there is no speech."""
        return self.spec.duration_s or DEFAULT_DURATION_S[self.spec.kind]


def build_jobs(manifest: Manifest, root: Path, *, run_seed: int) -> tuple[list[Job], list[BadRow]]:
    """Check what rows refer to and give each job its key.

    Args:
        manifest: Rows that are well formed.
        root: Folder that all files must lie in.
        run_seed: Seed of jobs that bring none.

    Returns:
        Jobs in the order of their rows, and the mistakes that were found.
    """
    jobs: list[Job] = []
    bad_rows: list[BadRow] = []
    digests: dict[Path, str] = {}
    bundle = {name: _bundle_digest(name) for name in ("configs", "checkpoints")}
    for index, (line, spec) in enumerate(manifest.specs):
        mistakes: list[BadRow] = []
        inputs = _inputs(line, spec, root, mistakes)
        settings, music = _resolved(line, spec, mistakes)
        _check_emotion(line, spec, inputs, mistakes)
        bad_rows += mistakes
        if mistakes:
            continue
        for path in inputs.values():
            if path not in digests:
                digests[path] = digest(path)
        depends_on = {
            "schema": KEY_SCHEMA,
            "version": tool_version(),
            "spec": spec.model_dump(mode="json", exclude={"id", "seed", "settings", "music", *FILE_FIELDS}),
            "inputs": {field: digests[path] for field, path in inputs.items()},
            "settings": settings,
            "music": music,
            **(bundle if spec.kind != "plan" else {"configs": bundle["configs"]}),
        }
        seed = spec.seed if spec.seed is not None else child_seed(run_seed, "batch", _canonical_digest(depends_on))
        key = _canonical_digest({**depends_on, "seed": seed})
        jobs.append(Job(key, _name(index, spec), line, spec, inputs, settings, music, seed))
    return jobs, bad_rows


def resolve_input(text: str, root: Path) -> Path:
    """A file named in a manifest, which must lie below a folder whatever links it is reached through.

    Raises:
        ManifestError: ``manifest.path`` or ``manifest.file_missing``.
    """
    written = PurePosixPath(text)
    outside = written.is_absolute() or ".." in written.parts or text.startswith("~")
    if outside or any(mark in text for mark in ("\\", "\0", "://")) or text[1:2] == ":":
        raise ManifestError("manifest.path", f"{text[:80]!r} must be relative to the input folder and stay in it")
    root = root.resolve()
    path = (root / written).resolve()
    if not path.is_relative_to(root):
        raise ManifestError("manifest.path", f"{text[:80]!r} is a link out of the input folder; copy the file into it")
    if not path.exists():
        raise ManifestError("manifest.file_missing", f"there is no file {text[:80]!r} in the input folder")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise ManifestError("manifest.path", f"{text[:80]!r} is no file that can be read")
    return path


def emotion_of(spec: JobSpec, inputs: Mapping[str, Path], duration_s: float) -> EmotionWords | EmotionRequest | None:
    """What a row asks to feel; ``None`` where it brings a plan.

    Raises:
        EmotionInputError: It cannot be understood.
        SettingError: ``setting.text_file`` where the dialogue cannot be read.
    """
    personality = parse_personality(spec.persona) if spec.persona else None
    if spec.emotion is not None:
        return EmotionWords(spec.emotion, spec.mask, personality)
    shared = {"mask": spec.mask, "personality": personality, "intensity": spec.intensity, "duration_s": duration_s}
    if spec.vad is not None:
        valence, arousal, dominance = spec.vad
        return build_request(vad={"valence": valence, "arousal": arousal, "dominance": dominance}, **shared)
    if "dialogue" in inputs:
        return build_request(dialogue=parse_dialogue(read_words(inputs["dialogue"])), **shared)
    return None


def read_words(path: Path) -> str:
    """The words of a text file, a transcript or a dialogue.

    Raises:
        SettingError: ``setting.text_file`` and those of :func:`espressivo.media.source.read_bounded`.
    """
    try:
        return read_bounded(path, SettingError, max_bytes=MAX_WORDS_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingError("setting.text_file", f"{path.name!r} is not UTF-8 text; save it as UTF-8") from error


def _inputs(line: int, spec: JobSpec, root: Path, mistakes: list[BadRow]) -> dict[str, Path]:
    found = {}
    for field in FILE_FIELDS:
        text = getattr(spec, field)
        if text is None:
            continue
        try:
            found[field] = resolve_input(text, root)
        except (ManifestError, OSError, ValueError) as error:
            mistakes.append(BadRow(line, field, str(error)))
    return found


def _resolved(line: int, spec: JobSpec, mistakes: list[BadRow]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings with their defaults, as JSON values."""
    settings: dict[str, Any] = {}
    music: dict[str, Any] = {}
    try:
        if spec.kind in PORTRAIT_KINDS:
            from espressivo.settings import TalkSettings, validated

            settings = validated(TalkSettings, {**spec.settings, "consent": spec.consent}).model_dump(mode="json")
        if spec.kind in {"compose", "scene"}:
            from espressivo.music.settings import MusicSettings
            from espressivo.settings import validated

            music = validated(MusicSettings, dict(spec.music)).model_dump(mode="json")
    except EspressivoError as error:
        mistakes.append(BadRow(line, "music" if settings or spec.kind == "compose" else "settings", error.message))
    return settings, music


def _check_emotion(line: int, spec: JobSpec, inputs: Mapping[str, Path], mistakes: list[BadRow]) -> None:
    """Understand the emotion now, so that a typing error is found before the night begins."""
    field = next((name for name in EMOTION_FORMS if getattr(spec, name) is not None), None)
    if field is None or (field in FILE_FIELDS and field not in inputs):
        return
    # How long speech lasts is not known yet; keyframes beyond its end show when the job runs.
    duration_s = 7200.0 if spec.speech or spec.drive else spec.duration_s or DEFAULT_DURATION_S[spec.kind]
    try:
        if spec.mask is not None:
            parse_emotion(spec.mask)
        receive(emotion_of(spec, inputs, duration_s), inputs.get("plan"), duration_s=duration_s, intensity=spec.intensity)
    except EspressivoError as error:
        mistakes.append(BadRow(line, field, error.message))


def _bundle_digest(folder: str) -> str:
    """Digest of the tables or of the checkpoints' digest lists that come with the package."""
    root = home() / folder
    names = sorted(path for path in root.rglob("*") if path.suffix == ".yaml" or path.name == "SHA256SUMS")
    return _canonical_digest({path.relative_to(root).as_posix(): digest(path) for path in names})


def _canonical_digest(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _name(index: int, spec: JobSpec) -> str:
    """The row's own name, or its place and what it is about."""
    if spec.id is not None:
        return spec.id
    plain = unicodedata.normalize("NFKD", spec.emotion or "").encode("ascii", "ignore").decode().lower()
    words = "".join(character if character.isalnum() else " " for character in plain).split()
    return "-".join([f"{index + 1:05d}", spec.kind, *words[:4]])[:64]


def shard_of(key: str, num_shards: int) -> int:
    """Which of ``num_shards`` parts, counted from 1, a job belongs to; the same on every machine."""
    return int(key[:8], 16) % num_shards + 1
