import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pretty_midi
import pytest

from espressivo.batch.execution import seal
from espressivo.batch.report import metrics_text, read_records, write_metrics, write_report
from espressivo.batch.store import JobRecord, Store
from espressivo.media.midi import save_midi
from espressivo.media.video import encode_video


def record(key: str, name: str, state: str = "done", **fields: object) -> JobRecord:
    values = {"kind": "talk", "attempts": 1, "seed": 1, "wall_s": 2.0, "finished_unix_s": 1.0, "peak_memory_bytes": 100}
    return JobRecord.model_validate({"key": key, "name": name, "state": state, **values, **fields})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "run")
    store.prepare()
    keys = [letter * 32 for letter in "abcd"]
    film = store.root / "work" / "film"
    film.mkdir()
    encode_video(film / "talk.mp4", [np.full((64, 48, 3), (200, 30, 30), np.uint8)] * 20, fps=Fraction(25))
    seal(film)
    store.publish(keys[0], film)
    piece = store.root / "work" / "piece"
    piece.mkdir()
    midi = pretty_midi.PrettyMIDI()
    piano = pretty_midi.Instrument(0)
    piano.notes = [pretty_midi.Note(80, 60 + n, n * 0.5, n * 0.5 + 0.4) for n in range(5)]
    midi.instruments.append(piano)
    save_midi(midi, piece / "music.mid")
    seal(piece)
    store.publish(keys[1], piece)
    store.write_record(record(keys[0], "film", stage_seconds={"render": 1.5}))
    store.write_record(record(keys[1], "piece", kind="compose", stage_seconds={"compose": 0.5}, wall_s=0.4))
    store.write_record(record(keys[2], "<script>alert(1)</script>", "failed", code="image.no_face", message="<b>no</b> face"))
    store.write_record(record(keys[3], "poison", "quarantined", attempts=3, code="batch.died", message="died"))
    (store.root / "records" / "broken.json").write_text("{")
    return store


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_report_is_one_safe_file(store: Store) -> None:
    text = write_report(store).read_text(encoding="utf-8")
    seen = Seen()
    seen.feed(text)
    assert not [tag for tag, _ in seen.tags if tag in {"script", "link", "iframe", "b"} and tag != "b"]
    sources = [value or "" for _, attributes in seen.tags for name, value in attributes.items() if name in {"src", "href"}]
    assert all(source.startswith(("data:image/jpeg;base64,", "objects/")) for source in sources)
    assert all((store.root / source).is_file() for source in sources if source.startswith("objects/"))
    assert "&lt;b&gt;no&lt;/b&gt; face" in text
    assert text.count("<rect ") == 5
    assert text.count("<img ") == 1
    for words in ("4 jobs", "2 done", "1 failed", "1 quarantined", "3 attempts", "image.no_face"):
        assert words in text


def test_metrics_follow_the_format(store: Store) -> None:
    text = write_metrics(store).read_text(encoding="utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r'# TYPE \w+ (gauge|counter|histogram)|\w+(\{\w+="[^"]*"\})? [0-9.]+', line), line
    assert 'espressivo_batch_jobs{state="done"} 2' in text
    assert 'espressivo_batch_job_seconds_bucket{le="1"} 1' in text
    assert 'espressivo_batch_job_seconds_bucket{le="+Inf"} 2' in text
    assert 'espressivo_batch_stage_seconds_total{stage="render"} 1.5000' in text


def test_nothing_done_yet() -> None:
    assert "espressivo_batch_job_seconds_count 0" in metrics_text([])


def test_records_that_cannot_be_read_are_left_out(store: Store) -> None:
    assert sorted(found.name for found in read_records(store)) == ["<script>alert(1)</script>", "film", "piece", "poison"]
