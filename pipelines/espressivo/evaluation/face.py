"""How well portraits emote: stillness at rest, what an independent reader sees, the same clip re-enacted, speed.

The reader is MediaPipe's blendshape model on the rendered frames. It judges a warped photograph more mildly than a real face,
and does not see some shapes at all; its readings rank, they do not measure millimetres.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from espressivo.errors import ImageInputError
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.arkit import ARKIT_INDEX, expand_sides
from espressivo.face.head import expression_weights
from espressivo.face.landmark_groups import NUM_MESH_LANDMARKS, OUTER_LIPS
from espressivo.face.landmarks import FaceLandmarker, FaceLandmarks
from espressivo.media.image import load_image
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.render.tracking import track_performance
from espressivo.resources import example_path

__all__ = ["evaluate"]

Image = NDArray[np.uint8]

EXAMPLES: Final = ("portrait.png", "astronaut.jpg", "grace_hopper.jpg")
PORTRAITS: Final = Path("face") / "portraits-synthetic-sfhq" / "files"
CLIPS: Final = (Path("face") / "clips-mead-dreamtalk" / "video", Path("face") / "clips-driving" / "echomimic")
SIZE: Final = 384
STRENGTHS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
# Shapes that the reader can read, and what it read at weight 1 with the geometry of the first prototype (MakeHuman's shapes).
READABLE: Final = {
    "browDown": 0.24, "browInnerUp": 0.16, "browOuterUp": 0.16, "eyeBlink": 0.48, "eyeSquint": 0.12, "jawOpen": 0.65,
    "mouthSmile": 0.83, "mouthFrown": 0.12, "mouthPucker": 0.48, "mouthFunnel": 0.11, "mouthUpperUp": 0.17,
    "mouthLowerDown": 0.07, "mouthStretch": 0.12, "mouthRollLower": 0.05, "mouthShrugLower": 0.13, "mouthLeft": 0.13,
    "eyeLookDown": 0.13,
}  # fmt: skip
PROTOTYPE: Final = "the prototype's readings are recorded from six other portraits, not measured in this run"
MEASURES: Final[tuple[tuple[str, str, Literal["higher", "lower"]], ...]] = (
    ("psnr", "dB", "higher"),
    ("ssim", "", "higher"),
    ("face", "% of face height", "lower"),
    ("mouth", "% of face height", "lower"),
)
SPEED_SIZES: Final = (256, 512, 1024)


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """All figures of the topic ``face``.

    Args:
        data: Evaluation data; without it the bundled portraits alone are measured and re-enactment is skipped.
        quick: Fewer items, the same names.
    """
    renderer = PortraitRenderer.from_pretrained()
    portraits = _portraits(renderer, data, 3 if quick else 20)
    with FaceLandmarker() as reader:
        figures = [*_rest(renderer, portraits), *_read_back(renderer, portraits, reader, 1 if quick else len(portraits))]
        figures += _reenactment(renderer, reader, data, 1 if quick else 8, 8 if quick else 40)
    return figures + _speed(renderer, 4 if quick else 20)


def _portraits(renderer: PortraitRenderer, data: Path | None, count: int) -> list[FittedPortrait]:
    paths = [example_path(name) for name in EXAMPLES]
    if data is not None:
        paths += sorted((data / PORTRAITS).glob("*.jpg"))
    fitted: list[FittedPortrait] = []
    for path in paths:
        if len(fitted) == count:
            break
        try:
            fitted.append(renderer.fit(prepare_portrait(load_image(path), SIZE), face="largest"))
        except ImageInputError:  # profiles and the like are refused, and that is right
            continue
    return fitted


def _rest(renderer: PortraitRenderer, portraits: Sequence[FittedPortrait]) -> list[Figure]:
    psnr, moved, residual = [], [], []
    loud = expression_weights(jawOpen=0.6, browInnerUp=1, mouthSmile=0.5, eyeBlink=0.5)
    for portrait in portraits:
        psnr.append(_psnr(renderer.frame(portrait, expression_weights()), portrait.image))
        outside = np.ones(portrait.image.shape[:2], bool)
        outside[portrait.warp.region.slices] = False
        frame = renderer.frame(portrait, loud)
        moved.append(float((frame[outside] != portrait.image[outside]).any(axis=-1).mean()) if outside.any() else 0.0)
        residual.append(100 * portrait.fit.mean_residual_px / (portrait.fit.scale * portrait.fit.head.face_height))
    source = f"{len(portraits)} portraits at {SIZE} px; the lowest of them"
    return [
        Figure("rest.psnr", min(psnr), "dB", "higher", 45.0, None, {}, source),
        Figure("rest.background_moved", max(moved), "", "lower", 0.0, None, {}, "part of the pixels outside the region; worst"),
        Figure(
            "fit.residual", float(np.mean(residual)), "% of face height", "lower", 1.0, bootstrap_interval(residual), {},
            "mean distance of 468 landmarks before the residual field",
        ),
    ]  # fmt: skip


def _psnr(frame: Image, truth: Image) -> float:
    error = float(np.mean((frame.astype(np.float64) - truth) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 255**2 / 1e10)))


def _read_back(
    renderer: PortraitRenderer, portraits: Sequence[FittedPortrait], reader: FaceLandmarker, count: int
) -> list[Figure]:
    """Ask for each shape at several strengths: does the reader see more when more is asked?"""
    ranks: list[float] = []
    gains: dict[str, list[float]] = {shape: [] for shape in READABLE}
    medians = {}
    for shape in READABLE:
        columns = [ARKIT_INDEX[name] for name in expand_sides(shape)]
        own = []
        for portrait in portraits[:count]:
            frames = [renderer.frame(portrait, expression_weights(**{shape: strength})) for strength in STRENGTHS]
            faces = [reader.detect(frame) for frame in frames]
            if all(faces):
                values = [float(found[0].blendshapes[columns].mean()) for found in faces]
                own.append(float(spearmanr(STRENGTHS, values).statistic))
                gains[shape].append(values[-1] - values[0])
        medians[shape] = float(np.median(own)) if own else 0.0
        ranks += own
    means = {shape: float(np.mean(values)) for shape, values in gains.items() if values}
    weak = sum(median < 0.95 for median in medians.values())
    source = f"{count} portraits, {len(READABLE)} shapes, strengths {STRENGTHS}"
    overall = [float(np.mean([values[k] for values in gains.values() if k < len(values)])) for k in range(count)]
    return [
        Figure("read_back.rank_correlation", float(np.median(ranks)), "", "higher", 0.95, bootstrap_interval(ranks), {}, source),
        Figure("read_back.shapes_below_0.95", float(weak), "shapes", "lower", 0.0, None, {}, "by the median over portraits"),
        Figure(
            "read_back.mean_reading", float(np.mean(list(means.values()))), "", "higher", None, bootstrap_interval(overall),
            {"prototype": float(np.mean(list(READABLE.values())))}, f"reading at weight 1 minus at 0; {PROTOTYPE}",
        ),
        *(
            Figure(f"read_back.{shape}", mean, "", "higher", None, None, {"prototype": READABLE[shape]}, PROTOTYPE)
            for shape, mean in means.items()
        ),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Scores:
    """Mean over the frames of a clip."""

    psnr: float
    ssim: float
    face: float
    mouth: float


def _reenactment(
    renderer: PortraitRenderer, reader: FaceLandmarker, data: Path | None, num_clips: int, num_frames: int
) -> list[Figure]:
    """Track a clip, render it from its first frame, compare with the clip; beside it the still first frame."""
    paths = [path for folder in CLIPS for path in sorted((data / folder).glob("*.mp4"))] if data is not None else []
    picked = [paths[k] for k in np.linspace(0, len(paths) - 1, min(num_clips, len(paths))).round().astype(int)] if paths else []
    scores = [pair for path in picked if (pair := _clip_scores(renderer, reader, path, num_frames)) is not None]
    figures = []
    for name, unit, better in MEASURES:
        source = f"{len(scores)} clips, {num_frames} frames each, {SIZE} px, first frame as portrait"
        if not scores:
            figures.append(Figure(f"reenactment.{name}", None, unit, better, None, None, {}, "skipped: no clips"))
            continue
        ours = [getattr(score, name) for score, _ in scores]
        still = float(np.mean([getattr(score, name) for _, score in scores]))
        interval = bootstrap_interval(ours) if len(ours) > 1 else None
        value, others = float(np.mean(ours)), {"still first frame": still}
        figures.append(Figure(f"reenactment.{name}", value, unit, better, still, interval, others, source))
    return figures


def _clip_scores(
    renderer: PortraitRenderer, reader: FaceLandmarker, path: Path, num_frames: int
) -> tuple[_Scores, _Scores] | None:
    frames = _clip(path, num_frames)
    try:
        portrait = renderer.fit(frames[0], face="largest")
    except ImageInputError:
        return None
    faces = [reader.detect(frame) for frame in frames]
    if not all(faces):
        return None
    seen = [found[0] for found in faces]
    track = track_performance(portrait.fit, seen, Fraction(25))
    rendered = list(renderer.frames(portrait, track))
    return (
        _compare(reader, frames[1:], seen[1:], rendered[1:]),
        _compare(reader, frames[1:], seen[1:], [frames[0]] * (len(frames) - 1)),
    )


def _clip(path: Path, num_frames: int) -> list[Image]:
    """Frames spread over the first four seconds."""
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for _, frame in zip(range(100), container.decode(video=0), strict=False)]
    chosen = np.linspace(0, len(pictures) - 1, num_frames).round().astype(int)
    return [prepare_portrait(pictures[k], SIZE) for k in chosen]


def _compare(reader: FaceLandmarker, truth: Sequence[Image], seen: Sequence[FaceLandmarks], made: Sequence[Image]) -> _Scores:
    rows = []
    for real, face, frame in zip(truth, seen, made, strict=True):
        found = reader.detect(frame)
        if not found:
            continue
        distance = np.linalg.norm(found[0].points[:NUM_MESH_LANDMARKS, :2] - face.points[:NUM_MESH_LANDMARKS, :2], axis=1)
        part = 100 / face.face_height_px
        rows.append((_psnr(frame, real), _ssim(frame, real), part * distance.mean(), part * distance[list(OUTER_LIPS)].mean()))
    return _Scores(*(float(value) for value in np.mean(rows, axis=0)))


def _ssim(a: Image, b: Image) -> float:
    """Structural similarity of the brightness (Wang et al. 2004: Gaussian window of 1.5 px, K1 = .01, K2 = .03)."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (a, b))

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5), np.float64)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(similarity.mean())


def _speed(renderer: PortraitRenderer, count: int) -> list[Figure]:
    image = load_image(example_path("portrait.png"))
    figures = []
    for size in SPEED_SIZES:
        portrait = renderer.fit(prepare_portrait(image, size))
        renderer.frame(portrait, expression_weights(jawOpen=0.5))
        times = []
        for index in range(count):
            phase = index / count
            weights = expression_weights(jawOpen=0.2 + 0.4 * phase, mouthSmile=0.3, eyeBlink=phase, browInnerUp=0.4)
            started = time.process_time()
            renderer.frame(portrait, weights, np.array([0.03, 0.05 * phase, 0.01]), np.zeros(3))
            times.append(1000 * (time.process_time() - started))
        figures.append(
            Figure(
                f"speed.frame_{size}", float(np.mean(times)), "ms of processor time", "lower", 40.0 if size == 512 else None,
                bootstrap_interval(times), {}, f"{count} frames with mouth, lids, brows and head moving; without encoding",
            )
        )  # fmt: skip
    return figures
