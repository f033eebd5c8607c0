"""Explanations of a classifier, and measures of how far to trust them.

`evidence`, `gradients`, `occlusion` make the maps, `methods` gives all of them one interface;
`faithfulness` asks whether the evidence is where the model looks, `localisation` whether it is where the
lesion is, `sanity` whether a map depends on what was learnt, `agreement` whether methods agree and maps
stay, `beats` where in the beat the evidence lies.
"""

from signalcam.explanation.assessment.faithfulness import (
    Faithfulness,
    Perturbation,
    faithfulness,
    perturbation_curve,
    segment_order,
)
from signalcam.explanation.assessment.localisation import is_full_time, localise, smooth, span_mask
from signalcam.explanation.assessment.sanity import (
    label_randomisation,
    retrain_on_shuffled_labels,
    weight_randomisation,
)
from signalcam.explanation.assessment.stability import (
    agreement,
    noise_stability,
    rank_correlation,
    shift_stability,
)
from signalcam.explanation.assessment.summary import mean_estimate, mean_table
from signalcam.explanation.beats import PARTS, beat_average, beat_parts, cut_beats, find_r_peaks, part_shares
from signalcam.explanation.cam import (
    cam,
    cell_evidence,
    compare_variant,
    heatmap,
    row_correlation,
    upsample,
)
from signalcam.explanation.gradients import grad_cam, gradient_x_input, input_gradient, integrated_gradients
from signalcam.explanation.methods import METHODS, MapMaker, explain, explain_leads
from signalcam.explanation.network import Network, classifier_of, logit_function
from signalcam.explanation.occlusion import occlude_leads, occlude_time, occlude_time_and_leads
from signalcam.explanation.perturbation import REPLACEMENTS, replace

__all__ = [
    "Faithfulness",
    "METHODS",
    "MapMaker",
    "Network",
    "PARTS",
    "Perturbation",
    "REPLACEMENTS",
    "agreement",
    "beat_average",
    "beat_parts",
    "cam",
    "cell_evidence",
    "classifier_of",
    "compare_variant",
    "cut_beats",
    "explain",
    "explain_leads",
    "faithfulness",
    "find_r_peaks",
    "grad_cam",
    "gradient_x_input",
    "heatmap",
    "input_gradient",
    "integrated_gradients",
    "is_full_time",
    "label_randomisation",
    "localise",
    "logit_function",
    "mean_estimate",
    "mean_table",
    "noise_stability",
    "occlude_leads",
    "occlude_time",
    "occlude_time_and_leads",
    "part_shares",
    "perturbation_curve",
    "rank_correlation",
    "replace",
    "retrain_on_shuffled_labels",
    "row_correlation",
    "segment_order",
    "shift_stability",
    "smooth",
    "span_mask",
    "upsample",
    "weight_randomisation",
]
