"""Results under the key of their job: complete or absent, and checked when they are used again.

objects/ab/abcd.../     what a job wrote, with ``object.json``: size and SHA-256 of each file
records/abcd....json    how its last attempt ended
results/NAME            link to the object, for people
work/RUNNER/            results in the making, one folder for each living runner
events.jsonl            what happened, a line an event
run.lock                held by whoever runs
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from espressivo.errors import EncodeError, ManifestError
from espressivo.media.atomic import encode_error, write_bytes
from espressivo.provenance import digest

__all__ = ["JobRecord", "Store", "seal"]

SEAL: Final = "object.json"
# No record takes so long to write; whoever began it is dead.
STALE_S: Final = 3600.0
State = Literal["done", "failed", "quarantined"]


class JobRecord(BaseModel):
    """How the last attempt at a job ended.

    Attributes:
        key: Of the job.
        name: Of the job, for people.
        kind: What was to be made.
        state: ``done``; ``failed`` for input that cannot be used; ``quarantined`` when every attempt failed.
        attempts: How many there were.
        seed: The seed that was used.
        code: Of the error.
        message: The error in one line.
        stage: Where it happened.
        traceback: For the developer.
        wall_s: Seconds of the last attempt.
        stage_seconds: Time spent by stage.
        peak_memory_bytes: Largest memory of the worker's process so far.
        finished_unix_s: When it ended, by the clock of the machine.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    name: str
    kind: str
    state: State
    attempts: int
    seed: int
    code: str | None = None
    message: str | None = None
    stage: str | None = None
    traceback: str | None = None
    wall_s: float
    stage_seconds: dict[str, float] = {}
    peak_memory_bytes: int = 0
    finished_unix_s: float


def seal(folder: Path) -> None:
    """Write the list of a finished result's files, which makes it an object.

    Raises:
        EncodeError: ``encode.nothing_written``, or the list cannot be written.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise EncodeError("encode.nothing_written", "the job wrote no files")
    listing = {path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": digest(path)} for path in files}
    write_bytes(folder / SEAL, (json.dumps({"files": listing}, indent=2, sort_keys=True) + "\n").encode())


@dataclass(frozen=True, slots=True)
class Store:
    """A run folder."""

    root: Path

    @property
    def events_path(self) -> Path:
        """Where events are written."""
        return self.root / "events.jsonl"

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            EncodeError: They cannot be created.
        """
        try:
            for name in ("objects", "records", "results", "work"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise encode_error(error, self.root) from error

    def object_path(self, key: str) -> Path:
        """Folder of a result, whether it exists or not."""
        return self.root / "objects" / key[:2] / key

    def is_complete(self, key: str) -> bool:
        """Whether the result is there with every byte; a damaged one counts as absent."""
        folder = self.object_path(key)
        try:
            listing = json.loads((folder / SEAL).read_text(encoding="utf-8"))["files"]
            return all(
                (folder / name).stat().st_size == entry["bytes"] and digest(folder / name) == entry["sha256"]
                for name, entry in listing.items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def publish(self, key: str, folder: Path) -> None:
        """Move a sealed result to its place in one step.

        What another runner published meanwhile stays; what was damaged is replaced.

        Raises:
            EncodeError: The move failed.
        """
        target = self.object_path(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists() and not self.is_complete(key):
                target.rename(folder.parent / f"damaged.{secrets.token_hex(6)}")
            folder.rename(target)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                return
            raise encode_error(error, target) from error

    def files(self, key: str) -> list[Path]:
        """Files of a complete result, without its seal."""
        return sorted(path for path in self.object_path(key).rglob("*") if path.is_file() and path.name != SEAL)

    def read_record(self, key: str) -> JobRecord | None:
        """The record of a job; one that cannot be read counts as absent, and the job as not tried."""
        try:
            return JobRecord.model_validate_json((self.root / "records" / f"{key}.json").read_bytes())
        except (OSError, ValidationError):
            return None

    def write_record(self, record: JobRecord) -> None:
        """Replace the record of a job.

        Raises:
            EncodeError: It cannot be written; a run must stop then, because it would forget what it did.
        """
        write_bytes(self.root / "records" / f"{record.key}.json", (record.model_dump_json(indent=2) + "\n").encode())

    def link(self, name: str, key: str) -> None:
        """Let people find a result under its name."""
        link = self.root / "results" / name
        target = Path("..") / self.object_path(key).relative_to(self.root)
        if link.is_symlink() and link.readlink() == target:
            return
        fresh = link.with_name(f".{secrets.token_hex(6)}")
        fresh.symlink_to(target)
        fresh.replace(link)

    @contextmanager
    def locked(self, shard: tuple[int, int] | None) -> Iterator[None]:
        """Keep other runners out; shards of one run may work side by side.

        The lock belongs to the process and ends with it, however it ends.

        Raises:
            ManifestError: ``manifest.locked`` when somebody else is at it.
        """
        with ExitStack() as held:
            held.enter_context(_lock(self.root / "run.lock", shared=shard is not None))
            if shard is not None:
                held.enter_context(_lock(self.root / f"shard-{shard[0]}-of-{shard[1]}.lock", shared=False))
            yield

    @contextmanager
    def workshop(self) -> Iterator[Path]:
        """A folder for results in the making; those of runners that died are removed, and what else they left half written."""
        oldest = time.time() - STALE_S
        for stale in (self.root / "records").glob(".*.part.json"):
            with suppress(FileNotFoundError):
                if stale.stat().st_mtime < oldest:
                    stale.unlink()
        for abandoned in (self.root / "work").iterdir():
            with suppress(ManifestError), _lock(abandoned / "alive", shared=False):
                shutil.rmtree(abandoned, ignore_errors=True)
        name = secrets.token_hex(8)
        folder, unlocked = self.root / "work" / name, self.root / f".{name}"
        unlocked.mkdir()
        try:
            with _lock(unlocked / "alive", shared=False):
                unlocked.rename(folder)  # only now, else another shard may take it for abandoned before it is locked
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def collect_garbage(self, keep: set[str], *, older_than_s: float = 0.0) -> tuple[int, int]:
        """Remove results and records that no job refers to.

        Args:
            keep: Keys that are referred to.
            older_than_s: Only what was not changed for so long.

        Returns:
            Number of results removed, and their bytes.
        """
        num_removed, num_bytes = 0, 0
        oldest = time.time() - older_than_s
        for folder in (self.root / "objects").glob("??/*"):
            if folder.name in keep or folder.stat().st_mtime > oldest:
                continue
            num_bytes += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            shutil.rmtree(folder)
            (self.root / "records" / f"{folder.name}.json").unlink(missing_ok=True)
            num_removed += 1
        for link in (self.root / "results").iterdir():
            if not link.exists():
                link.unlink()
        return num_removed, num_bytes


@contextmanager
def _lock(path: Path, *, shared: bool) -> Iterator[None]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise ManifestError("manifest.locked", f"cannot lock {path.name!r}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ManifestError(
            "manifest.locked", f"another run is using {path.parent.name!r}; wait for it, or choose another folder"
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)
