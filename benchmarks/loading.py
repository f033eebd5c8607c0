"""Loading records: first and second read against the serial `wfdb.rdsamp` loop, and the memory they take.

    python benchmarks/loading.py                        # data/ptb-xl, and 5,000 simulated records
    python benchmarks/loading.py FOLDER --simulated 0   # a folder alone

Every number is taken in a process of its own, one after the other, with the files in the system's page
cache. Targets: first read 15 times, second read 100 times as fast as the loop, and memory below 1.3 times the
array. Last, one reading of a file by `read_recording`, its checks of quality included, and by `ecgdatakit`,
which has none: in one process, in turns, best of twelve for each file. Target: 1.5 times its time.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from signalcam.data.ptbxl import open_dataset  # noqa: E402
from signalcam.data.signals import load_signals  # noqa: E402

TARGETS = {"first": 15, "second": 100}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default="data/ptb-xl", help="a PTB-XL folder (data/ptb-xl)")
    parser.add_argument(
        "--simulated", type=int, default=5000, help="simulated records to time as well (5000; 0: none)"
    )
    parser.add_argument("--sampling-rate", type=int, default=100, help="of the folder's records, in Hz (100)")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each read; the median counts (3)")
    parser.add_argument(
        "--loop", type=int, default=1000, help="records that the rdsamp loop reads at most (1000)"
    )
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        what, folder, rate, cache = arguments.measure
        print(json.dumps(measure(what, folder, int(rate), cache, arguments.loop)))
        return
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory(prefix="signalcam-loading-") as scratch:
        if Path(arguments.folder).exists():
            compare(arguments.folder, arguments.sampling_rate, scratch, arguments)
        else:
            print(f"{arguments.folder} is not there.")
        if arguments.simulated:
            from signalcam.simulation import write_dataset

            folder = write_dataset(
                Path(scratch) / "simulated", n_records=arguments.simulated, progress=sys.stderr.isatty()
            )
            compare(folder, 100, scratch, arguments)
        if Path(arguments.folder).exists():
            compare_readers(open_dataset(arguments.folder), Path(scratch))


def compare_readers(dataset, scratch, n_files=100, repeats=12):
    """Time the reading of single files, of the formats that both read, and print the ratios."""
    import warnings

    import numpy as np
    from ecgdatakit.parsing.parser import FileParser

    from signalcam.recordings import RecordWarning, read_recording

    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from ecg_exports import write_aecg, write_philips, write_scp

    warnings.simplefilter("ignore", RecordWarning)
    names = dataset.table["filename_lr"][:n_files]
    files = {"WFDB": [dataset.folder / f"{name}.hea" for name in names]}
    signals = [read_recording(path)[0].signals for path in files["WFDB"][:10]]
    exports = {
        "SCP-ECG": (write_scp, ".scp"),
        "HL7 aECG": (write_aecg, ".xml"),
        "Philips": (write_philips, ".xml"),
    }
    for name, (write, suffix) in exports.items():
        files[name] = [scratch / f"{name}{number}{suffix}" for number in range(len(signals))]
        for path, each in zip(files[name], signals, strict=True):
            write(path, each)
    print("\nOne reading of a file, beside ecgdatakit's (target: 1.5 times)")
    for name, paths in files.items():
        best = np.full((2, len(paths)), np.inf)
        for _ in range(repeats):
            for position, path in enumerate(paths):
                for which, read in enumerate((read_recording, FileParser.parse)):
                    start = time.perf_counter()
                    read(path)
                    best[which, position] = min(best[which, position], time.perf_counter() - start)
        ours, theirs = 1000 * best.mean(axis=1)
        print(f"  {name:<14} {ours:6.2f} ms, ecgdatakit {theirs:6.2f} ms: {ours / theirs:.2f} times")


def compare(folder, rate, scratch, arguments):
    """Time one folder and print the ratios."""
    dataset = open_dataset(folder)
    print(f"\n{dataset.describe()}; here at {rate} Hz")
    in_process("touch", folder, rate, scratch, arguments)
    loop = in_process("loop", folder, rate, scratch, arguments)
    per_record = loop["seconds"] / loop["n_records"]
    print(f"  rdsamp loop    {per_record * 1e6:9.0f} us a record ({loop['n_records']:,} records read)")
    for what, name in (("first", "first read"), ("second", "second read"), ("memory", "without cache")):
        runs = []
        for _ in range(arguments.repeats):
            if what == "first":
                clear(Path(scratch) / "cache")
            runs.append(in_process(what, folder, rate, scratch, arguments))
        seconds, n_records = statistics.median(run["seconds"] for run in runs), runs[0]["n_records"]
        memory = max(run["peak"] / run["array"] for run in runs)
        ratio, target = per_record * n_records / seconds, TARGETS.get(what)
        print(
            f"  {name:<14} {seconds / n_records * 1e6:9.1f} us a record, {seconds:7.3f} s in all,"
            + f" {ratio:7.0f} times as fast"
            + (f" (target {target})" if target else "")
            + f"; peak memory {memory:.2f} x array (target 1.3)"
        )


def in_process(what, folder, rate, scratch, arguments):
    """Run one measurement in a fresh process."""
    command = [sys.executable, __file__, "--loop", str(arguments.loop)]
    command += ["--measure", what, str(folder), str(rate), str(Path(scratch) / "cache")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def measure(what, folder, rate, cache, n_loop):
    """One measurement: seconds, and bytes of memory above what the process had before it."""
    dataset = open_dataset(folder)
    column = {100: "filename_lr", 500: "filename_hr"}[rate]
    table = dataset.table
    if rate == 500:
        there = [(dataset.folder / f"{name}.dat").is_file() for name in table[column]]
        table = table[there]
    if what == "touch":
        for name in table[column]:
            for suffix in (".hea", ".dat"):
                (dataset.folder / f"{name}{suffix}").read_bytes()
        return {}
    if what == "loop":
        import wfdb

        paths = [str(dataset.folder / name) for name in table[column][:n_loop]]
        wfdb.rdsamp(paths[0])
        start = time.perf_counter()
        for path in paths:
            wfdb.rdsamp(path)
        return {"seconds": time.perf_counter() - start, "n_records": len(paths)}
    before = peak_memory(reset=True)
    start = time.perf_counter()
    signals = load_signals(
        dataset, table.index, rate, cache=False if what == "memory" else cache, progress=False
    )
    seconds = time.perf_counter() - start
    peak = peak_memory() - before
    return {"seconds": seconds, "n_records": len(table), "peak": peak, "array": signals.nbytes}


def peak_memory(reset=False):
    """Peak resident bytes of this process; after a reset, those from now on (Linux)."""
    status, refs = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not status.exists():
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    if reset and os.access(refs, os.W_OK):
        refs.write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def clear(folder):
    """Remove the cache's files."""
    for path in folder.glob("*") if folder.exists() else ():
        path.unlink()


if __name__ == "__main__":
    main()
