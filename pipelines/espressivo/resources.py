"""Where the files that come with the package are: configs and checkpoints.

Looked for in this order: the folder named by the environment variable ``ESPRESSIVO_HOME``; the source tree (nearest
parent that holds both ``configs`` and ``checkpoints``); the copy inside an installed wheel.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from espressivo.errors import CheckpointError

__all__ = ["checkpoint_folder", "config_path", "example_path", "home", "load_config", "verify_checksums"]

HOME_VARIABLE = "ESPRESSIVO_HOME"


def home() -> Path:
    """The folder that holds ``configs`` and ``checkpoints``."""
    return _home(os.environ.get(HOME_VARIABLE))


@cache
def _home(named: str | None) -> Path:
    package = Path(__file__).resolve().parent
    candidates = [Path(named)] if named else [*package.parents, package / "_data"]
    for folder in candidates:
        if (folder / "configs").is_dir() and (folder / "checkpoints").is_dir():
            return folder
    raise CheckpointError(
        "checkpoint.home_missing",
        f"no folder with configs and checkpoints found ({named or 'neither in the source tree nor in the package'}); "
        f"reinstall the package or set {HOME_VARIABLE} to the source tree",
    )


def config_path(name: str) -> Path:
    """Path of a bundled config, e.g. ``config_path("emotion/prototypes.yaml")``."""
    return home() / "configs" / name


@cache
def _parsed(path: Path) -> Any:  # noqa: ANN401 - the shape of a YAML file is its reader's business
    loader = yaml.CSafeLoader(path.read_text(encoding="utf-8"))  # an eighth of the time of yaml.safe_load, which every start pays
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def load_config(name: str) -> Any:  # noqa: ANN401 - as above
    """A bundled YAML file, parsed once. Callers must not change what they get."""
    return _parsed(config_path(name))


def example_path(name: str) -> Path:
    """Path of a bundled example, e.g. ``example_path("portrait.png")``."""
    root = home()
    inside = root / "demo" / "examples"
    return (inside if inside.is_dir() else root / "examples") / name


@cache
def checkpoint_folder(name: str) -> Path:
    """Folder of a bundled checkpoint whose files match its ``SHA256SUMS``.

    Raises:
        CheckpointError: ``checkpoint.missing``, ``checkpoint.altered`` or ``checkpoint.unlisted``.
    """
    folder = home() / "checkpoints" / name
    verify_checksums(folder)
    return folder


def verify_checksums(folder: Path) -> None:
    """Compare every file of a checkpoint with its ``SHA256SUMS`` before anything parses it.

    Raises:
        CheckpointError: ``checkpoint.missing``, ``checkpoint.altered`` or ``checkpoint.unlisted``.
    """
    listing = folder / "SHA256SUMS"
    if not listing.is_file():
        raise CheckpointError("checkpoint.missing", f"checkpoint {folder.name!r} has no SHA256SUMS; reinstall it")
    expected = {}
    for line in listing.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    for name, digest in expected.items():
        path = folder / name
        if not path.is_file():
            raise CheckpointError("checkpoint.missing", f"checkpoint {folder.name!r} lacks {name}; reinstall it")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise CheckpointError("checkpoint.altered", f"{folder.name}/{name} does not match its SHA-256; refused, reinstall it")
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    unlisted = present - set(expected) - {"SHA256SUMS", "README.md"}
    if unlisted:
        raise CheckpointError(
            "checkpoint.unlisted", f"checkpoint {folder.name!r} holds files that SHA256SUMS does not list: {sorted(unlisted)}"
        )
