import json
from pathlib import Path

import pytest

from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.engine_ray import RayEngine
from espressivo.batch.jobs import Job, build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.batch.runner import BatchOptions, run_jobs
from espressivo.batch.store import Store
from espressivo.errors import SettingError
from espressivo.evaluation.batch_worker import RehearsalWorker

try:
    import ray
except ImportError:
    ray = None


def jobs_named(folder: Path, *names: str) -> list[Job]:
    path = folder / "m.jsonl"
    path.write_text(
        "".join(json.dumps({"kind": "plan", "emotion": "joy", "id": name, "seed": n}) + "\n" for n, name in enumerate(names))
    )
    return build_jobs(read_manifest(path), folder, run_seed=0)[0]


def contents(store: Store) -> dict[str, bytes]:
    root = store.root / "objects"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.skipif(ray is not None, reason="Ray is installed")
def test_without_ray_the_message_says_what_to_install() -> None:
    with pytest.raises(SettingError, match=r"espressivo\[ray\]"):
        RayEngine(RehearsalWorker, num_workers=1)


@pytest.mark.ray
@pytest.mark.skipif(ray is None, reason="needs the extra espressivo[ray]")
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_ray_gives_the_same_objects_and_isolates_poison(tmp_path: Path) -> None:
    names = [f"fine-{n}" for n in range(6)] + ["bad-1", "crash-1", "hang-1", "once-1"]
    jobs = jobs_named(tmp_path, *names)
    options = BatchOptions(max_attempts=2, backoff_s=0.01)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    stores = Store(tmp_path / "a" / "run"), Store(tmp_path / "b" / "run")
    engines = LocalEngine(RehearsalWorker, num_workers=2, timeout_s=3), RayEngine(RehearsalWorker, num_workers=2, timeout_s=3)
    summaries = [run_jobs(jobs, store, engine, options) for store, engine in zip(stores, engines, strict=True)]
    for summary in summaries:
        assert summary.states == {"done": 7, "failed": 1, "quarantined": 2}
        assert summary.codes == {"image.no_face": 1, "batch.died": 1, "batch.timeout": 1}
    assert contents(stores[0]) == contents(stores[1])
