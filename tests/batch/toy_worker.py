"""A worker whose jobs misbehave on demand: the beginning of a job's name says how."""

import os
import signal
import sys
import time
from pathlib import Path

from espressivo.errors import EncodeError, ImageInputError, RenderError
from espressivo.progress import ProgressEvent


class ToyWorker:
    def run(self, job, folder, progress):
        progress(ProgressEvent("prepare", 0, 1))
        (folder / "result.txt").write_text(f"{job.seed}\n" * 100)
        progress(ProgressEvent("paint", 0, 1))
        misbehave((job.spec.id or "fine").partition("-")[0], job, folder)
        (folder / "part").mkdir()
        (folder / "part" / "more.txt").write_text(job.key)
        return {"prepare": 0.001, "paint": 0.002}


def misbehave(how, job, folder):
    match how:
        case "slow":
            time.sleep(0.05)
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
            mark = Path(folder).parents[2] / f"{job.key}.tried"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)


class NeverReady:
    def __init__(self):
        raise RenderError("render.not_ready", "the models cannot be loaded")


def main(manifest, store, num_workers):
    """Run a manifest with toy workers and exit as the command line does."""
    from espressivo.batch.engine_local import LocalEngine
    from espressivo.batch.jobs import build_jobs
    from espressivo.batch.manifest import read_manifest
    from espressivo.batch.runner import BatchOptions, run_jobs
    from espressivo.batch.store import Store

    jobs, bad = build_jobs(read_manifest(Path(manifest)), Path(manifest).parent, run_seed=0)
    assert not bad
    engine = LocalEngine(ToyWorker, num_workers=int(num_workers))
    sys.exit(run_jobs(jobs, Store(Path(store)), engine, BatchOptions(backoff_s=0.01)).exit_status)


if __name__ == "__main__":
    from toy_worker import ToyWorker  # workers know the class by its module's name

    main(*sys.argv[1:])
