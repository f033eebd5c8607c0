"""Explanations of a classifier, and measures of how far to trust them.

`explain` makes maps by any of `METHODS`; `assessment` asks whether they are faithful, sane, stable, and
where the lesion is; `assess` asks all of it at once.
"""

from signalcam.explanation.assessment.assess import Assessment, Plan, assess
from signalcam.explanation.assessment.faithfulness import Faithfulness, Perturbation, faithfulness
from signalcam.explanation.assessment.localisation import localise, smooth
from signalcam.explanation.assessment.records import ExplainedRecords, records_of
from signalcam.explanation.assessment.sanity import (
    label_randomisation,
    retrain_on_shuffled_labels,
    weight_randomisation,
)
from signalcam.explanation.assessment.stability import agreement, noise_stability, shift_stability
from signalcam.explanation.assessment.tables import mean_estimate, mean_table, sanity_table
from signalcam.explanation.beats import beat_average, find_r_peaks, part_shares
from signalcam.explanation.cam import cell_evidence, compare_variant
from signalcam.explanation.methods import METHODS, MapMaker, explain, explain_leads
from signalcam.explanation.network import Network, logit_function
from signalcam.explanation.occlusion import occlude_leads
from signalcam.explanation.perturbation import REPLACEMENTS, replace

__all__ = [
    "METHODS",
    "REPLACEMENTS",
    "Assessment",
    "Faithfulness",
    "MapMaker",
    "Network",
    "Perturbation",
    "Plan",
    "ExplainedRecords",
    "agreement",
    "assess",
    "beat_average",
    "cell_evidence",
    "compare_variant",
    "explain",
    "explain_leads",
    "faithfulness",
    "find_r_peaks",
    "label_randomisation",
    "localise",
    "logit_function",
    "mean_estimate",
    "mean_table",
    "noise_stability",
    "occlude_leads",
    "part_shares",
    "records_of",
    "replace",
    "retrain_on_shuffled_labels",
    "sanity_table",
    "shift_stability",
    "smooth",
    "weight_randomisation",
]
