"""A random view of each training record: the whole augmentation of the better recipe in one layer.

One gather and two multiplications a batch, compiled into the training step. Works on signals that are
standardised per lead and record but not yet compressed, because a gain is a gain only before the inverse
hyperbolic sine, which the layer applies last.
"""

import keras
import tensorflow as tf
from keras import ops


@keras.saving.register_keras_serializable(package="signalcam")
class RandomView(keras.layers.Layer):
    """Crop, speed up or slow down, mix and scale leads, drop leads; then the inverse hyperbolic sine.

    In training each record gets its own view; at inference only the inverse hyperbolic sine is taken.

    Example:
        >>> RandomView(n_times=500)(signals, training=True).shape    # signals: (8, 1000, 12)
        TensorShape([8, 500, 12])

    Args:
        n_times: samples of the view; None keeps all. The network averages over time, so that it may be
            trained on shorter signals than it will read, which takes less time and is an augmentation.
        warp: the speed is drawn from exp(-warp) to exp(warp).
        gain: standard deviation of the logarithm of one gain for the record.
        lead_gain: the same for a gain of each lead.
        lead_mix: standard deviation of the share of every other lead that each lead takes in, as an
            electrode that sits elsewhere would; this breaks the limb-lead identities.
        lead_dropout: probability that a lead is set to zero.
        compress: False leaves the inverse hyperbolic sine out.
        seed: integer.

    Call arguments:
        signals: (record, time, lead), without unit, centred.
        training: whether to draw a view.
    """

    def __init__(
        self,
        n_times=None,
        warp=0.0,
        gain=0.2,
        lead_gain=0.1,
        lead_mix=0.0,
        lead_dropout=0.1,
        compress=True,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.n_times, self.warp, self.gain, self.lead_gain = n_times, warp, gain, lead_gain
        self.lead_mix, self.lead_dropout, self.compress, self.seed = lead_mix, lead_dropout, compress, seed
        self.seeds = keras.random.SeedGenerator(seed)

    def call(self, signals, training=None):
        if training:
            signals = self._view(signals)
        if not self.compress:
            return signals
        size = ops.abs(signals)  # seven times as fast as ops.arcsinh on a CPU
        return ops.sign(signals) * ops.log(size + ops.sqrt(size * size + 1.0))

    def _view(self, signals):
        count, n_leads = ops.shape(signals)[0], signals.shape[-1]
        if self.n_times is not None or self.warp:
            signals = self._crop(signals, count)
        if self.lead_mix:
            mixture = self._normal((count, n_leads, n_leads), self.lead_mix)
            signals = signals + ops.matmul(signals, mixture)
        log_gain = self._normal((count, 1, 1), self.gain) + self._normal((count, 1, n_leads), self.lead_gain)
        kept = keras.random.uniform((count, 1, n_leads), seed=self.seeds) >= self.lead_dropout
        return signals * ops.exp(log_gain) * ops.cast(kept, signals.dtype)

    def _crop(self, signals, count):
        n_times = signals.shape[1]
        length = self.n_times or n_times
        if length > n_times:
            raise ValueError(f"A view of {length} samples does not fit into signals of {n_times} samples.")
        speed = ops.exp(keras.random.uniform((count, 1), -self.warp, self.warp, seed=self.seeds))
        room = ops.maximum(n_times - 1 - speed * (length - 1), 0.0)
        start = keras.random.uniform((count, 1), seed=self.seeds) * room
        place = start + speed * ops.arange(length, dtype="float32")[None]
        place = ops.minimum(place, n_times - 1.001)  # beyond the end the last sample is held
        left = ops.floor(place)
        cell = ops.cast(left, "int32")
        if not self.warp:
            return tf.gather(signals, cell, batch_dims=1)
        share = (place - left)[:, :, None]
        first, second = (tf.gather(signals, cell + step, batch_dims=1) for step in (0, 1))
        return first * (1 - share) + second * share

    def _normal(self, shape, deviation):
        return keras.random.normal(shape, 0.0, deviation, seed=self.seeds)

    def get_config(self):
        names = ("n_times", "warp", "gain", "lead_gain", "lead_mix", "lead_dropout", "compress", "seed")
        return super().get_config() | {name: getattr(self, name) for name in names}
