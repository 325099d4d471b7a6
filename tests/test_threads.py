import threading
import time
from itertools import islice

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from espressivo.threads import LINEAR_ALGEBRA_ON_ONE_CORE, ahead, begun, drawing_threads, side_by_side


def test_the_items_come_in_order():
    assert list(ahead(iter(range(50)), 3)) == list(range(50))


@pytest.mark.parametrize("made_of", [lambda items: ahead(items, 2), lambda items: side_by_side(lambda item: item, items, 2)])
def test_little_is_made_before_it_is_needed_and_closing_ends_the_threads(made_of):
    taken = []

    def items():
        for index in range(100):
            taken.append(index)
            yield index

    before = threading.active_count()
    iterator = made_of(items())
    assert list(islice(iterator, 3)) == [0, 1, 2]
    time.sleep(0.05)
    assert len(taken) <= 3 + 2 + 1
    assert threading.active_count() > before
    iterator.close()
    assert threading.active_count() == before


def test_an_error_arrives_in_its_place():
    def items():
        yield 1
        message = "broken"
        raise OSError(message)

    iterator = ahead(items(), 4)
    assert next(iterator) == 1
    with pytest.raises(OSError, match="broken"):
        next(iterator)


def test_what_is_begun_is_there_when_it_is_asked_for():
    assert begun(lambda: 6 * 7).result(timeout=10) == 42
    with pytest.raises(ZeroDivisionError):
        begun(lambda: 1 // 0).result(timeout=10)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_what_is_made_side_by_side_comes_in_order(threads):
    def slow_square(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number**2

    assert list(side_by_side(slow_square, range(30), threads)) == [number**2 for number in range(30)]


def test_side_by_side_means_at_the_same_time():
    both_in_work = threading.Barrier(2, timeout=10)

    def work(_: int) -> int:
        return both_in_work.wait()

    assert len(list(side_by_side(work, range(4), 2))) == 4


def test_an_error_side_by_side_is_raised_in_its_place():
    results = side_by_side(lambda item: 1 // (2 - item), range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)


@pytest.mark.parametrize(("allowed", "most"), [("1", 1), ("3", 3), ("", 4), ("2,1", 4)])
def test_as_many_frames_at_once_as_cores_are_ours(monkeypatch, allowed, most):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(16)))
    monkeypatch.setenv("OMP_NUM_THREADS", allowed)
    assert drawing_threads() == most


def test_linear_algebra_stays_on_one_core_until_the_last_has_left():
    def num_threads() -> list[int]:
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    with threadpool_limits(2, user_api="blas"):
        outside = num_threads()
        with LINEAR_ALGEBRA_ON_ONE_CORE:
            with LINEAR_ALGEBRA_ON_ONE_CORE:
                assert set(num_threads()) == {1}
            assert set(num_threads()) == {1}
        assert num_threads() == outside
