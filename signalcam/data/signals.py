"""All records of a table as one array (record, time, lead) in mV: decoded in parallel, then cached.

The numbers are those of `wfdb.rdsamp(path)[0].astype(np.float32)` of each record, bit for bit.
"""

import os
from collections.abc import Iterator

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data.cache import EntryWriter, cache_folder, open_entry
from signalcam.errors import RecordError, listed
from signalcam.data.threads import in_order
from signalcam.data.ptbxl import Dataset
from signalcam.data.selection import Selection

# Bytes of a block of signals. Small, since _N_WORKERS + 2 of them may be in memory beside the array.
_BLOCK_BYTES = 400_000
# Threads: on a cold disk the time goes to waiting for small files. Processes would take longer to start than
# the 1,000 records of a sample take to read, and cannot be started from every notebook or script.
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
        check: compare samples with the checksums of the headers, and refuse missing samples. Without it,
            missing samples are NaN.
        cache: True caches in the user's cache folder (or where SIGNALCAM_CACHE says), a path there, False
            nowhere. A cached array is used again as long as none of the records' files has changed.
        progress: show a progress bar.
        extra_bytes: "error" refuses a signal file longer than its header says, "warn" warns and reads
            what it says.

    Returns:
        float32 array (record, time, lead) in mV, leads as `LEADS`; a read-only memory map unless cache=False.
        With on_error="skip": that array, the Index of the ecg_ids it holds, and a DataFrame (ecg_id,
        reason) of the others.

    Raises:
        FileNotFoundError: there are no records of this rate; names the rate that is there.
        MissingRecordsError: files of records are missing; counts them.
        RecordError: a record is broken; names it, what was expected and what was found.
        OSError: the cache cannot be written.
        ValueError: an argument is wrong.
    """
    for name, value, choices in (
        ("on_error", on_error, ("raise", "skip")),
        ("extra_bytes", extra_bytes, ("error", "warn")),
    ):
        if value not in choices:
            raise ValueError(f"{name} must be one of {listed(choices)}; got {value!r}.")
    selection = Selection(dataset, ecg_ids, sampling_rate, on_error == "skip", check, extra_bytes)
    if cache is False:
        signals, skipped = _load(selection, _ArraySink(selection.shape), progress)
    else:
        folder = cache_folder(cache)
        entry = open_entry(folder, selection.key, selection.misfit)
        if entry is not None:
            signals, skipped = entry[0], {int(row): reason for row, reason in entry[1]["skipped"].items()}
        else:
            with EntryWriter(folder, selection.key, selection.shape) as writer:
                signals, skipped = _load(selection, writer, progress)
    if on_error == "raise":
        return signals
    rows = sorted(skipped)
    reasons = pd.DataFrame({"ecg_id": selection.ids[rows], "reason": [skipped[row] for row in rows]})
    return signals, selection.ids.delete(rows), reasons


class _ArraySink:
    """Collects blocks in memory, as `EntryWriter` does in a file."""

    def __init__(self, shape: tuple[int, int, int]):
        self._signals, self._n = np.empty(shape, np.float32), 0

    def append(self, block: np.ndarray) -> None:
        self._signals[self._n : self._n + len(block)] = block
        self._n += len(block)

    def commit(self, about: dict) -> np.ndarray:
        return self._signals[: self._n]


def _load(
    selection: Selection, sink: _ArraySink | EntryWriter, progress: bool
) -> tuple[np.ndarray, dict[int, str]]:
    """Decode into `sink`; return its signals, and the reason of each row left out."""
    skipped = dict.fromkeys(selection.missing, "no .hea or no .dat file")
    rows = np.delete(np.arange(len(selection.ids)), selection.missing)
    first_error = None
    bar = tqdm(
        total=len(rows),
        desc=f"Loading {selection.decoder.sampling_rate} Hz",
        unit=" records",
        disable=not progress,
    )
    with bar:
        for block, signals, errors in _blocks(selection, rows):
            for position, error in errors.items():
                if not selection.may_skip:
                    error.add_note('on_error="skip" leaves such records out and lists them.')
                    raise error
                first_error = first_error or error
                skipped[int(block[position])] = str(error)
            sink.append(np.delete(signals, list(errors), axis=0) if errors else signals)
            bar.update(len(block))
    if len(skipped) == len(selection.ids):
        raise RecordError(
            f"None of the {len(skipped):,} records could be read. The first: {next(iter(skipped.values()))}"
        ) from first_error
    about = {**selection.about, "skipped": {str(row): reason for row, reason in skipped.items()}}
    return sink.commit(about), skipped


def _blocks(
    selection: Selection, rows: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray, dict[int, Exception]]]:
    """Yield (rows, signals, errors by position) in order, decoding a few blocks ahead."""
    per_block = max(1, _BLOCK_BYTES // (4 * selection.shape[1] * selection.shape[2]))
    blocks = (rows[start : start + per_block] for start in range(0, len(rows), per_block))

    def decode(block: np.ndarray) -> tuple[np.ndarray, dict[int, Exception]]:
        return selection.decoder.decode([selection.paths[row] for row in block])

    for block, (signals, errors) in in_order(decode, blocks, _N_WORKERS, ahead=_N_WORKERS + 1):
        yield block, signals, errors
