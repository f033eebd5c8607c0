"""Threads over items: in order, few at a time, ending at the first error."""

import threading
import time

import pytest

from signalcam.data.threads import in_order


def test_results_come_in_order_however_long_each_takes():
    def late(k):
        time.sleep(0.002 * (k % 3))
        return k * k

    assert list(in_order(late, range(30), 4, 6)) == [(k, k * k) for k in range(30)]
    assert list(in_order(late, [], 4, 6)) == []


def test_no_more_than_asked_are_taken_ahead():
    taken = []

    def items():
        for k in range(50):
            taken.append(k)
            yield k

    for k, _ in in_order(lambda k: k, items(), 2, 5):
        assert len(taken) == min(50, k + 5)


def test_no_more_threads_than_asked_for_are_at_work():
    lock, at_work, most = threading.Lock(), 0, 0

    def count(k):
        nonlocal at_work, most
        with lock:
            at_work += 1
            most = max(most, at_work)
        time.sleep(0.005)
        with lock:
            at_work -= 1

    assert len(list(in_order(count, range(20), 2, 10))) == 20
    assert most == 2


@pytest.mark.parametrize("end", ["all taken", "error", "left early"])
def test_stop_is_set_at_any_end_before_the_threads_are_waited_for(end):
    stop = threading.Event()

    def work(k):
        if k == 1 and end == "error":
            raise ValueError("one")
        return k if k < 2 or end == "all taken" else stop.wait(5)

    start = time.monotonic()
    results = in_order(work, range(4), 2, 4, stop)
    assert next(results) == (0, 0)
    assert not stop.is_set()
    if end == "all taken":
        assert list(results) == [(1, 1), (2, 2), (3, 3)]
    elif end == "error":
        with pytest.raises(ValueError, match="one"):
            next(results)
    else:
        results.close()
    assert stop.is_set()
    assert time.monotonic() - start < 4


def test_error_is_raised_in_its_place_and_what_has_not_begun_is_not_begun():
    begun, stop = [], threading.Event()

    def fail(k):
        begun.append(k)
        if k == 1:
            raise ValueError("one")
        if k > 1:  # keeps its thread busy until the others are called off
            stop.wait(5)
            time.sleep(0.2)
        return k

    results = in_order(fail, range(100), 2, 10, stop)
    assert next(results) == (0, 0)
    with pytest.raises(ValueError, match="one"):
        next(results)
    assert len(begun) <= 6


def test_leaving_early_ends_the_threads():
    results = in_order(lambda k: k, range(1000), 2, 4)
    next(results)
    before = threading.active_count()
    results.close()
    assert threading.active_count() < before
