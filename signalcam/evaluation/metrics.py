"""Scores of a binary classifier, for one weighting of the records or for thousands of weightings at once.

A bootstrap resample counts how often each record was drawn, so every score takes weights (resample, record),
for one sort or one matrix product. A score whose denominator is zero is not available (NaN), never 0.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

_COUNTED = ("accuracy", "precision", "recall", "specificity", "f1")
METRICS = (*_COUNTED, "auc", "average_precision", "brier", "ece")


def score(y: ArrayLike, p: ArrayLike, metric: str = "auc", threshold: float = 0.5) -> float:
    """Score predictions by one metric; NaN where the score is not available.

    Args:
        y: labels, (record,) of 0 and 1; 1 is abnormal, or the class present.
        p: probabilities, (record,) in [0, 1].
        metric: one of `METRICS`.
        threshold: a record is predicted positive when p >= threshold.

    Raises:
        ValueError: on NaN, labels other than 0 and 1, `y` and `p` of different records, an unknown metric.
    """
    y, p = check_predictions(y, p)
    return float(weighted_scores(y, p, None, (metric,), threshold)[0, 0])


def confusion(y: ArrayLike, p: ArrayLike, threshold: float = 0.5) -> pd.DataFrame:
    """Count records by true (rows) and predicted class (columns): int64 (2, 2) DataFrame, negative first.

    Args, Raises: as in `score`.
    """
    y, p = check_predictions(y, p)
    counts = np.bincount(2 * y + (p >= check_threshold(threshold)), minlength=4).reshape(2, 2)
    names = ("normal", "abnormal")
    return pd.DataFrame(counts, pd.Index(names, name="true"), pd.Index(names, name="predicted"))


def weighted_scores(
    y: np.ndarray, p: np.ndarray, weights: ArrayLike | None, metrics: Sequence[str], threshold: float = 0.5
) -> np.ndarray:
    """Score checked predictions under each weighting of the records: float64 (resample, metric).

    Args:
        y, p, threshold: as in `score`.
        weights: (resample, record), not negative; None where each record counts once.
        metrics: among `METRICS`. `auc` is the Mann-Whitney statistic, ties counting one half;
            `average_precision` the step-wise sum of scikit-learn; `ece`, the expected calibration error,
            the mean distance of predicted and observed share over ten bins of equal width.
    """
    if unknown := [str(name) for name in metrics if name not in METRICS]:
        raise ValueError(f"metric must be one of {', '.join(METRICS)}, got {', '.join(unknown)}.")
    check_threshold(threshold)
    y, p = np.asarray(y, dtype=np.float64), np.asarray(p, dtype=np.float64)
    weights = np.ones((1, len(y))) if weights is None else np.atleast_2d(np.asarray(weights, np.float64))
    counted = any(name in _COUNTED for name in metrics)
    scores = _counted_scores(y, p >= threshold, weights) if counted else {}
    if "auc" in metrics or "average_precision" in metrics:
        scores |= _ranked_scores(y, p, weights)
    if "brier" in metrics:
        scores["brier"] = _ratio(weights @ (p - y) ** 2, weights.sum(axis=1))
    if "ece" in metrics:
        members = equal_bins(p, 10)[1][:, None] == np.arange(10)
        gaps = np.abs(weights @ (members * (p - y)[:, None])).sum(axis=1)
        scores["ece"] = _ratio(gaps, weights.sum(axis=1))
    return np.stack([scores[name] for name in metrics], axis=1)


def unavailable_reason(y: np.ndarray, p: np.ndarray, metric: str, threshold: float = 0.5) -> str:
    """Say why a score is not available, "" when it is; arguments as in `score`."""
    positives, predicted = int(np.sum(y)), int(np.sum(np.asarray(p) >= threshold))
    if metric in ("recall", "f1", "auc", "average_precision") and positives == 0:
        return "no positive record"
    if metric in ("specificity", "auc") and positives == len(y):
        return "no negative record"
    if metric == "precision" and predicted == 0:
        return f"no record reaches the threshold {threshold:g}"
    return ""


def equal_bins(p: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of equal bins over [0, 1], and the bin of each p: edges[k] <= p < edges[k + 1]."""
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}.")
    edges = np.linspace(0.0, 1.0, n_bins + 1)
    return edges, np.clip(np.searchsorted(edges, p, side="right") - 1, 0, n_bins - 1)


def check_predictions(y: ArrayLike, p: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels int8, probabilities float64), both (record,), or raise ValueError as `score`."""
    check_same_index(y, p, "p")
    labels = check_labels(y)
    return labels, check_probabilities(p, len(labels))


def check_labels(y: ArrayLike, name: str = "y") -> np.ndarray:
    """Return labels as int8 (record,) of 0 and 1; ValueError on any other value or shape."""
    values = np.asarray(y)
    if values.ndim != 1 or not values.size:
        raise ValueError(f"{name} must have the shape (record,), at least one record, got {values.shape}.")
    refuse_nan(values, name)
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        found = f"{wrong.sum()} others ({', '.join(map(str, np.unique(values[wrong])[:5]))})"
        raise ValueError(f"{name} must hold labels 0 and 1, got {found}. Use binary_labels(...).")
    return values.astype(np.int8)


def check_probabilities(p: ArrayLike, n: int | None = None, name: str = "p") -> np.ndarray:
    """Return probabilities as float64 (record,) in [0, 1]; ValueError on NaN, range or another length."""
    values = np.asarray(p)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        found = f"{values.dtype} of {values.shape}"
        raise ValueError(f"{name} must hold probabilities of the shape (record,), got {found}.")
    if n is not None and len(values) != n:
        wanted = f"{n} probabilities, one for each label"
        raise ValueError(f"{name} must hold {wanted}, got {len(values)}. Give both of the same records.")
    refuse_nan(values, name)
    if outside := int(((values < 0) | (values > 1)).sum()):
        found = f"{outside} values outside (from {values.min():g} to {values.max():g})"
        raise ValueError(f"{name} must lie within [0, 1], got {found}. Pass logits through a sigmoid first.")
    return values.astype(np.float64)


def check_same_index(y: object, other: object, name: str) -> None:
    """Raise ValueError where two pandas objects hold different records, or the same in another order."""
    indexed = (pd.Series, pd.DataFrame)
    if isinstance(y, indexed) and isinstance(other, indexed) and not y.index.equals(other.index):
        raise ValueError(f"{name} must have the index of the labels, got another. Use {name}.loc[y.index].")


def check_threshold(threshold: float) -> float:
    """Return a decision threshold as a float; ValueError unless it is one number within [0, 1]."""
    if not np.isscalar(threshold) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold must be one number within [0, 1], got {threshold!r}.")
    return float(threshold)


def _counted_scores(y: np.ndarray, predicted: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    true_positive = weights @ (y * predicted)
    false_positive = weights @ ((1 - y) * predicted)
    positive, total = weights @ y, weights.sum(axis=1)
    true_negative = (total - positive) - false_positive
    return {
        "accuracy": _ratio(true_positive + true_negative, total),
        "precision": _ratio(true_positive, true_positive + false_positive),
        "recall": _ratio(true_positive, positive),
        "specificity": _ratio(true_negative, total - positive),
        # Without positives recall is undefined, and so is its mean with precision.
        "f1": _ratio(2 * true_positive, (positive + true_positive + false_positive) * (positive > 0)),
    }


def ranked_counts(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count positives and negatives from the highest p down to each other: both (resample, distinct p)."""
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    weights = weights[:, order]
    positives, negatives = ((weights * part[order]).cumsum(axis=1) for part in (y, 1 - y))
    return positives.take(last_of_tie, axis=1), negatives.take(last_of_tie, axis=1)


def _ranked_scores(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    positives_so_far, negatives_so_far = ranked_counts(y, p, weights)
    positive, negative = np.diff((positives_so_far, negatives_so_far), axis=2, prepend=0)
    positives, negatives = positives_so_far[:, -1], negatives_so_far[:, -1]
    negatives_below = negatives[:, None] - negatives_so_far
    wins = (positive * (negatives_below + negative / 2)).sum(axis=1)
    # Where nothing has been drawn yet, precision is 0/0; its weight in the sum is then 0 as well.
    drawn = positives_so_far + negatives_so_far
    precision = np.divide(positives_so_far, drawn, out=np.zeros_like(drawn), where=drawn > 0)
    return {
        "auc": _ratio(wins, positives * negatives),
        "average_precision": _ratio((positive * precision).sum(axis=1), positives),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 0)


def refuse_nan(values: np.ndarray, name: str) -> None:
    """Raise ValueError where values are NaN or infinite, with their number."""
    bad = int(values.size - np.isfinite(values).sum()) if values.dtype.kind == "f" else 0
    if bad:
        found = f"{bad} of {values.size} values that are NaN or infinite"
        raise ValueError(f"{name} must be finite, got {found}. Leave these records out everywhere.")
