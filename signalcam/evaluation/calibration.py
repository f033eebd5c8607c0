"""From a score to a probability one can act on: reliability, temperature, and the threshold for a stated aim.

Reliability and expected calibration error (ECE): Naeini et al., AAAI 2015. Temperature scaling: Guo et al.,
"On Calibration of Modern Neural Networks", ICML 2017, section 4.2. Fit temperature and threshold on the
validation split, report on the test split: on the records they were fitted to, they flatter.
"""

import re
import warnings

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logsumexp
from scipy.stats import norm

from signalcam.evaluation.metrics import (
    bin_edges,
    bin_membership,
    check_labels,
    check_predictions,
    check_threshold,
    score,
)

AIMS = ("youden", "f1", "accuracy", "sensitivity>=0.9", "specificity>=0.9", "precision>=0.9")
_BOUNDED = {
    "sensitivity": "recall",
    "recall": "recall",
    "specificity": "specificity",
    "precision": "precision",
}
_TEMPERATURES = (0.05, 20.0)


def reliability(y, p, n_bins: int = 10, strategy: str = "uniform") -> pd.DataFrame:
    """Return the reliability curve: a row a bin, what the model said against what was so.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; strategy: "uniform" for bins of equal width, "quantile"
    for bins of about equal counts. Columns: bin_low, bin_high (edges; a bin holds bin_low <= p < bin_high,
    the last one 1 as well), predicted (mean p), observed (share of positives), low, high (95 % Wilson
    interval of observed, as for independent records), n. Empty bins have n = 0 and NaN. ValueError on NaN, on
    different lengths, on an unknown strategy.
    """
    y, p = check_predictions(y, p)
    edges = bin_edges(n_bins)
    if strategy == "quantile":
        edges = np.unique(np.r_[0.0, np.quantile(p, edges[1:-1]), 1.0])
    elif strategy != "uniform":
        raise ValueError(f"strategy: expected 'uniform' or 'quantile', got {strategy!r}")
    position = np.clip(np.searchsorted(edges, p, side="right") - 1, 0, len(edges) - 2)
    n = np.bincount(position, minlength=len(edges) - 1)
    share = np.where(n > 0, 1 / np.maximum(n, 1), np.nan)
    observed = np.bincount(position, y, minlength=len(n)) * share
    low, high = wilson_interval(observed, n)
    return pd.DataFrame(
        {
            "bin_low": edges[:-1],
            "bin_high": edges[1:],
            "predicted": np.bincount(position, p, minlength=len(n)) * share,
            "observed": observed,
            "low": low,
            "high": high,
            "n": n,
        }
    )


def wilson_interval(share, n, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return (low, high) of Wilson's interval for shares of n independent records; NaN where n is 0."""
    share, n = np.asarray(share, dtype=float), np.asarray(n, dtype=float)
    z = norm.ppf(0.5 + confidence / 2)
    n = np.where(n > 0, n, np.nan)
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


def expected_calibration_error(y, p, n_bins: int = 10) -> float:
    """Return the mean distance of stated and observed share over bins of equal width, weighted by records."""
    y, p = check_predictions(y, p)
    return float(np.abs((bin_membership(p, n_bins) * (p - y)[:, None]).sum(axis=0)).sum() / len(y))


def brier_score(y, p) -> float:
    """Return the mean squared distance of probability and label (Brier 1950, for the positive class)."""
    return score(y, p, "brier")


def fit_temperature(y, logit, exclusive: bool = False) -> float:
    """Return the temperature T that makes sigmoid(logit / T) most likely; T > 1 tones confidence down.

    y: (record,) or (record, class) of 0 and 1; logit: the same shape, any finite numbers. With several
    classes one T serves all. exclusive: softmax over classes in place of sigmoids. T keeps the order of the
    records, so the AUC stays. Warns where T ends at the limit of 0.05 or 20, as with classes that the logits
    separate without fault. ValueError on NaN, on shapes, on labels of one class only.
    """
    logit = np.asarray(logit, dtype=np.float64)
    labels = np.asarray(y)
    if labels.ndim == 1 and logit.shape == (len(labels), 1):
        logit = logit[:, 0]
    if labels.shape != logit.shape or labels.size == 0:
        raise ValueError(f"logit: expected the shape of the labels, {labels.shape}, got {logit.shape}")
    if not np.isfinite(logit).all():
        bad = int((~np.isfinite(logit)).sum())
        raise ValueError(f"logit: {bad} of {logit.size} values are NaN or infinite; leave these records out")
    labels = check_labels(labels.ravel()).reshape(labels.shape)
    if labels.min() == labels.max():
        raise ValueError(f"y: a temperature needs both labels, all {labels.size} are {labels.flat[0]}")
    if exclusive and (labels.ndim != 2 or (labels.sum(axis=1) != 1).any()):
        raise ValueError("y: exclusive classes need shape (record, class) with one class a record")

    def loss(log_temperature):
        scaled = logit / np.exp(log_temperature)
        if exclusive:
            return np.mean(logsumexp(scaled, axis=1) - (scaled * labels).sum(axis=1))
        return np.mean(np.logaddexp(0, scaled) - scaled * labels)

    bounds = np.log(_TEMPERATURES)
    best = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x
    if min(best - bounds[0], bounds[1] - best) < 1e-3:
        warnings.warn(
            f"the fitted temperature ends at its limit, {np.exp(best):.3g}: the logits separate the classes "
            "without fault, or say nothing about them; fit on more records",
            stacklevel=2,
        )
    return float(np.exp(best))


def apply_temperature(logit, temperature: float) -> np.ndarray:
    """Return sigmoid(logit / temperature), float64, of the shape of `logit`."""
    if not np.isfinite(temperature) or temperature <= 0:
        raise ValueError(f"temperature: expected a number above 0, got {temperature!r}")
    return expit(np.asarray(logit, dtype=np.float64) / temperature)


def choose_threshold(y, p, aim: str = "youden") -> float:
    """Return the threshold that serves a stated aim best on these records (p >= threshold is positive).

    aim: "youden" (sensitivity + specificity - 1), "f1", "accuracy"; or a bound, "sensitivity>=0.9" (the most
    specific threshold that keeps it), "specificity>=0.9" (the most sensitive one), "precision>=0.9" (the most
    sensitive one). Candidates lie midway between neighbouring probabilities, so that a rounding of the
    probabilities turns no decision; of equals, the one nearest to 0.5. ValueError on an unknown aim, on one
    class only, and on a bound out of reach, with the best that can be had.
    """
    y, p = check_predictions(y, p)
    threshold, best = _search_threshold(y, p, aim)
    if threshold is None:
        raise ValueError(f"aim: {aim!r} is out of reach; the best to be had on these records is {best:.3f}")
    return threshold


def threshold_table(y, p, aims=AIMS, thresholds=(0.5,)) -> pd.DataFrame:
    """Return what each threshold means: rows the fixed thresholds, then the aims; NaN for aims out of reach.

    Columns: threshold, recall, specificity, precision, f1, accuracy, on the records given; for the aims they
    are optimistic, since the thresholds were chosen on these records.
    """
    y, p = check_predictions(y, p)
    chosen = {f"threshold {value:g}": check_threshold(value) for value in thresholds}
    chosen |= {aim: _search_threshold(y, p, aim)[0] for aim in aims}
    values = np.array(list(chosen.values()), dtype=float)
    table = _scores_at(y, p, values)
    table.loc[np.isnan(values)] = np.nan
    table.insert(0, "threshold", values)
    return table.set_axis(pd.Index(chosen, name="aim"))


def _search_threshold(y, p, aim):
    """Return the best threshold, or None with the highest value of the bounded score."""
    name, bound = _parse_aim(aim)
    if y.min() == y.max():
        raise ValueError(f"y: a threshold needs both classes, all {len(y)} records are {y[0]}")
    candidates = _candidates(p)
    table = _scores_at(y, p, candidates)
    if bound is None:
        goal = table["recall"] + table["specificity"] if name == "youden" else table[name]
    elif (kept := table[name] >= bound).any():
        goal = table["specificity" if name == "recall" else "recall"].where(kept)
    else:
        return None, table[name].max()
    best = candidates[np.isclose(goal, goal.max(), rtol=0, atol=1e-12)]
    return float(best[np.argmin(np.abs(best - 0.5))]), goal.max()


def _candidates(p):
    values = np.unique(np.r_[0.0, p, 1.0])
    middle = (values[:-1] + values[1:]) / 2
    # Between neighbours that floating point cannot part, the upper one serves. 0 calls every record positive.
    return np.r_[0.0, np.where(middle > values[:-1], middle, values[1:])]


def _scores_at(y, p, thresholds):
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


def _parse_aim(aim):
    if aim in ("youden", "f1", "accuracy"):
        return aim, None
    match = re.fullmatch(r"\s*(\w+)\s*>=\s*(0?\.\d+|1(?:\.0*)?|0)\s*", str(aim))
    if not match or match[1] not in _BOUNDED:
        raise ValueError(
            f"aim: expected 'youden', 'f1', 'accuracy', or a bound such as 'sensitivity>=0.9' on "
            f"sensitivity, specificity or precision; got {aim!r}"
        )
    return _BOUNDED[match[1]], float(match[2])
