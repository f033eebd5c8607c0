"""The class activation map as evidence: signed, per class, its mean over time equal to the logit.

B. Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equations 1 and 2. The
variant of R. Augustauskas et al., EMBC 2025, takes the maps before BatchNorm and activation, for comparison.
"""

from functools import partial

import keras
import numpy as np
from numpy.typing import ArrayLike

from signalcam.explanation.network import AnyModel, as_network, check_class, check_scaled


def cell_evidence(
    model: AnyModel,
    signals: ArrayLike,
    class_index: int = 0,
    features: str = "activation",
    output: str = "evidence",
) -> np.ndarray:
    """Compute the evidence for one class, cell by cell: float32 (record, cell).

    Args:
        model, signals, class_index: as in `explain`.
        features: "activation" for the exact map, with the logit as its mean, "convolution" for the paper's.
        output: of `add_cam`; "lead_evidence" for (record, cell, row).
    """
    network = as_network(model)
    class_index, signals = check_class(network, class_index), check_scaled(network, signals)

    def build() -> keras.Model:
        return network.submodel(network.outputs(features)[output][..., class_index])

    return network.in_batches(network.compiled((output, features, class_index), build), signals)


def upsample(cells: ArrayLike, n_times: int, cell_length: float | None = None) -> np.ndarray:
    """Spread cells over samples as the model's own heatmap does: linearly between the centres of the cells.

    Args:
        cells: (record, cell) or (record, cell, lead).
        n_times, cell_length: samples of the record, and of a cell, ``n_times // n_cells`` by default.

    Returns:
        float32 (record, n_times) or (record, n_times, lead).
    """
    cells = np.asarray(cells, dtype=np.float32)
    centres = (np.arange(cells.shape[1]) + 0.5) * (cell_length or n_times // cells.shape[1]) - 0.5
    between = partial(np.interp, np.arange(n_times), centres)
    return np.apply_along_axis(between, 1, cells).astype(np.float32)


def cam(model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object) -> np.ndarray:
    """Compute the evidence of one class over time: float32 (record, time), its mean over time the logit.

    Args, Raises: as in `cell_evidence`.
    """
    return upsample(cell_evidence(model, signals, class_index, **options), np.shape(signals)[1])


def lead_cam(model: AnyModel, signals: ArrayLike, class_index: int = 0) -> np.ndarray:
    """Compute the evidence of one class over time and leads, of a network whose CAM has a lead axis.

    Args: as in `explain`.

    Returns:
        float32 (record, time, row): a row for each lead and, last, one for what only the leads together
        show; their sum is `cam`.

    Raises:
        ValueError: for a network whose CAM has no lead axis; else as in `explain`.
    """
    network = as_network(model)
    if "lead_evidence" not in network.outputs():
        found = f"{network.model.name!r}, whose CAM says when but not in which lead"
        advice = "Take a network of the kind 'leadwise', or another method."
        raise ValueError(f"model must have a CAM with a lead axis, got {found}. {advice}")
    return upsample(
        cell_evidence(network, signals, class_index, output="lead_evidence"), np.shape(signals)[1]
    )
