"""Checks of arrays: a network gives a confident answer for NaN, a wrong length and swapped leads alike."""

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from signalcam.errors import RecordError, RecordWarning
from signalcam.leads import LEADS, einthoven_error
from signalcam.recordings.electrodes import FALSE_ALARMS, electrode_notes
from signalcam.recordings.quality import EINTHOVEN_ERROR, FLAT_RANGE, unit_factor, unit_note

_BLOCK = 6_000_000  # samples looked at in one go: a large array needs little memory besides it


def check_signals(
    signals: ArrayLike,
    n_times: int | None = 1000,
    n_leads: int = 12,
    warn: bool = True,
    sampling_rate: float = 100,
    any_amplitude: bool = False,
) -> np.ndarray:
    """Signals that a model may see, or an error that says what is wrong with them.

    Args:
        signals: (record, time, lead) or one record (time, lead), real numbers in mV. Never changed.
        n_times, n_leads: samples a record must have, None for any number; and leads, ordered as `LEADS`.
        warn: tell of flat leads, a suspect lead order and swapped electrodes by a RecordWarning.
        sampling_rate: in Hz, to tell swapped electrodes.
        any_amplitude: accept amplitudes that no heart gives.

    Returns:
        float32 (record, time, lead); one record becomes a batch of one. The memory may be that of `signals`.

    Raises:
        ValueError: the array is empty, transposed, of another shape or type, or holds NaN, infinity or
            amplitudes that no heart gives.
    """
    array = as_array(signals, "signals", n_leads, n_times)
    array = array[np.newaxis] if array.ndim == 2 else array
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    refuse_non_finite(array)
    spans = np.concatenate([np.ptp(block, axis=1) for _, block in _blocks(array)])
    if not any_amplitude:
        refuse_amplitude(unit_factor(spans), "signals")
    for message in _suspicions(array, spans, sampling_rate) if warn else ():
        warnings.warn(message, RecordWarning, stacklevel=2)
    return array


def refuse_non_finite(signals: np.ndarray, name: str = "signals") -> None:
    """Refuse NaN and infinity in (record, time, lead) or (time, lead), which the message calls `name`.

    A memory-mapped array is read block by block and never copied whole.

    Raises:
        RecordError: names the first record concerned, its leads, their counts, and how many records more.
    """
    bad = []
    for start, block in _blocks(signals if signals.ndim == 3 else signals[np.newaxis]):
        finite = np.isfinite(block)
        if not finite.all():
            counts = np.count_nonzero(~finite, axis=1)
            bad += [(start + record, counts[record]) for record in np.flatnonzero(counts.any(axis=1))]
    if not bad:
        return
    (record, counts), n_times = bad[0], signals.shape[-2]
    each = "; ".join(
        f"lead {LEADS[k] if signals.shape[-1] == len(LEADS) else k}: "
        + (f"{count:,} of {n_times:,} samples" if count < n_times else "the lead is missing, every sample")
        for k, count in enumerate(counts)
        if count
    )
    place = f"record {record}, " if signals.ndim == 3 else ""
    more = f" ({len(bad) - 1:,} more records too)" if len(bad) > 1 else ""
    advice = "Leave the record out, or cut it to a span without gaps."
    raise RecordError(f"{name} must be finite, got NaN or infinity in {place}{each}{more}. {advice}")


def refuse_amplitude(factors: np.ndarray, name: str) -> None:
    """Refuse records (RecordError) whose factors, (record,) of `unit_factor`, are not 1."""
    if (strange := np.flatnonzero(factors != 1)).size:
        place = f"record {strange[0]} of {len(factors)}: " if len(factors) > 1 else ""
        found = f"{name} must have an amplitude that a heart gives; {place}{unit_note(factors[strange[0]])}"
        raise RecordError(f"{found} Scale it or give its unit, or accept it by any_amplitude=True.")


def check_outputs(outputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a model, (record, ...) each, as given; a RecordError names one that is not finite."""
    for name, values in outputs.items():
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if not finite.all():
            found = f"{name} must be finite, got NaN or infinity for record {int(finite.argmin())}"
            raise RecordError(f"{found} of {len(values)}. Look at its signals, or load another model.")
    return outputs


def as_array(
    array: ArrayLike, name: str, n_leads: int, n_times: int | None = None, gain: ArrayLike | None = None
) -> np.ndarray:
    """The array, not copied, if it is (record, time, lead) or (time, lead) and holds real numbers.

    A ValueError says where it does not, is transposed or empty, or holds integers without a gain.
    """
    if np.ma.isMaskedArray(array) and np.ma.getmaskarray(array).any():
        raise ValueError(f"{name} must be plain numbers, got a masked array. Cut out the masked samples.")
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name} must be one array of numbers, got lists of different lengths.") from error
    problem, shape = None, array.shape
    if array.dtype.kind in "iu" and gain is None:
        problem = f"{array.dtype}, which look like converter values. Give their gain to from_array(gain=...)."
    elif array.dtype.kind not in "fiu":
        problem = f"{array.dtype}. Convert with astype(float)."
    elif array.size == 0:
        problem = f"an empty array of shape {shape}."
    if problem:
        raise ValueError(f"{name} must be real floating-point numbers in mV, got {problem}")
    wanted = f"(record, {n_times or 'time'}, {n_leads})"
    if array.ndim not in (2, 3):
        raise ValueError(f"{name} must be of shape {wanted} or one record of it, got {shape}.")
    if shape[-1] != n_leads and shape[-2] == n_leads:
        advice = f"Pass array.transpose{'(1, 0)' if array.ndim == 2 else '(0, 2, 1)'}."
        raise ValueError(f"{name} of shape {shape} looks transposed: expected {wanted}. {advice}")
    if shape[-1] != n_leads:
        advice = "Give names=[...] of the leads there are to signalcam.recordings.from_array."
        raise ValueError(f"{name} must have {n_leads} leads, {wanted}, got {shape[-1]} in {shape}. {advice}")
    if n_times not in (None, shape[-2]):
        found = f"{n_times:,} samples a record, {wanted}, got {shape[-2]:,} in {shape}"
        raise ValueError(f"{name} must have {found}. Crop, pad, window or resample with from_array.")
    return array


def _blocks(array: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Views of a few records each, with the number of the first."""
    size = max(1, _BLOCK // max(1, array.shape[1] * array.shape[2]))
    return [(start, array[start : start + size]) for start in range(0, len(array), size)]


def _suspicions(array: np.ndarray, spans: np.ndarray, sampling_rate: float) -> Iterator[str]:
    """What is suspect: leads whose spans, (record, lead) in mV, are flat; lead order; electrodes."""
    known = array.shape[2] == len(LEADS)
    if (flat := spans < FLAT_RANGE).any():
        record, lead = np.argwhere(flat)[0]
        found = f"{int(flat.any(axis=1).sum())} of {len(spans)} records have a flat lead"
        first = f"(first: record {record}, lead {LEADS[lead] if known else lead})"
        yield f"{found} {first}. Their results tell nothing about it."
    if not known:
        return
    errors = np.concatenate([einthoven_error(block) for _, block in _blocks(array)])
    if n_suspect := int((errors > EINTHOVEN_ERROR).sum()):
        found = f"In {n_suspect} of {len(array)} records the limb leads do not fit together"
        most = f"(off by up to {errors.max():.2f} mV; record {int(errors.argmax())})"
        yield f"{found} {most}. Are the leads in the order {', '.join(LEADS)}? Give their names."
    notes = [note for _, block in _blocks(array) for note in electrode_notes(block, sampling_rate)]
    swapped = [record for record, note in enumerate(notes) if note]
    if len(swapped) > FALSE_ALARMS * len(array):
        found = f"In {len(swapped)} of {len(array)} records electrodes look swapped"
        yield f"{found} (record {swapped[0]}: {notes[swapped[0]]})."
