"""Augmentation of the amplitude."""

import keras
import tensorflow as tf
from keras import ops

from signalcam.augmentation.base import RandomLayer, in_range


@keras.saving.register_keras_serializable(package="signalcam")
class AmplitudeScale(RandomLayer):
    """Make a record larger or smaller, all leads alike, so that the limb-lead identities hold.

    Args:
        limit: largest change as a share of the amplitude: with 0.2 the factor is drawn from 0.8 to 1.2.
        **kwargs: as in `RandomLayer`.
    """

    def __init__(self, limit: float = 0.2, **kwargs):
        super().__init__(**kwargs)
        self.limit = in_range("limit", limit, 0, 1)

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        factor = 1.0 + chosen * self.uniform((ops.shape(signals)[0], 1, 1), -self.limit, self.limit)
        return signals * ops.cast(factor, signals.dtype)

    def get_config(self) -> dict:
        return {**super().get_config(), "limit": self.limit}
