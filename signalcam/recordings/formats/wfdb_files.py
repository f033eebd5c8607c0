"""One WFDB record (a `.hea` header and its sample files), read strictly and fast.

Format 16 (https://physionet.org/physiotools/wag/signal-5.htm) is decoded with NumPy, bit-equal to
`wfdb.rdsamp` cast to float32; other formats go through `wfdb`. Where that is silent (gain 0, wrong checksums,
over-long files), this module refuses.
"""

import io
import itertools
import math
import os
import re
import stat
import warnings
from collections.abc import Iterable

import numpy as np

from signalcam.errors import RecordError
from signalcam.leads import millivolts_per
from signalcam.recordings.formats.wfdb_header import BYTES_PER_SAMPLE, Header, parse_header

_MAX_HEADER_BYTES = 1_000_000
# Comments may be in any encoding; what the samples need is ASCII, or UTF-8 for the micro sign.
_COMMENT = re.compile(rb"(?<![^\r\n])#[^\r\n]*")
_BLOCK = 65_536  # time steps summed at once where a recording may be long
# The lowest value of each format marks a missing sample.
_MISSING = dict.fromkeys((16, 61, 160), -(2**15)) | {24: -(2**23), 32: -(2**31), 80: -(2**7), 212: -(2**11)}


def read_header(header_path: str | os.PathLike, unit: str | None = None) -> Header:
    """`parse_header` of a `.hea` file. Args, Raises: as in `read_samples`."""
    path = os.fspath(header_path)
    stem, suffix = os.path.splitext(os.path.basename(path))
    name = stem if suffix.lower() == ".hea" else stem + suffix
    with open_file(path, name) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MAX_HEADER_BYTES:
            found = f"expected a header of some kB, found {size:,} bytes"
            raise RecordError(f"Record {name}: {found}. Fetch {path} again.")
        data = file.read(_MAX_HEADER_BYTES)
    try:
        text = (_COMMENT.sub(b"", data) if b"#" in data else data).decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"expected text in {path}, found binary data"
        raise RecordError(f"Record {name}: {found}. Fetch it again.") from error
    return parse_header(text, name, unit)


def read_samples(
    header_path: str | os.PathLike,
    check: bool = True,
    unit: str | None = None,
    extra_bytes: str = "error",
    span: tuple[int, int] | None = None,
    header: Header | None = None,
) -> tuple[np.ndarray, Header]:
    """All samples of a record, in mV; sizes of files are compared with the header before any allocation.

    Args:
        header_path: the `.hea` file; its sample files lie beside it.
        check: compare checksums, and refuse samples marked as missing; without it these are NaN.
        unit: unit of leads for which the header states none.
        extra_bytes: "error" refuses a sample file longer than the header says, "warn" warns.
        span: first sample, and the one after the last; checksums, of all samples, are not compared then.
        header: of `read_header`, where it was read before.

    Returns: float32 array (time, lead) in mV, leads in file order, computed in float64; and the header.
    Raises: FileNotFoundError where a file is missing, RecordError for what else is not right.
    """
    header = header or read_header(header_path, unit)
    samples = _read_files(header, header_path, extra_bytes, *(span or (0, header.n_times)))
    missing_marks = np.array([_MISSING[fmt] for fmt in header.formats], samples.dtype)
    missing = samples == missing_marks if samples.min() <= missing_marks.max() else None
    if check:
        if span is None:
            _compare_sums(header, [samples])
        if missing is not None and missing.any():
            _refuse_missing(header, missing)
    # In float64, as in wfdb.
    if any(header.baselines):
        samples = samples.astype(np.float64) - header.baselines
    signals = samples / (header.gains[0] if len(set(header.gains)) == 1 else np.array(header.gains))
    if set(header.units) != {"mV"}:
        signals *= [millivolts_per(unit) for unit in header.units]
    signals = signals.astype(np.float32)
    if missing is not None:
        signals[missing] = np.nan
    return signals, header


def check_sums(header_path: str | os.PathLike, header: Header) -> None:
    """Compare the checksums of a record, part by part in little memory. Raises RecordError."""
    starts = range(0, header.n_times, _BLOCK)
    spans = ((start, min(start + _BLOCK, header.n_times)) for start in starts)
    _compare_sums(header, (_read_files(header, header_path, "error", *span) for span in spans))


def _read_files(
    header: Header, header_path: str | os.PathLike, extra_bytes: str, start: int, stop: int
) -> np.ndarray:
    """Converter values (time, lead) of all leads, from sample `start` to before `stop`."""
    folder = os.path.dirname(os.fspath(header_path))
    blocks, position = [], 0
    for file, group in itertools.groupby(header.files):
        leads = slice(position, position + len(list(group)))
        blocks.append(_read_file(header, leads, os.path.join(folder, file), extra_bytes, start, stop))
        position = leads.stop
    if len(set(header.files)) != len(blocks):
        raise RecordError(f"Record {header.name}: leads of one sample file do not follow each other.")
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)


def _read_file(
    header: Header, leads: slice, path: str, extra_bytes: str, start: int, stop: int
) -> np.ndarray:
    """Samples (time, lead) of the leads in one sample file, as converter values."""
    layouts = set(zip(header.formats[leads], header.offsets[leads], strict=True))
    if len(layouts) != 1:
        raise RecordError(f"Record {header.name}: leads in {path} differ in format: use wfdb.rdrecord.")
    fmt, offset = layouts.pop()
    n_leads = leads.stop - leads.start
    expected = offset + math.ceil(header.n_times * n_leads * BYTES_PER_SAMPLE[fmt])
    with open_file(path, header.name) as file:
        found = os.fstat(file.fileno()).st_size
        # Packed formats may be filled up to a whole group of samples.
        if found != expected and not (fmt == 212 and 0 < found - expected < 4):
            wanted = f"{expected:,} bytes in {path} ({header.n_times:,} samples a lead by its header)"
            text = f"Record {header.name}: expected {wanted}, found {found:,}."
            if found < expected:
                raise RecordError(f"{text} The file is truncated or the header wrong: fetch both again.")
            if extra_bytes != "warn":
                advice = f"Fetch both again, or read the first {expected:,}: extra_bytes='warn'."
                raise RecordError(f"{text} {advice}")
            warnings.warn(f"{text} The first {expected:,} are used.", stacklevel=4)
        if fmt != 16:
            return _read_with_wfdb(header, leads, path, start, stop)
        file.seek(offset + 2 * n_leads * start)
        return np.frombuffer(file.read(2 * n_leads * (stop - start)), "<i2").reshape(-1, n_leads)


def _read_with_wfdb(header: Header, leads: slice, path: str, start: int, stop: int) -> np.ndarray:
    import wfdb  # slow to import, and not needed for format 16

    channels = list(range(leads.start, leads.stop))
    record = os.path.join(os.path.dirname(path), header.name)
    try:
        samples = wfdb.rdrecord(record, start, stop, channels, physical=False).d_signal
    except (ValueError, IndexError, TypeError, KeyError) as error:
        raise RecordError(f"Record {header.name}: wfdb cannot decode {path}: {error}.") from error
    if samples is None or samples.shape != (stop - start, len(channels)):
        raise RecordError(f"Record {header.name}: wfdb decoded another number of samples than stated.")
    return samples


def _compare_sums(header: Header, parts: Iterable[np.ndarray]) -> None:
    # einsum adds up such narrow rows twice as fast as sum does.
    sums = sum(np.einsum("tl->l", part, dtype=np.int64) for part in parts)
    for lead, found, expected in zip(header.leads, sums.tolist(), header.checksums, strict=True):
        if (found - expected) % 65536:
            text = f"the header gives checksum {expected % 65536}, found {found % 65536}"
            advice = "The file is damaged: fetch it again, or read it with check=False."
            raise RecordError(f"Record {header.name}, lead {lead}: {text}. {advice}")


def _refuse_missing(header: Header, missing: np.ndarray) -> None:
    counts = dict(zip(header.leads, missing.sum(axis=0).tolist(), strict=True))
    whole = [lead for lead, count in counts.items() if count == len(missing)]
    text = f"missing lead {', '.join(whole)}: the file marks all {len(missing):,} samples as missing"
    if not whole:
        some = ", ".join(f"{lead} ({count})" for lead, count in counts.items() if count)
        text = f"the file marks samples as missing in lead {some}"
    raise RecordError(f"Record {header.name}: {text}. Use another recording, or a span without gaps.")


def open_file(path: str | os.PathLike, name: str) -> io.BufferedReader:
    """Open a file of record `name`; a pipe or device, which could block or never end, is refused.

    Raises: FileNotFoundError where there is no such file, RecordError where it is no ordinary one.
    """
    try:
        # Without waiting, where that can be asked for: opening a pipe waits for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"Record {name}: there is no file {path}. Check the path.") from error
    except ValueError as error:  # a null character in the path
        raise RecordError(f"Record {name[:60]!r}: {error} in its path.") from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return open(descriptor, "rb")
    os.close(descriptor)
    found = "a folder without recordings" if stat.S_ISDIR(mode) else "a pipe or device"
    raise RecordError(f"Record {name}: expected a file at {path}, found {found}. Give a file.")
