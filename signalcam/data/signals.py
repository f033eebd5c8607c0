"""All records of a table as one array (record, time, lead) in mV: read in threads, then cached.

The numbers are those of `wfdb.rdsamp(path)[0].astype(np.float32)`, bit for bit, with the leads as `LEADS`.
"""

import logging
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.cache import entry_path, open_entry, write_entry
from signalcam.data.metadata import FILENAME_COLUMNS, known_ids
from signalcam.data.ptbxl import Dataset, check_rate
from signalcam.data.threads import in_order
from signalcam.errors import MissingRecordsError, RecordError, listed
from signalcam.leads import LEADS, choose_leads
from signalcam.recordings.formats.wfdb_files import read_samples

DURATION = 10  # seconds; every PTB-XL record

logger = logging.getLogger(__name__)

_CHOICES = {"on_error": ("raise", "skip"), "check": (True, False, "full"), "extra_bytes": ("error", "warn")}
_BLOCK_BYTES = 400_000  # small, since _N_WORKERS + 2 blocks may be in memory beside the array
# One thread reads ahead of the one that collects: more would wait for Python's lock at each small file.
_N_WORKERS = 1


def load_signals(
    dataset: Dataset,
    ecg_ids: pd.Index | None = None,
    sampling_rate: int = 100,
    on_error: str = "raise",
    check: bool | str = True,
    cache: bool | str | os.PathLike = True,
    progress: bool = True,
    extra_bytes: str = "error",
) -> np.ndarray | tuple[np.ndarray, pd.Index, pd.DataFrame]:
    """Load the signals of a dataset's records.

    Args:
        dataset, sampling_rate: from `open_dataset`; 100 or 500, in Hz.
        ecg_ids: which records, in which order; all of the table by default.
        on_error: "raise" stops at a record that cannot be read, "skip" leaves it out.
        check: compare checksums, and refuse missing samples, which are NaN without it. Of a cached array 256
            records are compared with its own checksums, by "full" all of them.
        cache: True caches in the user's cache folder (or where SIGNALCAM_CACHE says), a path there, False
            nowhere. A cached array is used again as long as none of the records' files has changed.
        progress: show a progress bar.
        extra_bytes: "error" refuses a signal file longer than its header says, "warn" reads what it says.

    Returns:
        float32 array (record, time, lead) in mV, leads as `LEADS`; a read-only memory map unless cache=False.
        With on_error="skip" also the Index of its ecg_ids, and a DataFrame (ecg_id, reason) of the others.

    Raises:
        FileNotFoundError, RecordError: no records of this rate; one is broken, or its files are missing.
        OSError, ValueError: the cache cannot be written; an argument is wrong.
    """
    for name, value in {"on_error": on_error, "check": check, "extra_bytes": extra_bytes}.items():
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} must be one of {listed(_CHOICES[name])}, got {value!r}.")
    check_rate(dataset, sampling_rate)
    ids = known_ids(dataset.table, dataset.table.index if ecg_ids is None else ecg_ids, "ecg_ids")
    if not len(ids):
        raise ValueError("ecg_ids is empty: no record to load.")
    names = dataset.table.loc[ids, FILENAME_COLUMNS[sampling_rate]].tolist()
    paths = [f"{dataset.folder}{os.sep}{name}" for name in names]
    skipped, stamps = _look_at_files(paths)
    if skipped and on_error == "raise":
        fetch = f"`python -m signalcam download {dataset.folder} --sampling-rate {sampling_rate}`"
        raise MissingRecordsError(
            f"{len(skipped):,} of {len(ids):,} records have no .hea or no .dat file at {sampling_rate} Hz: "
            f'ecg_id {listed(ids[list(skipped)])}. Fetch them with {fetch}, or skip them: on_error="skip".'
        )
    request = _Request(paths, int(sampling_rate), bool(check), extra_bytes, on_error == "skip")
    blocks = request.blocks(skipped, progress)
    if cache is False:
        signals, n = np.empty(request.shape, np.float32), 0
        for block in blocks:
            signals[n : n + len(block)] = block
            n += len(block)
        signals = signals[:n]
    else:
        what = str(dataset.folder.resolve()), int(sampling_rate), ids.tolist(), names
        path = entry_path(cache, f"signals{sampling_rate}", what, (dataset.version, stamps))
        about = {"check": request.check, "extra_bytes": extra_bytes, "skipped": skipped}
        entry = open_entry(path, request.misfit, every_record=check == "full")
        signals, about = entry or (write_entry(path, len(paths), blocks, about), about)
        skipped = {int(index): reason for index, reason in about["skipped"].items()}  # JSON's keys are text
    if on_error == "raise":
        return signals
    left_out = sorted(skipped)
    reasons = pd.DataFrame({"ecg_id": ids[left_out], "reason": [skipped[index] for index in left_out]})
    return signals, ids.delete(left_out), reasons


@dataclass(frozen=True)
class _Request:
    paths: list[str]  # of the records, without suffix; the rest as in `load_signals`
    sampling_rate: int
    check: bool
    extra_bytes: str
    may_skip: bool

    @property
    def shape(self) -> tuple[int, int, int]:  # of the signals when no record is left out
        return len(self.paths), DURATION * self.sampling_rate, len(LEADS)

    def misfit(self, about: dict, shape: tuple[int, ...]) -> str:
        """Why cached signals would not do; "" where they would."""
        skipped = {int(index) for index in about["skipped"]}
        n = len(self.paths) - len(skipped)
        if shape != (n, *self.shape[1:]) or not skipped <= set(range(len(self.paths))):
            return f"its shape is {shape}"
        # What was read with every check and nothing left out is the same by any other setting.
        clean = about["check"] and about["extra_bytes"] == "error" and not skipped
        same = (about["check"], about["extra_bytes"]) == (self.check, self.extra_bytes)
        return "" if clean or (same and (self.may_skip or not skipped)) else "it was read with other checks"

    def blocks(self, skipped: dict[int, str], progress: bool) -> Iterator[np.ndarray]:
        """Yield the signals of all records not in `skipped`, to which those that cannot be read are added."""
        indices = [index for index in range(len(self.paths)) if index not in skipped]
        n = max(1, _BLOCK_BYTES // (4 * self.shape[1] * self.shape[2]))
        parts = (indices[start : start + n] for start in range(0, len(indices), n))
        what = f"Loading {self.sampling_rate} Hz"
        with tqdm(total=len(indices), desc=what, unit=" records", disable=not progress) as bar:
            for part, (signals, errors) in in_order(self._read_block, parts, _N_WORKERS, _N_WORKERS + 1):
                for position, error in errors.items():
                    if not self.may_skip:
                        error.add_note('on_error="skip" leaves such records out and lists them.')
                        raise error
                    skipped[part[position]] = str(error)
                yield np.delete(signals, list(errors), axis=0) if errors else signals
                bar.update(len(part))
        if len(skipped) == len(self.paths):
            found = f"None of the {len(skipped):,} records could be read. The first"
            raise RecordError(f"{found}: {skipped[min(skipped)]}")

    def _read_block(self, indices: list[int]) -> tuple[np.ndarray, dict[int, Exception]]:
        """Signals of some records, and the error of each position that could not be read."""
        signals, errors = np.empty((len(indices), *self.shape[1:]), np.float32), {}
        for position, index in enumerate(indices):
            try:
                signals[position] = self._read(self.paths[index])
            except (RecordError, OSError) as error:
                # Errors of the system, which have a number, do not name the record.
                named = getattr(error, "errno", None) is None
                errors[position] = error if named else RecordError(f"Record {self.paths[index]}: {error}.")
        return signals, errors

    def _read(self, path: str) -> np.ndarray:
        signals, header = read_samples(path + ".hea", check=self.check, extra_bytes=self.extra_bytes)
        name = f"Record {header.name}"
        if header.sampling_rate != self.sampling_rate:
            found = f"expected {self.sampling_rate} Hz, its header says {header.sampling_rate:g} Hz"
            raise RecordError(f"{name}: {found}. Load it with that sampling_rate, or fetch it again.")
        if header.n_times != self.shape[1]:
            wanted = f"{self.shape[1]:,} samples a lead ({DURATION} s)"
            found = f"expected {wanted}, its header says {header.n_times:,}"
            raise RecordError(f"{name}: {found}. Fetch it again, or leave it out.")
        if set(header.files) != {header.name + ".dat"}:
            found = f"the signal file {listed(map(repr, dict.fromkeys(header.files)))}, not {header.name}.dat"
            raise RecordError(f"{name}: its header names {found}.")
        if not self.check and (n_missing := int(np.isnan(signals).sum())):
            logger.warning("%s: %s samples are missing in the file and are NaN.", name, f"{n_missing:,}")
        try:
            return choose_leads(signals, names=header.leads)
        except ValueError as error:
            raise RecordError(f"{name}: {error}") from error


def _look_at_files(paths: list[str]) -> tuple[dict[int, str], list]:
    """Which records lack a file, by index; and sizes and times, which change with any file."""
    missing, stamps = {}, []
    for index, path in enumerate(paths):
        for suffix in (".hea", ".dat"):
            try:
                found = os.stat(path + suffix)
                is_file = stat.S_ISREG(found.st_mode)
            except OSError:
                is_file = False
            stamps.append((found.st_size, found.st_mtime_ns, found.st_ctime_ns) if is_file else None)
            if not is_file:
                missing[index] = "no .hea or no .dat file"
    return missing, stamps
