"""One archive with everything that a result was made from, the result, and the commands that make it again."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from espressivo.emotion.plan import EmotionPlan, save_plan
from espressivo_demo.snippets import GIVEN, PLAN, TRANSCRIPT, Recipe, as_command, as_python

__all__ = ["BUNDLE", "GIVEN", "gather", "pack", "source_name"]

BUNDLE: Final = "bundle.zip"
# Every entry gets the same date, so that the same work gives the same archive.
DATE: Final = (1980, 1, 1, 0, 0, 0)


def gather(folder: Path, plan: EmotionPlan, *, portrait: Path | None, speech: Path | None, transcript: str | None) -> None:
    """Lay the sources into the folder of the result, under the names that a :class:`Recipe` uses."""
    save_plan(plan, folder / PLAN)
    for path, name in ((portrait, "portrait"), (speech, "speech")):
        if path is not None:
            shutil.copyfile(path, folder / source_name(name, path))
    if transcript:
        (folder / TRANSCRIPT).write_text(transcript, encoding="utf-8")


def source_name(name: str, path: Path) -> str:
    """``speech.wav`` for a recording whatever it was called."""
    return name + path.suffix.lower()


def pack(folder: Path, recipe: Recipe) -> Path:
    """Write :data:`BUNDLE` with all files of the folder, ``run.sh`` and ``run.py``."""
    (folder / "run.sh").write_text(f"{as_command(recipe)}\n", encoding="utf-8")
    (folder / "run.py").write_text(as_python(recipe), encoding="utf-8")
    path = folder / BUNDLE
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(folder):
            archive.writestr(zipfile.ZipInfo(file.name, DATE), file.read_bytes(), zipfile.ZIP_DEFLATED)
    return path


def _files(folder: Path) -> Sequence[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file() and file.name != BUNDLE)
