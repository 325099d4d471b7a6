import shutil
from pathlib import Path

import pytest

from espressivo import resources


@pytest.fixture
def frozen_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys depend on the tables; a copy keeps them still for as long as a long test runs."""
    home = tmp_path / "home"
    shutil.copytree(resources.home() / "configs", home / "configs")
    (home / "checkpoints").mkdir()
    monkeypatch.setenv("ESPRESSIVO_HOME", str(home))
