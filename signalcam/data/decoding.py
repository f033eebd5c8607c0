"""A block of PTB-XL records decoded at once: read the bytes, check and convert the whole block with NumPy.

A record that is exactly as PTB-XL's are (12 leads of format 16 in one file, one gain, no offset) is read
straight into the block. Whatever is not goes, alone, through `wfdb_files.read_samples`, which reads it
strictly or says what is wrong. So the fast way needs no error texts, and both ways give
`wfdb.rdsamp(path)[0].astype(np.float32)`, bit for bit, with the leads ordered as `LEADS`.
"""

import functools
import logging
import os
from dataclasses import dataclass

import numpy as np

from signalcam.errors import RecordError
from signalcam.leads import LEADS, order_leads
from signalcam.recordings.formats.wfdb_files import parse_header, read_samples
from signalcam.recordings.formats.wfdb_header import Header

logger = logging.getLogger(__name__)

N_LEADS = len(LEADS)
_MISSING = -32768
_LARGEST_HEADER = 1_000_000


@dataclass(frozen=True)
class Decoder:
    """How to decode records of one length and rate.

    Attributes:
        sampling_rate: in Hz.
        n_times: samples per lead.
        check: compare checksums, and refuse samples marked as missing; without it these are NaN.
        extra_bytes: "error" refuses a signal file longer than its header says, "warn" warns.
    """

    sampling_rate: int
    n_times: int
    check: bool = True
    extra_bytes: str = "error"

    def decode(self, paths: list[str]) -> tuple[np.ndarray, dict[int, Exception]]:
        """Decode records.

        Args:
            paths: paths of the records without suffix.

        Returns:
            float32 array (record, time, lead) in mV, and the error (RecordError or OSError) of each
            position that could not be read; the array holds nothing of use there.
        """
        samples = np.zeros((len(paths), self.n_times, N_LEADS), "<i2")
        gains = np.ones((len(paths), 1, 1), np.float32)
        checksums = np.zeros((len(paths), N_LEADS), np.uint16)
        plain = np.zeros(len(paths), bool)
        for row, path in enumerate(paths):
            header = self._read_plain(path, samples[row])
            if header is not None:
                plain[row] = True
                gains[row] = header.gains[0]
                checksums[row] = [checksum & 0xFFFF for checksum in header.checksums]
                order = _reordering(header.leads)
                if order is not None:
                    samples[row], checksums[row] = samples[row][:, order], checksums[row][order]
        if self.check:
            plain &= (_sums(samples) == checksums).all(axis=1)
        if samples.min(initial=0) == _MISSING:
            plain &= (samples != _MISSING).all(axis=(1, 2))
        signals = samples.astype(np.float32)
        # Samples and gains are exact in float32, so this is the float64 quotient rounded to float32
        # (53 >= 2 * 24 + 2 bits: S. Figueroa, "When is double rounding innocuous?", SIGNUM Newsletter 30,
        # 1995).
        signals /= gains
        errors: dict[int, Exception] = {}
        for row in np.flatnonzero(~plain).tolist():
            try:
                signals[row] = self._read_strictly(paths[row])
            except (RecordError, OSError) as error:
                errors[row] = error
        return signals, errors

    def _read_plain(self, path: str, out: np.ndarray) -> Header | None:
        """Read the samples of an ordinary record into `out`; None where it is not ordinary in any way."""
        try:
            with open(path + ".hea", "rb", buffering=0) as file:
                text = file.read(_LARGEST_HEADER).decode("utf-8")
            header = parse_header(text, os.path.basename(path))
            if not self._is_plain(header):
                return None
            _reordering(header.leads)
            with open(path + ".dat", "rb", buffering=0) as file:
                whole = file.readinto(out) == out.nbytes and not file.read(1)
        except (ValueError, OSError):  # a RecordError, undecodable text or unknown leads are ValueErrors
            return None
        return header if whole else None

    def _is_plain(self, header: Header) -> bool:
        return (
            header.n_leads == N_LEADS
            and header.n_times == self.n_times
            and header.sampling_rate == self.sampling_rate
            and set(header.files) == {header.name + ".dat"}
            and set(header.formats) == {16}
            and set(header.offsets) == {0}
            and set(header.baselines) == {0}
            and set(header.units) == {"mV"}
            and len(set(header.gains)) == 1
            and float(np.float32(header.gains[0])) == header.gains[0]
        )

    def _read_strictly(self, path: str) -> np.ndarray:
        signals, header = read_samples(path + ".hea", check=self.check, extra_bytes=self.extra_bytes)
        name = f"Record {header.name}"
        if header.sampling_rate != self.sampling_rate:
            raise RecordError(
                f"{name}: expected {self.sampling_rate} Hz, its header says {header.sampling_rate:g} Hz. "
                "Load it with that sampling_rate, or fetch it again."
            )
        if header.n_times != self.n_times:
            raise RecordError(
                f"{name}: expected {self.n_times:,} samples a lead ({self.n_times / self.sampling_rate:g} s),"
                f" its header says {header.n_times:,}. Fetch it again, or leave it out."
            )
        outside = set(header.files) - {header.name + ".dat"}
        if outside:
            raise RecordError(
                f"{name}: its header names the signal file {min(outside)!r}, not {header.name}.dat."
            )
        try:
            signals = signals[:, order_leads(header.leads)]
        except ValueError as error:
            raise RecordError(f"{name}: {error}") from error
        n_missing = int(np.isnan(signals).sum())
        if n_missing:
            logger.warning("%s: %s samples are missing in the file and are NaN.", name, f"{n_missing:,}")
        return signals


# The records of a dataset share one lead order, or a few.
@functools.lru_cache(maxsize=64)
def _reordering(leads: tuple[str, ...]) -> np.ndarray | None:
    """Positions that put `leads` into the order of `LEADS`; None where they are in it."""
    order = order_leads(leads)
    return None if (order == np.arange(N_LEADS)).all() else order


def _sums(samples: np.ndarray) -> np.ndarray:
    """Sum over time modulo 2**16, uint16 (record, lead): what 16-bit arithmetic gives by itself."""
    n_records, n_times, n_leads = samples.shape
    # Rows of 12 values are too short to add fast; rows of 40 time steps side by side are not.
    steps = 40 if n_times % 40 == 0 else 1
    wide = samples.view("<u2").reshape(n_records, n_times // steps, steps * n_leads)
    return wide.sum(axis=1, dtype=np.uint16).reshape(n_records, steps, n_leads).sum(axis=1, dtype=np.uint16)
