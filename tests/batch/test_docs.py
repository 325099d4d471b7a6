import json
import re
import subprocess
import sys
from pathlib import Path

from espressivo.batch.jobs import build_jobs
from espressivo.batch.manifest import read_manifest
from espressivo.emotion.intake import receive, think
from espressivo.emotion.plan import save_plan

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "batch.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found.group(1)


def test_the_manifest_of_the_guide_is_valid(tmp_path: Path) -> None:
    for name in ("faces/anna.png", "lines/hello.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "plans").mkdir()
    save_plan(think(receive("joy", None, duration_s=2.0)), tmp_path / "plans" / "edited.json")
    (tmp_path / "jobs.jsonl").write_text(block("jsonl"), encoding="utf-8")
    manifest = read_manifest(tmp_path / "jobs.jsonl")
    jobs, mistakes = build_jobs(manifest, tmp_path, run_seed=0)
    assert [*manifest.bad_rows, *mistakes] == []
    assert len(jobs) == 4 + 6


def test_the_python_of_the_guide_runs(tmp_path: Path) -> None:
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"kind": "plan", "emotion": "joy", "duration_s": 1}) + "\n")
    script = tmp_path / "script.py"
    script.write_text(block("python"), encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "'done': 1" in done.stdout, done.stderr
