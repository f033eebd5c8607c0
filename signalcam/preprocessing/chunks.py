"""Work on large sets of signals chunk by chunk: little memory, all cores, and NaN found on the way."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from signalcam.recordings.checks import refuse_non_finite

# Records per chunk: 1.5 MB of float64 at 1,000 samples and 12 leads, which the next step finds in the cache.
CHUNK = 16


def check_floats(signals: np.ndarray) -> np.ndarray:
    """Return `signals` as an array, not copied, or raise TypeError or ValueError for their dtype or shape."""
    signals = np.asarray(signals)
    if signals.dtype.kind != "f":
        wanted = f"signals must be real floating-point numbers in mV, got dtype {signals.dtype}"
        raise TypeError(f"{wanted}. Divide raw counts by their gain, then convert with astype('float32').")
    if signals.ndim not in (2, 3) or 0 in signals.shape:
        wanted = "(record, time, lead) or (time, lead), with no empty axis"
        raise ValueError(f"signals must have the shape {wanted}, got {signals.shape}.")
    return signals


def result_array(signals: np.ndarray, dtype: type, out: np.ndarray | None = None) -> np.ndarray:
    """Return the array for a result of the shape of `signals`: `out` after checks, or a new one.

    The system clears new memory first, which takes longer than scaling: hence `out`. Where it is `signals`
    itself, they are checked for NaN and infinity here, before anything is written over.
    """
    if out is None:
        return np.empty(signals.shape, dtype)
    if not isinstance(out, np.ndarray) or out.dtype != dtype:
        found = getattr(out, "dtype", type(out).__name__)
        raise TypeError(f"out must be an array of {np.dtype(dtype)}, got {found}.")
    if out.shape != signals.shape:
        raise ValueError(f"out must have the shape of the signals, {signals.shape}, got {out.shape}.")
    if not (out.flags.writeable and out.flags.c_contiguous):
        raise ValueError("out must be writeable and in C order, as `np.empty(signals.shape, dtype)` is.")
    if np.may_share_memory(out, signals):
        if (out.ctypes.data, out.strides) != (signals.ctypes.data, signals.strides):
            raise ValueError("out must be the signals themselves, or share no memory with them.")
        refuse_non_finite(signals)
    return out


def chunks(signals: np.ndarray, size: int = CHUNK) -> Iterator[np.ndarray]:
    """Yield views of `size` records each: (record, time, lead). A single record is a batch of one."""
    batch = signals if signals.ndim == 3 else signals[None]
    for start in range(0, len(batch), size):
        yield batch[start : start + size]


def fill_chunks(step: Callable, signals: np.ndarray, result: np.ndarray, size: int = CHUNK) -> np.ndarray:
    """Call `step(chunk of signals, chunk of result)` for every chunk, on all cores; return `result`.

    A step writes into its chunk of the result, and returns a few numbers that are not finite where that of
    the signals holds NaN or infinity, such as a sum over time, which costs no further pass. `size` is in
    records: threads that do little for each chunk lose time in waiting for Python's lock.
    """

    def fill(part: list[tuple[np.ndarray, np.ndarray]]) -> bool:
        # NumPy's error state belongs to the thread. What it would warn of is refused, with a better message.
        with np.errstate(invalid="ignore", over="ignore"):
            return all([np.isfinite(step(chunk, out)).all() for chunk, out in part])

    pairs = list(zip(chunks(signals, size), chunks(result, size), strict=True))
    n_cores = os.cpu_count() or 1
    if min(n_cores, len(pairs) * size // (4 * CHUNK)) < 2:  # the work is less than the threads' start
        finite = fill(pairs)
    else:
        # One task takes many chunks: handing over a task costs about as long as computing a chunk.
        parts = [pairs[first :: 2 * n_cores] for first in range(2 * n_cores)]
        with ThreadPoolExecutor(n_cores) as pool:
            finite = all(list(pool.map(fill, parts)))
    if not finite:
        refuse_non_finite(signals)
        raise ValueError("signals must be in mV, got values too large to compute with in their precision.")
    return result
