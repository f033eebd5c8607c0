"""One recording from a file or an array: checked, in mV, leads in order, at the wanted rate and length.

Units, lead order and rate come from the file or from the caller; nothing is guessed or repaired unasked.
"""

import math
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from signalcam.errors import RecordError, RecordWarning
from signalcam.leads import LEADS, choose_leads, derive_limb_leads, known_lead, millivolts_per
from signalcam.recordings.checks import as_array, refuse_amplitude, refuse_non_finite
from signalcam.recordings.formats.readers import Source, open_recording, record_name
from signalcam.recordings.quality import EINTHOVEN_ERROR, Quality, assess
from signalcam.recordings.resampling import LENGTHS, cut, rate_ratio, rate_suspicion, to_rate

_WINDOWS = 60  # that are read from a file at once


@dataclass(frozen=True, eq=False)
class Recording:
    """One checked piece of an ECG."""

    signals: np.ndarray = field(repr=False)  # float32 (time, lead) in mV, in the order asked for, read-only
    sampling_rate: float  # in Hz
    name: str  # of the record
    quality: Quality = field(repr=False)  # what is suspect about it
    padded: np.ndarray = field(repr=False)  # bool (time,), True in padding; leave it out of a heatmap
    start: float = 0.0  # first sample's time in the recording it was cut from, in s


@dataclass(frozen=True)
class _Wanted:
    """What the caller asks for: rate, length, and the repairs that are allowed."""

    sampling_rate: float = 100
    duration: float = 10.0
    resample: bool = False
    length: str = "error"
    derive: bool = False
    drop_extra: bool = False
    any_amplitude: bool = False
    leads: Sequence[str] = LEADS

    def __post_init__(self) -> None:
        for name in ("sampling_rate", "duration"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and 0 < value < math.inf):
                raise ValueError(f"{name} must be a number above 0, got {value!r}.")
        if self.length not in LENGTHS:
            raise ValueError(f"length must be one of {', '.join(LENGTHS)}, got {self.length!r}.")
        if self.n_times < 1:
            found = f"{self.duration:g} s at {self.sampling_rate:g} Hz"
            raise ValueError(f"duration must hold a sample, got {found}.")

    @property
    def n_times(self) -> int:
        return round(self.sampling_rate * self.duration)

    def keeps(self, name: str) -> bool:
        # Of some leads the others are extra, and whoever names leads wants no more of them.
        known = known_lead(name) or name.strip()
        if tuple(self.leads) != LEADS:
            return known in self.leads or (self.derive and known in ("I", "II"))
        return not self.drop_extra or known in LEADS


def read_recording(
    path: str | os.PathLike,
    sampling_rate: float = 100,
    duration: float = 10.0,
    unit: str | None = None,
    source_rate: float | None = None,
    resample: bool = False,
    length: str = "error",
    derive: bool = False,
    drop_extra: bool = False,
    check: bool = True,
    any_amplitude: bool = False,
    leads: Sequence[str] = LEADS,
) -> list[Recording]:
    """Read a recording from a WFDB, CSV, EDF, BDF or DICOM file: one `Recording`, or one for each window.

    Args:
        path: the file; of a WFDB record the `.hea`, a sample file, or the name without suffix.
        sampling_rate: rate that the result must have, in Hz.
        duration: length that each piece must have, in s.
        unit: unit for leads whose file states none ("mV", "uV", "V"); it must not contradict the file.
        source_rate: the file's sampling rate in Hz, for CSV files; it must not contradict other files.
        resample: convert another rate, through an anti-aliasing filter.
        length: for another duration, "error" refuses, "crop" takes the start of a longer recording, "pad"
            fills a shorter one up with each lead's median, "window" gives consecutive windows of a longer one
            (the last ends with the recording, so it may overlap the one before).
        derive: compute missing leads III, aVR, aVL, aVF from I and II.
        drop_extra: leave out leads that are not among the 12.
        check: compare WFDB checksums.
        any_amplitude: accept amplitudes that no heart gives, such as those of microvolts taken for mV.
        leads: those wanted, in their order. Fewer than the 12, or others, are taken out of whatever the file
            holds; names beyond the 12 must be as in the file.

    Raises:
        FileNotFoundError: there is no such file.
        RecordError: the file cannot be read right, or needs something that was not asked for.
        ValueError: an argument is out of its range.

    Warns:
        RecordWarning: suspect limb leads or (of a CSV file) rate.
    """
    wanted = _Wanted(sampling_rate, duration, resample, length, derive, drop_extra, any_amplitude, leads)
    source = open_recording(path, unit, source_rate, check, wanted.keeps)
    return list(_recordings(source, record_name(path), wanted, rate_was_told=source_rate is not None))


def read_windows(
    path: str | os.PathLike,
    unit: str | None = None,
    source_rate: float | None = None,
    check: bool = True,
    progress: bool = True,
    **wanted: float | bool | str,
) -> Iterator[Recording]:
    """Read a recording as `read_recording` does, window by window, so that hours of it need little memory.

    WFDB and EDF files are read part by part; of other formats the whole is in memory.

    Args:
        path, unit, source_rate, check, **wanted: as in `read_recording`; `length` is "window" by default.
        progress: show a progress bar where there are many windows.

    Yields, Raises, Warns: as in `read_recording`.
    """
    target = _Wanted(**{"length": "window"} | wanted)
    source = open_recording(path, unit, source_rate, check, target.keeps)
    name, n_windows = record_name(path), math.ceil(source.n_times / source.rate / target.duration)
    windows = _recordings(source, name, target, rate_was_told=source_rate is not None)
    quiet = not progress or n_windows <= _WINDOWS
    yield from tqdm(windows, name, n_windows, unit=" windows", leave=False, disable=quiet)


def from_array(
    array: ArrayLike,
    names: Sequence[str] | None = None,
    unit: str = "mV",
    gain: float | Sequence[float] | None = None,
    source_rate: float | None = None,
    name: str = "array",
    **wanted: float | bool | str,
) -> list[Recording]:
    """Check recordings that are already in memory: one `Recording` for each record and window.

    Args:
        array: (time, lead) or (record, time, lead), real numbers. Never changed.
        names: lead names of the last axis; None means the order of `LEADS`.
        unit: unit of the array, or of the array divided by `gain`.
        gain: converter values per unit, one number or one a lead; needed for integers.
        source_rate: rate of the array in Hz; None means `sampling_rate`.
        name: name of the record for messages; several records are numbered from 0.
        **wanted: rate, length, leads and allowed repairs, as in `read_recording`.

    Raises:
        RecordError, ValueError: as in `read_recording`; or a record holds NaN or infinity.
    """
    target = _Wanted(**wanted)
    if not 0 < (rate := target.sampling_rate if source_rate is None else source_rate) < math.inf:
        raise ValueError(f"source_rate must be above 0 Hz, got {rate!r}.")
    names = list(LEADS if names is None else names)
    array = as_array(array, "array", len(names), gain=gain)
    gain = np.asarray(1.0 if gain is None else gain)
    if gain.dtype.kind not in "fiu" or gain.shape not in ((), (len(names),)):
        raise ValueError(f"gain must be one number or {len(names)}, got {gain.dtype} of shape {gain.shape}.")
    if not ((gain > 0) & (gain < math.inf)).all():
        raise ValueError(f"gain must be above 0, got {gain}: the array is uncalibrated.")
    scale = millivolts_per(unit) / gain.astype(np.float64)
    result = []
    for number, record in enumerate(array.reshape(-1, *array.shape[-2:])):
        with np.errstate(over="ignore"):
            signals = (record * scale).astype(np.float32)
        own_name = f"{name}[{number}]" if array.ndim == 3 else name
        source = Source(lambda start, stop, whole=signals: whole[start:stop], len(signals), names, rate)
        result += _recordings(source, own_name, target, rate_was_told=True)
    return result


def _recordings(source: Source, name: str, wanted: _Wanted, rate_was_told: bool) -> Iterator[Recording]:
    """The way of all recordings: leads, finite samples, rate, length, quality."""
    suspicion = rate_suspicion(source.n_times, round(wanted.duration * source.rate), source.rate)
    if suspicion and rate_was_told and wanted.length != "error":
        warnings.warn(f"Record {name}: taken as {source.rate:g} Hz.{suspicion}", RecordWarning, stacklevel=3)
    for first, signals in _parts(source, name, wanted):
        result = []
        for start, piece, padded in cut(signals, wanted.n_times, wanted.length, wanted.sampling_rate, name):
            piece = np.ascontiguousarray(piece)
            piece.setflags(write=False)
            padded.setflags(write=False)
            quality = assess(piece, wanted.sampling_rate, padded, wanted.leads)
            seconds = (first + start) / wanted.sampling_rate
            result.append(Recording(piece, wanted.sampling_rate, name, quality, padded, seconds))
        factors = np.array([each.quality.unit_factor for each in result])
        # A part of a long recording may be an electrode's alone.
        if not (first or wanted.any_amplitude) and (factors != 1).all():
            refuse_amplitude(factors[:1], f"Record {name}")
        if (error := max(each.quality.einthoven_error for each in result)) > EINTHOVEN_ERROR:
            message = f"the limb leads do not fit together (off by {error:.2f} mV). Are their names right?"
            warnings.warn(f"Record {name}: {message}", RecordWarning, stacklevel=3)
        yield from result


def _parts(source: Source, name: str, wanted: _Wanted) -> Iterator[tuple[int, np.ndarray]]:
    """The first sample of each part, and its signals, finite, at the wanted rate.

    A recording is one part, or one for each `_WINDOWS` windows, read with the samples beside it that the
    anti-aliasing filter sees, so that parts fit the whole.
    """
    ratio = rate_ratio(source.rate, wanted.sampling_rate, wanted.resample, name)
    total, n_part = math.ceil(source.n_times * ratio), _WINDOWS * wanted.n_times
    n_part = n_part if wanted.length == "window" and total > n_part else total
    # In steps of the denominator, samples of both rates lie at the same times.
    step = ratio.denominator
    margin = 0 if ratio == 1 else step * math.ceil(20 * max(1, 1 / ratio) / step)
    for first in range(0, total, n_part):
        stop = min(first + n_part, total)
        first = max(0, min(first, total - wanted.n_times))  # the last window ends with the recording
        start = max(0, math.floor(first / ratio) // step * step - margin)
        end = min(source.n_times, math.ceil(stop / ratio) + margin)
        signals = _choose_leads(source.read(start, end), source.names, name, wanted)
        refuse_non_finite(signals, f"Record {name}")
        offset = int(first - start * ratio)
        yield first, to_rate(signals, ratio)[offset : offset + stop - first]


def _choose_leads(signals: np.ndarray, names: list[str], name: str, wanted: _Wanted) -> np.ndarray:
    """The wanted leads in order; a copy where that is not the file's."""
    kept = [k for k, lead in enumerate(names) if wanted.keeps(lead)]
    if len(kept) < len(names):
        signals, names = signals[:, kept], [names[k] for k in kept]
    known = {known_lead(lead): k for k, lead in enumerate(names)}
    if wanted.derive and "I" in known and "II" in known:
        derived = derive_limb_leads(signals[:, known["I"]], signals[:, known["II"]])
        for lead, values in zip(("III", "aVR", "aVL", "aVF"), derived, strict=True):
            if lead not in known:
                signals, names = np.column_stack([signals, values]), [*names, lead]
    try:
        return choose_leads(signals, wanted.leads, names)
    except ValueError as error:
        raise RecordError(f"Record {name}: {error}") from error
