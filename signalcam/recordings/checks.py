"""Checks of arrays: a network gives a confident answer for NaN, a wrong length and swapped leads alike."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from signalcam.errors import RecordError, RecordWarning
from signalcam.leads import LEADS, einthoven_error
from signalcam.recordings.electrodes import FALSE_ALARMS, electrode_notes
from signalcam.recordings.quality import EINTHOVEN_ERROR, FLAT_RANGE, unit_factor, unit_note

# Samples looked at in one go, so that checking a large array needs little memory besides it.
_BLOCK = 6_000_000


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
        n_times: samples a record must have; None for any number.
        n_leads: leads a record must have, in the order of `LEADS`.
        warn: tell of flat leads, a suspect lead order and swapped electrodes by a RecordWarning.
        sampling_rate: in Hz, to tell swapped electrodes.
        any_amplitude: accept amplitudes that no heart gives.

    Returns:
        float32 (record, time, lead); one record becomes a batch of one. The memory may be that of `signals`.

    Raises:
        ValueError: the array is empty, transposed, of another shape or type, or holds NaN, infinity or
            amplitudes that no heart gives.
    """
    array = as_numbers(signals, "signals")
    array = array[np.newaxis] if array.ndim == 2 else array
    wanted = f"(record, {n_times or 'time'}, {n_leads})"
    if array.ndim != 3:
        raise ValueError(f"signals must be of shape {wanted} or one record of it, got {array.shape}.")
    check_not_transposed(array, n_leads)
    if array.shape[2] != n_leads:
        found = f"signals must have {n_leads} leads, {wanted}, got {array.shape[2]} in {array.shape}"
        raise ValueError(f"{found}. Choose or derive leads with signalcam.recordings.from_array.")
    if n_times not in (None, array.shape[1]):
        found = f"{n_times:,} samples a record, {wanted}, got {array.shape[1]:,} in {array.shape}"
        raise ValueError(f"signals must have {found}. Crop, pad, window or resample with from_array.")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    refuse_non_finite(array)
    spans = np.concatenate([np.ptp(block, axis=1) for _, block in _blocks(array)])
    if not any_amplitude:
        refuse_amplitude(unit_factor(spans), "signals")
    if warn:
        _warn_of_flat_leads(spans)
        if array.shape[2] == len(LEADS):
            _warn_of_places(array, sampling_rate)
    return array


def refuse_non_finite(signals: np.ndarray, name: str = "signals") -> None:
    """Refuse NaN and infinity; a memory-mapped array is read block by block and never copied whole.

    Args:
        signals: (record, time, lead), or one record (time, lead).
        name: what the message calls the signals.

    Raises:
        RecordError: names the first record concerned, its leads, their counts, and how many records more.
    """
    place, first, n_records = "", None, 0
    for start, block in _blocks(signals if signals.ndim == 3 else signals[np.newaxis]):
        finite = np.isfinite(block)
        if finite.all():
            continue
        counts = block.shape[1] - finite.sum(axis=1)
        bad = np.flatnonzero(counts.any(axis=1))
        n_records += bad.size
        if first is None:
            first = counts[bad[0]].tolist()
            place = f"record {start + bad[0]}, " if signals.ndim == 3 else ""
    if first is None:
        return
    n_times = signals.shape[-2]
    each = "; ".join(
        f"lead {_lead(k, signals)}: "
        + (f"{count:,} of {n_times:,} samples" if count < n_times else "the lead is missing, every sample")
        for k, count in enumerate(first)
        if count
    )
    more = f" ({n_records - 1:,} more records too)" if n_records > 1 else ""
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


def as_numbers(array: ArrayLike, name: str, gain: ArrayLike | None = None) -> np.ndarray:
    """The array, not copied, if it holds real numbers (integers: with a gain); else ValueError on `name`."""
    if np.ma.isMaskedArray(array) and np.ma.getmaskarray(array).any():
        raise ValueError(f"{name} must be plain numbers, got a masked array. Cut out the masked samples.")
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(f"{name} must be one array of numbers, got lists of different lengths.") from error
    problem = None
    if array.dtype.kind in "iu" and gain is None:
        problem = f"{array.dtype}, which look like converter values. Give their gain to from_array(gain=...)."
    elif array.dtype.kind not in "fiu":
        problem = f"{array.dtype}. Convert with astype(float)."
    elif array.size == 0:
        problem = f"an empty array of shape {array.shape}."
    if problem:
        raise ValueError(f"{name} must be real floating-point numbers in mV, got {problem}")
    return array


def check_not_transposed(array: np.ndarray, n_leads: int) -> None:
    """Refuse (..., lead, time) where (..., time, `n_leads`) is expected: a ValueError says how."""
    if array.shape[-1] != n_leads and array.shape[-2] == n_leads:
        found = f"The array of shape {array.shape} looks transposed: expected (..., time, {n_leads})"
        raise ValueError(f"{found}. Pass array.transpose{'(1, 0)' if array.ndim == 2 else '(0, 2, 1)'}.")


def _blocks(array: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Views of a few records each, with the number of the first."""
    size = max(1, _BLOCK // max(1, array.shape[1] * array.shape[2]))
    return [(start, array[start : start + size]) for start in range(0, len(array), size)]


def _lead(lead: int, signals: np.ndarray) -> str:
    return LEADS[lead] if signals.shape[-1] == len(LEADS) else str(lead)


def _warn_of_flat_leads(spans: np.ndarray) -> None:
    """Warn of the spans (record, lead) in mV that are no ECG's."""
    if (flat := spans < FLAT_RANGE).any():
        record, lead = np.argwhere(flat)[0]
        found = f"{int(flat.any(axis=1).sum())} of {len(spans)} records have a flat lead"
        first = f"(first: record {record}, lead {_lead(lead, spans)})"
        warnings.warn(f"{found} {first}. Their results tell nothing about it.", RecordWarning, stacklevel=3)


def _warn_of_places(array: np.ndarray, sampling_rate: float) -> None:
    """Warn of limb leads that do not fit together, and of electrodes that look swapped."""
    errors = np.concatenate([einthoven_error(block) for _, block in _blocks(array)])
    if n_suspect := int((errors > EINTHOVEN_ERROR).sum()):
        found = f"In {n_suspect} of {len(array)} records the limb leads do not fit together"
        most = f"(off by up to {errors.max():.2f} mV; record {int(errors.argmax())})"
        message = f"{found} {most}. Are the leads in the order {', '.join(LEADS)}? Give their names."
        warnings.warn(message, RecordWarning, stacklevel=3)
    notes = [note for _, block in _blocks(array) for note in electrode_notes(block, sampling_rate)]
    swapped = [record for record, note in enumerate(notes) if note]
    if len(swapped) > FALSE_ALARMS * len(array):
        found = f"In {len(swapped)} of {len(array)} records electrodes look swapped"
        message = f"{found} (record {swapped[0]}: {notes[swapped[0]]})."
        warnings.warn(message, RecordWarning, stacklevel=3)
