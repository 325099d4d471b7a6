import threading
import time
from itertools import islice

import pytest

from espressivo.threads import ahead, begun


def test_the_items_come_in_order():
    assert list(ahead(iter(range(50)), 3)) == list(range(50))


def test_no_more_than_the_depth_is_made_before_it_is_needed():
    made = []

    def items():
        for index in range(100):
            made.append(index)
            yield index

    iterator = ahead(items(), 2)
    assert list(islice(iterator, 3)) == [0, 1, 2]
    time.sleep(0.05)
    assert len(made) <= 3 + 2 + 1
    iterator.close()


def test_an_error_arrives_in_its_place():
    def items():
        yield 1
        message = "broken"
        raise OSError(message)

    iterator = ahead(items(), 4)
    assert next(iterator) == 1
    with pytest.raises(OSError, match="broken"):
        next(iterator)


def test_closing_ends_the_thread():
    before = threading.active_count()
    iterator = ahead(iter(range(10**9)), 1)
    next(iterator)
    iterator.close()
    assert threading.active_count() == before


def test_what_is_begun_is_there_when_it_is_asked_for():
    assert begun(lambda: 6 * 7).result(timeout=10) == 42
    with pytest.raises(ZeroDivisionError):
        begun(lambda: 1 // 0).result(timeout=10)
