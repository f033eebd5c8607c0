"""The timing of the benchmarks: medians of calls that take turns."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from timing import latency_table  # noqa: E402


def test_latency_is_the_median_and_not_disturbed_by_one_slow_call():
    turns = iter([0.001] * 5 + [0.2] + [0.001] * 100)
    found = latency_table({"call": lambda: time.sleep(next(turns))}, repeats=21, warmup=0).loc["call"]
    assert 1 <= found["low"] <= found["median"] <= found["high"] < 100
    assert found["repeats"] == 21


def test_calls_take_turns_and_warmups_are_not_timed():
    order = []
    table = latency_table(
        {"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=2, warmup=1, n_records=8
    )
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert (table["low"] <= table["median"]).all()
    assert (table["median"] <= table["high"]).all()
    assert table.loc["a", "throughput"] == pytest.approx(8000 / table.loc["a", "median"])
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        latency_table({}, repeats=0)


def test_calls_in_a_row_follow_one_that_is_not_timed():
    order = []
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    table = latency_table(calls, repeats=3, warmup=0, in_a_row=2)
    assert order == ["a", "a", "a", "b", "b", "b", "a", "a", "b", "b"]
    assert table["repeats"].tolist() == [3, 3]
    assert (table["low"] > 0).all()
    with pytest.raises(ValueError, match="in_a_row must be at least 1, got 0"):
        latency_table(calls, in_a_row=0)
