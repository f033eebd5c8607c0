"""Further training records that have lost their amplitude: each lead of each record is standardised already.

They fit recipes that standardise each lead of each record anyway, and are for training only.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from signalcam.data.labels import SUPERCLASSES


@dataclass(frozen=True)
class FurtherRecords:
    """Signals and labels of further records, all of one length.

    Attributes:
        signals: float32 (record, time, lead), each lead with mean 0 and standard deviation 1.
        superclass: float32 (record, superclass) of 0 and 1.
        abnormal: float32 (record,), 0 where NORM is the only superclass.
        ecg_ids: int64 (record,).
        patient_ids: float64 (record,).
    """

    signals: np.ndarray
    superclass: np.ndarray
    abnormal: np.ndarray
    ecg_ids: np.ndarray
    patient_ids: np.ndarray


def open_further_records(folder, without_folds=()):
    """Read a folder with `signals.npy` (int16, thousandths) and `records.csv` (ids, fold, superclasses).

    Args:
        folder: where the two files are.
        without_folds: folds of `strat_fold` to leave out: the test and the validation fold.

    Returns:
        `FurtherRecords`.

    Raises:
        FileNotFoundError: where one of the files is missing.
        ValueError: where they do not fit each other.
    """
    folder = Path(folder).expanduser()
    for name in ("signals.npy", "records.csv"):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"There is no {name} in {folder.resolve()}; both signals.npy and records.csv are needed."
            )
    records = pd.read_csv(folder / "records.csv")
    signals = np.load(folder / "signals.npy", mmap_mode="r", allow_pickle=False)
    if len(records) != len(signals):
        raise ValueError(f"{folder} has {len(signals)} signals but {len(records)} rows in records.csv.")
    kept = np.flatnonzero(~records["strat_fold"].isin(list(without_folds)))
    records = records.iloc[kept]
    superclass = records[list(SUPERCLASSES)].to_numpy(np.float32)
    normal = (superclass[:, 0] == 1) & (superclass[:, 1:].sum(axis=1) == 0)
    return FurtherRecords(
        signals=signals[kept].astype(np.float32) / 1000,
        superclass=superclass,
        abnormal=(~normal).astype(np.float32),
        ecg_ids=records["ecg_id"].to_numpy(np.int64),
        patient_ids=records["patient_id"].to_numpy(np.float64),
    )
