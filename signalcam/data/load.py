"""A study: one dataset, one label rule, three splits, and the signals in mV, checked against leakage.

The notebooks, the shell commands and the benchmarks all start from here, so that they speak of the same
records.
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signalcam.data.ptbxl import (
    Dataset,
    binary_labels,
    check_leakage,
    open_dataset,
    resolve_data_path,
    split_by_fold,
    superclasses,
)
from signalcam.data.signals import load_signals
from signalcam.simulation import write_dataset

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """Records with their labels, splits and signals; all aligned on `labels.index`.

    Attributes:
        dataset: where the records come from.
        rule: label rule.
        table: metadata, one row a record.
        superclass: bool DataFrame (record, superclass).
        labels: int8 Series, 1 = abnormal.
        splits: ecg_ids of "train", "validation" and "test".
        signals: float32 (record, time, lead) in mV.
    """

    dataset: Dataset
    rule: str
    table: pd.DataFrame
    superclass: pd.DataFrame
    labels: pd.Series
    splits: dict[str, pd.Index]
    signals: np.ndarray

    def rows(self, split):
        """Return the positions, in all arrays of the study, of a split's records."""
        if split not in self.splits:
            raise ValueError(f"split must be one of {', '.join(self.splits)}; got {split!r}.")
        return self.labels.index.get_indexer(self.splits[split])


def open_data(path=None, n_simulated=1200, seed=0):
    """Open the dataset at `path`, else the default one, else simulate one on the spot.

    Args:
        path: folder of PTB-XL; None leaves the choice to `resolve_data_path`.
        n_simulated: records to simulate where there is no data.
        seed: of the simulation.

    Returns:
        `Dataset`, and a sentence that says which data it is and why.

    Raises:
        FileNotFoundError, DatasetError: as `open_dataset`.
    """
    folder, said = resolve_data_path(path)
    if not folder.exists():
        write_dataset(folder, n_records=n_simulated, seed=seed)
    dataset = open_dataset(folder)
    return dataset, f"{said}\n{dataset.describe()}."


def open_study(
    dataset, rule="paper", sampling_rate=100, test_fold=10, validation_fold=9, cache=True, progress=True
):
    """Label, split and load the records of a dataset.

    Args:
        dataset: `Dataset`, as `open_dataset` or `open_data` gives it.
        rule: one of `LABEL_RULES`.
        sampling_rate: in Hz, 100 or 500.
        test_fold, validation_fold: of PTB-XL's ten folds; the others train.
        cache: as in `load_signals`.
        progress: show a progress bar while decoding.

    Returns:
        `Study`.

    Raises:
        LeakageError: one patient, record or identical signal in two splits.
        RecordError: a record that cannot be read right.
    """
    superclass = superclasses(dataset.table, dataset.statements)
    labels = binary_labels(superclass, rule)
    table = dataset.table.loc[labels.index]
    splits = split_by_fold(table, test_fold=test_fold, validation_fold=validation_fold)
    signals = load_signals(dataset, labels.index, sampling_rate=sampling_rate, cache=cache, progress=progress)
    check_leakage(splits, table, signals=signals, ecg_ids=labels.index)
    logger.info(
        "%d records by rule %s: %s.",
        len(labels),
        rule,
        ", ".join(f"{len(ids)} {name}" for name, ids in splits.items()),
    )
    return Study(dataset, rule, table, superclass.loc[labels.index], labels, splits, signals)


def pick_cases(y, p, threshold=0.5):
    """Pick one record of each kind, right and wrong: the one with the median probability of its kind.

    Args:
        y: labels, 0 or 1, (record,).
        p: probabilities, (record,).
        threshold: from which on a record is called abnormal.

    Returns:
        dict from a name such as "abnormal, called normal" to the position of the record; kinds that do not
        occur are left out.
    """
    y, p = np.asarray(y), np.asarray(p)
    cases = {}
    for truth, name in ((1, "abnormal"), (0, "normal")):
        for called, call in ((1, "abnormal"), (0, "normal")):
            rows = np.flatnonzero((y == truth) & ((p >= threshold) == called))
            if len(rows):
                cases[f"{name}, called {call}"] = int(rows[np.argsort(p[rows])[len(rows) // 2]])
    return cases
