"""SHA256SUMS.txt: what files a dataset consists of, and whether those on disk are the same, byte for byte."""

import hashlib
import os
import re
from pathlib import Path

import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.metadata import is_safe_relative_path
from signalcam.data.ptbxl import RECORD_FOLDERS, find_dataset
from signalcam.data.threads import in_order
from signalcam.errors import DatasetError

SUMS_FILE = "SHA256SUMS.txt"

_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S.*)")
_N_WORKERS = min(8, os.cpu_count() or 2)


def verify(folder: str | os.PathLike, progress: bool = True) -> pd.DataFrame:
    """Compare the files of a dataset with its SHA256SUMS.txt, offline.

    Records of a rate of which the folder holds none are not missed: 100 Hz alone is a whole dataset.

    Args:
        folder: the dataset, or what `ptbxl.find_dataset` finds it in.

    Returns:
        DataFrame with a row for each problem: `file`, and `problem` ("missing", or expected and found sums).
        Without rows, all is well.

    Raises:
        FileNotFoundError: no dataset, or no SHA256SUMS.txt in it.
        DatasetError: SHA256SUMS.txt is no list of sums, or names a path that leads out of the folder.
    """
    folder = _locate(folder)
    sums = expected_files(_read_sums(folder), _rates_in(folder))
    names = tqdm(sums, desc="Verifying", unit=" files", disable=not progress)
    found = in_order(lambda name: compare(folder / name, sums[name]), names, _N_WORKERS, 64)
    return pd.DataFrame([pair for pair in found if pair[1]], columns=["file", "problem"], dtype=object)


def outcome(folder: str | os.PathLike, problems: pd.DataFrame) -> str:
    """Say how `verify` or `download` ended: "21,799 records, all verified", or the list of what is not whole.

    Args:
        folder: the dataset.
        problems: what `verify` or `download` returned for the folder.

    Returns:
        Lines of text.
    """
    folder = _locate(folder)
    rates = _rates_in(folder)
    names = expected_files(_read_sums(folder), rates)
    headers = [name for name in names if name.endswith(".hea")]
    counts = {rate: sum(name.startswith(RECORD_FOLDERS[rate]) for name in headers) for rate in rates}
    head = f"{max(counts.values()):,} records, "
    rates_in_words = ", ".join(f"{n:,} at {rate} Hz" for rate, n in counts.items())
    where = f"{rates_in_words}; {len(names):,} files in {folder}"
    if problems.empty:
        return f"{head}all verified ({where})."
    end = (
        f"{head}not all whole: {len(problems):,} files are missing or differ ({where}). Fetch them with "
        f"`python -m signalcam download {folder}`."
    )
    return "\n".join([*(f"{row.file}: {row.problem}" for row in problems.itertuples()), end])


def _locate(folder: str | os.PathLike) -> Path:
    """The folder itself when it has a SHA256SUMS.txt (a table may be missing in it), else `find_dataset`."""
    path = Path(folder).expanduser().resolve()
    return path if (path / SUMS_FILE).is_file() else find_dataset(path)


def _read_sums(folder: Path) -> dict[str, str]:
    """Read SHA256SUMS.txt of `folder`: {file: sum}."""
    path = folder / SUMS_FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing, so the files cannot be verified. Fetch it from "
            f"https://physionet.org/files/ptb-xl/1.0.3/{SUMS_FILE}, or run `python -m signalcam download "
            f"{folder}`."
        )
    return parse_sums(path.read_bytes(), str(path))


def parse_sums(data: bytes, source: str) -> dict[str, str]:
    """Parse lines of "sum path", refusing everything before anything is written if one path is unsafe.

    Args:
        data: the file.
        source: names the list in errors.

    Returns:
        dict of path to SHA-256 in small hexadecimal digits.

    Raises:
        DatasetError: no such list, or a path is absolute or leads out of the folder.
    """
    sums: dict[str, str] = {}
    lines = data.decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if not found:
            raise DatasetError(f"{source}, line {number}: expected 'sha256 path', found {line[:60]!r}.")
        digest, name = found[1].lower(), found[2].removeprefix("./")
        if not is_safe_relative_path(name):
            raise DatasetError(
                f"{source}, line {number}: refused, the path {name[:80]!r} leads out of the folder. Nothing "
                "was written."
            )
        if sums.setdefault(name, digest) != digest:
            raise DatasetError(f"{source}, line {number}: {name} is listed twice with different sums.")
    if not sums:
        raise DatasetError(f"{source} is empty.")
    return sums


def expected_files(sums: dict[str, str], rates: tuple[int, ...]) -> dict[str, str]:
    """Leave out the records of other rates, and put the tables first.

    Args:
        sums: as from `parse_sums`.
        rates: in Hz.

    Returns:
        dict as `sums`.
    """
    others = tuple(f"{name}/" for rate, name in RECORD_FOLDERS.items() if rate not in rates)
    wanted = {name: digest for name, digest in sums.items() if not name.startswith(others)}
    return dict(sorted(wanted.items(), key=lambda item: ("/" in item[0], item[0])))


def _rates_in(folder: Path) -> tuple[int, ...]:
    """Rates in Hz of which `folder` has a folder of records; all of them when it has none."""
    rates = tuple(rate for rate, name in RECORD_FOLDERS.items() if (folder / name).is_dir())
    return rates or tuple(RECORD_FOLDERS)


def compare(path: Path, expected: str) -> str:
    """Say how a file differs from its sum.

    Args:
        path: of the file.
        expected: SHA-256 in small hexadecimal digits.

    Returns:
        The problem; "" when there is none.
    """
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return "missing"
    except (IsADirectoryError, NotADirectoryError, PermissionError) as error:
        return f"cannot be read ({error.strerror})"
    return "" if found == expected else f"differs: expected sha256 {expected[:16]}..., found {found[:16]}..."
