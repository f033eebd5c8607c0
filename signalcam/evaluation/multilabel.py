"""Results of a model with several classes that a record may have together: by class, and their mean."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.bootstrap import check_groups, percentile_estimate, score_replicates
from signalcam.evaluation.metrics import check_labels, check_probabilities, check_same_index, check_threshold
from signalcam.evaluation.subgroups import flat_row, too_few

CLASS_METRICS = ("auc", "average_precision", "accuracy", "recall", "specificity")


def evaluate_multilabel(
    y: ArrayLike,
    p: ArrayLike,
    class_names: Sequence[str],
    threshold: float | Sequence[float] = 0.5,
    groups: ArrayLike | None = None,
    min_per_class: int = 1,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score each class, and the macro mean over the classes that have a score.

    Args:
        y, p: labels of 0 and 1, and probabilities in [0, 1], both (record, class).
        class_names: of the columns, in order; those of `y` and `p` must agree where these are DataFrames.
        threshold: one, or one a class.
        groups, n_bootstrap, seed: as in `evaluate`.
        min_per_class: a class with fewer records with or without it has NaN, and does not enter the mean.

    Returns:
        DataFrame, index the classes, then "macro", whose reason says over how many classes; its resamples of
        patients are the same for all classes. Columns as in `score_row`.

    Raises:
        ValueError: on NaN, on other shapes and class names.
    """
    class_names = [str(name) for name in class_names]
    labels, probabilities, thresholds = _check(y, p, class_names, threshold)
    clusters, n_classes = check_groups(groups, y), len(class_names)
    # The last row is the mean. A resample that lacks one of its classes has none: NaN, skipped.
    values = np.full((n_classes + 1, len(CLASS_METRICS)), np.nan)
    replicates = np.full((n_classes + 1, n_bootstrap, len(CLASS_METRICS)), np.nan)
    reasons = [too_few(column, min_per_class) for column in labels.T]
    scored = [k for k, reason in enumerate(reasons) if not reason]
    for k in scored:
        one = (labels[:, k], probabilities[:, k], CLASS_METRICS, thresholds[k])
        values[k], replicates[k] = score_replicates(*one, clusters, n_bootstrap, seed)
    if scored:
        values[-1], replicates[-1] = values[scored].mean(axis=0), replicates[scored].mean(axis=0)
    reasons.append(f"over {len(scored)} of {n_classes} classes")
    rows = []
    for k, truth in enumerate([*labels.T, labels.any(axis=1)]):
        columns = zip(CLASS_METRICS, values[k], replicates[k].T, strict=True)
        estimates = {metric: percentile_estimate(*found, clusters) for metric, *found in columns}
        rows.append(flat_row(truth, clusters, estimates, reasons[k]))
    return pd.DataFrame(rows, index=pd.Index([*class_names, "macro"], name="class"))


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
