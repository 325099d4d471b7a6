"""What the page does, apart from how it looks: each act is a generator, because only generators can be stopped."""

from __future__ import annotations

import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from espressivo.emotion.plan import EmotionPlan
from espressivo.face.track import FacialActionTrack
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent

if TYPE_CHECKING:
    from espressivo.composition import MusicPipeline
    from espressivo.scene import ScenePipeline
    from espressivo.talking_head import TalkingHeadPipeline, TalkingHeadPipelineOutput

__all__ = ["Studio", "key_frames", "watched"]

T = TypeVar("T")
POLL_S = 0.15


@dataclass
class Studio:
    """The pipelines, loaded when first used, and the folder for results."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def _talking_head(self) -> TalkingHeadPipeline:
        from espressivo.talking_head import TalkingHeadPipeline

        return TalkingHeadPipeline.from_pretrained()

    def talking_head(self) -> TalkingHeadPipeline:
        """The talking head, shared by all visitors."""
        with self._lock:
            return self._talking_head

    def music(self) -> MusicPipeline:
        """The composer."""
        from espressivo.composition import MusicPipeline

        return MusicPipeline.from_pretrained()

    def scene(self) -> ScenePipeline:
        """Both together."""
        from espressivo.scene import ScenePipeline

        return ScenePipeline(self.talking_head(), self.music())

    def new_folder(self) -> Path:
        """A fresh folder for one result."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self.folder))


def watched(work: Callable[[ProgressCallback, CancelToken], T]) -> Iterator[ProgressEvent | T]:
    """Run ``work`` in a thread; yield its progress and, last, its result. Closing the iterator stops the work.

    Exceptions of the work are raised here.
    """
    events: queue.Queue[ProgressEvent] = queue.Queue()
    token = CancelToken()
    outcome: list[T] = []
    failure: list[Exception] = []

    def run() -> None:
        try:
            outcome.append(work(events.put, token))
        except Exception as error:  # noqa: BLE001 - handed over to the thread that shows it
            failure.append(error)

    worker = threading.Thread(target=run, name="espressivo-demo", daemon=True)
    worker.start()
    try:
        while worker.is_alive():
            try:
                event = events.get(timeout=POLL_S)
            except queue.Empty:
                continue
            while not events.empty():
                event = events.get_nowait()
            yield event
    finally:
        if worker.is_alive():  # else what the work gave back may still hold the token
            token.cancel()
        worker.join()
    if failure:
        raise failure[0]
    yield outcome[0]


def key_frames(
    pipeline: TalkingHeadPipeline, prepared: TalkingHeadPipelineOutput, *, count: int = 6, cell_px: int = 220
) -> NDArray[np.uint8]:
    """A strip of frames at even distances: what the video will look like, before it is rendered."""
    track = prepared.track
    chosen = np.linspace(0, len(track) - 1, count + 2)[1:-1].astype(int)
    short = FacialActionTrack(track.weights[chosen], track.head_rotation[chosen], track.head_translation[chosen], track.fps)
    cells = []
    for frame in pipeline.renderer.frames(prepared.portrait, short):
        height = round(cell_px * frame.shape[0] / frame.shape[1])
        cells.append(cv2.resize(frame, (cell_px, height), interpolation=cv2.INTER_AREA))
    strip: NDArray[np.uint8] = np.hstack(cells)
    return strip


def plan_from_text(text: str | None) -> EmotionPlan | None:
    """The plan that the page holds as JSON, if it holds one."""
    return EmotionPlan.from_json(text) if text else None
