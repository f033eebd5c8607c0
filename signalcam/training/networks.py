"""Networks by name: the paper's, the deep one that teaches, and the one whose map has a lead axis.

All end in the head that an exact CAM needs (`signalcam.model.classify`).
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers

from signalcam.model import build_model, classify


def build_residual(
    n_times: int | None = 1000,
    n_leads: int = 12,
    n_classes: int = 1,
    exclusive: bool = False,
    filters: tuple[int, ...] = (48, 64, 96, 128),
    kernel_size: int = 7,
    name: str = "ecg_teacher",
) -> keras.Model:
    """Build a deep residual network: a teacher for the small ones, forty times their size.

    A first convolution in steps of 2, then two residual blocks of two convolutions for each entry of
    `filters`, halved between (He et al., CVPR 2016). 870,000 weights by default.

    Args:
        n_times, n_leads, n_classes, exclusive, name: as in `signalcam.model.build_model`.
        filters: filters of each stage.
        kernel_size: of all convolutions but the first.

    Returns:
        `keras.Model`, as `build_model` gives it.
    """
    signals = keras.Input((n_times, n_leads), name="signals")
    x = layers.Conv1D(filters[0], 11, strides=2, padding="same", use_bias=False, name="stem")(signals)
    x = _activate(layers.BatchNormalization(name="norm_stem")(x))
    for stage, n_filters in enumerate(filters, 1):
        if stage > 1:
            x = layers.MaxPooling1D(2, name=f"pool_{stage}")(x)
        for block in ("a", "b"):
            x = _residual_block(x, n_filters, kernel_size, f"{stage}{block}")
    return classify(signals, x, n_classes, exclusive, name)


def _residual_block(x: Any, n_filters: int, kernel_size: int, name: str) -> Any:
    shortcut = x
    for step in (1, 2):
        how = {"padding": "same", "use_bias": False, "name": f"conv_{name}{step}"}
        x = layers.Conv1D(n_filters, kernel_size, **how)(x)
        x = layers.BatchNormalization(name=f"norm_{name}{step}")(x)
        if step == 1:
            x = _activate(x)
    if shortcut.shape[-1] != n_filters:
        shortcut = layers.Conv1D(n_filters, 1, use_bias=False, name=f"shortcut_{name}")(shortcut)
    return _activate(layers.Add(name=f"add_{name}")([shortcut, x]))


def _activate(x: Any) -> Any:
    return layers.LeakyReLU(negative_slope=0.1)(x)


def build_leadwise(
    n_times: int | None = 1000,
    n_leads: int = 12,
    n_classes: int = 1,
    exclusive: bool = False,
    filters: Sequence[int] = (8, 16, 16, 32),
    kernel_sizes: Sequence[int] = (11, 5, 5, 5),
    between: int = 32,
    between_dropout: float = 0.5,
    name: str = "ecg_leadwise",
) -> keras.Model:
    """Build a network whose evidence has a lead axis: each lead by itself through the same convolutions.

    The feature maps of all leads enter the head side by side, (position, lead x filter), so a linear
    classifier tells them apart to the end, and no lead sees another. What only several leads show together,
    such as the axis or the progression over the chest, comes in by `between` further maps of their own.

    Args:
        n_times, n_leads, n_classes, exclusive, name: as in `signalcam.model.build_model`.
        filters, kernel_sizes: of each convolution over time, the first in steps of 2; halved after each but
            the last.
        between: maps of all leads together; 0 for none.
        between_dropout: share of the records for which these are left out in training, so that what a single
            lead shows is seen there and not here.

    Returns:
        `keras.Model`, as `build_model` gives it; `add_cam` adds ``lead_evidence`` to its outputs.
    """
    signals = keras.Input((n_times, n_leads), name="signals")
    x = layers.Reshape((-1, n_leads, 1), name="leads")(signals)
    for block, (n_filters, kernel_size) in enumerate(zip(filters, kernel_sizes, strict=True), 1):
        strides = (2, 1) if block == 1 else 1
        convolution = layers.Conv2D(n_filters, (kernel_size, 1), strides, "same", name=f"conv_{block}")
        x = _activate(layers.BatchNormalization(name=f"norm_{block}")(convolution(x)))
        if block < len(filters):
            x = layers.MaxPooling2D((2, 1), name=f"pool_{block}")(x)
    x = layers.Reshape((-1, n_leads * filters[-1]), name="side_by_side")(x)
    if between:
        y = layers.Conv1D(between, 1, name="conv_between")(x)
        y = _activate(layers.BatchNormalization(name="norm_between")(y))
        y = layers.Dropout(between_dropout, noise_shape=(None, 1, 1), name="dropout_between")(y)
        x = layers.Concatenate(name="features")([x, y])
    return classify(signals, x, n_classes, exclusive, name)


ARCHITECTURES = {"paper": build_model, "residual": build_residual, "leadwise": build_leadwise}


def mean_of(networks: list[keras.Model]) -> keras.Model:
    """Return a model of the mean output of networks that read signals of the same shape."""
    signals = keras.Input(networks[0].input_shape[1:], name="signals")
    # Each needs a name of its own within one model.
    parts = [keras.Model(n.inputs, n.outputs[0], name=f"network_{i}") for i, n in enumerate(networks)]
    outputs = [part(signals) for part in parts]
    return keras.Model(signals, layers.average(outputs) if len(outputs) > 1 else outputs[0], name="mean")


def combine_outputs(
    model: keras.Model, matrix: np.ndarray, intercept: np.ndarray | float = 0.0
) -> keras.Model:
    """Return a model whose logits are fixed linear combinations of a trained model's logits.

    The classifier is linear, so ``logits @ matrix + intercept`` is again one Dense layer: picking columns
    drops outputs used in training alone, a slope and an intercept calibrate, and the CAM stays exact.

    Args:
        model: as `classify` closes it, with sigmoid outputs.
        matrix: (n_outputs before, n_outputs after).
        intercept: added to the new logits, a number or (n_outputs after,).

    Returns:
        `keras.Model` that shares all layers but the classifier.

    Raises:
        ValueError: where the matrix does not fit the outputs.
    """
    matrix = np.asarray(matrix, np.float32)
    kernel, bias = model.get_layer("classifier").get_weights()
    if matrix.ndim != 2 or len(matrix) != len(bias):
        wanted = f"{len(bias)} rows, one for each output of the model"
        raise ValueError(f"matrix must have {wanted}, got shape {matrix.shape}.")
    classifier = layers.Dense(matrix.shape[1], name="classifier")
    logits = classifier(model.get_layer("average").output)
    classifier.set_weights([kernel @ matrix, bias @ matrix + np.asarray(intercept, np.float32)])
    probability = layers.Activation("sigmoid", name="probability")(logits)
    return keras.Model(model.inputs[0], probability, name=model.name)
