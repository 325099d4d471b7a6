import json
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from espressivo.batch.engine import available_memory_bytes, choose_num_workers
from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.jobs import Job, build_jobs, shard_of
from espressivo.batch.manifest import read_manifest
from espressivo.batch.pipeline_worker import PipelineWorker
from espressivo.batch.runner import BatchEvent, BatchOptions, BatchSummary, plan_run, run_jobs
from espressivo.batch.store import Store
from espressivo.errors import EncodeError, ManifestError, SettingError
from espressivo.evaluation.batch_worker import RehearsalWorker, UnreadyWorker

REHEARSAL = [sys.executable, "-m", "espressivo.evaluation.batch_worker"]
QUICK = BatchOptions(backoff_s=0.01)


def jobs_named(folder: Path, *names: str) -> list[Job]:
    path = folder / "m.jsonl"
    path.write_text(
        "".join(json.dumps({"kind": "plan", "emotion": "joy", "id": name, "seed": n}) + "\n" for n, name in enumerate(names))
    )
    jobs, bad = build_jobs(read_manifest(path), folder, run_seed=0)
    assert not bad
    return jobs


def run(
    jobs: list[Job], store: Store, *, workers: int = 1, options: BatchOptions = QUICK, timeout_s: float | None = None
) -> BatchSummary:
    return run_jobs(jobs, store, LocalEngine(RehearsalWorker, num_workers=workers, timeout_s=timeout_s), options)


def contents(store: Store) -> dict[str, bytes]:
    root = store.root / "objects"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_results_records_links_and_events(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b", "threads-c"), Store(tmp_path / "run")
    summary = run(jobs, store, workers=2)
    assert summary.states == {"done": 3}
    assert summary.exit_status == 0
    for job in jobs:
        assert store.is_complete(job.key)
        record = store.read_record(job.key)
        assert record is not None
        assert (record.state, record.attempts, record.seed, record.code) == ("done", 1, job.seed, None)
        assert record.stage_seconds == {"prepare": 0.001, "paint": 0.002}
        assert record.peak_memory_bytes > 10_000_000
        assert (store.root / "results" / job.name / "result.txt").read_text().startswith(f"{job.seed}\n")
        assert [path.name for path in store.files(job.key)][:1] == ["more.txt"]
    events = [json.loads(line) for line in store.events_path.read_text().splitlines()]
    assert sorted(event["event"] for event in events) == ["done"] * 3 + ["started"] * 3
    assert (store.root / "results" / "threads-c" / "threads.txt").read_text() == str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert list((store.root / "work").iterdir()) == []


def test_running_again_does_nothing(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b"), Store(tmp_path / "run")
    run(jobs, store)
    before = contents(store)
    summary = run(jobs, store)
    assert (summary.num_cached, summary.states) == (2, {})
    assert contents(store) == before


def test_poison_takes_no_innocent_job_along(tmp_path: Path) -> None:
    names = [f"fine-{n}" for n in range(12)] + ["bad-1", "crash-1", "hang-1", "leave-1", "bug-1", "broken-1", "full-1", "once-1"]
    random.Random(0).shuffle(names)
    jobs, store = jobs_named(tmp_path, *names), Store(tmp_path / "run")
    summary = run(jobs, store, workers=2, options=BatchOptions(max_attempts=2, backoff_s=0.01), timeout_s=2.0)
    assert summary.exit_status == 3
    assert summary.states == {"done": 13, "failed": 1, "quarantined": 6}
    records = {job.name: store.read_record(job.key) for job in jobs}
    ended = {name: (record.state, record.code, record.attempts, record.stage) for name, record in records.items() if record}
    assert ended["bad-1"] == ("failed", "image.no_face", 1, "paint")
    assert ended["crash-1"] == ("quarantined", "batch.died", 2, "")
    assert ended["leave-1"] == ("quarantined", "batch.died", 2, "")
    assert ended["hang-1"] == ("quarantined", "batch.timeout", 2, "")
    assert ended["bug-1"] == ("quarantined", "batch.unexpected", 2, "paint")
    assert ended["broken-1"] == ("quarantined", "render.failed", 2, "paint")
    assert ended["full-1"] == ("quarantined", "encode.disk_full", 2, "paint")
    assert ended["once-1"] == ("done", None, 2, None)
    assert all(ended[name] == ("done", None, 1, None) for name in names if name.startswith("fine"))
    assert "ZeroDivisionError" in (records["bug-1"].traceback or "")
    assert list((store.root / "work").iterdir()) == []

    again = run(jobs, store)  # only what found no room is tried again
    assert (again.num_cached, again.num_skipped, again.states, again.exit_status) == (13, 6, {"quarantined": 1}, 3)
    assert again.codes == summary.codes


def test_a_job_that_tells_of_no_progress_ends_its_process(tmp_path: Path) -> None:
    jobs_named(tmp_path, "fine-1", "hang-1")
    script = (
        "from pathlib import Path\n"
        "from espressivo.batch import execution\nfrom espressivo.batch.jobs import build_jobs\n"
        "from espressivo.batch.manifest import read_manifest\n"
        "from espressivo.evaluation.batch_worker import RehearsalWorker\n"
        "execution.STALL_LIMIT_S = 0.5\n"
        "for job in build_jobs(read_manifest(Path('m.jsonl')), Path('.'), run_seed=0)[0]:\n"
        "    folder = Path(job.name)\n    folder.mkdir()\n"
        "    print(job.name, execution.execute(RehearsalWorker, {}, job, folder).failure, flush=True)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout) == (1, "fine-1 None\n")
    assert "_misbehave" in done.stderr  # where it hung


def test_failures_can_be_tried_again(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "bad-1", "fine-1"), Store(tmp_path / "run")
    run(jobs, store)
    assert run(jobs, store, options=BatchOptions(retry_failed=True)).states == {"failed": 1}
    assert run(jobs, store, options=BatchOptions(force=True)).states == {"failed": 1, "done": 1}


def test_models_that_cannot_be_loaded_fail_every_job(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b"), Store(tmp_path / "run")
    summary = run_jobs(jobs, store, LocalEngine(UnreadyWorker, num_workers=1), BatchOptions(max_attempts=1))
    assert summary.codes == {"render.not_ready": 2}


def test_processes_that_never_start_stop_the_run_and_blame_no_job(tmp_path: Path) -> None:
    """As in a script without a guarded main part: each worker would run the script again."""
    jobs_named(tmp_path, *[f"fine-{n}" for n in range(20)])
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\n"
        "if __name__ != '__main__':\n    sys.exit(5)\n"
        "from espressivo.batch.engine_local import LocalEngine\nfrom espressivo.batch.jobs import build_jobs\n"
        "from espressivo.batch.manifest import read_manifest\nfrom espressivo.batch.runner import BatchOptions, run_jobs\n"
        "from espressivo.batch.store import Store\nfrom espressivo.evaluation.batch_worker import RehearsalWorker\n"
        "jobs, _ = build_jobs(read_manifest(Path('m.jsonl')), Path('.'), run_seed=0)\n"
        "run_jobs(jobs, Store(Path('run')), LocalEngine(RehearsalWorker, num_workers=2), BatchOptions(backoff_s=0.01))\n"
    )
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert "6 worker processes in a row ended (status 5)" in done.stderr
    store = Store(tmp_path / "run")
    assert len(list((store.root / "records").iterdir())) <= 1
    assert list((store.root / "work").iterdir()) == []


def test_equal_jobs_are_rendered_once(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text('{"kind": "plan", "emotion": "joy", "seed": 1}\n' * 3)
    jobs, _ = build_jobs(read_manifest(path), tmp_path, run_seed=0)
    store = Store(tmp_path / "run")
    assert run(jobs, store).states == {"done": 1}
    assert len(list((store.root / "results").iterdir())) == 3


def test_damaged_results_are_rendered_again(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, *[f"fine-{n}" for n in range(6)]), Store(tmp_path / "run")
    run(jobs, store)
    before = contents(store)
    folders = [store.object_path(job.key) for job in jobs]
    results = [folder / "result.txt" for folder in folders]
    results[0].write_bytes(results[0].read_bytes()[:-2] + b"9\n")
    results[1].write_bytes(results[1].read_bytes()[:10])
    results[2].unlink()
    (folders[3] / "object.json").write_text("[]")
    (store.root / "records" / f"{jobs[4].key}.json").write_bytes(b"")
    pending, _ = plan_run(jobs, store, BatchOptions())
    assert [job.name for job in pending] == ["fine-0", "fine-1", "fine-2", "fine-3"]
    assert run(jobs, store).states == {"done": 4}
    assert contents(store) == before
    assert all((record := store.read_record(job.key)) and record.state == "done" for job in jobs)


def test_shards_share_the_work_and_the_store(tmp_path: Path) -> None:
    jobs = jobs_named(tmp_path, *[f"fine-{n}" for n in range(10)])
    whole, parts = Store(tmp_path / "whole"), Store(tmp_path / "parts")
    run(jobs, whole)
    threads = []
    for shard in (1, 2):
        share = [job for job in jobs if shard_of(job.key, 2) == shard]
        threads.append(threading.Thread(target=run, args=(share, parts), kwargs={"options": BatchOptions(shard=(shard, 2))}))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert contents(parts) == contents(whole)


def test_one_runner_at_a_time(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a"), Store(tmp_path / "run")
    store.prepare()
    with store.locked(None), pytest.raises(ManifestError) as caught:
        run(jobs, store)
    assert caught.value.code == "manifest.locked"
    with store.locked((1, 2)):
        for options in (QUICK, BatchOptions(shard=(1, 2))):
            with pytest.raises(ManifestError):
                run(jobs, store, options=options)
        assert run(jobs, store, options=BatchOptions(shard=(2, 2))).states == {"done": 1}


def test_leftovers_of_dead_runners_are_removed_not_those_of_the_living(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a"), Store(tmp_path / "run")
    store.prepare()
    (store.root / "work" / "dead").mkdir()
    (store.root / "work" / "dead" / "half.mp4").touch()
    with store.workshop() as alive:
        run(jobs, store)
        assert [path.name for path in (store.root / "work").iterdir()] == [alive.name]


def test_garbage_collection(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b"), Store(tmp_path / "run")
    run(jobs, store)
    assert store.collect_garbage({jobs[0].key}, older_than_s=3600) == (0, 0)
    num_removed, num_bytes = store.collect_garbage({jobs[0].key})
    assert num_removed == 1
    assert num_bytes > 100
    assert store.is_complete(jobs[0].key)
    assert not store.object_path(jobs[1].key).exists()
    assert [path.name for path in (store.root / "results").iterdir()] == ["fine-a"]


def test_a_plan_of_the_run_changes_nothing(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "bad-b", "fine-c"), Store(tmp_path / "run")
    run(jobs[:2], store)
    pending, summary = plan_run(jobs, store, BatchOptions())
    assert [job.name for job in pending] == ["fine-c"]
    assert (summary.num_jobs, summary.num_cached, summary.num_skipped) == (3, 1, 1)


def start(manifest: Path, store: Path, workers: int = 2) -> subprocess.Popen[bytes]:
    return subprocess.Popen([*REHEARSAL, str(manifest), str(store), str(workers)], start_new_session=True)


def killed_and_resumed(tmp_path: Path, *, num_jobs: int, num_kills: int) -> None:
    jobs = jobs_named(tmp_path, *[f"slow-{n}" for n in range(num_jobs)])
    undisturbed, store = Store(tmp_path / "undisturbed"), Store(tmp_path / "run")
    run(jobs, undisturbed, workers=2)
    rng = random.Random(0)
    for _ in range(num_kills):
        process = start(tmp_path / "m.jsonl", store.root)
        progress = len(list((store.root / "records").glob("*"))) if store.root.exists() else 0
        deadline = time.monotonic() + 60
        aim = min(num_jobs - 1, progress + rng.randrange(1, max(2, num_jobs // num_kills)))
        while len(list((store.root / "records").glob("*"))) < aim and process.poll() is None and time.monotonic() < deadline:
            time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run(jobs, store, workers=2).exit_status == 0
    assert contents(store) == contents(undisturbed)
    done = [json.loads(line)["key"] for line in store.events_path.read_text().splitlines() if '"done"' in line]
    assert len(done) == len(set(done))
    records = [store.read_record(job.key) for job in jobs]
    assert all(record is not None and record.state == "done" for record in records)
    assert list((store.root / "work").iterdir()) == []


@pytest.mark.usefixtures("frozen_tables")
def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, num_jobs=16, num_kills=2)


@pytest.mark.slow
@pytest.mark.usefixtures("frozen_tables")
def test_a_run_killed_fifty_times_is_resumed(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, num_jobs=200, num_kills=50)


def test_ctrl_c_finishes_what_is_in_flight(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, *[f"slow-{n}" for n in range(200)]), Store(tmp_path / "run")
    process = start(tmp_path / "m.jsonl", store.root)
    while not list((store.root / "records").glob("*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    num_done = len(list((store.root / "records").glob("*")))
    assert 0 < num_done < 200
    assert sum(store.is_complete(job.key) for job in jobs) == num_done
    assert list((store.root / "work").iterdir()) == []


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    jobs_named(tmp_path, "fine-1", "hang-1", "hang-2")
    store = Store(tmp_path / "run")
    process = start(tmp_path / "m.jsonl", store.root)
    while not list((store.root / "records").glob("*")):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130


def test_a_record_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b"), Store(tmp_path / "run")
    store.prepare()
    (store.root / "records").rmdir()
    (store.root / "records").symlink_to(tmp_path / "nowhere")
    with pytest.raises(EncodeError):
        run_jobs(jobs, Store(store.root), LocalEngine(RehearsalWorker, num_workers=1), QUICK)


def test_a_full_disk_stops_the_run_and_it_can_go_on(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, *[f"fine-{n}" for n in range(6)]), Store(tmp_path / "run")
    run(jobs[:2], store)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (250, 250))

    command = [*REHEARSAL, str(tmp_path / "m.jsonl"), str(store.root), "1"]
    full = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert full.returncode == 1
    assert "EncodeError: no room to write" in full.stderr
    assert [store.is_complete(job.key) for job in jobs[:2]] == [True, True]
    summary = run(jobs, store, options=BatchOptions(backoff_s=0.01, retry_failed=True))
    assert summary.exit_status == 0
    assert all(store.is_complete(job.key) for job in jobs)
    assert list((store.root / "work").iterdir()) == []
    assert not list(store.root.rglob("*.part*"))


def test_a_disk_without_room_stops_the_run_instead_of_failing_every_job(tmp_path: Path) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", *[f"full-{n}" for n in range(40)], "fine-b"), Store(tmp_path / "run")
    with pytest.raises(EncodeError, match="6 attempts in a row found no room"):
        run(jobs, store)
    states = [record.state if (record := store.read_record(job.key)) else None for job in jobs]
    assert states[0] == "done"
    assert states.count("quarantined") <= 2
    pending, summary = plan_run(jobs, store, BatchOptions())
    assert (len(pending), summary.num_cached, summary.num_skipped) == (41, 1, 0)


def test_real_jobs_give_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    rows = [
        {"kind": "plan", "matrix": {"emotion": ["joy", "fear turning to relief"]}, "duration_s": 2},
        {"kind": "compose", "emotion": "awe", "duration_s": 2},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    jobs, bad = build_jobs(read_manifest(path), tmp_path, run_seed=5)
    assert not bad
    stores = [Store(tmp_path / f"run{workers}") for workers in (1, 2)]
    for store, workers in zip(stores, (1, 2), strict=True):
        summary = run_jobs(jobs, store, LocalEngine(PipelineWorker, num_workers=workers), BatchOptions(max_attempts=1))
        assert summary.states == {"done": 3}, summary.codes
    assert contents(stores[0]) == contents(stores[1])
    names = {path.rsplit("/", 1)[1] for path in contents(stores[0])}
    assert names == {"object.json", "plan.json", "provenance.json", "music.mid", "music.wav"}


def test_events_tell_progress(tmp_path: Path) -> None:
    jobs, store, seen = jobs_named(tmp_path, "fine-a", "fine-b"), Store(tmp_path / "run"), []
    run_jobs(jobs, store, LocalEngine(RehearsalWorker, num_workers=1), QUICK, seen.append)
    assert [(event.event, event.num_settled) for event in seen if isinstance(event, BatchEvent) and event.event == "done"] == [
        ("done", 1),
        ("done", 2),
    ]


def test_number_of_workers() -> None:
    cores = len(os.sched_getaffinity(0))
    assert 1 <= choose_num_workers(None, {"scene"}) <= cores
    assert choose_num_workers(3, {"plan"}) == 3
    with pytest.raises(SettingError):
        choose_num_workers(0, {"plan"})


@pytest.mark.parametrize(("limit", "expected"), [(None, 4_096_000), ("max", 4_096_000), ("3000000", 2_000_000), ("500000", 0)])
def test_memory_is_what_the_kernel_and_the_container_allow(limit: str | None, expected: int, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal:  9000 kB\nMemFree:  10 kB\nMemAvailable:   4000 kB\n")
    if limit is not None:
        group = tmp_path / "sys/fs/cgroup"
        group.mkdir(parents=True)
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text("1000000\n")
    assert available_memory_bytes(tmp_path) == expected


@pytest.mark.skipif(os.getuid() != 0, reason="rights of others can only be tried by root")
def test_a_read_only_folder_is_said_to_be_one(tmp_path: Path) -> None:
    """Root may write anywhere, so the rights of the account nobody are taken in a process of their own."""
    jobs_named(tmp_path, "fine-a")
    (tmp_path / "run").mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from espressivo.batch.store import Store; "
        f"os.setgid(65534); os.setuid(65534); Store(Path({str(tmp_path / 'run')!r})).prepare()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "EncodeError: may not write 'run' (Permission denied); choose another folder" in done.stderr
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("jump_s", [-40 * 365 * 86_400, 40 * 365 * 86_400])
def test_a_clock_that_jumps_changes_nothing(jump_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs, store = jobs_named(tmp_path, "fine-a", "fine-b", "once-c"), Store(tmp_path / "run")
    run(jobs[:1], store)
    before, now = contents(store), time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump_s)
    summary = run(jobs, store)
    assert (summary.num_cached, summary.states, summary.exit_status) == (1, {"done": 2}, 0)
    assert 0 < summary.wall_s < 120
    monkeypatch.undo()
    assert before.items() <= contents(store).items()
    assert run(jobs, store).num_cached == 3


def test_what_dead_runners_left_half_written_goes_and_what_is_being_written_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "run")
    store.prepare()
    records = store.root / "records"
    old, fresh = records / ".a.part.json", records / ".b.part.json"
    for path in (old, fresh):
        path.write_text("{")
    two_hours_ago = time.time() - 7200
    os.utime(old, (two_hours_ago, two_hours_ago))
    with store.workshop() as folder:
        assert folder.is_dir()
        assert (old.exists(), fresh.exists()) == (False, True)
    assert not folder.exists()
