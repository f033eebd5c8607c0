"""Explanations by the gradient of the logit: for the input itself, along a path, and for the feature maps."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from signalcam.explanation.network import AnyModel, Network, as_network, check_class, check_scaled


def input_gradient(model: AnyModel, signals: ArrayLike, class_index: int = 0) -> np.ndarray:
    """Compute the gradient of the logit by each sample (arXiv:1312.6034): float32 (record, time, lead).

    Args, Raises: as in `explain`.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    return network.in_batches(_gradient_function(network, class_index), signals)


def gradient_x_input(model: AnyModel, signals: ArrayLike, class_index: int = 0) -> np.ndarray:
    """Multiply the input gradient by the signal (arXiv:1605.01713): float32 (record, time, lead).

    Args, Raises: as in `explain`.
    """
    return input_gradient(model, signals, class_index) * np.asarray(signals, dtype=np.float32)


def integrated_gradients(
    model: AnyModel,
    signals: ArrayLike,
    class_index: int = 0,
    baseline: ArrayLike | None = None,
    n_steps: int = 64,
) -> np.ndarray:
    """Average the gradient along the straight path from a baseline to the signal, times their difference.

    M. Sundararajan et al., ICML 2017, equation 1. The attributions of a record, float32 (record, time, lead),
    sum to ``logit(signals) - logit(baseline)`` as `n_steps` grows; each step is taken at its middle.

    Args:
        model, signals, class_index: as in `explain`.
        baseline: broadcasts to `signals`; None for zeros, under the scaling "standard" each lead's mean.
        n_steps: forward and backward passes a record, at least 1.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps}.")
    gradient = _gradient_function(network, class_index)
    baseline = np.zeros_like(signals) if baseline is None else np.broadcast_to(baseline, signals.shape)
    joined = np.stack([baseline.astype(np.float32), signals], axis=1)
    fractions = tf.constant((np.arange(n_steps) + 0.5) / n_steps, tf.float32)

    def path_average(pair: tf.Tensor) -> tf.Tensor:
        start, difference = pair[:, 0], pair[:, 1] - pair[:, 0]
        total = tf.zeros_like(start)
        for step in range(n_steps):
            total += gradient(start + fractions[step] * difference)
        return total / n_steps * difference

    return network.in_batches(path_average, joined)


def grad_cam(model: AnyModel, signals: ArrayLike, class_index: int = 0) -> np.ndarray:
    """Compute Grad-CAM on the maps that enter the average, without its last ReLU: float32 (record, cell).

    R. Selvaraju et al., ICCV 2017, equations 1 and 2. For this head, average pooling and one linear layer,
    the gradient is ``w_k / n_cells`` all over map ``k``: ``grad_cam * n_cells + bias`` is the exact evidence.

    Args, Raises: as in `explain`.
    """
    network = as_network(model)
    class_index, signals = check_class(network, class_index), check_scaled(network, signals)

    def build() -> Callable:
        to_logit = network.submodel(network.outputs()["logit"])
        average, classifier = to_logit.layers[-2:]
        to_maps = network.submodel(average.input)

        def compute(x: tf.Tensor) -> tf.Tensor:
            maps = to_maps(x, training=False)
            with tf.GradientTape() as tape:
                tape.watch(maps)
                logit = classifier(average(maps))[:, class_index]
            importance = tf.reduce_mean(tape.gradient(logit, maps), axis=1, keepdims=True)
            return tf.reduce_sum(importance * maps, axis=-1)

        return compute

    return network.in_batches(network.compiled(("grad_cam", class_index), build), signals)


def _gradient_function(network: Network, class_index: int) -> Callable:
    """Compile the gradient of one logit with respect to the signals: a batch to a batch of equal shape."""
    class_index = check_class(network, class_index)

    def build() -> Callable:
        to_logit = network.to_logit(class_index)

        def gradient(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                logit = to_logit(x, training=False)
            return tape.gradient(logit, x)

        return gradient

    return network.compiled(("gradient", class_index), build)
