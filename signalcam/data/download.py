"""Fetch PTB-XL from PhysioNet: only what is missing, named only when it is verified; and verify it."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.http_files import Fetcher, compare, is_allowed
from signalcam.data.metadata import DATABASE_FILE, STATEMENTS_FILE, is_safe_relative_path
from signalcam.data.ptbxl import RECORD_FOLDERS, find_dataset
from signalcam.data.threads import in_order
from signalcam.errors import DatasetError, listed
from signalcam.whole_file import write_whole

BASE_URL = "https://physionet.org/files/ptb-xl/1.0.3/"
SUMS_FILE = "SHA256SUMS.txt"

_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S.*)")


def download(
    folder: str | os.PathLike,
    sampling_rate: int = 100,
    base_url: str = BASE_URL,
    workers: int = 8,
    progress: bool = True,
) -> pd.DataFrame:
    """Fetch PTB-XL's tables and its records of one rate into `folder`; resume where an earlier run stopped.

    Args:
        folder: where to; made when it is not there.
        sampling_rate: 100 or 500, in Hz.
        base_url: where from. https, or http to this very machine.
        workers, progress: how many files at a time; show a progress bar.

    Returns:
        DataFrame (file, problem) of the files that are not there, verified; `outcome` says it in words.

    Raises:
        DownloadError, DatasetError: the list of files cannot be fetched, or is no safe list of PTB-XL's.
        OSError, ValueError: `folder` cannot be written; an argument is wrong.
    """
    if sampling_rate not in RECORD_FOLDERS:
        raise ValueError(f"sampling_rate must be 100 or 500 Hz, got {sampling_rate!r}.")
    if workers < 1:
        raise ValueError(f"workers must be 1 or more, got {workers!r}.")
    if not is_allowed(base_url):
        raise DatasetError(f"Downloads go over https; refused: {base_url[:200]!r}.")
    folder = Path(folder).expanduser().resolve()
    fetcher = Fetcher(base_url.rstrip("/") + "/")
    data = fetcher.read(SUMS_FILE)
    source = fetcher.base_url + SUMS_FILE
    if data.lstrip()[:1] == b"<":
        raise DatasetError(f"{source}: expected a list of sums, got a web page. Is the address right?")
    sums = _read_sums(data, source, (sampling_rate,))
    tops = {name.partition("/")[0] for name in sums}
    if absent := {DATABASE_FILE, STATEMENTS_FILE, RECORD_FOLDERS[sampling_rate]} - tops:
        found = f"does not list {listed(sorted(absent))}"
        raise DatasetError(f"{source} {found}: it is not PTB-XL's, or is cut off.")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / SUMS_FILE, data)
    names = tqdm(sums, desc="Downloading", unit=" files", disable=not progress)

    def fetch(name: str) -> str:
        return fetcher.fetch(name, folder / name, sums[name])

    return _problems(in_order(fetch, names, workers, 4 * workers, fetcher.stop))


def verify(folder: str | os.PathLike, progress: bool = True) -> pd.DataFrame:
    """Compare the files of a dataset with its SHA256SUMS.txt, offline; 100 Hz alone is a whole dataset, too.

    Args:
        folder: the dataset, or one above it.
        progress: show a progress bar.

    Returns:
        DataFrame (file, problem) of the files that are missing or differ.

    Raises:
        FileNotFoundError, DatasetError: no dataset, or no SHA256SUMS.txt in it; that is no safe list of sums.
    """
    folder, _, sums = _listing(folder)
    names = tqdm(sums, desc="Verifying", unit=" files", disable=not progress)
    return _problems(in_order(lambda name: compare(folder / name, sums[name]), names, 4, 64))


def _problems(found: Iterable[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame([pair for pair in found if pair[1]], columns=["file", "problem"], dtype=object)


def outcome(folder: str | os.PathLike, problems: pd.DataFrame) -> str:
    """Say how `verify` or `download` of `folder` ended: all verified, or a line for each of `problems`."""
    folder, rates, names = _listing(folder)
    headers = [name for name in names if name.endswith(".hea")]
    counts = {rate: sum(name.startswith(RECORD_FOLDERS[rate]) for name in headers) for rate in rates}
    records = f"{max(counts.values()):,} records"
    at_rates = ", ".join(f"{n:,} at {rate} Hz" for rate, n in counts.items())
    where = f"{at_rates}; {len(names):,} files in {folder}"
    if problems.empty:
        return f"{records}, all verified ({where})."
    end = f"{records}, not all whole: {len(problems):,} files are missing or differ ({where})"
    lines = [f"{row.file}: {row.problem}" for row in problems.itertuples()]
    return "\n".join([*lines, f"{end}. Fetch them with `python -m signalcam download {folder}`."])


def _listing(folder: str | os.PathLike) -> tuple[Path, tuple[int, ...], dict[str, str]]:
    """The dataset's folder, the rates in Hz of its records (all where it has none), and {file: sum}."""
    folder = Path(folder).expanduser().resolve()
    # A folder with the list of sums may lack a table, by which a dataset is found.
    folder = folder if (folder / SUMS_FILE).is_file() else find_dataset(folder)
    path = folder / SUMS_FILE
    if not path.is_file():
        fetch = f"`python -m signalcam download {folder}` or from {BASE_URL}"
        raise FileNotFoundError(f"{path} is missing: nothing can be verified. Fetch it with {fetch}.")
    rates = tuple(rate for rate, name in RECORD_FOLDERS.items() if (folder / name).is_dir())
    rates = rates or tuple(RECORD_FOLDERS)
    return folder, rates, _read_sums(path.read_bytes(), str(path), rates)


def _read_sums(data: bytes, source: str, rates: tuple[int, ...]) -> dict[str, str]:
    """Read lines of "sum path" as {path: SHA-256}, the tables first, without records of other rates (in Hz).

    A DatasetError begins with `source`.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if not found:
            raise DatasetError(f"{source}, line {number}: expected 'sha256 path', found {line[:60]!r}.")
        digest, name = found[1].lower(), found[2].removeprefix("./")
        if not is_safe_relative_path(name):
            found = f"the path {name[:80]!r} leads out of the folder"
            raise DatasetError(f"{source}, line {number}: refused, {found}. Nothing was written.")
        if sums.setdefault(name, digest) != digest:
            raise DatasetError(f"{source}, line {number}: {name} is listed twice with different sums.")
    if not sums:
        raise DatasetError(f"{source} is empty.")
    others = tuple(f"{name}/" for rate, name in RECORD_FOLDERS.items() if rate not in rates)
    names = sorted(sums, key=lambda name: ("/" in name, name))
    return {name: sums[name] for name in names if not name.startswith(others)}
