"""The figures of a run as documents: Markdown for a repository, one HTML page for a reader, a picture for each topic."""

from __future__ import annotations

import html
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from espressivo.evaluation.charts import dot_plot
from espressivo.evaluation.figures import Figure, rows
from espressivo.media.atomic import write_bytes
from espressivo.resources import home

__all__ = ["TopicReport", "write_report"]

TopicReport = tuple[str, Sequence[Figure]]
HEADER = ("figure", "value", "95 %", "floor", "", "baselines of the same run", "published, other protocol: not comparable")
STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; } svg { max-width: 100%; height: auto; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td.missed { color: #c2412d; font-weight: 600; } td.met { color: #2a7d3f; } small { opacity: .75; }
"""


def write_report(folder: Path, reports: Sequence[TopicReport], *, command: str, machine: str, version: str) -> list[Path]:
    """Write ``report.md``, ``report.html`` and ``TOPIC.svg`` for each topic.

    Args:
        folder: Where to; made if it does not exist.
        reports: Topics with their figures, in the order to show.
        command: What a reader runs to get the same figures.
        machine: What it ran on.
        version: Version of the package.

    Returns:
        The files written.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    facts = {"command": command, "machine": machine, "version": version, **_commit()}
    facts["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    pictures = {topic: dot_plot(figures) for topic, figures in reports}
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{topic}.svg": picture for topic, picture in pictures.items()}
    written[folder / "report.md"] = _markdown(reports, facts)
    written[folder / "report.html"] = _page(reports, facts, pictures)
    for path, text in written.items():
        write_bytes(path, text.encode())
    return list(written)


def _commit() -> dict[str, str]:
    """The commit of the source tree; nothing where the package was installed without one."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],  # noqa: S607 - wherever git is
            cwd=home(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return {}
    return {"commit": done.stdout.strip()} if done.returncode == 0 else {}


def _cells(figure: Figure) -> tuple[str, ...]:
    published = "; ".join(f"{name} {value:.3g}" for name, value in figure.published.items())
    return (*rows([figure])[0], published)


def _markdown(reports: Sequence[TopicReport], facts: dict[str, str]) -> str:
    lines = ["# Measured", "", *[f"- {name}: `{value}`" for name, value in facts.items()]]
    for topic, figures in reports:
        lines += ["", f"## {topic}", "", f"![{topic}]({topic}.svg)", "", _row(HEADER), _row(["---"] * len(HEADER))]
        lines += [_row([cell.replace("|", "\\|") for cell in _cells(figure)]) for figure in figures]
        lines += ["", "How each was measured:", "", *[f"- `{f.name}`: {f.source}" for f in figures if f.source]]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _page(reports: Sequence[TopicReport], facts: dict[str, str], pictures: dict[str, str]) -> str:
    parts = [f"<li>{name}: <code>{html.escape(value)}</code></li>" for name, value in facts.items()]
    body = f"<h1>Measured</h1><ul>{''.join(parts)}</ul>"
    for topic, figures in reports:
        table = "".join(_html_row(figure) for figure in figures)
        head = "".join(f"<th>{name}</th>" for name in HEADER)
        body += f"<h2>{topic}</h2>{pictures[topic]}<div class=wide><table><tr>{head}</tr>{table}</table></div>"
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Measured</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>\n"


def _html_row(figure: Figure) -> str:
    verdict = {True: "met", False: "missed", None: ""}[figure.met]
    name, *others = _cells(figure)
    cells = "".join(
        f"<td{f' class={verdict}' if index == 3 else ''}>{html.escape(cell)}</td>" for index, cell in enumerate(others)
    )
    return f"<tr><td>{html.escape(name)}<br><small>{html.escape(figure.source)}</small></td>{cells}</tr>"
