"""A model as a C header for TensorFlow Lite for Microcontrollers, first run in its interpreter.

The header detrends and scales in C, since in the interpreter that alone takes four buffers of the signals'
size; it leaves the heatmap out, for the evidence at each position says the same.
"""

import os
import re
import string
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from signalcam import __version__
from signalcam.deployment.converters import micro_bytes
from signalcam.deployment.deployable import network_of, scaled
from signalcam.deployment.export import ExportError, check_path, checked_signals, spread
from signalcam.deployment.runtime import import_extra
from signalcam.deployment.settings import settings_of
from signalcam.whole_file import write_whole

# How far probability (at most) and evidence (in the mean, as a share of its size) may be from Keras.
MICRO_TOLERANCES = {"float32": (1e-4, 1e-4), "int8": (0.05, 0.05)}


class MicroModel:
    """A LiteRT model in the interpreter for microcontrollers, on this machine.

    Attributes:
        content: of the file, as `micro_bytes` gives it.
        step: what one step of the integer input stands for; 0 for float input.
        outputs: index of each output by its name.
        operators: that the model needs, such as "CONV_2D".
    """

    def __init__(self, content: bytes):
        runtime = import_extra("tflite_micro.python.tflite_micro.runtime")
        self._interpreter = runtime.Interpreter.from_bytes(content, arena_size=4_000_000)
        details, self.content = self._interpreter.get_input_details(0), content
        scales = details["quantization_parameters"]["scales"]
        self._type, self.step = details["dtype"], float(scales[0]) if len(scales) else 0.0
        plain = tf.lite.Interpreter(model_content=content)
        order = [detail["index"] for detail in plain.get_output_details()]
        named = plain.get_signature_runner().get_output_details()
        self.outputs = {name: order.index(detail["index"]) for name, detail in named.items()}
        names = {code: name for name, code in vars(runtime.schema_fb.BuiltinOperator).items()}
        codes = runtime.convert_bytearray_to_object(content).operatorCodes
        self.operators = sorted({names[runtime.get_builtin_code_from_operator_code(code)] for code in codes})

    def answer(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        """Run scaled signals, (record, time, lead): probability, logit and evidence."""
        if self.step:
            signals = np.clip(np.rint(signals / self.step), -32768, 32767)
        answers = []
        for record in np.asarray(signals, self._type):
            self._interpreter.set_input(record[np.newaxis], 0)
            self._interpreter.invoke()
            answers.append({name: self._interpreter.get_output(k) for name, k in self.outputs.items()})
        return {name: np.concatenate([each[name] for each in answers]) for name in self.outputs}

    def arena(self) -> int:
        """Count the bytes of memory that it computes in, rounded up to whole kilobytes."""
        stderr = os.dup(2)  # the interpreter writes its count to the process's own stream alone
        with tempfile.TemporaryFile() as held:
            os.dup2(held.fileno(), 2)
            try:
                self._interpreter.print_allocations()
            finally:
                os.dup2(stderr, 2)
                os.close(stderr)
            held.seek(0)
            total = re.search(r"allocation total (\d+)", held.read().decode())[1]
        return -(-int(total) // 1024) * 1024


def micro_model(network: keras.Model, calibration: np.ndarray | None = None) -> MicroModel:
    """Convert a network as `micro_bytes` does; the bias makes good that rounded weights move the evidence."""
    micro = MicroModel(micro_bytes(network, calibration))
    if calibration is None:
        return micro
    expected = network.predict(calibration, verbose=0)["evidence"]
    corrected = keras.models.clone_model(network)
    corrected.set_weights(network.get_weights())
    moved = (micro.answer(calibration)["evidence"] - expected).mean(axis=(0, 1))
    corrected.get_layer("classifier").bias.assign_sub(moved)
    return MicroModel(micro_bytes(corrected, calibration))


def to_c(
    model: keras.Model,
    path: str | Path,
    precision: str = "int8",
    calibration: np.ndarray | None = None,
    signals: np.ndarray | None = None,
) -> dict[str, Any]:
    """Write a C header (`.h`) of a model for microcontrollers: preparation, array, arena size, operators.

    Args:
        model, path, calibration, signals: as in `to_litert`.
        precision: "int8" for weights in 8 bits and activations in 16, or "float32".

    Returns:
        dict: bytes of the array (``size``) and of the ``arena``, ``operators``, and how far from Keras the
        interpreter was: the largest difference of a ``probability``, the mean one of the ``evidence``.

    Raises:
        ExportError: where it is further from Keras than `MICRO_TOLERANCES`.
        ValueError: for another suffix or precision, int8 without calibration, or a scaling by the record.
        ImportError: where `tflite-micro` is not installed.
    """
    path = check_path(path, ".h")
    if precision not in MICRO_TOLERANCES:
        raise ValueError(f"precision must be one of {', '.join(MICRO_TOLERANCES)}, got {precision!r}.")
    if (precision == "int8") != (calibration is not None):
        raise ValueError("calibration must be given for int8, some 100 raw records in mV, and for it alone.")
    if not (rule := model.get_layer("scale").rule).startswith("standard"):
        raise ValueError(f"model must scale by the training set, got rule {rule!r}. Export it to LiteRT.")
    if calibration is not None:
        calibration = scaled(model, spread(checked_signals(model, calibration)))
    micro = micro_model(network_of(model), calibration)
    signals = checked_signals(model, signals)
    found, expected = micro.answer(scaled(model, signals)), model.predict(signals, verbose=0)
    off = {name: np.abs(found[name] - expected[name]) for name in ("probability", "evidence")}
    off = {"probability": float(off["probability"].max()), "evidence": float(off["evidence"].mean())}
    shares = off["probability"], off["evidence"] / np.abs(expected["evidence"]).mean()
    if not all(map(np.less_equal, shares, MICRO_TOLERANCES[precision])):
        what = "probability {:.2g}, evidence {:.1%}".format(*shares)
        raise ExportError(f"The {precision} model differs from Keras: {what}. Calibrate on more records.")
    facts = {"size": len(micro.content), "arena": micro.arena(), "operators": micro.operators, **off}
    write_whole(path, _header(model, micro, facts | {"precision": precision}).encode("ascii", "replace"))
    return facts


def _header(model: keras.Model, micro: MicroModel, facts: dict) -> str:
    settings, network = settings_of(model), network_of(model)
    scale, degree, n = model.get_layer("scale"), model.get_layer("detrend").degree, settings.n_times
    # Of the recurrence of the polynomials that are orthonormal on n equally spaced samples.
    steps = [0.0, *(0.5 * k * np.sqrt((n**2 - k**2) / (4 * k**2 - 1)) for k in range(1, degree + 1))]
    value = "(value - signalcam_centre[lead]) * signalcam_factor[lead]"
    integer = f"(int16_t)lrintf(fminf(fmaxf(value / {micro.step!r}f, -32768.0f), 32767.0f))"
    methods = [name.title().replace("_", "") for name in micro.operators]  # CONV_2D: Conv2D
    rows = (micro.content[start : start + 24] for start in range(0, len(micro.content), 24))
    values = {
        "version": __version__,
        "n_times": n,
        "sampling_rate": settings.sampling_rate,
        "n_leads": len(settings.lead_names),
        "leads": ", ".join(settings.lead_names),
        "n_positions": network.output["evidence"].shape[1],
        "n_classes": len(settings.class_names),
        "classes": ", ".join(settings.class_names),
        "n_operators": len(methods),
        "operators": " ".join(f"(resolver).Add{name}();" for name in methods),
        "thresholds": _floats(settings.threshold),
        "centre": _floats(scale._centre),
        "factor": _floats(scale._factor),
        "degree": degree,
        "steps": _floats(steps),
        "first": _floats([1 / np.sqrt(n)]),
        "scaled": f"asinhf({value})" if scale.rule.endswith("_asinh") else value,
        "type": "int16_t" if micro.step else "float",
        "member": "i16" if micro.step else "f",
        "quantised": integer if micro.step else "value",
        "model": "\n".join(",".join(map(str, row)) + "," for row in rows),
    }
    template = Path(__file__).with_name("micro_template.h").read_text(encoding="ascii")
    return string.Template(template).substitute(facts | values | micro.outputs)


def _floats(values: Any) -> str:
    return ", ".join(f"{np.float32(value):.9e}f" for value in values)
