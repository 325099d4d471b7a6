"""The figures of runs as documents: Markdown for a repository, one HTML page for a reader, a picture for each topic.

python -m espressivo.evaluation.report face.json motion.json -o docs/results                # what evaluate --json has written
python -m espressivo.evaluation.report docs/results/*.json new/music.json -o docs/results   # one topic measured anew
"""

from __future__ import annotations

import argparse
import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from espressivo.evaluation.charts import dot_plot
from espressivo.evaluation.figures import Figure, rows
from espressivo.media.atomic import write_bytes

__all__ = ["main", "write_report"]

FACTS = ("command", "version", "commit", "machine", "date")
HEADER = ("figure", "value", "95 %", "floor", "", "baselines of the same run", "published, other protocol: not comparable")
STYLE = """
:root { color-scheme: light dark; --line: #8884; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; } svg { max-width: 100%; height: auto; }
th, td { text-align: left; padding: .3rem .7rem; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td.missed { color: #c2412d; font-weight: 600; } td.met { color: #2a7d3f; } small { opacity: .75; }
"""


def write_report(folder: Path, reports: Sequence[Mapping[str, Any]]) -> list[Path]:
    """Write ``report.md``, ``report.html`` and for each topic ``TOPIC.svg`` and the figures themselves, ``TOPIC.json``.

    Args:
        folder: Where to; made if it does not exist.
        reports: What :func:`espressivo.evaluation.figures.as_report` gives, in the order to show.

    Returns:
        The files written.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = {folder / f"{report['topic']}.svg": dot_plot(_figures(report)) for report in reports}
    written |= {folder / f"{report['topic']}.json": json.dumps(report, indent=2) + "\n" for report in reports}
    written[folder / "report.md"] = _markdown(reports)
    written[folder / "report.html"] = _page(reports)
    for path, text in written.items():
        write_bytes(path, text.encode())
    return list(written)


def _figures(report: Mapping[str, Any]) -> list[Figure]:
    return [Figure(**{**values, "interval": values["interval"] and tuple(values["interval"])}) for values in report["figures"]]


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, report[name]) for name in FACTS if name in report]


def _cells(figure: Figure) -> tuple[str, ...]:
    published = "; ".join(f"{name} {value:.3g}" for name, value in figure.published.items())
    return (*rows([figure])[0], published)


def _markdown(reports: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "# Measured",
        "",
        "Written by `python -m espressivo.evaluation.report` from what `espressivo evaluate --json` wrote.",
    ]
    for report in reports:
        topic, figures = report["topic"], _figures(report)
        lines += ["", f"## {topic}", "", *[f"- {name}: `{value}`" for name, value in _facts(report)]]
        lines += ["", f"![{topic}]({topic}.svg)", "", _row(HEADER), _row(["---"] * len(HEADER))]
        lines += [_row([cell.replace("|", "\\|") for cell in _cells(figure)]) for figure in figures]
        lines += ["", "How each was measured:", "", *[f"- `{f.name}`: {f.source}" for f in figures if f.source]]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _page(reports: Sequence[Mapping[str, Any]]) -> str:
    body = "<h1>Measured</h1>"
    for report in reports:
        figures = _figures(report)
        facts = "".join(f"<li>{name}: <code>{html.escape(value)}</code></li>" for name, value in _facts(report))
        table = "".join(_html_row(figure) for figure in figures)
        head = "".join(f"<th>{name}</th>" for name in HEADER)
        body += f"<h2>{html.escape(report['topic'])}</h2><ul>{facts}</ul>{dot_plot(figures)}"
        body += f"<div class=wide><table><tr>{head}</tr>{table}</table></div>"
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Measured</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{body}</body></html>\n"


def _html_row(figure: Figure) -> str:
    verdict = {True: "met", False: "missed", None: ""}[figure.met]
    name, *others = _cells(figure)
    cells = "".join(
        f"<td{f' class={verdict}' if index == 3 else ''}>{html.escape(cell)}</td>" for index, cell in enumerate(others)
    )
    return f"<tr><td>{html.escape(name)}<br><small>{html.escape(figure.source)}</small></td>{cells}</tr>"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", help="JSON that evaluate --json wrote; of a topic the last counts")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parsed = parser.parse_args(arguments)
    read = [json.loads(path.read_text(encoding="utf-8")) for path in parsed.files]
    by_topic = {report["topic"]: report for item in read for report in (item if isinstance(item, list) else [item])}
    write_report(parsed.output, list(by_topic.values()))


if __name__ == "__main__":
    main()
