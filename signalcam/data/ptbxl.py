"""A PTB-XL folder: found wherever the user points, opened, and described.

Data: Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Scientific Data
7:154, 2020, PhysioNet version 1.0.3. Labels are in `labels`, splits in `splits`, the reading of the
tables in `tables`; their public names are here too.
"""

import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from signalcam.errors import DatasetError, LeakageError, listed
from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels, label_summary, superclasses
from signalcam.data.splits import check_leakage, split_by_fold
from signalcam.data.metadata import DATABASE_FILE, STATEMENTS_FILE, read_database, read_statements

__all__ = [
    "LABEL_RULES",
    "SUPERCLASSES",
    "Dataset",
    "LeakageError",
    "binary_labels",
    "check_leakage",
    "find_dataset",
    "label_summary",
    "open_dataset",
    "resolve_data_path",
    "split_by_fold",
    "superclasses",
]

RECORD_FOLDERS = {100: "records100", 500: "records500"}
SIMULATED_MARKER = "SIMULATED.json"
PATH_VARIABLE = "PATH_TO_DATA"

_VERSION_OF_COUNT = {21_837: "1.0.1", 21_801: "1.0.2", 21_799: "1.0.3"}
# physionet.org/files/ptb-xl/1.0.3 is four levels below the folder in which wget ran; one more for its parent.
_DEEPEST = 5
_MOST_FOLDERS = 5_000
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class Dataset:
    """An opened PTB-XL folder.

    Attributes:
        folder: where it is.
        version: "1.0.1", "1.0.2", "1.0.3", or in words what it is instead ("sample of 1,016 records").
        table: DataFrame indexed by ecg_id; `scp_codes` are dicts.
        statements: DataFrame indexed by statement code.
        sampling_rates: rates in Hz of which waveforms are there.
        simulated: True for a simulated set.
    """

    folder: Path
    version: str
    table: pd.DataFrame
    statements: pd.DataFrame
    sampling_rates: tuple[int, ...]
    simulated: bool

    def describe(self) -> str:
        """Say in one sentence which data this is."""
        patients = self.table["patient_id"].nunique()
        rates = " and ".join(f"{rate}" for rate in self.sampling_rates) or "no waveforms at any"
        count = f"{len(self.table):,} records"
        name = self.version if self.version.endswith(count) else f"{self.version}: {count}"
        kind = "" if self.simulated else "PTB-XL "
        return f"{kind}{name} of {patients:,} patients, {rates} Hz, in {_near(self.folder)}"


def open_dataset(path: str | os.PathLike) -> Dataset:
    """Find the dataset at or below `path`, read its tables and check them.

    The version is told by the number of records: 21,837 is 1.0.1, 21,801 is 1.0.2, 21,799 is 1.0.3.

    Raises:
        FileNotFoundError: no dataset there, or one of its two tables is missing.
        DatasetError: what is there is not as PTB-XL's tables are.
    """
    folder = find_dataset(path)
    table = read_database(folder)
    statements = read_statements(folder)
    simulated = (folder / SIMULATED_MARKER).is_file()
    if simulated:
        version = f"simulated set of {len(table):,} records"
    else:
        version = _VERSION_OF_COUNT.get(len(table), f"sample of {len(table):,} records")
    rates = tuple(rate for rate, name in RECORD_FOLDERS.items() if _holds_something(folder / name))
    return Dataset(folder, version, table, statements, rates, simulated)


def find_dataset(path: str | os.PathLike) -> Path:
    """Return the folder that holds `ptbxl_database.csv`: `path`, or a folder below it.

    `path` may be the folder, its parent, the unzipped folder with the long name or what holds it, or the
    tree that `wget -r` makes (`physionet.org/files/ptb-xl/1.0.3/`); `~` is the home folder. Where several
    datasets are equally near, a real one is preferred to a simulated one.

    Raises:
        FileNotFoundError: `path` does not exist, or holds no dataset; says how to get one.
        DatasetError: `path` is an archive or another file, or holds several datasets.
    """
    if not os.fspath(path).strip():
        raise FileNotFoundError(f"The path of the dataset is empty. {_how_to_get('data/ptb-xl')}")
    start = Path(os.path.abspath(Path(path).expanduser()))  # a link keeps the name that the user knows
    if not start.exists():
        raise FileNotFoundError(f"{start} does not exist. {_how_to_get(start)}")
    if start.is_file():
        if start.name == DATABASE_FILE:
            return start.parent
        if _is_archive(start) or zipfile.is_zipfile(start):
            raise DatasetError(f"{start} is an archive: unpack it first, and give the folder it makes.")
        raise DatasetError(f"{start} is a file; expected the folder that holds {DATABASE_FILE}.")
    archives: list[Path] = []
    remains: list[Path] = []
    for level in _levels(start):
        found = [folder for folder in level if (folder / DATABASE_FILE).is_file()]
        real = [folder for folder in found if not (folder / SIMULATED_MARKER).is_file()]
        if len(real or found) > 1:
            raise DatasetError(
                f"{start} holds several datasets: {listed(real or found)}. Give the path of one."
            )
        if found:
            return (real or found)[0]
        remains += [folder for folder in level if _looks_like_a_dataset(folder)]
        archives += [file for folder in level for file in folder.glob("*") if _is_archive(file)]
    if remains:
        raise FileNotFoundError(f"{DATABASE_FILE} is missing in {remains[0]}. {_how_to_get(remains[0])}")
    if archives:
        raise FileNotFoundError(
            f"{start} holds no dataset, but an archive, {archives[0].name}: unpack it first."
        )
    raise FileNotFoundError(f"No {DATABASE_FILE} in {start} or below it. {_how_to_get(start)}")


def resolve_data_path(
    path: str | os.PathLike | None = None,
    default: str | os.PathLike = "data/ptb-xl",
    simulated: str | os.PathLike = "data/simulated",
) -> tuple[Path, str]:
    """Choose the data: `path`, else the environment's PATH_TO_DATA, else `default` if it is there, else
    `simulated`.

    Returns:
        The folder, and a sentence that says which was chosen and why. The folder of the simulated set may
        not exist yet: the caller makes it with `synthetic.write_dataset`.

    Raises:
        FileNotFoundError, DatasetError: `path` or PATH_TO_DATA names no dataset; these are never passed
        over in silence.
    """
    if path is not None:
        folder = find_dataset(path)
        return folder, f"Using the dataset in {_near(folder)}, found at the given path."
    if os.environ.get(PATH_VARIABLE, "").strip():
        folder = find_dataset(os.environ[PATH_VARIABLE])
        return folder, f"Using the dataset in {_near(folder)}, found by PATH_TO_DATA of the environment."
    if Path(default).expanduser().exists():
        folder = find_dataset(default)
        return folder, f"Using the dataset in {_near(folder)}: PATH_TO_DATA is not set."
    folder = Path(os.path.abspath(Path(simulated).expanduser()))
    return folder, (
        f"Using the simulated set in {_near(folder)}: PATH_TO_DATA is not set and {default} is not there. "
        "To use real ECGs, set PATH_TO_DATA to a PTB-XL folder."
    )


def _near(folder: Path) -> Path:
    """Shorten a path below the current folder, so that notebooks show no machine's own paths."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _levels(start: Path) -> Iterator[list[Path]]:
    """Yield the folders at `start`, then those one level below, and so on, each folder once."""
    level, seen, n_folders = [start], {start}, 1
    for _ in range(_DEEPEST + 1):
        yield level
        below = []
        for folder in level:
            for child in _subfolders(folder):
                target = child.resolve()
                if target not in seen:
                    seen.add(target)
                    below.append(child)
        n_folders += len(below)
        if not below or n_folders > _MOST_FOLDERS:
            return
        level = below


def _subfolders(folder: Path) -> list[Path]:
    if folder.name in RECORD_FOLDERS.values():
        return []
    try:
        return sorted(
            child for child in folder.iterdir() if not child.name.startswith(".") and child.is_dir()
        )
    except PermissionError:
        return []


def _looks_like_a_dataset(folder: Path) -> bool:
    return (folder / STATEMENTS_FILE).is_file() or any(
        (folder / name).is_dir() for name in RECORD_FOLDERS.values()
    )


def _is_archive(file: Path) -> bool:
    return file.suffix.lower() in _ARCHIVES and file.is_file()


def _holds_something(folder: Path) -> bool:
    return folder.is_dir() and next(folder.iterdir(), None) is not None


def _how_to_get(folder: str | os.PathLike) -> str:
    return (
        "Set PATH_TO_DATA to a PTB-XL folder; get the data with "
        f"`python -m signalcam download {os.fspath(folder)}` or from "
        "https://physionet.org/content/ptb-xl/1.0.3/; or leave PATH_TO_DATA unset to use the simulated set."
    )
