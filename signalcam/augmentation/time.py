"""Augmentations of the time axis. They move all leads of a record alike, so the limb-lead identities stay."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from signalcam.augmentation.base import RandomLayer, in_range


@keras.saving.register_keras_serializable(package="signalcam")
class TimeShift(RandomLayer):
    """Move a record to and fro in time by whole samples.

    Example:
        >>> TimeShift(limit=0.03)(signals, training=True)      # 1,000 samples: by -30 to +30

    Args:
        limit: largest shift as a share of the record's length.
        fill: what comes into the gap: `"edge"` repeats the first or the last sample, which makes no step that
            a model could learn to see; or `"zero"`.
        probability, seed, **kwargs: see `RandomLayer`.
    """

    def __init__(self, limit: float = 0.03, fill: str = "edge", probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.limit = in_range("limit", limit, 0, 1)
        if fill not in ("edge", "zero"):
            raise ValueError(f"fill must be 'edge' or 'zero', but is {fill!r}.")
        self.fill = fill

    def augment(self, signals, chosen):
        n_records, n_times, _ = ops.shape(signals)
        largest = int(self.limit * n_times)
        shift = self.integers((n_records, 1), -largest, largest + 1) * ops.cast(chosen[:, :, 0], "int32")
        source = ops.arange(n_times, dtype="int32") - shift
        inside = ops.clip(source, 0, n_times - 1)
        shifted = take_samples(signals, inside)
        if self.fill == "zero":
            shifted = ops.where((source == inside)[..., None], shifted, ops.zeros((), signals.dtype))
        return shifted

    def get_config(self):
        return {**super().get_config(), "limit": self.limit, "fill": self.fill}


@keras.saving.register_keras_serializable(package="signalcam")
class TimeWarp(RandomLayer):
    """Stretch some parts of a record and squeeze others, its ends staying where they are.

    Moves the borders between equal parts of the record at random, and interpolates linearly between samples.

    Example:
        >>> TimeWarp(n_parts=5, limit=0.05)(signals, training=True)

    Args:
        n_parts: number of parts, 2 or more.
        limit: how far a border moves at most, as a share of a part; below 0.5, so that time never runs
            backwards.
        probability, seed, **kwargs: see `RandomLayer`.
    """

    def __init__(self, n_parts: int = 5, limit: float = 0.05, probability=0.5, seed=None, **kwargs):
        super().__init__(probability, seed, **kwargs)
        self.n_parts = in_range("n_parts", n_parts, 2, 1000)
        self.limit = in_range("limit", limit, 0, 0.49)

    def augment(self, signals, chosen):
        n_records, n_times, _ = ops.shape(signals)
        largest = self.limit * (n_times - 1) / self.n_parts
        moves = self.uniform((n_records, self.n_parts - 1), -largest, largest) * chosen[:, :, 0]
        # The moves of the borders, interpolated to all samples: each border weighs in by a triangle, a
        #     constant.
        delay = ops.matmul(moves, _triangles(n_times, self.n_parts))
        # Whole samples and the rest from the delay alone: adding it to the time first would round it.
        whole = ops.floor(delay)
        first = ops.arange(n_times, dtype="int32") + ops.cast(whole, "int32")
        weight = ops.cast(delay - whole, signals.dtype)[..., None]
        before = take_samples(signals, ops.clip(first, 0, n_times - 1))
        after = take_samples(signals, ops.clip(first + 1, 0, n_times - 1))
        return before + weight * (after - before)

    def get_config(self):
        return {**super().get_config(), "n_parts": self.n_parts, "limit": self.limit}


def take_samples(signals, source):
    """Take the samples `source` (record, time) of each record, all leads: (record, time, lead).

    All leads of a sample lie side by side in memory, so taking whole rows costs little more than a copy.
    """
    n_records, n_times, n_leads = ops.shape(signals)
    first_row = n_times * ops.arange(n_records, dtype="int32")[:, None]
    # Not ops.take, which first turns negative indices into others: three passes over all of them.
    return tf.gather(ops.reshape(signals, (-1, n_leads)), source + first_row)


def _triangles(n_times: int, n_parts: int) -> np.ndarray:
    """(n_parts - 1, n_times) float32: 1 at one inner border, falling to 0 at the borders next to it."""
    position = np.linspace(0, n_parts, n_times)
    return np.maximum(0, 1 - np.abs(position - np.arange(1, n_parts)[:, None])).astype(np.float32)
