"""Means over records with intervals over patients, and tables stacked under their keys."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.bootstrap import check_groups, percentile_estimate, resample_counts


def mean_table(
    table: pd.DataFrame, groups: ArrayLike | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average each column of a table with one row a record, without the records that are NaN in it.

    Args:
        table, groups: one row a record; patient ids, (record,), or None for independent records.
        n_bootstrap, seed: resamples of patients, 0 for no interval; the same seed in two calls pairs them.

    Returns:
        DataFrame, index the columns: value, low and high (95 % interval; NaN = not available), n.
    """
    rows = {}
    for name, values in table.astype(np.float64).items():
        kept = values.notna().to_numpy()
        rows[name] = [np.nan, np.nan, np.nan, 0]
        if kept.any():
            mean, drawn, clusters = _means(values[kept].to_numpy()[:, None], kept, groups, n_bootstrap, seed)
            found = percentile_estimate(mean[0], drawn[:, 0], clusters)
            rows[name] = [found.value, found.low, found.high, found.n]
    return pd.DataFrame(list(rows.values()), index=table.columns, columns=["value", "low", "high", "n"])


def mean_curve(
    values: ArrayLike, groups: ArrayLike | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average curves, (record, step), over the records without NaN: a row a step, value, low and high.

    Args: as in `mean_table`.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.any():
        return pd.DataFrame(np.nan, index=range(values.shape[1]), columns=["value", "low", "high"])
    mean, drawn, _ = _means(values[kept], kept, groups, n_bootstrap, seed)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return pd.DataFrame({"value": mean, "low": low, "high": high})


def stack(tables: dict, names: tuple[str, ...] = ("method", "measure")) -> pd.DataFrame:
    """Join tables under their keys, the levels of the index named."""
    return pd.concat(tables).rename_axis(index=names)


def _means(
    values: np.ndarray, kept: np.ndarray, groups: ArrayLike | None, n_bootstrap: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the means over the kept records, (column,), in each resample, and the kept records' clusters."""
    clusters = np.unique(check_groups(groups, kept)[kept], return_inverse=True)[1]
    drawn = [np.empty((0, values.shape[1]))]
    for counts in resample_counts(clusters, n_bootstrap, seed):
        drawn.append(counts @ values / counts.sum(axis=1, keepdims=True))
    return values.mean(axis=0), np.concatenate(drawn), clusters
