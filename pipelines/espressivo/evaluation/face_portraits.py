"""What the measures of the face share: fitted portraits, clips, and how pictures are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.errors import ImageInputError
from espressivo.media.image import load_image
from espressivo.media.video_reader import read_frames
from espressivo.render.renderer import FittedPortrait, PortraitRenderer, prepare_portrait
from espressivo.resources import example_path

__all__ = ["CLIPS", "SIZE", "Clip", "clip_paths", "fitted_portraits", "psnr", "read_clip", "ssim"]

Image = NDArray[np.uint8]

EXAMPLES: Final = ("portrait.png", "astronaut.jpg", "grace_hopper.jpg")
PORTRAITS: Final = Path("face") / "portraits-synthetic-sfhq" / "files"
CLIPS: Final = (Path("face") / "clips-mead-dreamtalk" / "video", Path("face") / "clips-driving" / "echomimic")
SIZE: Final = 384
CLIP_FRAMES: Final = 100


@dataclass(frozen=True, eq=False)
class Clip:
    """Frames spread over the first hundred of a clip, RGB, and its name."""

    name: str
    frames: Sequence[Image]


def fitted_portraits(renderer: PortraitRenderer, data: Path | None, count: int) -> list[FittedPortrait]:
    """The bundled portraits, then synthetic ones; what is refused is left out, and that is right."""
    paths = [example_path(name) for name in EXAMPLES]
    if data is not None:
        paths += sorted((data / PORTRAITS).glob("*.jpg"))
    fitted: list[FittedPortrait] = []
    for path in paths:
        if len(fitted) == count:
            break
        try:
            fitted.append(renderer.fit(prepare_portrait(load_image(path), SIZE), face="largest"))
        except ImageInputError:
            continue
    return fitted


def clip_paths(data: Path | None, count: int) -> list[Path]:
    """Clips spread evenly over those there are."""
    paths = [path for folder in CLIPS for path in sorted((data / folder).glob("*.mp4"))] if data is not None else []
    if not paths:
        return []
    return [paths[index] for index in np.unique(np.linspace(0, len(paths) - 1, count).round().astype(int))]


def read_clip(path: Path, num_frames: int) -> Clip:
    """Frames spread over the first four seconds."""
    pictures = [frame for frame, _ in zip(read_frames(path), range(CLIP_FRAMES), strict=False)]
    chosen = np.linspace(0, len(pictures) - 1, num_frames).round().astype(int)
    return Clip(path.stem, [prepare_portrait(pictures[index], SIZE) for index in chosen])


def psnr(frame: Image, truth: Image) -> float:
    """Peak signal-to-noise ratio, dB; 100 where nothing differs."""
    error = float(np.mean((frame.astype(np.float64) - truth) ** 2))
    return 10 * float(np.log10(255**2 / max(error, 255**2 / 1e10)))


def ssim(a: Image, b: Image) -> float:
    """Structural similarity of the brightness (Wang et al. 2004: Gaussian window of 1.5 px, K1 = .01, K2 = .03)."""
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (a, b))

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(image, (11, 11), 1.5), np.float64)

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    similarity = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(similarity.mean())
