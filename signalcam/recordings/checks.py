"""The gate for arrays: what comes through is finite float32 of the right shape, in the right lead order.

A network gives a confident answer for NaN, for a wrong length and for swapped leads alike, so each of these
is looked for before it sees a sample.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from signalcam.errors import RecordWarning
from signalcam.leads import LEADS, einthoven_error, order_leads
from signalcam.recordings.quality import EINTHOVEN_ERROR, FLAT_RANGE, unit_factor, unit_note

# Records looked at in one go, so that checking a large array needs little memory besides it.
_CHUNK = 512


def check_signals(
    signals: np.ndarray,
    n_times: int | None = 1000,
    n_leads: int = 12,
    names: Sequence[str] | None = None,
    warn: bool = True,
) -> np.ndarray:
    """Signals that a model may see, or an error that says what is wrong with them.

    Args:
        signals: (record, time, lead) or one record (time, lead), real numbers in mV. Never changed.
        n_times: samples a record must have; None for any number.
        n_leads: leads a record must have, in the order of `LEADS`.
        names: lead names of the array's last axis; the 12 leads are then put in order.
        warn: whether to look for suspect amplitudes, flat leads and (without names) a suspect lead order.

    Returns:
        float32 (record, time, lead); one record becomes a batch of one. The memory may be that of `signals`.

    Raises:
        ValueError: the array is empty, transposed, of another shape or type, or holds NaN or infinity; names
            are missing, unknown or repeated.

    Warns:
        RecordWarning: something is suspect, see `warn`.
    """
    array = as_numbers(signals, "signals")
    array = array[np.newaxis] if array.ndim == 2 else array
    _check_shape(array, n_times, n_leads if names is None else len(names))
    if names is not None:
        array = array[..., order_leads(names)]
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    flat, spans, errors = [], [], []
    for start in range(0, len(array), _CHUNK):
        chunk = array[start : start + _CHUNK]
        _check_finite(chunk, start, array.shape[1])
        if warn:
            spans.append(np.ptp(chunk, axis=1))
            if names is None and array.shape[2] == len(LEADS):
                errors.append(einthoven_error(chunk))
    if warn:
        flat = np.concatenate(spans)
        _warn(flat, np.concatenate(errors) if errors else np.zeros(1))
    return array


def as_numbers(array, what: str, gain=None) -> np.ndarray:
    """The array, if it holds real numbers; converter values (integers) only with a gain.

    Raises:
        ValueError: for any other type, masked values, ragged lists, or an empty array.
    """
    if np.ma.isMaskedArray(array) and np.ma.getmaskarray(array).any():
        raise ValueError(f"Expected plain numbers in {what}, got a masked array. Cut out the masked samples.")
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(
            f"Expected {what} as one array of numbers, got rows of different lengths."
        ) from error
    if array.dtype.kind in "iu" and gain is None:
        raise ValueError(
            f"Expected {what} in mV as floating-point numbers, got {array.dtype}, which look like converter "
            "values. Give their gain to signalcam.recordings.reading.from_array(gain=...), or divide by it."
        )
    if array.dtype.kind not in "fiu":
        raise ValueError(
            f"Expected {what} as real floating-point numbers, got {array.dtype}. Convert with astype(float)."
        )
    if array.size == 0:
        raise ValueError(
            f"Expected {what} of shape (record, time, lead), got an empty array of {array.shape}."
        )
    return array


def check_not_transposed(array: np.ndarray, n_leads: int) -> None:
    """Refuse (..., lead, time) where (..., time, lead) is expected."""
    if array.shape[-1] != n_leads and array.shape[-2] == n_leads:
        axes = "(1, 0)" if array.ndim == 2 else "(0, 2, 1)"
        raise ValueError(
            f"The array of shape {array.shape} looks transposed: expected time before lead, (..., time, "
            f"{n_leads}). Pass array.transpose{axes}."
        )


def _check_shape(array: np.ndarray, n_times: int | None, n_leads: int) -> None:
    wanted = f"(record, {n_times or 'time'}, {n_leads})"
    if array.ndim != 3:
        raise ValueError(
            f"Expected signals of shape {wanted} or one record without the first axis, got {array.shape}."
        )
    check_not_transposed(array, n_leads)
    if array.shape[2] != n_leads:
        raise ValueError(
            f"Expected {n_leads} leads on the last axis {wanted}, got {array.shape[2]} in {array.shape}. "
            "Choose or derive leads with signalcam.recordings.reading.from_array."
        )
    if n_times is not None and array.shape[1] != n_times:
        raise ValueError(
            f"Expected {n_times:,} samples a record {wanted}, got {array.shape[1]:,} in {array.shape}. Crop, "
            "pad, window or resample by request with signalcam.recordings.reading.from_array."
        )


def _check_finite(chunk: np.ndarray, start: int, n_times: int) -> None:
    finite = np.isfinite(chunk)
    if finite.all():
        return
    counts = n_times - finite.sum(axis=1)
    record, lead = (int(k[0]) for k in np.nonzero(counts))
    label = LEADS[lead] if chunk.shape[2] == len(LEADS) else str(lead)
    others = int((counts > 0).any(axis=1).sum()) - 1
    more = f"; {others} more records of the {len(chunk)} next to it too" if others else ""
    raise ValueError(
        f"Record {start + record}, lead {label}: {missing_text(int(counts[record, lead]), n_times)}{more}. "
        "Leave the record out, or cut it to a span without gaps."
    )


def missing_text(count: int, n_times: int) -> str:
    """What to say about samples that are NaN or infinite."""
    if count == n_times:
        return "the lead is missing, every sample is NaN or infinite"
    return f"{count:,} of {n_times:,} samples are NaN or infinite"


def _warn(spans: np.ndarray, errors: np.ndarray) -> None:
    flat = spans < FLAT_RANGE
    factor = unit_factor(spans)
    if factor != 1:
        warnings.warn(f"Signals: {unit_note(factor)}", RecordWarning, stacklevel=3)
    elif flat.any():
        record, lead = (int(k[0]) for k in np.nonzero(flat))
        label = LEADS[lead] if spans.shape[1] == len(LEADS) else str(lead)
        warnings.warn(
            f"{int(flat.any(axis=1).sum())} of {len(spans)} records have a flat lead (first: record "
            f"{record}, lead {label}). Their results tell nothing about it.",
            RecordWarning,
            stacklevel=3,
        )
    suspect = errors > EINTHOVEN_ERROR
    if factor == 1 and suspect.any():
        warnings.warn(
            f"In {int(suspect.sum())} of {len(spans)} records the limb leads do not fit together (off by up "
            f"to {errors.max():.2f} mV; record {int(errors.argmax())}). Are the leads in the order "
            f"{', '.join(LEADS)}? Give their names.",
            RecordWarning,
            stacklevel=3,
        )
