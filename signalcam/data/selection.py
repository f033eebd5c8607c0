"""Which records are asked for, where their files are, and whether a cached answer would do."""

import hashlib
import os
import stat

import numpy as np
import pandas as pd

from signalcam.data.decoding import N_LEADS, Decoder
from signalcam.errors import MissingRecordsError, listed
from signalcam.data.ptbxl import Dataset
from signalcam.data.metadata import FILENAME_COLUMNS

DURATION = 10  # seconds; every PTB-XL record


class Selection:
    """Records of a dataset, checked to be there.

    Attributes:
        ids: Index of ecg_ids, in the order asked for.
        paths: path of each record without suffix.
        shape: of the signals when no record is left out.
        missing: rows of which a file is missing (only where records may be left out).
        decoder: decodes the records.
        key: name of the cache's entry.
        about: what a cached answer is of.

    Raises:
        FileNotFoundError, MissingRecordsError, ValueError: as `signals.load_signals` says.
    """

    def __init__(
        self,
        dataset: Dataset,
        ecg_ids: pd.Index | None,
        sampling_rate: int,
        may_skip: bool,
        check: bool,
        extra_bytes: str,
    ):
        _check_rate(dataset, sampling_rate)
        self.may_skip = may_skip
        self.decoder = Decoder(int(sampling_rate), DURATION * int(sampling_rate), bool(check), extra_bytes)
        self.ids = _checked_ids(dataset, ecg_ids)
        names = dataset.table.loc[self.ids, FILENAME_COLUMNS[sampling_rate]].tolist()
        self.paths = [f"{dataset.folder}{os.sep}{name}" for name in names]
        self.shape = (len(self.ids), self.decoder.n_times, N_LEADS)
        self.missing, files_digest = _look_at_files(self.paths)
        if self.missing and not may_skip:
            raise MissingRecordsError(self._missing_text(dataset))
        records = "\n".join(f"{ecg_id} {name}" for ecg_id, name in zip(self.ids, names, strict=True))
        self.about = {
            "dataset": str(dataset.folder.resolve()),
            "version": dataset.version,
            "sampling_rate": int(sampling_rate),
            "records": _digest(records.encode()),
            "files": files_digest,
            "check": self.decoder.check,
            "extra_bytes": extra_bytes,
        }
        identity = [self.about[name] for name in ("dataset", "sampling_rate", "records")]
        self.key = f"signals{sampling_rate}-{_digest(repr(identity).encode())}"

    def misfit(self, about: dict, shape: tuple[int, ...]) -> str:
        """Why a cached answer `about` something, of signals of a shape, would not do; "" where it would."""
        for name in ("dataset", "version", "sampling_rate", "records"):
            if about.get(name) != self.about[name]:
                words = name.replace("_", " ")
                return f"it is of another {words} ({about.get(name)!r}, not {self.about[name]!r})"
        if about.get("files") != self.about["files"]:
            return "files of the dataset have changed since"
        skipped = about.get("skipped")
        rows = set(skipped) if isinstance(skipped, dict) else {None}
        if not rows <= set(map(str, range(len(self.ids)))):
            return "its side file is not complete"
        if shape != (len(self.ids) - len(rows), *self.shape[1:]):
            return f"its shape is {shape}"
        # What was read with every check on and nothing left out is the same by any other setting.
        clean = about.get("check") is True and about.get("extra_bytes") == "error" and not skipped
        same = all(about.get(name) == self.about[name] for name in ("check", "extra_bytes"))
        if not clean and (not same or (skipped and not self.may_skip)):
            return "it was read with other checks"
        return ""

    def _missing_text(self, dataset: Dataset) -> str:
        first = listed(self.ids[row] for row in self.missing)
        rate = self.decoder.sampling_rate
        others = [f"{other} Hz" for other in dataset.sampling_rates if other != rate]
        return (
            f"{len(self.missing):,} of {len(self.ids):,} records have no .hea or no .dat file at {rate} Hz: "
            f"ecg_id {first} in {dataset.folder}. Fetch them with `python -m signalcam download "
            f'{dataset.folder} --sampling-rate {rate}`, or leave them out with on_error="skip"'
            + (f"; there are records at {listed(others)} too." if others else ".")
        )


def _look_at_files(paths: list[str]) -> tuple[list[int], str]:
    """Rows of which a file is missing; and a digest of sizes and times, which changes with any file."""
    missing, marks = [], []
    for row, path in enumerate(paths):
        for suffix in (".hea", ".dat"):
            try:
                found = os.stat(path + suffix)
            except OSError:
                found = None
            if found is None or not stat.S_ISREG(found.st_mode):
                marks += (-1, -1, -1)
                if not missing or missing[-1] != row:
                    missing.append(row)
            else:
                marks += (found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return missing, _digest(np.array(marks, dtype="<i8").tobytes())


def _checked_ids(dataset: Dataset, ecg_ids: pd.Index | None) -> pd.Index:
    ids = dataset.table.index if ecg_ids is None else pd.Index(ecg_ids)
    if ids.dtype == bool:
        raise ValueError("ecg_ids must hold ecg_ids, got a boolean mask; use dataset.table.index[mask].")
    if not len(ids):
        raise ValueError("ecg_ids is empty: no record to load.")
    unknown = ids[~ids.isin(dataset.table.index)]
    if len(unknown):
        raise ValueError(f"{len(unknown):,} ecg_ids are not in the dataset's table: {listed(unknown)}.")
    return ids


def _check_rate(dataset: Dataset, sampling_rate: int) -> None:
    if sampling_rate not in FILENAME_COLUMNS:
        raise ValueError(
            f"sampling_rate must be one of {listed(FILENAME_COLUMNS)} Hz; got {sampling_rate!r}."
        )
    if sampling_rate in dataset.sampling_rates:
        return
    there = [f"{rate} Hz" for rate in dataset.sampling_rates]
    advice = f"Load with sampling_rate={dataset.sampling_rates[0]}, or fetch" if there else "Fetch"
    raise FileNotFoundError(
        f"There are no records at {sampling_rate} Hz in {dataset.folder}; there are records at "
        f"{listed(there) or 'no rate at all'}. {advice} them with `python -m signalcam download "
        f"{dataset.folder} --sampling-rate {sampling_rate}`."
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
