"""Explanations of a classifier by any of `METHODS`, and measures of how far to trust them."""

from signalcam.evaluation import mean_table
from signalcam.explanation.assessment.assess import Plan
from signalcam.explanation.assessment.faithfulness import Perturbation, faithfulness
from signalcam.explanation.assessment.report import explain_report, summary_table
from signalcam.explanation.assessment.sanity import sanity_table, weight_randomisation
from signalcam.explanation.methods import METHODS, MapMaker, explain, explain_leads
from signalcam.explanation.network import Network

__all__ = [
    "METHODS",
    "MapMaker",
    "Network",
    "Perturbation",
    "Plan",
    "explain",
    "explain_leads",
    "explain_report",
    "faithfulness",
    "mean_table",
    "sanity_table",
    "summary_table",
    "weight_randomisation",
]
