"""What a plot accepts: one check for each kind of argument, so that a wrong array is named, not drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd


def as_numbers(values, argument: str) -> np.ndarray:
    """A float64 copy of `values`; objects, text and complex numbers are refused by name."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{argument} must hold real numbers, got dtype {array.dtype}; convert it with astype(float)."
        )
    return array.astype(np.float64)


def as_signals(signals, lead_names: Sequence[str], argument: str = "signals") -> np.ndarray:
    """One recording as a float64 copy of shape (time, lead)."""
    array = as_numbers(signals, argument)
    n_leads = len(lead_names)
    if array.ndim == 2 and array.shape[1] != n_leads and array.shape[0] == n_leads:
        raise ValueError(
            f"{argument} looks transposed: expected (time, {n_leads}), got {array.shape}; pass {argument}.T."
        )
    if array.ndim != 2 or array.shape[1] != n_leads:
        hint = f"; take one record, {argument}[0]" if array.ndim == 3 else ""
        raise ValueError(f"{argument} must have the shape (time, {n_leads}), got {array.shape}{hint}.")
    if array.shape[0] < 2:
        raise ValueError(f"{argument} must hold at least 2 samples, got {array.shape[0]}.")
    return array


def same_shape(values, like: np.ndarray, argument: str, like_argument: str = "signals") -> np.ndarray:
    """A float64 copy of `values`, which must be shaped like another argument."""
    array = as_numbers(values, argument)
    if array.shape != like.shape:
        raise ValueError(
            f"{argument} must have the shape of {like_argument}, {like.shape}, got {array.shape}."
        )
    return array


def as_heatmap(heatmap, padded: np.ndarray, argument: str = "heatmap") -> np.ndarray:
    """One class's heatmap as (time,) in [0, 1]; NaN is allowed where `padded` (time,) is True."""
    array = _drop_class_axis(as_numbers(heatmap, argument))
    if array.shape != padded.shape:
        raise ValueError(
            f"{argument} must have one value a sample, shape {padded.shape}, got {np.shape(heatmap)}; "
            "take one record and one class, heatmap[record, :, class]."
        )
    _refuse_not_finite(array, padded, argument)
    known = array[np.isfinite(array)]
    if known.size and (known.min() < -1e-6 or known.max() > 1 + 1e-6):
        raise ValueError(f"{argument} must lie in [0, 1], got {known.min():.3g} to {known.max():.3g}.")
    return array


def as_evidence(evidence, padded: np.ndarray, argument: str = "evidence") -> np.ndarray:
    """One class's evidence as (cell,), of at most one cell a sample; NaN is allowed in padded cells."""
    array = _drop_class_axis(as_numbers(evidence, argument))
    if array.ndim != 1 or not 1 <= array.size <= padded.size:
        raise ValueError(
            f"{argument} must have the shape (cell,) with 1 to {padded.size} cells, "
            f"got {np.shape(evidence)}; take one record and one class, evidence[record, :, class]."
        )
    starts = np.linspace(0, padded.size, array.size + 1)[:-1].astype(int)
    _refuse_not_finite(array, np.logical_or.reduceat(padded, starts), argument)
    return array


def as_mask(padded, n_times: int) -> np.ndarray:
    """Mask of padded samples, (time,) bool; None means that all were recorded."""
    if padded is None:
        return np.zeros(n_times, bool)
    array = np.asarray(padded)
    if array.shape != (n_times,) or array.dtype != bool:
        raise ValueError(
            f"padded must be bool of shape ({n_times},), got {array.dtype} of shape {array.shape}."
        )
    return array.copy()


def lead_positions(leads: Sequence[str], lead_names: Sequence[str]) -> list[int]:
    """Where each of `leads` stands in `lead_names`."""
    if isinstance(leads, str):
        raise ValueError(f"leads must be a list of names, got the string {leads!r}; pass [{leads!r}].")
    missing = [lead for lead in leads if lead not in lead_names]
    if missing or not len(leads):
        raise ValueError(f"leads must be taken from {', '.join(lead_names)}; got {missing or 'none'}.")
    return [list(lead_names).index(lead) for lead in leads]


def as_rate(sampling_rate) -> float:
    """Sampling rate in Hz, above 0."""
    if not np.isscalar(sampling_rate) or not np.isfinite(sampling_rate) or sampling_rate <= 0:
        raise ValueError(f"sampling_rate must be a number of Hz above 0, got {sampling_rate!r}.")
    return float(sampling_rate)


def as_table(table, columns: Iterable[str], argument: str = "table") -> pd.DataFrame:
    """A DataFrame that has `columns` and at least one row."""
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f"{argument} must be a DataFrame, got {type(table).__name__}.")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"{argument} lacks the columns {missing}; it has {[str(c) for c in table.columns]}.")
    if table.empty:
        raise ValueError(f"{argument} has no rows.")
    return table


def as_named(items, argument: str) -> dict:
    """A mapping from name to data, with at least one entry."""
    if not isinstance(items, Mapping) or not items:
        raise ValueError(
            f"{argument} must be a dict of name to data with at least one entry, got {type(items).__name__}."
        )
    return dict(items)


def as_estimate(estimate) -> tuple[float, float, float]:
    """(value, low, high) of a number, a triple, a mapping or an object with these names; else NaN."""
    if estimate is None:
        return (np.nan, np.nan, np.nan)
    if isinstance(estimate, Mapping | pd.Series):
        return tuple(float(estimate.get(name, np.nan)) for name in ("value", "low", "high"))
    if hasattr(estimate, "value") and hasattr(estimate, "low"):
        return (float(estimate.value), float(estimate.low), float(estimate.high))
    if np.ndim(estimate) == 0:
        return (float(estimate), np.nan, np.nan)
    if len(estimate) < 3:
        raise ValueError(f"an estimate must be a number or (value, low, high), got {estimate!r}.")
    return tuple(float(part) for part in list(estimate)[:3])


def estimate_text(value: float, low: float, high: float, digits: int = 3) -> str:
    """`0.912 [0.881, 0.940]`; without an interval the value alone, without a value `not available`."""
    if not np.isfinite(value):
        return "not available"
    if not (np.isfinite(low) and np.isfinite(high)):
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _refuse_not_finite(array: np.ndarray, allowed: np.ndarray, argument: str) -> None:
    bad = np.count_nonzero(~np.isfinite(array) & ~allowed)
    if bad:
        raise ValueError(f"{argument} holds {bad} values that are not finite where the record is not padded.")


def _drop_class_axis(array: np.ndarray) -> np.ndarray:
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
