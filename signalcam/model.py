"""The network and its class activation map (CAM): evidence and prediction from one forward pass.

The whole idea, for feature maps ``f(t)`` of the last convolution block and a linear classifier ``w, b``:

    logit       = classifier(mean over t of f(t))     what every such network computes
    evidence(t) = classifier(f(t))                    the same weights, before the averaging

Because the classifier is linear, averaging and classifying commute: the mean of the evidence over time *is*
the logit. So the map needs no training, no gradient and no second pass.

Network: R. Augustauskas et al., EMBC 2025. CAM: B. Zhou et al., "Learning Deep Features for Discriminative
Localization", CVPR 2016, equations 1 and 2 (with the bias kept, so that the map sums to the logit).
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from signalcam.map_layers import Heatmap, ShareBias, SplitRows

FEATURES = ("activation", "convolution")


def build_model(
    n_times: int | None = 1000,
    n_leads: int = 12,
    n_classes: int = 1,
    exclusive: bool = False,
    filters: Sequence[int] = (16, 16, 32, 64),
    kernel_sizes: Sequence[int] = (11, 7, 7, 7),
    pool_size: int = 2,
    name: str = "ecg_classifier",
) -> keras.Model:
    """Build the 1D CNN: convolution blocks, global average pooling, one linear classifier.

    By default 22,273 trainable parameters (22,529 with the BatchNorm statistics).

    Args:
        n_times: samples of a record, 1000 for 10 s at 100 Hz; None for any length, as in training on crops.
        n_leads: leads of a record.
        n_classes: 1 or 2 give one sigmoid output (the probability of the second class of two); more give
            one output per class.
        exclusive: with more than two classes, True for softmax (one class a record), False for sigmoids.
        filters: filters of each convolution block; its length is the depth.
        kernel_sizes: kernel size of each block, in samples of that block's input.
        pool_size: max-pooling after each block but the last.
        name: name of the model.

    Returns:
        `keras.Model` from scaled signals, float32 (record, n_times, n_leads), to probabilities, float32
        (record, n_outputs).

    Raises:
        ValueError: for sizes that do not fit each other.
    """
    if len(filters) != len(kernel_sizes) or not filters:
        found = f"got {len(filters)} and {len(kernel_sizes)}"
        raise ValueError(f"filters and kernel_sizes must have the same length, at least 1, {found}.")
    if n_classes < 1:
        raise ValueError(f"n_classes must be at least 1, got {n_classes}.")
    if n_times is not None and n_times < pool_size ** (len(filters) - 1):
        wanted = f"{pool_size ** (len(filters) - 1)} for {len(filters) - 1} poolings by {pool_size}"
        advice = "Give longer signals or fewer blocks."
        raise ValueError(f"n_times must be at least {wanted}, got {n_times}. {advice}")
    signals = keras.Input((n_times, n_leads), name="signals")
    x = signals
    for block, (n_filters, kernel_size) in enumerate(zip(filters, kernel_sizes, strict=True), 1):
        x = layers.Conv1D(n_filters, kernel_size, padding="same", name=f"conv_{block}")(x)
        x = layers.BatchNormalization(name=f"norm_{block}")(x)
        x = layers.LeakyReLU(negative_slope=0.1, name=f"activation_{block}")(x)
        if block < len(filters):
            x = layers.MaxPooling1D(pool_size, name=f"pool_{block}")(x)
    return classify(signals, x, n_classes, exclusive, name)


def classify(
    signals: Any, features: Any, n_classes: int = 1, exclusive: bool = False, name: str = "ecg_classifier"
) -> keras.Model:
    """Close a network with the head that a CAM needs: average over time, one linear layer, an activation.

    Args:
        signals: symbolic input, (record, time, lead).
        features: symbolic feature maps, (record, position, filter).
        n_classes, exclusive, name: as in `build_model`.

    Returns:
        `keras.Model` from signals to probabilities, float32 (record, n_outputs).
    """
    n_outputs = 1 if n_classes <= 2 else n_classes
    # In float32 whatever the precision of the network before it, so that the evidence sums to the logit.
    x = layers.GlobalAveragePooling1D(name="average", dtype="float32")(features)
    x = layers.Dense(n_outputs, name="classifier", dtype="float32")(x)
    activation = "softmax" if exclusive and n_outputs > 1 else "sigmoid"
    probability = layers.Activation(activation, name="probability", dtype="float32")(x)
    return keras.Model(signals, probability, name=name)


def add_cam(model: keras.Model, features: str = "activation") -> keras.Model:
    """Add the CAM output to a trained (or untrained) classifier.

    The returned model shares every layer with the given one: it predicts the same numbers, has the same
    weights and no further ones, and training either trains both.

    Args:
        model: `keras.Model` that ends in GlobalAveragePooling1D, one Dense, and an activation.
        features: "activation" takes the maps that enter the average, so that the evidence is exact;
            "convolution" takes them before BatchNorm and activation, as the paper does: for comparison
            only, since that evidence does not sum to the logit.

    Returns:
        `keras.Model` from the same signals to a dict of float32 arrays: ``probability`` and ``logit``
        (record, class), ``evidence`` (record, position, class), in units of the logit, and ``heatmap``
        (record, time, class) within [0, 1]. Where the leads stay apart to the end, as in `leadwise`, also
        ``lead_evidence`` (record, position, row, class): a row for each lead and, where there are maps of all
        leads together, one more. Its sum over rows is the evidence; the bias is shared out equally.

    Raises:
        ValueError: where the model has no such head; the message names the layer found.
    """
    if features not in FEATURES:
        raise ValueError(f"features must be one of {', '.join(FEATURES)}, got {features!r}.")
    maps, average, classifier, activation = _find_head(model)
    logit = classifier(average)
    evidence = classifier(maps if features == "activation" else _last_convolution(maps))
    signals = model.inputs[0]
    outputs = {
        "probability": activation(logit),
        "logit": logit,
        "evidence": evidence,
        "heatmap": Heatmap(signals.shape[1], cell_length(model), name="heatmap")(evidence),
    }
    if features == "activation" and (rows := _lead_rows(maps)):
        by_row = classifier(SplitRows(rows, name="split_rows")(maps))
        outputs["lead_evidence"] = ShareBias(name="lead_evidence")(by_row)
    return keras.Model(signals, outputs, name=f"{model.name}_cam")


def cell_length(model: keras.Model) -> int:
    """Count the samples of the input that one position of the feature maps stands for (8 by default)."""
    tensor = _find_head(model)[0]
    length = 1
    while True:
        layer, inputs = source_of(tensor)
        strides = getattr(layer, "strides", 1)
        length *= strides if isinstance(strides, int) else math.prod(strides)
        if not inputs:
            return length
        tensor = inputs[0]


def _find_head(model: keras.Model) -> tuple:
    """Return the maps that enter the average, their average, the linear classifier and its activation."""
    if len(model.outputs) != 1:
        raise ValueError(f"A CAM needs a model with one output; {model.name!r} has {len(model.outputs)}.")
    activation = None
    dense, inputs = source_of(model.outputs[0])
    if isinstance(dense, layers.Activation | layers.Softmax):
        activation = dense
        dense, inputs = source_of(inputs[0])
    if not isinstance(dense, layers.Dense):
        raise ValueError(_head_message(model, "a Dense layer as classifier", dense))
    average = inputs[0]
    layer, inputs = source_of(average)
    if not isinstance(layer, layers.GlobalAveragePooling1D):
        raise ValueError(_head_message(model, "GlobalAveragePooling1D before the Dense layer", layer))
    if dense.activation is not keras.activations.linear:  # in two layers, with the same weights
        activation = layers.Activation(dense.activation, name=f"{dense.name}_activation")
        linear = layers.Dense(dense.units, use_bias=dense.use_bias, name=f"{dense.name}_linear")
        linear.build(average.shape)
        linear.set_weights(dense.get_weights())
        dense = linear
    return inputs[0], average, dense, activation or layers.Activation("linear", name="probability")


def source_of(tensor: Any) -> tuple:
    """Return the layer that made a symbolic tensor, and that layer's inputs in this very use of it."""
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index].input_tensors


def _head_message(model: keras.Model, wanted: str, found: Any) -> str:
    return (
        f"A CAM needs {wanted}, since only there the evidence sums to the logit; in model {model.name!r} "
        f"the layer found is {found.name!r} ({type(found).__name__}). "
        "End the model with `signalcam.model.classify`."
    )


def _last_convolution(maps: Any) -> Any:
    layer, inputs = source_of(maps)
    if isinstance(layer, layers.Conv1D | layers.Conv2D | layers.SeparableConv1D):
        return maps
    if not inputs:
        raise ValueError("features='convolution' needs a convolution before the average; none was found.")
    if isinstance(layer, layers.Concatenate):  # of maps with a lead axis and those of all leads together
        return layer([_last_convolution(part) for part in inputs])
    part = _last_convolution(inputs[0])
    return layer(part) if isinstance(layer, layers.Reshape) else part


def _lead_rows(maps: Any) -> tuple[int, ...]:
    """Count the feature maps of each row of a map with a lead axis; none where the leads are mixed."""
    layer, inputs = source_of(maps)
    parts = inputs if isinstance(layer, layers.Concatenate) else [maps]
    layer, inputs = source_of(parts[0])
    if not isinstance(layer, layers.Reshape) or len(inputs[0].shape) != 4:
        return ()
    n_leads, n_filters = inputs[0].shape[2:]
    return (n_filters,) * n_leads + tuple(part.shape[-1] for part in parts[1:])
