"""What users give to a plot: a wrong array is named, with what to do, and not drawn."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def as_numbers(values: ArrayLike, argument: str) -> np.ndarray:
    """Return a float64 copy of `values`; objects, text and complex numbers are refused."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{argument} must be real numbers, got dtype {array.dtype}. Use astype(float).")
    return array.astype(np.float64)


def as_signals(signals: ArrayLike, lead_names: Sequence[str], argument: str = "signals") -> np.ndarray:
    """Return one recording as a float64 copy of shape (time, lead)."""
    array, n_leads = as_numbers(signals, argument), len(lead_names)
    if array.ndim == 2 and array.shape[1] == n_leads:
        return array
    hint = f" It looks transposed: use {argument}.T." if array.shape[:1] == (n_leads,) else ""
    hint = f" Take one record, {argument}[0]." if array.ndim == 3 else hint
    raise ValueError(f"{argument} must have the shape (time, {n_leads}), got {array.shape}.{hint}")


def same_shape(values: ArrayLike, like: np.ndarray, argument: str, of: str = "signals") -> np.ndarray:
    """Return a float64 copy of `values`, which must be shaped like the argument named `of`."""
    array = as_numbers(values, argument)
    if array.shape != like.shape:
        raise ValueError(f"{argument} must have the shape of {of}, {like.shape}, got {array.shape}.")
    return array


def as_mask(padded: ArrayLike | None, n_times: int) -> np.ndarray:
    """Return the mask of padded samples, bool (time,); None means that all were recorded."""
    array = np.zeros(n_times, bool) if padded is None else np.asarray(padded)
    if array.shape != (n_times,) or array.dtype != bool:
        raise ValueError(f"padded must be bool, shape ({n_times},), got {array.dtype}, {array.shape}.")
    return array


def as_map(values: ArrayLike, padded: np.ndarray, argument: str) -> np.ndarray:
    """Return the map of one class as (position,), at most one a sample; NaN is allowed in padded time."""
    array = as_numbers(values, argument)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim != 1 or not 1 <= array.size <= padded.size:
        what = f"{argument} must have the shape (position,), at most {padded.size}, got {array.shape}"
        raise ValueError(f"{what}. Take one record and one class, {argument}[record, :, class].")
    starts = np.linspace(0, padded.size, array.size + 1)[:-1].astype(int)
    bad = np.count_nonzero(~np.isfinite(array) & ~np.logical_or.reduceat(padded, starts))
    if bad:
        raise ValueError(f"{argument} must be finite where time is not padded, got {bad} that are not.")
    return array


def as_lead_map(values: ArrayLike, evidence: np.ndarray, n_leads: int) -> np.ndarray:
    """Return evidence by lead as (position, row): a row a lead, or one row more."""
    array, n = as_numbers(values, "lead_evidence"), len(evidence)
    if array.shape not in ((n, n_leads), (n, n_leads + 1)):
        what = f"lead_evidence must have the shape ({n}, {n_leads} or {n_leads + 1}), got {array.shape}"
        raise ValueError(f"{what}. Take one record and one class, lead_evidence[record, :, :, class].")
    return array


def as_heatmap(heatmap: ArrayLike, padded: np.ndarray) -> np.ndarray:
    """Return the heatmap of one class as (time,) in [0, 1]; NaN is allowed in padded time."""
    array = as_map(heatmap, padded, "heatmap")
    if array.shape != padded.shape:
        raise ValueError(f"heatmap must have one value a sample, shape {padded.shape}, got {array.shape}.")
    if np.any((array < -1e-6) | (array > 1 + 1e-6)):
        raise ValueError(f"heatmap must lie in [0, 1], got {np.nanmin(array):.3g} to {np.nanmax(array):.3g}.")
    return array


def lead_indices(leads: Sequence[str], lead_names: Sequence[str]) -> list[int]:
    """Return where each of `leads` stands in `lead_names`."""
    if isinstance(leads, str) or not len(leads) or not set(leads) <= set(lead_names):
        raise ValueError(f"leads must be a list of names out of {', '.join(lead_names)}, got {leads!r}.")
    return [list(lead_names).index(lead) for lead in leads]


def as_rate(sampling_rate: float) -> float:
    """Return the sampling rate in Hz, above 0."""
    if not np.isscalar(sampling_rate) or not np.isfinite(sampling_rate) or sampling_rate <= 0:
        raise ValueError(f"sampling_rate must be a number of Hz above 0, got {sampling_rate!r}.")
    return float(sampling_rate)
