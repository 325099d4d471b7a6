"""``espressivo batch``: many jobs from a manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from espressivo.cli.options import OUTPUT, JsonOption, QuietOption
from espressivo.console import print_json, print_table
from espressivo.errors import ManifestError, SettingError

if TYPE_CHECKING:
    from espressivo.batch.engine import Engine
    from espressivo.batch.jobs import Job
    from espressivo.batch.manifest import BadRow
    from espressivo.batch.runner import BatchSummary, EventCallback
    from espressivo.batch.store import Store

__all__ = ["app"]

app = typer.Typer(help="Render many jobs from a manifest; run the same command again to continue.", no_args_is_help=True)

SELECTION = "Which jobs"
ENGINE = "Engine"
SHOWN_MISTAKES = 50

ManifestArgument = Annotated[Path, typer.Argument(help="A row a job: .jsonl, .csv or .yaml.")]
FolderArgument = Annotated[Path, typer.Argument(help="A run folder.")]
RootOption = Annotated[Path | None, typer.Option("--input-root", help="Folder all inputs lie in; default: the manifest's.")]
RunSeedOption = Annotated[int, typer.Option("--seed", help="Seed of jobs that bring none.")]


@app.command(epilog="Example: `espressivo batch validate jobs.jsonl`")
def validate(
    manifest: ManifestArgument, input_root: RootOption = None, seed: RunSeedOption = 0, as_json: JsonOption = False
) -> None:
    """Report every mistake of a manifest, with line and field; exit status 2 if there is one."""
    jobs, mistakes = _checked(manifest, input_root, seed)
    if as_json:
        rows = [{"line": bad.line, "field": bad.field, "message": bad.message} for bad in mistakes]
        print_json({"jobs": len(jobs), "mistakes": rows})
        raise typer.Exit(2 if mistakes else 0)
    _refuse(mistakes, manifest)
    kinds = Counter(job.spec.kind for job in jobs)
    typer.echo(f"{len(jobs)} jobs, no mistakes: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))


@app.command(
    epilog="Examples:\n\n`espressivo batch run jobs.jsonl -o runs/tonight --workers 2`\n\n"
    "`espressivo batch run jobs.jsonl -o shared/run --shard 1/4`"
)
def run(
    manifest: ManifestArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="Run folder.", rich_help_panel=OUTPUT)],
    input_root: RootOption = None,
    seed: RunSeedOption = 0,
    only: Annotated[str | None, typer.Option(help="Names to run, with * and ?.", rich_help_panel=SELECTION)] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many jobs.", rich_help_panel=SELECTION)] = None,
    shard: Annotated[str | None, typer.Option(help="Part of the jobs, e.g. 1/4.", rich_help_panel=SELECTION)] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed jobs again.", rich_help_panel=SELECTION)
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Render again what is done.", rich_help_panel=SELECTION)] = False,
    engine: Annotated[str, typer.Option(help="local | ray.", rich_help_panel=ENGINE)] = "local",
    address: Annotated[str | None, typer.Option(help="Of a running Ray cluster.", rich_help_panel=ENGINE)] = None,
    gpus: Annotated[float, typer.Option(help="GPUs a worker takes, with ray.", rich_help_panel=ENGINE)] = 0.0,
    workers: Annotated[int | None, typer.Option(help="Default: by cores and memory.", rich_help_panel=ENGINE)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds a job may take in all.", rich_help_panel=ENGINE)] = None,
    retries: Annotated[int, typer.Option(help="More attempts where they can help.", rich_help_panel=ENGINE)] = 2,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done.", rich_help_panel=OUTPUT)] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Render the jobs of a manifest. Exit status: 0 all done, 2 bad manifest, 3 some failed, 130 interrupted."""
    from espressivo.batch.engine import choose_num_workers
    from espressivo.batch.report import write_metrics, write_report
    from espressivo.batch.runner import BatchOptions, plan_run, run_jobs
    from espressivo.batch.store import Store

    part = _parse_shard(shard)
    if retries < 0 or (limit is not None and limit < 1) or (timeout is not None and timeout <= 0):
        raise SettingError("setting.invalid", "--retries is 0 or more, --limit and --timeout are above 0")
    jobs, mistakes = _checked(manifest, input_root, seed)
    _refuse(mistakes, manifest)
    store = Store(output)
    options = BatchOptions(max_attempts=retries + 1, retry_failed=retry_failed, force=force, shard=part)
    chosen = _chosen(jobs, only, part)
    pending, summary = plan_run(chosen, store, options)
    if limit is not None:
        dropped = {job.key for job in pending[limit:]}
        pending, chosen = pending[:limit], [job for job in chosen if job.key not in dropped]
    num_workers = min(choose_num_workers(workers, {job.spec.kind for job in pending} or {"plan"}), max(1, len(pending)))
    if dry_run:
        _show_plan(pending, summary, store, num_workers, as_json=as_json)
        return
    chosen_engine = _engine(engine, address, gpus, num_workers, timeout)
    with _shown(chosen, quiet=quiet or as_json) as on_event:
        summary = run_jobs(chosen, store, chosen_engine, options, on_event)
    write_metrics(store)
    report = write_report(store)
    _show_summary(summary, report, as_json=as_json)
    raise typer.Exit(summary.exit_status)


@app.command(epilog="Example: `espressivo batch status runs/tonight`")
def status(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Tell how the jobs of a run folder stand, and write its report anew."""
    from espressivo.batch.report import read_records, write_metrics, write_report
    from espressivo.batch.store import Store

    store = _existing(Store(folder))
    records = read_records(store)
    states = Counter(record.state for record in records)
    write_metrics(store)
    report = write_report(store)
    troubled = [record for record in records if record.state != "done"]
    if as_json:
        rows = [{"name": r.name, "state": r.state, "code": r.code, "message": r.message} for r in troubled]
        print_json({"states": dict(states), "troubled": rows, "report": report.as_posix()})
        return
    typer.echo(f"{len(records)} jobs: " + (", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "none yet"))
    if troubled:
        rows_shown = [(r.name, r.code or "", (r.message or "")[:80]) for r in troubled[:SHOWN_MISTAKES]]
        print_table("Not done", ("job", "code", "message"), rows_shown)
    typer.echo(f"Report: {report}")


@app.command(epilog="Example: `espressivo batch gc runs/tonight jobs.jsonl --older-than 7`")
def gc(
    folder: FolderArgument,
    manifest: ManifestArgument,
    input_root: RootOption = None,
    seed: RunSeedOption = 0,
    older_than: Annotated[float, typer.Option("--older-than", help="Days.")] = 0.0,
) -> None:
    """Remove results that no row of the manifest refers to."""
    from espressivo.batch.store import Store

    jobs, mistakes = _checked(manifest, input_root, seed)
    _refuse(mistakes, manifest)
    store = _existing(Store(folder))
    with store.locked(None):
        num_removed, num_bytes = store.collect_garbage({job.key for job in jobs}, older_than_s=older_than * 86_400)
    typer.echo(f"Removed {num_removed} results, {num_bytes / 1e6:.1f} MB.")


@app.command()
def schema() -> None:
    """Print the JSON schema of a manifest row."""
    from espressivo.batch.manifest import manifest_schema

    print_json(manifest_schema())


def _checked(manifest: Path, input_root: Path | None, seed: int) -> tuple[list[Job], list[BadRow]]:
    from espressivo.batch.jobs import build_jobs
    from espressivo.batch.manifest import read_manifest
    from espressivo.seeds import resolve_seed

    rows = read_manifest(manifest)
    jobs, mistakes = build_jobs(rows, input_root or manifest.parent, run_seed=resolve_seed(seed))
    return jobs, sorted([*rows.bad_rows, *mistakes], key=lambda bad: bad.line)


def _refuse(mistakes: Sequence[BadRow], manifest: Path) -> None:
    if not mistakes:
        return
    for bad in mistakes[:SHOWN_MISTAKES]:
        typer.echo(f"{manifest.name}: {bad}", err=True)
    more = f" (the first {SHOWN_MISTAKES} are shown)" if len(mistakes) > SHOWN_MISTAKES else ""
    raise ManifestError("manifest.rows", f"{len(mistakes)} mistakes in {manifest.name!r}{more}; nothing was rendered")


def _parse_shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    index, _, count = text.partition("/")
    if not (index.isdecimal() and count.isdecimal() and 1 <= int(index) <= int(count)):
        raise SettingError("setting.shard", f"shard is {text!r}; expected i/n with i from 1 to n, e.g. 1/4")
    return int(index), int(count)


def _chosen(jobs: Sequence[Job], only: str | None, shard: tuple[int, int] | None) -> list[Job]:
    from fnmatch import fnmatchcase

    from espressivo.batch.jobs import shard_of

    chosen = [job for job in jobs if only is None or fnmatchcase(job.name, only) or job.key.startswith(only)]
    if not chosen:
        raise SettingError("setting.only", f"no job is called {only!r}; names are e.g. {jobs[0].name!r}")
    return [job for job in chosen if shard is None or shard_of(job.key, shard[1]) == shard[0]]


def _engine(name: str, address: str | None, gpus: float, num_workers: int, timeout_s: float | None) -> Engine:
    from espressivo.batch.pipeline_worker import PipelineWorker

    if name == "local":
        from espressivo.batch.engine_local import LocalEngine

        return LocalEngine(PipelineWorker, num_workers=num_workers, timeout_s=timeout_s)
    if name == "ray":
        from espressivo.batch.engine_ray import RayEngine

        return RayEngine(PipelineWorker, num_workers=num_workers, timeout_s=timeout_s, address=address, gpus_per_worker=gpus)
    raise SettingError("setting.engine", f"engine is {name!r}; accepted: local, ray")


def _existing(store: Store) -> Store:
    if not (store.root / "records").is_dir():
        raise ManifestError("manifest.folder", f"{store.root.name!r} is no run folder")
    return store


def _show_plan(pending: Sequence[Job], summary: BatchSummary, store: Store, num_workers: int, *, as_json: bool) -> None:
    """What a run would do, with an estimate from what such jobs took before."""
    from statistics import mean

    from espressivo.batch.report import read_records

    took: dict[str, list[float]] = {}
    for record in read_records(store):
        if record.state == "done" and record.wall_s:
            took.setdefault(record.kind, []).append(record.wall_s)
    known = all(job.spec.kind in took for job in pending)
    estimate_s = sum(mean(took[job.spec.kind]) for job in pending) / num_workers if known else None
    if as_json:
        counts = {"new": len(pending), "cached": summary.num_cached, "skipped": summary.num_skipped}
        print_json({**counts, "workers": num_workers, "estimate_s": estimate_s, "jobs": [job.name for job in pending]})
        return
    rows = [
        ("to render", str(len(pending))),
        ("done before", str(summary.num_cached)),
        ("failed before", str(summary.num_skipped)),
    ]
    about = "unknown: no such job was rendered here yet" if estimate_s is None else f"{estimate_s:.0f} s"
    print_table("Dry run", ("jobs", ""), [*rows, ("workers", str(num_workers)), ("estimated time", about)])


def _show_summary(summary: BatchSummary, report: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "jobs": summary.num_jobs,
                "cached": summary.num_cached,
                "skipped": summary.num_skipped,
                "states": dict(summary.states),
                "codes": dict(summary.codes),
                "wall_s": round(summary.wall_s, 3),
                "interrupted": summary.interrupted,
                "report": report.as_posix(),
            }
        )
        return
    counts = [*sorted(summary.states.items()), ("done before", summary.num_cached), ("failed before", summary.num_skipped)]
    told = ", ".join(f"{count} {state}" for state, count in counts if count) or "nothing to do"
    typer.echo(f"{'Interrupted: ' if summary.interrupted else ''}{summary.num_jobs} jobs in {summary.wall_s:.1f} s: {told}")
    if summary.codes:
        print_table("Errors", ("code", "jobs"), [(code, str(count)) for code, count in summary.codes.most_common()])
    typer.echo(f"Report: {report}")


@contextmanager
def _shown(jobs: Sequence[Job], *, quiet: bool) -> Iterator[EventCallback | None]:
    """A bar over all jobs with rate and estimate; a line a finished job where standard error is a file."""
    import sys

    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    from espressivo.batch.runner import BatchEvent

    console = Console(stderr=True, highlight=False)
    counts: Counter[str] = Counter()

    class RateColumn(ProgressColumn):
        """Jobs a minute, over the last of them."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed * 60:.1f}/min" if task.speed else "")

    shown = (BarColumn(), MofNCompleteColumn(), RateColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    columns = (*shown, TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=len({job.key for job in jobs}))

        def show(event: BatchEvent) -> None:
            if event.event == "started":
                return
            counts[event.event] += 1
            bar.update(task, completed=event.num_settled, description=", ".join(f"{n} {name}" for name, n in counts.items()))
            failure = event.outcome.failure if event.outcome else None
            if failure is not None:
                console.print(f"{event.job.name}: {event.event}: {failure.message} [{failure.code}]", markup=False)
            elif not sys.stderr.isatty():
                console.print(f"{event.num_settled}/{event.num_jobs} {event.job.name}", markup=False)

        yield show
