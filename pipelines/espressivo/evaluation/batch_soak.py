"""A rough time for the batch runner: killed, interrupted, without room on the disk, its store gnawed at, over and over.

Whatever happens, no half result may ever be published; and a run in peace afterwards must end where a run that was never
disturbed ends, byte for byte.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.jobs import Job, build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.batch.runner import BatchOptions, run_jobs
from espressivo.batch.store import Store
from espressivo.evaluation.batch_worker import INNOCENT, RehearsalWorker
from espressivo.seeds import numpy_generator

__all__ = ["SoakResult", "contents", "rehearsal_jobs", "soak"]

# One job in ten is poison: unusable input, a crash, a hang; one in ten dies at its first attempt.
MISCHIEF: Final = ("bad", "once", "bad", "once", "crash", "once", "bad", "once", "hang", "once")
# Far above what a quick job takes even where many programs share a core.
TIMEOUT_S: Final = 10.0
# A run folder on a file system smaller than this is filled for real; elsewhere the size of files is limited.
SMALL_DISK_BYTES: Final = 512 * 1024 * 1024
FILE_LIMITS_BYTES: Final = (100, 400, 2000)
FREE_PAGES_LEFT: Final = 3
PAGE: Final = 4096
PATIENCE_S: Final = 60.0
POLL_S: Final = 0.01
HOUR_S: Final = 3600.0


@dataclass(slots=True)
class SoakResult:
    """What a soak came to.

    Attributes:
        num_jobs: Jobs of the manifest.
        seconds: How long it was disturbed.
        episodes: Disturbances by kind.
        num_half_results: Results found in place that were not complete though nobody had touched them.
        num_intruders: Runners that were not turned away from a folder in use.
        wrong: Jobs that did not end as they should, with how they ended.
        different: Names of jobs whose bytes differ from those of the undisturbed run.
        leftovers: What still lay in the folder for work in progress.
    """

    num_jobs: int
    seconds: float
    episodes: Counter[str] = field(default_factory=Counter)
    num_half_results: int = 0
    num_intruders: int = 0
    wrong: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)


def rehearsal_jobs(folder: Path, num_jobs: int) -> tuple[Path, list[Job]]:
    """A manifest of quick jobs of which one in ten is poison and one in ten dies at its first attempt."""
    names = [f"{'slow' if n % 5 else MISCHIEF[n // 5 % len(MISCHIEF)]}-{n}" for n in range(num_jobs)]
    path = folder / "rehearsal.jsonl"
    rows = ({"kind": "plan", "emotion": "joy", "seed": n, "id": name} for n, name in enumerate(names))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path, build_jobs(read_manifest(path), folder, run_seed=0)[0]


def contents(store: Store, job: Job) -> dict[str, bytes]:
    """All files of a result with their bytes, seal included."""
    root = store.object_path(job.key)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def soak(folder: Path, *, seconds: float, num_jobs: int, seed: int = 0) -> SoakResult:
    """Disturb a run for some time, then let it finish and look.

    Args:
        folder: Empty folder; the run folder is made in it. On a small file system (a tmpfs of some MB) the disk is really
            filled at times; elsewhere writing is refused by a limit on the size of files.
        seconds: How long it is disturbed.
        num_jobs: Jobs of the manifest.
        seed: Of the disturbances.
    """
    manifest, jobs = rehearsal_jobs(folder, num_jobs)
    trouble = _Trouble(manifest, jobs, Store(folder / "run"), numpy_generator(seed, "evaluation", "soak"))
    result = SoakResult(num_jobs, seconds, trouble.episodes)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        trouble.episode()
        result.num_half_results += trouble.num_half_results()
        trouble.gnaw()
    result.num_intruders = trouble.num_intruders
    store = trouble.store
    finish = BatchOptions(backoff_s=0.01, retry_failed=True)
    run_jobs(jobs, store, LocalEngine(RehearsalWorker, num_workers=2, timeout_s=TIMEOUT_S), finish)
    undisturbed = Store(folder / "undisturbed")
    innocent = [job for job in jobs if _kind(job) in INNOCENT]
    run_jobs(innocent, undisturbed, LocalEngine(RehearsalWorker, num_workers=2), finish)
    result.wrong = [_ending(store, job) for job in jobs if not _ended_well(store, job)]
    result.different = [job.name for job in innocent if contents(store, job) != contents(undisturbed, job)]
    result.leftovers = [path.name for path in (store.root / "work").iterdir()]
    return result


def _kind(job: Job) -> str:
    return job.name.partition("-")[0]


def _ended_well(store: Store, job: Job) -> bool:
    """Innocent jobs are done, unusable input has failed, what crashes or hangs is in quarantine."""
    record = store.read_record(job.key)
    expected = "done" if _kind(job) in INNOCENT else "failed" if _kind(job) == "bad" else "quarantined"
    return record is not None and record.state == expected and store.is_complete(job.key) == (expected == "done")


def _ending(store: Store, job: Job) -> str:
    record = store.read_record(job.key)
    return f"{job.name} {record.state} {record.code or ''}" if record else f"{job.name} without a record"


class _Trouble:
    """What befalls a run folder."""

    def __init__(self, manifest: Path, jobs: list[Job], store: Store, random: np.random.Generator) -> None:
        self.manifest = manifest
        self.jobs = jobs
        self.store = store
        self.episodes: Counter[str] = Counter()
        self.num_intruders = 0
        self._random = random
        self._gnawed: set[str] = set()
        self._disk_is_small = shutil.disk_usage(manifest.parent).total < SMALL_DISK_BYTES
        store.prepare()

    def episode(self) -> None:
        """Start a runner, let it work a little, disturb it; afterwards no process of it is left."""
        kinds: list[Callable[[], None]] = [
            self._kill_runner, self._kill_runner, self._kill_worker, self._interrupt, self._full_disk, self._second_runner,
        ]  # fmt: skip
        kinds[int(self._random.integers(len(kinds)))]()

    def num_half_results(self) -> int:
        """Published results that are not complete, but for those that were gnawed at."""
        return sum(
            self.store.object_path(job.key).exists() and not self.store.is_complete(job.key)
            for job in self.jobs
            if job.key not in self._gnawed
        )

    def gnaw(self) -> None:
        """Damage or remove results and records, and let the clock jump; enough is left to do for the next runner."""
        self._gnawed = {key for key in self._gnawed if not self.store.is_complete(key)}
        published = [job for job in self.jobs if self.store.object_path(job.key).exists()]
        share = 0.5 if len(published) > len(self.jobs) // 2 else 0.03
        for job in published:
            if self._random.random() < share:
                self._gnaw_at(job)
        jump_s = float(self._random.choice([-1, 1])) * self._random.random() * 48 * HOUR_S
        for path in self.store.root.glob("*/*"):
            if self._random.random() < 0.05:
                moment = time.time() + jump_s
                os.utime(path, (moment, moment), follow_symlinks=False)

    def _gnaw_at(self, job: Job) -> None:
        folder, record = self.store.object_path(job.key), self.store.root / "records" / f"{job.key}.json"
        match int(self._random.integers(4)):
            case 0:
                shutil.rmtree(folder)
                record.unlink(missing_ok=True)
                self.episodes["result and record removed"] += 1
            case 1:
                self._gnawed.add(job.key)
                path = folder / "result.txt"
                if path.exists():
                    data = bytearray(path.read_bytes())
                    data[len(data) // 2 :] = b"x"
                    path.write_bytes(bytes(data))
                self.episodes["result damaged"] += 1
            case 2:
                self._gnawed.add(job.key)
                (folder / "object.json").unlink(missing_ok=True)
                self.episodes["seal removed"] += 1
            case _:
                record.write_bytes(b"{")
                self.episodes["record damaged"] += 1

    def _start(self, file_limit: int | None = None) -> subprocess.Popen[bytes]:
        def limited() -> None:
            if file_limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

        command = [sys.executable, "-m", "espressivo.evaluation.batch_worker"]
        command += [str(self.manifest), str(self.store.root), "2", str(TIMEOUT_S)]
        silent = subprocess.DEVNULL
        return subprocess.Popen(command, start_new_session=True, preexec_fn=limited, stdout=silent, stderr=silent)  # noqa: S603 - our own command

    def _let_work(self, process: subprocess.Popen[bytes]) -> None:
        """Until it has begun, and a random moment longer; sometimes not even that."""
        if self._random.random() < 0.9:
            size = _size(self.store.events_path)
            deadline = time.monotonic() + PATIENCE_S
            while _size(self.store.events_path) == size and process.poll() is None and time.monotonic() < deadline:
                time.sleep(POLL_S)
        with suppress(subprocess.TimeoutExpired):
            process.wait(float(self._random.uniform(0.0, 3.0)))

    def _kill_runner(self) -> None:
        process = self._start()
        self._let_work(process)
        process.kill()
        process.wait()
        self.episodes["runner killed"] += 1

    def _kill_worker(self) -> None:
        process = self._start()
        for _ in range(int(self._random.integers(1, 5))):
            self._let_work(process)
            victims = _children_of(process.pid)
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(int(self._random.choice(victims)), signal.SIGKILL)
                self.episodes["worker killed"] += 1
        process.kill()
        process.wait()

    def _interrupt(self) -> None:
        process = self._start()
        self._let_work(process)
        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(float(self._random.uniform(0.1, 2.0)))
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)
        process.kill()
        process.wait()
        self.episodes["interrupted"] += 1

    def _second_runner(self) -> None:
        """Two runners on one folder: the second must be turned away."""
        process = self._start()
        self._let_work(process)
        second = self._start()
        try:
            while second.poll() is None and process.poll() is None:
                time.sleep(POLL_S)
            if process.poll() is None:  # else the folder was free in the end
                self.episodes["second runner turned away"] += 1
                self.num_intruders += second.returncode in {0, 3}
        finally:
            for runner in (second, process):
                runner.kill()
                runner.wait()

    def _full_disk(self) -> None:
        if not self._disk_is_small:
            process = self._start(file_limit=int(self._random.choice(FILE_LIMITS_BYTES)))
            self._let_work(process)
        else:
            process = self._start()
            self._let_work(process)
            ballast = self.manifest.parent / "ballast"
            _fill(ballast)
            self._let_work(process)
            ballast.unlink()
        process.kill()
        process.wait()
        self.episodes["disk full"] += 1


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _fill(path: Path) -> None:
    """Use up the file system but for some pages."""
    with path.open("wb", buffering=0) as file:
        for block in (1024 * PAGE, PAGE):
            with suppress(OSError):
                while file.write(bytes(block)) == block:
                    pass
        file.truncate(max(0, file.tell() - FREE_PAGES_LEFT * PAGE))


def _children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ESRCH}:  # it ended meanwhile
                continue
            raise
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found
