"""Explanations of a classifier, and measures of how far to trust them.

`evidence`, `gradients`, `occlusion` make the maps, `methods` gives all of them one interface;
`faithfulness` asks whether the evidence is where the model looks, `localisation` whether it is where the
lesion is.
"""

from signalcam.explanation.evidence import (
    cam,
    cell_evidence,
    compare_variant,
    heatmap,
    row_correlation,
    upsample,
)
from signalcam.explanation.faithfulness import (
    Faithfulness,
    Perturbation,
    faithfulness,
    perturbation_curve,
    segment_order,
)
from signalcam.explanation.gradients import grad_cam, gradient_x_input, input_gradient, integrated_gradients
from signalcam.explanation.localisation import is_full_time, localise, smooth, span_mask
from signalcam.explanation.methods import METHODS, explain, explain_leads
from signalcam.explanation.network import logit_function
from signalcam.explanation.occlusion import occlude_leads, occlude_time, occlude_time_and_leads
from signalcam.explanation.replacement import REPLACEMENTS, replace
from signalcam.explanation.summary import mean_estimate, mean_table

__all__ = [
    "METHODS",
    "REPLACEMENTS",
    "Faithfulness",
    "Perturbation",
    "cam",
    "cell_evidence",
    "compare_variant",
    "explain",
    "explain_leads",
    "faithfulness",
    "grad_cam",
    "gradient_x_input",
    "heatmap",
    "input_gradient",
    "integrated_gradients",
    "is_full_time",
    "localise",
    "logit_function",
    "mean_estimate",
    "mean_table",
    "occlude_leads",
    "occlude_time",
    "occlude_time_and_leads",
    "perturbation_curve",
    "replace",
    "row_correlation",
    "segment_order",
    "smooth",
    "span_mask",
    "upsample",
]
