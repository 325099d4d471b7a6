import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from espressivo.cli import app
from espressivo.errors import ManifestError, SettingError


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["batch", *map(str, arguments)])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.jsonl"
    rows = [
        {"kind": "plan", "id": "happy", "emotion": "joy", "duration_s": 2},
        {"kind": "plan", "id": "upset", "emotion": "fear", "duration_s": 2},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_run_and_what_is_told_about_it(manifest: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    planned = json.loads(call("run", manifest, "-o", folder, "--dry-run", "--json").stdout)
    assert planned["jobs"] == ["happy", "upset"]
    assert planned["estimate_s"] is None
    assert not folder.exists()

    done = call("run", manifest, "-o", folder, "--workers", 1, "--only", "happy")
    assert done.exit_code == 0, done.output
    assert "1/1 happy" in done.stderr
    assert (folder / "results" / "happy" / "plan.json").is_file()
    assert (folder / "report.html").is_file()
    assert (folder / "metrics.prom").is_file()

    planned = json.loads(call("run", manifest, "-o", folder, "--dry-run", "--json").stdout)
    assert (planned["new"], planned["cached"]) == (1, 1)
    assert planned["estimate_s"] > 0

    told = json.loads(call("status", folder, "--json").stdout)
    assert told["states"] == {"done": 1}

    again = json.loads(call("run", manifest, "-o", folder, "--only", "happy", "--json").stdout)
    assert (again["cached"], again["states"]) == (1, {})

    rest = tmp_path / "rest.jsonl"
    rest.write_text(manifest.read_text().splitlines()[1] + "\n")
    assert "Removed 1 results" in call("gc", folder, rest).stdout


def test_every_mistake_is_listed_and_nothing_is_rendered(tmp_path: Path) -> None:
    path = tmp_path / "jobs.jsonl"
    path.write_text('{"kind": "plan", "emotion": "joyy"}\n{"kind": "plan"}\n{"kind": "plan", "emotion": "joy"}\n')
    checked = call("validate", path)
    assert isinstance(checked.exception, ManifestError)
    assert "jobs.jsonl: line 1: emotion:" in checked.stderr
    assert "jobs.jsonl: line 2: row: give exactly one of emotion, vad, dialogue, plan" in checked.stderr
    assert isinstance(call("run", path, "-o", tmp_path / "run").exception, ManifestError)
    assert not (tmp_path / "run").exists()
    as_json = call("validate", path, "--json")
    assert as_json.exit_code == 2
    assert [row["line"] for row in json.loads(as_json.stdout)["mistakes"]] == [1, 2]


def test_a_good_manifest_is_counted(manifest: Path) -> None:
    checked = call("validate", manifest)
    assert checked.exit_code == 0
    assert "2 jobs, no mistakes" in checked.stdout


@pytest.mark.parametrize(
    "options",
    [
        ["--shard", "0/2"],
        ["--shard", "3/2"],
        ["--shard", "x"],
        ["--only", "nothing*"],
        ["--limit", "0"],
        ["--timeout", "0"],
        ["--retries", "-1"],
        ["--engine", "magic"],
        ["--workers", "0"],
    ],
)
def test_settings_out_of_range(options: list[str], manifest: Path, tmp_path: Path) -> None:
    assert isinstance(call("run", manifest, "-o", tmp_path / "run", *options).exception, SettingError)


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    assert isinstance(call("status", tmp_path).exception, ManifestError)


def test_the_schema_is_printed() -> None:
    assert json.loads(call("schema").stdout)["properties"]["consent"]
