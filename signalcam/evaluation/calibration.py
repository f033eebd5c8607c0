"""From a score to a probability one can act on: reliability, calibration, and the threshold for a stated aim.

Reliability and expected calibration error (ECE): Naeini et al., AAAI 2015. Fit slope, intercept and threshold
on the validation split, report on the test split: on the records they were fitted to, they flatter.
"""

import re

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from signalcam.evaluation.metrics import (
    bin_edges,
    bin_positions,
    calibration_gaps,
    check_labels,
    check_predictions,
)


def reliability(y: ArrayLike, p: ArrayLike, n_bins: int = 10) -> pd.DataFrame:
    """Tabulate the reliability curve: what the model predicted beside what was observed, bin by bin.

    Args:
        y: labels, (record,) of 0 and 1.
        p: probabilities, (record,) in [0, 1].
        n_bins: bins of equal width.

    Returns:
        DataFrame, one row a bin: bin_low, bin_high (a bin holds bin_low <= p < bin_high, the last one 1 as
        well), predicted (mean p), observed (share of positives), low, high (95 % Wilson interval of observed,
        as for independent records), n. Empty bins have n = 0 and NaN.

    Raises:
        ValueError: on NaN, `y` and `p` of different records.
    """
    y, p = check_predictions(y, p)
    edges = bin_edges(n_bins)
    positions = bin_positions(p, edges)
    n = np.bincount(positions, minlength=len(edges) - 1)
    share = np.where(n > 0, 1 / np.maximum(n, 1), np.nan)
    observed = np.bincount(positions, y, minlength=len(n)) * share
    low, high = wilson_interval(observed, n)
    return pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "predicted": np.bincount(positions, p, minlength=len(n)) * share,
            "observed": observed,
            "low": low,
            "high": high,
            "n": n,
        }
    )


def wilson_interval(share: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high) of Wilson's 95 % interval for shares of n independent records; NaN where n is 0."""
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    z = norm.ppf(0.975)
    n = np.where(n > 0, n, np.nan)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def expected_calibration_error(y: ArrayLike, p: ArrayLike, n_bins: int = 10) -> float:
    """Return the mean distance of predicted and observed share over bins of equal width, 0 to 1.

    Args, Raises: as in `reliability`.
    """
    y, p = check_predictions(y, p)
    return float(calibration_gaps(y, p, np.ones((1, len(y))), n_bins)[0] / len(y))


def fit_platt(y: ArrayLike, logit: ArrayLike) -> tuple[float, float]:
    """Find slope and intercept that make sigmoid(slope * logit + intercept) most likely.

    Platt, "Probabilistic outputs for support vector machines", 1999. A positive slope keeps the order of the
    records, so the AUC stays.

    Args:
        y: labels, (record,) of 0 and 1.
        logit: (record,), finite numbers.

    Returns:
        Slope and intercept.

    Raises:
        ValueError: on NaN, on other shapes, on labels of one class only.
    """
    labels, logit = check_labels(y), np.asarray(logit, dtype=np.float64)
    if logit.shape != labels.shape:
        raise ValueError(f"logit must have the shape of the labels, {labels.shape}, got {logit.shape}.")
    bad = int((~np.isfinite(logit)).sum())
    if bad:
        raise ValueError(
            f"logit must be finite, got {bad} of {logit.size} values that are NaN or infinite. "
            "Leave these records out."
        )
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
        y, p: as in `reliability`.
        aim: "youden" (sensitivity + specificity - 1), "f1", "accuracy"; or a bound, "sensitivity>=0.9" (the
            most specific threshold that keeps it), "specificity>=0.9" (the most sensitive one),
            "precision>=0.9" (the most sensitive one).

    Raises:
        ValueError: on an unknown aim, on one class only, and on a bound out of reach, with the best there is.
    """
    y, p = check_predictions(y, p)
    name, bound = _parse_aim(aim)
    if y.min() == y.max():
        raise ValueError(
            f"y must hold both classes for a threshold, got {len(y)} records that are all {y[0]}."
        )
    candidates = _candidates(p)
    table = _scores_by_threshold(y, p, candidates)
    if bound is not None:
        kept = table[name] >= bound
        if not kept.any():
            best = table[name].max()
            raise ValueError(f"aim must be within reach, got {aim!r}; the best here is {best:.3f}.")
        goal = table["specificity" if name == "recall" else "recall"].where(kept)
    else:
        goal = table["recall"] + table["specificity"] if name == "youden" else table[name]
    best = candidates[np.isclose(goal, goal.max(), rtol=0, atol=1e-12)]
    return float(best[np.argmin(np.abs(best - 0.5))])


def _candidates(p: np.ndarray):
    values = np.unique(np.r_[0.0, p, 1.0])
    middle = (values[:-1] + values[1:]) / 2
    # Between neighbours that floating point cannot part, the upper one serves. At 0 all are positive.
    return np.r_[0.0, np.where(middle > values[:-1], middle, values[1:])]


def _scores_by_threshold(y: np.ndarray, p: np.ndarray, thresholds: np.ndarray):
    """Return the table of scores, one row a threshold, from counts of sorted probabilities."""
    positives, negatives = np.sort(p[y == 1]), np.sort(p[y == 0])
    hit = len(positives) - np.searchsorted(positives, thresholds)
    false = len(negatives) - np.searchsorted(negatives, thresholds)
    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "recall": hit / len(positives),
                "specificity": 1 - false / len(negatives),
                "precision": hit / (hit + false),
                "f1": 2 * hit / (len(positives) + hit + false),
                "accuracy": (hit + len(negatives) - false) / len(p),
            }
        )


def _parse_aim(aim: str):
    if aim in ("youden", "f1", "accuracy"):
        return aim, None
    scores, number = "sensitivity|recall|specificity|precision", r"0?\.\d+|1(?:\.0*)?|0"
    match = re.fullmatch(rf"\s*({scores})\s*>=\s*({number})\s*", str(aim))
    if not match:
        raise ValueError(
            "aim must be 'youden', 'f1', 'accuracy', or a bound such as 'sensitivity>=0.9' on sensitivity, "
            f"specificity or precision, got {aim!r}."
        )
    return match[1].replace("sensitivity", "recall"), float(match[2])
