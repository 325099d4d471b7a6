"""Runs jobs through an engine until each is done or given up, whatever happens in between."""

from __future__ import annotations

import heapq
import json
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, TextIO

from espressivo.batch.engine import Engine
from espressivo.batch.execution import Outcome
from espressivo.batch.jobs import Job
from espressivo.batch.store import JobRecord, State, Store
from espressivo.errors import Cancelled, EncodeError
from espressivo.media.atomic import encode_error

__all__ = ["BatchEvent", "BatchOptions", "BatchSummary", "EventCallback", "plan_run", "run_jobs"]

POLL_S: Final = 0.5
NO_ROOM: Final = "encode.disk_full"
# So many attempts in a row without room are no fault of the jobs: going on would only fail the rest of the night's work.
MAX_ATTEMPTS_WITHOUT_ROOM: Final = 6


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """How a run goes about its jobs.

    Attributes:
        max_attempts: Attempts at a job whose failure may pass (a dead worker, a full disk); unusable input gets one.
        backoff_s: Pause before the second attempt, doubled each time.
        retry_failed: Try again what failed in earlier runs; what failed for want of room on the disk always is.
        force: Render again what is done.
        shard: ``(i, n)`` when this run is part ``i`` of ``n``.
    """

    max_attempts: int = 3
    backoff_s: float = 0.5
    retry_failed: bool = False
    force: bool = False
    shard: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class BatchEvent:
    """Something that happened: ``started``, ``done``, ``retried``, ``failed`` or ``quarantined``."""

    event: str
    job: Job
    outcome: Outcome | None
    num_settled: int
    num_jobs: int


EventCallback = Callable[[BatchEvent], None]


@dataclass(slots=True)
class BatchSummary:
    """How a run ended.

    Attributes:
        num_jobs: Jobs of the run, each key counted once.
        num_cached: Of them, done before.
        num_skipped: Of them, failed before and not tried again.
        states: Of those tried now, by state.
        codes: Errors of those that failed, by code, earlier runs included.
        wall_s: Seconds.
        interrupted: Whether it was stopped.
    """

    num_jobs: int
    num_cached: int = 0
    num_skipped: int = 0
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    wall_s: float = 0.0
    interrupted: bool = False

    @property
    def exit_status(self) -> int:
        """0 all done, 3 some failed, 130 interrupted."""
        if self.interrupted:
            return 130
        return 3 if self.num_skipped or self.states["failed"] or self.states["quarantined"] else 0


def plan_run(jobs: Sequence[Job], store: Store, options: BatchOptions) -> tuple[list[Job], BatchSummary]:
    """What is left to do. Jobs with the same key are rendered once.

    Returns:
        The jobs to run, in order, and a summary that counts the others.
    """
    unique = list({job.key: job for job in reversed(jobs)}.values())[::-1]
    summary = BatchSummary(len(unique))
    pending = []
    for job in unique:
        record = store.read_record(job.key)
        if options.force:
            pending.append(job)
        elif store.is_complete(job.key):
            summary.num_cached += 1
        elif record is not None and record.state != "done" and record.code != NO_ROOM and not options.retry_failed:
            summary.num_skipped += 1
            summary.codes[record.code or ""] += 1
        else:
            pending.append(job)
    return pending, summary


def run_jobs(
    jobs: Sequence[Job], store: Store, engine: Engine, options: BatchOptions, on_event: EventCallback | None = None
) -> BatchSummary:
    """Run what is left of some jobs. Calling it again continues where it was stopped, by whatever means.

    The first Ctrl-C lets jobs in flight finish, the second stops them.

    Args:
        jobs: From :func:`espressivo.batch.jobs.build_jobs`.
        store: The run folder.
        engine: Not yet entered.
        options: How to go about it.
        on_event: Called for every event.

    Raises:
        ManifestError: ``manifest.locked``.
        EncodeError: A record cannot be written, or attempt after attempt finds the disk full; jobs in flight are lost, what is
            recorded stays.
    """
    store.prepare()
    with store.locked(options.shard):
        pending, summary = plan_run(jobs, store, options)
        started = time.monotonic()
        with store.workshop() as workshop, _stop_signals() as stop, store.events_path.open("a", encoding="utf-8") as events:
            run = _Run(store, workshop, options, summary, events, on_event)
            waiting = {job.key for job in pending}
            run.adopt(job for job in jobs if job.key not in waiting)
            try:
                with engine:
                    run.drive(engine, pending, stop)
            except Cancelled:
                summary.interrupted = True
        summary.interrupted |= stop.is_set()
        for job in jobs:
            if store.object_path(job.key).exists():
                store.link(job.name, job.key)
        summary.wall_s = time.monotonic() - started
    return summary


class _Run:
    """The state of one run."""

    def __init__(
        self,
        store: Store,
        workshop: Path,
        options: BatchOptions,
        summary: BatchSummary,
        events: TextIO,
        on_event: EventCallback | None,
    ) -> None:
        self._store = store
        self._workshop = workshop
        self._options = options
        self._summary = summary
        self._events = events
        self._on_event = on_event
        self._attempts: Counter[str] = Counter()
        self._in_flight: dict[str, tuple[Job, Path]] = {}
        self._resting: list[tuple[float, str, Job]] = []
        self._num_without_room = 0
        self._num_settled = summary.num_cached + summary.num_skipped

    def adopt(self, settled: Iterable[Job]) -> None:
        """Note as done what a runner published and then died before noting."""
        for job in settled:
            record = self._store.read_record(job.key)
            if (record is None or record.state != "done") and self._store.object_path(job.key).exists():
                self._note(job, Outcome(job.key, None, 0.0), "done")

    def drive(self, engine: Engine, pending: Sequence[Job], stop: threading.Event) -> None:
        """Keep the workers busy until nothing is left, or until told to stop."""
        queue = deque(pending)
        while self._in_flight or ((queue or self._resting) and not stop.is_set()):
            while self._resting and self._resting[0][0] <= time.monotonic():
                queue.append(heapq.heappop(self._resting)[2])
            while queue and engine.num_free and not stop.is_set():
                self._submit(engine, queue.popleft())
            if not self._in_flight:
                stop.wait(min(POLL_S, max(0.0, self._resting[0][0] - time.monotonic())) if self._resting else 0.0)
                continue
            for outcome in engine.wait(POLL_S):
                self._settle(outcome)

    def _submit(self, engine: Engine, job: Job) -> None:
        self._attempts[job.key] += 1
        folder = self._workshop / f"{job.key}.{self._attempts[job.key]}"
        folder.mkdir()
        self._in_flight[job.key] = job, folder
        self._tell("started", job, None)
        engine.submit(job, folder)

    def _settle(self, outcome: Outcome) -> None:
        job, folder = self._in_flight.pop(outcome.key)
        self._note_room(outcome)
        attempts = self._attempts[job.key]
        if outcome.failure is None:
            self._store.publish(job.key, folder)
            self._finish(job, outcome, "done")
        elif outcome.failure.may_pass and attempts < self._options.max_attempts:
            rested = time.monotonic() + self._options.backoff_s * 2 ** (attempts - 1)
            heapq.heappush(self._resting, (rested, job.key, job))
            self._tell("retried", job, outcome)
        else:
            self._finish(job, outcome, "quarantined" if outcome.failure.may_pass else "failed")

    def _note_room(self, outcome: Outcome) -> None:
        has_room = outcome.failure is None or outcome.failure.code != NO_ROOM
        self._num_without_room = 0 if has_room else self._num_without_room + 1
        if self._num_without_room >= MAX_ATTEMPTS_WITHOUT_ROOM:
            raise EncodeError(
                NO_ROOM,
                f"{self._num_without_room} attempts in a row found no room; free some space and run the same command again",
            )

    def _finish(self, job: Job, outcome: Outcome, state: State) -> None:
        self._note(job, outcome, state)
        self._num_settled += 1
        self._summary.states[state] += 1
        if outcome.failure is not None:
            self._summary.codes[outcome.failure.code] += 1
        self._tell(state, job, outcome)

    def _note(self, job: Job, outcome: Outcome, state: State) -> None:
        failure = outcome.failure
        self._store.write_record(
            JobRecord(
                key=job.key,
                name=job.name,
                kind=job.spec.kind,
                state=state,
                attempts=self._attempts[job.key],
                seed=job.seed,
                code=failure and failure.code,
                message=failure and failure.message,
                stage=failure and failure.stage,
                traceback=failure and failure.traceback,
                wall_s=round(outcome.wall_s, 4),
                stage_seconds={stage: round(seconds, 4) for stage, seconds in outcome.stage_seconds.items()},
                peak_memory_bytes=outcome.peak_memory_bytes,
                finished_unix_s=round(time.time(), 3),
            )
        )

    def _tell(self, event: str, job: Job, outcome: Outcome | None) -> None:
        line: dict[str, Any] = {"event": event, "key": job.key, "name": job.name, "unix_s": round(time.time(), 3)}
        if outcome is not None:
            line["wall_s"] = round(outcome.wall_s, 4)
            line |= {"code": outcome.failure.code, "message": outcome.failure.message} if outcome.failure else {}
        try:
            self._events.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._events.flush()
        except OSError as error:
            raise encode_error(error, self._store.events_path) from error
        if self._on_event is not None:
            self._on_event(BatchEvent(event, job, outcome, self._num_settled, self._summary.num_jobs))


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second raises :class:`Cancelled`."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if stop.is_set():
            raise Cancelled
        stop.set()

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
