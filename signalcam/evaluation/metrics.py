"""Scores of a binary classifier, for one weighting of the records or for thousands of weightings at once.

A bootstrap resample is a vector of counts: how often each record was drawn. Every score here therefore takes
weights (resample, record) and returns one value a resample, from one sort or one matrix product. That makes
1,000 resamples of 2,000 records a matter of a fraction of a second. A score whose denominator is zero is not
available (NaN), never 0: a class without records says nothing about the classifier.
"""

import numpy as np
import pandas as pd

METRICS = ("accuracy", "precision", "recall", "specificity", "f1", "auc", "average_precision", "brier", "ece")
_INDEXED = (pd.Series, pd.DataFrame)
_COUNTED = ("accuracy", "precision", "recall", "specificity", "f1")


def check_labels(y, name: str = "y") -> np.ndarray:
    """Return labels as an int8 array (record,) of 0 and 1; ValueError on any other value or shape."""
    values = np.asarray(y)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"{name}: expected labels of shape (record,) with at least one record, got shape {values.shape}"
        )
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected labels 0 and 1, got dtype {values.dtype}; use binary_labels(...)")
    _refuse_nan(values, name)
    wrong = ~np.isin(values, (0, 1))
    if wrong.any():
        found = ", ".join(str(value) for value in np.unique(values[wrong])[:5])
        raise ValueError(f"{name}: expected labels 0 and 1, got {int(wrong.sum())} others ({found})")
    return values.astype(np.int8)


def check_probabilities(p, n: int | None = None, name: str = "p") -> np.ndarray:
    """Return probabilities as a float64 array (record,) within [0, 1]; ValueError on NaN, range or length."""
    values = np.asarray(p)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected probabilities (float), got dtype {values.dtype}")
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"{name}: expected probabilities of shape (record,), got {values.shape}")
    if n is not None and len(values) != n:
        raise ValueError(
            f"{name}: expected {n} probabilities, one for each label, got {len(values)}; "
            "pass labels and predictions of the same records, in the same order"
        )
    _refuse_nan(values, name)
    outside = (values < 0) | (values > 1)
    if outside.any():
        raise ValueError(
            f"{name}: expected probabilities within [0, 1], got {int(outside.sum())} outside "
            f"(from {values.min():g} to {values.max():g}); pass logits through a sigmoid first"
        )
    return values.astype(np.float64)


def check_predictions(y, p) -> tuple[np.ndarray, np.ndarray]:
    """Return (labels int8, probabilities float64), both (record,), or raise ValueError.

    Two pandas Series whose indexes hold different records, or another order of them, are refused: they would
    be scored against each other by position.
    """
    labels = check_labels(y)
    probabilities = check_probabilities(p, len(labels))
    check_same_index(y, p, "p")
    return labels, probabilities


def check_same_index(y, other, name: str) -> None:
    """ValueError where two pandas objects name different records, or the same in another order."""
    if isinstance(y, _INDEXED) and isinstance(other, _INDEXED) and not y.index.equals(other.index):
        raise ValueError(
            f"{name}: its index differs from that of the labels; bring both to the same records and "
            f"order, as with {name}.loc[y.index]"
        )


def weighted_scores(y, p, weights, metrics=METRICS, threshold: float = 0.5, n_bins: int = 10) -> np.ndarray:
    """Return the scores for each weighting of the records: float64 (resample, metric), NaN = not available.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; weights: (resample, record), not negative. A record is
    called positive when p >= threshold. `auc` is the Mann-Whitney statistic, ties counting one half;
    `average_precision` the step-wise sum of scikit-learn; `ece` the expected calibration error over `n_bins`
    bins of equal width. ValueError on an unknown metric.
    """
    check_metrics(metrics)
    y = np.asarray(y, dtype=np.float64)
    p = np.asarray(p, dtype=np.float64)
    weights = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    scores = {}
    if any(name in _COUNTED for name in metrics):
        scores |= _counted_scores(y, p >= threshold, weights)
    if "auc" in metrics or "average_precision" in metrics:
        scores |= _ranked_scores(y, p, weights)
    if "brier" in metrics:
        scores["brier"] = _ratio(weights @ (p - y) ** 2, weights.sum(axis=1))
    if "ece" in metrics:
        gaps = weights @ (bin_membership(p, n_bins) * (p - y)[:, None])
        scores["ece"] = _ratio(np.abs(gaps).sum(axis=1), weights.sum(axis=1))
    return np.stack([scores[name] for name in metrics], axis=1)


def score(y, p, metric: str = "auc", threshold: float = 0.5) -> float:
    """Return one score of the records as they are, NaN where it is not available; see `weighted_scores`."""
    y, p = check_predictions(y, p)
    return float(weighted_scores(y, p, np.ones((1, len(y))), (metric,), threshold)[0, 0])


def unavailable_reason(y, p, metric: str, threshold: float = 0.5) -> str:
    """Say why a score is not available on these records ("" when it is)."""
    positives, called = int(np.sum(y)), int(np.sum(np.asarray(p) >= threshold))
    if metric in ("recall", "f1", "auc", "average_precision") and positives == 0:
        return "no positive record"
    if metric in ("specificity", "auc") and positives == len(y):
        return "no negative record"
    if metric == "precision" and called == 0:
        return f"no record reaches the threshold {threshold:g}"
    return ""


def check_metrics(metrics) -> None:
    """Raise ValueError for a name that is not in `METRICS`; the message lists those there are."""
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ValueError(
            f"metric: expected names among {', '.join(METRICS)}; got {', '.join(map(str, unknown))}"
        )


def check_threshold(threshold) -> float:
    """Return a decision threshold as a float; ValueError unless it is one number within [0, 1]."""
    if not np.isscalar(threshold) or not np.isfinite(threshold) or not 0 <= threshold <= 1:
        raise ValueError(f"threshold: expected one number within [0, 1], got {threshold!r}")
    return float(threshold)


def bin_edges(n_bins: int) -> np.ndarray:
    """Return the edges, float64 (n_bins + 1,), of equal bins over [0, 1]; ValueError below one bin."""
    if n_bins < 1:
        raise ValueError(f"n_bins: expected at least 1, got {n_bins}")
    return np.linspace(0.0, 1.0, n_bins + 1)


def bin_membership(p, n_bins: int) -> np.ndarray:
    """Return the membership (record, bin), 0.0 or 1.0, in `n_bins` equal bins of [0, 1]; 1 is in the last."""
    position = np.clip(np.searchsorted(bin_edges(n_bins), p, side="right") - 1, 0, n_bins - 1)
    return (position[:, None] == np.arange(n_bins)).astype(np.float64)


def _counted_scores(y, called, weights):
    true_positive = weights @ (y * called)
    false_positive = weights @ ((1 - y) * called)
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


def _ranked_scores(y, p, weights):
    order = np.argsort(-p, kind="stable")
    first_of_tie = np.flatnonzero(np.r_[True, np.diff(p[order]) != 0])
    weights = weights[:, order]
    positive = np.add.reduceat(weights * y[order], first_of_tie, axis=1)
    negative = np.add.reduceat(weights * (1 - y[order]), first_of_tie, axis=1)
    positives_at, negatives_at = positive.cumsum(axis=1), negative.cumsum(axis=1)
    positives, negatives = positives_at[:, -1], negatives_at[:, -1]
    negatives_below = negatives[:, None] - negatives_at
    wins = (positive * (negatives_below + negative / 2)).sum(axis=1)
    # Where nothing has been drawn yet, precision is 0/0; its weight in the sum is then 0 as well.
    drawn = positives_at + negatives_at
    precision = np.divide(positives_at, drawn, out=np.zeros_like(drawn), where=drawn > 0)
    return {
        "auc": _ratio(wins, positives * negatives),
        "average_precision": _ratio((positive * precision).sum(axis=1), positives),
    }


def _ratio(numerator, denominator):
    return np.divide(numerator, denominator, out=np.full(denominator.shape, np.nan), where=denominator > 0)


def _refuse_nan(values, name):
    if values.dtype.kind == "f":
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            raise ValueError(
                f"{name}: {bad} of {values.size} values are NaN or infinite; "
                "leave these records out of labels and predictions alike"
            )
