"""What the command line shows: progress on standard error, results on standard output, one line for an error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from espressivo.errors import Cancelled, CheckpointError, EspressivoError, InputError
from espressivo.progress import ProgressCallback, ProgressEvent

__all__ = ["exit_status", "print_error", "print_json", "print_table", "shown_progress"]


def exit_status(error: EspressivoError) -> int:
    """Exit status of a failed command: 2 for input that cannot be used, 130 when stopped, 1 for everything else."""
    if isinstance(error, Cancelled):
        return 130
    return 2 if isinstance(error, InputError | CheckpointError) else 1


def print_error(error: EspressivoError, *, as_json: bool) -> None:
    """One line on standard error, or one JSON object on standard output."""
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message}})
        return
    print(f"espressivo: {error.message} [{error.code}]", file=sys.stderr)  # noqa: T201 - the command line speaks here


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """A value as JSON on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2))  # noqa: T201 - the command line speaks here


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A small table on standard output."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(highlight=False).print(table)


@contextmanager
def shown_progress(*, quiet: bool) -> Iterator[ProgressCallback | None]:
    """A bar a stage on a terminal; a line a stage where standard error is a file; nothing when quiet."""
    if quiet:
        yield None
    elif not sys.stderr.isatty():
        yield _stage_lines()
    else:
        with _bars() as callback:
            yield callback


def _stage_lines() -> ProgressCallback:
    announced: set[str] = set()

    def show(event: ProgressEvent) -> None:
        if event.stage not in announced:
            announced.add(event.stage)
            print(f"  {event.stage} ...", file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks here

    return show


@contextmanager
def _bars() -> Iterator[ProgressCallback]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<12}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(event: ProgressEvent) -> None:
            if event.stage not in tasks:
                tasks[event.stage] = bars.add_task(event.stage, total=event.total or None)
            bars.update(tasks[event.stage], completed=event.done)

        yield show
