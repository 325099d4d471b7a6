"""What is asked against what is seen: an independent reader on rendered frames, and shapes against the scans.

The reader is MediaPipe's blendshape model. It judges a warped photograph more mildly than a real face and does not see some
shapes at all; those are compared with the scans by how far they move the face points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.evaluation.face_portraits import SIZE
from espressivo.evaluation.face_spike import Spike
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.arkit import ARKIT_INDEX, ARKIT_NAMES, expand_sides
from espressivo.face.head import MorphableHead, expression_weights
from espressivo.face.landmarks import FaceLandmarker
from espressivo.media.image import load_image
from espressivo.render.renderer import FittedPortrait, PortraitRenderer
from espressivo.training.head.ict_facekit import read_ict_facekit
from espressivo.training.head.measure import compare_shapes

__all__ = ["displacement", "read_back"]

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
# What the reader can read; both eyes look to one side together.
READABLE: Final[dict[str, tuple[str, ...]]] = {
    name: (name,)
    for name in (
        "browDown", "browInnerUp", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide", "eyeLookDown", "eyeLookUp", "jawOpen",
        "mouthSmile", "mouthFrown", "mouthPucker", "mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPress",
        "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthLeft", "mouthRight",
    )
} | {"lookLeft": ("eyeLookOutLeft", "eyeLookInRight"), "lookRight": ("eyeLookInLeft", "eyeLookOutRight")}  # fmt: skip
UNREADABLE: Final = ("cheekPuff", "cheekSquint", "noseSneer", "mouthDimple", "jawLeft", "jawRight")
DISPLACEMENT_FLOOR: Final = 0.2
RANK_FLOOR: Final = 0.95
PERCENTILE: Final = 90
READ_CLIPS: Final = Path("face") / "clips-mead-dreamtalk" / "blendshapes-measured"
READ_PORTRAITS: Final = Path("face") / "emo-faces-sfhq" / "files"
CLIP_STEP: Final = 5
# Readings of other shapes that change by less are not told.
CROSS_TALK: Final = 0.05


def read_back(
    renderer: PortraitRenderer,
    portraits: Sequence[FittedPortrait],
    reader: FaceLandmarker,
    data: Path | None,
    *,
    num_faces: int,
    num_spike: int,
) -> list[Figure]:
    """For each shape: rank correlation, reading at weight 1, what else is read.

    Args:
        renderer: Ours.
        portraits: Fitted portraits.
        reader: The independent reader.
        data: Holds real expressions for the floors; the prototype is looked for beside it.
        num_faces: Expression portraits that are read for the floors.
        num_spike: Portraits that the prototype is asked on.
    """
    rested = [renderer.frame(portrait, expression_weights()) for portrait in portraits]
    rest = [_read(reader, frame) for frame in rested]
    spike = Spike.beside(data)
    fitted_spikes = [spike.fit(portrait.image) for portrait in portraits[:num_spike]] if spike else []
    real = None if data is None else _real_readings(data, reader, num_faces)
    figures, medians, gains = [], [], []
    beside_data = "" if fitted_spikes else "; prototype not found beside the data"
    source = f"{len(portraits)} portraits at {SIZE} px, median; floor: {PERCENTILE}th percentile of real expressions{beside_data}"
    for name, shapes in READABLE.items():
        columns = _columns(shapes)
        drawing = [(_draw(renderer, portrait), first) for portrait, first in zip(portraits, rest, strict=True)]
        curves = np.stack([_curve(reader, shapes, draw, first) for draw, first in drawing])
        own = curves[:, :, columns].mean(axis=2)
        middle = np.nanmedian(own, axis=0)
        beside = {f"at {strength:g}": float(value) for strength, value in zip(STRENGTHS, middle, strict=True)}
        if fitted_spikes:
            theirs = np.stack([_curve(reader, shapes, portrait.frame, None) for portrait in fitted_spikes])
            spiked = np.nanmedian(theirs[:, :, columns].mean(axis=2), axis=0)
            beside |= {f"prototype at {strength:g}": float(value) for strength, value in zip(STRENGTHS, spiked, strict=True)}
        floor = None if real is None else float(np.percentile(real[:, columns].mean(axis=1), PERCENTILE))
        interval = bootstrap_interval(own[:, -1].tolist())
        figures.append(Figure(f"read_back.{name}", float(middle[-1]), "", "higher", floor, interval, beside, source))
        ranks = [_rank(readings) for readings in own]
        medians.append(round(float(np.median(ranks)), 6))  # the mean of .9 and 1 is a hair below .95
        figures.append(
            Figure(f"rank.{name}", medians[-1], "", "higher", RANK_FLOOR, bootstrap_interval(ranks), {}, "median over portraits")
        )
        figures.append(_cross_talk(name, shapes, curves))
        gains.append(float(middle[-1] - middle[0]))
    return [*_summary(figures, medians, gains), *figures]


def _summary(figures: Sequence[Figure], medians: Sequence[float], gains: Sequence[float]) -> list[Figure]:
    """What the table of shapes comes to."""
    whole = float(len(READABLE))
    weak = float(sum(median < RANK_FLOOR for median in medians))
    readings = [figure for figure in figures if figure.name.startswith("read_back.")]
    reached = float(sum(figure.met is True for figure in readings))
    floor = whole if readings[0].floor is not None else None
    overall, gained = bootstrap_interval(medians), bootstrap_interval(gains)
    rank = Figure("read_back.rank_correlation", float(np.median(medians)), "", "higher", RANK_FLOOR, overall, {}, "over shapes")
    below = "shapes whose median over portraits is below 0.95"
    return [
        rank,
        Figure("read_back.shapes_below_0.95", weak, "shapes", "lower", 0.0, None, {"of": whole}, below),
        Figure(
            "read_back.shapes_as_real", reached, "shapes", "higher", floor, None, {"of": whole}, "shapes that reach their floor"
        ),
        Figure("read_back.mean_reading", float(np.mean(gains)), "", "higher", None, gained, {}, "at weight 1 minus at 0"),
    ]


def displacement(head: MorphableHead, data: Path | None) -> list[Figure]:
    """Shapes that the reader does not see: size of their movement of the face points against the scans'."""
    scans = None if data is None else data / "face" / "mesh-ict-facekit" / "ict_facekit.npz"
    table = compare_shapes(head, read_ict_facekit(scans)) if scans is not None and scans.is_file() else None
    if table is None:
        return [
            Figure(f"displacement.{name}", None, "", "lower", DISPLACEMENT_FLOOR, None, {}, "skipped: no scans")
            for name in UNREADABLE
        ]
    figures = []
    for name in UNREADABLE:
        ratio, cosine = (float(value) for value in table[_columns((name,))].mean(axis=0))
        beside = {"size ratio": ratio, "cosine": cosine}
        source = "part off the scans' size, 468 face points on the mean head; the same for every portrait"
        figures.append(Figure(f"displacement.{name}", abs(ratio - 1), "", "lower", DISPLACEMENT_FLOOR, None, beside, source))
    return figures


def _columns(shapes: Sequence[str]) -> NDArray[np.intp]:
    return np.array([ARKIT_INDEX[full] for name in shapes for full in expand_sides(name)])


def _draw(renderer: PortraitRenderer, portrait: FittedPortrait) -> Callable[[NDArray[np.float32]], Image]:
    return lambda weights: renderer.frame(portrait, weights)


def _read(reader: FaceLandmarker, frame: Image) -> Floats:
    found = reader.detect(frame)
    return found[0].blendshapes.astype(np.float64) if found else np.full(len(ARKIT_NAMES), np.nan)


def _curve(
    reader: FaceLandmarker, shapes: Sequence[str], draw: Callable[[NDArray[np.float32]], Image], rest: Floats | None
) -> Floats:
    """``(5, 52)`` readings at rising strength."""
    asked = STRENGTHS if rest is None else STRENGTHS[1:]
    drawn = [_read(reader, draw(expression_weights(**dict.fromkeys(shapes, strength)))) for strength in asked]
    return np.stack(drawn if rest is None else [rest, *drawn])


def _rank(readings: Floats) -> float:
    """Spearman's correlation with the strengths; -1 where a frame could not be read, 0 where nothing changes."""
    if np.isnan(readings).any():
        return -1.0
    return 0.0 if np.ptp(readings) == 0 else float(spearmanr(STRENGTHS, readings).statistic)


def _cross_talk(name: str, shapes: Sequence[str], curves: Floats) -> Figure:
    """A row of the cross-talk matrix."""
    change = np.nanmedian(curves[:, -1] - curves[:, 0], axis=0)
    own = _columns(shapes)
    others = np.setdiff1d(np.arange(len(ARKIT_NAMES)), own)
    row = {ARKIT_NAMES[index]: float(change[index]) for index in others if abs(change[index]) >= CROSS_TALK}
    largest = float(np.abs(change[others]).max())
    source = f"largest change of another reading; beside it all of at least {CROSS_TALK:g}, median over portraits"
    return Figure(f"cross_talk.{name}", largest, "", "lower", None, None, {"own": float(change[own].mean())} | row, source)


def _real_readings(data: Path, reader: FaceLandmarker, num_faces: int) -> Floats:
    """``(N, 52)`` readings of acted clips and of expression portraits."""
    rows = [row for path in sorted((data / READ_CLIPS).glob("*.npz")) for row in _measured(path)]
    paths = sorted((data / READ_PORTRAITS).rglob("*.jpg"))
    step = max(1, len(paths) // num_faces)
    rows += [_read(reader, load_image(path)) for path in paths[::step][:num_faces]]
    table = np.array(rows)
    return table[~np.isnan(table).any(axis=1)]


def _measured(path: Path) -> Iterator[Floats]:
    with np.load(path) as file:
        names = [str(name) for name in file["names"]]
        place = [names.index(name) if name in names else None for name in ARKIT_NAMES]
        for row in file["v"][::CLIP_STEP]:
            yield np.array([0.0 if index is None else float(row[index]) for index in place])
