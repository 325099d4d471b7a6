"""Every block of Python and every command of the documentation is run as it stands, page by page, in order."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"results", "reference"} & set(path.relative_to(DOCS).parts))
# Its blocks need files of the reader's own and are tested beside the batch runner.
RUN_ELSEWHERE = {"batch.md"}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
KNOWN_LANGUAGES = {"python", "bash", "text", "mermaid", "jsonl", "json", "nginx", "yaml", ""}


def name_of(path: Path) -> str:
    return path.relative_to(DOCS).as_posix()


def blocks(path: Path) -> list[tuple[str, str]]:
    return FENCE.findall(path.read_text(encoding="utf-8"))


def runnable(path: Path) -> list[tuple[str, str]]:
    return [(language, code) for language, code in blocks(path) if language in {"python", "bash"}]


# Runs a page: its Python in one interpreter, as a reader would type it, the commands between in the order of the page.
READER = """
import json, subprocess, sys
names = {"__name__": "__main__"}
for language, code in json.load(sys.stdin):
    print(f"{language}: {code}", flush=True)
    if language == "python":
        exec(compile(code, "page", "exec"), names)
    else:
        subprocess.run(["bash", "-euc", code], check=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("path", [p for p in PAGES if runnable(p) and name_of(p) not in RUN_ELSEWHERE], ids=name_of)
def test_what_a_page_tells_to_run_runs(path, tmp_path):
    shutil.copytree(ROOT / "demo" / "examples", tmp_path / "demo" / "examples")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-c", READER],
        input=json.dumps(runnable(path)),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", [*PAGES, *(DOCS / "reference").glob("*.md")], ids=name_of)
def test_links_and_pictures_lead_somewhere(path):
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)", text):
        assert (path.parent / target).exists(), f"{name_of(path)} -> {target}"


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_a_block_says_what_it_is(path):
    unknown = {language for language, _ in blocks(path)} - KNOWN_LANGUAGES
    assert not unknown, f"{name_of(path)}: {unknown}; python and bash are run, text is not"


def test_the_index_names_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    missing = [name_of(path) for path in PAGES if path.name != "README.md" and name_of(path) not in index]
    assert not missing


def test_the_reference_is_what_the_code_says():
    done = subprocess.run(
        [sys.executable, str(DOCS / "generate.py"), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, f"run python docs/generate.py: {done.stdout}{done.stderr}"


def test_every_kind_of_error_is_in_the_troubleshooting():
    codes = set(re.findall(r"^\| `(\w+)\.", (DOCS / "reference" / "errors.md").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert len(codes) > 10
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    assert [code for code in sorted(codes) if f"`{code}.`" not in text] == []


def test_what_the_comparison_rests_on_exists():
    text = (DOCS / "comparison.md").read_text(encoding="utf-8")
    marks = {int(mark) for mark in re.findall(r"\[(\d+)\]", text.partition("| mark |")[0])}
    proofs = re.findall(r"^\| (\d+) \| (.*) \|$", text, flags=re.MULTILINE)
    assert {int(mark) for mark, _ in proofs} == marks
    from typer.main import get_command

    from espressivo.cli import app
    from espressivo.cli.evaluate import TOPICS

    commands = set(get_command(app).commands)
    for _, proof in proofs:
        for quoted in re.findall(r"`([^`]+)`", proof):
            words = quoted.split()
            if words[0] == "espressivo":
                assert words[1] in commands, quoted
                assert words[1] != "evaluate" or words[2] in TOPICS, quoted
            elif words[0] == "make":
                assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(encoding="utf-8"), quoted
            elif "/" in quoted or quoted.endswith(".md"):
                assert (ROOT / quoted).exists(), quoted
