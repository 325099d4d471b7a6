"""Opening a file that someone else named: once, as a regular file, within a size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from espressivo.errors import EspressivoError
from espressivo.media.limits import MEBIBYTE

__all__ = ["open_regular", "read_bounded"]


@contextmanager
def open_regular(path: Path, error: type[EspressivoError], *, max_bytes: int) -> Iterator[BinaryIO]:
    """A file opened for reading and checked through its handle, so that it cannot be exchanged in between.

    Args:
        path: What to open; pipes, devices and folders are refused without waiting on them.
        error: Class of the errors raised; its prefix makes the code, e.g. ``image.`` + ``missing``.
        max_bytes: Largest size accepted.

    Raises:
        EspressivoError: ``*.missing``, ``*.unreadable``, ``*.not_a_file``, ``*.empty`` or ``*.too_large``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as cause:
        raise error(f"{error.prefix}missing", f"there is no file {path.name!r}; check the path") from cause
    except (OSError, ValueError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else str(cause)
        raise error(f"{error.prefix}unreadable", f"cannot open {path.name!r}: {reason}") from cause
    try:
        _check(os.fstat(descriptor), path.name, error, max_bytes)
    except EspressivoError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        yield file


def read_bounded(path: Path, error: type[EspressivoError], *, max_bytes: int) -> bytes:
    """The bytes of a regular file; errors as in :func:`open_regular`."""
    with open_regular(path, error, max_bytes=max_bytes) as file:
        try:
            return file.read(max_bytes)
        except OSError as cause:
            raise error(f"{error.prefix}unreadable", f"cannot read {path.name!r}: {cause.strerror}") from cause


def _check(status: os.stat_result, name: str, error: type[EspressivoError], max_bytes: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise error(f"{error.prefix}not_a_file", f"{name!r} is a folder, pipe or device; give a file")
    if status.st_size == 0:
        raise error(f"{error.prefix}empty", f"{name!r} is empty; export it again")
    if status.st_size > max_bytes:
        raise error(
            f"{error.prefix}too_large",
            f"{name!r} has {status.st_size / MEBIBYTE:.1f} MB; at most {max_bytes / MEBIBYTE:.0f} MB are accepted",
        )
