"""What a model costs: parameters and multiply-accumulates (MACs), counted layer by layer from shapes.

Counted are the products with weights, a 'same'-padded convolution with all of its output samples, the
projections of detrending, and the four taps of the CAM's linear upsampling; not what goes element by element:
normalisation, activation, pooling, biases. A layer without a rule here is an error, never 0.
"""

import math
from collections.abc import Iterator

import keras
import pandas as pd

from signalcam.map_layers import Heatmap
from signalcam.model import add_cam
from signalcam.preprocessing.layers import Detrend

_BILINEAR_TAPS = 4
# At each position of the output, one product for each number in the kernels.
_WITH_KERNELS = "Dense Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D".split()
_WITHOUT_PRODUCTS = (
    "Activation LeakyReLU ReLU Softmax BatchNormalization Dropout SpatialDropout1D AveragePooling1D "
    "MaxPooling1D MaxPooling2D GlobalAveragePooling1D UpSampling1D Add Average Multiply Concatenate "
    "Permute Reshape"
).split()


def count_macs(model: keras.Model) -> pd.Series:
    """Count the multiply-accumulates of one record by layer, one entry for each use, in order of computing.

    Args:
        model: Functional, or a built Sequential; models within it are opened.

    Raises:
        ValueError: for a layer that has no rule here, or whose shape is not fixed; the message names it.
    """
    found = [(use[0].name, _macs(*use)) for use in _uses(model)]
    return pd.DataFrame(found, columns=["layer", "macs"]).set_index("layer")["macs"]


def compare_cam(model: keras.Model, cam_model: keras.Model | None = None) -> pd.DataFrame:
    """Tabulate what the CAM adds to a classifier; `cam_model` is the same with CAM, None to make it.

    Returns:
        DataFrame, rows without CAM, evidence, upsampling, with CAM: parameters, macs, and share, the row's
        MACs in percent of those without CAM.
    """
    cam_model = add_cam(model) if cam_model is None else cam_model
    without, whole = int(count_macs(model).sum()), int(count_macs(cam_model).sum())
    upsampling = sum(_macs(*use) for use in _uses(cam_model) if isinstance(use[0], Heatmap))
    macs = (without, whole - upsampling - without, upsampling, whole)
    before, after = model.count_params(), cam_model.count_params()
    rows = ["without CAM", "evidence", "upsampling", "with CAM"]
    table = pd.DataFrame({"parameters": (before, after - before, 0, after), "macs": macs}, index=rows)
    return table.assign(share=100 * table["macs"] / without)


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
        kernels = [math.prod(weight.shape) for weight in operation.weights if len(weight.shape) > 1]
        products = (*outputs[:-1], sum(kernels))
    elif ours or (of_keras and name in _WITHOUT_PRODUCTS):
        return 0
    else:
        found = f"{operation.name!r} ({name}); counting it as 0 would be wrong"
        raise ValueError(f"model must hold layers with a rule here, got {found}.")
    if None in products:
        found = f"none in {operation.name!r}"
        raise ValueError(f"model must have fixed shapes, got {found}. Build it with n_times.")
    return math.prod(products)
