"""Results with their uncertainty: the public face of metrics, intervals, calibration and subgroups.

All functions take labels `y` (1 = abnormal, or the class present) and probabilities `p`, and say "not
available" (NaN, with the reason) where the records do not allow a score.
"""

import pandas as pd

from signalcam.evaluation.bootstrap import Estimate, bootstrap, paired_difference
from signalcam.evaluation.calibration import (
    apply_temperature,
    brier_score,
    choose_threshold,
    expected_calibration_error,
    fit_temperature,
    reliability,
    threshold_table,
)
from signalcam.evaluation.curves import precision_recall, roc
from signalcam.evaluation.delong import delong, delong_test
from signalcam.evaluation.metrics import METRICS, check_predictions, check_threshold, score
from signalcam.evaluation.multilabel import evaluate_multilabel
from signalcam.evaluation.subgroups import by_diagnosis, by_label_rule, by_subgroup, describe_subgroups

__all__ = [
    "METRICS",
    "Estimate",
    "apply_temperature",
    "bootstrap",
    "brier_score",
    "by_diagnosis",
    "by_label_rule",
    "by_subgroup",
    "choose_threshold",
    "confusion",
    "delong",
    "delong_test",
    "describe_subgroups",
    "evaluate",
    "evaluate_multilabel",
    "expected_calibration_error",
    "fit_temperature",
    "paired_difference",
    "precision_recall",
    "reliability",
    "roc",
    "score",
    "threshold_table",
]


def confusion(y, p, threshold: float = 0.5, class_names=("normal", "abnormal")) -> pd.DataFrame:
    """Return the 2 x 2 counts, int64: rows the true class, columns the predicted one, negative first.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; a record is called positive when p >= threshold. Shares
    of each true class: `counts.div(counts.sum(axis=1), axis=0)`. ValueError on NaN, on different lengths.
    """
    y, p = check_predictions(y, p)
    called = p >= check_threshold(threshold)
    counts = [[int(((y == true) & (called == guess)).sum()) for guess in (0, 1)] for true in (0, 1)]
    return pd.DataFrame(
        counts, index=pd.Index(class_names, name="true"), columns=pd.Index(class_names, name="predicted")
    )


def evaluate(
    y,
    p,
    threshold: float = 0.5,
    groups=None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    metrics=METRICS,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Return a table of scores, one row each, with intervals from a bootstrap over patients.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; groups: patient ids (record,), without which records
    count as independent. Columns: value, low, high (float, NaN = not available), n (records), n_groups
    (patients), skipped (resamples without the score), reason (why there is no value). ValueError on NaN and
    on different lengths.
    """
    estimates = bootstrap(y, p, metrics, threshold, groups, n_bootstrap, seed, confidence)
    columns = ["value", "low", "high", "n", "n_groups", "skipped", "reason"]
    rows = [[getattr(estimate, column) for column in columns] for estimate in estimates.values()]
    return pd.DataFrame(rows, index=pd.Index(estimates, name="metric"), columns=columns)
