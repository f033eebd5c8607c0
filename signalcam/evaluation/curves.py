"""The curves of a classifier and what is read off them: ROC, reliability, calibration, threshold for an aim.

Fit slope, intercept and threshold on the validation split, report on the test split: on the records they were
fitted to, they flatter. A ROC curve is a dict that `signalcam.plotting` draws as it is.
"""

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression

from signalcam.evaluation.bootstrap import bootstrap, check_groups, resample_counts
from signalcam.evaluation.metrics import (
    check_labels,
    check_predictions,
    equal_bins,
    ranked_counts,
    refuse_nan,
    weighted_scores,
)

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

    Args, Raises: as in `evaluate`; labels of one class only are an error, too.

    Returns:
        dict: x (false positive rates) and y (recalls), float64 (point,); area (`Estimate` of the AUC); point
        (x and y at the threshold); low and high, as y, absent with n_bootstrap=0.
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


def reliability(y: ArrayLike, p: ArrayLike, n_bins: int = 10) -> pd.DataFrame:
    """Tabulate the reliability curve (M. Naeini et al., AAAI 2015): predicted beside observed, bin by bin.

    Args, Raises: as in `score`; `n_bins` of equal width.

    Returns:
        DataFrame, one row a bin: bin_low, bin_high (a bin holds bin_low <= p < bin_high, the last one 1 as
        well), predicted (mean p), observed (share of positives), low, high (95 % Wilson interval of observed,
        as for independent records), n. Empty bins have n = 0 and NaN.
    """
    y, p = check_predictions(y, p)
    edges, positions = equal_bins(p, n_bins)
    n, positives, predicted = (np.bincount(positions, values, n_bins) for values in (None, y, p))
    share = np.where(n > 0, 1 / np.maximum(n, 1), np.nan)
    intervals = [
        binomtest(int(k), int(m)).proportion_ci(method="wilson") if m else (np.nan, np.nan)
        for k, m in zip(positives, n, strict=True)
    ]
    table = pd.DataFrame({"bin_low": edges[:-1], "bin_high": edges[1:]})
    table = table.assign(predicted=predicted * share, observed=positives * share)
    table[["low", "high"]] = intervals
    return table.assign(n=n)


def fit_platt(y: ArrayLike, logit: ArrayLike) -> tuple[float, float]:
    """Find slope and intercept that make sigmoid(slope * logit + intercept) most likely (Platt, 1999).

    Args:
        y, logit: (record,), labels of 0 and 1, and finite numbers.

    Raises:
        ValueError: on NaN, on other shapes, on labels of one class only.
    """
    labels, logit = check_labels(y), np.asarray(logit, dtype=np.float64)
    if logit.shape != labels.shape:
        raise ValueError(f"logit must have the shape of the labels, {labels.shape}, got {logit.shape}.")
    refuse_nan(logit, "logit")
    if labels.min() == labels.max():
        raise ValueError(f"y must hold both labels for a calibration, got {labels[0]} alone.")
    # So weak a penalty that it matters only where the logits part the classes without fault.
    fitted = LogisticRegression(C=1e6, tol=1e-8, max_iter=1000).fit(logit[:, None], labels)
    return float(fitted.coef_[0, 0]), float(fitted.intercept_[0])


def choose_threshold(y: ArrayLike, p: ArrayLike, aim: str = "youden") -> float:
    """Find the threshold that serves a stated aim best on these records (p >= threshold is positive).

    Candidates lie midway between neighbouring probabilities, so that a rounding of the probabilities turns no
    decision; of equals, the one nearest to 0.5 is taken.

    Args:
        y, p: as in `score`.
        aim: "youden" (sensitivity + specificity - 1), "f1", "accuracy"; or a bound, "sensitivity>=0.9" (the
            most specific threshold that keeps it) or "specificity>=0.9" (the most sensitive one).

    Raises:
        ValueError: on an unknown aim, on one class only, and on a bound out of reach, with the best there is.
    """
    y, p = check_predictions(y, p)
    bound = re.fullmatch(r"(sensitivity|specificity)>=(0|1|0?\.\d+|1\.0*)", str(aim))
    if not bound and aim not in ("youden", "f1", "accuracy"):
        known = "'youden', 'f1', 'accuracy', or a bound such as 'sensitivity>=0.9'"
        raise ValueError(f"aim must be {known}, got {aim!r}.")
    if y.min() == y.max():
        raise ValueError(f"y must hold both classes for a threshold, got {y[0]} alone.")
    values = np.unique(np.r_[0.0, p, 1.0])
    middle = (values[:-1] + values[1:]) / 2
    # Between neighbours that floating point cannot part, the upper one serves. At 0 all are positive.
    candidates = np.r_[0.0, np.where(middle > values[:-1], middle, values[1:])]
    positives, negatives = np.sort(p[y == 1]), np.sort(p[y == 0])
    hits = len(positives) - np.searchsorted(positives, candidates)
    rejections = np.searchsorted(negatives, candidates)
    scores = {"sensitivity": hits / len(positives), "specificity": rejections / len(negatives)}
    if bound:
        kept = scores.pop(bound[1])
        if kept.max() < float(bound[2]):
            raise ValueError(f"aim must be within reach, got {aim!r}; the best here is {kept.max():.3f}.")
        (other,) = scores.values()
        goal = np.where(kept >= float(bound[2]), other, -1)
    elif aim == "f1":
        goal = 2 * hits / (len(positives) + hits + len(negatives) - rejections)
    else:
        goal = sum(scores.values()) if aim == "youden" else (hits + rejections) / len(p)
    best = candidates[np.isclose(goal, goal.max(), rtol=0, atol=1e-12)]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _curves(y: np.ndarray, p: np.ndarray, weights: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """List (false positive rates, recalls) of each weighting that holds both classes, highest p first."""
    return [
        (np.r_[0, false / false[-1]], np.r_[0, hits / hits[-1]])
        for hits, false in zip(*ranked_counts(y, p, weights), strict=True)
        if hits[-1] > 0 and false[-1] > 0
    ]
