"""What a model costs: parameters and multiply-accumulates (MACs), counted layer by layer from shapes.

Every use of a layer is counted with the shapes of that very use, so a layer that stands twice in a model (the
classifier of a model with CAM: once after the average, once on every cell) costs twice and holds its
parameters once. Counted are the products with weights, a 'same'-padded convolution with all of its output
samples, the projections of detrending, and the four taps of the CAM's linear upsampling. Normalisation,
activation, pooling and biases are not: they are element by element, and normalisation folds into the
convolution before it. A layer that has weights but no rule here is an error, never 0: a counter that skipped
what it did not know has been published.
"""

import math
import warnings

import keras
import pandas as pd
from keras import layers

from signalcam.evaluation.latency import Latency, latency, latency_table
from signalcam.model import Heatmap, add_cam
from signalcam.preprocessing.layers import Detrend

__all__ = ["Latency", "compare_cam", "count", "latency", "latency_table", "totals"]

_BILINEAR_TAPS = 4
_CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_NORMALISING = (
    layers.BatchNormalization,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.Normalization,
    layers.PReLU,
)
_MULTIPLYING_WITHOUT_WEIGHTS = (layers.Dot, layers.Attention, layers.Lambda)
_MULTIPLYING_OPERATIONS = (
    "Matmul",
    "Einsum",
    "Dot",
    "Tensordot",
    "Vdot",
    "Inner",
    "Outer",
    "Conv",
    "ConvTranspose",
)


def count(model: keras.Model) -> pd.DataFrame:
    """Count the cost of one record, one row for each use of a layer, in the order of computing.

    Returns a DataFrame indexed by layer name, columns type, output_shape (without the batch axis),
    parameters, trainable, non_trainable (at the first use of a layer only) and macs. Models within the model
    are opened. ValueError names a layer that has weights but no rule, and one whose shape is not fixed; a
    layer of the user's own without weights counts 0, with a warning.
    """
    rows, seen = [], {}
    for operation, inputs, outputs in _uses(model):
        uses = seen[id(operation)] = seen.get(id(operation), 0) + 1
        trainable = _size(getattr(operation, "trainable_weights", [])) if uses == 1 else 0
        fixed = _size(getattr(operation, "non_trainable_weights", [])) if uses == 1 else 0
        rows.append(
            {
                "layer": operation.name if uses == 1 else f"{operation.name} (use {uses})",
                "type": type(operation).__name__,
                "output_shape": outputs[0][1:],
                "parameters": trainable + fixed,
                "trainable": trainable,
                "non_trainable": fixed,
                "macs": _macs(operation, inputs, outputs),
            }
        )
    return pd.DataFrame(rows).set_index("layer")


def totals(model: keras.Model) -> dict[str, int]:
    """Return the sums of `count`: parameters, trainable, non_trainable, macs."""
    sums = count(model)[["parameters", "trainable", "non_trainable", "macs"]].sum()
    return {name: int(value) for name, value in sums.items()}


def compare_cam(model: keras.Model, cam_model: keras.Model | None = None) -> pd.DataFrame:
    """Return what the CAM adds to a model: rows without CAM, evidence, upsampling, with CAM.

    model: a classifier as `add_cam` takes it; cam_model: the same with CAM, made by `add_cam` if not given.
    Columns parameters, macs, and share, the row's MACs in percent of those without CAM.
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


def _uses(model):
    """List (operation, input shapes, output shapes) of a built model, inputs before what they feed."""
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(f"Model {model.name!r} is not built: give it an Input with its shape")
    if not getattr(model, "outputs", None):
        raise ValueError(f"Model {model.name!r} has no graph to count; use a Functional or Sequential model")
    uses, done = [], {id(tensor) for tensor in model.inputs}
    waiting = list(reversed(model.outputs))
    while waiting:
        tensor = waiting[-1]
        operation, node = _origin(tensor)
        unknown = [] if node.is_input else [item for item in node.input_tensors if id(item) not in done]
        if id(tensor) not in done and unknown:
            waiting += reversed(unknown)
            continue
        waiting.pop()
        if id(tensor) in done:
            continue
        done.update(id(item) for item in node.output_tensors)
        if isinstance(operation, keras.Model):
            uses += _uses(operation)
        elif not node.is_input:
            uses.append((operation, _shapes(node.input_tensors), _shapes(node.output_tensors)))
    return uses


def _origin(tensor):
    history = tensor._keras_history
    return history.operation, history.operation._inbound_nodes[history.node_index]


def _shapes(tensors):
    return [tuple(tensor.shape) for tensor in tensors]


def _size(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def _macs(operation, inputs, outputs):
    """Count the multiply-accumulates of one use; shapes with the batch axis in front."""
    if isinstance(operation, layers.Dense):
        return _product(operation, outputs[0][1:-1]) * math.prod(operation.kernel.shape)
    if isinstance(operation, _TRANSPOSED):
        return _positions(operation, inputs[0]) * math.prod(operation.kernel.shape)
    if isinstance(operation, _SEPARABLE):
        kernels = (operation.depthwise_kernel, operation.pointwise_kernel)
        return _positions(operation, outputs[0]) * _size(kernels)
    if isinstance(operation, _CONVOLUTIONS):
        return _positions(operation, outputs[0]) * math.prod(operation.kernel.shape)
    if isinstance(operation, Heatmap):
        cells, classes = inputs[0][1:]
        return _BILINEAR_TAPS * cells * operation.cell_length * classes
    if isinstance(operation, Detrend):
        return 2 * (operation.degree + 1) * _product(operation, inputs[0][1:])
    if isinstance(operation, _NORMALISING):
        return 0
    return _without_rule(operation)


def _without_rule(operation):
    name, kind = operation.name, type(operation).__name__
    multiplies = isinstance(operation, _MULTIPLYING_WITHOUT_WEIGHTS) or kind in _MULTIPLYING_OPERATIONS
    if multiplies or getattr(operation, "weights", None):
        raise ValueError(
            f"No rule counts the multiply-accumulates of {name!r} ({kind}); counting it as 0 would be wrong. "
            "Add a rule to signalcam.evaluation.complexity"
        )
    if type(operation).__module__.split(".")[0] not in ("keras", "signalcam"):
        warnings.warn(f"layer {name!r} ({kind}) has no weights and is counted as 0", stacklevel=2)
    return 0


def _positions(operation, shape):
    return _product(operation, shape[2:] if operation.data_format == "channels_first" else shape[1:-1])


def _product(operation, sizes):
    if None in sizes:
        raise ValueError(f"Layer {operation.name!r} has no fixed shape; build the model with fixed n_times")
    return math.prod(sizes)
