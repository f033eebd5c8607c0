"""How long a call takes: medians, since one interruption of the machine spoils a mean, of calls that take
turns, since the machine drifts. Imports no framework, so that small runtimes can be timed alone."""

import gc
import time
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd


def latency_table(
    calls: Mapping[str, Callable], repeats: int = 100, warmup: int = 10, n_records: int = 1, in_a_row: int = 1
) -> pd.DataFrame:
    """Time several calls in turns.

    Args:
        calls: by name, functions without arguments that return when their result is computed.
        repeats, warmup: timed calls of each, and calls before that are not timed (tracing, caches).
        n_records: records that a call answers for.
        in_a_row: timed calls at each turn. Where more than 1, one that is not timed goes before them, so that
            each finds the processor's caches as it left them itself.

    Returns:
        DataFrame, one row a call: median, low, high (quartiles) in ms, repeats, throughput (records a second
        at the median).
    """
    for name, value, least in (("repeats", repeats, 1), ("in_a_row", in_a_row, 1), ("warmup", warmup, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
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
    quartiles = {name: np.percentile(taken, (50, 25, 75)) for name, taken in durations.items()}
    table = pd.DataFrame.from_dict(quartiles, orient="index", columns=["median", "low", "high"])
    return table.assign(repeats=repeats, throughput=1000 * n_records / table["median"]).rename_axis("call")
