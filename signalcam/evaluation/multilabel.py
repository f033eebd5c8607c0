"""Results of a model with several classes that a record may have together: by class, and their mean."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.bootstrap import (
    check_groups,
    percentile_estimate,
    resample_counts,
    score_replicates,
)
from signalcam.evaluation.metrics import (
    check_labels,
    check_metrics,
    check_probabilities,
    check_same_index,
    check_threshold,
    unavailable_reason,
    weighted_scores,
)
from signalcam.evaluation.subgroups import flat_row, too_few

CLASS_METRICS = ("auc", "average_precision", "accuracy", "recall", "specificity")


def evaluate_multilabel(
    y: ArrayLike,
    p: ArrayLike,
    class_names: Sequence[str],
    threshold: float | Sequence[float] = 0.5,
    groups: ArrayLike | None = None,
    metrics: Sequence[str] = CLASS_METRICS,
    min_per_class: int = 1,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score each class, and the macro mean over the classes that have a score.

    Args:
        y: labels, (record, class) of 0 and 1.
        p: probabilities, (record, class) in [0, 1].
        class_names: of the columns, in order; those of `y` and `p` must agree where these are DataFrames.
        threshold: one, or one a class.
        groups, metrics, n_bootstrap, seed: as in `evaluate`.
        min_per_class: a class with fewer records with or without it has NaN, and does not enter the mean.

    Returns:
        DataFrame, index the classes, then "macro", whose reason says over how many classes; its resamples of
        patients are the same for all classes. Columns as in `score_row`.

    Raises:
        ValueError: on NaN, on other shapes and class names.
    """
    check_metrics(metrics)
    class_names = [str(name) for name in class_names]
    labels, probabilities, thresholds = _check(y, p, class_names, threshold)
    clusters = check_groups(groups, y)
    values = np.full((len(class_names), len(metrics)), np.nan)
    replicates = np.full((len(class_names), n_bootstrap, len(metrics)), np.nan)
    rows = {}
    for index, name in enumerate(class_names):
        one, cut = (labels[:, index], probabilities[:, index]), thresholds[index]
        if not (reason := too_few(one[0], min_per_class)):
            values[index] = weighted_scores(*one, None, metrics, cut)[0]
            draws = resample_counts(clusters, n_bootstrap, seed)
            replicates[index] = score_replicates(*one, draws, metrics, cut)
            reasons = {metric: unavailable_reason(*one, metric, cut) for metric in metrics}
            reason = "; ".join(f"{metric}: {why}" for metric, why in reasons.items() if why)
        columns = zip(metrics, values[index], replicates[index].T, strict=True)
        estimates = {metric: percentile_estimate(*found, clusters) for metric, *found in columns}
        rows[name] = flat_row(one[0], clusters, estimates, reason)
    estimates, used = {}, {}
    for k, metric in enumerate(metrics):
        scored = ~np.isnan(values[:, k])
        used[metric] = f"over {scored.sum()} of {len(class_names)} classes"
        mean, means = np.nan, np.empty(0)
        if scored.any():
            # A resample that lacks one of these classes has no mean over the same classes: NaN, skipped.
            mean, means = values[scored, k].mean(), replicates[scored, :, k].mean(axis=0)
        estimates[metric] = percentile_estimate(mean, means, clusters)
    alike = len(set(used.values())) == 1
    reason = used[metrics[0]] if alike else "; ".join(f"{metric} {text}" for metric, text in used.items())
    rows["macro"] = flat_row(labels.any(axis=1), clusters, estimates, reason)
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="class"))


def _check(y: ArrayLike, p: ArrayLike, class_names: list[str], threshold: float | Sequence[float]) -> tuple:
    """Return labels int8 and probabilities float64 (record, class), and one threshold a class."""
    checked = []
    n_classes = len(class_names)
    for values, name, check in ((y, "y", check_labels), (p, "p", check_probabilities)):
        if isinstance(values, pd.DataFrame) and list(map(str, values.columns)) != class_names:
            wanted, found = ", ".join(class_names), ", ".join(map(str, values.columns))
            raise ValueError(f"{name} must have the columns {wanted}, in this order, got {found}.")
        array, expected = np.asarray(values), (len(y), n_classes)
        if array.shape != expected or not array.size:
            raise ValueError(f"{name} must have the shape (record, class) = {expected}, got {array.shape}.")
        columns = [check(array[:, k], name=f"{name}, class {class_names[k]},") for k in range(n_classes)]
        checked.append(np.stack(columns, axis=1))
    check_same_index(y, p, "p")
    cuts = [threshold] * n_classes if np.isscalar(threshold) else list(threshold)
    if len(cuts) != n_classes:
        raise ValueError(f"threshold must be one, or {n_classes} (one a class), got {len(cuts)}.")
    return *checked, [check_threshold(cut) for cut in cuts]
