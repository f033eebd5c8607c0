"""Scores of predictions with intervals over patients, calibration, and results by subgroup.

`compare_cam`, what a model costs, is loaded when it is asked for, since it needs Keras.
"""

from signalcam import loaded_when_asked
from signalcam.evaluation.bootstrap import Estimate, bootstrap, evaluate, mean_table, paired_difference
from signalcam.evaluation.curves import choose_threshold, fit_platt, reliability, roc
from signalcam.evaluation.metrics import METRICS, confusion, score
from signalcam.evaluation.multilabel import evaluate_multilabel
from signalcam.evaluation.subgroups import by_diagnosis, by_label_rule, by_subgroup, describe_subgroups

__all__ = [
    "METRICS", "Estimate", "bootstrap", "by_diagnosis", "by_label_rule", "by_subgroup",
    "choose_threshold", "compare_cam", "confusion", "describe_subgroups", "evaluate",
    "evaluate_multilabel", "fit_platt", "mean_table", "paired_difference", "reliability", "roc",
    "score",
]  # fmt: skip
__getattr__ = loaded_when_asked(__name__, {"complexity": ["compare_cam"]})
