"""What every explanation asks of a classifier: the logit of a class, in compiled batches, on checked signals.

Not the probability: the evidence sums to the logit, and the sigmoid flattens what the model is sure of.
"""

from collections.abc import Callable, Hashable
from functools import cached_property, partial
from typing import TypeAlias

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import ArrayLike

from signalcam.model import add_cam, source_of

BATCH = 128  # records a pass


class Network:
    """A classifier with the functions of it that were compiled so far, for the next calls.

    All functions of this package take a `keras.Model` or a `Network`, whose weights may change in between.

    Args:
        model: classifier from signals, (record, time, lead), to probabilities or logits, `Sequential` or
            functional, whatever its head; with a CAM (`add_cam`) or not; or a deployable model, of which the
            network inside is taken: scale the signals with `deployment.scaled`.

    Raises:
        ValueError: for a model that is not built, or has several inputs or outputs.
    """

    def __init__(self, model: keras.Model):
        if "network" in {layer.name for layer in model.layers}:
            model = model.get_layer("network")
        try:
            if isinstance(getattr(model, "output", None), dict):
                model = keras.Model(model.inputs[0], model.output["probability"], name=model.name)
            (signals,), (output,) = model.inputs, model.outputs
        except (AttributeError, KeyError, TypeError, ValueError):
            wanted = "a built Sequential or functional model with one input and one output"
            found = f"{type(model).__name__} {model.name!r}"
            raise ValueError(f"model must be {wanted}, got {found}. Begin it with keras.Input.") from None
        if len(signals.shape) != 3 or len(output.shape) != 2:
            wanted = "map (record, time, lead) to (record, class)"
            raise ValueError(f"model must {wanted}, got {signals.shape} to {output.shape}.")
        self.model = model
        self.n_times, self.n_leads = signals.shape[1:]
        self.n_classes = output.shape[-1]
        self._outputs, self._compiled = {}, {}

    @cached_property
    def logit(self) -> keras.KerasTensor:
        """The symbolic logits, (record, class): what enters the last sigmoid or softmax, else the output."""
        return _before_activation(self.model)

    def outputs(self, features: str = "activation") -> dict:
        """Return the symbolic outputs of `add_cam`, or raise its ValueError where the head fits no CAM."""
        if features not in self._outputs:
            self._outputs[features] = add_cam(self.model, features).output
        return self._outputs[features]

    def submodel(self, output: object) -> keras.Model:
        """Build the model from the signals to one or several of the symbolic outputs."""
        return keras.Model(self.model.inputs[0], output)

    def to_logit(self, class_index: int) -> keras.Model:
        """Build the model from the signals to the logit of one class, (record,)."""
        return self.submodel(self.logit[:, class_index])

    def compiled(self, key: Hashable, build: Callable) -> Callable:
        """Return the function of a batch of signals that `build()` makes, compiled once for each `key`."""
        if key not in self._compiled:
            batch = tf.TensorSpec((None, self.n_times, self.n_leads), tf.float32)
            self._compiled[key] = tf.function(build()).get_concrete_function(batch)
        return self._compiled[key]

    def in_batches(self, function: Callable, signals: np.ndarray) -> np.ndarray:
        """Apply a compiled function, its first axis the record, to `BATCH` records at a time."""
        parts = np.split(signals, range(BATCH, len(signals), BATCH))
        return np.concatenate([function(tf.constant(part, tf.float32)).numpy() for part in parts])


AnyModel: TypeAlias = keras.Model | Network


def as_network(model: AnyModel) -> Network:
    """Return `model` where it is a `Network`, else one made of it."""
    return model if isinstance(model, Network) else Network(model)


def check_class(network: Network, class_index: int) -> int:
    """Return `class_index` as an int, or raise ValueError naming the classes that the model has."""
    whole = isinstance(class_index, int | np.integer) and not isinstance(class_index, bool)
    if not whole or not 0 <= class_index < network.n_classes:
        last = network.n_classes - 1
        raise ValueError(f"class_index must be an integer from 0 to {last}, got {class_index!r}.")
    return int(class_index)


def check_scaled(network: Network, signals: ArrayLike) -> np.ndarray:
    """Return signals as float32 (record, time, lead); ValueError where the model cannot take them."""
    signals = np.asarray(signals, dtype=np.float32)
    shape, n_times = signals.shape, network.n_times
    if len(shape) != 3 or shape[1:] != (n_times or shape[1], network.n_leads) or not len(signals):
        wanted = f"(record, {n_times or 'time'}, {network.n_leads}), at least one record"
        raise ValueError(f"signals must have the shape {wanted}, scaled, got {signals.shape}.")
    bad = np.flatnonzero(~np.isfinite(signals).all(axis=(1, 2)))
    if len(bad):
        found = f"NaN or infinity in {len(bad)} of {len(signals)} records, at {bad[:5].tolist()}"
        raise ValueError(f"signals must be finite, got {found}. Repair or leave out these records.")
    return signals


def logit_function(model: AnyModel, class_index: int = 0) -> Callable:
    """Return a compiled function from scaled signals to the logit of one class, float32 (record,)."""
    network = as_network(model)
    class_index = check_class(network, class_index)
    build = partial(network.to_logit, class_index)
    return partial(network.in_batches, network.compiled(("logit", class_index), build))


def _before_activation(model: keras.Model) -> keras.KerasTensor:
    """Return what enters the model's last sigmoid or softmax; weights changed later count."""
    layer, inputs = source_of(model.outputs[0])
    if isinstance(layer, keras.Model):
        found = f"the model {layer.name!r} within model {model.name!r}"
        raise ValueError(f"model must end in a layer, got {found}. Give the inner model, or end with Dense.")
    squashes = getattr(layer, "activation", None) in (keras.activations.sigmoid, keras.activations.softmax)
    if isinstance(layer, layers.Softmax) or (squashes and isinstance(layer, layers.Activation)):
        return inputs[0]
    if squashes and isinstance(layer, layers.Dense):
        logit = keras.ops.matmul(inputs[0], layer.kernel)
        return logit + layer.bias if layer.use_bias else logit
    return model.outputs[0]
