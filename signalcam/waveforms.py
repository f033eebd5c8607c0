"""The samples of one WFDB record, decoded from its bytes and checked against its header.

Format 16 (what PTB-XL uses: 16-bit little-endian, leads interleaved) is decoded here, since the 24,000 bytes of a record
are read in far less time than `wfdb.rdsamp` takes for its header alone. Other formats are left to wfdb. The numbers are
those of `wfdb.rdsamp(path)[0].astype(np.float32)`, bit for bit, in the file's lead order.
"""

import logging
import os
import struct
from pathlib import Path

import numpy as np

from signalcam.errors import RecordError, listed
from signalcam.headers import MILLIVOLTS, Header, read_header

logger = logging.getLogger(__name__)

MISSING_SAMPLE = -32768  # what format 16 writes where there is no value

# Bytes per sample; compressed formats (508, 516, 524) are not here.
_SAMPLE_BYTES = {8: 1, 16: 2, 24: 3, 32: 4, 61: 2, 80: 1, 160: 2, 212: 1.5, 310: 4 / 3, 311: 4 / 3}
_MOST_COMPRESSED_VALUES_PER_BYTE = 10_000
_WFDB_ERRORS = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OSError,
    struct.error,
    ImportError,
)
_WFDB_ERRORS += (MemoryError, ArithmeticError, RuntimeError)


def read_waveform(
    path: str | os.PathLike, check: bool = True, longer: str = "error"
) -> tuple[Header, np.ndarray]:
    """Read one WFDB record.

    Args:
        path: the record, with or without `.hea` or `.dat`.
        check: refuse a record whose checksum, first sample or completeness differs from the header. Without the check,
            samples marked as missing become NaN.
        longer: "error" refuses a signal file longer than its header says, "warn" warns and reads what it says.

    Returns:
        The header, and the signals as float32 array (time, lead) in mV, in the file's lead order.

    Raises:
        FileNotFoundError: the `.hea` or `.dat` file is not there.
        RecordError: header or samples are broken, or differ from each other; names the record.
    """
    stem = os.fspath(path)
    stem = stem[:-4] if stem.endswith((".hea", ".dat")) else stem
    header = read_header(stem + ".hea")
    if not is_plain_format_16(header):
        return header, _read_by_wfdb(stem, header, check)
    samples = read_samples(Path(stem).parent, header, stem, longer)
    if check:
        check_samples(samples, header, stem)
    return header, to_millivolts(samples, header)


def is_plain_format_16(header: Header) -> bool:
    """True where all leads are interleaved in one file of format 16, one sample each."""
    first = header.channels[0]
    return all(
        channel.format == 16
        and channel.samples_per_frame == 1
        and channel.skew == 0
        and channel.byte_offset == first.byte_offset
        and channel.file_name == first.file_name
        for channel in header.channels
    )


def read_samples(folder: str | os.PathLike, header: Header, record: str, longer: str = "error") -> np.ndarray:
    """Read the signal file of a format-16 record into an int16 array (time, lead), not yet checked."""
    if longer not in ("error", "warn"):
        raise ValueError(f'longer must be "error" or "warn", got {longer!r}.')
    n_leads, offset = len(header.channels), header.channels[0].byte_offset
    with open(os.path.join(folder, header.channels[0].file_name), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        frame = 2 * n_leads
        n_times = header.n_times or max(0, size - offset) // frame
        expected = offset + n_times * frame
        if n_times == 0 or size < expected:
            raise RecordError(
                f"{record}: the signal file is too short: the header says {n_times:,} samples of {n_leads} leads, "
                f"expected {expected:,} bytes, found {size:,}. Fetch the record again, or leave it out."
            )
        if size > expected:
            text = f"{record}: the signal file is longer than its header says: expected {expected:,} bytes, found {size:,}."
            if longer == "error":
                raise RecordError(f'{text} Fetch the record again, or read on with longer="warn".')
            logger.warning("%s The rest is left out.", text)
        file.seek(offset)
        data = file.read(expected - offset)
    if len(data) != expected - offset:
        raise RecordError(
            f"{record}: expected {expected:,} bytes, found {offset + len(data):,}: the file is changing."
        )
    return np.frombuffer(data, dtype="<i2").reshape(n_times, n_leads)


def check_samples(samples: np.ndarray, header: Header, record: str) -> None:
    """Compare samples with the header's checksums and first samples, and refuse missing ones. Raises RecordError."""
    # The checksum is the sum modulo 2**16, which is what 16-bit arithmetic gives.
    sums = samples.view("<u2").sum(axis=0, dtype=np.uint16).tolist()
    _compare(
        "checksum",
        sums,
        [channel.checksum and channel.checksum & 0xFFFF for channel in header.channels],
        header,
        record,
    )
    _compare("first sample", samples[0].tolist(), [c.first_sample for c in header.channels], header, record)
    missing = samples == MISSING_SAMPLE
    if missing.any():
        refuse_missing(missing, header.leads, record)


def refuse_missing(missing: np.ndarray, leads: tuple[str, ...], record: str) -> None:
    """Raise the RecordError that says which leads miss all or some samples; `missing` is a (time, lead) mask."""
    counts = missing.sum(axis=0)
    whole = [lead for lead, count in zip(leads, counts, strict=True) if count == len(missing)]
    some = [
        f"{lead} ({count:,} of {len(missing):,} samples)"
        for lead, count in zip(leads, counts, strict=True)
        if 0 < count < len(missing)
    ]
    parts = [f"missing lead {listed(whole, 12)}: it holds no sample"] if whole else []
    parts += [f"missing samples (NaN) in lead {listed(some, 12)}"] if some else []
    raise RecordError(
        f"{record}: {'; '.join(parts)}. Leave the record out, or read it with check=False to get NaN."
    )


def to_millivolts(samples: np.ndarray, header: Header, out: np.ndarray | None = None) -> np.ndarray:
    """Convert int16 samples (time, lead) to float32 mV; missing samples become NaN. `out` is filled when given."""
    out = np.empty(samples.shape, np.float32) if out is None else out
    gains = np.array([channel.gain for channel in header.channels])
    baselines = np.array([channel.baseline for channel in header.channels])
    units = np.array([MILLIVOLTS[channel.unit] for channel in header.channels])
    if (gains == gains.astype(np.float32)).all() and not baselines.any() and (units == 1).all():
        # Samples and gains are exact in float32, and a float64 quotient rounded to float32 is then the float32 quotient
        # (53 >= 2 * 24 + 2 bits: S. Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30, 1995).
        np.divide(samples, gains.astype(np.float32), out=out, dtype=np.float32, casting="unsafe")
    else:
        np.copyto(out, (samples - baselines.astype(np.float64)) / gains * units, casting="unsafe")
    missing = samples == MISSING_SAMPLE
    if missing.any():
        out[missing] = np.nan
    return out


def _compare(what: str, found: list, expected: list, header: Header, record: str) -> None:
    wrong = [
        f"lead {lead}: header says {said}, file has {has}"
        for lead, has, said in zip(header.leads, found, expected, strict=True)
        if said is not None and said != has
    ]
    if wrong:
        raise RecordError(
            f"{record}: {what} differs from the header ({listed(wrong, 3)}). The file is damaged: fetch it again, "
            "or read it as it is with check=False."
        )


def _read_by_wfdb(stem: str, header: Header, check: bool) -> np.ndarray:
    import wfdb

    _refuse_impossible_size(stem, header)
    try:
        record = wfdb.rdrecord(stem, physical=False)
        samples = np.array(record.d_signal)
        physical = record.dac()
    except _WFDB_ERRORS as error:
        raise RecordError(f"{stem}: wfdb cannot read it ({type(error).__name__}: {error}).") from error
    if check and all(channel.samples_per_frame == 1 for channel in header.channels):
        said = [channel.checksum and channel.checksum & 0xFFFF for channel in header.channels]
        _compare("checksum", (samples.sum(axis=0, dtype=np.int64) & 0xFFFF).tolist(), said, header, stem)
    missing = np.isnan(physical)
    if check and missing.any():
        refuse_missing(missing, header.leads, stem)
    return (physical * np.array([MILLIVOLTS[c.unit] for c in header.channels])).astype(np.float32)


def _refuse_impossible_size(stem: str, header: Header) -> None:
    """wfdb allocates what the header claims before it looks at the file."""
    folder = Path(stem).parent
    for name in {channel.file_name for channel in header.channels}:
        size = (folder / name).stat().st_size
        channels = [channel for channel in header.channels if channel.file_name == name]
        values = sum((header.n_times or 0) * channel.samples_per_frame for channel in channels)
        per_sample = _SAMPLE_BYTES.get(channels[0].format, 1 / _MOST_COMPRESSED_VALUES_PER_BYTE)
        if values * per_sample > size + 16:
            raise RecordError(
                f"{stem}: the header claims {values:,} samples in {name}, at least {int(values * per_sample):,} bytes; "
                f"found {size:,} bytes."
            )
