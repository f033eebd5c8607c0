"""Splits of the records, and the check that nothing is in two: a model knows a QRS shape that it has seen."""

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.metadata import N_FOLDS, check_folds, check_present, known_ids
from signalcam.data.threads import in_order
from signalcam.errors import DatasetError, LeakageError, listed


def split_by_fold(table: pd.DataFrame, test_fold: int = 10, validation_fold: int = 9) -> dict[str, pd.Index]:
    """Split records by `strat_fold`: one fold to test, one to validate, the others to train.

    Args:
        table: DataFrame indexed by ecg_id with `strat_fold` and `patient_id`.
        test_fold, validation_fold: 1 to 10.

    Returns:
        dict of ecg_id Index: "train", "validation", "test", each in the table's order.

    Raises:
        DatasetError: `strat_fold` or `patient_id` missing or impossible, or a split without records.
        LeakageError, ValueError: the folds do not keep patients apart; are equal, or outside 1 to 10.
    """
    for name, fold in (("test_fold", test_fold), ("validation_fold", validation_fold)):
        if fold not in range(1, N_FOLDS + 1):
            raise ValueError(f"{name} must be a whole number from 1 to {N_FOLDS}, got {fold!r}.")
    if test_fold == validation_fold:
        raise ValueError(f"test_fold and validation_fold must differ, both are {test_fold}.")
    check_folds(table)
    fold = table["strat_fold"]
    splits = {
        "train": table.index[~fold.isin((test_fold, validation_fold))],
        "validation": table.index[fold == validation_fold],
        "test": table.index[fold == test_fold],
    }
    empty = [name for name, ids in splits.items() if not len(ids)]
    if empty:
        found = f"the {len(table):,} records are of fold {listed(sorted(fold.unique()), N_FOLDS)}"
        raise DatasetError(f"No record falls into {listed(empty)}: {found}. Choose folds that the table has.")
    check_leakage(splits, table)
    return splits


def check_leakage(
    splits: Mapping[str, pd.Index],
    table: pd.DataFrame,
    signals: np.ndarray | None = None,
    ecg_ids: pd.Index | None = None,
    progress: bool = True,
) -> None:
    """Refuse splits that share a record, a patient, or an identical signal.

    Args:
        splits: name of each split to its ecg_ids.
        table: DataFrame indexed by ecg_id with `patient_id`.
        signals: (record, time, lead) to compare the signals too; equal values count as identical.
        ecg_ids: ecg_id of each record of `signals`; by default those of `table`.
        progress: show a progress bar when the comparison of signals takes longer than a second.

    Raises:
        LeakageError: names the patients, records or signals and the splits they are in.
        DatasetError, ValueError: a `patient_id` is missing; ecg_ids that `table` or `signals` does not have.
    """
    id_name = table.index.name or "ecg_id"
    owners = {name: known_ids(table, ids, f"Split {name!r}") for name, ids in splits.items()}
    ids = table.index[table.index.isin({ecg_id for ids in owners.values() for ecg_id in ids})]
    check_present(table.loc[ids], "patient_id")
    problems = [
        _shared(owners, dict(zip(ids, ids, strict=True)), "record", id_name, id_name),
        _shared(owners, table.loc[ids, "patient_id"].to_dict(), "patient", "patient_id", id_name),
    ]
    if signals is not None:
        digests = _digests(signals, table.index if ecg_ids is None else pd.Index(ecg_ids), ids, progress)
        problems.append(_shared(owners, digests, "identical signal", "", id_name))
    if any(problems):
        problems.append("Keep all records of a patient in one split, e.g. with split_by_fold.")
        raise LeakageError(" ".join(filter(None, problems)))


def _shared(owners: dict[str, pd.Index], keys: dict, what: str, column: str, id_name: str) -> str:
    """Say which keys of records more than one split holds; "" when none."""
    holders: dict[object, dict[str, list]] = {}
    for name, ids in owners.items():
        for ecg_id in ids.unique():
            holders.setdefault(keys[ecg_id], {}).setdefault(name, []).append(ecg_id)
    examples = [
        f"{f'{column} {key} ' if column else ''}in "
        + " and ".join(f"{name} ({id_name} {listed(ids, 3)})" for name, ids in places.items())
        for key, places in holders.items()
        if len(places) > 1
    ]
    plural = "s are" if len(examples) > 1 else " is"
    found = f"{len(examples):,} {what}{plural} in more than one split: {listed(examples)}."
    return found if examples else ""


def _digests(signals: np.ndarray, ecg_ids: pd.Index, used: pd.Index, progress: bool) -> dict[object, bytes]:
    """Digest of the signal of each ecg_id in `used`."""
    if len(signals) != len(ecg_ids):
        raise ValueError(f"signals has {len(signals):,} records, ecg_ids {len(ecg_ids):,}: give one each.")
    absent = used[~used.isin(ecg_ids)]
    if len(absent):
        raise ValueError(f"signals has no record of ecg_id {listed(absent)}, which the splits hold.")

    def digest(index: int) -> bytes:
        # Adding zero turns -0.0 into 0.0, which are equal but differ in their bytes.
        return hashlib.blake2b(np.ascontiguousarray(signals[index] + 0.0).data, digest_size=16).digest()

    indices = np.flatnonzero(ecg_ids.isin(used))
    bar = tqdm(indices, desc="Comparing signals", unit=" records", delay=1, disable=not progress)
    return {ecg_ids[index]: found for index, found in in_order(digest, bar, 2, 64)}
