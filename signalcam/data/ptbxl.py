"""A PTB-XL folder: found wherever the user points, opened, and described.

Data: Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Sci. Data 7:154, 2020.
"""

import contextlib
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from signalcam.data.metadata import DATABASE_FILE, STATEMENTS_FILE, read_database, read_statements
from signalcam.errors import DatasetError, listed
from signalcam.simulation import write_dataset

RECORD_FOLDERS = {100: "records100", 500: "records500"}
SIMULATED_MARKER = "SIMULATED.json"
DEFAULTS = ("data/ptb-xl-full", "data/ptb-xl")
SIMULATED = "data/simulated"

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
        version: "1.0.3" or such, or in words what it is instead ("sample of 1,016 records").
        table, statements: DataFrames indexed by ecg_id (`scp_codes` are dicts), and by statement code.
        sampling_rates: rates in Hz of which waveforms are there.
        simulated, source: True for a simulated set; which data this is and why it was chosen, in words.
        title: of recordings of your own, in a few words; their `version` stands for patients and folds.
    """

    folder: Path
    version: str
    table: pd.DataFrame
    statements: pd.DataFrame
    sampling_rates: tuple[int, ...]
    simulated: bool
    source: str = ""
    title: str = ""

    @property
    def family(self) -> str:
        """What the folds are folds of: "PTB-XL", whatever the version, or "simulated ECGs"."""
        if self.title:
            return f"{self.title} ({self.version})"
        return "simulated ECGs" if self.simulated else "PTB-XL"

    @property
    def name(self) -> str:
        """The data in a few words, such as "PTB-XL 1.0.3"."""
        return self.title or (self.version if self.simulated else f"PTB-XL {self.version}")

    def describe(self) -> str:
        """Say in one sentence which data this is."""
        rates = " and ".join(map(str, self.sampling_rates)) or "no waveforms at any"
        count = f"{len(self.table):,} records"
        name = self.name if self.name.endswith(count) else f"{self.name}: {count}"
        patients = self.table["patient_id"].nunique()
        return f"{name} of {patients:,} patients, {rates} Hz, in {_shortened(self.folder)}"


def open_dataset(path: str | os.PathLike | None = None, progress: bool = True) -> Dataset:
    """Open a dataset: find it, read its tables and check them; simulate one where there is none.

    Args:
        path: of the dataset, a folder above it, or its records100; None leaves it to `resolve_data_path`.
        progress: show a progress bar while simulating.

    Raises:
        FileNotFoundError, DatasetError: no dataset there; its tables are missing, or not as PTB-XL's are.
    """
    folder, why = resolve_data_path(path)
    if not folder.exists():
        write_dataset(folder, progress=progress)
    table = read_database(folder)
    simulated = (folder / SIMULATED_MARKER).is_file()
    version = f"{'simulated set' if simulated else 'sample'} of {len(table):,} records"
    if not simulated:
        version = _VERSION_OF_COUNT.get(len(table), version)
    rates = tuple(rate for rate, name in RECORD_FOLDERS.items() if any((folder / name).glob("*")))
    dataset = Dataset(folder, version, table, read_statements(folder), rates, simulated)
    return replace(dataset, source=f"{why}\n{dataset.describe()}.")


def check_rate(dataset: Dataset, sampling_rate: int) -> None:
    """Refuse a rate in Hz that this dataset lacks (FileNotFoundError) or that PTB-XL lacks (ValueError)."""
    if sampling_rate not in RECORD_FOLDERS:
        raise ValueError(f"sampling_rate must be one of {listed(RECORD_FOLDERS)} Hz, got {sampling_rate!r}.")
    if sampling_rate in dataset.sampling_rates:
        return
    rates, folder = dataset.sampling_rates, dataset.folder
    there = listed(f"{rate} Hz" for rate in rates) or "no rate at all"
    found = f"There are no records at {sampling_rate} Hz in {folder}; there are records at {there}"
    advice = f"Load with sampling_rate={rates[0]}, or fetch" if rates else "Fetch"
    fetch = f"`python -m signalcam download {folder} --sampling-rate {sampling_rate}`"
    raise FileNotFoundError(f"{found}. {advice} them with {fetch}.")


def find_dataset(path: str | os.PathLike) -> Path:
    """Return the folder that holds `ptbxl_database.csv`: `path`, or the nearest below it, rather a real one.

    Raises: FileNotFoundError that says how to get one; DatasetError for several, or a file.
    """
    if not os.fspath(path).strip():
        raise FileNotFoundError(f"The path of the dataset is empty. {_how_to_get('data/ptb-xl')}")
    start = Path(os.path.abspath(Path(path).expanduser()))  # a link keeps the name that the user knows
    if not start.exists():
        raise FileNotFoundError(f"{start} does not exist. {_how_to_get(start)}")
    if start.is_file():
        if start.name == DATABASE_FILE:
            return start.parent
        archive = start.suffix.lower() in _ARCHIVES or zipfile.is_zipfile(start)
        found = "an archive: unpack it first" if archive else "a file"
        raise DatasetError(f"{start} is {found}; expected the folder that holds {DATABASE_FILE}.")
    if start.name in RECORD_FOLDERS.values() and (start.parent / DATABASE_FILE).is_file():
        return start.parent
    archives, remains = [], []
    for level in _levels(start):
        found = [folder for folder in level if (folder / DATABASE_FILE).is_file()]
        found = [folder for folder in found if not (folder / SIMULATED_MARKER).is_file()] or found
        if len(found) > 1:
            raise DatasetError(f"{start} holds several datasets: {listed(found)}. Give the path of one.")
        if found:
            return found[0]
        marks = (STATEMENTS_FILE, *RECORD_FOLDERS.values())
        remains += [folder for folder in level if any((folder / name).exists() for name in marks)]
        named = (file for folder in level for file in folder.glob("*") if file.suffix.lower() in _ARCHIVES)
        archives += filter(Path.is_file, named)
    if remains:
        raise FileNotFoundError(f"{DATABASE_FILE} is missing in {remains[0]}. {_how_to_get(remains[0])}")
    if archives:
        found = f"no dataset but an archive, {archives[0].name}"
        raise FileNotFoundError(f"{start} holds {found}: unpack it first.")
    raise FileNotFoundError(f"No {DATABASE_FILE} in {start} or below it. {_how_to_get(start)}")


def resolve_data_path(path: str | os.PathLike | None = None) -> tuple[Path, str]:
    """Choose the data: `path`, else PATH_TO_DATA of the environment, else a default, else a simulated set.

    Returns the folder, which is not there yet where a set is to be simulated, and why, in a sentence. A path
    that leads to no dataset is never passed over: errors as of `find_dataset`.
    """
    why = ": PATH_TO_DATA is not set"
    if path is not None:
        why = ", found at the given path"
    elif os.environ.get("PATH_TO_DATA", "").strip():
        path, why = os.environ["PATH_TO_DATA"], ", found by PATH_TO_DATA of the environment"
    else:
        path = next((name for name in DEFAULTS if Path(name).exists()), None)
    if path is not None:
        folder = find_dataset(path)
        return folder, f"Using the dataset in {_shortened(folder)}{why}."
    why += f" and neither {' nor '.join(DEFAULTS)} is there"
    advice = "To use real ECGs, set PATH_TO_DATA to a PTB-XL folder."
    return Path(os.path.abspath(SIMULATED)), f"Using the simulated set in {SIMULATED}{why}. {advice}"


def _shortened(folder: Path) -> Path:
    """Shorten a path below the current folder, so that notebooks show no machine's own paths."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _levels(start: Path) -> Iterator[list[Path]]:
    """Yield the folders at `start`, then those one level below, and so on, each folder once."""
    level, seen = [start], {start}
    for _ in range(_DEEPEST + 1):
        yield level
        parents, level = level, []
        for child in (child for folder in parents for child in _subfolders(folder)):
            if (target := child.resolve()) not in seen:
                seen.add(target)
                level.append(child)
        if not level or len(seen) > _MOST_FOLDERS:
            return


def _subfolders(folder: Path) -> list[Path]:
    with contextlib.suppress(PermissionError):
        children = [] if folder.name in RECORD_FOLDERS.values() else folder.iterdir()
        return sorted(child for child in children if child.name[0] != "." and child.is_dir())
    return []


def _how_to_get(folder: str | os.PathLike) -> str:
    places = f"`python -m signalcam download {folder}` or from https://physionet.org/content/ptb-xl/1.0.3/"
    unset = "leave PATH_TO_DATA unset to use the simulated set"
    return f"Set PATH_TO_DATA to a PTB-XL folder; get the data with {places}; or {unset}."
