"""A worker for rehearsals: quick jobs that misbehave on demand; the beginning of a job's name says how.

``python -m espressivo.evaluation.batch_worker MANIFEST FOLDER WORKERS [TIMEOUT]`` runs a manifest with such workers, so that
a measurement can kill the process as it pleases.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from espressivo.batch.jobs import Job
from espressivo.errors import EncodeError, ImageInputError, RenderError
from espressivo.progress import ProgressCallback, ProgressEvent

__all__ = ["INNOCENT", "RehearsalWorker", "UnreadyWorker"]

SLOW_S: Final = 0.05
# Names of jobs that can be rendered, though some only at the second attempt.
INNOCENT: Final = frozenset({"fine", "slow", "once", "threads"})


class RehearsalWorker:
    """Writes two small files that depend on the job only."""

    def run(self, job: Job, folder: Path, progress: ProgressCallback) -> Mapping[str, float]:
        """Render a job; see :class:`espressivo.batch.execution.Worker`."""
        progress(ProgressEvent("prepare", 0, 1))
        (folder / "result.txt").write_text(f"{job.seed}\n" * 100)
        progress(ProgressEvent("paint", 0, 1))
        _misbehave(job.name.partition("-")[0], job, folder)
        (folder / "part").mkdir()
        (folder / "part" / "more.txt").write_text(job.key)
        return {"prepare": 0.001, "paint": 0.002}


def _misbehave(how: str, job: Job, folder: Path) -> None:
    match how:
        case "slow":
            time.sleep(SLOW_S)
        case "bad":
            raise ImageInputError("image.no_face", "the portrait shows no face")
        case "broken":
            raise RenderError("render.failed", "the renderer gave up")
        case "full":
            raise EncodeError("encode.disk_full", "no room")
        case "bug":
            raise ZeroDivisionError("a bug")
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "leave":
            os._exit(7)
        case "hang":
            time.sleep(600)
        case "threads":
            (folder / "threads.txt").write_text(os.environ["OMP_NUM_THREADS"])
        case "once":  # dies at the first attempt only; the mark lies beside the run folder
            mark = folder.parents[2] / f"{job.key}.tried"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)


class UnreadyWorker(RehearsalWorker):
    """Cannot load its models."""

    def __init__(self) -> None:
        raise RenderError("render.not_ready", "the models cannot be loaded")


def _main(manifest: Path, folder: Path, num_workers: int, timeout_s: float | None) -> int:
    """Run a manifest and return what the command line would exit with."""
    from espressivo.batch.engine_local import LocalEngine
    from espressivo.batch.jobs import build_jobs
    from espressivo.batch.manifest import read_manifest
    from espressivo.batch.runner import BatchOptions, run_jobs
    from espressivo.batch.store import Store
    from espressivo.evaluation.batch_worker import RehearsalWorker  # worker processes know it by this module's name

    jobs, mistakes = build_jobs(read_manifest(manifest), manifest.parent, run_seed=0)
    if mistakes:
        return 2
    engine = LocalEngine(RehearsalWorker, num_workers=num_workers, timeout_s=timeout_s)
    return run_jobs(jobs, Store(folder), engine, BatchOptions(backoff_s=0.01)).exit_status


if __name__ == "__main__":
    _manifest, _folder, _workers, *_timeout = sys.argv[1:]
    sys.exit(_main(Path(_manifest), Path(_folder), int(_workers), float(_timeout[0]) if _timeout else None))
