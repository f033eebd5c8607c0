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
        assert len(taken) <= k + 5


def test_error_is_raised_in_its_place_and_what_has_not_begun_is_not_begun():
    begun = []
    gate = threading.Event()

    def fail(k):
        begun.append(k)
        if k == 1:
            gate.set()
            raise ValueError("one")
        gate.wait(5)
        return k

    results = in_order(fail, range(100), 2, 10)
    assert next(results) == (0, 0)
    with pytest.raises(ValueError, match="one"):
        next(results)
    assert len(begun) <= 12


def test_leaving_early_ends_the_threads():
    results = in_order(lambda k: k, range(1000), 2, 4)
    next(results)
    before = threading.active_count()
    results.close()
    assert threading.active_count() < before
