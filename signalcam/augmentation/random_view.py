"""A random view of each training record: the whole augmentation of the better recipe in one layer."""

import keras
import tensorflow as tf
from keras import ops

from signalcam.augmentation.geometry import take_samples
from signalcam.preprocessing.layers import inverse_hyperbolic_sine


@keras.saving.register_keras_serializable(package="signalcam")
class RandomView(keras.layers.Layer):
    """Crop, speed up or slow down, scale leads, drop leads; then take the inverse hyperbolic sine.

    In training each record has its own view; at inference only the inverse hyperbolic sine is taken. It is
    last, since a gain is a gain only before it: give centred signals (record, time, lead), not compressed.
    Returns (record, n_times or time, lead), of their dtype.

    Args:
        n_times: samples of the view; None keeps all. The network averages over time, so it may be trained on
            shorter signals than it will read.
        warp: the speed is drawn from exp(-warp) to exp(warp).
        gain, lead_gain: standard deviation of the logarithm of the gain of a record, and of each lead.
        lead_dropout: probability that a lead is set to zero.
        compress: False leaves the inverse hyperbolic sine out.
        seed: integer.
    """

    def __init__(
        self,
        n_times: int | None = None,
        warp: float = 0.0,
        gain: float = 0.2,
        lead_gain: float = 0.1,
        lead_dropout: float = 0.1,
        compress: bool = True,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.n_times, self.warp, self.gain, self.lead_gain = n_times, warp, gain, lead_gain
        self.lead_dropout, self.compress, self.seed = lead_dropout, compress, seed
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, signals: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        if training:
            signals = self._view(signals)
        return inverse_hyperbolic_sine(signals) if self.compress else signals

    def _view(self, signals: tf.Tensor) -> tf.Tensor:
        count, n_leads = ops.shape(signals)[0], signals.shape[-1]
        if self.n_times is not None or self.warp:
            signals = self._crop(signals, count)
        log_gain = keras.random.normal((count, 1, 1), 0.0, self.gain, seed=self.seeds)
        log_gain += keras.random.normal((count, 1, n_leads), 0.0, self.lead_gain, seed=self.seeds)
        kept = keras.random.uniform((count, 1, n_leads), seed=self.seeds) >= self.lead_dropout
        return signals * ops.exp(log_gain) * ops.cast(kept, signals.dtype)

    def _crop(self, signals: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        n_times = signals.shape[1]
        length = self.n_times or n_times
        if length > n_times:
            raise ValueError(f"n_times must be at most the {n_times} samples of the signals, got {length}.")
        speed = ops.exp(keras.random.uniform((count, 1), -self.warp, self.warp, seed=self.seeds))
        spare = ops.maximum(n_times - 1 - speed * (length - 1), 0.0)
        start = keras.random.uniform((count, 1), seed=self.seeds) * spare
        place = start + speed * ops.arange(length, dtype="float32")[None]
        place = ops.minimum(place, n_times - 1.001)  # beyond the end the last sample is held
        indices = ops.cast(ops.floor(place), "int32")
        before = take_samples(signals, indices)
        if not self.warp:
            return before
        weight = (place - ops.floor(place))[:, :, None]
        return before * (1 - weight) + take_samples(signals, indices + 1) * weight

    def get_config(self) -> dict:
        names = ("n_times", "warp", "gain", "lead_gain", "lead_dropout", "compress", "seed")
        return super().get_config() | {name: getattr(self, name) for name in names}
