"""Time and memory of each stage, at 1,000, 5,000 and all records: linear, and no stage over 3 GB.

    python benchmarks/full_size.py --data data/ptb-xl-full

Each size runs in a process of its own, on that share of the training records: reading (from the cache, if
there is one; all signals are compared for leakage), detrending and scaling in place, one epoch without
augmentation, prediction. Printed are the seconds of a stage and the peak of the process so far.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/ptb-xl-full", help="folder of PTB-XL")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 5000, 21799])
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.size:
        print(json.dumps(stages(arguments.data, arguments.size)))
        return
    print("| records | " + " | ".join(STAGES) + " |\n" + "| --- " * (len(STAGES) + 1) + "|")
    for size in arguments.sizes:
        command = [sys.executable, __file__, "--data", arguments.data, "--size", str(size)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = [f"{found[name][0]:.1f} s, {found[name][1]:.1f} GB" for name in STAGES]
        print(f"| {size:,} | " + " | ".join(cells) + " |")


STAGES = ("imports", "tables", "signals", "detrend, scale", "one epoch", "predict")


def stages(folder, size):
    found, started = {}, time.perf_counter()

    def stop(name):
        nonlocal started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        found[name], started = (time.perf_counter() - started, peak), time.perf_counter()

    import numpy as np

    import signalcam as sc
    from signalcam.data.cache import let_pages_go

    sc.train  # noqa: B018 (loads TensorFlow)
    stop("imports")
    records = sc.load_ptbxl(folder, progress=False)
    indices = records.indices("train")
    indices = indices[: round(size * len(indices) / len(records.labels))]
    y = records.labels.to_numpy()[indices]
    stop("tables")
    x = np.empty((len(indices), 1000, 12), np.float32)
    for start in range(0, len(indices), 512):
        x[start : start + 512] = records.signals[indices[start : start + 512]]
        let_pages_go(records.signals)
    stop("signals")
    sc.detrend(x, out=x)
    sc.Scaler("record").transform(x, out=x)
    stop("detrend, scale")
    few = x[:500], y[:500]
    result = sc.train(sc.build_model, (x, y), few, epochs=1, verbose=False)
    stop("one epoch")
    for start in range(0, len(x), 2048):  # Keras copies what it is given
        result.model.predict(x[start : start + 2048], batch_size=128, verbose=0)
    stop("predict")
    return found


if __name__ == "__main__":
    main()
