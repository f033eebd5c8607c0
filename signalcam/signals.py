"""All records of a table as one array (record, time, lead) in mV: decoded in parallel, cached for the next time.

The numbers are those of `wfdb.rdsamp(path)[0].astype(np.float32)` of each record, bit for bit.
"""

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.cache import EntryWriter, cache_folder, open_entry
from signalcam.decoding import N_LEADS, Decoder
from signalcam.errors import MissingRecordsError, RecordError, listed
from signalcam.ptbxl import Dataset
from signalcam.tables import FILENAME_COLUMNS

DURATION = 10  # seconds; every PTB-XL record

# Bytes of a block of signals. Small, since up to _N_WORKERS + 2 of them are in memory beside the array.
_BLOCK_BYTES = 1_500_000
# Threads: most of the time goes to the reading of small files, which waits for the disk, and to NumPy. Processes would
# take longer to start than 1,000 records take to read.
_N_WORKERS = min(8, max(2, os.cpu_count() or 2))


def load_signals(
    dataset: Dataset,
    ecg_ids: pd.Index | None = None,
    sampling_rate: int = 100,
    on_error: str = "raise",
    check: bool = True,
    cache: bool | str | os.PathLike = True,
    progress: bool = True,
    extra_bytes: str = "error",
) -> np.ndarray | tuple[np.ndarray, pd.Index, pd.DataFrame]:
    """Load the signals of a dataset's records.

    Args:
        dataset: from `ptbxl.open_dataset`.
        ecg_ids: which records, in which order; all of the table by default.
        sampling_rate: 100 or 500, in Hz.
        on_error: "raise" stops at a record that cannot be read; "skip" leaves it out and tells why.
        check: compare samples with the checksums of the headers, and refuse missing samples. Without it, missing
            samples are NaN.
        cache: True caches in the user's cache folder (or where SIGNALCAM_CACHE says), a path there, False nowhere.
        progress: show a progress bar.
        extra_bytes: "error" refuses a signal file longer than its header says, "warn" warns and reads what it says.

    Returns:
        float32 array (record, time, lead) in mV, leads as `LEADS`; a read-only memory map unless cache=False.
        With on_error="skip": that array, the Index of the ecg_ids it holds, and a DataFrame (ecg_id, reason) of the
        others.

    Raises:
        FileNotFoundError: there are no records of this rate; names the rate that is there.
        MissingRecordsError: files of records are missing; counts them.
        RecordError: a record is broken; names it, what was expected and what was found.
        OSError: the cache cannot be written.
        ValueError: an argument is wrong.
    """
    request = _Request(dataset, ecg_ids, sampling_rate, on_error, check, extra_bytes)
    if cache is False:
        return request.answer(*_load(request, _ArraySink(request.shape), progress))
    folder = cache_folder(cache)
    entry = open_entry(folder, request.key, request.misfit)
    if entry is not None:
        signals, about = entry
        return request.answer(signals, {int(row): reason for row, reason in about["skipped"].items()})
    with EntryWriter(folder, request.key, request.shape) as writer:
        return request.answer(*_load(request, writer, progress))


class _Request:
    """What is asked for: the records and their files, and what of a cached answer would do."""

    def __init__(self, dataset, ecg_ids, sampling_rate, on_error, check, extra_bytes):
        for name, value, choices in (
            ("on_error", on_error, ("raise", "skip")),
            ("extra_bytes", extra_bytes, ("error", "warn")),
            ("sampling_rate", sampling_rate, tuple(FILENAME_COLUMNS)),
        ):
            if value not in choices:
                raise ValueError(f"{name} must be one of {listed(choices)}; got {value!r}.")
        _check_rate(dataset, sampling_rate)
        self.skip = on_error == "skip"
        self.decoder = Decoder(int(sampling_rate), DURATION * int(sampling_rate), bool(check), extra_bytes)
        self.ids = _checked_ids(dataset, ecg_ids)
        names = dataset.table.loc[self.ids, FILENAME_COLUMNS[sampling_rate]].tolist()
        self.paths = [f"{dataset.folder}{os.sep}{name}" for name in names]
        self.shape = (len(self.ids), self.decoder.n_times, N_LEADS)
        self.missing, files_digest = _look_at_files(self.paths)
        if self.missing and not self.skip:
            raise MissingRecordsError(self._missing_text(dataset))
        self.about = {
            "dataset": str(dataset.folder),
            "version": dataset.version,
            "sampling_rate": int(sampling_rate),
            "records": _digest(
                "\n".join(f"{ecg_id} {name}" for ecg_id, name in zip(self.ids, names, strict=True)).encode()
            ),
            "files": files_digest,
            "check": self.decoder.check,
            "extra_bytes": extra_bytes,
        }
        identity = [self.about[name] for name in ("dataset", "sampling_rate", "records")]
        self.key = f"signals{sampling_rate}-{_digest(repr(identity).encode())}"

    def misfit(self, about: dict) -> str:
        """Why a cached answer would not do; "" where it would."""
        for name in ("dataset", "version", "sampling_rate", "records"):
            if about.get(name) != self.about[name]:
                return f"it is of another {name.replace('_', ' ')} ({about.get(name)!r}, not {self.about[name]!r})"
        if about.get("files") != self.about["files"]:
            return "files of the dataset have changed since"
        skipped = about.get("skipped")
        if not isinstance(skipped, dict):
            return "its side file is not complete"
        # What was read with every check on and nothing left out would be the same by any other setting.
        clean = about.get("check") is True and about.get("extra_bytes") == "error" and not skipped
        same = all(about.get(name) == self.about[name] for name in ("check", "extra_bytes"))
        if not clean and (not same or (skipped and not self.skip)):
            return "it was read with other checks"
        return ""

    def answer(self, signals: np.ndarray, skipped: dict[int, str]):
        if not self.skip:
            return signals
        kept = self.ids[[row for row in range(len(self.ids)) if row not in skipped]]
        left_out = sorted(skipped)
        reasons = pd.DataFrame({"ecg_id": self.ids[left_out], "reason": [skipped[row] for row in left_out]})
        return signals, kept, reasons

    def _missing_text(self, dataset: Dataset) -> str:
        first = listed(self.ids[row] for row in self.missing)
        rates = " and ".join(str(rate) for rate in dataset.sampling_rates)
        return (
            f"{len(self.missing):,} of {len(self.ids):,} records have no .hea or .dat file at "
            f"{self.decoder.sampling_rate} Hz in {dataset.folder}: ecg_id {first}. There are folders for {rates} Hz. "
            f'Fetch them with `python -m signalcam download`, or leave them out with on_error="skip".'
        )


class _ArraySink:
    """Collects blocks in memory."""

    def __init__(self, shape: tuple[int, int, int]):
        self._signals, self._n = np.empty(shape, np.float32), 0

    def append(self, block: np.ndarray) -> None:
        self._signals[self._n : self._n + len(block)] = block
        self._n += len(block)

    def commit(self, about: dict) -> np.ndarray:
        return self._signals[: self._n]


def _load(request: _Request, sink, progress: bool) -> tuple[np.ndarray, dict[int, str]]:
    skipped = dict.fromkeys(request.missing, "no .hea or .dat file")
    rows = np.array([row for row in range(len(request.ids)) if row not in skipped], dtype=np.int64)
    first_error = None
    with tqdm(
        total=len(rows),
        desc=f"Loading {request.decoder.sampling_rate} Hz",
        unit="record",
        disable=not progress,
    ) as bar:
        for block, signals, errors in _blocks(request, rows):
            for position, error in errors.items():
                if not request.skip:
                    error.add_note(
                        'load_signals(..., on_error="skip") leaves such records out and lists them.'
                    )
                    raise error
                first_error = first_error or error
                skipped[int(block[position])] = str(error)
            good = [position for position in range(len(block)) if position not in errors]
            sink.append(signals[good] if errors else signals)
            bar.update(len(block))
    if len(skipped) == len(request.ids):
        raise RecordError(
            f"None of the {len(request.ids):,} records could be read. The first: {next(iter(skipped.values()))}"
        ) from first_error
    return sink.commit(
        {**request.about, "skipped": {str(row): reason for row, reason in skipped.items()}}
    ), skipped


def _blocks(
    request: _Request, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[int, Exception]]]:
    """Yield (rows, signals, errors by position) in order, decoding a few blocks ahead."""
    per_block = max(1, _BLOCK_BYTES // (4 * request.shape[1] * request.shape[2]))
    ahead: deque = deque()
    with ThreadPoolExecutor(_N_WORKERS) as pool:
        try:
            for start in range(0, len(rows), per_block):
                block = rows[start : start + per_block]
                ahead.append(
                    (block, pool.submit(request.decoder.decode, [request.paths[row] for row in block]))
                )
                if len(ahead) > _N_WORKERS:
                    block, future = ahead.popleft()
                    yield block, *future.result()
            while ahead:
                block, future = ahead.popleft()
                yield block, *future.result()
        finally:
            for _, future in ahead:
                future.cancel()


def _look_at_files(paths: list[str]) -> tuple[list[int], str]:
    """Rows of which a file is missing; and a digest of size and times of all files, which any change changes."""
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


def _checked_ids(dataset: Dataset, ecg_ids) -> pd.Index:
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
    if sampling_rate in dataset.sampling_rates:
        return
    there = " and ".join(f"{rate} Hz" for rate in dataset.sampling_rates) or "none at all"
    raise FileNotFoundError(
        f"There are no records at {sampling_rate} Hz in {dataset.folder}; there are those at {there}. Load with "
        f"sampling_rate={dataset.sampling_rates[0] if dataset.sampling_rates else 100}, or fetch them with "
        f"`python -m signalcam download {dataset.folder} --sampling-rate {sampling_rate}`."
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
