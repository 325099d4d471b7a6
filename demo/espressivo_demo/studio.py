"""The pipelines behind the page, what is worth keeping between presses of a button, and the folders for results."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from espressivo.media.image import load_image
from espressivo.provenance import digest

if TYPE_CHECKING:
    from espressivo.composition import MusicPipeline
    from espressivo.render.renderer import FittedPortrait
    from espressivo.scene import ScenePipeline
    from espressivo.talking_head import TalkingHeadPipeline

__all__ = ["Kept", "Studio"]

T = TypeVar("T")
NUM_KEPT: Final = 8
RESULTS: Final = "results"
UPLOADS: Final = "uploads"


class Kept(Generic[T]):
    """The results of the latest calls by key, safe for threads; equal calls at the same time may both work."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for ``key``, or is made now."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)
        return value


class Studio:
    """Pipelines, loaded when first used and shared by all visitors; results in a folder for each visitor.

    Args:
        folder: Everything that is written lies in it.
        keep_s: How long results are kept.
    """

    def __init__(self, folder: Path, keep_s: float) -> None:
        self.folder = folder
        self.keep_s = keep_s
        self.is_loaded = False
        self._permanent: frozenset[Path] = frozenset()
        self._lock = threading.Lock()
        self._portraits: Kept[FittedPortrait] = Kept(NUM_KEPT)

    @cached_property
    def _talking_head(self) -> TalkingHeadPipeline:
        from espressivo.talking_head import TalkingHeadPipeline

        return TalkingHeadPipeline.from_pretrained()

    def talking_head(self) -> TalkingHeadPipeline:
        """The talking head."""
        with self._lock:
            pipeline = self._talking_head
            self.is_loaded = True
            return pipeline

    def warm(self) -> None:
        """Load what the first film needs before anybody asks for it."""
        self.talking_head().load_learnt_motion()

    def music(self) -> MusicPipeline:
        """The composer."""
        from espressivo.composition import MusicPipeline

        return MusicPipeline.from_pretrained()

    def scene(self) -> ScenePipeline:
        """Both together."""
        from espressivo.scene import ScenePipeline

        return ScenePipeline(self.talking_head(), self.music())

    def fitted(self, portrait: Path, size: int) -> FittedPortrait:
        """The head fitted to a portrait; fitting takes longer than drawing it a few times, so the latest are kept."""
        from espressivo.render.renderer import prepare_portrait

        renderer = self.talking_head().renderer
        return self._portraits.get(
            (digest(portrait), size), lambda: renderer.fit(prepare_portrait(load_image(portrait), size), face="largest")
        )

    def new_folder(self, session: str | None) -> Path:
        """A fresh folder for one result of a visitor.

        Args:
            session: Gradio's hash of the visit; ``None`` for callers without one.
        """
        mine = self.folder / RESULTS / _folder_name(session)
        mine.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=mine))

    def forget(self, session: str | None) -> None:
        """Remove what a visitor made; Gradio has its own copies of what is still shown."""
        shutil.rmtree(self.folder / RESULTS / _folder_name(session), ignore_errors=True)

    @property
    def uploads(self) -> Path:
        """Where Gradio keeps what visitors upload and its copies of what they are shown."""
        return self.folder / UPLOADS

    def keep_uploads(self) -> None:
        """Keep for good what lies among the uploads now: the page's own examples, before the first visitor comes."""
        self._permanent = frozenset(self.uploads.rglob("*"))

    def sweep(self, now_s: float | None = None) -> int:
        """Remove results, uploads and copies that are older than ``keep_s``, and folders that are empty.

        Gradio's own clearing (``delete_cache``) ends for good when a visitor adds a file while it looks through them.

        Returns:
            Number of results and files removed.
        """
        oldest = (time.time() if now_s is None else now_s) - self.keep_s
        num_removed = 0
        for result in (self.folder / RESULTS).glob("*/*"):
            with suppress(FileNotFoundError):
                if result.stat().st_mtime < oldest:
                    shutil.rmtree(result, ignore_errors=True)
                    num_removed += 1
        for file in set(self.uploads.rglob("*")) - self._permanent:
            with suppress(FileNotFoundError):
                if file.is_file() and file.stat().st_ctime < oldest:  # copies keep the time at which the original was written
                    file.unlink()
                    num_removed += 1
        for folder in [*(self.folder / RESULTS).glob("*"), *self.uploads.glob("*")]:
            with suppress(OSError):
                if folder.stat().st_mtime < oldest:  # a younger one may just be waiting for its first file
                    folder.rmdir()
        return num_removed


def _folder_name(session: str | None) -> str:
    """A session's hash comes from the browser, so only what cannot lead out of the folder is taken of it."""
    return "".join(letter for letter in session or "" if letter.isascii() and letter.isalnum())[:64] or "visitor"
