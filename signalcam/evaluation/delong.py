"""DeLong's variance of the AUC, and the paired test of two AUCs on the same records, without resampling.

E. DeLong, D. DeLong, D. Clarke-Pearson, Biometrics 44 (1988) 837-845, equations 4 to 6; the structural
components come from ranks (Sun & Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393). With several
records a patient, the components of a patient are summed first: N. Obuchowski, Biometrics 53 (1997) 567-578.
With one record a patient the two are the same.
"""

import numpy as np
from scipy.stats import norm, rankdata

from signalcam.evaluation.bootstrap import Estimate, check_confidence, check_groups
from signalcam.evaluation.metrics import check_labels, check_probabilities, check_same_index


def delong(y, p, groups=None, confidence: float = 0.95) -> Estimate:
    """Return the AUC with DeLong's interval (normal approximation, cut at 0 and 1).

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; groups: patient ids (record,) or None. Not available
    (NaN, with the reason) with fewer than two records or patients of a class. ValueError on NaN and lengths.
    """
    auc, covariance, n_groups, reason = _aucs(y, {"p": p}, groups)
    if reason:
        return Estimate(np.nan, np.nan, np.nan, len(y), n_groups, reason=reason)
    half = _quantile(confidence) * np.sqrt(covariance[0, 0])
    low, high = np.clip([auc[0] - half, auc[0] + half], 0, 1)
    return Estimate(float(auc[0]), float(low), float(high), len(y), n_groups)


def delong_test(y, p_a, p_b, groups=None, confidence: float = 0.95) -> Estimate:
    """Return AUC(a) - AUC(b) on the same records, with interval and two-sided p value by DeLong's test.

    p_a, p_b: (record,) in [0, 1]; otherwise as `delong`. Two predictions of the same order give the
    difference 0 with p = 1.
    """
    auc, covariance, n_groups, reason = _aucs(y, {"p_a": p_a, "p_b": p_b}, groups)
    if reason:
        return Estimate(np.nan, np.nan, np.nan, len(y), n_groups, reason=reason)
    difference = float(auc[0] - auc[1])
    # Rounding leaves a variance of some 1e-19 where both order the records alike.
    variance = max(0.0, covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = np.sqrt(variance) if variance > 1e-15 else 0.0
    half = _quantile(confidence) * error
    if error > 0:
        p_value = float(2 * norm.sf(abs(difference) / error))
    else:
        p_value = 1.0 if abs(difference) < 1e-12 else 0.0
    return Estimate(difference, difference - half, difference + half, len(y), n_groups, p_value=p_value)


def _aucs(y, predictions, groups):
    """Return the AUCs (model,), their covariance (model, model), the number of groups, a reason for none."""
    labels = check_labels(y)
    positive = labels == 1
    clusters = check_groups(groups, len(labels))
    n_groups = int(clusters.max()) + 1
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    in_positive = len(np.unique(clusters[positive]))
    in_negative = len(np.unique(clusters[~positive]))
    if min(in_positive, in_negative) < 2:
        reason = f"{n_positive} positive and {n_negative} negative records, needs 2 of each"
        return None, None, n_groups, reason
    check_same_index(y, groups, "groups")
    aucs, of_positives, of_negatives = [], [], []
    for name, p in predictions.items():
        check_same_index(y, p, name)
        p = check_probabilities(p, len(labels), name)
        ranks = rankdata(p)
        wins = (ranks[positive] - rankdata(p[positive])) / n_negative
        losses = 1 - (ranks[~positive] - rankdata(p[~positive])) / n_positive
        auc = wins.mean()
        aucs.append(auc)
        of_positives.append(np.bincount(clusters[positive], wins - auc, minlength=n_groups))
        of_negatives.append(np.bincount(clusters[~positive], losses - auc, minlength=n_groups))
    of_positives, of_negatives = np.array(of_positives), np.array(of_negatives)
    s10 = of_positives @ of_positives.T * in_positive / (in_positive - 1) / n_positive
    s01 = of_negatives @ of_negatives.T * in_negative / (in_negative - 1) / n_negative
    s11 = of_positives @ of_negatives.T * n_groups / (n_groups - 1) / (n_positive * n_negative)
    return np.array(aucs), s10 / n_positive + s01 / n_negative + s11 + s11.T, n_groups, ""


def _quantile(confidence):
    return norm.ppf(0.5 + check_confidence(confidence) / 2)
