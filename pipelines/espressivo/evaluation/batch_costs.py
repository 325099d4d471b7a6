"""What the batch runner costs beside the rendering, and what it saves against a command per job."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from espressivo.resources import example_path

__all__ = ["measure_costs", "measure_rendering", "plan_jobs"]

WARM_UP_JOBS: Final = 5
MEBIBYTE: Final = 1024 * 1024
WORDS: Final = ("joy", "fear", "sadness", "awe", "anger turning to relief")
CLIP_S: Final = 2
CLIP_SIZE: Final = 256
WORKERS_PER_MACHINE: Final = 2
SINGLE: Final = "one run; no interval"


def plan_jobs(folder: Path, name: str, num_jobs: int) -> tuple[Path, list[Job]]:
    """Small real jobs: plans of two seconds."""
    rows: list[dict[str, object]] = [
        {"kind": "plan", "emotion": WORDS[n % len(WORDS)], "duration_s": 2, "seed": n} for n in range(num_jobs)
    ]
    return _built(folder / f"{name}.jsonl", rows, folder)


def _built(path: Path, rows: Sequence[dict[str, object]], root: Path) -> tuple[Path, list[Job]]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    jobs, mistakes = build_jobs(read_manifest(path), root, run_seed=0)
    assert not mistakes, mistakes  # noqa: S101 - rows written just above
    return path, jobs


@dataclass(slots=True)
class _Timed:
    """A run: moments at which results came, seconds in the worker, peaks of its memory, and the whole of it."""

    ends: list[float]
    walls: list[float]
    peaks: list[int]
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def rate(self) -> float:
        """Results a minute once the workers are warm."""
        warm = self.ends[WARM_UP_JOBS:]
        return 60 * (len(warm) - 1) / (warm[-1] - warm[0])


def _timed(jobs: Sequence[Job], root: Path, *, num_workers: int) -> _Timed:
    seen = _Timed([], [], [])

    def note(event: BatchEvent) -> None:
        if event.event == "done" and event.outcome is not None:
            seen.ends.append(time.perf_counter())
            seen.walls.append(event.outcome.wall_s)
            seen.peaks.append(event.outcome.peak_memory_bytes)

    with _children() as spent:
        run_jobs(jobs, Store(root), LocalEngine(PipelineWorker, num_workers=num_workers), BatchOptions(max_attempts=1), note)
    seen.wall_s, seen.cpu_s = spent
    return seen


@contextmanager
def _children() -> Iterator[list[float]]:
    """Wall seconds, and CPU seconds of the processes that began and ended within, filled in at the end."""
    spent = [0.0, 0.0]
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    yield spent
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    spent[:] = [time.perf_counter() - started, cpu_s]


def _alone(commands: Sequence[Sequence[str]]) -> tuple[float, float]:
    """Wall and CPU seconds of a command of its own for each job, on average."""
    with _children() as spent:
        for command in commands:
            subprocess.run([sys.executable, "-m", "espressivo", *command], check=True, capture_output=True)  # noqa: S603 - our own command line
    return spent[0] / len(commands), spent[1] / len(commands)


def measure_costs(folder: Path, *, num_jobs: int, num_alone: int) -> list[Figure]:
    """Overhead, rate and memory over many tiny jobs.

    Args:
        folder: For the runs.
        num_jobs: Plans in a run; there are two runs.
        num_alone: Plans made by a command each, for comparison.
    """
    _, jobs = plan_jobs(folder, "costs", num_jobs)
    one, two = (_timed(jobs, folder / f"costs{n}", num_workers=n) for n in (1, 2))
    overheads_ms = (np.diff(one.ends) - one.walls[1:])[WARM_UP_JOBS:] * 1000
    command = ("plan", "--emotion", "joy", "--duration", "2", "-o")
    alone_s, _ = _alone([(*command, str(folder / f"alone{n}.json")) for n in range(num_alone)])
    growth = (one.peaks[-1] - one.peaks[min(20, len(one.peaks) // 2)]) / MEBIBYTE
    what = f"{num_jobs} plans of 2 s, one worker process on this machine"
    return [
        Figure(
            "batch.overhead_per_job", float(overheads_ms.mean()), "ms", "lower", 50.0, bootstrap_interval(overheads_ms.tolist()),
            {}, f"{what}; time between two results minus the worker's; no peer was run",
        ),
        Figure(
            "batch.jobs_per_minute", one.rate, "1/min", "higher", None, None, {"a command per job": 60 / alone_s},
            f"{what}, after start-up; baseline: `espressivo plan` {num_alone} times; {SINGLE}",
        ),
        Figure(
            "batch.speed_up_of_two_workers", two.rate / one.rate, "", "higher", None, None, {"one worker": 1.0},
            f"{what}: tiny jobs, so that the runner's own work limits it; depends on what else the machine does; {SINGLE}",
        ),
        Figure(
            "batch.memory_growth", growth, "MB", "lower", 20.0, None, {},
            f"{what}; peak of the worker at the end minus after 20 jobs; {SINGLE}",
        ),
    ]  # fmt: skip


def measure_rendering(folder: Path, *, num_clips: int, num_alone: int, overhead_ms: float) -> list[Figure]:
    """Clips a minute against a plain loop over the command line, and what that plans for larger parks.

    Args:
        folder: For the runs.
        num_clips: Talking heads in a run; there are two runs.
        num_alone: Talking heads made by a command each.
        overhead_ms: Of the runner, per job.
    """
    portrait = example_path("portrait.png")
    rows: list[dict[str, object]] = [
        {
            "kind": "talk", "portrait": portrait.name, "consent": "synthetic_person", "emotion": WORDS[n % len(WORDS)],
            "duration_s": CLIP_S, "seed": n, "settings": {"size": CLIP_SIZE},
        }
        for n in range(num_clips)
    ]  # fmt: skip
    _, jobs = _built(folder / "clips.jsonl", rows, portrait.parent)
    one, two = (_timed(jobs, folder / f"clips{n}", num_workers=n) for n in (1, 2))
    command = ("talk", "-p", str(portrait), "--consent", "synthetic_person", "--duration", str(CLIP_S), "--size", str(CLIP_SIZE))
    alone_s, alone_cpu_s = _alone(
        [(*command, "-e", WORDS[n % len(WORDS)], "--seed", str(n), "-o", str(folder / f"alone{n}.mp4")) for n in range(num_alone)]
    )
    what = f"{num_clips} talking heads of {CLIP_S} s at {CLIP_SIZE} px, start-up included"
    loop = f"baseline: `espressivo talk` {num_alone} times in the same run"
    per_minute = 60 * num_clips / one.wall_s
    return [
        Figure(
            "batch.clips_per_minute", per_minute, "1/min", "higher", None, None, {"a command per clip": 60 / alone_s},
            f"{what}, one worker; {loop}; {SINGLE}",
        ),
        Figure(
            "batch.cpu_per_clip", one.cpu_s / num_clips, "s", "lower", None, None, {"a command per clip": alone_cpu_s},
            f"{what}, one worker; {loop}; CPU time, so hardly touched by what else the machine does; {SINGLE}",
        ),
        Figure(
            "batch.clip_speed_up_of_two_workers", one.wall_s / two.wall_s, "", "higher", None, None, {"one worker": 1.0},
            f"{what}; one worker draws and encodes on two cores already; {SINGLE}",
        ),
        *_planning(two.wall_s / num_clips, overhead_ms / 1000, what),
    ]  # fmt: skip


def _planning(machine_clip_s: float, overhead_s: float, what: str) -> list[Figure]:
    """Clips an hour of 10 and 100 machines like this one with two workers each.

    With shards every machine has its own runner; with Ray one runner feeds all and cannot hand out more than a job per overhead.
    """
    figures = []
    for num_machines in (10, 100):
        shards = num_machines * 3600 / (machine_clip_s + overhead_s)
        ray = min(num_machines * 3600 / machine_clip_s, 3600 / overhead_s)
        figures.append(
            Figure(
                f"batch.clips_per_hour_of_{num_machines}_machines", shards, "1/h", "higher", None, None,
                {"one Ray runner": ray, "perfect": num_machines * 3600 / machine_clip_s},
                f"derived, not run: {machine_clip_s:.2f} s a clip of a machine with {WORKERS_PER_MACHINE} workers ({what}) and "
                f"{overhead_s * 1000:.0f} ms of runner a job; a shard a machine; the shared file system is taken to keep up",
            )
        )  # fmt: skip
    return figures
