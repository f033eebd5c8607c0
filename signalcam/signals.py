"""All records of a table as one array (record, time, lead) in mV, decoded in parallel."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.errors import MissingRecordsError, RecordError, listed
from signalcam.leads import LEADS, order_leads
from signalcam.ptbxl import FILENAME_COLUMNS, Dataset
from signalcam.waveforms import read_header, read_samples, to_millivolts, check_samples


def load_signals(
    dataset, ecg_ids=None, sampling_rate=100, on_error="raise", check=True, cache=True, progress=True
):
    """First plain form: serial, not cached."""
    ids = dataset.table.index if ecg_ids is None else pd.Index(ecg_ids)
    names = dataset.table.loc[ids, FILENAME_COLUMNS[sampling_rate]]
    signals = np.empty((len(ids), 10 * sampling_rate, 12), np.float32)
    for row, name in enumerate(tqdm(names, disable=not progress)):
        path = str(dataset.folder / name)
        header = read_header(path + ".hea")
        samples = read_samples(os.path.dirname(path), header, path)
        if check:
            check_samples(samples, header, path)
        to_millivolts(samples[:, order_leads(header.leads)], header, out=signals[row])
    return signals if on_error == "raise" else (signals, ids, pd.DataFrame({"ecg_id": [], "reason": []}))
