"""Networks by name: the paper's, one that spends its computation later, and one whose maps are sharper.

All end in the head that an exact CAM needs (`signalcam.model.classify`).
"""

import keras
import numpy as np
from keras import layers

from signalcam.model import build_model, classify


def build_early(
    n_times=1000,
    n_leads=12,
    n_classes=1,
    exclusive=False,
    filters=(16, 16, 32, 64),
    kernel_sizes=(11, 7, 7, 7),
    name="ecg_classifier_early",
):
    """Build the paper's network with its halvings moved to the front.

    The first convolution moves in steps of 2, and pooling by 2 follows the first and the second block. So
    there are as many weights (22,273) and as many cells (125 of 80 ms), but 3,744,064 multiply-accumulates
    in place of 5,696,064, and each cell sees more of the record.

    Args, returns: as `signalcam.model.build_model`; at least two blocks.
    """
    if len(filters) != len(kernel_sizes) or len(filters) < 2:
        raise ValueError(
            "filters and kernel_sizes must have the same length, at least 2; "
            f"got {len(filters)} and {len(kernel_sizes)}."
        )
    signals = keras.Input((n_times, n_leads), name="signals")
    x = signals
    for block, (n_filters, kernel_size) in enumerate(zip(filters, kernel_sizes, strict=True), 1):
        stride = 2 if block == 1 else 1
        x = layers.Conv1D(n_filters, kernel_size, strides=stride, padding="same", name=f"conv_{block}")(x)
        x = layers.BatchNormalization(name=f"norm_{block}")(x)
        x = layers.LeakyReLU(negative_slope=0.1, name=f"activation_{block}")(x)
        if block <= 2:
            x = layers.MaxPooling1D(2, name=f"pool_{block}")(x)
    return classify(signals, x, n_classes, exclusive, name)


def build_sharp(n_times=1000, n_leads=12, n_classes=1, exclusive=False, name="ecg_classifier_sharp"):
    """Build the paper's network with a last kernel of 3 in place of 7, and twice its filters.

    20,481 weights and 5,440,128 multiply-accumulates; as many cells, but each sees 0.70 s in place of 1.02 s.
    `benchmarks/sharper_maps.py` compares the maps.

    Args, returns: as `signalcam.model.build_model`.
    """
    return build_model(n_times, n_leads, n_classes, exclusive, (16, 16, 32, 128), (11, 7, 7, 3), name=name)


ARCHITECTURES = {"paper": build_model, "early": build_early, "sharp": build_sharp}


def any_length(model, name=None):
    """Return a model of the same layers that reads signals of any length, to train it on crops.

    Args:
        model: a plain chain of layers, as all `ARCHITECTURES` are.
        name: of the returned model; by default that of `model`.
    """
    signals = x = keras.Input((None, model.input_shape[-1]), name="signals")
    for layer in model.layers[1:]:
        x = layer(x)
    return keras.Model(signals, x, name=name or model.name)


def mean_of(networks):
    """Return a model of the mean output of networks that read the same signals and differ in name."""
    signals = keras.Input(networks[0].input_shape[1:], name="signals")
    outputs = [network(signals) for network in networks]
    return keras.Model(signals, layers.average(outputs) if len(outputs) > 1 else outputs[0], name="mean")


def combine_outputs(model, matrix):
    """Return a model whose logits are fixed linear combinations of a trained model's logits.

    The classifier is linear, so a combination of its outputs is again one Dense layer: picking columns drops
    auxiliary training heads, dividing by a temperature calibrates, and the CAM stays exact in all of it.

    Args:
        model: as `classify` closes it, with sigmoid outputs.
        matrix: (n_outputs before, n_outputs after).

    Returns:
        `keras.Model` that shares all layers but the classifier.

    Raises:
        ValueError: where the matrix does not fit the outputs.
    """
    matrix = np.asarray(matrix, np.float32)
    kernel, bias = model.get_layer("classifier").get_weights()
    if matrix.ndim != 2 or len(matrix) != len(bias):
        raise ValueError(
            f"The matrix must have {len(bias)} rows, one for each output of the model; got shape "
            f"{matrix.shape}."
        )
    classifier = layers.Dense(matrix.shape[1], name="classifier")
    logits = classifier(model.get_layer("average").output)
    classifier.set_weights([kernel @ matrix, bias @ matrix])
    probability = layers.Activation("sigmoid", name="probability")(logits)
    return keras.Model(model.inputs[0], probability, name=model.name)
