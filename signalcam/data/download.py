"""Fetch PTB-XL from PhysioNet: only what is missing, verified before it gets its final name.

What to fetch, and the sum of each file, comes from the dataset's SHA256SUMS.txt. A file is written under
the name `NAME.part`, compared with its sum, and only then renamed; an interrupted one goes on where it
stopped. Files that are whole are not fetched again. Archives are not read, so nothing is ever unpacked.
"""

import os
import threading
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from signalcam.errors import DatasetError
from signalcam.data.fetching import DownloadError, Fetcher
from signalcam.data.threads import in_order
from signalcam.data.ptbxl import RECORD_FOLDERS
from signalcam.data.checksums import SUMS_FILE, compare, expected_files, outcome, parse_sums, problem_table, verify
from signalcam.data.metadata import DATABASE_FILE, STATEMENTS_FILE

__all__ = ["BASE_URL", "DownloadError", "download", "outcome", "verify"]

BASE_URL = "https://physionet.org/files/ptb-xl/1.0.3/"

# So many files in a row that fail although each was tried several times mean that the server is gone.
_MOST_FAILURES_IN_A_ROW = 10


def download(
    folder: str | os.PathLike,
    sampling_rate: int = 100,
    base_url: str = BASE_URL,
    workers: int = 8,
    timeout: float = 30.0,
    attempts: int = 5,
    wait: float = 1.0,
    progress: bool = True,
) -> pd.DataFrame:
    """Fetch PTB-XL's tables and its records of one rate into `folder`; go on where an earlier run stopped.

    Args:
        folder: where to; made when it is not there.
        sampling_rate: 100 or 500, in Hz.
        base_url: where from. https, or http to this very machine.
        workers: how many files at a time.
        timeout: seconds to wait for the server to go on.
        attempts: how often a file is tried.
        wait: seconds before the second attempt; twice as long before each further one, at most 30.
        progress: show a progress bar.

    Returns:
        DataFrame with a row for each file that is not there at the end: `file`, `problem`. Without rows,
        all files are there and verified. `outcome(folder, problems)` says it in words.

    Raises:
        DownloadError: the list of files cannot be fetched.
        DatasetError: it is no list of PTB-XL's files, or names a path that leads out of the folder.
        OSError: `folder` cannot be written, or the disk is full.
        ValueError: an argument is wrong.
    """
    if sampling_rate not in RECORD_FOLDERS:
        raise ValueError(f"sampling_rate must be 100 or 500 Hz; got {sampling_rate!r}.")
    if workers < 1 or attempts < 1 or not timeout > 0:
        raise ValueError("workers and attempts must be 1 or more, and timeout above 0 seconds.")
    folder = Path(folder).expanduser().resolve()
    with Fetcher(base_url, timeout, attempts, wait) as fetcher:
        data = fetcher.read(SUMS_FILE)
        sums = expected_files(_checked_sums(data, base_url, sampling_rate), (sampling_rate,))
        folder.mkdir(parents=True, exist_ok=True)
        _write_sums(folder / SUMS_FILE, data)
        return problem_table(_fetch_all(fetcher, folder, sums, workers, progress))


def _fetch_all(
    fetcher: Fetcher, folder: Path, sums: dict[str, str], workers: int, progress: bool
) -> dict[str, str]:
    guard = _Guard(fetcher.stop)

    def fetch(name: str) -> str:
        if not compare(folder / name, sums[name]):
            return ""
        if fetcher.stop.is_set():
            return "not tried, since the server does not answer"
        return guard.note(fetcher.fetch(name, folder / name, sums[name]))

    names = tqdm(sums, desc="Downloading", unit=" files", disable=not progress)
    results = in_order(fetch, names, workers, 4 * workers, fetcher.stop)
    return {name: problem for name, problem in results if problem}


class _Guard:
    """Stops the download when file after file fails for reasons that are the network's or the server's."""

    def __init__(self, stop: threading.Event):
        self._stop, self._failures, self._lock = stop, 0, threading.Lock()

    def note(self, result: tuple[str, bool]) -> str:
        problem, may_pass = result
        with self._lock:
            self._failures = self._failures + 1 if problem and may_pass else 0
            if self._failures >= _MOST_FAILURES_IN_A_ROW:
                self._stop.set()
        return problem


def _checked_sums(data: bytes, base_url: str, sampling_rate: int) -> dict[str, str]:
    source = base_url.rstrip("/") + "/" + SUMS_FILE
    if data.lstrip()[:1] == b"<":
        raise DatasetError(
            f"{source}: expected a list of sums, the server sent a web page. Is the address right?"
        )
    sums = parse_sums(data, source)
    absent = [name for name in (DATABASE_FILE, STATEMENTS_FILE) if name not in sums]
    if absent or not any(name.startswith(RECORD_FOLDERS[sampling_rate] + "/") for name in sums):
        what = absent[0] if absent else f"any record at {sampling_rate} Hz"
        raise DatasetError(f"{source} does not list {what}: it is not PTB-XL's, or is cut off.")
    return sums


def _write_sums(path: Path, data: bytes) -> None:
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)
