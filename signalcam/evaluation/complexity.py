"""What a model costs: parameters and multiply-accumulates (MACs), counted layer by layer from shapes.

Counted are the products with weights, a 'same'-padded convolution with all of its output samples, the
projections of detrending, and the four taps of the CAM's linear upsampling; not what goes element by element:
normalisation, activation, pooling, biases. A layer without a rule here is an error, never 0.
"""

import math
from collections import Counter
from collections.abc import Iterator

import keras
import pandas as pd
from keras import layers

from signalcam.model import Heatmap, add_cam
from signalcam.preprocessing.layers import Detrend

_BILINEAR_TAPS = 4
# At each position of the output, one product for each number in the kernels.
_WITH_KERNELS = tuple(
    getattr(layers, name)
    for name in "Dense Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D".split()
)
_WITHOUT_PRODUCTS = tuple(
    getattr(layers, name)
    for name in (
        "Activation LeakyReLU ReLU Softmax BatchNormalization Dropout SpatialDropout1D AveragePooling1D "
        "MaxPooling1D MaxPooling2D GlobalAveragePooling1D UpSampling1D Add Average Multiply Concatenate "
        "Permute Reshape"
    ).split()
)


def count(model: keras.Model) -> pd.DataFrame:
    """Count the cost of one record, one row for each use of a layer, in the order of computing.

    Args:
        model: Functional, or a built Sequential; models within it are opened.

    Returns:
        DataFrame indexed by layer name: type, output_shape (without the batch axis), parameters, trainable,
        non_trainable (at the first use of a layer only), macs.

    Raises:
        ValueError: for a layer that has no rule here, or whose shape is not fixed; the message names it.
    """
    rows, uses = [], Counter()
    for operation, inputs, outputs in _uses(model):
        uses[id(operation)] += 1
        use = uses[id(operation)]
        parts = ("trainable_weights", "non_trainable_weights")
        trainable, fixed = (_size(getattr(operation, part, [])) if use == 1 else 0 for part in parts)
        name = operation.name if use == 1 else f"{operation.name} (use {use})"
        sizes = (trainable + fixed, trainable, fixed, _macs(operation, inputs, outputs))
        rows.append((name, type(operation).__name__, outputs, *sizes))
    columns = ["layer", "type", "output_shape", "parameters", "trainable", "non_trainable", "macs"]
    return pd.DataFrame(rows, columns=columns).set_index("layer")


def totals(model: keras.Model) -> dict[str, int]:
    """Add up `count`: parameters, trainable, non_trainable, macs; Args, Raises: as there."""
    sums = count(model)[["parameters", "trainable", "non_trainable", "macs"]].sum()
    return {name: int(value) for name, value in sums.items()}


def compare_cam(model: keras.Model, cam_model: keras.Model | None = None) -> pd.DataFrame:
    """Tabulate what the CAM adds to a classifier; `cam_model` is the same with CAM, None to make it.

    Returns:
        DataFrame, rows without CAM, evidence, upsampling, with CAM: parameters, macs, and share, the row's
        MACs in percent of those without CAM.
    """
    without = totals(model)
    table = count(add_cam(model) if cam_model is None else cam_model)
    upsampling = int(table.loc[table["type"] == Heatmap.__name__, "macs"].sum())
    macs, parameters = int(table["macs"].sum()), int(table["parameters"].sum())
    rows = {
        "without CAM": (without["parameters"], without["macs"]),
        "evidence": (parameters - without["parameters"], macs - upsampling - without["macs"]),
        "upsampling": (0, upsampling),
        "with CAM": (parameters, macs),
    }
    result = pd.DataFrame.from_dict(rows, orient="index", columns=["parameters", "macs"])
    result["share"] = 100 * result["macs"] / without["macs"]
    return result


def _uses(model: keras.Model) -> Iterator[tuple]:
    """Yield (operation, input shape, output shape) of each use, shapes without the batch axis."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    nodes = getattr(graph, "_nodes_by_depth", None)
    if nodes is None:
        found = f"{model.name!r}, which has no graph to count"
        raise ValueError(f"model must be built, got {found}. Give it an Input.")
    for depth in sorted(nodes, reverse=True):
        for node in nodes[depth]:
            if isinstance(node.operation, keras.Model):
                yield from _uses(node.operation)
            elif not node.is_input:
                first = (node.input_tensors[0], node.output_tensors[0])
                yield node.operation, *(tuple(tensor.shape[1:]) for tensor in first)


def _size(weights: list) -> int:
    return sum(math.prod(weight.shape) for weight in weights)


def _macs(operation: keras.Operation, inputs: tuple, outputs: tuple) -> int:
    """Count the multiply-accumulates of one use from its shapes without the batch axis."""
    if isinstance(operation, Heatmap):
        cells, classes = inputs
        return _BILINEAR_TAPS * cells * operation.cell_length * classes
    if isinstance(operation, Detrend):
        return 2 * (operation.degree + 1) * _positions(operation, inputs)
    if isinstance(operation, _WITH_KERNELS):
        kernels = [weight for weight in operation.weights if len(weight.shape) > 1]
        return _positions(operation, outputs[:-1]) * _size(kernels)
    # Layers of this package have no products but those above.
    ours = type(operation).__module__.startswith("signalcam.") and not operation.weights
    if ours or isinstance(operation, _WITHOUT_PRODUCTS):
        return 0
    found = f"{operation.name!r} ({type(operation).__name__}); counting it as 0 would be wrong"
    raise ValueError(f"model must hold layers with a rule here, got {found}.")


def _positions(operation: keras.Operation, shape: tuple) -> int:
    if None in shape:
        found = f"none in {operation.name!r}"
        raise ValueError(f"model must have fixed shapes, got {found}. Build it with n_times.")
    return math.prod(shape)
