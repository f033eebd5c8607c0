"""Scores of predictions with intervals over patients, calibration, and results by subgroup.

What the records allow no score for is NaN, with the reason. What a model costs is in `evaluation.complexity`.
"""

from signalcam.evaluation.bootstrap import Estimate, bootstrap, evaluate, paired_difference
from signalcam.evaluation.calibration import (
    choose_threshold,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from signalcam.evaluation.curves import roc
from signalcam.evaluation.latency import latency_table
from signalcam.evaluation.metrics import METRICS, confusion, score
from signalcam.evaluation.multilabel import evaluate_multilabel
from signalcam.evaluation.subgroups import by_diagnosis, by_label_rule, by_subgroup, describe_subgroups

__all__ = [
    "METRICS",
    "Estimate",
    "bootstrap",
    "by_diagnosis",
    "by_label_rule",
    "by_subgroup",
    "choose_threshold",
    "confusion",
    "describe_subgroups",
    "evaluate",
    "evaluate_multilabel",
    "expected_calibration_error",
    "fit_temperature",
    "latency_table",
    "paired_difference",
    "reliability",
    "roc",
    "score",
]
