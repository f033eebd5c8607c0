"""Explanations by the gradient of the logit: for the input itself, along a path, and for the feature maps."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from signalcam.explanation.cam import upsample
from signalcam.explanation.network import AnyModel, Network, as_network, check_class, check_scaled
from signalcam.model import source_of


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
    model: AnyModel, signals: ArrayLike, class_index: int = 0, n_steps: int = 64
) -> np.ndarray:
    """Average the gradient along the straight path from zeros to the signal, times the signal.

    M. Sundararajan et al., ICML 2017, equation 1. The attributions of a record, float32 (record, time, lead),
    sum to ``logit(signals) - logit(zeros)`` as `n_steps` grows; each step is taken at its middle.

    Args:
        model, signals, class_index: as in `explain`; zeros are each lead's mean under the rule "standard".
        n_steps: forward and backward passes a record, at least 1.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    if n_steps < 1:
        raise ValueError(f"n_steps must be at least 1, got {n_steps}.")
    gradient = _gradient_function(network, class_index)

    def path_average(x: tf.Tensor) -> tf.Tensor:
        return sum(gradient((step + 0.5) / n_steps * x) for step in range(n_steps)) / n_steps * x

    return network.in_batches(path_average, signals)


def grad_cam(
    model: AnyModel, signals: ArrayLike, class_index: int = 0, layer: str | None = None
) -> np.ndarray:
    """Compute Grad-CAM on the maps of a layer, without its last ReLU: float32 (record, cell).

    R. Selvaraju et al., ICCV 2017, equations 1 and 2. Where the maps enter average pooling and one linear
    layer, the gradient is ``w_k / n_cells`` all over map ``k``: ``grad_cam * n_cells + bias`` is the exact
    evidence.

    Args:
        model, signals, class_index: as in `explain`.
        layer: name of a layer with maps (record, cell, ...); None for the last convolution, after what
            follows it and keeps its shape, such as normalisation and activation.

    Raises:
        ValueError: for a layer that is not there or has no maps over time; else as in `explain`.
    """
    network = as_network(model)
    class_index, signals = check_class(network, class_index), check_scaled(network, signals)
    maps = _maps_of(network.model, layer)

    def build() -> Callable:
        to_both = network.submodel([maps, network.logit[:, class_index]])

        def compute(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                found, logit = to_both(x, training=False)
            inner = list(range(1, len(found.shape) - 1))
            importance = tf.reduce_mean(tape.gradient(logit, found), axis=inner, keepdims=True)
            return tf.reduce_sum(importance * found, axis=[*inner[1:], -1])

        return compute

    return network.in_batches(network.compiled(("grad_cam", layer, class_index), build), signals)


def guided_grad_cam(
    model: AnyModel, signals: ArrayLike, class_index: int = 0, layer: str | None = None
) -> np.ndarray:
    """Multiply guided backpropagation by what is positive in Grad-CAM: float32 (record, time, lead).

    R. Selvaraju et al., ICCV 2017, section 3.2; J. Springenberg et al., arXiv:1412.6806, section 3.4: on the
    way back, a rectifier lets only positive gradients through, and only where its own output is positive.

    Args, Raises: as in `grad_cam`.
    """
    network = as_network(model)
    cells, n_times = grad_cam(network, signals, class_index, layer), np.shape(signals)[1]
    back = network.in_batches(_gradient_function(network, class_index, guided=True), np.asarray(signals))
    return back * upsample(np.maximum(cells, 0), n_times, n_times / cells.shape[1])[..., None]


_RECTIFIERS, _GUIDED = ("Relu", "LeakyRelu", "Relu6", "Elu"), "SignalcamGuidedRectifier"


@tf.RegisterGradient(_GUIDED)
def _guided(operation: tf.Operation, gradient: tf.Tensor) -> tf.Tensor:
    return tf.where(operation.outputs[0] > 0, tf.maximum(gradient, 0), 0)


def _maps_of(model: keras.Model, name: str | None) -> keras.KerasTensor:
    """Return the maps of a layer, by default the last of the shape that the last convolution gives."""
    found, waiting = {}, [model.outputs[0]]
    for tensor in waiting:  # from the output backwards; grows on the way
        layer, inputs = source_of(tensor)
        if len(tensor.shape) > 2:
            found.setdefault(layer.name, (tensor, "Conv" in type(layer).__name__))
        waiting += [other for other in inputs if all(other is not known for known in waiting)]
    able = ", ".join(found) or "none"
    if name is None:
        shapes = [tensor.shape for tensor, convolves in found.values() if convolves]
        if not shapes:
            found = f"model {model.name!r} has none"
            raise ValueError(f"Grad-CAM needs a convolution; {found}. Name one of {able}.")
        return next(tensor for tensor, _ in found.values() if tensor.shape == shapes[0])
    if name not in found:
        raise ValueError(f"layer must be one with maps over time, one of {able}, got {name!r}.")
    return found[name][0]


def _gradient_function(network: Network, class_index: int, guided: bool = False) -> Callable:
    """Compile the gradient of one logit with respect to the signals: a batch to a batch of equal shape."""
    class_index = check_class(network, class_index)
    # By the kind of operation, so that rectifiers inside other layers are guided, too.
    rectifiers = dict.fromkeys(_RECTIFIERS, _GUIDED) if guided else {}

    def build() -> Callable:
        to_logit = network.to_logit(class_index)

        def gradient(x: tf.Tensor) -> tf.Tensor:
            with tf.compat.v1.get_default_graph().gradient_override_map(rectifiers):
                logit = to_logit(x, training=False)
            return tf.gradients(logit, x)[0]

        return gradient

    return network.compiled(("gradient", guided, class_index), build)
