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

from signalcam.model import Heatmap, add_cam
from signalcam.preprocessing.layers import Detrend

_BILINEAR_TAPS = 4
# At each position of the output, one product for each number in the kernels.
_WITH_KERNELS = "Dense Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D".split()
_WITHOUT_PRODUCTS = (
    "Activation LeakyReLU ReLU Softmax BatchNormalization Dropout SpatialDropout1D AveragePooling1D "
    "MaxPooling1D MaxPooling2D GlobalAveragePooling1D UpSampling1D Add Average Multiply Concatenate "
    "Permute Reshape"
).split()


def count(model: keras.Model) -> pd.DataFrame:
    """Count the cost of one record, one row for each use of a layer, in the order of computing.

    Args:
        model: Functional, or a built Sequential; models within it are opened.

    Returns:
        DataFrame indexed by layer name: type, output_shape (without the batch axis), parameters (at the first
        use of a layer only), macs.

    Raises:
        ValueError: for a layer that has no rule here, or whose shape is not fixed; the message names it.
    """
    rows, uses = [], Counter()
    for operation, inputs, outputs in _uses(model):
        uses[id(operation)] += 1
        use = uses[id(operation)]
        size = _size(getattr(operation, "weights", [])) if use == 1 else 0
        name = operation.name if use == 1 else f"{operation.name} (use {use})"
        rows.append((name, type(operation).__name__, outputs, size, _macs(operation, inputs, outputs)))
    return pd.DataFrame(rows, columns=["layer", "type", "output_shape", "parameters", "macs"]).set_index(
        "layer"
    )


def compare_cam(model: keras.Model, cam_model: keras.Model | None = None) -> pd.DataFrame:
    """Tabulate what the CAM adds to a classifier; `cam_model` is the same with CAM, None to make it.

    Returns:
        DataFrame, rows without CAM, evidence, upsampling, with CAM: parameters, macs, and share, the row's
        MACs in percent of those without CAM.
    """
    columns = ["parameters", "macs"]
    without, table = count(model)[columns].sum(), count(add_cam(model) if cam_model is None else cam_model)
    upsampling = table.loc[table["type"] == Heatmap.__name__, columns].sum()
    whole = table[columns].sum()
    rows = {
        "without CAM": without,
        "evidence": whole - without - upsampling,
        "upsampling": upsampling,
        "with CAM": whole,
    }
    result = pd.DataFrame(rows).T
    return result.assign(share=100 * result["macs"] / without["macs"])


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
    kind = type(operation)
    of_keras, name = kind.__module__.startswith("keras."), kind.__name__
    # Layers of this package have no products but those named here.
    ours = kind.__module__.startswith("signalcam.") and not operation.weights
    if isinstance(operation, Heatmap):
        cells, classes = inputs
        products = (_BILINEAR_TAPS, cells, operation.cell_length, classes)
    elif isinstance(operation, Detrend):
        products = (2, operation.degree + 1, *inputs)
    elif of_keras and name in _WITH_KERNELS:
        kernels = [weight for weight in operation.weights if len(weight.shape) > 1]
        products = (*outputs[:-1], _size(kernels))
    elif ours or (of_keras and name in _WITHOUT_PRODUCTS):
        return 0
    else:
        found = f"{operation.name!r} ({name}); counting it as 0 would be wrong"
        raise ValueError(f"model must hold layers with a rule here, got {found}.")
    if None in products:
        found = f"none in {operation.name!r}"
        raise ValueError(f"model must have fixed shapes, got {found}. Build it with n_times.")
    return math.prod(products)
