"""The curves behind AUC and average precision, with a band over resampled patients for the ROC."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_curve, roc_curve

from signalcam.intervals import check_groups, check_n_bootstrap, resample_counts
from signalcam.metrics import check_predictions, check_same_index


def roc(y, p) -> pd.DataFrame:
    """Return the ROC curve: false_positive_rate, recall, threshold, from (0, 0) to (1, 1).

    y: (record,) of 0 and 1; p: (record,) in [0, 1]. The first threshold is infinite (none called positive).
    ValueError on NaN, on different lengths, on one class only.
    """
    y, p = check_predictions(y, p)
    _refuse_one_class(y, "an ROC curve")
    false_positive_rate, recall, threshold = roc_curve(y, p, drop_intermediate=False)
    return pd.DataFrame(
        {"false_positive_rate": false_positive_rate, "recall": recall, "threshold": threshold}
    )


def precision_recall(y, p) -> pd.DataFrame:
    """Return the precision-recall curve: recall, precision, threshold, from the lowest threshold up.

    The last point, recall 0 and precision 1, is a convention and has an infinite threshold. ValueError as
    in `roc`.
    """
    y, p = check_predictions(y, p)
    _refuse_one_class(y, "a precision-recall curve")
    precision, recall, threshold = precision_recall_curve(y, p)
    return pd.DataFrame({"recall": recall, "precision": precision, "threshold": np.r_[threshold, np.inf]})


def roc_band(
    y, p, groups=None, n_bootstrap: int = 1000, seed: int = 0, confidence: float = 0.95, n_points=101
):
    """Return a pointwise band of the ROC curve: false_positive_rate, recall, low, high.

    Vertical averaging (Fawcett, Pattern Recognition Letters 27 (2006) 861-874): the recall of each resample
    of patients at `n_points` false positive rates from 0 to 1. Resamples of one class are skipped.
    """
    check_same_index(y, groups, "groups")
    y, p = check_predictions(y, p)
    _refuse_one_class(y, "an ROC curve")
    positions = check_groups(groups, len(y))
    grid = np.linspace(0, 1, n_points)
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])

    def recalls(counts):
        hit = (counts[order] * y[order]).cumsum()[last_of_tie]
        false = (counts[order] * (1 - y[order])).cumsum()[last_of_tie]
        return np.interp(grid, np.r_[0, false / false[-1]], np.r_[0, hit / hit[-1]])

    rows = [
        recalls(row)
        for counts in resample_counts(positions, check_n_bootstrap(n_bootstrap), seed)
        for row in counts
        if 0 < row @ y < row.sum()
    ]
    value = recalls(np.ones(len(y)))
    tail = (1 - confidence) / 2
    low, high = np.quantile(rows, (tail, 1 - tail), axis=0) if rows else (value * np.nan, value * np.nan)
    return pd.DataFrame({"false_positive_rate": grid, "recall": value, "low": low, "high": high})


def _refuse_one_class(y, what):
    if y.min() == y.max():
        raise ValueError(f"y: {what} needs both classes, all {len(y)} records are {y[0]}")
