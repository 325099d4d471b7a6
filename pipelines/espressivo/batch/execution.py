"""What a worker does with one job, whatever engine it runs under."""

from __future__ import annotations

import faulthandler
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from espressivo.batch.jobs import Job
from espressivo.batch.store import seal
from espressivo.errors import EncodeError, EspressivoError, RenderError
from espressivo.progress import ProgressCallback, ProgressEvent

__all__ = ["Failure", "MakeWorker", "Outcome", "Worker", "execute"]

MAX_TRACEBACK_CHARACTERS: Final = 8_000
KIBIBYTE: Final = 1024
STALL_LIMIT_S: Final = 1800.0
"""Jobs of any length tell of progress with every stage and every frame; composing and listening are the longest silences."""


class Worker(Protocol):
    """Renders jobs one after another; made once in each process, so that models are loaded once."""

    def run(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        """Render a job.

        Args:
            job: What to render.
            folder: Empty folder for the results.
            progress: To be told the stages.

        Returns:
            Seconds by stage.

        Raises:
            EspressivoError: The job cannot be rendered.
        """


MakeWorker = Callable[[], Worker]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job was not rendered.

    Attributes:
        code: Of the error, or ``batch.died``, ``batch.timeout``, ``batch.unexpected``.
        message: One line for the user.
        stage: Where it happened, as far as known.
        traceback: For the developer.
        may_pass: Whether another attempt can help.
    """

    code: str
    message: str
    stage: str = ""
    traceback: str = ""
    may_pass: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        key: Of the job.
        failure: ``None`` when the results are complete.
        wall_s: Seconds that the attempt took.
        stage_seconds: Time spent by stage.
        peak_memory_bytes: Largest memory of the worker's process so far; 0 if unknown.
    """

    key: str
    failure: Failure | None
    wall_s: float
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory_bytes: int = 0


def execute(make_worker: MakeWorker, cache: dict[str, Worker], job: Job, folder: Path) -> Outcome:
    """Render a job into a folder and seal it; errors become part of the outcome.

    A job that tells of no progress for :data:`STALL_LIMIT_S` ends its process, and thereby this attempt, whatever it hangs in.

    Args:
        make_worker: Called when ``cache`` is empty.
        cache: Keeps the worker between jobs.
        job: What to render.
        folder: Empty folder for the results.
    """
    started = time.monotonic()
    stages: list[str] = []

    def note(event: ProgressEvent) -> None:
        _expect_progress()
        if not stages or stages[-1] != event.stage:
            stages.append(event.stage)

    failure, seconds = None, {}
    with _watched():
        try:
            if "worker" not in cache:
                cache["worker"] = make_worker()
            seconds = dict(cache["worker"].run(job, folder, note))
            seal(folder)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong with one job is no reason to stop the others
            failure = _failure(error, stages[-1] if stages else "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
    return Outcome(job.key, failure, time.monotonic() - started, seconds, peak)


@contextmanager
def _watched() -> Iterator[None]:
    _expect_progress()
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _expect_progress() -> None:
    """Start the time over; its thread needs no lock of Python's, so that it also ends a process stuck in compiled code."""
    faulthandler.dump_traceback_later(STALL_LIMIT_S, exit=True, file=sys.__stderr__ or sys.stderr)


def _failure(error: Exception, stage: str) -> Failure:
    trace = "".join(traceback.format_exception(error))[-MAX_TRACEBACK_CHARACTERS:]
    if isinstance(error, EspressivoError):
        return Failure(error.code, error.message, stage, trace, may_pass=isinstance(error, RenderError | EncodeError))
    summary = str(error).splitlines()[0][:200] if str(error) else ""
    return Failure("batch.unexpected", f"{type(error).__name__}: {summary}", stage, trace, may_pass=True)
