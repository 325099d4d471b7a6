"""What the invisible mark costs and what it outlives."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from espressivo.evaluation.figures import Figure, bootstrap_interval
from espressivo.media.video import encode_video
from espressivo.media.video_reader import read_frames
from espressivo.media.watermark import MAX_PAYLOAD, read_watermark, watermarked
from espressivo.provenance import ConsentBasis
from espressivo.resources import example_path
from espressivo.seeds import numpy_generator
from espressivo.settings import TalkSettings
from espressivo.talking_head import TalkingHeadPipeline

__all__ = ["DAMAGES", "measure_watermark", "outlived", "psnr_db"]

Frame = NDArray[np.uint8]
FPS: Final = Fraction(25)
HARD_CRF: Final = (23, 28, 33)
EXAMPLES: Final = ("portrait.png", "portrait_2.png", "astronaut.jpg", "grace_hopper.jpg")
MORE_PORTRAITS: Final = 8
SIDE: Final = 512
PIECE: Final = 10
FRAMES_PER_VIDEO: Final = 200


def _scaled(share: float) -> Callable[[Frame], Frame]:
    def scale(frame: Frame) -> Frame:
        height, width = (round(side * share) for side in frame.shape[:2])
        return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))

    return scale


def _cropped(share: float) -> Callable[[Frame], Frame]:
    def crop(frame: Frame) -> Frame:
        rows, columns = (round(side * share / 2) for side in frame.shape[:2])
        return np.ascontiguousarray(frame[rows : frame.shape[0] - rows, columns : frame.shape[1] - columns])

    return crop


def _as_it_is(frame: Frame) -> Frame:
    return frame


# What happens to a finished file: what is done to its frames, and the quality they are encoded with again.
DAMAGES: Final[dict[str, tuple[Callable[[Frame], Frame], int] | None]] = {
    "as_written": None,
    **{f"encoded_again_crf_{crf}": (_as_it_is, crf) for crf in HARD_CRF},
    "size_75_crf_23": (_scaled(0.75), 23),
    "size_50_crf_23": (_scaled(0.5), 23),
    "size_50_crf_28": (_scaled(0.5), 28),
    "cropped_2_crf_23": (_cropped(0.02), 23),
    "cropped_10_crf_23": (_cropped(0.1), 23),
}


def measure_watermark(data: Path | None, folder: Path, *, quick: bool) -> list[Figure]:
    """Share of marks read after each damage, PSNR, and marks found where there are none.

    Args:
        data: Evaluation data; its portraits and unmarked videos are used too where it is there.
        folder: For the files.
        quick: One portrait, a few frames.
    """
    portraits = [example_path(name) for name in EXAMPLES[: 1 if quick else None]]
    if data is not None and not quick:
        portraits += sorted((data / "face" / "portraits-synthetic-sfhq").rglob("*.jpg"))[:MORE_PORTRAITS]
    clips = [_filmed(portrait, 10 if quick else 40) for portrait in portraits]
    what = f"{len(clips)} talking heads of {len(clips[0])} frames, shorter side {SIDE}, marked and written as usual (crf 18)"
    figures = []
    for name, rights in outlived(clips, folder, marks_per_clip=1 if quick else 2).items():
        floor = 1.0 if DAMAGES[name] is None else None
        source = f"{what}, then {name.replace('_', ' ')}; {len(rights)} marks; no peer was run"
        read = [float(right) for right in rights]
        figures.append(Figure(f"mark.read_{name}", float(np.mean(read)), "", "higher", floor, _interval(read), {}, source))
    decibels = psnr_db(clips)
    source = f"{what}; before encoding; no peer was run"
    figures.append(Figure("mark.psnr", float(np.mean(decibels)), "dB", "higher", None, _interval(decibels), {}, source))
    unmarked = [*clips, *_unmarked(data if not quick else None)]
    found = sum(read_watermark(frames) is not None for frames in unmarked)
    figures.append(
        Figure(
            "mark.false_finds", float(found), "", "lower", 0.0, None, {},
            f"{len(unmarked)} unmarked pieces of ten frames and more, ours and others'; by design one in 32,000; a count",
        )
    )  # fmt: skip
    return figures


def _interval(values: list[float]) -> tuple[float, float] | None:
    return bootstrap_interval(values) if len(values) > 1 else None


def _filmed(portrait: Path, num_frames: int) -> list[Frame]:
    settings = TalkSettings(size=SIDE, face="largest", consent=ConsentBasis.SYNTHETIC_PERSON)
    pipeline = TalkingHeadPipeline.from_pretrained()
    talk = pipeline(
        portrait,
        emotion="joy",
        duration_s=num_frames / float(FPS),
        settings=settings,
        seed=len(portrait.name),
        output_type="frames",
    )
    return list(talk.frames or ())


def _unmarked(data: Path | None) -> Iterator[list[Frame]]:
    """Pieces of ten frames of videos that others made."""
    videos = [] if data is None else sorted((data / "face").glob("clips-*/**/*.mp4"))
    for video in videos:
        frames = itertools.islice(read_frames(video), FRAMES_PER_VIDEO)
        while piece := list(itertools.islice(frames, PIECE)):
            yield piece


def outlived(clips: Sequence[Sequence[Frame]], folder: Path, *, marks_per_clip: int, seed: int = 0) -> dict[str, list[bool]]:
    """For each damage, whether the mark was read rightly in each clip with each payload.

    Args:
        clips: Frames of clips.
        folder: For the files.
        marks_per_clip: Payloads tried with each clip.
        seed: Of the payloads.
    """
    random = numpy_generator(seed, "evaluation", "watermark")
    found: dict[str, list[bool]] = {name: [] for name in DAMAGES}
    written, damaged = folder / "marked.mp4", folder / "damaged.mp4"
    for clip in clips:
        for payload in random.integers(MAX_PAYLOAD, size=marks_per_clip, endpoint=True):
            encode_video(written, watermarked(clip, int(payload)), fps=FPS)
            for name, damage in DAMAGES.items():
                path = written
                if damage is not None:
                    change, crf = damage
                    path = damaged
                    encode_video(path, map(change, read_frames(written)), fps=FPS, crf=crf)
                found[name].append(read_watermark(read_frames(path)) == int(payload))
    return found


def psnr_db(clips: Sequence[Sequence[Frame]]) -> list[float]:
    """Peak signal-to-noise ratio of the marked frames against the frames, by clip, before encoding."""
    return [float(np.mean(list(_frame_psnr_db(clip)))) for clip in clips]


def _frame_psnr_db(clip: Sequence[Frame]) -> Iterator[float]:
    for plain, marked in zip(clip, watermarked(clip, MAX_PAYLOAD // 3), strict=True):
        error = np.mean((plain.astype(np.float32) - marked) ** 2)
        yield 10 * np.log10(255**2 / float(error))
