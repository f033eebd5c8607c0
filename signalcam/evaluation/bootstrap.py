"""How sure a score is: bootstrap over patients, and the difference of two models on the same records.

Records of one patient resemble each other, so patients are drawn, each with all of its records (the cluster
bootstrap of Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.metrics import (
    METRICS,
    check_labels,
    check_predictions,
    check_probabilities,
    check_same_index,
    unavailable_reason,
    weighted_scores,
)

_CHUNK_VALUES = 2_000_000
_TAIL = (1 - 0.95) / 2  # on each side of an interval


@dataclass(frozen=True)
class Estimate:
    """One score with its interval, NaN where not available.

    Attributes:
        n, n_groups, skipped: records, patients, and resamples in which the score was not available.
        p_value: of the two-sided test against 0, for differences only.
        reason: why there is no value.
    """

    value: float
    low: float
    high: float
    n: int
    n_groups: int = 0
    skipped: int = 0
    p_value: float = float("nan")
    reason: str = ""

    def __str__(self) -> str:
        if np.isnan(self.value):
            return f"not available ({self.reason})"
        text = f"{self.value:.3f}"
        return text if np.isnan(self.low) else f"{text} ({self.low:.3f} to {self.high:.3f})"


def evaluate(
    y: ArrayLike,
    p: ArrayLike,
    threshold: float = 0.5,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    metrics: Sequence[str] = METRICS,
) -> pd.DataFrame:
    """Tabulate scores with percentile intervals over resampled patients.

    Args:
        y, p, threshold: as in `score`.
        groups: patient ids, (record,); None for independent records.
        n_bootstrap, seed: resamples, the same for any predictions of the same groups; 0 for no intervals.
        metrics: names among `METRICS`.

    Returns:
        DataFrame, one row a metric, with the columns value, low, high (NaN = not available), n, n_groups,
        skipped and reason of `Estimate`.

    Raises:
        ValueError: on NaN, `y`, `p` and `groups` of different records, an unknown metric.
    """
    check_predictions(y, p)  # of one training; `bootstrap` takes several
    estimates = bootstrap(y, p, metrics, threshold, groups, n_bootstrap, seed)
    table = pd.DataFrame(list(estimates.values()), index=pd.Index(estimates, name="metric"))
    return table.drop(columns="p_value")


def bootstrap(
    y: ArrayLike,
    p: ArrayLike,
    metrics: Sequence[str] = METRICS,
    threshold: float = 0.5,
    groups: ArrayLike | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Return the `Estimate` of each metric, from which `evaluate` makes its table.

    Args, Raises: as in `evaluate`; `p` may also be (training, record), for the mean over single trainings.
    """
    check_same_index(y, p, "p")
    y, clusters = check_labels(y), check_groups(groups, y)
    values, replicates = _over_trainings(y, p, "p", metrics, threshold, (clusters, n_bootstrap, seed))
    first = np.asarray(p).reshape(-1, len(y))[0]
    reasons = [unavailable_reason(y, first, name, threshold) for name in metrics]
    columns = zip(metrics, values, replicates.T, reasons, strict=True)
    return {name: percentile_estimate(value, drawn, clusters, why) for name, value, drawn, why in columns}


def paired_difference(
    y: ArrayLike,
    p_a: ArrayLike,
    p_b: ArrayLike,
    metric: str = "auc",
    groups: ArrayLike | None = None,
    threshold: float = 0.5,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Compare two models on the same records: score of a minus score of b, on the same resampled patients.

    Args:
        y, groups, threshold, n_bootstrap, seed: as in `evaluate`.
        p_a, p_b: (record,), or (training, record) for the difference of the mean scores of single trainings.
        metric: one of `METRICS`.

    Returns:
        `Estimate`. Its two-sided p value counts the resamples on the far side of 0, (count + 1) /
        (resamples + 1), doubled; it cannot fall below 2 / (n_bootstrap + 1).
    """
    y, clusters = check_labels(y), check_groups(groups, y)
    (value_a, drawn_a), (value_b, drawn_b) = (
        _over_trainings(y, p, name, (metric,), threshold, (clusters, n_bootstrap, seed))
        for p, name in ((p_a, "p_a"), (p_b, "p_b"))
    )
    value, differences = value_a[0] - value_b[0], drawn_a[:, 0] - drawn_b[:, 0]
    reason = "the score of one of the two is not available" if np.isnan(value) else ""
    kept = differences[~np.isnan(differences)]
    smaller = min(np.sum(kept <= 0), np.sum(kept >= 0))
    p_value = float(min(1.0, 2 * (smaller + 1) / (len(kept) + 1))) if len(kept) else np.nan
    return percentile_estimate(value, differences, clusters, reason, p_value)


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
    values = table.to_numpy(np.float64)
    patients, known = check_groups(groups, values), ~np.isnan(values)
    found = pd.DataFrame(np.nan, table.columns, ["value", "low", "high"]).assign(n=0)
    for kept in np.unique(known, axis=1).T:
        if not kept.any():
            continue
        columns = np.flatnonzero((known == kept[:, None]).all(axis=0))  # those that lack the same records
        part, clusters = values[np.ix_(kept, columns)], np.unique(patients[kept], return_inverse=True)[1]
        draws = resample_counts(clusters, n_bootstrap, seed)
        means = [counts @ part / counts.sum(axis=1, keepdims=True) for counts in draws]
        replicates = np.concatenate([np.empty((0, len(columns))), *means])
        for column, value, drawn in zip(columns, part.mean(axis=0), replicates.T, strict=True):
            one = percentile_estimate(value, drawn, clusters)
            found.iloc[column] = one.value, one.low, one.high, one.n
    return found


def _over_trainings(
    y: np.ndarray, p: ArrayLike, name: str, metrics: Sequence[str], threshold: float, draws: tuple
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over trainings of their scores, (metric,), and of their replicates, (resample, metric)."""
    values = np.asarray(p)
    trainings = values if values.ndim == 2 and values.shape[1] == len(y) > 1 else [values]
    checked = [check_probabilities(training, len(y), name) for training in trainings]
    found = [score_replicates(y, one, metrics, threshold, *draws) for one in checked]
    scores, replicates = zip(*found, strict=True)
    return np.mean(scores, axis=0), np.mean(replicates, axis=0)


def check_groups(groups: ArrayLike | None, y: ArrayLike) -> np.ndarray:
    """Return the patient of each record as an int from 0 on; without ids each record is its own."""
    n = len(y)
    if groups is None:
        return np.arange(n)
    check_same_index(y, groups, "groups")
    values = np.asarray(groups)
    if values.shape != (n,):
        raise ValueError(f"groups must hold {n} patient ids, one for each record, got shape {values.shape}.")
    if missing := int(pd.isna(values).sum()):
        found = f"{missing} of {n} without"
        raise ValueError(f"groups must name each record's patient, got {found}. Leave them out.")
    return np.unique(values, return_inverse=True)[1]


def resample_counts(clusters: np.ndarray, n_bootstrap: int = 1000, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw patients with replacement, as many as there are, each with all of its records.

    Args:
        clusters: (record,), from `check_groups`.
        n_bootstrap, seed: as in `evaluate`.

    Yields:
        How often each record is drawn, float64 (resample, record), some resamples at a time.
    """
    if isinstance(n_bootstrap, bool) or n_bootstrap != int(n_bootstrap) or n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be a whole number, 0 or more, got {n_bootstrap!r}.")
    rng = np.random.default_rng(seed)
    n_groups = int(clusters.max()) + 1
    step = max(1, _CHUNK_VALUES // len(clusters))
    for start in range(0, int(n_bootstrap), step):
        size = min(step, int(n_bootstrap) - start)
        drawn = rng.integers(0, n_groups, size=(size, n_groups))
        drawn += np.arange(size)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=size * n_groups).reshape(size, n_groups)
        yield counts[:, clusters].astype(np.float64)


def score_replicates(
    y: np.ndarray, p: np.ndarray, metrics: Sequence[str], threshold: float, *draws: object
) -> tuple[np.ndarray, np.ndarray]:
    """Score checked predictions, (metric,), and each of the `resample_counts`, float64 (resample, metric)."""
    scores = [weighted_scores(y, p, counts, metrics, threshold) for counts in resample_counts(*draws)]
    replicates = np.concatenate([np.empty((0, len(metrics))), *scores])
    return weighted_scores(y, p, None, metrics, threshold)[0], replicates


def percentile_estimate(
    value: float, replicates: np.ndarray, clusters: np.ndarray, reason: str = "", p_value: float = np.nan
) -> Estimate:
    """Return the `Estimate` of a value from its replicates, (resample,); those that are NaN are skipped.

    The interval is widened to the value where it would lie outside, as for the calibration error of a well
    calibrated model, which resampling can only make worse.
    """
    kept = replicates[~np.isnan(replicates)]
    low = high = np.nan
    if len(kept) and not np.isnan(value):
        low, high = np.quantile(kept, (_TAIL, 1 - _TAIL))
        low, high = float(min(low, value)), float(max(high, value))
    counts = (len(clusters), int(clusters.max()) + 1, len(replicates) - len(kept))
    return Estimate(float(value), low, high, *counts, p_value, reason)
