"""Recordings of your own with labels, in the shape of PTB-XL's: checked, labelled, split by patient."""

import os
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.label_table import read_label_table
from signalcam.data.load import Records
from signalcam.data.ptbxl import Dataset
from signalcam.data.splits import check_leakage, split_by_fold
from signalcam.errors import DatasetError, RecordWarning, listed
from signalcam.leads import LEADS, wanted_leads
from signalcam.recordings import find_recordings, read_recording

FEW = 10  # records with or without a class in training, below which the summary says so


@dataclass(frozen=True)
class LabelledFolder(Dataset):
    """A folder of recordings; `table` holds the labels and folds of its files, `version` stands for these."""

    @property
    def name(self) -> str:
        return f"recordings in {self.folder.resolve().name}"

    @property
    def family(self) -> str:
        return f"{self.name} ({self.version})"


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledRecords(Records):
    """As `Records`; a record is one window of a `file` of the table, and has its labels and its fold.

    Attributes:
        targets: int8 DataFrame (record, class) of 0 and 1.
        skipped: reason by file, of the recordings that could not be read.
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
        progress: show a progress bar.
        leads, **reading: as in `read_recording`; leads also as text with commas, each window a record.

    Raises:
        DatasetError: a column or a value of the table is missing or wrong, or a file is not there.
        LeakageError: a patient is in two folds, or one signal in two splits.
        ValueError: no recording can be read, or the training split has a class in all records or in none.
    """
    folder, path, leads = Path(folder).expanduser(), Path(labels).expanduser(), wanted_leads(leads)
    listing, targets = read_label_table(path, classes, seed)
    places = ((file, folder / file) for file in listing.index)  # a WFDB record may lack its suffix
    absent = [file for file, at in places if not at.is_file() and not Path(f"{at}.hea").is_file()]
    if absent:
        found = f"{len(absent):,} that are not there: {listed(absent)}"
        raise DatasetError(f"{path}: file must be the path of a recording in {folder}, got {found}.")
    signals, names, files, skipped, suspect = _read_all(folder, listing.index, leads, progress, reading)
    index = pd.Index(names, name="record")
    table = listing.loc[files].assign(file=files).set_index(index)
    targets = targets.loc[files].set_index(index)
    check_leakage({f"fold {fold}": part.index for fold, part in table.groupby("strat_fold")}, table)
    splits = _split(table, targets, path) if training else {"test": index}
    check_leakage(splits, table, signals, progress=progress)
    unlisted = sum(1 for _ in find_recordings(folder)) - len(listing)
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
    about = (folder, f"{zlib.crc32(dealt.encode()):08x}", listing, pd.DataFrame(), (rate,), False)
    any_class = targets.max(axis=1).rename("label")
    any_class.attrs["summary"] = _balance(targets, splits)
    dataset = LabelledFolder(*about, source=" ".join(filter(None, source)))
    labelled = dataset, path.name, table, pd.DataFrame(index=index), any_class, splits, rate, leads
    return LabelledRecords(*labelled, signals=signals, targets=targets, skipped=skipped)


def _read_all(
    folder: Path, listing: Sequence[str], leads: tuple[str, ...], progress: bool, reading: dict
) -> tuple:
    """Signals, name and file of each window; by file, why it was left out, or what is suspect."""
    signals, names, files, skipped, suspect = [], [], [], {}, {}
    for file in tqdm(listing, desc="Reading", unit=" recordings", disable=not progress):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", RecordWarning)
            try:
                pieces = read_recording(folder / file, leads=leads, **reading)
            except (ValueError, OSError, ImportError) as error:
                skipped[file] = str(error)
                continue
        if caught:
            suspect[file] = str(caught[0].message)
        for piece in pieces:
            signals.append(piece.signals)
            names.append(f"{file}, {piece.start:g} s" if piece.start else file)
            files.append(file)
    if not signals:
        raise ValueError(f"None of {len(listing):,} recordings could be read: {listed(skipped.values(), 1)}")
    return np.stack(signals), names, files, skipped, suspect


def _split(table: pd.DataFrame, targets: pd.DataFrame, path: Path) -> dict[str, pd.Index]:
    folds = sorted(table["strat_fold"].unique())
    if len(folds) < 3:
        found = f"{listed(folds)}. Give more patients, or folds of your own"
        raise DatasetError(f"{path} must give three folds, to train, validate and test, got {found}.")
    splits = split_by_fold(table, test_fold=folds[-1], validation_fold=folds[-2])
    alike = [name for name, labels in targets.loc[splits["train"]].items() if labels.nunique() < 2]
    if alike:
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
