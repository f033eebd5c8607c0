"""Augmentations of time and amplitude. All leads of a record change alike: limb-lead identities hold."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from signalcam.augmentation.base import RandomLayer, in_range


@keras.saving.register_keras_serializable(package="signalcam")
class TimeShift(RandomLayer):
    """Move a record earlier or later by whole samples, at most the share `limit` of its length.

    The first or the last sample fills the gap: that makes no step that a model could learn to see.
    """

    arguments = ("limit",)

    def __init__(self, limit: float = 0.03, **kwargs):
        super().__init__(**kwargs)
        self.limit = in_range("limit", limit, 0, 1)

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        n_records, n_times, _ = ops.shape(signals)
        largest = int(self.limit * n_times)
        shift = self.integers((n_records, 1), -largest, largest + 1) * ops.cast(chosen[:, :, 0], "int32")
        return take_samples(signals, ops.arange(n_times, dtype="int32") - shift)


@keras.saving.register_keras_serializable(package="signalcam")
class TimeWarp(RandomLayer):
    """Stretch some parts of a record and squeeze others; its ends stay, the borders between equal parts move.

    Args:
        n_parts: number of parts, 2 or more.
        limit: how far a border moves at most, as a share of a part; below 0.5, so that time runs forwards.
    """

    arguments = ("n_parts", "limit")

    def __init__(self, n_parts: int = 5, limit: float = 0.05, **kwargs):
        super().__init__(**kwargs)
        self.n_parts = in_range("n_parts", n_parts, 2, 1000)
        self.limit = in_range("limit", limit, 0, 0.49)

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        n_records, n_times, _ = ops.shape(signals)
        largest = self.limit * (n_times - 1) / self.n_parts
        moves = self.uniform((n_records, self.n_parts - 1), -largest, largest) * chosen[:, :, 0]
        # Interpolated to all samples, a border's move is a triangle: 1 there, 0 at the borders next to it.
        position = np.linspace(0, self.n_parts, n_times)
        triangles = np.maximum(0, 1 - np.abs(position - np.arange(1, self.n_parts)[:, None]))
        delay = ops.matmul(moves, triangles.astype(np.float32))
        # Whole samples and the rest from the delay alone: adding it to the time first would round it.
        whole = ops.floor(delay)
        first = ops.arange(n_times, dtype="int32") + ops.cast(whole, "int32")
        weight = ops.cast(delay - whole, signals.dtype)[..., None]
        before, after = take_samples(signals, first), take_samples(signals, first + 1)
        return before + weight * (after - before)


@keras.saving.register_keras_serializable(package="signalcam")
class AmplitudeScale(RandomLayer):
    """Make a record larger or smaller: with a limit of 0.2 by a factor drawn from 0.8 to 1.2."""

    arguments = ("limit",)

    def __init__(self, limit: float = 0.2, **kwargs):
        super().__init__(**kwargs)
        self.limit = in_range("limit", limit, 0, 1)

    def augment(self, signals: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
        factor = 1.0 + chosen * self.uniform((ops.shape(signals)[0], 1, 1), -self.limit, self.limit)
        return signals * ops.cast(factor, signals.dtype)


def take_samples(signals: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Take samples by `indices`, int32 (record, time); beyond a record's ends, the first or the last."""
    n_records, n_times, n_leads = ops.shape(signals)
    first = n_times * ops.arange(n_records, dtype="int32")[:, None]
    # All leads of a sample lie side by side in memory, so that taking them together costs little more than a
    # copy. Not ops.take, which first turns negative indices into others: three passes over all of them.
    return tf.gather(ops.reshape(signals, (-1, n_leads)), ops.clip(indices, 0, n_times - 1) + first)
