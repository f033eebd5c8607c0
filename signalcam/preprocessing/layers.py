"""Detrending and scaling as Keras layers, so that a deployed model takes raw mV.

They give the numbers of `detrend` and `Scaler.transform`, compute in float32 whatever the model's policy,
hold no weights (all they need is in their config), and use operations only that LiteRT and ONNX have.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from signalcam.preprocessing.detrending import polynomial_basis
from signalcam.preprocessing.scaling import FLAT, Scaler, inverse_or_zero

# A number times this, cut to [0, 1] or [-1, 1], is a step: LiteRT has sign and comparisons, but not in the
# delegate that runs everything else, and each change of hands costs as long as a pass over the samples.
_HUGE = 1e30


class _Step(keras.layers.Layer):
    """A layer of float32 (record, time, lead) to the same shape; `**kwargs` are those of Keras layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"dtype": kwargs.get("dtype") or "float32"})

    def build(self, input_shape: tuple) -> None:
        if len(input_shape) != 3:
            wanted = f"(record, time, lead), got {tuple(input_shape)}"
            self._refuse(f"have the shape {wanted}. Put one record into a batch with signals[None].")
        self.built = True

    def _refuse(self, wanted: str) -> None:
        raise ValueError(f"Layer {self.name!r}: signals must {wanted}")

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


@keras.saving.register_keras_serializable(package="signalcam")
class Detrend(_Step):
    """Subtract the least-squares polynomial of each lead in mV: `x - Q (Q^T x)`.

    Args:
        degree: degree of the polynomial; below the number of samples, which must be fixed (ValueError).
    """

    def __init__(self, degree: int = 10, **kwargs):
        super().__init__(**kwargs)
        self.degree = degree

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        if input_shape[1] is None:
            got = f"got {tuple(input_shape)}. Give the model an Input((n_times, n_leads))."
            self._refuse(f"have a fixed length, {got}")
        self._basis = polynomial_basis(input_shape[1], self.degree).astype(np.float32)

    def call(self, signals: tf.Tensor) -> tf.Tensor:
        # Polynomials hold every constant, so taking the mean off first changes no result. But in float32 it
        # keeps a large offset, such as an electrode's, from drowning the ECG in rounding errors.
        signals = _per_lead(ops.subtract, signals, ops.mean(signals, axis=1, keepdims=True))
        coefficients = ops.matmul(self._basis.T[None], signals)
        return signals - ops.matmul(self._basis[None], coefficients)

    def get_config(self) -> dict:
        return {**super().get_config(), "degree": self.degree}


@keras.saving.register_keras_serializable(package="signalcam")
class Scale(_Step):
    """Scale each lead of detrended signals (record, time, lead) in mV: float32, without unit.

    Args:
        rule, mean, std: `Scale(**scaler.get_state())` does what `scaler.transform` does.

    Raises:
        ValueError: on an unknown rule, or another number of leads than `mean` has.
        RuntimeError: where the rule needs `mean` and `std` and they are missing.
    """

    def __init__(self, rule: str = "standard", mean: list | None = None, std: list | None = None, **kwargs):
        super().__init__(**kwargs)
        self._scaler = Scaler(rule, mean, std)
        self._scaler.check_fitted()
        self.rule = rule
        if not self._scaler.per_record:
            self._centre = self._scaler.mean.astype(np.float32)
            self._factor = inverse_or_zero(self._scaler.std).astype(np.float32)

    def build(self, input_shape: tuple) -> None:
        super().build(input_shape)
        if not self._scaler.per_record and input_shape[-1] != len(self._centre):
            found = f"leads of mean and std, got {input_shape[-1]} (shape {tuple(input_shape)})"
            self._refuse(f"have the {len(self._centre)} {found}. Give the same leads in the same order.")

    def call(self, signals: tf.Tensor) -> tf.Tensor:
        if not self._scaler.per_record:
            centred = _per_lead(ops.subtract, signals, self._centre[None, None])
            scaled = _per_lead(ops.multiply, centred, self._factor[None, None])
        elif self.rule == "record":
            centred = _per_lead(ops.subtract, signals, _median(signals))
            largest = ops.max(ops.abs(centred), axis=1, keepdims=True)
            scaled = _per_lead(ops.multiply, centred, _inverse_or_zero(largest, largest))
        else:
            centred = _per_lead(ops.subtract, signals, ops.mean(signals, axis=1, keepdims=True))
            # Not ops.square: LiteRT's converter would take the mean off once more, at three times the cost.
            deviation = ops.sqrt(ops.mean(centred * centred, axis=1, keepdims=True))
            largest = ops.max(ops.abs(centred), axis=1, keepdims=True)
            scaled = _per_lead(ops.multiply, centred, _inverse_or_zero(deviation, largest))
        return inverse_hyperbolic_sine(scaled) if self.rule.endswith("_asinh") else scaled

    def get_config(self) -> dict:
        return {**super().get_config(), **self._scaler.get_state()}


def _per_lead(operation: Callable, signals: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """`operation(signals, values)` for values (1 or record, 1, lead), several samples side by side.

    The runtimes broadcast along the last axis, where one sample, 12 numbers, costs three times as much.
    """
    n_times, n_leads = signals.shape[1:]
    if n_times is None:
        return operation(signals, values)
    samples = next(n for n in (4, 3, 2, 1) if n_times % n == 0)
    wide = ops.reshape(signals, (-1, n_times // samples, samples * n_leads))
    wide = operation(wide, ops.concatenate([values] * samples, axis=-1))
    return ops.reshape(wide, (-1, n_times, n_leads))


def _median(signals: tf.Tensor) -> tf.Tensor:
    """Median over time: (record, 1, lead)."""
    n_times = signals.shape[1]
    # The upper half, largest first, ends with the middle values. LiteRT has top_k, but no sort and no median.
    upper, _ = ops.top_k(ops.transpose(signals, (0, 2, 1)), n_times // 2 + 1)
    middle = upper[..., -1:] if n_times % 2 else (upper[..., -1:] + upper[..., -2:-1]) / 2
    return ops.transpose(middle, (0, 2, 1))


def _inverse_or_zero(size: tf.Tensor, largest: tf.Tensor) -> tf.Tensor:
    # 1 where largest > FLAT, else 0, without a comparison: see _HUGE.
    above = ops.clip((largest - FLAT) * _HUGE, 0.0, 1.0)
    return above / ops.maximum(size, 1e-30)


def inverse_hyperbolic_sine(values: tf.Tensor) -> tf.Tensor:
    """Return the inverse hyperbolic sine, of the same shape and dtype; LiteRT has none of its own."""
    # No cancellation: the sum in the logarithm is at least 1.
    size = ops.abs(values)  # seven times as fast as ops.arcsinh on a CPU
    sign = ops.clip(values * _HUGE, -1.0, 1.0)
    return sign * ops.log(size + ops.sqrt(size * size + 1.0))
