"""How far a batch run can be trusted, and what it costs beside the rendering itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.jobs import Job, build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.batch.pipeline_worker import PipelineWorker
from espressivo.batch.runner import BatchEvent, BatchOptions, run_jobs
from espressivo.batch.store import Store
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.evaluation.fuzzing import fuzz_readers
from espressivo.seeds import numpy_generator

__all__ = ["evaluate"]

WARM_UP_JOBS: Final = 5
MEBIBYTE: Final = 1024 * 1024
WORDS: Final = ("joy", "fear", "sadness", "awe", "anger turning to relief")


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """Measure overhead, throughput, memory, resuming and the robustness of the readers.

    Args:
        data: Not needed; the jobs are made here.
        quick: Fewer jobs, kills and inputs.
    """
    del data
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *_costs(folder, num_jobs=60 if quick else 2000, num_alone=2 if quick else 5),
            _resuming(folder, num_jobs=24 if quick else 200, num_kills=2 if quick else 50),
            *_robustness(folder, seconds=8.0 if quick else 300.0),
        ]


def _jobs(folder: Path, name: str, num_jobs: int) -> tuple[Path, list[Job]]:
    """Small real jobs: plans of two seconds."""
    path = folder / f"{name}.jsonl"
    rows = ({"kind": "plan", "emotion": WORDS[n % len(WORDS)], "duration_s": 2, "seed": n} for n in range(num_jobs))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    jobs, _ = build_jobs(read_manifest(path), folder, run_seed=0)
    return path, jobs


def _costs(folder: Path, *, num_jobs: int, num_alone: int) -> list[Figure]:
    manifest, jobs = _jobs(folder, "costs", num_jobs)
    ends, walls, peaks = _timed(jobs, folder / "one", num_workers=1)
    two_ends, _, _ = _timed(jobs, folder / "two", num_workers=2)
    overheads_ms = (np.diff(ends) - walls[1:])[WARM_UP_JOBS:] * 1000
    rate, rate_of_two = _rate(ends), _rate(two_ends)
    alone_s = _alone_s(manifest.parent, num_alone)
    growth = (peaks[-1] - peaks[min(20, len(peaks) // 2)]) / MEBIBYTE
    what = f"{num_jobs} plans of 2 s, one worker process on this machine"
    single = "one run; no interval"
    return [
        Figure(
            "batch.overhead_per_job", float(overheads_ms.mean()), "ms", "lower", 50.0, bootstrap_interval(overheads_ms.tolist()),
            {}, f"{what}; time between two results minus the worker's; no peer was run",
        ),
        Figure(
            "batch.jobs_per_minute", rate, "1/min", "higher", None, None, {"a command per job": 60 / alone_s},
            f"{what}, after start-up; baseline: `espressivo plan` {num_alone} times; {single}",
        ),
        Figure(
            "batch.speed_up_of_two_workers", rate_of_two / rate, "", "higher", None, None, {"one worker": 1.0},
            f"{what}; depends on what else the machine does; {single}",
        ),
        Figure(
            "batch.runner_limit", 60_000 / float(overheads_ms.mean()), "1/min", "higher", None, None, {},
            "derived: 60,000 ms / overhead; so many workers with jobs of a minute one runner could feed; each shard has a runner",
        ),
        Figure(
            "batch.memory_growth", float(growth), "MB", "lower", 20.0, None, {},
            f"{what}; peak of the worker at the end minus early on; {single}",
        ),
    ]  # fmt: skip


def _timed(jobs: Sequence[Job], root: Path, *, num_workers: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Moments at which results came, seconds in the worker, peaks of its memory."""
    ends: list[float] = []
    walls: list[float] = []
    peaks: list[int] = []

    def note(event: BatchEvent) -> None:
        if event.event == "done" and event.outcome is not None:
            ends.append(time.perf_counter())
            walls.append(event.outcome.wall_s)
            peaks.append(event.outcome.peak_memory_bytes)

    run_jobs(jobs, Store(root), LocalEngine(PipelineWorker, num_workers=num_workers), BatchOptions(max_attempts=1), note)
    return np.array(ends), np.array(walls), peaks


def _rate(ends: np.ndarray) -> float:
    """Results a minute once the workers are warm."""
    warm = ends[WARM_UP_JOBS:]
    return float(60 * (len(warm) - 1) / (warm[-1] - warm[0]))


def _alone_s(folder: Path, times: int) -> float:
    """Seconds of a plan by a command of its own."""
    started = time.perf_counter()
    for index in range(times):
        command = [
            sys.executable,
            "-m",
            "espressivo",
            "plan",
            "--emotion",
            "joy",
            "--duration",
            "2",
            "-o",
            str(folder / f"{index}.json"),
        ]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command line
    return (time.perf_counter() - started) / times


def _resuming(folder: Path, *, num_jobs: int, num_kills: int) -> Figure:
    manifest, jobs = _jobs(folder, "resuming", num_jobs)
    undisturbed, store = Store(folder / "undisturbed"), Store(folder / "killed")
    options = BatchOptions(max_attempts=1)
    run_jobs(jobs, undisturbed, LocalEngine(PipelineWorker, num_workers=2), options)
    store.prepare()
    random = numpy_generator(0, "evaluation", "kills")
    for _ in range(num_kills):
        _kill_once(manifest, store, int(random.integers(1, max(2, num_jobs // num_kills))))
    run_jobs(jobs, store, LocalEngine(PipelineWorker, num_workers=2), options)
    same = [_contents(store, job) == _contents(undisturbed, job) for job in jobs]
    source = (
        f"{num_jobs} jobs on two workers, runner killed {num_kills} times by SIGKILL, then resumed; compared with a run in peace"
    )
    return Figure(
        "batch.identical_after_kills",
        float(np.mean(same)),
        "",
        "higher",
        1.0,
        None,
        {},
        f"{source}; every job is checked, so no interval",
    )


def _kill_once(manifest: Path, store: Store, num_more: int) -> None:
    """Start the command, kill it when some more jobs are done."""
    records = store.root / "records"
    aim = len(list(records.iterdir())) + num_more
    command = [
        sys.executable,
        "-m",
        "espressivo",
        "batch",
        "run",
        str(manifest),
        "-o",
        str(store.root),
        "--workers",
        "2",
        "--quiet",
    ]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL)  # noqa: S603 - our own command line
    while len(list(records.iterdir())) < aim and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _contents(store: Store, job: Job) -> dict[str, bytes]:
    root = store.object_path(job.key)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _robustness(folder: Path, *, seconds: float) -> list[Figure]:
    result = fuzz_readers(folder, seconds=seconds)
    source = (
        f"{result.num_inputs} damaged files in {seconds:g} s: {', '.join(f'{n} {kind}' for kind, n in result.per_kind.items())}"
    )
    return [
        Figure(
            "media.untyped_errors", float(result.num_untyped), "", "lower", 0.0, None, {}, f"{source}; a count, so no interval"
        ),
        Figure("media.slowest_input", result.slowest_s, "s", "lower", 1.0, None, {}, f"{source}; a maximum, so no interval"),
    ]
