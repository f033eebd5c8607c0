"""The ROC curve with the interval of its area and a band, a dict that `signalcam.plotting` draws as it is."""

import numpy as np
from numpy.typing import ArrayLike

from signalcam.evaluation.bootstrap import bootstrap, check_groups, resample_counts
from signalcam.evaluation.metrics import check_predictions, weighted_scores

_GRID = np.linspace(0, 1, 101)


def roc(
    y: ArrayLike,
    p: ArrayLike,
    groups: ArrayLike | None = None,
    threshold: float = 0.5,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict:
    """Trace the ROC curve from (0, 0) to (1, 1).

    The band is pointwise, 95 % of the recalls of resampled patients at the same false positive rate (vertical
    averaging, Fawcett, Pattern Recognition Letters 27 (2006) 861-874).

    Args:
        y, p, groups, threshold, n_bootstrap, seed: as in `evaluate`.

    Returns:
        dict: x (false positive rates) and y (recalls), float64 (point,); area (`Estimate` of the AUC); point
        (x and y at the threshold); low and high, as y, absent with n_bootstrap=0.

    Raises:
        ValueError: on NaN, on different lengths, on one class only.
    """
    labels, probabilities = check_predictions(y, p)
    if labels.min() == labels.max():
        raise ValueError(f"y must hold both classes for a curve, got {labels[0]} alone.")
    area = bootstrap(y, p, ("auc",), threshold, groups, n_bootstrap, seed)["auc"]
    (curve,) = _curves(labels, probabilities, np.ones((1, len(labels))))
    scores = weighted_scores(labels, probabilities, None, ("specificity", "recall"), threshold)[0]
    found = {"x": curve[0], "y": curve[1], "area": area, "point": (float(1 - scores[0]), float(scores[1]))}
    recalls = [
        np.interp(_GRID, *resampled)
        for counts in resample_counts(check_groups(groups, labels), n_bootstrap, seed)
        for resampled in _curves(labels, probabilities, counts)
    ]
    if recalls:
        low, high = np.quantile(recalls, (0.025, 0.975), axis=0)
        found |= {"low": np.interp(found["x"], _GRID, low), "high": np.interp(found["x"], _GRID, high)}
    return found


def _curves(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """List (false positive rates, recalls) of each weighting that holds both classes, highest p first."""
    order = np.argsort(-p, kind="stable")
    last_of_tie = np.flatnonzero(np.r_[np.diff(p[order]) != 0, True])
    hits = (weights[:, order] * y[order]).cumsum(axis=1)[:, last_of_tie]
    false = (weights[:, order] * (1 - y[order])).cumsum(axis=1)[:, last_of_tie]
    both = (hits[:, -1] > 0) & (false[:, -1] > 0)
    return [
        (np.r_[0, wrong / wrong[-1]], np.r_[0, right / right[-1]])
        for right, wrong in zip(hits[both], false[both], strict=True)
    ]
