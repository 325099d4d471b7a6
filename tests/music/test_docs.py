"""What docs/music.md says works as it is written."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from espressivo.cli import app

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "music.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", GUIDE, flags=re.DOTALL | re.MULTILINE)
    return [code for name, code in fenced if name == language]


def test_the_python_of_the_guide_runs(tmp_path: Path) -> None:
    code = "\n".join(blocks("python"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_guide_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (commands,) = blocks("")
    lines = commands.strip().splitlines()
    assert len(lines) == 7
    for line in lines:
        result = CliRunner().invoke(app, [*shlex.split(line)[1:], "--quiet"], catch_exceptions=False)
        assert result.exit_code == 0, line
    assert {"piece.mid", "piece.flac", "piece.svg", "longer.mid", "filled.mid", "sad.mid"} <= {p.name for p in tmp_path.iterdir()}
