"""Labelled signals for training: checked, read batch by batch, told from others by a checksum."""

import zlib

import keras
import numpy as np
import tensorflow as tf

from signalcam.data.cache import let_pages_go
from signalcam.recordings.checks import refuse_non_finite
from signalcam.training.callbacks import SeededEpochs

LabelledSignals = tuple[np.ndarray, np.ndarray]


def check_pairs(signals: np.ndarray, labels: np.ndarray, network: keras.Model, split: str) -> LabelledSignals:
    """Return signals and float32 labels (record, class) after the checks that training needs."""
    signals, labels = np.asanyarray(signals), np.asarray(labels)
    if len(signals) != len(labels) or not len(signals):
        found = f"got {len(signals)} records and {len(labels)} labels. Select both by the same index"
        raise ValueError(f"The {split} split needs as many labels as records, at least one; {found}.")
    shape = ", ".join(map(str, network.input_shape[1:]))
    fits = len(signals.shape) == len(network.input_shape) and all(
        wanted in (None, found) for found, wanted in zip(signals.shape, network.input_shape, strict=True)
    )
    if signals.dtype.kind != "f" or not fits:
        found = f"got {signals.dtype} of shape {signals.shape}"
        raise ValueError(f"The {split} signals must be floating point of shape (record, {shape}), {found}.")
    refuse_non_finite(signals, f"The {split} signals")
    let_pages_go(signals)
    labels = labels.reshape(len(labels), -1).astype(np.float32)
    n_outputs = network.output_shape[-1]
    fits = (labels >= 0) & (labels <= 1) if split == "training" else np.isin(labels, (0, 1))
    if labels.shape[1] != n_outputs or not fits.all():
        wanted = "from 0 to 1" if split == "training" else "0 or 1"
        wanted += f", one column for each of the model's {n_outputs} outputs in their order"
        found = f"got shape {labels.shape} with values from {labels.min()} to {labels.max()}"
        raise ValueError(f"The {split} labels must be {wanted}, {found}.")
    return signals, labels


def batches(
    order: SeededEpochs | None, signals: np.ndarray, labels: np.ndarray, batch_size: int
) -> "tf.data.Dataset":
    """Batches as a `tf.data` pipeline that never holds a second copy of the signals.

    Not `Dataset.from_generator`: on Python 3.11 it makes the C library give every tensor of more than 128 KB
    back to the system at once (`mallopt`), and then page faults take 40 % of the time of the training.
    """

    def read(number: int) -> LabelledSignals:
        indices = np.arange(len(signals)) if order is None else order.indices
        batch = indices[number * batch_size : (number + 1) * batch_size]
        x, y = signals[batch].astype(np.float32, copy=False), labels[batch]
        let_pages_go(signals)
        return x, y

    def batch(number: "tf.Tensor") -> tuple:
        x, y = tf.numpy_function(read, [number], (tf.float32, tf.float32))
        return tf.ensure_shape(x, (None, *signals.shape[1:])), tf.ensure_shape(y, (None, labels.shape[1]))

    return tf.data.Dataset.range(-(-len(signals) // batch_size)).map(batch).prefetch(2)


def checksum(*arrays: np.ndarray) -> int:
    """CRC-32 over all values of arrays."""
    total = 0
    for array in map(np.atleast_1d, arrays):
        for start in range(0, len(array), 256):  # never a copy of a whole set
            total = zlib.crc32(np.ascontiguousarray(array[start : start + 256]), total)
            let_pages_go(array)
    return total
