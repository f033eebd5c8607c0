"""A table of labels of your own: checked, a class in each column, and whole patients dealt to folds."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from signalcam.data.metadata import N_FOLDS, is_safe_relative_path, refuse_rows
from signalcam.errors import DatasetError, listed

_ABOUT = ("file", "label", "patient", "fold", "age", "sex")  # columns that are no class
_BINARY = {"0": 0, "1": 1, "normal": 0, "abnormal": 1}
_NAMED_FOLDS = {"train": "1", "validation": "9", "test": "10"}
# The first patients with a class are dealt to these folds, so that a rare class is in every split.
_DEALT = (10, 1, 9, *range(2, 9))


def read_label_table(
    path: Path, classes: Sequence[str] | None = None, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read and check a table of labels: columns, arguments and errors as of `load_labelled`.

    Returns: the table as text, indexed by file, with `patient_id` (by default the file) and `strat_fold`
    (int64); and int8 DataFrame (file, class) of 0 and 1.
    """
    try:
        table = pd.read_csv(path, sep=None, engine="python", dtype=str, keep_default_na=False)
    except (ValueError, csv.Error) as error:  # pandas' and Unicode's errors are ValueErrors
        raise DatasetError(f"{path} must be a CSV table, got one that cannot be read ({error}).") from error
    names = [name.strip() for name in table.columns]
    table.columns = [name.lower() if name.lower() in _ABOUT else name for name in names]
    if table.columns.duplicated().any() or not isinstance(table.index, pd.RangeIndex):
        wanted = "must name each column once, and as many columns as its rows have fields"
        raise DatasetError(f"{path} {wanted}, got {listed(names, 20)}.")
    if "file" not in table or table.empty:
        raise DatasetError(f"{path} must have a column 'file' and rows, got {listed(names)}.")
    table = table.apply(lambda column: column.str.strip())
    table.index = (table.index + 2).rename("line")
    file = table["file"].str.replace("\\", "/")
    wrong = file.duplicated() | ~file.map(is_safe_relative_path)
    refuse_rows(path, file, wrong, "be a path in the folder, each once")
    table = table.drop(columns="file").set_index(file)
    for name in {"label", "patient", "fold"} & set(table):
        refuse_rows(path, table[name], table[name] == "", "have a value in each row")
    targets = _targets(table, classes, path)
    table["patient_id"] = table.get("patient", pd.Series(table.index, table.index))
    if "fold" in table:
        folds = pd.to_numeric(table["fold"].replace(_NAMED_FOLDS), errors="coerce")
        wanted = f"be 1 to {N_FOLDS}, or {', '.join(_NAMED_FOLDS)}"
        refuse_rows(path, table["fold"], ~folds.isin(range(1, N_FOLDS + 1)), wanted)
    else:
        folds = make_folds(table["patient_id"], targets, seed)
    return table.assign(strat_fold=folds.astype(np.int64)), targets


def make_folds(patients: pd.Series, targets: pd.DataFrame, seed: int = 0) -> pd.Series:
    """Deal whole patients to ten folds so that each class, and its absence, is spread as evenly as possible.

    `targets` is (record, class) of 0 and 1; the seed orders patients who are alike. int64 folds, 1 to 10.
    """
    patient = pd.factorize(patients)[0]
    both = np.hstack([targets, 1 - targets])
    counts = np.zeros((patient.max() + 1, both.shape[1]))
    np.add.at(counts, patient, both)
    totals = np.maximum(counts.sum(axis=0), 1)
    rarest = np.where(counts > 0, totals, np.inf).min(axis=1)
    chance = np.random.default_rng(seed).random(len(counts))
    held, fold = np.zeros((N_FOLDS, both.shape[1])), np.zeros(len(counts), np.int64)
    for one in np.lexsort((chance, -counts.sum(axis=1), rarest)):  # rare classes and large patients first
        emptiest = int(np.argmin((held * (counts[one] / totals**2)).sum(axis=1)))
        held[emptiest] += counts[one]
        fold[one] = _DEALT[emptiest]
    return pd.Series(fold[patient], patients.index)


def _targets(table: pd.DataFrame, classes: Sequence[str] | None, path: Path) -> pd.DataFrame:
    columns = [name for name in table if name not in _ABOUT]
    if "label" not in table or (classes and set(classes) <= set(columns)):
        names = list(classes or columns)
        if not names or not set(names) <= set(columns):
            wanted = f"must have a column 'label', or one a class ({listed(names) or '0 and 1'})"
            raise DatasetError(f"{path} {wanted}; its columns are file, {listed(table.columns, 20)}.")
        wanted = "be 0 or 1 (if it is no class, name those that are: --classes)"
        for name in names:
            refuse_rows(path, table[name], ~table[name].isin(("0", "1")), wanted)
        return table[names].astype(np.int8)
    words, lower = table["label"], table["label"].str.lower()
    binary = lower.isin(_BINARY)
    if tuple(classes or ("ABNORMAL",)) == ("ABNORMAL",) and (classes or binary.all()):
        refuse_rows(path, words, ~binary, "be 0, 1, normal or abnormal")
        return pd.DataFrame({"ABNORMAL": lower.map(_BINARY).astype(np.int8)})
    names = list(classes or sorted(words.unique()))
    if not classes and len(names) == 2:  # of two, one of which is normal, the other is the class
        names = [name for name in names if name.lower() != "normal"]
    refuse_rows(path, words, ~words.isin(names) & (lower != "normal"), f"be one of {listed(names, 20)}")
    return pd.DataFrame({name: (words == name).astype(np.int8) for name in names})
