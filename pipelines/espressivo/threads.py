"""Several threads where that helps, one where more would only wait for each other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, TypeVar

__all__ = ["IMPORTING", "ahead", "begun", "one_torch_thread"]

IMPORTING: Final = threading.Lock()
"""Held by whoever imports what needs diffusers: its lazy modules break when two threads import them at once."""

T = TypeVar("T")


class _End:
    """Marks the end of the items, with the exception that ended them."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[T], depth: int) -> Generator[T]:
    """The same items, made in another thread, at most ``depth`` before they are needed.

    An exception in ``items`` is raised here, in its place. Closing the iterator stops the thread after its current item.
    """
    ready: queue.Queue[T | _End] = queue.Queue(depth)
    closed = threading.Event()

    def offer(item: T | _End) -> bool:
        while not closed.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def make() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not offer(item):
                    return
        except BaseException as caught:  # noqa: BLE001 - handed over to the thread that waits for the items
            error = caught
        offer(_End(error))

    worker = threading.Thread(target=make, name="espressivo-ahead", daemon=True)
    worker.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        closed.set()
        worker.join()


def begun(make: Callable[[], T]) -> Future[T]:
    """What is being made in another thread from now on; its result, or its exception, is there when it is asked for."""
    future: Future[T] = Future()

    def work() -> None:
        try:
            future.set_result(make())
        except BaseException as error:  # noqa: BLE001 - handed over to the thread that waits for the result
            future.set_exception(error)

    # No daemon: a program that ends in the middle of an import could crash.
    threading.Thread(target=work, name="espressivo-begun").start()
    return future


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Small networks are too little work to share: two threads take longer than one, and many times its processor time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
