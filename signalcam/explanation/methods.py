"""All explanations by name, with one interface: how much each moment of a record speaks for a class.

A method is *signed* when a negative value means evidence against the class; the input gradient's magnitude
and the random map are not. Methods with a lead axis are summed over leads when the question is about time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from signalcam.explanation.cam import cam, lead_cam, upsample
from signalcam.explanation.gradients import (
    grad_cam,
    gradient_x_input,
    guided_grad_cam,
    input_gradient,
    integrated_gradients,
)
from signalcam.explanation.network import AnyModel, as_network, check_class, check_scaled
from signalcam.explanation.occlusion import occlude_leads, occlude_time, occlude_time_and_leads


@dataclass(frozen=True)
class Method:
    """One way to explain.

    Attributes:
        over_time: function to (record, time), or None where the time axis comes from `over_time_and_leads`.
        over_time_and_leads: function to (record, time, lead), or None for a method without a lead axis.
        signed: whether negative values mean evidence against the class.
        passes: forward (or forward and backward) passes a record, with default settings.
    """

    over_time: Callable | None
    over_time_and_leads: Callable | None
    signed: bool
    passes: int


def _random_map(model: AnyModel, signals: ArrayLike, class_index: int = 0, seed: int = 0) -> np.ndarray:
    """Draw a map that knows nothing, one value for each 8 samples."""
    network = as_network(model)
    check_class(network, class_index)
    n_records, n_times, _ = check_scaled(network, signals).shape
    cells = np.random.default_rng(seed).standard_normal((n_records, max(n_times // 8, 1)))
    return upsample(cells, n_times)


def _grad_cam(model: AnyModel, signals: ArrayLike, class_index: int, **options: object) -> np.ndarray:
    cells, n_times = grad_cam(model, signals, class_index, **options), np.shape(signals)[1]
    return upsample(cells, n_times, n_times / cells.shape[1])


def _size(method: Callable, *arguments: object, **options: object) -> np.ndarray:
    return np.abs(method(*arguments, **options))


def _cam_x_leads(model: AnyModel, signals: ArrayLike, class_index: int) -> np.ndarray:
    """Share the CAM out over the leads, by how far the logit falls without each; it sums to the CAM."""
    network = as_network(model)
    share = np.maximum(occlude_leads(network, signals, class_index), 0)
    share += np.float32(1e-9)  # where no lead counts, all share alike
    share /= share.sum(axis=1, keepdims=True)
    return cam(network, signals, class_index)[..., None] * share[:, None]


METHODS = {
    "cam": Method(cam, lead_cam, signed=True, passes=1),
    "cam_convolution": Method(partial(cam, features="convolution"), None, signed=True, passes=1),
    "grad_cam": Method(_grad_cam, None, signed=True, passes=2),
    "guided_grad_cam": Method(None, partial(_size, guided_grad_cam), signed=False, passes=4),
    "gradient": Method(None, partial(_size, input_gradient), signed=False, passes=2),
    "gradient_x_input": Method(None, gradient_x_input, signed=True, passes=2),
    "integrated_gradients": Method(None, integrated_gradients, signed=True, passes=128),
    "occlusion": Method(occlude_time, occlude_time_and_leads, signed=True, passes=40),
    "random": Method(_random_map, None, signed=False, passes=0),
    "cam_x_leads": Method(None, _cam_x_leads, signed=True, passes=14),
}


def explain(
    name: str, model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object
) -> np.ndarray:
    """Explain the logit of one class, moment by moment.

    Args:
        name: a key of `METHODS`.
        model: classifier from scaled signals to probabilities: any Keras model with one input and one output,
            `Sequential` or functional; "cam" and "cam_convolution" need average pooling and one linear layer.
        signals: scaled signals, (record, time, lead).
        class_index: the class explained.
        **options: further arguments of the method itself, such as ``n_steps``, ``window``, ``seed``, or
            ``layer`` of Grad-CAM.

    Returns:
        float32 (record, time): the relevance of each sample, summed over leads where the method has them.

    Raises:
        ValueError: for an unknown name, class, or signals that do not fit the model.
    """
    method = _method(name)
    if method.over_time:
        return method.over_time(model, signals, class_index, **options)
    return method.over_time_and_leads(model, signals, class_index, **options).sum(axis=2)


def explain_leads(
    name: str, model: AnyModel, signals: ArrayLike, class_index: int = 0, **options: object
) -> np.ndarray:
    """Explain the logit of one class for each sample of each lead: float32 (record, time, lead).

    Args, Raises: as in `explain`; the method must have a lead axis. The CAM has one only in a network made
    for it (`cam.lead_cam`), and then one row more, the last, for what only the leads together show.
    """
    method = _method(name).over_time_and_leads
    if method is None:
        able = ", ".join(key for key, value in METHODS.items() if value.over_time_and_leads)
        raise ValueError(f"name must be a method with a lead axis, one of {able}, got {name!r}.")
    return method(model, signals, class_index, **options)


@dataclass(frozen=True)
class MapMaker:
    """Several methods with their settings, applied together.

    Attributes:
        names, class_index: keys of `METHODS`, all that differ over time; the class explained.
        options: by method, further arguments, such as ``{"integrated_gradients": {"n_steps": 16}}``.
    """

    names: tuple[str, ...] = tuple(name for name in METHODS if name != "cam_x_leads")
    class_index: int = 0
    options: dict = field(default_factory=dict)

    def __call__(self, model: AnyModel, signals: ArrayLike, progress: str | None = None) -> dict:
        """Explain: relevance by method name, float32 (record, time)."""
        model = as_network(model)
        bar = tqdm(self.names, desc=progress, disable=progress is None, leave=False)
        return {name: self.explain(name, model, signals) for name in bar}

    def explain(self, name: str, model: AnyModel, signals: ArrayLike) -> np.ndarray:
        """Explain by one of the methods, with its settings: float32 (record, time)."""
        return explain(name, model, signals, self.class_index, **self.options.get(name, {}))

    @property
    def signed(self) -> tuple[str, ...]:
        """The names of the methods whose negative values are evidence against the class."""
        return tuple(name for name in self.names if METHODS[name].signed)


def _method(name: str) -> Method:
    if name not in METHODS:
        raise ValueError(f"name must be one of {', '.join(METHODS)}, got {name!r}.")
    return METHODS[name]
