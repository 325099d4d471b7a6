"""Self-reenactment: track a clip, act it out from its first frame, compare with the clip, beside baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from espressivo.errors import ImageInputError
from espressivo.evaluation.face_portraits import SIZE, Clip, clip_paths, psnr, read_clip, ssim
from espressivo.evaluation.face_spike import Spike
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.landmark_groups import NUM_MESH_LANDMARKS, OUTER_LIPS
from espressivo.face.landmarks import FaceLandmarker, FaceLandmarks
from espressivo.render.renderer import FittedPortrait, PortraitRenderer
from espressivo.render.tracking import track_performance

__all__ = ["reenactment"]

Image = NDArray[np.uint8]
FPS: Final = Fraction(25)
OURS: Final = "ours"
MEASURES: Final[tuple[tuple[str, str, Literal["higher", "lower"]], ...]] = (
    ("psnr", "dB", "higher"),
    ("ssim", "", "higher"),
    ("face", "% of face height", "lower"),
    ("mouth", "% of face height", "lower"),
)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Mean over the frames of a clip."""

    psnr: float
    ssim: float
    face: float
    mouth: float


def reenactment(
    renderer: PortraitRenderer, reader: FaceLandmarker, data: Path | None, num_clips: int, num_frames: int
) -> list[Figure]:
    """Four measures as means over clips, each with its baselines; then every clip alone.

    Args:
        renderer: Ours.
        reader: Finds face points in true and in rendered frames.
        data: Holds the clips; the prototype is looked for beside it.
        num_clips: Clips, evenly picked.
        num_frames: Frames of each, the first of which is the portrait.
    """
    spike = Spike.beside(data)
    scores: dict[str, dict[str, _Scores]] = {}
    for path in clip_paths(data, num_clips):
        clip = read_clip(path, num_frames)
        try:
            scores[clip.name] = _scores(renderer, reader, spike, clip)
        except ImageInputError:
            continue
    figures = []
    without = "" if spike else "; the prototype's files are not beside the data, so it is missing"
    source = f"{len(scores)} clips, {num_frames} frames each, {SIZE} px at most, first frame as portrait{without}"
    for column, (name, unit, better) in enumerate(MEASURES):
        if not scores:
            figures.append(Figure(f"reenactment.{name}", None, unit, better, None, None, {}, "skipped: no clips"))
            continue
        table = {way: [astuple(clip[way])[column] for clip in scores.values()] for way in next(iter(scores.values()))}
        means = {way: float(np.mean(values)) for way, values in table.items()}
        ours, baselines = means.pop(OURS), means
        floor = max(baselines.values()) if better == "higher" else min(baselines.values())
        interval = bootstrap_interval(table[OURS]) if len(scores) > 1 else None
        figures.append(Figure(f"reenactment.{name}", ours, unit, better, floor, interval, baselines, source))
    for name, clip_scores in scores.items():
        for column, (measure, unit, better) in enumerate(MEASURES):
            values = {way: float(astuple(score)[column]) for way, score in clip_scores.items()}
            ours = values.pop(OURS)
            figures.append(Figure(f"clip.{name}.{measure}", ours, unit, better, None, None, values, "one clip has no interval"))
    return figures


def _scores(renderer: PortraitRenderer, reader: FaceLandmarker, spike: Spike | None, clip: Clip) -> dict[str, _Scores]:
    first = clip.frames[0]
    portrait = renderer.fit(first, face="largest").yielding()
    pairs = [(frame, found[0]) for frame in clip.frames if (found := reader.detect(frame))]
    frames, seen = [frame for frame, _ in pairs], [face for _, face in pairs]

    def scored(made: Sequence[Image]) -> _Scores:
        return _compare(reader, frames[1:], seen[1:], made[1:])

    track = track_performance(portrait.fit, seen, FPS)
    ways: dict[str, Callable[[], Sequence[Image]]] = {
        OURS: lambda: list(renderer.frames(portrait, track)),
        "still first frame": lambda: [first] * len(frames),
        "no residual field": lambda: _without_residual(renderer, portrait, seen),
    }
    if spike is not None:
        ways["prototype"] = lambda: list(spike.fit(first).frames(track))
    return {way: scored(make()) for way, make in ways.items()}


def _without_residual(renderer: PortraitRenderer, portrait: FittedPortrait, seen: Sequence[FaceLandmarks]) -> list[Image]:
    """The head as far as its model goes, both in the portrait and in the clip."""
    fit = portrait.fit
    bare = replace(fit, residual=np.zeros_like(fit.residual))
    modelled = replace(bare, landmarks=np.concatenate([bare.modelled_landmarks, fit.landmarks[NUM_MESH_LANDMARKS:]]))
    bare_portrait = renderer.prepare(portrait.image, modelled, shows_eyes=bool(portrait.eyes))
    return list(renderer.frames(bare_portrait, track_performance(modelled, seen, FPS)))


def _compare(reader: FaceLandmarker, truth: Sequence[Image], seen: Sequence[FaceLandmarks], made: Sequence[Image]) -> _Scores:
    rows = []
    for real, face, frame in zip(truth, seen, made, strict=True):
        found = reader.detect(frame)
        if not found:
            continue
        distance = np.linalg.norm(found[0].points[:NUM_MESH_LANDMARKS, :2] - face.points[:NUM_MESH_LANDMARKS, :2], axis=1)
        part = 100 / face.face_height_px
        rows.append((psnr(frame, real), ssim(frame, real), part * distance.mean(), part * distance[list(OUTER_LIPS)].mean()))
    return _Scores(*(float(value) for value in np.mean(rows, axis=0)))
