"""Progress of a run and the way to stop it. Both are per call; nothing here is shared between calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from espressivo.errors import Cancelled

__all__ = ["CancelToken", "ProgressCallback", "ProgressEvent", "StageTimer"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One report: ``done`` of ``total`` units of a stage; ``total`` is 0 when unknown."""

    stage: str
    done: int
    total: int


ProgressCallback = Callable[[ProgressEvent], None]


class CancelToken:
    """Set by the caller, looked at between steps and frames by the pipeline."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the run to stop at its next step or frame."""
        self._event.set()

    def raise_if_cancelled(self) -> None:
        """Raise :class:`Cancelled` if :meth:`cancel` was called."""
        if self._event.is_set():
            raise Cancelled


@dataclass(slots=True)
class StageTimer:
    """Announces stages, measures the seconds spent in each, and lets a run be stopped between them."""

    progress: ProgressCallback | None = None
    cancel: CancelToken | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str, total: int = 0) -> Iterator[Callable[[int], None]]:
        """Time a stage; yields a function that takes the number of units done so far."""

        def report(done: int) -> None:
            if self.cancel is not None:
                self.cancel.raise_if_cancelled()
            if self.progress is not None:
                self.progress(ProgressEvent(name, done, total))

        report(0)
        started = time.perf_counter()
        try:
            yield report
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
