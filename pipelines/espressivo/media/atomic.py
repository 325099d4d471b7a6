"""Files that are there complete or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from espressivo.errors import EncodeError
from espressivo.media.limits import MEBIBYTE

__all__ = ["atomic_output", "atomic_outputs", "check_free_space", "encode_error", "write_bytes"]

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
RESERVE_BYTES = 16 * MEBIBYTE


def encode_error(error: OSError, path: Path) -> EncodeError:
    """What went wrong while writing ``path``: ``encode.disk_full``, ``encode.not_writable`` or ``encode.failed``."""
    reason = error.strerror or type(error).__name__
    if error.errno in _NO_ROOM:
        return EncodeError("encode.disk_full", f"no room to write {path.name!r} ({reason}); free some space and try again")
    if error.errno in _NOT_ALLOWED:
        return EncodeError("encode.not_writable", f"may not write {path.name!r} ({reason}); choose another folder")
    return EncodeError("encode.failed", f"writing {path.name!r} failed: {reason}")


def check_free_space(folder: Path, num_bytes: int) -> None:
    """Refuse early what would fill the disk.

    Args:
        folder: Where the file will be written.
        num_bytes: Expected size; a reserve of 16 MB is added.

    Raises:
        EncodeError: ``encode.disk_full`` or ``encode.folder_missing``.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise EncodeError("encode.folder_missing", f"there is no folder {folder.name!r} to write to; create it first") from error
    if free < num_bytes + RESERVE_BYTES:
        raise EncodeError(
            "encode.disk_full",
            f"{free / MEBIBYTE:.0f} MB are free in {folder.name!r}, about {(num_bytes + RESERVE_BYTES) / MEBIBYTE:.0f} MB are "
            "needed; free some space and try again",
        )


@contextmanager
def atomic_output(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path`` that becomes ``path`` when the block ends well, and vanishes when it does not.

    The temporary file keeps the suffix, so that encoders recognise the container. An existing ``path`` is replaced in one
    step and untouched on failure.

    Raises:
        EncodeError: ``encode.folder_missing``, ``encode.not_a_file``, ``encode.not_writable``, ``encode.disk_full``,
            ``encode.nothing_written`` or ``encode.failed``; ``OSError`` from inside the block becomes one of them.
    """
    with atomic_outputs([path]) as (temporary,):
        yield temporary


@contextmanager
def atomic_outputs(paths: Sequence[Path]) -> Iterator[tuple[Path, ...]]:
    """Temporary paths for several outputs that appear together or not at all.

    Should publishing one of them fail, those already published are taken back and what they replaced is restored. Only
    the death of the process between two renames can leave some of them published.

    Raises:
        EncodeError: As in :func:`atomic_output`, and ``encode.same_output`` when two paths are one.
    """
    if len({path.absolute() for path in paths}) != len(paths):
        raise EncodeError("encode.same_output", f"two outputs share a path: {', '.join(path.name for path in paths)}")
    with ExitStack() as cleanup:
        temporaries = tuple(_reserve(path, cleanup) for path in paths)
        try:
            yield temporaries
        except OSError as error:
            raise encode_error(error, _culprit(error, paths)) from error
        _check_written(temporaries, paths)
        _publish(temporaries, paths, cleanup)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically; errors as in :func:`atomic_output`."""
    with atomic_output(path) as temporary:
        temporary.write_bytes(content)


def _culprit(error: OSError, paths: Sequence[Path]) -> Path:
    """The output that an error is about, as far as it tells."""
    named = Path(str(error.filename)).name if error.filename else ""
    return next((path for path in paths if path.stem in named), paths[0])


def _reserve(path: Path, cleanup: ExitStack) -> Path:
    """Create the temporary file, which proves that the folder can be written to."""
    if path.exists() and not path.is_file():
        raise EncodeError("encode.not_a_file", f"{path.name!r} is a folder or device; name a file")
    temporary = _beside(path, "part")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except (FileNotFoundError, NotADirectoryError) as error:
        folder = path.parent.name or str(path.parent)
        raise EncodeError("encode.folder_missing", f"there is no folder {folder!r} to write to; create it first") from error
    except OSError as error:
        raise encode_error(error, path) from error
    cleanup.callback(_remove, temporary)
    return temporary


def _beside(path: Path, mark: str) -> Path:
    """A hidden, unguessable name in the same folder; the stem is cut, because names end at 255 bytes."""
    return path.with_name(f".{path.stem[:40]}.{secrets.token_hex(6)}.{mark}{path.suffix}")


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _check_written(temporaries: Sequence[Path], paths: Sequence[Path]) -> None:
    for temporary, path in zip(temporaries, paths, strict=True):
        if not temporary.is_file() or temporary.stat().st_size == 0:
            raise EncodeError("encode.nothing_written", f"nothing was written for {path.name!r}")


def _publish(temporaries: Sequence[Path], paths: Sequence[Path], cleanup: ExitStack) -> None:
    published: list[tuple[Path, Path | None]] = []
    path = paths[0]
    try:
        for temporary in temporaries:
            _flush(temporary)
        for temporary, path in zip(temporaries, paths, strict=True):
            backup = _keep_previous(path, cleanup) if len(paths) > 1 else None
            temporary.replace(path)
            published.append((path, backup))
        for folder in {path.absolute().parent for path in paths}:
            _flush(folder)
    except OSError as error:
        for done, backup in reversed(published):
            _remove(done) if backup is None else backup.replace(done)
        raise encode_error(error, path) from error


def _keep_previous(path: Path, cleanup: ExitStack) -> Path | None:
    """A second name for the file that is about to be replaced, gone when the whole is done."""
    if not path.exists():
        return None
    backup = _beside(path, "previous")
    cleanup.callback(_remove, backup)
    try:
        os.link(path, backup)
    except OSError:  # file systems such as FAT know no second names
        shutil.copy2(path, backup)
    return backup


def _flush(path: Path) -> None:
    """Bring a file's or folder's content to the disk, so that a power cut cannot publish an empty file."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
