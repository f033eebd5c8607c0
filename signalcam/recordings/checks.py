"""Checks of arrays: a network gives a confident answer for NaN, a wrong length and swapped leads alike."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from signalcam.errors import RecordError, RecordWarning
from signalcam.leads import LEADS, einthoven_error
from signalcam.recordings.quality import EINTHOVEN_ERROR, FLAT_RANGE, unit_factor, unit_note

# Samples looked at in one go, so that checking a large array needs little memory besides it.
_BLOCK = 6_000_000


def check_signals(
    signals: ArrayLike, n_times: int | None = 1000, n_leads: int = 12, warn: bool = True
) -> np.ndarray:
    """Signals that a model may see, or an error that says what is wrong with them.

    Args:
        signals: (record, time, lead) or one record (time, lead), real numbers in mV. Never changed.
        n_times: samples a record must have; None for any number.
        n_leads: leads a record must have, in the order of `LEADS`.
        warn: tell of suspect amplitudes, flat leads and a suspect lead order by a RecordWarning.

    Returns:
        float32 (record, time, lead); one record becomes a batch of one. The memory may be that of `signals`.

    Raises:
        ValueError: the array is empty, transposed, of another shape or type, or holds NaN or infinity.
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
    if warn:
        blocks = [block for _, block in _blocks(array)]
        whole = array.shape[2] == len(LEADS)
        errors = np.concatenate([einthoven_error(block) for block in blocks]) if whole else np.zeros(1)
        _warn(np.concatenate([np.ptp(block, axis=1) for block in blocks]), errors)
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


def _warn(spans: np.ndarray, errors: np.ndarray) -> None:
    """Warn of the spans (record, lead) and of the limb leads' errors (record,), in mV."""
    factor, flat, suspect = unit_factor(spans), spans < FLAT_RANGE, errors > EINTHOVEN_ERROR
    if factor != 1:
        warnings.warn(f"Signals: {unit_note(factor)}", RecordWarning, stacklevel=3)
        return
    if flat.any():
        record, lead = np.argwhere(flat)[0]
        found = f"{int(flat.any(axis=1).sum())} of {len(spans)} records have a flat lead"
        first = f"(first: record {record}, lead {_lead(lead, spans)})"
        warnings.warn(f"{found} {first}. Their results tell nothing about it.", RecordWarning, stacklevel=3)
    if suspect.any():
        found = f"In {int(suspect.sum())} of {len(spans)} records the limb leads do not fit together"
        most = f"(off by up to {errors.max():.2f} mV; record {int(errors.argmax())})"
        message = f"{found} {most}. Are the leads in the order {', '.join(LEADS)}? Give their names."
        warnings.warn(message, RecordWarning, stacklevel=3)
