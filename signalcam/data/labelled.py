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
        """The folder in a few words."""
        return f"recordings in {self.folder.resolve().name}"

    @property
    def family(self) -> str:
        """What the folds are folds of: this folder, and the files and patients dealt to them."""
        return f"{self.name} ({self.version})"


@dataclass(frozen=True, eq=False, kw_only=True)
class LabelledRecords(Records):
    """As `Records`; a record is one window of a `file` of the table, and has its labels and its fold.

    Attributes:
        signals: float32 (record, time, lead) in mV.
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
            whole patients are made), `age` in years, and `sex` (male or female).
        classes: those wanted, in order; by default all that there are.
        leads: as in `read_recording`, or text with commas.
        training: split by fold: the highest tests, the next validates, the others train. Else all test.
        seed: of the folds.
        progress: show a progress bar.
        **reading: other arguments of `read_recording`. With length="window" each window is a record.

    Raises:
        DatasetError: the table lacks something, or names a file that is not there.
        LeakageError: a patient is in two folds, or one signal in two splits.
        ValueError: no recording can be read, or the training split has a class in all records or in none.
    """
    folder, path, leads = Path(folder).expanduser(), Path(labels).expanduser(), wanted_leads(leads)
    listing, targets = read_label_table(path, classes, seed)
    absent = [file for file in listing.index if not any(map(os.path.isfile, _places(folder, file)))]
    if absent:
        found = f"{len(absent):,} that are not there: {listed(absent)}"
        raise DatasetError(f"{path}: file must be the path of a recording in {folder}, got {found}.")
    signals, files, starts, skipped, suspect = _read_all(folder, listing.index, leads, progress, reading)
    names = [f"{file}, {start:g} s" if start else file for file, start in zip(files, starts, strict=True)]
    index = pd.Index(names, name="record")
    table, targets = (
        listing.loc[files].assign(file=files).set_index(index),
        targets.loc[files].set_index(index),
    )
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
    return LabelledRecords(
        dataset=LabelledFolder(*about, source=" ".join(filter(None, source))),
        rule=path.name,
        table=table,
        superclass=pd.DataFrame(index=index),
        labels=any_class,
        splits=splits,
        sampling_rate=rate,
        leads=leads,
        progress=progress,
        signals=signals,
        targets=targets,
        skipped=skipped,
    )


def _places(folder: Path, file: str) -> tuple[Path, Path]:
    return folder / file, folder / f"{file}.hea"  # a WFDB record may be named without suffix


def _read_all(
    folder: Path, names: Sequence[str], leads: tuple[str, ...], progress: bool, reading: dict
) -> tuple:
    """Signals, file and start (s) of each window; by file, why it was left out, or what is suspect."""
    signals, files, starts, skipped, suspect = [], [], [], {}, {}
    for file in tqdm(names, desc="Reading", unit=" recordings", disable=not progress):
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
            files.append(file)
            starts.append(piece.start)
    if not signals:
        raise ValueError(f"None of {len(names):,} recordings could be read: {listed(skipped.values(), 1)}")
    return np.stack(signals), files, starts, skipped, suspect


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
    train = parts.get("train", targets)
    few = [name for name, n in train.sum().items() if "train" in parts and min(n, len(train) - n) < FEW]
    note = f" Fewer than {FEW} with or without {listed(few)} to train on: too few to rely on." if few else ""
    return f"Classes: {'; '.join(counts)}.{note}"
