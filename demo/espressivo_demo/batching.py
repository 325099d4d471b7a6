"""Batch runs from the page: a manifest is checked, run with one worker process, watched and reported."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

import gradio as gr

from espressivo.batch.engine_local import LocalEngine
from espressivo.batch.execution import Outcome
from espressivo.batch.jobs import Job, build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.batch.pipeline_worker import PipelineWorker
from espressivo.batch.report import read_records, write_report
from espressivo.batch.runner import BatchEvent, BatchOptions, run_jobs
from espressivo.batch.store import JobRecord, Store
from espressivo.errors import ManifestError
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent
from espressivo.seeds import resolve_seed
from espressivo_demo.running import run_watched

__all__ = ["BatchRun", "checked_jobs", "jobs_html", "lay_out", "manifest_of", "run_batch"]

MANIFEST: Final = "manifest.jsonl"
MANIFEST_SUFFIXES: Final = (".jsonl", ".csv", ".yaml", ".yml")
SHOWN_MISTAKES: Final = 20
STATE_WORDS: Final = {"waiting": "waiting", "started": "running", "retried": "again", "done": "done"}


@dataclass(frozen=True, slots=True)
class BatchRun:
    """How a run ended: its report, an archive of the run folder, and the records of its jobs."""

    report: Path
    archive: Path
    records: list[JobRecord]


class _StoppableEngine(LocalEngine):
    """The local engine, which gives up the jobs in flight as soon as the visitor stops the run."""

    def __init__(self, token: CancelToken, *, timeout_s: float) -> None:
        super().__init__(PipelineWorker, num_workers=1, timeout_s=timeout_s)
        self._token = token

    def wait(self, timeout_s: float) -> list[Outcome]:
        self._token.raise_if_cancelled()
        return super().wait(timeout_s)


def manifest_of(
    kind: str,
    emotions: Sequence[str],
    intensities: Sequence[float],
    *,
    duration_s: float | None,
    portrait: str | None,
    speech: str | None,
    talk: dict[str, Any],
    music: dict[str, Any],
) -> str:
    """Rows of a manifest, a job for each emotion at each intensity.

    Args:
        kind: ``plan``, ``compose``, ``talk`` or ``scene``.
        emotions: Words, in any form.
        intensities: 0-1.
        duration_s: Length where there is no speech.
        portrait: Name of the file.
        speech: Name of the file, or ``None``.
        talk: Settings of the talking head with the consent basis; those at ``None`` are left out.
        music: Settings of the music, likewise.
    """
    row: dict[str, Any] = {"kind": kind}
    if kind in {"talk", "scene"}:
        row |= {"portrait": portrait, "speech": speech, "consent": talk.get("consent")}
        row["settings"] = {name: value for name, value in talk.items() if name != "consent" and value is not None}
    if kind in {"compose", "scene"}:
        row["music"] = {name: value for name, value in music.items() if value is not None}
    if kind in {"plan", "compose"} or not speech:
        row["duration_s"] = duration_s
    row = {name: value for name, value in row.items() if value not in (None, {})}
    rows = [row | {"emotion": emotion, "intensity": intensity} for emotion in emotions for intensity in intensities]
    return "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in rows)


def lay_out(folder: Path, manifest: str | Path, inputs: Sequence[Path]) -> Path:
    """Put a manifest and the files that it names into a folder; returns the manifest's path.

    Raises:
        ManifestError: ``manifest.format`` or ``manifest.no_rows``.
    """
    for path in inputs:
        shutil.copyfile(path, folder / path.name)
    if isinstance(manifest, str):
        if not manifest.strip():
            raise ManifestError("manifest.no_rows", "there are no jobs yet: build a manifest or drop one")
        (folder / MANIFEST).write_text(manifest, encoding="utf-8")
        return folder / MANIFEST
    if manifest.suffix.lower() not in MANIFEST_SUFFIXES:
        raise ManifestError("manifest.format", f"{manifest.name!r} is of no known kind; accepted: {', '.join(MANIFEST_SUFFIXES)}")
    target = folder / f"manifest{manifest.suffix.lower()}"
    shutil.copyfile(manifest, target)
    return target


def checked_jobs(manifest: Path, seed: int | None, *, max_jobs: int) -> list[Job]:
    """The jobs of a manifest whose every row is good.

    Raises:
        ManifestError: ``manifest.rows`` with line and field of each mistake, ``manifest.too_many_jobs`` and others.
    """
    rows = read_manifest(manifest)
    jobs, mistakes = build_jobs(rows, manifest.parent, run_seed=resolve_seed(seed or 0))
    every = sorted([*rows.bad_rows, *mistakes], key=lambda bad: bad.line)
    if every:
        listed = "; ".join(str(bad) for bad in every[:SHOWN_MISTAKES])
        raise ManifestError("manifest.rows", f"{len(every)} mistakes, nothing was rendered: {listed}")
    if len(jobs) > max_jobs:
        message = f"{len(jobs)} jobs; this page takes {max_jobs} at a time - run more with espressivo batch run"
        raise ManifestError("manifest.too_many_jobs", message)
    return jobs


def run_batch(
    jobs: Sequence[Job], folder: Path, timeout_s: float, states: dict[str, str], progress: gr.Progress
) -> Generator[Any, None, BatchRun]:
    """Run jobs; ``states`` is told how each stands, by its key."""
    store = Store(folder / "run")

    def work(report: ProgressCallback, token: CancelToken) -> BatchRun:
        report(ProgressEvent("batch", 0, len(jobs)))

        def note(event: BatchEvent) -> None:
            states[event.job.key] = STATE_WORDS.get(event.event, event.event)
            report(ProgressEvent("batch", event.num_settled, event.num_jobs))

        summary = run_jobs(jobs, store, _StoppableEngine(token, timeout_s=timeout_s), BatchOptions(), note)
        if summary.interrupted:
            token.raise_if_cancelled()
        return BatchRun(write_report(store), _archive(store, folder / "run.zip"), read_records(store))

    return (yield from run_watched(work, progress))


def jobs_html(jobs: Sequence[Job], states: dict[str, str], records: Sequence[JobRecord] = ()) -> str:
    """How every job stands, as a table."""
    known = {record.key: record for record in records}
    rows = []
    for job in jobs:
        record = known.get(job.key)
        state = record.state if record else states.get(job.key, "waiting")
        said = (record.message or f"{record.wall_s:.1f} s") if record else ""
        rows.append(
            f'<tr class="{state}"><td>{escape(job.name)}</td><td>{job.spec.kind}</td>'
            f'<td class="state">{state}</td><td>{escape(said)}</td></tr>'
        )
    counts = Counter(known[job.key].state if job.key in known else states.get(job.key, "waiting") for job in jobs)
    summary = ", ".join(f"{count} {state}" for state, count in counts.items())
    head = "<tr><th>job</th><th>kind</th><th>state</th><th></th></tr>"
    return f'<p class="summary">{summary}</p><div class="wide"><table class="jobs">{head}{"".join(rows)}</table></div>'


def _archive(store: Store, path: Path) -> Path:
    """The run folder as it is for people: the report and the results that it links to."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.write(store.root / "report.html", "report.html")
        for file in sorted((store.root / "objects").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(store.root).as_posix())
    return path
