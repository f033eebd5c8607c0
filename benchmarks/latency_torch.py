"""A deployable Keras model rebuilt in PyTorch, weight by weight, as the rival of `benchmarks/latency.py`.

Written as one would write it in PyTorch: (record, channel, time) inside, BatchNorm as a layer, the CAM from
the same maps, all under `torch.inference_mode`.
"""

import keras
import numpy as np
import torch
from keras import layers
from torch import nn
from torch.nn import functional

from signalcam.deployment.deployable import network_of
from signalcam.preprocessing.detrending import polynomial_basis
from signalcam.preprocessing.scaling import FLAT


class Rebuilt(nn.Module):
    """The deployable model: raw mV (record, time, lead) in, a dict of outputs out, as in Keras.

    Raises NotImplementedError for a layer that it has no PyTorch word for.
    """

    def __init__(self, model, cam=True):
        super().__init__()
        names = [layer.name for layer in model.layers]
        detrend, self.scale = (
            model.get_layer("detrend") if "detrend" in names else None,
            model.get_layer("scale"),
        )
        n_times = model.input_shape[1]
        basis = np.zeros((n_times, 1)) if detrend is None else polynomial_basis(n_times, detrend.degree)
        self.register_buffer("basis", torch.tensor(basis, dtype=torch.float32))
        if self.scale.rule.startswith("standard"):
            state = self.scale.get_config()
            self.register_buffer("mean", torch.tensor(state["mean"], dtype=torch.float32)[:, None])
            self.register_buffer("std", torch.tensor(state["std"], dtype=torch.float32)[:, None])
        kinds = (layers.InputLayer, layers.GlobalAveragePooling1D, layers.Dense, layers.Activation)
        inner = network_of(model).layers
        blocks = [layer for layer in inner if not isinstance(layer, kinds) and layer.name != "heatmap"]
        self.blocks = nn.Sequential(*map(_rebuild, blocks))
        dense = next(layer for layer in inner if isinstance(layer, layers.Dense))
        kernel, bias = dense.get_weights()
        self.classifier = nn.Linear(*kernel.shape)
        self.classifier.load_state_dict({"weight": torch.tensor(kernel.T), "bias": torch.tensor(bias)})
        self.cam = cam
        self.eval()

    def forward(self, signals):
        maps = self.blocks(self.front(signals.transpose(1, 2)))
        logit = self.classifier(maps.mean(dim=2))
        probability = torch.sigmoid(logit)
        if not self.cam:
            return {"probability": probability}
        evidence = self.classifier(maps.transpose(1, 2))
        heatmap = functional.interpolate(evidence.transpose(1, 2), size=signals.shape[1], mode="linear")
        lowest = heatmap.amin(dim=2, keepdim=True)
        spread = heatmap.amax(dim=2, keepdim=True) - lowest
        heatmap = ((heatmap - lowest) / spread.clamp(min=1e-30)).transpose(1, 2)
        return {"probability": probability, "logit": logit, "evidence": evidence, "heatmap": heatmap}

    def front(self, x):
        """Detrend and scale (record, lead, time)."""
        x = x - x.mean(dim=2, keepdim=True)
        x = x - (x @ self.basis) @ self.basis.T
        rule = self.scale.rule
        if rule.startswith("standard"):
            x = (x - self.mean) / self.std
        elif rule == "record":
            middle = x.sort(dim=2).values[..., (x.shape[2] - 1) // 2 : x.shape[2] // 2 + 1]
            x = x - middle.mean(dim=2, keepdim=True)
            x = x / x.abs().amax(dim=2, keepdim=True).clamp(min=FLAT)
        else:
            x = x - x.mean(dim=2, keepdim=True)
            x = x / x.square().mean(dim=2, keepdim=True).sqrt().clamp(min=FLAT)
        return torch.asinh(x) if rule.endswith("_asinh") else x


def _rebuild(layer):
    if isinstance(layer, layers.Conv1D):
        kernel, bias = layer.get_weights()
        if layer.padding != "same" or layer.strides != (1,) or layer.groups != 1:
            raise NotImplementedError(f"convolution {layer.name!r} with stride, groups or without padding")
        made = nn.Conv1d(*kernel.shape[1:], kernel.shape[0], padding="same", dilation=layer.dilation_rate)
        made.load_state_dict({"weight": torch.tensor(kernel.transpose(2, 1, 0)), "bias": torch.tensor(bias)})
        return made
    if isinstance(layer, layers.BatchNormalization):
        names = ("weight", "bias", "running_mean", "running_var")
        made = nn.BatchNorm1d(len(layer.get_weights()[0]), eps=layer.epsilon)
        state = {name: torch.tensor(value) for name, value in zip(names, layer.get_weights(), strict=True)}
        made.load_state_dict(state | {"num_batches_tracked": torch.tensor(0)})
        return made
    if isinstance(layer, layers.LeakyReLU):
        return nn.LeakyReLU(layer.negative_slope)
    if isinstance(layer, layers.MaxPooling1D):
        return nn.MaxPool1d(layer.pool_size[0], layer.strides[0])
    raise NotImplementedError(f"layer {layer.name!r} ({type(layer).__name__})")


def rebuild(model: keras.Model, signals: np.ndarray, cam: bool = True):
    """Return a function of a batch in mV that answers as the model, checked on `signals`; one thread."""
    torch.set_num_threads(1)
    module = Rebuilt(model, cam)

    def call(batch):
        with torch.inference_mode():
            return {name: value.numpy() for name, value in module(torch.from_numpy(batch)).items()}

    difference = np.abs(call(signals)["probability"] - model.predict(signals, verbose=0)["probability"]).max()
    if difference > 1e-4:
        raise ValueError(f"The PyTorch model differs from Keras by {difference:.2g} in the probability.")
    return call
