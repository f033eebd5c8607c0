"""Recordings of your own with labels, in the shape of PTB-XL's: checked, labelled, split by patient."""

import os
import warnings
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.cache import entry_path, open_entry, write_entry
from signalcam.data.label_table import read_label_table
from signalcam.data.load import Records
from signalcam.data.ptbxl import Dataset
from signalcam.data.splits import check_leakage, split_by_fold
from signalcam.errors import DatasetError, RecordWarning, listed
from signalcam.leads import LEADS, wanted_leads
from signalcam.recordings import find_recordings, read_recording

FEW = 10  # records with or without a class in training, below which the summary says so


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledRecords(Records):
    """As `Records`; a record is one window of a `file` of the table, and has its labels and its fold.

    `targets` is int8 (record, class) of 0 and 1; `skipped` the reason by file, of those that cannot be read.
    """

    signals: np.ndarray = field(repr=False)
    targets: pd.DataFrame = field(repr=False)
    skipped: dict[str, str] = field(repr=False)


def load_labelled(
    folder: str | os.PathLike,
    labels: str | os.PathLike,
    *,
    classes: Sequence[str] | None = None,
    leads: str | Sequence[str] = LEADS,
    training: bool = True,
    seed: int = 0,
    cache: bool | str | os.PathLike = True,
    progress: bool = True,
    **reading: Any,
) -> LabelledRecords:
    """Read recordings, in any format of `read_recording`, and their labels.

    Args:
        folder: that the recordings are in.
        labels: CSV file with `file`, a path in the folder; and `label`, which is 0 or 1, normal or abnormal,
            or the name of a class, or instead of it a column of 0 and 1 for each class. It may have `patient`
            (else each file counts as one), `fold` (1 to 10, or train, validation, test; else ten folds of
            whole patients are made by `seed`), `age` in years, and `sex` (male or female).
        classes: those wanted, in order; by default all that there are.
        training: split by fold: the highest tests, the next validates, the others train. Else all test.
        cache: as in `load_signals`; used again as long as no file beside the recordings has changed.
        progress: show a progress bar.
        leads, **reading: as in `read_recording`; by length="window" each window is a record.

    Raises:
        DatasetError: a column or a value of the table is missing or wrong, or a file is not there.
        LeakageError: a patient is in two folds, or one signal in two splits.
        ValueError: no recording can be read, or the training split has a class in all records or in none.
    """
    folder, path, leads = Path(folder).expanduser(), Path(labels).expanduser(), wanted_leads(leads)
    cache = cache if isinstance(cache, bool) else Path(cache).expanduser().absolute()
    how = {"classes": classes, "leads": leads, "training": training, "seed": seed, "cache": cache} | reading
    reload = partial(load_labelled, folder.absolute(), path.absolute(), **how, progress=False)
    listing, targets = read_label_table(path, classes, seed)
    places = ((file, folder / file) for file in listing.index)  # a WFDB record may lack its suffix
    absent = [file for file, at in places if not at.is_file() and not Path(f"{at}.hea").is_file()]
    if absent:
        found = f"{len(absent):,} that are not there: {listed(absent)}"
        raise DatasetError(f"{path}: file must be the path of a recording in {folder}, got {found}.")
    files, about = list(listing.index), {"names": [], "files": [], "skipped": {}, "suspect": {}}
    windows = _windows(folder, files, leads, progress, reading, about)
    if cache is False:
        buffer = bytearray()  # grows in place, as nobody knows how many windows will come
        for window in windows:
            buffer += window.tobytes()
        signals = np.frombuffer(buffer, np.float32).reshape(-1, *window.shape[1:])
    else:
        what = folder.resolve(), files, leads, sorted(reading.items())
        state = _stamps({(folder / file).parent for file in files}, path.stat())
        place = entry_path(cache, "labelled", what, state)
        entry = open_entry(place, lambda *_: "", every_record=True)  # compared for leakage anyway
        signals, about = entry or (write_entry(place, len(files), windows, about), about)
    files, skipped, suspect = about["files"], about["skipped"], about["suspect"]
    index = pd.Index(about["names"], name="record")
    table = listing.loc[files].assign(file=files).set_index(index)
    targets = targets.loc[files].set_index(index)
    check_leakage({f"fold {fold}": part.index for fold, part in table.groupby("strat_fold")}, table)
    splits = _split(table, targets, path) if training else {"test": index}
    check_leakage(splits, table, signals, progress=progress)
    unlisted = sum(each.name != path.name for each in find_recordings(folder)) - len(listing)
    source = [
        f"Using {len(listing):,} recordings of {listing['patient_id'].nunique():,} patients in {folder}, "
        f"labelled by {path}{'' if 'patient' in listing else ', each file a patient of its own'}.",
        f"{unlisted:,} more in the folder have no row." if unlisted > 0 else "",
        "" if "fold" in listing else f"Ten folds of whole patients were made (seed {seed}).",
        f"{len(suspect):,} are suspect: {listed(suspect.values(), 3)}" if suspect else "",
        f"{len(skipped):,} were left out, since they could not be read." if skipped else "",
    ]
    dealt = listing[["patient_id", "strat_fold"]].sort_index().to_csv()
    rate = reading.get("sampling_rate", 100)
    any_class = targets.max(axis=1).rename("label")
    any_class.attrs["summary"] = _balance(targets, splits)
    about = folder, f"{zlib.crc32(dealt.encode()):08x}", listing, pd.DataFrame(), (rate,), False
    dataset = Dataset(*about, " ".join(filter(None, source)), f"recordings in {folder.resolve().name}")
    labelled = dataset, path.name, table, pd.DataFrame(index=index), any_class, splits, rate, leads
    return LabelledRecords(*labelled, signals=signals, targets=targets, skipped=skipped, reload=reload)


def _windows(
    folder: Path, files: list[str], leads: tuple[str, ...], progress: bool, reading: dict, about: dict
) -> Iterator[np.ndarray]:
    """Yield the signals of each window, a record long; `about` gets what `load_labelled` has to tell."""
    for file in tqdm(files, desc="Reading", unit=" recordings", disable=not progress):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RecordWarning)
            try:
                pieces = read_recording(folder / file, leads=leads, **reading)
            except (ValueError, OSError, ImportError) as error:
                about["skipped"][file] = str(error)
                continue
        if caught:
            about["suspect"][file] = str(caught[0].message)
        for piece in pieces:
            about["names"].append(f"{file}, {piece.start:g} s" if piece.start else file)
            about["files"].append(file)
            yield piece.signals[np.newaxis]
    if not about["names"]:
        reason = listed(about["skipped"].values(), 1)
        raise ValueError(f"None of {len(files):,} recordings could be read: {reason}")


def _stamps(places: set[Path], labels: os.stat_result) -> list[tuple]:
    """Sizes and times of all files beside the recordings, as a header may name any; not of their labels."""
    files = (entry for place in places for entry in os.scandir(place) if entry.is_file())
    stats = [(file.path, file.stat()) for file in files if not os.path.samestat(file.stat(), labels)]
    return sorted((path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns) for path, stat in stats)


def _split(table: pd.DataFrame, targets: pd.DataFrame, path: Path) -> dict[str, pd.Index]:
    folds = sorted(table["strat_fold"].unique())
    if len(folds) < 3:
        found = f"{listed(folds)}. Give more patients, or folds of your own"
        raise DatasetError(f"{path} must give three folds, to train, validate and test, got {found}.")
    splits = split_by_fold(table, test_fold=folds[-1], validation_fold=folds[-2])
    if alike := [name for name, labels in targets.loc[splits["train"]].items() if labels.nunique() < 2]:
        wanted = "The training split must hold records with and without each class"
        raise ValueError(f"{wanted}, got only one of these for {listed(alike)}. Leave it out: classes=[...].")
    return splits


def _balance(targets: pd.DataFrame, splits: dict[str, pd.Index]) -> str:
    """Say in one line how many records of each split have each class, and where there are too few."""
    parts = {split: targets.loc[ids] for split, ids in splits.items()}
    counts = [
        f"{name} in "
        + ", ".join(f"{part[name].sum():,} of {len(part):,} ({split})" for split, part in parts.items())
        for name in targets
    ]
    train = parts.get("train", targets[:0])
    few = [name for name, n in train.sum().items() if len(train) and min(n, len(train) - n) < FEW]
    note = f" Fewer than {FEW} with or without {listed(few)} to train on: too few to rely on." if few else ""
    return f"Classes: {'; '.join(counts)}.{note}"
