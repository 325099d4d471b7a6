"""Contact sheets to look at: every portrait with every basic emotion at its height, lips, lids and the head turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from espressivo.emotion.intake import receive, think
from espressivo.errors import ImageInputError
from espressivo.face.expression import expression_curves
from espressivo.face.head import expression_weights
from espressivo.media.atomic import write_bytes
from espressivo.media.image import load_image
from espressivo.render.regions import Region
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.resources import example_path, load_config

__all__ = ["SHEET_SETS", "Sheet", "Tile", "contact_sheets", "sheet_tiles"]

Image = NDArray[np.uint8]
Float = NDArray[np.float32]

EXAMPLES: Final = ("portrait.png", "portrait_2.png", "astronaut.jpg", "grace_hopper.jpg")
SHEET_SETS: Final = {
    "synthetic": "face/portraits-synthetic-sfhq/files",
    "art": "face/portraits-art/files",
    "drawn": "face/portraits-ai/files",
    "edge": "face/edge-cases/files",
    "happy": "face/emo-faces-sfhq/files/happy",
    "angry": "face/emo-faces-sfhq/files/angry",
}
EMOTIONS: Final = ("joy", "sadness", "anger", "fear", "surprise", "disgust", "contempt")
VOWELS: Final = ("aa", "iy", "oh", "uw")
PLAN_S: Final = 4.0
PLAN_FPS: Final = 25.0
SIZE_PX: Final = 512
CELL_PX: Final = 224
COLUMNS: Final = 7
PORTRAITS_A_SHEET: Final = 2
# What of the portrait a cell shows: the face points with this much around them, part of the face height.
SURROUNDINGS: Final = 0.42


@dataclass(frozen=True)
class Tile:
    """One cell: what is asked of the face.

    Attributes:
        name: Written into the cell.
        weights: ``(52,)``.
        rotation_deg: Pitch, yaw, roll.
    """

    name: str
    weights: Float
    rotation_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Sheet:
    """A written sheet, and the pictures that were refused with the code of the reason."""

    name: str
    shown: tuple[str, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)


@cache
def sheet_tiles() -> tuple[Tile, ...]:
    """The cells of one portrait, in reading order."""
    rest = expression_weights()
    visemes = load_config("motion/visemes.yaml")["visemes"]
    vowels = {name: expression_weights(**visemes[name]["t"]) for name in VOWELS}
    emotions = {emotion: _at_its_height(emotion) for emotion in EMOTIONS}
    return (
        Tile("rest", rest),
        *(Tile(emotion, weights) for emotion, weights in emotions.items()),
        Tile("angry [aa]", np.maximum(emotions["anger"], vowels["aa"])),
        Tile("wide smile", expression_weights(mouthSmile=1, cheekSquint=0.8, mouthUpperUp=0.3, jawOpen=0.25)),
        Tile("jaw open", expression_weights(jawOpen=0.9)),
        *(Tile(f"[{name}]", weights) for name, weights in vowels.items()),
        Tile("blink", expression_weights(eyeBlink=1)),
        Tile("yaw +20", rest, (0, 20, 0)),
        Tile("yaw -20", rest, (0, -20, 0)),
        Tile("pitch +15", rest, (15, 0, 0)),
        Tile("pitch -15", rest, (-15, 0, 0)),
        Tile("roll 15", rest, (0, 0, 15)),
    )


def _at_its_height(emotion: str) -> Float:
    """What the planner's own plan shows of an emotion at full intensity where it shows most."""
    plan = think(receive(emotion, None, duration_s=PLAN_S, intensity=1.0))
    curves = expression_curves(plan, np.arange(0, PLAN_S, 1 / PLAN_FPS), seed=0)
    height: Float = curves[int(curves.sum(axis=1).argmax())]
    return height


def contact_sheets(folder: Path, data: Path | None, *, quick: bool) -> list[Sheet]:
    """Write ``NAME-1.png``, ``NAME-2.png``, ... for each set of portraits.

    Args:
        folder: Where the sheets go; made if missing.
        data: Evaluation data; without it the bundled portraits alone are shown.
        quick: One sheet a set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    renderer = PortraitRenderer.from_pretrained()
    sheets = []
    for name, paths in _sets(data).items():
        chosen = _spread(paths, PORTRAITS_A_SHEET if quick else 6 * PORTRAITS_A_SHEET)
        sheets += [_sheet(renderer, folder, f"{name}-{page + 1}", part) for page, part in enumerate(_pages(chosen))]
    return sheets


def _sets(data: Path | None) -> dict[str, list[Path]]:
    sets = {"examples": [example_path(name) for name in EXAMPLES]}
    if data is not None:
        for name, place in SHEET_SETS.items():
            sets[name] = sorted(path for path in (data / place).glob("*") if path.suffix.lower() in {".jpg", ".png"})
    return sets


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    if len(paths) <= count:
        return list(paths)
    return [paths[k] for k in np.linspace(0, len(paths) - 1, count).round().astype(int)]


def _pages(paths: Sequence[Path]) -> Iterator[Sequence[Path]]:
    for first in range(0, len(paths), PORTRAITS_A_SHEET):
        yield paths[first : first + PORTRAITS_A_SHEET]


def _sheet(renderer: PortraitRenderer, folder: Path, name: str, paths: Sequence[Path]) -> Sheet:
    rows, shown, refused = [], [], {}
    for path in paths:
        try:
            portrait = renderer.fit(prepare_portrait(load_image(path), SIZE_PX))
        except ImageInputError as error:
            refused[path.name] = error.code
            continue
        rows.append(_portrait_rows(renderer, portrait))
        shown.append(path.name)
    if rows:
        buffer = BytesIO()
        Picture.fromarray(np.vstack(rows)).save(buffer, format="PNG")
        write_bytes(folder / f"{name}.png", buffer.getvalue())
    return Sheet(name, tuple(shown), refused)


def _portrait_rows(renderer: PortraitRenderer, portrait: FittedPortrait) -> Image:
    window = _window(portrait)
    cells = [
        _cell(renderer.frame(portrait, tile.weights, np.radians(tile.rotation_deg))[window.slices], tile.name)
        for tile in sheet_tiles()
    ]
    return np.vstack([np.hstack(cells[k : k + COLUMNS]) for k in range(0, len(cells), COLUMNS)])


def _window(portrait: FittedPortrait) -> Region:
    """A square around the face, as far as the picture goes."""
    marks, (height, width) = portrait.fit.landmarks, portrait.image.shape[:2]
    low, high = marks.min(axis=0), marks.max(axis=0)
    half = (0.5 + SURROUNDINGS) * float((high - low).max())
    return Region.around(((low + high) / 2)[None], half, width, height)


def _cell(frame: Image, name: str) -> Image:
    scale = CELL_PX / max(frame.shape[:2])
    size = tuple(max(1, round(n * scale)) for n in frame.shape[1::-1])
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    cell = np.zeros((CELL_PX, CELL_PX, 3), np.uint8)
    cell[: small.shape[0], : small.shape[1]] = small
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(cell, name, (5, CELL_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, thickness, cv2.LINE_AA)
    return cell
