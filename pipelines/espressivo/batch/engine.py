"""What the runner asks of an engine: take a job, tell how it ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, Protocol, Self

from espressivo.batch.execution import Outcome
from espressivo.batch.jobs import Job
from espressivo.errors import SettingError

__all__ = ["WORKER_MEMORY_BYTES", "Engine", "available_memory_bytes", "choose_num_workers"]

KIBIBYTE: Final = 1024
# Measured peaks of a worker, rounded up: models, landmarker and one render in flight.
WORKER_MEMORY_BYTES: Final = {"plan": 300_000_000, "compose": 600_000_000, "talk": 2_000_000_000, "scene": 2_000_000_000}


class Engine(Protocol):
    """Runs jobs on workers, one in flight each: who dies takes no innocent job along."""

    def __enter__(self) -> Self:
        """Make ready."""

    def __exit__(self, *error: object) -> None:
        """Stop all workers at once."""

    @property
    def num_free(self) -> int:
        """Workers that can take a job now."""

    def submit(self, job: Job, folder: Path) -> None:
        """Start a job on a free worker; results go to an existing, empty folder."""

    def wait(self, timeout_s: float) -> list[Outcome]:
        """Jobs that ended, waiting at most so long for the first."""


def choose_num_workers(asked: int | None, kinds: set[str]) -> int:
    """As many workers as cores and memory allow.

    Args:
        asked: What the user wants; ``None`` chooses.
        kinds: Kinds of jobs to run, which decide how much memory a worker needs.

    Raises:
        SettingError: ``setting.workers``.
    """
    cores = len(os.sched_getaffinity(0))
    if asked is not None:
        if not 1 <= asked <= 1024:
            raise SettingError("setting.workers", f"{asked} workers asked for; accepted: 1 to 1024")
        return asked
    needed = max(WORKER_MEMORY_BYTES[kind] for kind in kinds)
    return max(1, min(cores, available_memory_bytes() // needed))


def available_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that programs may still take: what the kernel could free, within what the container is allowed (cgroup v2).

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    fields = (line.split() for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines())
    available = next(int(size) * KIBIBYTE for name, size, *_ in fields if name == "MemAvailable:")
    group = root / "sys/fs/cgroup"
    limit = group / "memory.max"
    if not limit.is_file() or (allowed := limit.read_text(encoding="ascii").strip()) == "max":
        return available
    return min(available, max(0, int(allowed) - int((group / "memory.current").read_text(encoding="ascii"))))
