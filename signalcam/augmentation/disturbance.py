"""Augmentations that add something to the signals: noise, slow waves. They break the limb-lead identities."""

import math

import keras
import tensorflow as tf
from keras import ops

from signalcam.augmentation.base import Disturbance, in_range


@keras.saving.register_keras_serializable(package="signalcam")
class GaussianNoise(Disturbance):
    """Add white Gaussian noise, independent in every lead, of a variance in the squared unit of the signals.

    Drawing a normal number for every sample would take most of the time of the whole augmentation. So each
    call draws noise for `BANK` records, and each record takes a stretch of it from a random start: within a
    record all samples are independent; stretches of two records may overlap, but shifted in time.
    """

    arguments = ("variance",)
    BANK = 4

    def __init__(self, variance: float = 0.001, **kwargs):
        super().__init__(**kwargs)
        self.variance = in_range("variance", variance, 0, math.inf)

    def disturbance(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        n_records, n_times, n_leads = ops.shape(signals)
        length = self.BANK * n_times
        bank = keras.random.normal(
            (length, n_leads), stddev=math.sqrt(self.variance), dtype=signals.dtype, seed=self.seed_generator
        )
        # Behind the bank: its beginning again, for stretches over its end; silence, for records not chosen.
        bank = ops.concatenate([bank, bank[:n_times], ops.zeros((n_times, n_leads), signals.dtype)])
        start = ops.where(chosen[:, :, 0] > 0, self.integers((n_records, 1), 0, length), length + n_times)
        return tf.gather(bank, start + ops.arange(n_times, dtype="int32"))  # not ops.take: see take_samples


@keras.saving.register_keras_serializable(package="signalcam")
class SinePulse(Disturbance):
    """Add one sine wave to all leads of a record; frequency, amplitude and phase are drawn for each record.

    Args:
        sampling_rate: in Hz.
        amplitude: largest amplitude, in the unit of the scaled signals.
        frequencies: lowest and highest in Hz; by default those of N. Nonaka, J. Seita, "RandECG", 2020.
    """

    arguments = ("sampling_rate", "amplitude", "frequencies")

    def __init__(
        self, sampling_rate: float = 100, amplitude: float = 0.2, frequencies: tuple = (0.0, 1.0), **kwargs
    ):
        super().__init__(**kwargs)
        self.sampling_rate = in_range("sampling_rate", sampling_rate, 1, math.inf)
        self.amplitude = in_range("amplitude", amplitude, 0, math.inf)
        low, high = frequencies
        in_range("frequencies[0]", low, 0, in_range("frequencies[1]", high, 0, math.inf))
        self.frequencies = (low, high)

    def disturbance(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        n_records, n_times, _ = ops.shape(signals)
        shape = (n_records, 1, 1)
        size = chosen * self.uniform(shape, high=self.amplitude)
        turns = self.uniform(shape, *self.frequencies) / self.sampling_rate
        phase = self.uniform(shape)
        time = ops.reshape(ops.arange(n_times, dtype="float32"), (1, -1, 1))
        wave = size * ops.sin(2 * math.pi * (turns * time + phase))
        return ops.cast(wave, signals.dtype)


@keras.saving.register_keras_serializable(package="signalcam")
class RespirationNoise(SinePulse):
    """As `SinePulse`, a wave of breathing: by default 12 to 18 breaths a minute."""

    def __init__(self, frequencies: tuple = (12 / 60, 18 / 60), **kwargs):
        super().__init__(frequencies=frequencies, **kwargs)
