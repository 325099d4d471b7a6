"""Workers as processes of this machine."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Final, Self

from espressivo.batch.execution import Failure, MakeWorker, Outcome, Worker, execute
from espressivo.batch.jobs import Job
from espressivo.errors import RenderError

__all__ = ["LocalEngine"]

# Libraries read these when they are loaded; several workers with a thread a core each would slow one another down.
THREAD_VARIABLES: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PARENT_CHECK_S: Final = 1.0
# A process must load Python and the package before it can take a job; that is not the job's fault.
START_LIMIT_S: Final = 300.0
# So many processes in a row that end before they are ready mean that none will ever be.
MAX_FAILED_STARTS: Final = 6


@dataclass(slots=True)
class _Slot:
    """One worker process and what it is doing."""

    process: SpawnProcess
    connection: Connection
    job: Job | None = None
    started: float = 0.0
    is_ready: bool = False

    def limit_s(self, timeout_s: float | None) -> float:
        """How long it may take for what it is doing: starting up, or its job."""
        if not self.is_ready:
            return START_LIMIT_S
        return math.inf if timeout_s is None else timeout_s


class LocalEngine:
    """Spawned processes, each with one job in flight. A process that dies or hangs costs one attempt of its own job.

    Args:
        make_worker: Importable function without arguments; called once in each process.
        num_workers: Processes.
        threads_per_worker: For numerical libraries; ``None`` divides the cores among the workers.
        timeout_s: A job that takes longer, start of its process not counted, is killed with its process.
    """

    def __init__(
        self, make_worker: MakeWorker, *, num_workers: int, threads_per_worker: int | None = None, timeout_s: float | None = None
    ) -> None:
        cores = len(os.sched_getaffinity(0))
        self._make_worker = make_worker
        self._num_workers = num_workers
        self._num_threads = threads_per_worker or max(1, cores // num_workers)
        self._timeout_s = timeout_s
        self._context = multiprocessing.get_context("spawn")
        self._slots: list[_Slot] = []
        self._num_failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for slot in self._slots:
            self._stop(slot)
        self._slots.clear()

    @property
    def num_free(self) -> int:
        """Workers that can take a job now; processes are started when they are first needed."""
        return self._num_workers - sum(slot.job is not None for slot in self._slots)

    def submit(self, job: Job, folder: Path) -> None:
        """Start a job on a free worker."""
        for slot in [slot for slot in self._slots if slot.job is None and not slot.process.is_alive()]:
            self._stop(slot)  # it ended between two jobs
            self._slots.remove(slot)
        slot = next((slot for slot in self._slots if slot.job is None), None) or self._start()
        slot.job, slot.started = job, time.monotonic()
        with suppress(OSError):  # a process that died since its last job is noticed by wait
            slot.connection.send((job, folder))

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Jobs that ended, died or took too long.

        Raises:
            RenderError: ``render.no_worker`` when processes keep ending before they can take a job.
        """
        busy = [slot for slot in self._slots if slot.job is not None]
        deadlines = [slot.started + slot.limit_s(self._timeout_s) - time.monotonic() for slot in busy]
        wait([slot.connection for slot in busy], max(0.0, min([timeout_s, *deadlines])))
        outcomes = [outcome for slot in busy if (outcome := self._outcome(slot)) is not None]
        self._slots = [slot for slot in self._slots if slot.process.pid is not None and not slot.connection.closed]
        return outcomes

    def _outcome(self, slot: _Slot) -> Outcome | None:
        job = slot.job
        assert job is not None  # noqa: S101 - only busy slots are asked
        wall_s = time.monotonic() - slot.started
        try:
            if slot.connection.poll():
                outcome: Outcome | None = slot.connection.recv()
                if outcome is None:  # the process has started
                    slot.is_ready, slot.started, self._num_failed_starts = True, time.monotonic(), 0
                    return None
                slot.job = None
                return outcome
        except (EOFError, OSError):
            self._stop(slot)
            if not slot.is_ready:
                self._note_failed_start(slot.process.exitcode)
            message = f"the worker process ended (status {slot.process.exitcode}) during this job"
            return Outcome(job.key, Failure("batch.died", message, may_pass=True), wall_s)
        if wall_s > slot.limit_s(self._timeout_s):
            self._stop(slot)
            message = f"took over {slot.limit_s(self._timeout_s):g} s and was stopped"
            return Outcome(job.key, Failure("batch.timeout", message, may_pass=True), wall_s)
        return None

    def _note_failed_start(self, status: int | None) -> None:
        self._num_failed_starts += 1
        if self._num_failed_starts >= MAX_FAILED_STARTS:
            raise RenderError(
                "render.no_worker",
                f"{self._num_failed_starts} worker processes in a row ended (status {status}) before they could take a job; "
                "a script that runs jobs must guard its main part with if __name__ == '__main__'",
            )

    def _start(self) -> _Slot:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._make_worker), daemon=True)
        with _environment(dict.fromkeys(THREAD_VARIABLES, str(self._num_threads))):
            process.start()
        theirs.close()
        slot = _Slot(process, ours)
        self._slots.append(slot)
        return slot

    def _stop(self, slot: _Slot) -> None:
        if slot.process.pid is not None:
            with suppress(ProcessLookupError):
                os.killpg(slot.process.pid, signal.SIGKILL)  # with whatever the worker started
            with suppress(ProcessLookupError):
                slot.process.kill()
        slot.process.join()
        slot.connection.close()


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Variables that a process started meanwhile inherits; set within the process they would come after numpy's import."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, make_worker: MakeWorker) -> None:
    """The worker's process: render what is asked for until nobody asks any more."""
    os.setsid()  # Ctrl-C in the terminal is the runner's business
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    cache: dict[str, Worker] = {}
    with suppress(OSError):
        connection.send(None)
    while True:
        try:
            job, folder = connection.recv()
            connection.send(execute(make_worker, cache, job, folder))
        except (EOFError, OSError):
            return


def _end_with(parent: int) -> None:
    """A runner that was killed cannot stop its workers, so they watch it."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)
