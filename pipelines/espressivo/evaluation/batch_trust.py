"""Whether a batch run comes out the same whatever happens to it and whatever it runs on."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np

from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.pipeline_worker import PipelineWorker
from espressivo.batch.runner import BatchOptions, run_jobs
from espressivo.batch.store import Store
from espressivo.evaluation.batch_costs import plan_jobs
from espressivo.evaluation.batch_soak import contents, rehearsal_jobs
from espressivo.evaluation.batch_worker import INNOCENT, RehearsalWorker
from espressivo.evaluation.figures import Figure
from espressivo.seeds import numpy_generator

__all__ = ["measure_engines", "measure_poison", "measure_resuming"]

ALL_CHECKED: Final = "every job is checked, so no interval"
HANG_LIMIT_S: Final = 3.0
EXPECTED_CODES: Final = {"bad": "image.no_face", "crash": "batch.died", "hang": "batch.timeout"}


def _started(manifest: Path, store: Store, *options: str) -> subprocess.Popen[bytes]:
    """The command line at work on a manifest."""
    command = [sys.executable, "-m", "espressivo", "batch", "run", str(manifest), "-o", str(store.root), "--quiet", *options]
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, start_new_session=True, stdout=silent, stderr=silent)  # noqa: S603 - our own command line


def measure_resuming(folder: Path, *, num_jobs: int, num_kills: int) -> list[Figure]:
    """Kill the command again and again, resume it, compare with a run in peace.

    Args:
        folder: For the runs.
        num_jobs: Plans to make.
        num_kills: SIGKILLs of the runner, each after some more jobs.
    """
    manifest, jobs = plan_jobs(folder, "resuming", num_jobs)
    undisturbed, store = Store(folder / "undisturbed"), Store(folder / "killed")
    options = BatchOptions(max_attempts=1)
    run_jobs(jobs, undisturbed, LocalEngine(PipelineWorker, num_workers=2), options)
    store.prepare()
    random = numpy_generator(0, "evaluation", "kills")
    for _ in range(num_kills):
        _kill_once(manifest, store, int(random.integers(1, max(2, num_jobs // num_kills))))
    run_jobs(jobs, store, LocalEngine(PipelineWorker, num_workers=2), options)
    same = [contents(store, job) == contents(undisturbed, job) for job in jobs]
    source = f"{num_jobs} plans, two workers, runner killed {num_kills} times by SIGKILL and resumed; against a run in peace"
    return [
        Figure("batch.identical_after_kills", float(np.mean(same)), "", "higher", 1.0, None, {}, f"{source}; {ALL_CHECKED}"),
        Figure(
            "batch.done_twice_after_kills", float(_num_repeated(store)), "", "lower", 0.0, None, {}, f"{source}; {ALL_CHECKED}"
        ),
    ]


def _kill_once(manifest: Path, store: Store, num_more: int) -> None:
    """Start the command, kill it when some more jobs are done."""
    records = store.root / "records"
    aim = len(list(records.iterdir())) + num_more
    process = _started(manifest, store, "--workers", "2")
    while len(list(records.iterdir())) < aim and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def _num_repeated(store: Store) -> int:
    """Jobs that were rendered to the end more than once."""
    events = [json.loads(line) for line in store.events_path.read_text(encoding="utf-8").splitlines()]
    return sum(count > 1 for count in Counter(event["key"] for event in events if event["event"] == "done").values())


def measure_engines(folder: Path, *, num_jobs: int, with_ray: bool) -> Figure:
    """The same manifest on one worker, two workers, two shards and Ray must give the same bytes.

    Args:
        folder: For the runs.
        num_jobs: Plans to make.
        with_ray: Also run Ray, where it is installed.
    """
    manifest, jobs = plan_jobs(folder, "engines", num_jobs)
    runs: dict[str, Sequence[Sequence[str]]] = {
        "local(1)": [("--workers", "1")],
        "local(2)": [("--workers", "2")],
        "two shards": [("--workers", "1", "--shard", part) for part in ("1/2", "2/2")],
    }
    if with_ray and find_spec("ray") is not None:
        runs["ray(2)"] = [("--engine", "ray", "--workers", "2")]
    stores = []
    for name, parts in runs.items():
        store = Store(folder / name)
        processes = [_started(manifest, store, *options) for options in parts]
        for process in processes:
            process.wait()
        stores.append(store)
    found = [[contents(store, job) for store in stores] for job in jobs]
    same = [bool(first) and all(other == first for other in others) for first, *others in found]
    without = "" if "ray(2)" in runs else "; Ray was not run"
    source = f"{num_jobs} plans by the command line on {', '.join(runs)}{without}; {ALL_CHECKED}"
    return Figure("batch.identical_across_engines", float(np.mean(same)), "", "higher", 1.0, None, {}, source)


def measure_poison(folder: Path, *, num_jobs: int) -> list[Figure]:
    """A tenth of the jobs is poison: the others must be done, and the records must say why these are not.

    Args:
        folder: For the run.
        num_jobs: Jobs of the manifest.
    """
    (folder / "poison").mkdir()
    _, jobs = rehearsal_jobs(folder / "poison", num_jobs)
    store = Store(folder / "poison" / "run")
    engine = LocalEngine(RehearsalWorker, num_workers=2, timeout_s=HANG_LIMIT_S)
    run_jobs(jobs, store, engine, BatchOptions(max_attempts=2, backoff_s=0.01))
    kinds = {job.key: job.name.partition("-")[0] for job in jobs}
    innocent = [key for key, kind in kinds.items() if kind in INNOCENT]
    explained = [
        (record := store.read_record(key)) is not None and record.code == EXPECTED_CODES[kind] and bool(record.message)
        for key, kind in kinds.items()
        if kind not in INNOCENT
    ]
    tally = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(kinds.values()).items()))
    source = f"{num_jobs} quick jobs on two workers: {tally}; {ALL_CHECKED}"
    done = float(np.mean([store.is_complete(key) for key in innocent]))
    return [
        Figure("batch.innocent_jobs_done", done, "", "higher", 1.0, None, {}, source),
        Figure("batch.poison_explained", float(np.mean(explained)), "", "higher", 1.0, None, {}, source),
    ]
