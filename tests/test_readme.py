"""What README says works as it is written."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    return [code for name, code in fenced if name == language]


def test_the_lines_of_python_run(tmp_path):
    (code,) = blocks("python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    shutil.copytree(ROOT / "demo" / "examples", tmp_path / "demo" / "examples")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"talk.mp4", "music.mid", "music.wav"} <= {path.name for path in tmp_path.iterdir()}


def test_the_commands_exist():
    from typer.main import get_command

    from espressivo.cli import app

    commands = set(get_command(app).commands)
    named = {line.split()[1] for block in blocks("") for line in block.splitlines() if line.startswith("espressivo ")}
    assert named
    assert named <= commands


def test_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
