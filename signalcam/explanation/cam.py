"""The class activation map as evidence: signed, per class, its mean over time equal to the logit.

B. Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equations 1 and 2. The
variant of R. Augustauskas et al., EMBC 2025, takes the maps of the last convolution, before BatchNorm and
activation; here it
serves for comparison, with two numbers: how alike the two maps are, and how far its mean misses the logit.
"""

import numpy as np
import pandas as pd
import tensorflow as tf

from signalcam.explanation.network import BATCH_SIZE, as_network, check_class, check_scaled, in_batches


def cell_evidence(model, signals, class_index=0, features="activation", batch_size=BATCH_SIZE):
    """Compute the evidence for one class, cell by cell.

    Args:
        model: classifier from scaled signals to probabilities (`build_model`).
        signals: scaled signals, (record, time, lead).
        class_index: the class explained.
        features: "activation" for the exact map, "convolution" for the paper's.
        batch_size: records a forward pass.

    Returns:
        (evidence, logit): float32 (record, cell) and (record,). For "activation" the mean of the evidence
        over the cells is the logit.
    """
    network = as_network(model)
    class_index, signals = check_class(network, class_index), check_scaled(network, signals)

    def build():
        outputs = network.outputs(features)
        both = network.submodel([outputs["evidence"], outputs["logit"]])

        def forward(x):
            evidence, logit = both(x, training=False)
            return tf.concat([evidence[..., class_index], logit[:, class_index, None]], axis=1)

        return forward

    forward = network.compiled(("evidence", features, class_index), build)
    joined = in_batches(forward, signals, batch_size)
    return joined[:, :-1], joined[:, -1]


def upsample(cells, n_times):
    """Spread values of cells over samples: linear between their centres, constant beyond the outermost.

    Cell ``j`` of ``n`` covers the samples from ``j * n_times / n`` on, ``n_times / n`` of them. The mean
    over time is kept, so evidence still sums to the logit.

    Args:
        cells: (record, cell).
        n_times: samples of the signal.

    Returns:
        float32 (record, n_times).

    >>> upsample(np.array([[0.0, 1.0]]), 4)
    array([[0.  , 0.25, 0.75, 1.  ]], dtype=float32)
    """
    cells = np.asarray(cells, dtype=np.float64)
    n_cells = cells.shape[-1]
    position = np.clip((np.arange(n_times) + 0.5) * n_cells / n_times - 0.5, 0, n_cells - 1)
    left = np.minimum(position.astype(int), max(n_cells - 2, 0))
    right = np.minimum(left + 1, n_cells - 1)
    part = position - left
    return (cells[..., left] * (1 - part) + cells[..., right] * part).astype(np.float32)


def cam(model, signals, class_index=0, features="activation", batch_size=BATCH_SIZE):
    """Compute the evidence of one class over time: float32 (record, time), its mean over time the logit."""
    network = as_network(model)
    cells, _ = cell_evidence(network, signals, class_index, features, batch_size)
    return upsample(cells, network.n_times)


def heatmap(relevance):
    """Scale each record's relevance to [0, 1] by its own extremes; a constant map gives zeros.

    Args:
        relevance: (record, time).

    Returns:
        float32 (record, time).
    """
    relevance = np.asarray(relevance, dtype=np.float32)
    lowest = relevance.min(axis=1, keepdims=True)
    spread = relevance.max(axis=1, keepdims=True) - lowest
    return np.divide(relevance - lowest, spread, out=np.zeros_like(relevance), where=spread > 0)


def compare_variant(model, signals, class_index=0, batch_size=BATCH_SIZE):
    """Compare the paper's map (before BatchNorm and activation) with the exact one, record by record.

    Returns:
        DataFrame, one row a record: ``correlation`` (Pearson, over cells; NaN for a constant map),
        ``logit``, ``exact_error`` and ``variant_error`` (mean of the map minus the logit).
    """
    model = as_network(model)
    exact, logit = cell_evidence(model, signals, class_index, "activation", batch_size)
    variant, _ = cell_evidence(model, signals, class_index, "convolution", batch_size)
    return pd.DataFrame(
        {
            "correlation": row_correlation(exact, variant),
            "logit": logit,
            "exact_error": exact.mean(axis=1) - logit,
            "variant_error": variant.mean(axis=1) - logit,
        }
    )


def row_correlation(first, second):
    """Correlate two maps record by record (Pearson): float64 (record,), NaN where either is constant."""
    first = np.asarray(first, dtype=np.float64)
    second = np.asarray(second, dtype=np.float64)
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    scale = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide((first * second).sum(axis=1), scale, out=np.full(len(first), np.nan), where=scale > 0)
