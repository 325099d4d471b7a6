"""What the files around the package say must agree with each other."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_the_pinned_set_satisfies_what_is_declared() -> None:
    pinned = dict(re.findall(r"^([A-Za-z0-9_.-]+)==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE))
    names = {re.sub("[-_.]+", "-", name).lower() for name in pinned}
    declared = {re.sub("[-_.]+", "-", re.split(r"[<>=\[]", line)[0]).lower() for line in PROJECT["dependencies"]}
    assert declared - names <= {"torch"}, "torch is pinned by the Makefile"


def test_workflows_and_hooks_are_valid_and_run_what_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    commands = [step.get("run", "") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in commands
    assert "make wheel-check" in commands
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {hook["id"] for repository in hooks["repos"] for hook in repository["hooks"]} >= {"ruff-check", "mypy"}


def test_every_target_of_the_makefile_is_explained() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)[0].split())
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in shown.splitlines() if line.startswith("  ")} == targets


def test_the_check_of_the_wheel_is_a_valid_script() -> None:
    subprocess.run(["bash", "-n", "tests/packaging/wheel_check.sh"], cwd=ROOT, check=True)


def test_every_extra_is_explained() -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert [extra for extra in PROJECT["optional-dependencies"] if f"`espressivo[{extra}]`" not in text] == []
