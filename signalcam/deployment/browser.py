"""A deployable model for a web page, `signalcam.plotting.model_page`: layers as steps, weights in one block.

A step says the class of a Keras layer, its options, the steps whose results it takes, and where in the block
its weights are; `plotting/browser/network.mjs` runs it. BatchNorm is folded into the convolution before it.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from signalcam.deployment.deployable import network_of
from signalcam.deployment.settings import Settings, settings_of
from signalcam.leads import ALIASES, LEADS
from signalcam.map_layers import ShareBias, SplitRows
from signalcam.preprocessing.scaling import FLAT
from signalcam.recordings import Recording, electrodes, from_array, quality
from signalcam.recordings.formats.readers import ADVICE
from signalcam.simulation import Lesion, Subject, simulate_record

OUTPUTS = ("probability", "logit", "evidence", "lead_evidence")
EXAMPLES = {"no lesion": (), "inferior infarction": ("IMI",), "left bundle branch block": ("CLBBB",)}
PERSON = 4  # seed of someone whom, without a lesion, the shipped models take for normal
# Layers that network.mjs runs, and those that do nothing but in training. Others are refused, as are other
# values of options than these.
LAYERS = """Conv1D Conv2D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D BatchNormalization
LeakyReLU Activation MaxPooling1D MaxPooling2D GlobalAveragePooling1D GlobalAveragePooling2D Dense Reshape
Concatenate Add""".split()
IDLE = ("InputLayer", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise")
OPTIONS = {
    "activation": ("linear", "relu", "sigmoid", "softmax"),
    "padding": ("same", "valid"),
    "data_format": ("channels_last",),
    "groups": (1,),
    "keepdims": (False,),
}
_READ = "activation padding strides dilation_rate pool_size negative_slope target_shape axis rows".split()


def browser_model(model: keras.Model) -> dict[str, object]:
    """Write a deployable model, and what reading a recording for it needs to know, as a dict that JSON holds.

    Raises ValueError that names a layer, or an option of one, that a page cannot run.
    """
    settings, tensors, writer = settings_of(model), network_of(model).output, _Writer()
    outputs = {name: writer.place(tensors[name]) for name in OUTPUTS if name in tensors}
    scaler, limits = model.get_layer("scale").get_config(), vars(quality) | vars(electrodes)
    return {
        "settings": asdict(settings),
        "degree": model.get_layer("detrend").degree,
        "scaler": {name: scaler[name] for name in ("rule", "mean", "std")} | {"flat": FLAT},
        "outputs": outputs,
        "weights": base64.b64encode(writer.block()).decode("ascii"),
        "steps": writer.steps,
        "limits": {name: limits[name] for name in limits if name.isupper()},
        "leads": LEADS,
        "aliases": ALIASES,
        "advice": ADVICE,
        "examples": list(_examples(settings)),
    }


def browser_record(
    recording: Recording, notes: Sequence[str] | None = None, probability: np.ndarray | None = None
) -> dict[str, object]:
    """Write a recording for a page; signals in whole uV take two bytes a sample, others four.

    Args:
        recording: of the model's rate and length.
        notes: None for those of `recording.quality`.
        probability: (class,); None has the page compute it.
    """
    steps = np.rint(np.float64(recording.signals) * 1000)
    whole = np.array_equal(np.float32(steps / 1000), recording.signals) and np.abs(steps).max() < 2**15
    samples = steps.astype("<i2") if whole else np.asarray(recording.signals, "<f4")
    return {
        "name": recording.name,
        "start": float(recording.start),
        "n_padded": int(recording.padded.sum()),
        "notes": recording.quality.notes if notes is None else notes,
        "probability": None if probability is None else np.asarray(probability).tolist(),
        "shape": samples.shape,
        "type": samples.dtype.str,
        "signals": base64.b64encode(samples.tobytes()).decode("ascii"),
    }


def _examples(settings: Settings) -> Iterator[dict]:
    """Simulate one person with and without lesions, for a page to offer; nothing for other leads."""
    for name, codes in EXAMPLES.items() if settings.lead_names == LEADS else ():
        lesions, rate = [Lesion(code, 1.0) for code in codes], settings.sampling_rate
        signals = simulate_record(lesions, Subject(PERSON), PERSON, settings.n_times, rate).signals
        how = {"sampling_rate": rate, "duration": settings.n_times / rate}
        yield browser_record(from_array(signals, name=f"simulated, {name}", **how)[0])


class _Writer:
    """Walks from an output back to the signals, and writes each use of a layer once, as a step."""

    def __init__(self) -> None:
        self.steps, self.places, self.used = [], {}, set()

    def place(self, tensor: Any) -> int:
        """Return the number of the step that makes a tensor; 0 are the scaled signals."""
        if id(tensor) not in self.places:
            history = tensor._keras_history
            inputs = history.operation._inbound_nodes[history.node_index].input_tensors
            places = [self.place(each) for each in inputs] or [0]
            self.places[id(tensor)] = self._add(history.operation, places)
        return self.places[id(tensor)]

    def _add(self, layer: Any, places: list[int]) -> int:
        kind, config = type(layer).__name__, layer.get_config()
        _check(layer, kind, config)
        if kind in IDLE:
            return places[0]
        weights = {weight.name: np.asarray(weight, np.float64) for weight in layer.weights}
        if kind == "BatchNormalization":
            scale = weights.get("gamma", 1.0) / np.sqrt(weights["moving_variance"] + layer.epsilon)
            shift = weights.get("beta", 0.0) - weights["moving_mean"] * scale
            if places[0] and places[0] not in self.used and _fold(self.steps[places[0] - 1], scale, shift):
                return places[0]
            weights = {"scale": scale, "shift": shift}
        options = {name: config[name] for name in _READ if name in config}
        self.used.update(places)
        self.steps.append({"layer": kind, "from": places, "weights": weights} | options)
        return len(self.steps)

    def block(self) -> bytes:
        """Move the weights of the steps into one block of float32, and say in the steps where they are."""
        start, arrays = 0, []
        for step in self.steps:
            for name, value in step["weights"].items():
                step["weights"][name] = {"start": start, "shape": value.shape}
                arrays.append(value.astype("<f4").tobytes())
                start += value.size
        return b"".join(arrays)


def _fold(step: dict, scale: np.ndarray, shift: np.ndarray) -> bool:
    """Let a convolution without activation do what BatchNorm does after it; False for other steps."""
    kernel = "pointwise_kernel" if step["layer"].startswith("Separable") else "kernel"
    if not step["layer"].startswith(("Conv", "Separable")) or step.get("activation") != "linear":
        return False
    weights = step["weights"]
    weights[kernel] = weights[kernel] * scale
    weights["bias"] = weights.get("bias", 0.0) * scale + shift
    return True


def _check(layer: Any, kind: str, config: dict) -> None:
    keras_kind = getattr(keras.layers, kind, None) if kind in (*LAYERS, *IDLE) else None
    if type(layer) not in (keras_kind, SplitRows, ShareBias):
        known = f"layers must be among {', '.join(LAYERS)} to run in a page"
        raise ValueError(f"{known}, got {layer.name!r}, a {kind}. Use the .keras file with Python.")
    for name, allowed in OPTIONS.items():
        if (value := config.get(name, allowed[0])) not in allowed:
            known = " or ".join(map(repr, allowed))
            raise ValueError(f"{name} of layer {layer.name!r} must be {known} in a page, got {value!r}.")
