"""Time and memory of each stage by the number of records: linear, and no stage over 3 GB.

    python benchmarks/full_size.py --data data/ptb-xl-full
    python benchmarks/full_size.py --data data/ptb-xl --sampling-rate 500 --sizes 1000 12500 --limit 3.1

Each size runs in a process of its own, on the first records of the set: reading (from the files; a cache is
written into a temporary folder, and all signals are compared for leakage), detrending and scaling of the
training split, one epoch without augmentation, prediction. A set smaller than asked for is filled up by
copies of its records, shifted in time so that no signal comes twice, which lie in that folder, too.

Printed are the processor time of a stage, its peak of private memory (RssAnon, looked at 50 times a second)
and, in brackets, of all resident memory: with the pages of mapped files, which the system takes back when it
needs them. By `--limit` it refuses each process more private memory than so many GB (RLIMIT_DATA, which
counts what is asked for, used or not: 2.5 GB by TensorFlow alone), so that no large set can stand in memory.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

STAGES = ("imports", "tables", "signals", "detrend, scale", "one epoch", "predict")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/ptb-xl-full", help="folder of PTB-XL")
    parser.add_argument("--sampling-rate", type=int, choices=(100, 500), default=100, help="in Hz (100)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 21799])
    parser.add_argument("--limit", type=float, help="GB of private memory that a process may have")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.size:
        found = stages(arguments.data, arguments.size, arguments.sampling_rate, arguments.scratch)
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(prefix="signalcam-full-size-") as scratch:
        rate = str(arguments.sampling_rate)
        data = filled_up(arguments.data, max(arguments.sizes), arguments.sampling_rate, Path(scratch))
        limit = f", at most {arguments.limit:g} GB of private memory" if arguments.limit else ""
        print(f"{rate} Hz{limit}; processor time, peak of private memory (of all) in GB\n")
        print("| records | signals | " + " | ".join(STAGES) + " |\n" + "| --- " * (len(STAGES) + 2) + "|")
        for size in arguments.sizes:
            command = [sys.executable, __file__, "--data", data, "--size", str(size), "--scratch", scratch]
            done = subprocess.run(
                [*command, "--sampling-rate", rate],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                cwd=ROOT,
                preexec_fn=lambda: set_limit(arguments.limit),
            )
            found = json.loads(done.stdout.splitlines()[-1])
            cells = ["{:.1f} s, {:.1f} ({:.1f})".format(*found[name]) for name in STAGES]
            print(f"| {size:,} | {found['bytes'] / 1e9:.2f} | " + " | ".join(cells) + " |", flush=True)


def set_limit(gigabytes):
    """Let this process have no more private memory than so many GB."""
    if gigabytes:
        resource.setrlimit(resource.RLIMIT_DATA, (int(gigabytes * 1e9),) * 2)


def filled_up(folder, size, rate, scratch):
    """The folder, or one in `scratch` of as many records, made of shifted copies where there are too few."""
    import numpy as np
    import pandas as pd

    from signalcam.data.metadata import FILENAME_COLUMNS
    from signalcam.data.ptbxl import open_dataset

    dataset = open_dataset(folder)
    paths = [dataset.folder / name for name in dataset.table[FILENAME_COLUMNS[rate]]]
    there = [number for number, path in enumerate(paths) if path.with_suffix(".dat").is_file()]
    if len(there) >= size:
        return folder
    rows = pd.read_csv(dataset.folder / "ptbxl_database.csv", index_col="ecg_id")
    rows = rows.loc[dataset.table.index[there]]
    chosen = np.arange(size) % len(rows)
    table = rows.iloc[chosen].set_index(pd.RangeIndex(1, size + 1, name="ecg_id"))
    table["patient_id"], table["strat_fold"] = table.index, 1 + np.arange(size) % 10
    made = scratch / "set"
    for number, index in enumerate(chosen):
        source = paths[there[index]]
        name = f"records{rate}/{number // 1000:02d}000/{number:05d}_copy"
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        samples = np.fromfile(source.with_suffix(".dat"), "<i2").reshape(-1, 12)
        np.roll(samples, 17 * (number // len(rows)), axis=0).tofile(made / f"{name}.dat")
        header = source.with_suffix(".hea").read_text().replace(source.name, Path(name).name)
        (made / f"{name}.hea").write_text(header)
        table.loc[number + 1, FILENAME_COLUMNS[rate]] = name
    table.to_csv(made / "ptbxl_database.csv")
    shutil.copy(dataset.folder / "scp_statements.csv", made)
    return str(made)


class PrivateMemory(threading.Thread):
    """Looks at the private memory of this process all the time, and keeps the highest."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak = 0.0
        self.start()

    def run(self):
        while True:
            self.look()
            time.sleep(0.02)

    def look(self):
        status = Path("/proc/self/status").read_text().splitlines()
        line = next(line for line in status if line.startswith("RssAnon"))
        self.peak = max(self.peak, int(line.split()[1]) * 1024 / 1e9)


def stages(folder, size, rate, scratch):
    """Seconds, and GB of private and of all memory at most, of each stage."""
    found, started, memory = {}, time.process_time(), PrivateMemory()

    def stop(name):
        nonlocal started
        memory.look()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        found[name] = time.process_time() - started, memory.peak, resident
        memory.peak, started = 0.0, time.process_time()

    import signalcam as sc
    from signalcam.data.cache import let_pages_go
    from signalcam.data.ptbxl import open_dataset
    from signalcam.training import detrended

    sc.train  # noqa: B018 (loads TensorFlow)
    stop("imports")
    dataset = open_dataset(folder)
    dataset = replace(dataset, table=dataset.table.iloc[:size])
    records = sc.load_ptbxl(dataset, sampling_rate=rate, cache=scratch / "cache", progress=False)
    indices = records.indices("train")
    y = records.labels.to_numpy()[indices]
    stop("tables")
    found["bytes"] = records.signals.nbytes
    stop("signals")
    x = detrended(records.signals, indices, scratch)
    sc.Scaler("record").transform(x, out=x)
    stop("detrend, scale")
    few = x[:500], y[:500]
    result = sc.train(lambda: sc.build_model(*x.shape[1:]), (x, y), few, epochs=1, verbose=False)
    stop("one epoch")
    for start in range(0, len(x), 512):  # Keras copies what it is given
        result.model.predict(x[start : start + 512], batch_size=128, verbose=0)
        let_pages_go(x)
    stop("predict")
    shutil.rmtree(scratch / "cache")
    return found


if __name__ == "__main__":
    main()
