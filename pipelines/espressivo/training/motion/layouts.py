"""How sets of talking clips are laid out: from a path inside the set to who shows which emotion how strongly."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, Final

from espressivo.resources import load_config

__all__ = ["LAYOUTS", "ClipLabel"]

FILMS: Final = r"(?:mp4|mov|mkv|webm|flv)"
# The set films seven views at once; the tracker wants the one from the front.
MEAD_FOLDERS: Final = re.compile(rf"(?:.*/)?([MW]\d+)/video/front/([a-z]+)/level_(\d)/[^/]+\.{FILMS}")
MEAD_FLAT: Final = re.compile(rf"(?:.*/)?([MW]\d+)_front_([a-z]+)_level_?(\d)_[^/]+\.{FILMS}")
HDTF: Final = re.compile(rf"(?:.*/)?([^/]+?)(?:_\d+)?\.{FILMS}")
# Modality 01 has sound and pictures, 02 pictures alone; channel 01 is speech, 02 song.
RAVDESS: Final = re.compile(rf"(?:.*/)?0[12]-01-(\d\d)-(\d\d)-\d\d-\d\d-(\d\d)\.{FILMS}")
CREMA_D: Final = re.compile(rf"(?:.*/)?(\d{{4}})_[A-Z]{{3}}_([A-Z]{{3}})_([A-Z]{{2}})\.{FILMS}")


@dataclass(frozen=True, slots=True)
class ClipLabel:
    """What a set says of a clip.

    Attributes:
        person: Who is filmed.
        emotion: A word of the ontology.
        intensity: 0 to 1.
    """

    person: str
    emotion: str
    intensity: float


@cache
def _table() -> dict[str, Any]:
    return load_config("train/clips.yaml")


def _labelled(person: str, word: str, level: Any, rows: Mapping[str, Any]) -> ClipLabel | None:  # noqa: ANN401 - key of a table
    emotion, intensity = rows["emotions"].get(word), rows["intensity"].get(level)
    if emotion is None or intensity is None:
        return None
    return ClipLabel(person, emotion, _table()["neutral_intensity"] if emotion == "neutral" else intensity)


def _mead(path: PurePath) -> ClipLabel | None:
    found = MEAD_FOLDERS.fullmatch(path.as_posix()) or MEAD_FLAT.fullmatch(path.as_posix())
    return _labelled(found[1], found[2], int(found[3]), _table()["mead"]) if found else None


def _hdtf(path: PurePath) -> ClipLabel | None:
    found = HDTF.fullmatch(path.as_posix())
    return ClipLabel(found[1], "neutral", _table()["neutral_intensity"]) if found else None


def _ravdess(path: PurePath) -> ClipLabel | None:
    found = RAVDESS.fullmatch(path.as_posix())
    return _labelled(found[3], found[1], found[2], _table()["ravdess"]) if found else None


def _crema_d(path: PurePath) -> ClipLabel | None:
    found = CREMA_D.fullmatch(path.as_posix())
    return _labelled(found[1], found[2], found[3], _table()["crema-d"]) if found else None


LAYOUTS: Final[Mapping[str, Callable[[PurePath], ClipLabel | None]]] = {
    "mead": _mead,
    "hdtf": _hdtf,
    "ravdess": _ravdess,
    "crema-d": _crema_d,
}
