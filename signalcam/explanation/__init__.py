"""Explanations of a classifier by any of `METHODS`, and measures of how far to trust them."""

from signalcam.explanation.assessment.assess import Assessment, Plan, assess
from signalcam.explanation.assessment.faithfulness import Faithfulness, Perturbation, faithfulness
from signalcam.explanation.assessment.records import ExplainedRecords, records_of
from signalcam.explanation.assessment.report import explain_report, summary_table, write_report
from signalcam.explanation.assessment.sanity import sanity_table, weight_randomisation
from signalcam.explanation.assessment.tables import mean_table
from signalcam.explanation.methods import METHODS, MapMaker, explain, explain_leads
from signalcam.explanation.network import Network

__all__ = [
    "METHODS",
    "Assessment",
    "ExplainedRecords",
    "Faithfulness",
    "MapMaker",
    "Network",
    "Perturbation",
    "Plan",
    "assess",
    "explain",
    "explain_leads",
    "explain_report",
    "faithfulness",
    "mean_table",
    "records_of",
    "sanity_table",
    "summary_table",
    "weight_randomisation",
    "write_report",
]
