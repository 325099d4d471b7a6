"""The fuzzing targets, some seconds each, from the committed corpora."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from espressivo.errors import EspressivoError
from espressivo.evaluation.fuzzing import READERS

HERE = Path(__file__).parent
KINDS = ("png", "jpg", "wav", "mid", "jsonl", "json")


def corpus(kind: str) -> list[Path]:
    return sorted((HERE / "corpus" / kind).iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_every_input_of_the_corpus_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    read = 0
    for seed in corpus(kind):
        path = tmp_path / f"input.{kind}"
        shutil.copyfile(seed, path)
        try:
            READERS[kind](path)
            read += 1
        except EspressivoError:
            pass
    assert 0 < read < len(corpus(kind)), "a corpus holds whole files and broken ones"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="needs atheris (pip install atheris)")
@pytest.mark.parametrize("kind", KINDS)
def test_a_coverage_guided_search_finds_nothing(kind: str, tmp_path: Path) -> None:
    folder = shutil.copytree(HERE / "corpus" / kind, tmp_path / "corpus")
    options = [
        "-max_total_time=15",
        "-timeout=5",
        "-rss_limit_mb=2048",
        "-max_len=4096",
        "-seed=1",
        f"-artifact_prefix={tmp_path}/",
    ]
    command = [sys.executable, str(HERE / "target.py"), kind, *options, f"-artifact_prefix={tmp_path}/", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    tried = re.search(r"Done (\d+) runs", done.stderr)
    assert tried is not None
    assert int(tried[1]) > 100
