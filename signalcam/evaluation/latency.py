"""How long a call takes: medians with their spread, of calls that take turns.

A mean is spoilt by one interruption of the machine, and calls timed one after the other by its drift: so
medians with quartiles, and one round of all calls after the other. Imports no framework, so that small
runtimes can be timed alone.
"""

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd


def latency_table(
    calls: Mapping[str, Callable[[], object]],
    repeats: int = 100,
    warmup: int = 10,
    n_records: int = 1,
    in_a_row: int = 1,
) -> pd.DataFrame:
    """Time several calls in turns.

    Args:
        calls: name to function without arguments, which comes back with its result computed: give a framework
            that works asynchronously a conversion to NumPy.
        repeats: timed calls of each.
        warmup: calls of each before, not timed (tracing, caches).
        n_records: records that a call answers for.
        in_a_row: timed calls at each turn, after one that is not timed where it is more than 1; so each finds
            the processor's caches as it left them itself, not as another call did.

    Returns:
        DataFrame, one row a call: median, low, high (quartiles) in ms, repeats, throughput (records a second
        at the median).

    Raises:
        ValueError: where `repeats` or `in_a_row` is below 1, or `warmup` below 0.
    """
    if in_a_row < 1:
        raise ValueError(f"in_a_row must be at least 1, got {in_a_row}.")
    if repeats < 1 or warmup < 0:
        raise ValueError(f"repeats must be at least 1, and warmup at least 0, got {repeats} and {warmup}.")
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
