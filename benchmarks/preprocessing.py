"""Detrending, scaling and augmentation, timed beside what they replace, in one run on the same signals.

    python benchmarks/preprocessing.py [--records 1000]

Uses PTB-XL where PATH_TO_DATA or data/ptb-xl has it, else random signals. What is replaced loops over records
and leads in Python, or augments record by record with ecgmentations (`pip install ecgmentations==0.0.9`;
without it that row is left out). The loop works through the records in ten parts, and our side, on all
records, is timed after each part, so that whatever else the machine does meanwhile hits both alike. Compared
are the loop's total and our median. Detrending and scaling are timed twice: both sides write into arrays that
are there already, and both write into a new one for all records, which the system clears at the first touch.

A second table has what a good user would write instead of a loop: `np.polyfit` on a matrix of all leads, the
projection by a QR factor in one line, scikit-learn's scaler, a zero-phase high-pass. It has the smallest wall
and processor times of 15 turns, since ours works on all cores whatever BLAS does. Both tables come twice:
BLAS at its default on both sides, then with one thread on both, as with `OPENBLAS_NUM_THREADS=1`.
"""

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from scipy.signal import butter, sosfiltfilt
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from signalcam.augmentation import paper_augmentation
from signalcam.data.ptbxl import open_dataset, resolve_data_path
from signalcam.data.signals import load_signals
from signalcam.preprocessing import Scaler, detrend

PARTS = 10
BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1000, help="number of records (default: 1000)")
    n_records = parser.parse_args().records

    signals, source = load(n_records)
    print(f"{n_records} records of shape {signals.shape[1:]}: {source}\n{os.cpu_count()} cores")
    detrended = detrend(signals)
    fitted = Scaler("standard").fit(detrended)

    for threads in (None, 1):
        print(f"\nThreads of BLAS: {threads or 'the default'}")
        with threadpool_limits(threads, "blas"):
            compare_loops(signals, detrended, fitted)
            compare_one_liners(signals, detrended, fitted)


def compare_loops(signals: np.ndarray, detrended: np.ndarray, fitted: Scaler) -> None:
    """Print the table of ours beside loops over records and leads."""
    loops = {
        "standard": standard_loop(fitted),
        "record": record_loop,
        "record_standard": record_standard_loop,
    }
    scalers = {rule: fitted if rule == "standard" else Scaler(rule) for rule in loops}
    rows = []
    for given in (True, False):
        rows.append(compare("detrend", signals, detrend, polyfit_loop, 150, given))
        for rule, loop in loops.items():
            rows.append(compare(f"scale: {rule}", detrended, scalers[rule].transform, loop, 8, given))
    rows.append(compare_augmentation(fitted.transform(detrended)[:BATCH]))
    heads = ("step", "loop", "signalcam", "middle half", "ratio", "target")
    print("\n{:<34}{:>12}{:>12}{:>16}{:>9}{:>9}   largest difference".format(*heads))
    for row in filter(None, rows):
        print(row)


def load(n_records: int) -> tuple[np.ndarray, str]:
    """Signals (record, 1000, 12) float32 in mV, and where they are from."""
    folder, source = resolve_data_path()
    if (folder / "ptbxl_database.csv").is_file():
        dataset = open_dataset(folder)
        ecg_ids = dataset.table.index[:n_records]
        loaded = np.array(load_signals(dataset, ecg_ids, cache=False))
        return loaded[np.arange(n_records) % len(loaded)], source
    walk = np.random.default_rng(0).normal(scale=0.03, size=(n_records, 1000, 12)).cumsum(axis=1)
    return walk.astype(np.float32), "a random walk, since there is no PTB-XL"


def compare(
    name: str, signals: np.ndarray, ours: Callable, loop: Callable, target: float, given: bool
) -> str:
    """One line of the table; `given`: the results' arrays are there already, for both."""
    result = ours(signals)
    out = np.zeros_like(signals) if given else None
    expected = np.zeros_like(signals) if given else np.empty_like(signals)
    total, times, difference = 0.0, [], 0.0
    for part in tqdm(np.array_split(np.arange(len(signals)), PARTS), name, leave=False):
        records = slice(part[0], part[-1] + 1)
        total += timed(lambda records=records: loop(signals[records], expected[records]))[0]
        difference = max(difference, float(np.abs(result[records] - expected[records]).max()))
        time.sleep(0.2)  # the loop's BLAS threads spin for a while before they sleep
        ours(signals, out=out)  # wakes the cores up
        times += [timed(lambda: ours(signals, out=out))[0] for _ in range(5)]
    where = "array given" if given else "new array"
    return line(f"{name}, {where}", total, times, target, f"{difference:.1e}")


def compare_one_liners(signals: np.ndarray, detrended: np.ndarray, fitted: Scaler) -> None:
    """Print ms a record, wall and processor time, of what takes few lines, and of ours, in turn."""
    times = np.linspace(-1.0, 1.0, signals.shape[1])
    q64 = np.linalg.qr(np.polynomial.legendre.legvander(times, 10))[0]
    q32 = q64.astype(np.float32)
    x64 = signals.astype(np.float64)
    sos = butter(2, 0.5, "highpass", fs=100, output="sos")
    sklearn_scaler = StandardScaler().fit(detrended.reshape(-1, 12))
    truth = {
        "detrend": x64 - q64 @ (q64.T @ x64),
        "scale": (detrended.astype(np.float64) - fitted.mean) / fitted.std,
    }

    def polyfit_matrix() -> np.ndarray:
        columns = x64.transpose(1, 0, 2).reshape(len(times), -1)
        fits = np.polynomial.polynomial.polyval(times, np.polyfit(times, columns, 10)[::-1])
        return (columns - fits.T).reshape(len(times), len(signals), 12).transpose(1, 0, 2)

    ways = {
        "detrend: signalcam, float32": lambda: detrend(signals),
        "detrend: signalcam, float64": lambda: detrend(x64),
        "detrend: np.polyfit on a matrix": polyfit_matrix,
        "detrend: x - Q (Q^T x), float64": lambda: x64 - q64 @ (q64.T @ x64),
        "detrend: x - Q (Q^T x), float32": lambda: signals - q32 @ (q32.T @ signals),
        "detrend: scipy's sosfiltfilt": lambda: sosfiltfilt(sos, signals, axis=1),
        "scale: signalcam, standard": lambda: fitted.transform(detrended),
        "scale: scikit-learn's scaler": lambda: sklearn_scaler.transform(detrended.reshape(-1, 12)),
    }
    seconds = {name: ([], []) for name in ways}
    off = {}
    for _ in tqdm(range(15), "one-liners", leave=False):
        for name, way in ways.items():
            time.sleep(0.2)  # as above
            way()
            processor = time.process_time()
            taken, result = timed(way)
            seconds[name][1].append(time.process_time() - processor)
            seconds[name][0].append(taken)
            step = name.split(":")[0]
            off[name] = f"{np.abs(result.reshape(signals.shape) - truth[step]).max():.1e}"
    off["detrend: scipy's sosfiltfilt"] = "another filter"
    heads = ("what a good user would write", "ms a record", "processor")
    print("\n{:<36}{:>12}{:>12}   largest difference from float64".format(*heads))
    for name, taken in seconds.items():
        wall, processor = 1e3 * np.min(taken, axis=1) / len(signals)
        print(f"{name:<36}{wall:>12.4f}{processor:>12.4f}   {off[name]}")


def compare_augmentation(scaled: np.ndarray) -> str | None:
    """One line of the table; None, and a reason said, without ecgmentations."""
    try:
        import ecgmentations
    except ImportError:
        print("\nNo row for the augmentation: it needs `pip install ecgmentations==0.0.9`.")
        return None
    sines = {"ecg_frequency": 100.0, "amplitude_limit": 0.2}
    one_by_one = ecgmentations.Sequential(
        [
            ecgmentations.TimeShift(0.03, p=0.5),
            ecgmentations.AmplitudeScale((-0.2, 0.2), p=0.5),
            ecgmentations.GaussNoise(variance=0.001, p=0.5),
            ecgmentations.OneOf(
                [ecgmentations.SinePulse(**sines), ecgmentations.RespirationNoise(**sines)], p=0.5
            ),
        ]
    )
    layer = paper_augmentation(seed=0)
    # In a graph, as both `fit` and `tf.data` run it.
    whole_batch = tf.function(lambda batch: layer(batch, training=True))
    batch = tf.constant(scaled)
    whole_batch(batch)
    loops, times = [], []
    for _ in tqdm(range(PARTS), "augmentation", leave=False):
        loops.append(timed(lambda: np.stack([one_by_one(ecg=record)["ecg"] for record in scaled]))[0])
        # As NumPy arrays on both sides; a view of the tensor, which `.numpy()` would copy.
        times += [timed(lambda: np.asarray(memoryview(whole_batch(batch))))[0] for _ in range(5)]
    return line(f"augment, batch of {len(scaled)}", float(np.median(loops)), times, 8, "(random)")


def timed(function: Callable) -> tuple[float, np.ndarray]:
    """Seconds it takes, and what it returns."""
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def line(name: str, loop: float, times: list[float], target: float, difference: str) -> str:
    ours, low, high = np.median(times), *np.quantile(times, [0.25, 0.75])
    met = "met" if loop / ours >= target else "missed"
    return (
        f"{name:<34}{1e3 * loop:>9.1f} ms{1e3 * ours:>9.1f} ms{f'{1e3 * low:.1f}-{1e3 * high:.1f}':>16}"
        f"{loop / ours:>8.1f}x{target:>8.0f}x   {difference:<10}{met}"
    )


def polyfit_loop(signals: np.ndarray, out: np.ndarray) -> None:
    times = np.linspace(-1.0, 1.0, signals.shape[1])
    for record, lead in np.ndindex(len(signals), signals.shape[2]):
        samples = signals[record, :, lead].astype(np.float64)
        out[record, :, lead] = samples - np.polyval(np.polyfit(times, samples, 10), times)


def standard_loop(scaler: Scaler) -> Callable:
    mean, std = scaler.mean.astype(np.float32), scaler.std.astype(np.float32)

    def loop(signals: np.ndarray, out: np.ndarray) -> None:
        for record, lead in np.ndindex(len(signals), signals.shape[2]):
            out[record, :, lead] = (signals[record, :, lead] - mean[lead]) / std[lead]

    return loop


def record_loop(signals: np.ndarray, out: np.ndarray) -> None:
    for record, lead in np.ndindex(len(signals), signals.shape[2]):
        centred = signals[record, :, lead] - np.median(signals[record, :, lead])
        out[record, :, lead] = centred / np.abs(centred).max() if centred.any() else 0


def record_standard_loop(signals: np.ndarray, out: np.ndarray) -> None:
    for record, lead in np.ndindex(len(signals), signals.shape[2]):
        samples = signals[record, :, lead]
        out[record, :, lead] = (samples - samples.mean()) / samples.std() if np.ptp(samples) else 0


if __name__ == "__main__":
    main()
