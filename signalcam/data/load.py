"""PTB-XL with one label rule, three splits, and the signals in mV, checked against leakage."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from signalcam.data.cache import let_pages_go
from signalcam.data.labels import binary_labels, superclasses, training_targets
from signalcam.data.ptbxl import Dataset, check_rate, open_dataset
from signalcam.data.signals import load_signals
from signalcam.data.splits import check_leakage, split_by_fold
from signalcam.leads import LEADS, choose_leads, order_leads, wanted_leads


@dataclass(frozen=True, eq=False)
class Records:
    """Records with their labels, splits and signals; all aligned on `labels.index`.

    Attributes:
        dataset, rule: the opened folder; the label rule.
        table, superclass: metadata, one row a record; bool DataFrame (record, superclass).
        labels: int8 Series indexed by ecg_id, 1 = abnormal.
        splits: ecg_ids of "train", "validation" and "test".
        sampling_rate, leads: of the signals, in Hz; in order.
        reload: loads them anew as they were loaded, in another process, too.
    """

    dataset: Dataset
    rule: str
    table: pd.DataFrame = field(repr=False)
    superclass: pd.DataFrame = field(repr=False)
    labels: pd.Series = field(repr=False)
    splits: dict[str, pd.Index] = field(repr=False)
    sampling_rate: int = 100
    leads: tuple[str, ...] = LEADS
    cache: bool | str | os.PathLike = field(default=True, repr=False)
    progress: bool = field(default=True, repr=False)
    reload: Callable | None = field(default=None, repr=False)

    @property
    def source(self) -> str:
        """Which data these are and why they were chosen, in words."""
        return f"{self.dataset.source}\n{self.labels.attrs['summary']}"

    @functools.cached_property
    def signals(self) -> np.ndarray:
        """float32 (record, time, lead) in mV, read when first asked for; a memory map where it can be.

        Raises:
            LeakageError, RecordError: one identical signal in two splits; a record that cannot be read right.
        """
        ids, how = self.labels.index, {"cache": self.cache, "progress": self.progress}
        # All signals are compared below anyway, so that the full check of a cached array costs little.
        signals = load_signals(self.dataset, ids, self.sampling_rate, check="full", **how)
        check_leakage(self.splits, self.table, signals, ids, self.progress)
        return choose_leads(signals, self.leads)

    @functools.cached_property
    def targets(self) -> pd.DataFrame:
        """All that a network may learn of the records: as of `training_targets`."""
        return training_targets(self.dataset.table, self.dataset.statements, self.labels)

    def folds(self, split: str) -> tuple[int, ...]:
        """The folds that a split is made of, ascending."""
        return tuple(sorted(int(fold) for fold in self.table.loc[self.splits[split], "strat_fold"].unique()))

    def read(self, split: str) -> np.ndarray:
        """Copy a split's signals into memory, to be changed at will: float32 (record, time, lead) in mV."""
        indices = self.indices(split)
        signals = np.empty((len(indices), *self.signals.shape[1:]), np.float32)
        for start in range(0, len(indices), 512):  # so that what is mapped does not stand there as well
            signals[start : start + 512] = self.signals[indices[start : start + 512]]
            let_pages_go(self.signals)
        return signals

    def indices(self, split: str) -> np.ndarray:
        """Positions of a split's records in `signals`, `labels`, `table`, `superclass`: int64 (record,)."""
        if split not in self.splits:
            raise ValueError(f"split must be one of {', '.join(self.splits)}, got {split!r}.")
        return self.labels.index.get_indexer(self.splits[split])


def load_ptbxl(
    path: str | os.PathLike | Dataset | None = None,
    rule: str = "paper",
    sampling_rate: int = 100,
    *,
    validation_fold: int = 9,
    test_fold: int = 10,
    leads: str | Sequence[str] = LEADS,
    cache: bool | str | os.PathLike = True,
    progress: bool = True,
) -> Records:
    """Label and split the records of PTB-XL; their signals are read when first asked for.

    Args:
        path: of PTB-XL, or a `Dataset` that is open already. None takes PATH_TO_DATA of the environment,
            else data/ptb-xl-full, else data/ptb-xl, else simulates a set.
        rule: one of `LABEL_RULES`.
        validation_fold, test_fold: of PTB-XL's ten folds; the others train.
        leads: some of the 12, in the order wanted, or text with commas such as "I,II".
        sampling_rate, cache, progress: as in `load_signals`.

    Raises:
        FileNotFoundError, DatasetError: as `open_dataset`; or no records of this rate.
        LeakageError, ValueError: one patient in two splits; an argument is wrong.
    """
    dataset = path if isinstance(path, Dataset) else open_dataset(path, progress)
    check_rate(dataset, sampling_rate)
    superclass = superclasses(dataset.table, dataset.statements)
    labels = binary_labels(superclass, rule, quiet=True)  # `source` says what became of the records
    table = dataset.table.loc[labels.index]
    splits = split_by_fold(table, test_fold=test_fold, validation_fold=validation_fold)
    superclass = superclass.loc[labels.index]
    leads = wanted_leads(leads)
    order_leads(LEADS, leads)  # before anything is read
    cache = cache if isinstance(cache, bool) else Path(cache).expanduser().absolute()
    how = {"validation_fold": validation_fold, "test_fold": test_fold, "leads": leads, "cache": cache}
    where = dataset.folder.absolute(), rule, sampling_rate
    about = dataset, rule, table, superclass, labels, splits, sampling_rate, leads, cache, progress
    return Records(*about, functools.partial(load_ptbxl, *where, **how, progress=False))
