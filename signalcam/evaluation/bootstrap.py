"""How sure a score is: bootstrap over patients, paired differences, DeLong's variance of the AUC.

Records of one patient resemble each other, so patients are drawn, each with all of its records (the cluster
bootstrap of Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). Intervals are
percentile intervals. Each resample is a vector of counts, see `signalcam.evaluation.metrics`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from signalcam.evaluation.metrics import (
    METRICS,
    check_labels,
    check_metrics,
    check_predictions,
    check_probabilities,
    check_same_index,
    check_threshold,
    score,
    unavailable_reason,
    weighted_scores,
)

_CHUNK_VALUES = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """One score with its interval.

    value, low, high: the score and its interval, NaN where not available; n: records; n_groups: patients (or
    records, without groups); skipped: resamples left out because the score was not available in them;
    p_value: of the two-sided test against 0, for differences only; reason: why there is no value.
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
        return not np.isnan(self.value)

    def __str__(self) -> str:
        if not self.available:
            return f"not available ({self.reason})"
        text = f"{self.value:.3f}"
        return text if np.isnan(self.low) else f"{text} ({self.low:.3f} to {self.high:.3f})"


def check_groups(groups, n: int) -> np.ndarray:
    """Return the group of each record as positions 0..n_groups-1; without groups each record is its own.

    groups: patient ids, (record,); ValueError when they are missing for a record or of another length.
    """
    if groups is None:
        return np.arange(n)
    values = np.asarray(groups)
    if values.shape != (n,):
        raise ValueError(f"groups: expected {n} patient ids, one for each record, got shape {values.shape}")
    missing = int(pd.isna(values).sum())
    if missing:
        raise ValueError(f"groups: {missing} of {n} patient ids are missing; leave these records out")
    return np.unique(values, return_inverse=True)[1]


def resample_counts(groups, n_bootstrap: int = 1000, seed: int = 0):
    """Yield arrays (resample, record) of how often each record is drawn, some resamples at a time.

    groups: (record,) positions from `check_groups`. As many groups are drawn as there are, with replacement;
    a drawn group brings all of its records. The arrays together hold `n_bootstrap` rows, the same for a seed.
    """
    rng = np.random.default_rng(seed)
    n_groups = int(groups.max()) + 1
    step = max(1, _CHUNK_VALUES // max(len(groups), n_groups))
    for start in range(0, n_bootstrap, step):
        size = min(step, n_bootstrap - start)
        drawn = rng.integers(0, n_groups, size=(size, n_groups))
        drawn += np.arange(size)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=size * n_groups).reshape(size, n_groups)
        yield counts[:, groups].astype(np.float64)


def bootstrap_replicates(
    y, p, metrics=METRICS, threshold=0.5, groups=None, n_bootstrap=1000, seed=0
) -> np.ndarray:
    """Return the scores in each resample, float64 (n_bootstrap, metric), NaN where not available.

    The same groups, n_bootstrap and seed draw the same resamples, whatever y and p are: that pairs models.
    """
    check_same_index(y, groups, "groups")
    y, p = check_predictions(y, p)
    groups = check_groups(groups, len(y))
    parts = [
        weighted_scores(y, p, counts, metrics, threshold)
        for counts in resample_counts(groups, check_n_bootstrap(n_bootstrap), seed)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(metrics)))


def bootstrap(
    y, p, metrics=METRICS, threshold=0.5, groups=None, n_bootstrap=1000, seed=0, confidence=0.95
) -> dict[str, Estimate]:
    """Return an `Estimate` for each metric, with a percentile interval over resampled patients.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; groups: patient ids (record,) or None for independent
    records; n_bootstrap=0 gives values without intervals. Resamples in which a score is not available (one
    class only, say) are skipped and counted. ValueError on NaN, other lengths, unknown metrics.
    """
    check_same_index(y, groups, "groups")
    y, p = check_predictions(y, p)
    check_metrics(metrics)
    threshold = check_threshold(threshold)
    positions = check_groups(groups, len(y))
    values = weighted_scores(y, p, np.ones((1, len(y))), metrics, threshold)[0]
    replicates = bootstrap_replicates(y, p, metrics, threshold, groups, n_bootstrap, seed)
    return {
        name: percentile_estimate(
            values[column],
            replicates[:, column],
            len(y),
            int(positions.max()) + 1,
            confidence,
            unavailable_reason(y, p, name, threshold),
        )
        for column, name in enumerate(metrics)
    }


def percentile_estimate(value, replicates, n, n_groups, confidence=0.95, reason="", p_value=float("nan")):
    """Return the `Estimate` of a value from its replicates (resample,); NaN replicates are skipped.

    The interval is widened to the value where resampling is biased so far that it would lie outside, as
    happens for the calibration error of a well calibrated model, which resampling can only make worse.
    """
    check_confidence(confidence)
    kept = replicates[~np.isnan(replicates)]
    skipped = len(replicates) - len(kept)
    if np.isnan(value) or not len(kept):
        return Estimate(float(value), np.nan, np.nan, n, n_groups, skipped, p_value, reason)
    tail = (1 - confidence) / 2
    low, high = np.quantile(kept, (tail, 1 - tail))
    return Estimate(
        float(value), float(min(low, value)), float(max(high, value)), n, n_groups, skipped, p_value, reason
    )


def paired_difference(
    y,
    p_a,
    p_b,
    metric: str = "auc",
    groups=None,
    threshold=0.5,
    n_bootstrap: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
    resample_seeds: bool = False,
) -> Estimate:
    """Return score(a) - score(b) on the same records, with its interval and two-sided p value.

    p_a, p_b: (record,), or (seed, record) for several trainings: the difference is then that of the mean
    scores of single models. Both models are scored on the same resamples of patients. `threshold`: one
    number, or a pair for a and b. `resample_seeds` draws the trainings anew as well, so that the interval
    also covers the luck of the seed. The p value counts the resamples on the far side of 0,
    (count + 1) / (resamples + 1), doubled; it cannot fall below 2 / (n_bootstrap + 1). ValueError as in
    `bootstrap`.
    """
    check_same_index(y, groups, "groups")
    y = check_labels(y)
    check_metrics((metric,))
    positions = check_groups(groups, len(y))
    pair = (threshold, threshold) if np.isscalar(threshold) else tuple(threshold)
    if len(pair) != 2:
        raise ValueError(f"threshold: expected one number, or two for a and b, got {len(pair)}")
    rng = np.random.default_rng([seed, 1]) if resample_seeds else None
    value_a, scores_a = _mean_over_seeds(y, p_a, "p_a", metric, pair[0], groups, n_bootstrap, seed, rng)
    value_b, scores_b = _mean_over_seeds(y, p_b, "p_b", metric, pair[1], groups, n_bootstrap, seed, rng)
    value, difference = value_a - value_b, scores_a - scores_b
    reason = "the score of one of the two is not available" if np.isnan(value) else ""
    n_groups = int(positions.max()) + 1
    return percentile_estimate(
        value, difference, len(y), n_groups, confidence, reason, _two_sided_p(difference)
    )


def _mean_over_seeds(y, p, name, metric, threshold, groups, n_bootstrap, seed, rng):
    """Return the mean score of the trainings, and that mean in each resample, (n_bootstrap,)."""
    threshold = check_threshold(threshold)
    rows = _rows_of_seeds(p, len(y), name)
    value = np.mean([score(y, row, metric, threshold) for row in rows])
    scores = np.stack(
        [bootstrap_replicates(y, row, (metric,), threshold, groups, n_bootstrap, seed)[:, 0] for row in rows]
    )
    if rng is not None:
        scores = np.take_along_axis(scores, rng.integers(0, len(rows), size=scores.shape), axis=0)
    return value, scores.mean(axis=0)


def _rows_of_seeds(p, n, name):
    rows = np.asarray(p)
    rows = rows[None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or rows.shape[1] != n:
        raise ValueError(
            f"{name}: expected probabilities of shape ({n},) or (seed, {n}), one for each label, "
            f"got {np.shape(p)}"
        )
    return [check_probabilities(row, n, name) for row in rows]


def _two_sided_p(difference):
    kept = difference[~np.isnan(difference)]
    if not len(kept):
        return float("nan")
    below, above = np.sum(kept <= 0), np.sum(kept >= 0)
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(kept) + 1)))


def check_n_bootstrap(n_bootstrap) -> int:
    """Return the number of resamples as an int; ValueError unless it is whole and 0 or more."""
    if isinstance(n_bootstrap, bool) or n_bootstrap != int(n_bootstrap) or n_bootstrap < 0:
        raise ValueError(f"n_bootstrap: expected a whole number of resamples, 0 or more, got {n_bootstrap!r}")
    return int(n_bootstrap)


def check_confidence(confidence) -> float:
    """Return the confidence as it is; ValueError unless it lies between 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a number between 0 and 1, got {confidence!r}")
    return confidence
