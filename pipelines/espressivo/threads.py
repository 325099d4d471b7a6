"""Several threads where that helps, one where more would only wait for each other."""

from __future__ import annotations

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ContextDecorator, ExitStack, contextmanager
from functools import cache
from typing import Final, TypeVar

from threadpoolctl import ThreadpoolController

__all__ = ["IMPORTING", "LINEAR_ALGEBRA_ON_ONE_CORE", "ahead", "begun", "drawing_threads", "one_torch_thread", "side_by_side"]

IMPORTING: Final = threading.Lock()
"""Held by whoever imports what needs diffusers: its lazy modules break when two threads import them at once."""

MAX_DRAWING_THREADS: Final = 4
"""More would wait for the encoder, which has one."""

T = TypeVar("T")
Item = TypeVar("Item")


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


def side_by_side(work: Callable[[Item], T], items: Iterable[Item], threads: int) -> Generator[T]:
    """What ``work`` makes of each item, in the order of the items, ``threads`` at a time.

    Little more than that many are made before they are asked for. An exception is raised in its item's place. Closing the
    iterator waits for the items that are in work.

    Args:
        work: Must not change what other calls of it use, and should leave Python's lock for most of its time.
        items: Taken one after another, in the thread that asks.
        threads: 1 or more; with 1 nothing is made ahead.
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads, "espressivo-side-by-side") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def drawing_threads() -> int:
    """How many frames to draw at once: one for each core that is ours, unless ``OMP_NUM_THREADS`` gives fewer, as in a batch."""
    cores = len(os.sched_getaffinity(0))
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores, int(allowed) if allowed.isdecimal() else cores, MAX_DRAWING_THREADS))


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


class _LinearAlgebraOnOneCore(ContextDecorator):
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._num_inside = 0
        self._limit = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._num_inside == 0:
                self._limit.enter_context(_linear_algebra().limit(limits=1, user_api="blas"))
            self._num_inside += 1

    def __exit__(self, *raised: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if self._num_inside == 0:
                self._limit.close()


@cache
def _linear_algebra() -> ThreadpoolController:
    """The libraries that are loaded; looking for them takes milliseconds."""
    import scipy.linalg  # noqa: F401 - has an OpenBLAS of its own, which must be there to be found

    return ThreadpoolController()


LINEAR_ALGEBRA_ON_ONE_CORE: Final = _LinearAlgebraOnOneCore()
"""Entered by all that must round the same way every time.

OpenBLAS splits even small products among all cores: that rounds by their number, and takes twice the processor time. Its limit
is the process's, not the thread's: set by the first who needs it, lifted by the last. What does not enter it itself may be
rounded either way while another thread is inside.
"""


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
