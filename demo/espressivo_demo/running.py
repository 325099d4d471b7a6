"""Long work behind a button: watched, told in words, stopped at once, with typed errors shown as messages.

Gradio can stop generators only, at their next ``yield``; so the work runs in a thread with a token, and the generator that the
page sees only passes on its progress.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, Final, TypeVar

import gradio as gr

from espressivo.errors import Cancelled, EspressivoError
from espressivo.progress import CancelToken, ProgressCallback, ProgressEvent

__all__ = ["kindly", "num_running", "progressed", "run_watched", "watched"]

T = TypeVar("T")
Work = Callable[[ProgressCallback, CancelToken], T]

THREAD_NAME: Final = "espressivo-render"
POLL_S: Final = 0.15
# Too early, the rate of the first units says little about the rest.
ETA_FROM_S: Final = 1.0
UNITS: Final = {"render": "frames", "batch": "jobs"}
STAGE_WORDS: Final = {
    "load": "Waking the models, only this first time",
    "read": "Looking at the portrait",
    "listen": "Listening",
    "think": "Thinking",
    "move": "Acting it out",
    "render": "Filming",
    "compose": "Composing",
    "play": "Playing",
    "mix": "Mixing",
    "write": "Writing",
    "batch": "Rendering jobs",
}


def kindly(act: Callable[..., Any]) -> Callable[..., Any]:
    """Show typed errors as messages with their code; everything else is a bug and stays one."""
    if not isgeneratorfunction(act):

        @wraps(act)
        def plain(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the act takes
            try:
                return act(*args, **options)
            except EspressivoError as error:
                raise _message(error) from error

        return plain

    @wraps(act)
    def stepwise(*args: Any, **options: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        try:
            yield from act(*args, **options)
        except EspressivoError as error:
            raise _message(error) from error

    return stepwise


def _message(error: EspressivoError) -> gr.Error:
    return gr.Error(f"{error.message} [{error.code}]", duration=12, print_exception=False)


def run_watched(work: Work[T], progress: gr.Progress) -> Generator[Any, None, T]:
    """Run ``work`` in a thread and tell its progress; returns its result. Closing the generator stops the work."""
    return (yield from progressed(watched(work), progress))


def num_running() -> int:
    """Works in progress, of all visitors."""
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


def watched(work: Work[T]) -> Iterator[ProgressEvent | T]:
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

    worker = threading.Thread(target=run, name=THREAD_NAME, daemon=True)
    worker.start()
    latest = ProgressEvent("", 0, 0)
    try:
        while worker.is_alive():
            try:
                latest = events.get(timeout=POLL_S)
                while not events.empty():
                    latest = events.get_nowait()
            except queue.Empty:
                pass  # told again: only a yield gives the page its chance to stop
            yield latest
    finally:
        if worker.is_alive():  # else what the work gave back may still hold the token
            token.cancel()
        worker.join()
    if failure:
        raise failure[0]
    yield outcome[0]


def progressed(steps: Iterator[ProgressEvent | T], progress: gr.Progress) -> Generator[Any, None, T]:
    """Show progress with the time that is left; return the result. What it yields changes nothing on the page."""
    stage, began = "", time.monotonic()
    for step in steps:
        if not isinstance(step, ProgressEvent):
            return step
        if step.stage != stage:
            stage, began = step.stage, time.monotonic()
        if step.stage:
            words = STAGE_WORDS.get(step.stage, step.stage) + _time_left(step, time.monotonic() - began)
            progress((step.done, step.total) if step.total else 0, desc=words, unit=UNITS.get(step.stage, "steps"))
        yield gr.skip()
    raise Cancelled


def _time_left(step: ProgressEvent, spent_s: float) -> str:
    if not step.total or not step.done or spent_s < ETA_FROM_S:
        return ""
    return f", about {spent_s * (step.total - step.done) / step.done:.0f} s left"
