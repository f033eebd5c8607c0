"""Results of a model with several classes that a record may have together: by class, and their mean."""

import numpy as np
import pandas as pd

from signalcam.evaluation.bootstrap import (
    bootstrap_replicates,
    check_groups,
    check_n_bootstrap,
    percentile_estimate,
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
from signalcam.evaluation.subgroups import flat_row, flat_scores, too_few

CLASS_METRICS = ("auc", "average_precision", "accuracy", "recall", "specificity")


def evaluate_multilabel(
    y,
    p,
    class_names,
    threshold=0.5,
    groups=None,
    metrics=CLASS_METRICS,
    min_per_class: int = 1,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the scores of each class, and the macro mean over the classes that have them.

    y: (record, class) of 0 and 1; p: (record, class) in [0, 1]; class_names: in the order of the columns, and
    checked against the columns of y and p where these are DataFrames; threshold: one, or one a class;
    groups: patient ids (record,). A class with fewer than `min_per_class` records with or without it has
    NaN, never 0, and does not enter the mean. Index: the classes, then "macro", whose reason says over how
    many classes; its interval takes the same resamples of patients for all classes. Columns: n, n_groups
    (patients), n_positive, n_negative, each metric with `_low` and `_high`, reason. ValueError on NaN, on
    shapes and class names.
    """
    check_metrics(metrics)
    class_names = [str(name) for name in class_names]
    labels, probabilities, thresholds = _check(y, p, class_names, threshold)
    check_same_index(y, groups, "groups")
    patients = check_groups(groups, len(labels))
    n_groups = int(patients.max()) + 1
    values = np.full((len(class_names), len(metrics)), np.nan)
    replicates = np.full((len(class_names), check_n_bootstrap(n_bootstrap), len(metrics)), np.nan)
    rows = {}
    for index, name in enumerate(class_names):
        truth, guess, cut = labels[:, index], probabilities[:, index], thresholds[index]
        reason = too_few(truth, min_per_class)
        if not reason:
            values[index] = weighted_scores(truth, guess, np.ones((1, len(truth))), metrics, cut)[0]
            replicates[index] = bootstrap_replicates(truth, guess, metrics, cut, patients, n_bootstrap, seed)
            reasons = {metric: unavailable_reason(truth, guess, metric, cut) for metric in metrics}
            reason = "; ".join(f"{metric}: {why}" for metric, why in reasons.items() if why)
        estimates = _estimates(metrics, values[index], replicates[index], len(truth), n_groups)
        rows[name] = flat_row(truth, patients, estimates, reason)
    rows["macro"] = _macro_row(metrics, values, replicates, labels, n_groups)
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="class"))


def _macro_row(metrics, values, replicates, labels, n_groups):
    n, n_classes = labels.shape
    estimates, used = {}, {}
    for column, metric in enumerate(metrics):
        there = ~np.isnan(values[:, column])
        used[metric] = f"over {there.sum()} of {n_classes} classes"
        value, means = np.nan, np.empty(0)
        if there.any():
            value = values[there, column].mean()
            # A resample that lacks one of these classes has no mean over the same classes: NaN, skipped.
            means = replicates[there, :, column].mean(axis=0)
        estimates[metric] = percentile_estimate(value, means, n, n_groups)
    said = set(used.values())
    reason = said.pop() if len(said) == 1 else "; ".join(f"{metric} {text}" for metric, text in used.items())
    counts = {"n": n, "n_groups": n_groups, "n_positive": int(labels.any(axis=1).sum())}
    counts["n_negative"] = n - counts["n_positive"]
    return counts | flat_scores(estimates) | {"reason": reason}


def _estimates(metrics, values, replicates, n, n_groups):
    return {
        metric: percentile_estimate(values[column], replicates[:, column], n, n_groups)
        for column, metric in enumerate(metrics)
    }


def _check(y, p, class_names, threshold):
    """Return labels int8 and probabilities float64 (record, class), and one threshold a class."""
    for values, name in ((y, "y"), (p, "p")):
        if isinstance(values, pd.DataFrame) and list(map(str, values.columns)) != class_names:
            raise ValueError(
                f"{name}: expected the columns {', '.join(class_names)}, in this order; "
                f"got {', '.join(map(str, values.columns))}"
            )
    check_same_index(y, p, "p")
    labels, probabilities = np.asarray(y), np.asarray(p)
    expected = (len(labels), len(class_names))
    for values, name in ((labels, "y"), (probabilities, "p")):
        if values.shape != expected or not values.size:
            raise ValueError(f"{name}: expected shape (record, class) = {expected}, got {values.shape}")
    cuts = [threshold] * len(class_names) if np.isscalar(threshold) else list(threshold)
    if len(cuts) != len(class_names):
        raise ValueError(f"threshold: expected one, or {len(class_names)} (one a class), got {len(cuts)}")
    columns = range(len(class_names))
    return (
        np.stack([check_labels(labels[:, c], f"y, class {class_names[c]}") for c in columns], axis=1),
        np.stack(
            [check_probabilities(probabilities[:, c], name=f"p, class {class_names[c]}") for c in columns],
            axis=1,
        ),
        [check_threshold(cut) for cut in cuts],
    )
