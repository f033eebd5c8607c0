"""A deployable model as the bytes of a LiteRT or ONNX file, settings inside; `export` writes them.

Settings travel within the file: in LiteRT as a zip archive behind the model, as TensorFlow Lite's metadata do
(https://ai.google.dev/edge/litert/models/metadata), in ONNX in `metadata_props`.
"""

import contextlib
import io
import json
import logging
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from signalcam.deployment.deployable import checksum, with_embedding
from signalcam.deployment.runtime import FIXED_DATE, SETTINGS_NAME, import_extra
from signalcam.deployment.settings import settings_of

# Of the layers behind the convolutions (`signalcam.model`): see `_integer_convolutions`.
_HEAD = ("average", "classifier", "probability", "heatmap", "split_rows", "lead_evidence")


def litert_bytes(
    model: keras.Model, precision: str = "float32", calibration: np.ndarray | None = None
) -> bytes:
    """Convert a deployable model to the content of a LiteRT file for one record at a time.

    Args:
        model: as `build_deployable` gives it.
        precision: "float32", "float16" or "int8".
        calibration: for int8: raw records in mV, float32 (record, time, lead).
    """
    model = with_embedding(model)
    with _converter(model) as converter:
        if precision == "int8":
            content = _integer_convolutions(converter, calibration)
        else:
            if precision == "float16":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.target_spec.supported_types = [tf.float16]
            content = converter.convert()
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(SETTINGS_NAME, FIXED_DATE), _settings(model, precision))
    return file.getvalue()


def micro_bytes(network: keras.Model, calibration: np.ndarray | None = None) -> bytes:
    """Convert a network to the content of a LiteRT file for microcontrollers: no heatmap, and one head.

    The logit is the mean of the evidence, which is the same number, and leaves one Dense layer in place of
    two that share a bias: the converter would quantise it for one of them.

    Args:
        network: as `network_of` gives it, from scaled signals.
        calibration: scaled signals, (record, time, lead), for weights in 8 bits and activations in 16.
    """
    evidence = network.output["evidence"]
    logit = keras.ops.mean(evidence, axis=1)
    outputs = {"probability": network.get_layer("probability")(logit), "logit": logit, "evidence": evidence}
    with _converter(keras.Model(network.inputs, outputs)) as converter:
        if calibration is not None:
            sixteen = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_ops, converter.inference_input_type = [sixteen], tf.int16
            # 16 bits have room to spare, so that a larger signal than these is not cut off.
            converter.representative_dataset = _records(np.concatenate([calibration, 1.5 * calibration]))
        return converter.convert()


@contextlib.contextmanager
def _converter(model: keras.Model) -> Iterator[tf.lite.TFLiteConverter]:
    """Give a converter of a model, without its own notes."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    inputs = [tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="signals")]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        archive.add_endpoint("serve", lambda signals: dict(model(signals, training=False)), inputs)
        archive.write_out(folder, verbose=False)
        yield tf.lite.TFLiteConverter.from_saved_model(folder)


def _records(signals: np.ndarray) -> Callable:
    """What the converter calibrates on: a function that yields the records one by one."""
    return lambda: ([np.ascontiguousarray(record[np.newaxis], np.float32)] for record in signals)


def onnx_bytes(model: keras.Model) -> bytes:
    """Convert a deployable model to the content of an ONNX file for any number of records."""
    onnx = import_extra("onnx")
    import_extra("tf2onnx")
    model = with_embedding(model)
    signature = keras.InputSpec(dtype="float32", shape=(None, *model.input_shape[1:]), name="signals")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        file = os.path.join(folder, "model.onnx")
        model.export(file, format="onnx", verbose=False, input_signature=[signature])
        exported = onnx.load(file)
    shapes = {name: tensor.shape for name, tensor in model.output.items()} | {"signals": model.input_shape}
    for value in (*exported.graph.input, *exported.graph.output):
        axes = value.type.tensor_type.shape.dim
        axes[0].dim_param = "record"
        for axis, size in zip(axes[1:], shapes[value.name][1:], strict=True):
            axis.dim_value = size
    onnx.helper.set_model_props(exported, {SETTINGS_NAME: _settings(model, "float32")})
    onnx.checker.check_model(exported)
    return exported.SerializeToString()


def _integer_convolutions(converter: tf.lite.TFLiteConverter, calibration: np.ndarray) -> bytes:
    """Quantise weights and activations of the convolutions; keep what is before and behind them in float.

    Raw mV have a range that 256 steps cannot hold, and so have squares, inverses and logarithms of them; in
    integers the front would cost far more accuracy than the convolutions, and less than a tenth of the time.
    """
    tensors = tf.lite.Interpreter(model_content=converter.convert()).get_tensor_details()
    names = {tensor["name"] for tensor in tensors}
    in_float = {name for name in names if "/network" not in name or any(f"/{part}" in name for part in _HEAD)}
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = records = _records(calibration)
    given = {"converter": converter, "debug_dataset": records}
    given["debug_options"] = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=sorted(in_float))
    return tf.lite.experimental.QuantizationDebugger(**given).get_nondebug_quantized_model()


def _settings(model: keras.Model, precision: str) -> str:
    more = {"precision": precision, "checksum": checksum(model)}
    return json.dumps(asdict(settings_of(model)) | more)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' own notes, deprecations of what we do not use among them, from the user."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
