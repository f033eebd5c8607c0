"""Builds a signal cache in processes that are killed, or that build it at once; run by test_cache.py.

Usage: cache_processes.py DATASET CACHE N_KILLS. Imports once, then forks: a process costs milliseconds.
All that starts threads is done in the children: a process forked while a thread ends may wait forever for
what it held.
Prints a JSON object of what was found.
"""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np

from signalcam.data.cache import open_entry
from signalcam.data.ptbxl import open_dataset
from signalcam.data.signals import load_signals

dataset, cache, n_kills = open_dataset(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
ids = dataset.table.index.repeat(20)
file_of_expected = cache.with_name("expected.npy")


def build():
    return load_signals(dataset, ids, cache=cache, progress=False)


def in_child(work):
    """Fork; the child does `work` and leaves with its exit status."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        status = work() or 0
    finally:
        os._exit(status)


def save_expected():
    np.save(file_of_expected, load_signals(dataset, ids, cache=False, progress=False))


def build_and_wait():
    build()
    time.sleep(60)


def build_and_compare():
    return 0 if np.array_equal(build(), expected) else 3


def build_again_and_again():
    for _ in range(4):
        if build_and_compare():
            return 3
        for path in cache.glob("*.npy"):
            path.unlink(missing_ok=True)
    return 0


def build_on_a_full_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        build()
    except OSError as error:
        return 0 if "Cannot write the signal cache" in str(error) and not list(cache.iterdir()) else 4
    return 5


def exit_statuses(*works):
    """Do all of the works at once, each in a child."""
    pids = [in_child(work) for work in works]
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def kill_at(moment):
    """Kill a process at work and tell what it left: an unfinished file, an entry, a wrong entry."""
    pid = in_child(build_and_wait)
    time.sleep(moment)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    unfinished = any(path.suffix == ".part" for path in cache.iterdir())
    entries = [open_entry(path, lambda about, shape: "", every_record=True) for path in cache.glob("*.npy")]
    wrong = any(entry is None or not np.array_equal(entry[0], expected) for entry in entries)
    return unfinished, bool(entries), wrong or exit_statuses(build_and_compare) != [0]


def clear():
    for path in cache.iterdir():
        path.unlink()


if exit_statuses(save_expected) != [0]:
    sys.exit("The signals to compare with could not be loaded.")
expected = np.load(file_of_expected)
start = time.perf_counter()
exit_statuses(build_and_compare)
duration = time.perf_counter() - start
clear()
killed = []
for moment in np.random.default_rng(0).uniform(0, 2 * duration, n_kills):
    killed.append(kill_at(moment))
    clear()
unfinished, whole, wrong = (sum(map(bool, column)) for column in zip(*killed, strict=True))
found = {"unfinished": unfinished, "whole": whole, "wrong": wrong}
found["full disk"] = exit_statuses(build_on_a_full_disk)
found["at once"] = exit_statuses(*[build_again_and_again] * 4)
sys.stdout.write(json.dumps(found))
