import json
import re
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from espressivo.cli import app
from espressivo.evaluation.charts import dot_plot
from espressivo.evaluation.figures import Figure, as_report
from espressivo.evaluation.report import main, write_report

FIGURES = [
    Figure("lips.closures_hit", 0.97, "", "higher", 0.9, (0.93, 1.0), {"energy rule <a>": 0.4}, "two takes | aligned"),
    Figure("speed.motion", 0.2, "s/s", "lower", 0.1, published={"Ditto, A100": 0.155}),
    Figure("captured.jaw_r2", None, "", "higher", 0.5, source="skipped: no data"),
]


def test_a_report_says_how_it_was_made_and_what_it_found(tmp_path):
    write_report(tmp_path / "new", [as_report("motion", FIGURES, "espressivo evaluate motion")])
    text = (tmp_path / "new" / "report.md").read_text()
    assert "`espressivo evaluate motion`" in text
    assert re.search(r"date: `\d{4}-\d\d-\d\d", text)
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "met" in rows["lips.closures_hit"]
    assert "MISSED" in rows["speed.motion"]
    assert "Ditto, A100 0.155" in rows["speed.motion"]
    assert "skipped" in rows["captured.jaw_r2"]
    assert len({line.replace("\\|", "").count("|") for line in rows.values()}) == 1, "a cell broke its table"


def test_the_page_stands_alone_and_escapes_what_it_shows(tmp_path):
    write_report(tmp_path, [as_report("motion", FIGURES, "c")])
    page = (tmp_path / "report.html").read_text()
    assert "energy rule &lt;a&gt;" in page
    outside = re.findall(r"(?:src|href)=['\"]?([^'\" >]+)", page)
    assert outside == []


def test_the_picture_shows_every_measured_figure_in_its_place():
    picture = ET.fromstring(dot_plot(FIGURES))  # noqa: S314 - our own picture
    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "lips.closures_hit" in texts
    assert "captured.jaw_r2" not in texts
    ours = [float(e.get("cx")) for e in picture.iter("{http://www.w3.org/2000/svg}circle") if e.get("r") == "4.5"][1:]
    baseline = [float(e.get("cx")) for e in picture.iter("{http://www.w3.org/2000/svg}circle") if e.get("r") == "3.5"][1:]
    assert baseline[0] < ours[0], "0.4 lies left of 0.97"


def test_reports_of_several_runs_are_put_together(tmp_path):
    for topic in ("face", "motion"):
        (tmp_path / f"{topic}.json").write_text(json.dumps(as_report(topic, FIGURES, f"evaluate {topic}")))
    main([str(tmp_path / "face.json"), str(tmp_path / "motion.json"), "-o", str(tmp_path / "results")])
    text = (tmp_path / "results" / "report.md").read_text()
    assert text.index("`evaluate face`") < text.index("`evaluate motion`")
    assert (tmp_path / "results" / "motion.svg").is_file()


def test_one_topic_measured_anew_takes_the_place_of_the_old_figures(tmp_path):
    for topic in ("face", "motion"):
        (tmp_path / f"{topic}.json").write_text(json.dumps(as_report(topic, FIGURES, f"evaluate {topic}")))
    results = tmp_path / "results"
    main([str(tmp_path / "face.json"), str(tmp_path / "motion.json"), "-o", str(results)])
    (tmp_path / "new.json").write_text(json.dumps([as_report("face", FIGURES[:1], "evaluate face --quick")]))
    main([*map(str, sorted(results.glob("*.json"))), str(tmp_path / "new.json"), "-o", str(results)])
    text = (results / "report.md").read_text()
    assert text.count("## face") == text.count("## motion") == 1
    assert "`evaluate face --quick`" in text
    assert "`evaluate face`" not in text


def test_an_unknown_topic_is_refused(tmp_path):
    done = CliRunner().invoke(app, ["evaluate", "weather", "--report", str(tmp_path / "r")])
    assert done.exit_code != 0
    assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_the_command_writes_what_it_prints(tmp_path):
    arguments = ["evaluate", "emotion", "--quick", "--json", str(tmp_path / "f.json"), "--report", str(tmp_path / "r")]
    CliRunner().invoke(app, arguments)
    written = json.loads((tmp_path / "f.json").read_text())
    text = (tmp_path / "r" / "report.md").read_text()
    assert all(f"`{figure['name']}`" in text or figure["name"] in text for figure in written["figures"])
