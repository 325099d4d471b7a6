"""How well portraits emote: stillness at rest, what an independent reader sees, the same clip re-enacted, speed, memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from espressivo.evaluation.face_portraits import SIZE, fitted_portraits, psnr
from espressivo.evaluation.face_read_back import displacement, read_back
from espressivo.evaluation.face_reenactment import reenactment
from espressivo.evaluation.face_speed import TEN_MINUTES, memory, speed
from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.face.head import expression_weights
from espressivo.face.landmarks import FaceLandmarker
from espressivo.render.renderer import FittedPortrait, PortraitRenderer

__all__ = ["evaluate"]


def evaluate(data: Path | None, *, quick: bool) -> list[Figure]:
    """All figures of the topic ``face``. Each portrait is fitted once.

    Args:
        data: Evaluation data; without it the bundled portraits alone are measured and re-enactment is skipped.
        quick: Fewer items, the same names.
    """
    renderer = PortraitRenderer.from_pretrained()
    portraits = fitted_portraits(renderer, data, 3 if quick else 20)
    asked = portraits[:1] if quick else portraits
    with FaceLandmarker() as reader:
        figures = _rest(renderer, portraits)
        figures += reenactment(renderer, reader, data, *((2, 4) if quick else (19, 12)))
        figures += read_back(renderer, asked, reader, data, num_faces=8 if quick else 160, num_spike=1 if quick else 4)
    figures += displacement(renderer.head, data)
    figures += speed(renderer, data, 4 if quick else 50)
    return [*figures, memory(renderer, 100 if quick else TEN_MINUTES)]


def _rest(renderer: PortraitRenderer, portraits: Sequence[FittedPortrait]) -> list[Figure]:
    likeness, moved, residual = [], [], []
    loud = expression_weights(jawOpen=0.6, browInnerUp=1, mouthSmile=0.5, eyeBlink=0.5)
    for portrait in portraits:
        likeness.append(psnr(renderer.frame(portrait, expression_weights()), portrait.image))
        outside = np.ones(portrait.image.shape[:2], bool)
        outside[portrait.warp.region.slices] = False
        frame = renderer.frame(portrait, loud)
        moved.append(float((frame[outside] != portrait.image[outside]).any(axis=-1).mean()) if outside.any() else 0.0)
        residual.append(100 * portrait.fit.mean_residual_px / (portrait.fit.scale * portrait.fit.head.face_height))
    source = f"{len(portraits)} portraits at {SIZE} px; the lowest of them"
    return [
        Figure("rest.psnr", min(likeness), "dB", "higher", 45.0, None, {"mean": float(np.mean(likeness))}, source),
        Figure("rest.background_moved", max(moved), "", "lower", 0.0, None, {}, "part of the pixels outside the region; worst"),
        Figure(
            "fit.residual", float(np.mean(residual)), "% of face height", "lower", 1.0, bootstrap_interval(residual), {},
            "mean distance of 468 landmarks before the residual field",
        ),
    ]  # fmt: skip
