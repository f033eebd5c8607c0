"""How sure a score is: bootstrap over patients, and the difference of two models on the same records.

Records of one patient resemble each other, so patients are drawn, each with all of its records (the cluster
bootstrap of Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Intervals are
percentile intervals. Each resample is a vector of counts, see `signalcam.evaluation.metrics`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.metrics import (
    METRICS,
    check_labels,
    check_metrics,
    check_probabilities,
    check_same_index,
    check_threshold,
    unavailable_reason,
    weighted_scores,
)

_CHUNK_VALUES = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """One score with its interval, NaN where not available.

    Attributes:
        n, n_groups: records and patients.
        skipped: resamples left out because the score was not available in them.
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

    @property
    def available(self) -> bool:
        """Whether there is a value."""
        return not np.isnan(self.value)

    def __str__(self) -> str:
        if not self.available:
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
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Tabulate scores with percentile intervals over resampled patients.

    Args:
        y: labels, (record,) of 0 and 1; 1 is abnormal, or the class present.
        p: probabilities, (record,) in [0, 1].
        threshold: a record is predicted positive when p >= threshold.
        groups: patient ids, (record,); None for independent records.
        n_bootstrap: resamples; 0 gives values without intervals.
        seed: of the resamples. The same groups, number and seed draw the same resamples for any predictions.
        metrics: names among `METRICS`.
        confidence: of the intervals.

    Returns:
        DataFrame, one row a metric: value, low, high (NaN = not available), n (records), n_groups (patients),
        skipped (resamples without the score, as with one class only), reason (why there is no value).

    Raises:
        ValueError: on NaN, `y`, `p` and `groups` of different records, an unknown metric.
    """
    estimates = bootstrap(y, p, metrics, threshold, groups, n_bootstrap, seed, confidence)
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
    confidence: float = 0.95,
) -> dict[str, Estimate]:
    """Return the `Estimate` of each metric, from which `evaluate` makes its table.

    Args, Raises: as in `evaluate`; `p` may also be (training, record), for the mean over single trainings.
    """
    check_same_index(y, groups, "groups")
    check_same_index(y, p, "p")
    y = check_labels(y)
    check_metrics(metrics)
    threshold = check_threshold(threshold)
    clusters = check_groups(groups, len(y))
    values, replicates = _over_trainings(y, p, "p", clusters, metrics, threshold, n_bootstrap, seed)
    first = np.asarray(p).reshape(-1, len(y))[0]
    reasons = [unavailable_reason(y, first, name, threshold) for name in metrics]
    return {
        name: percentile_estimate(values[k], replicates[:, k], clusters, confidence, reasons[k])
        for k, name in enumerate(metrics)
    }


def paired_difference(
    y: ArrayLike,
    p_a: ArrayLike,
    p_b: ArrayLike,
    metric: str = "auc",
    groups: ArrayLike | None = None,
    threshold: float | tuple[float, float] = 0.5,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Compare two models on the same records: score of a minus score of b, on the same resampled patients.

    Args:
        y, groups, n_bootstrap, seed, confidence: as in `evaluate`.
        p_a, p_b: (record,), or (training, record) for the difference of the mean scores of single trainings.
        metric: one of `METRICS`.
        threshold: one number, or a pair for a and b.

    Returns:
        `Estimate`. Its two-sided p value counts the resamples on the far side of 0, (count + 1) /
        (resamples + 1), doubled; it cannot fall below 2 / (n_bootstrap + 1).

    Raises:
        ValueError: as `evaluate`.
    """
    check_same_index(y, groups, "groups")
    y = check_labels(y)
    check_metrics((metric,))
    clusters = check_groups(groups, len(y))
    thresholds = np.atleast_1d(threshold)
    if len(thresholds) > 2:
        raise ValueError(f"threshold must be one number, or two for a and b, got {len(thresholds)}.")
    means, resampled = [], []
    for p, name, cut in ((p_a, "p_a", thresholds[0]), (p_b, "p_b", thresholds[-1])):
        scored = _over_trainings(y, p, name, clusters, (metric,), check_threshold(cut), n_bootstrap, seed)
        means.append(scored[0][0])
        resampled.append(scored[1][:, 0])
    value, differences = means[0] - means[1], resampled[0] - resampled[1]
    reason = "the score of one of the two is not available" if np.isnan(value) else ""
    kept = differences[~np.isnan(differences)]
    smaller = min(np.sum(kept <= 0), np.sum(kept >= 0))
    p_value = float(min(1.0, 2 * (smaller + 1) / (len(kept) + 1))) if len(kept) else float("nan")
    return percentile_estimate(value, differences, clusters, confidence, reason, p_value)


def _over_trainings(
    y: np.ndarray,
    p: ArrayLike,
    name: str,
    clusters: np.ndarray,
    metrics: Sequence[str],
    threshold: float,
    n_bootstrap: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over trainings of their scores, (metric,), and of their replicates, (resample, metric)."""
    values = np.asarray(p)
    trainings = values if values.ndim == 2 and values.shape[1] == len(y) > 1 else [values]
    checked = [check_probabilities(training, len(y), name) for training in trainings]
    scores = [weighted_scores(y, training, None, metrics, threshold)[0] for training in checked]
    replicates = [
        score_replicates(y, training, resample_counts(clusters, n_bootstrap, seed), metrics, threshold)
        for training in checked
    ]
    return np.mean(scores, axis=0), np.mean(replicates, axis=0)


def check_groups(groups: ArrayLike | None, n: int) -> np.ndarray:
    """Return the patient of each of `n` records as an int from 0 on; without ids each record is its own."""
    if groups is None:
        return np.arange(n)
    values = np.asarray(groups)
    if values.shape != (n,):
        raise ValueError(f"groups must hold {n} patient ids, one for each record, got shape {values.shape}.")
    missing = int(pd.isna(values).sum())
    if missing:
        raise ValueError(
            f"groups must name each record's patient, got {missing} of {n} that are missing. "
            "Leave these records out."
        )
    return np.unique(values, return_inverse=True)[1]


def resample_counts(clusters: np.ndarray, n_bootstrap: int = 1000, seed: int = 0) -> Iterator[np.ndarray]:
    """Draw patients with replacement, as many as there are, each with all of its records.

    Args:
        clusters: (record,), from `check_groups`.
        n_bootstrap, seed: resamples, and the seed of the draws.

    Yields:
        float64 (resample, record), how often each record is drawn; some resamples at a time, `n_bootstrap`
        together.
    """
    if isinstance(n_bootstrap, bool) or n_bootstrap != int(n_bootstrap) or n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be a whole number, 0 or more, got {n_bootstrap!r}.")
    rng = np.random.default_rng(seed)
    n_groups = int(clusters.max()) + 1
    step = max(1, _CHUNK_VALUES // max(len(clusters), n_groups))
    for start in range(0, int(n_bootstrap), step):
        size = min(step, int(n_bootstrap) - start)
        drawn = rng.integers(0, n_groups, size=(size, n_groups))
        drawn += np.arange(size)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=size * n_groups).reshape(size, n_groups)
        yield counts[:, clusters].astype(np.float64)


def score_replicates(
    y: np.ndarray, p: np.ndarray, draws: Iterable[np.ndarray], metrics: Sequence[str], threshold: float
) -> np.ndarray:
    """Score checked predictions in each resample of `resample_counts`: float64 (resample, metric)."""
    scores = [weighted_scores(y, p, counts, metrics, threshold) for counts in draws]
    return np.concatenate([np.empty((0, len(metrics))), *scores])


def percentile_estimate(
    value: float,
    replicates: np.ndarray,
    clusters: np.ndarray,
    confidence: float = 0.95,
    reason: str = "",
    p_value: float = float("nan"),
) -> Estimate:
    """Return the `Estimate` of a value from its replicates, (resample,); those that are NaN are skipped.

    The interval is widened to the value where resampling is biased so far that it would lie outside, as
    happens for the calibration error of a well calibrated model, which resampling can only make worse.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be a number between 0 and 1, got {confidence!r}.")
    kept = replicates[~np.isnan(replicates)]
    low = high = np.nan
    if len(kept) and not np.isnan(value):
        tail = (1 - confidence) / 2
        low, high = np.quantile(kept, (tail, 1 - tail))
        low, high = float(min(low, value)), float(max(high, value))
    counts = (len(clusters), int(clusters.max()) + 1, len(replicates) - len(kept))
    return Estimate(float(value), low, high, *counts, p_value, reason)
