"""How long a call takes: medians with their spread, of calls that take turns.

A mean is spoilt by one interruption of the machine, and calls timed one after the other by its drift: so
medians with quartiles, and one round of all calls after the other. Imports no framework, so that small
runtimes can be timed alone.
"""

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Latency:
    """Durations of one call in milliseconds: median, lower and upper quartile, number of calls timed."""

    median: float
    low: float
    high: float
    repeats: int

    def __str__(self) -> str:
        return f"{self.median:.3g} ms ({self.low:.3g} to {self.high:.3g})"


def latency(call: Callable[[], object], repeats: int = 100, warmup: int = 10) -> Latency:
    """Time `call()` and return its median and quartiles in milliseconds.

    The call must come back with its result computed: give a framework that works asynchronously a
    conversion to NumPy. warmup: calls before, not timed (tracing, caches). ValueError on repeats below 1.
    """
    row = latency_table({"call": call}, repeats, warmup).iloc[0]
    return Latency(float(row["median"]), float(row["low"]), float(row["high"]), repeats)


def latency_table(
    calls: Mapping[str, Callable[[], object]],
    repeats: int = 100,
    warmup: int = 10,
    n_records: int = 1,
    in_a_row: int = 1,
) -> pd.DataFrame:
    """Time several calls in turns and return a row each: median, low, high (quartiles) in ms, throughput.

    calls: name to function without arguments, each answering for `n_records` records; throughput: records a
    second at the median. in_a_row: so many timed calls at each turn, after one that is not timed where it is
    more than 1; so each finds the processor's caches as it left them itself, not as another call did.
    """
    if in_a_row < 1:
        raise ValueError(f"in_a_row: expected at least 1; got {in_a_row}")
    if repeats < 1 or warmup < 0:
        raise ValueError(f"repeats: expected at least 1, and warmup at least 0; got {repeats} and {warmup}")
    for call in calls.values():
        for _ in range(warmup):
            call()
    durations = {name: np.empty(repeats) for name in calls}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for first in range(0, repeats, in_a_row):
            for name, call in calls.items():
                if in_a_row > 1:
                    call()
                for turn in range(first, min(first + in_a_row, repeats)):
                    start = time.perf_counter()
                    call()
                    durations[name][turn] = 1000 * (time.perf_counter() - start)
    finally:
        if collecting:
            gc.enable()
    rows = []
    for taken in durations.values():
        low, median, high = np.percentile(taken, (25, 50, 75))
        rows.append([median, low, high, repeats, 1000 * n_records / median])
    columns = ["median", "low", "high", "repeats", "throughput"]
    return pd.DataFrame(rows, index=pd.Index(durations, name="call"), columns=columns)
