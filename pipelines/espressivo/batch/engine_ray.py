"""Workers as actors of Ray, on this machine or on a cluster that shares the run folder and the inputs.

Needs the extra ``espressivo[ray]``. Without an address a private Ray is started on this machine and stopped at the end.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from espressivo.batch.execution import Failure, MakeWorker, Outcome, Worker, execute
from espressivo.batch.jobs import Job
from espressivo.errors import SettingError

__all__ = ["RayEngine"]

THREADS_PER_WORKER: Final = 1


@dataclass(slots=True)
class _Slot:
    """One actor and what it is doing."""

    actor: Any
    job: Job
    is_up: Any
    reference: Any
    submitted: float
    started: float | None = None


class RayEngine:
    """Actors with one call in flight each: an actor that dies takes no queued jobs along.

    Args:
        make_worker: Importable function without arguments; called once in each actor.
        num_workers: Actors.
        timeout_s: A job that takes longer, start of its actor not counted, is killed with its actor.
        address: Of a running cluster, e.g. ``"auto"``; ``None`` starts Ray here.
        gpus_per_worker: Share of a GPU that an actor reserves.
    """

    def __init__(
        self,
        make_worker: MakeWorker,
        *,
        num_workers: int,
        timeout_s: float | None = None,
        address: str | None = None,
        gpus_per_worker: float = 0.0,
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise SettingError("setting.engine", "Ray is not installed; install espressivo[ray] or use --engine local") from error
        self._ray: Any = ray
        self._make_worker = make_worker
        self._num_workers = num_workers
        self._timeout_s = timeout_s
        self._address = address
        self._gpus = gpus_per_worker
        self._busy: list[_Slot] = []
        self._idle: list[Any] = []

    def __enter__(self) -> Self:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # Ray would report its use over the network
        environment = {"PYTHONPATH": os.pathsep.join(_import_path()), "OMP_NUM_THREADS": str(THREADS_PER_WORKER)}
        local = {} if self._address else {"num_cpus": self._num_workers, "include_dashboard": False}
        self._ray.init(
            address=self._address,
            log_to_driver=False,
            configure_logging=False,
            runtime_env={"env_vars": environment},
            **local,
        )
        return self

    def __exit__(self, *error: object) -> None:
        for actor in [*self._idle, *(slot.actor for slot in self._busy)]:
            self._ray.kill(actor)
        self._busy.clear()
        self._idle.clear()
        self._ray.shutdown()

    @property
    def num_free(self) -> int:
        """Workers that can take a job now; actors are made when they are first needed."""
        return self._num_workers - len(self._busy)

    def submit(self, job: Job, folder: Path) -> None:
        """Start a job on a free actor."""
        if self._idle:
            actor = self._idle.pop()
        else:
            actor = self._ray.remote(num_cpus=1, num_gpus=self._gpus, max_restarts=0)(_Actor).remote(self._make_worker)
        is_up = actor.is_up.remote()
        self._busy.append(_Slot(actor, job, is_up, actor.run.remote(job, folder.absolute()), time.monotonic()))

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Jobs that ended, died or took too long."""
        ready, _ = self._ray.wait([slot.reference for slot in self._busy], num_returns=1, timeout=timeout_s)
        outcomes = []
        for slot in list(self._busy):
            outcome = self._outcome(slot, is_ready=slot.reference in ready)
            if outcome is not None:
                outcomes.append(outcome)
                self._busy.remove(slot)
        return outcomes

    def _outcome(self, slot: _Slot, *, is_ready: bool) -> Outcome | None:
        if slot.started is None and self._ray.wait([slot.is_up], timeout=0)[0]:
            slot.started = time.monotonic()
        wall_s = time.monotonic() - (slot.started or slot.submitted)
        if is_ready:
            try:
                outcome: Outcome = self._ray.get(slot.reference)
            except self._ray.exceptions.RayError as error:
                self._ray.kill(slot.actor)
                message = f"the worker actor ended during this job ({type(error).__name__})"
                return Outcome(slot.job.key, Failure("batch.died", message, may_pass=True), wall_s)
            self._idle.append(slot.actor)
            return outcome
        if self._timeout_s is not None and slot.started is not None and wall_s > self._timeout_s:
            self._ray.kill(slot.actor)
            message = f"took over {self._timeout_s:g} s and was stopped"
            return Outcome(slot.job.key, Failure("batch.timeout", message, may_pass=True), wall_s)
        return None


class _Actor:
    """A worker's process under Ray."""

    def __init__(self, make_worker: MakeWorker) -> None:
        self._make_worker = make_worker
        self._cache: dict[str, Worker] = {}

    def is_up(self) -> bool:
        """Answers when the process has started."""
        return True

    def run(self, job: Job, folder: Path) -> Outcome:
        """Render a job into a folder that both machines see."""
        return execute(self._make_worker, self._cache, job, folder)


def _import_path() -> list[str]:
    """Where this process imports from, for actors started elsewhere on the same machine or file system."""
    import sys

    return [entry for entry in sys.path if entry and Path(entry).is_dir()]
