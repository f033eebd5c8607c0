"""Fetch PTB-XL from PhysioNet: only what is missing, verified before it gets its final name.

What to fetch, and the sum of each file, comes from the dataset's SHA256SUMS.txt. A file is written under
the name `NAME.part`, compared with its sum, and only then renamed; an interrupted one is resumed. Files that
are whole are not fetched again. Archives are not read, so nothing is ever unpacked.
"""

import os
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.checksums import SUMS_FILE, expected_files, parse_sums
from signalcam.data.http_files import Fetcher, is_allowed
from signalcam.data.metadata import DATABASE_FILE, STATEMENTS_FILE
from signalcam.data.ptbxl import RECORD_FOLDERS
from signalcam.data.threads import in_order
from signalcam.errors import DatasetError

BASE_URL = "https://physionet.org/files/ptb-xl/1.0.3/"


def download(
    folder: str | os.PathLike,
    sampling_rate: int = 100,
    base_url: str = BASE_URL,
    workers: int = 8,
    timeout: float = 30.0,
    limit: float = 600.0,
    attempts: int = 5,
    wait: float = 1.0,
    progress: bool = True,
) -> pd.DataFrame:
    """Fetch PTB-XL's tables and its records of one rate into `folder`; resume where an earlier run stopped.

    Args:
        folder: where to; made when it is not there.
        sampling_rate: 100 or 500, in Hz.
        base_url: where from. https, or http to this very machine.
        workers: how many files at a time.
        timeout: seconds without an answer or a further byte.
        limit: seconds for one file, all its attempts together, by the clock. A rerun resumes it.
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
        raise ValueError(f"sampling_rate must be 100 or 500 Hz, got {sampling_rate!r}.")
    if workers < 1 or attempts < 1 or not (timeout > 0 and limit > 0):
        raise ValueError("workers and attempts must be 1 or more, and timeout and limit above 0 seconds.")
    if not is_allowed(base_url):
        raise DatasetError(f"Downloads go over https; refused: {base_url[:200]!r}.")
    folder = Path(folder).expanduser().resolve()
    fetcher = Fetcher(base_url.rstrip("/") + "/", timeout, limit, attempts, wait)
    data = fetcher.read(SUMS_FILE)
    sums = expected_files(_checked_sums(data, fetcher.base_url, sampling_rate), (sampling_rate,))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (SUMS_FILE + ".part")
    part.write_bytes(data)
    os.replace(part, folder / SUMS_FILE)

    def fetch(name: str) -> str:
        return fetcher.fetch(name, folder / name, sums[name])

    names = tqdm(sums, desc="Downloading", unit=" files", disable=not progress)
    found = in_order(fetch, names, workers, 4 * workers, fetcher.stop)
    return pd.DataFrame([pair for pair in found if pair[1]], columns=["file", "problem"], dtype=object)


def _checked_sums(data: bytes, base_url: str, sampling_rate: int) -> dict[str, str]:
    source = base_url + SUMS_FILE
    if data.lstrip()[:1] == b"<":
        raise DatasetError(f"{source}: expected a list of sums, got a web page. Is the address right?")
    sums = parse_sums(data, source)
    absent = [name for name in (DATABASE_FILE, STATEMENTS_FILE) if name not in sums]
    if absent or not any(name.startswith(RECORD_FOLDERS[sampling_rate] + "/") for name in sums):
        what = absent[0] if absent else f"any record at {sampling_rate} Hz"
        raise DatasetError(f"{source} does not list {what}: it is not PTB-XL's, or is cut off.")
    return sums
