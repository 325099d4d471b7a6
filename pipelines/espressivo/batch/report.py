"""What a run folder holds, for people (``report.html``) and for monitoring (``metrics.prom``)."""

from __future__ import annotations

import base64
import html
import io
import itertools
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PIL import Image

from espressivo.batch.store import JobRecord, Store
from espressivo.errors import EspressivoError
from espressivo.media.atomic import write_bytes
from espressivo.media.midi import load_midi
from espressivo.media.video_reader import read_frames

__all__ = ["metrics_text", "read_records", "write_metrics", "write_report"]

MAX_PICTURES: Final = 200
THUMBNAIL_FRAME: Final = 12  # half a second in, when the face has left its rest
THUMBNAIL_SIDE: Final = 96
MAX_ROLL_NOTES: Final = 400
WALL_BUCKETS_S: Final = (1, 5, 15, 60, 300, 900, 3600)
STATES: Final = ("done", "failed", "quarantined")
STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; min-width: min(24rem, 100%); }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } th { font-weight: 600; }
.done { color: #2a7d3f; } .failed { color: #b3372f; } .quarantined { color: #b36b00; }
@media (prefers-color-scheme: dark) { .done { color: #6fcf87; } .failed { color: #ff8a80; } .quarantined { color: #ffb74d; } }
.bar { display: flex; height: 12px; border-radius: 6px; overflow: hidden; background: var(--soft); }
.bar span { background: currentColor; } img, svg { display: block; width: 96px; height: auto; border-radius: 4px; }
.wide { overflow-x: auto; } small { opacity: .75; } code { font-size: .9em; }
"""


def read_records(store: Store) -> list[JobRecord]:
    """All records of a run folder, by name; those that cannot be read are left out."""
    found = (store.read_record(path.stem) for path in (store.root / "records").glob("*.json"))
    return sorted((record for record in found if record is not None), key=lambda record: record.name)


def write_report(store: Store) -> Path:
    """Write ``report.html``, one file without anything from outside, linking to the results beside it.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    path = store.root / "report.html"
    write_bytes(path, _page(store, read_records(store)).encode())
    return path


def write_metrics(store: Store) -> Path:
    """Write ``metrics.prom`` in the text format of Prometheus.

    Raises:
        EncodeError: One of :func:`espressivo.media.atomic.atomic_output`.
    """
    path = store.root / "metrics.prom"
    write_bytes(path, metrics_text(read_records(store)).encode())
    return path


def metrics_text(records: Sequence[JobRecord]) -> str:
    """Counters, a histogram of the seconds of jobs, and the seconds of stages."""
    states = Counter(record.state for record in records)
    codes = Counter(record.code for record in records if record.code)
    done = [record for record in records if record.state == "done"]
    lines = ["# TYPE espressivo_batch_jobs gauge"]
    lines += [f'espressivo_batch_jobs{{state="{state}"}} {states[state]}' for state in STATES]
    lines.append("# TYPE espressivo_batch_errors gauge")
    lines += [f'espressivo_batch_errors{{code="{code}"}} {count}' for code, count in sorted(codes.items())]
    lines.append("# TYPE espressivo_batch_job_seconds histogram")
    for bound in WALL_BUCKETS_S:
        count = sum(record.wall_s <= bound for record in done)
        lines.append(f'espressivo_batch_job_seconds_bucket{{le="{bound}"}} {count}')
    lines.append(f'espressivo_batch_job_seconds_bucket{{le="+Inf"}} {len(done)}')
    lines.append(f"espressivo_batch_job_seconds_sum {sum(record.wall_s for record in done):.4f}")
    lines.append(f"espressivo_batch_job_seconds_count {len(done)}")
    lines.append("# TYPE espressivo_batch_stage_seconds_total counter")
    lines += [f'espressivo_batch_stage_seconds_total{{stage="{stage}"}} {s:.4f}' for stage, s in _stage_seconds(done).items()]
    lines.append("# TYPE espressivo_batch_peak_memory_bytes gauge")
    lines.append(f"espressivo_batch_peak_memory_bytes {max((record.peak_memory_bytes for record in records), default=0)}")
    return "\n".join(lines) + "\n"


def _stage_seconds(records: Sequence[JobRecord]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for record in records:
        total.update(record.stage_seconds)
    return dict(sorted(total.items()))


def _page(store: Store, records: Sequence[JobRecord]) -> str:
    states = Counter(record.state for record in records)
    parts = ", ".join(f'<b class="{state}">{states[state]} {state}</b>' for state in STATES if states[state])
    bar = "".join(f'<span class="{state}" style="flex:{states[state]}"></span>' for state in STATES if states[state])
    sections = [
        f"<h1>Batch run: {html.escape(store.root.name)}</h1>",
        f"<p>{len(records)} jobs: {parts or 'none yet'}</p><div class=bar>{bar}</div>",
        _errors_section(records),
        _jobs_section(store, records),
        _stages_section([record for record in records if record.state == "done"]),
    ]
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>Batch run</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(sections)}</body></html>\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[int]) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        marked = (f"<{tag}{' class=number' if index in numbers else ''}>{cell}</{tag}>" for index, cell in enumerate(cells))
        return f"<tr>{''.join(marked)}</tr>"

    return f"<div class=wide><table>{row(header, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table></div>"


def _errors_section(records: Sequence[JobRecord]) -> str:
    codes = Counter(record.code for record in records if record.code)
    if not codes:
        return ""
    rows = [[f"<code>{html.escape(code or '')}</code>", str(count)] for code, count in codes.most_common()]
    return "<h2>Errors</h2>" + _table(("code", "jobs"), rows, frozenset({1}))


def _stages_section(done: Sequence[JobRecord]) -> str:
    stages = _stage_seconds(done)
    if not stages:
        return ""
    whole = sum(record.wall_s for record in done)
    rows = [[html.escape(stage), f"{s:.1f}", f"{s / len(done):.2f}"] for stage, s in stages.items()]
    rows.append(["whole jobs", f"{whole:.1f}", f"{whole / len(done):.2f}"])
    return "<h2>Time</h2>" + _table(("stage", "seconds", "per job"), rows, frozenset({1, 2}))


def _jobs_section(store: Store, records: Sequence[JobRecord]) -> str:
    rows = []
    pictures = 0
    for record in sorted(records, key=lambda record: record.state == "done"):  # what needs a look comes first
        files = store.files(record.key) if record.state == "done" else []
        picture = _picture(files) if pictures < MAX_PICTURES else ""
        pictures += bool(picture)
        root = store.object_path(record.key)
        links = " ".join(_link(path.relative_to(store.root), path.relative_to(root)) for path in files)
        error = f"<code>{html.escape(record.code)}</code> {html.escape(record.message or '')}" if record.code else links
        state = f'<span class="{record.state}">{record.state}</span>'
        if record.attempts > 1:
            state += f" <small>{record.attempts} attempts</small>"
        rows.append([picture, html.escape(record.name), record.kind, state, f"{record.wall_s:.2f}", error])
    return "<h2>Jobs</h2>" + _table(("", "name", "kind", "state", "seconds", "files or error"), rows, frozenset({4}))


def _link(target: Path, name: Path) -> str:
    return f'<a href="{html.escape(target.as_posix())}">{html.escape(name.as_posix())}</a>'


def _picture(files: Sequence[Path]) -> str:
    """A frame of the video, else the notes of the music; nothing where neither can be read."""
    try:
        for path in files:
            if path.suffix == ".mp4":
                return _thumbnail(path)
        for path in files:
            if path.suffix == ".mid":
                return _piano_roll(path)
    except EspressivoError:
        return ""
    return ""


def _thumbnail(path: Path) -> str:
    latest = deque(itertools.islice(read_frames(path), THUMBNAIL_FRAME + 1), maxlen=1)
    if not latest:
        return ""
    picture = Image.fromarray(latest[0])
    picture.thumbnail((THUMBNAIL_SIDE * 2, THUMBNAIL_SIDE * 2))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return f'<img alt="frame of the video" src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def _piano_roll(path: Path) -> str:
    midi = load_midi(path)
    notes = sorted((note for part in midi.instruments if not part.is_drum for note in part.notes), key=lambda note: note.start)
    if not notes:
        return ""
    end_s = max(note.end for note in notes)
    low, high = min(note.pitch for note in notes), max(note.pitch for note in notes)
    height = 48 / (high - low + 1)
    shapes = "".join(
        f'<rect x="{note.start / end_s * 96:.1f}" y="{(high - note.pitch) * height:.1f}" '
        f'width="{max(0.6, (note.end - note.start) / end_s * 96):.1f}" height="{max(1.0, height):.1f}"/>'
        for note in notes[:MAX_ROLL_NOTES]
    )
    return f'<svg viewBox="0 0 96 48" role="img" aria-label="notes of the music" fill="currentColor">{shapes}</svg>'
