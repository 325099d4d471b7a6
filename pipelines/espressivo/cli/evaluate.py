"""``espressivo evaluate``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from espressivo.console import print_table
from espressivo.errors import SettingError

__all__ = ["evaluate"]

TOPICS = ("face", "motion", "emotion", "music", "batch", "peers")
# Not a topic of its own: a little of each, held against committed values.
SUBSET = "regression"
USUAL_DATA = Path("../shared/data")


def evaluate(
    topic: Annotated[str, typer.Argument(help=f"{' | '.join(TOPICS)} | all | {SUBSET}.")],
    data: Annotated[Path | None, typer.Option("--data", help="Folder with the evaluation data.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer items, the same names, under a minute a topic.")] = False,
    soak: Annotated[float | None, typer.Option("--soak", help="With batch: only disturb a run, for so many minutes.")] = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write the figures as JSON.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Write report.md, report.html and pictures here.")] = None,
    sheets: Annotated[Path | None, typer.Option("--sheets", help="Face: only write contact sheets there.")] = None,
) -> None:
    """Measure, beside baselines; exit status 1 when a figure misses its floor."""
    from espressivo.evaluation.figures import as_report, missed, rows
    from espressivo.evaluation.report import write_report
    from espressivo.media.atomic import write_bytes

    if topic not in {*TOPICS, SUBSET, "all"}:
        raise SettingError("setting.topic", f"topic is {topic!r}; accepted: {', '.join(TOPICS)}, all, {SUBSET}")
    if data is not None and not data.is_dir():
        raise SettingError("setting.data", f"there is no folder {data.name!r} with evaluation data")
    if soak is not None and (topic != "batch" or soak <= 0):
        raise SettingError("setting.soak", "--soak takes minutes above 0 and goes with the topic batch")
    options = {} if soak is None else {"soak_minutes": soak}
    folder = data or (USUAL_DATA if USUAL_DATA.is_dir() else None)
    if sheets is not None:
        _write_sheets(topic, sheets, folder, quick=quick)
        return
    measured = []
    for name in TOPICS if topic == "all" else (topic,):
        with _followed():
            figures = import_module(f"espressivo.evaluation.{name}").evaluate(folder, quick=quick, **options)
        print_table(name, ("figure", "value", "95 %", "floor", "", "baselines"), rows(figures))
        measured.append((name, figures))
    flags = [" --quick" if quick else "", f" --soak {soak:g}" if soak else "", " --data FOLDER" if folder else ""]
    reports = [as_report(name, figures, f"espressivo evaluate {name}{''.join(flags)}") for name, figures in measured]
    if output is not None:
        write_bytes(output, (json.dumps(reports if topic == "all" else reports[0], indent=2) + "\n").encode())
    if report is not None:
        write_report(report, reports)
    if any(missed(figures) for _, figures in measured):
        raise typer.Exit(1)


@contextmanager
def _followed() -> Iterator[None]:
    """What is logged on the way goes to standard error, so that an interrupted run leaves what it has measured."""
    logger, handler = logging.getLogger("espressivo"), logging.StreamHandler()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def _write_sheets(topic: str, sheets: Path, data: Path | None, *, quick: bool) -> None:
    from espressivo.evaluation.face_sheets import contact_sheets

    if topic != "face":
        raise SettingError("setting.sheets", f"--sheets belongs to the topic face, not to {topic}")
    made = contact_sheets(sheets, data, quick=quick)
    table = [
        (sheet.name, ", ".join(sheet.shown), ", ".join(f"{name}: {code}" for name, code in sheet.refused.items()))
        for sheet in made
    ]
    print_table("contact sheets", ("sheet", "portraits", "refused"), table)
