"""Kills of runners and workers and full disks at random, over and over; the store must come out whole."""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_worker import ToyWorker

from espressivo import resources
from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.jobs import Job, build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.batch.runner import BatchOptions, run_jobs
from espressivo.batch.store import Store

TOY_MAIN = Path(__file__).with_name("toy_worker.py")


def children_of(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def make_jobs(folder: Path, num_jobs: int) -> list[Job]:
    rows = [
        {"kind": "plan", "emotion": "joy", "seed": n, "id": f"{'bad' if n % 10 == 0 else 'slow'}-{n}"} for n in range(num_jobs)
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return build_jobs(read_manifest(folder / "m.jsonl"), folder, run_seed=0)[0]


def disturb(process: subprocess.Popen[bytes], rng: random.Random) -> None:
    """Let it work a little, then kill it, or one of its workers, or ask it to stop."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(rng.uniform(0.5, 4.0))
    victims = children_of(process.pid) if rng.random() < 0.5 else []
    for pid in [rng.choice(victims)] if victims else [process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if pid == process.pid and rng.random() < 0.3 else signal.SIGKILL)
    try:
        process.wait(3.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def soak(folder: Path, *, seconds: float, num_jobs: int) -> tuple[int, int]:
    """Returns the number of disturbances and of jobs done."""
    jobs, store = make_jobs(folder, num_jobs), Store(folder / "run")
    rng = random.Random(0)
    end, num_disturbances = time.monotonic() + seconds, 0

    def no_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (rng.choice([100, 400, 2000]),) * 2)

    while time.monotonic() < end:
        limit = no_room if rng.random() < 0.3 else None
        command = [sys.executable, str(TOY_MAIN), str(folder / "m.jsonl"), str(store.root), "2"]
        process = subprocess.Popen(command, start_new_session=True, preexec_fn=limit, stderr=subprocess.DEVNULL)
        disturb(process, rng)
        num_disturbances += 1
        for job in jobs:
            assert not store.object_path(job.key).exists() or store.is_complete(job.key), "a half result was published"
        if rng.random() < 0.2:  # something gnaws at the store
            for job in rng.sample(jobs, 3):
                shutil.rmtree(store.object_path(job.key), ignore_errors=True)
    summary = run_jobs(jobs, store, LocalEngine(ToyWorker, num_workers=2), BatchOptions(backoff_s=0.01, retry_failed=True))
    num_bad = len([job for job in jobs if job.name.startswith("bad")])
    assert summary.num_cached + summary.states["done"] == num_jobs - num_bad
    assert summary.states["failed"] == num_bad
    undisturbed = Store(folder / "undisturbed")
    run_jobs(jobs, undisturbed, LocalEngine(ToyWorker, num_workers=2), BatchOptions(max_attempts=1))
    for job in jobs:
        if job.name.startswith("slow"):
            ours, theirs = store.object_path(job.key), undisturbed.object_path(job.key)
            assert [path.read_bytes() for path in store.files(job.key)] == [
                path.read_bytes() for path in undisturbed.files(job.key)
            ]
            assert (ours / "object.json").read_bytes() == (theirs / "object.json").read_bytes()
    assert list((store.root / "work").iterdir()) == []
    return num_disturbances, num_jobs - num_bad


@pytest.mark.slow
def test_the_store_survives_a_rough_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    shutil.copytree(resources.home() / "configs", home / "configs")
    (home / "checkpoints").mkdir()
    monkeypatch.setenv("ESPRESSIVO_HOME", str(home))
    num_disturbances, _ = soak(tmp_path, seconds=60.0, num_jobs=300)
    assert num_disturbances > 5
