"""The curves behind AUC and average precision, with the interval of the area and a band for the ROC.

Each curve is a dict that `signalcam.plotting` draws as it is: x, y, low and high (band of y), area (an
`Estimate`), point (where the threshold in use stands).
"""

import numpy as np

from signalcam.evaluation.bootstrap import bootstrap, check_groups, check_n_bootstrap, resample_counts
from signalcam.evaluation.metrics import check_predictions, check_same_index, weighted_scores

_GRID = np.linspace(0, 1, 101)


def roc(y, p, groups=None, threshold: float = 0.5, n_bootstrap: int = 1000, seed: int = 0) -> dict:
    """Return the ROC curve: x false positive rate, y recall, from (0, 0) to (1, 1).

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; groups: patient ids (record,). The band is pointwise,
    95 % of the recalls of resampled patients at the same false positive rate (vertical averaging, Fawcett,
    Pattern Recognition Letters 27 (2006) 861-874), absent with n_bootstrap=0. ValueError on NaN, on different
    lengths, on one class only.
    """
    area = _area(y, p, "auc", groups, threshold, n_bootstrap, seed)
    labels, probabilities = check_predictions(y, p)
    hits, false = _at_each_threshold(labels, probabilities, np.ones((1, len(labels))))
    x, recall = np.r_[0, false[0] / false[0, -1]], np.r_[0, hits[0] / hits[0, -1]]
    point = _scores(labels, probabilities, ("specificity", "recall"), threshold)
    curve = {"x": x, "y": recall, "area": area, "point": (1 - point[0], point[1])}
    band = _recalls(labels, probabilities, check_groups(groups, len(labels)), n_bootstrap, seed)
    if len(band):
        low, high = np.quantile(band, (0.025, 0.975), axis=0)
        curve |= {"low": np.interp(x, _GRID, low), "high": np.interp(x, _GRID, high)}
    return curve


def precision_recall(
    y, p, groups=None, threshold: float = 0.5, n_bootstrap: int = 1000, seed: int = 0
) -> dict:
    """Return the precision-recall curve: x recall, y precision, with the average precision as its area.

    Arguments and errors as for `roc`; without a band. It begins at recall 0 and precision 1 by convention.
    There is no point where no record reaches the threshold.
    """
    area = _area(y, p, "average_precision", groups, threshold, n_bootstrap, seed)
    labels, probabilities = check_predictions(y, p)
    hits, false = _at_each_threshold(labels, probabilities, np.ones((1, len(labels))))
    recall, precision = hits[0] / hits[0, -1], hits[0] / (hits[0] + false[0])
    curve = {"x": np.r_[0, recall], "y": np.r_[1, precision], "area": area}
    point = _scores(labels, probabilities, ("recall", "precision"), threshold)
    return curve if np.isnan(point).any() else curve | {"point": tuple(point)}


def _area(y, p, metric, groups, threshold, n_bootstrap, seed):
    check_same_index(y, groups, "groups")
    labels, _ = check_predictions(y, p)
    if labels.min() == labels.max():
        raise ValueError(f"y: a curve needs both classes, all {len(labels)} records are {labels[0]}")
    return bootstrap(y, p, (metric,), threshold, groups, check_n_bootstrap(n_bootstrap), seed)[metric]


def _scores(y, p, metrics, threshold):
    return tuple(float(value) for value in weighted_scores(y, p, np.ones((1, len(y))), metrics, threshold)[0])


def _at_each_threshold(y, p, weights):
    """Return positives and negatives called positive at each distinct p, highest first, (resample, value)."""
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    hits = (weights[:, order] * y[order]).cumsum(axis=1)[:, last_of_tie]
    false = (weights[:, order] * (1 - y[order])).cumsum(axis=1)[:, last_of_tie]
    return hits, false


def _recalls(y, p, groups, n_bootstrap, seed):
    """Return the recall of each resample at the false positive rates of the grid, one-class ones left out."""
    rows = []
    for counts in resample_counts(groups, n_bootstrap, seed):
        hits, false = _at_each_threshold(y, p, counts)
        both = (hits[:, -1] > 0) & (false[:, -1] > 0)
        rows += [
            np.interp(_GRID, np.r_[0, wrong / wrong[-1]], np.r_[0, right / right[-1]])
            for right, wrong in zip(hits[both], false[both], strict=True)
        ]
    return np.array(rows)
