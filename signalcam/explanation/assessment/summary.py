"""Means of one value a record, with intervals over patients, alone and as paired differences."""

import numpy as np
import pandas as pd

from signalcam.evaluation.bootstrap import Estimate, check_groups, percentile_estimate, resample_counts


def mean_estimate(values, groups=None, n_bootstrap=1000, seed=0, confidence=0.95):
    """Average one value a record and bootstrap it over patients.

    Args:
        values: (record,); NaN marks a record without a value, which is left out.
        groups: patient ids, (record,), or None for independent records.
        n_bootstrap: resamples; 0 for no interval.
        seed: of the resamples; the same for two calls pairs them.
        confidence: of the percentile interval.

    Returns:
        `signalcam.evaluation.bootstrap.Estimate`; not available where no record has a value.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values)
    if not kept.any():
        return Estimate(np.nan, np.nan, np.nan, 0, reason="no record has a value")
    groups = check_groups(groups, len(values))
    groups = np.unique(groups[kept], return_inverse=True)[1]
    values = values[kept]
    replicates = [np.full(0, np.nan)]
    replicates += [
        counts @ values / counts.sum(axis=1) for counts in resample_counts(groups, n_bootstrap, seed)
    ]
    return percentile_estimate(
        values.mean(), np.concatenate(replicates), len(values), int(groups.max()) + 1, confidence
    )


def mean_table(table, groups=None, n_bootstrap=1000, seed=0):
    """Average each column of a table with one row a record.

    Returns:
        DataFrame, one row a column of `table`: ``value``, ``low``, ``high``, ``n``.
    """
    estimates = {name: mean_estimate(table[name], groups, n_bootstrap, seed) for name in table.columns}
    return pd.DataFrame(
        [[estimate.value, estimate.low, estimate.high, estimate.n] for estimate in estimates.values()],
        index=list(estimates),
        columns=["value", "low", "high", "n"],
    )


def mean_curve(values, groups=None, n_bootstrap=1000, seed=0):
    """Average curves over records, with an interval at each step.

    Args:
        values: (record, step); records with a NaN are left out.
        groups, n_bootstrap, seed: as in `mean_estimate`.

    Returns:
        DataFrame, one row a step: ``value``, ``low``, ``high``; NaN where no record is whole.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.any():
        return pd.DataFrame(np.nan, index=range(values.shape[1]), columns=["value", "low", "high"])
    groups = np.unique(check_groups(groups, len(values))[kept], return_inverse=True)[1]
    values = values[kept]
    replicates = np.concatenate(
        [
            counts @ values / counts.sum(axis=1, keepdims=True)
            for counts in resample_counts(groups, n_bootstrap, seed)
        ]
    )
    low, high = np.quantile(replicates, (0.025, 0.975), axis=0)
    return pd.DataFrame({"value": values.mean(axis=0), "low": low, "high": high})
