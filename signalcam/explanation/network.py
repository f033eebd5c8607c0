"""What every explanation asks of a classifier: its logit, in compiled batches, on checked signals.

An explanation explains the *logit* of one class, not the probability: the logit is what the evidence sums
to, and the sigmoid flattens every difference where the model is sure.
"""

import keras
import numpy as np
import tensorflow as tf
from tqdm.auto import tqdm

from signalcam.model import add_cam

BATCH_SIZE = 128


def classifier_of(model):
    """Return the classifier, scaled signals to probabilities, behind any model of this package.

    Args:
        model: a classifier itself, one with a CAM (`add_cam`), or a deployable model (`build_deployable`),
            whose preprocessing is left out: scale the signals with `signalcam.deployment.scaled`.

    Returns:
        `keras.Model` with one output, sharing all layers.
    """
    if "network" in {layer.name for layer in model.layers}:
        model = model.get_layer("network")
    if isinstance(model.output, dict):
        return keras.Model(model.inputs[0], model.output["probability"], name=model.name)
    return model


def check_class(model, class_index):
    """Return `class_index` as an int, or raise ValueError naming the classes that the model has."""
    n_classes = model.output_shape[-1]
    if not isinstance(class_index, int | np.integer) or not 0 <= class_index < n_classes:
        raise ValueError(
            f"class_index must be an integer from 0 to {n_classes - 1}, since model {model.name!r} has "
            f"{n_classes} output(s); got {class_index!r}."
        )
    return int(class_index)


def check_scaled(model, signals):
    """Return `signals` as float32 (record, time, lead), or raise ValueError where the model cannot take them.

    Args:
        model: classifier, scaled signals to probabilities.
        signals: scaled signals, (record, time, lead); never changed.
    """
    signals = np.asarray(signals, dtype=np.float32)
    expected = tuple(model.input_shape[1:])
    if signals.ndim != 3 or signals.shape[1:] != expected or not len(signals):
        raise ValueError(
            f"signals must have the shape (record, {expected[0]}, {expected[1]}), at least one record, "
            f"scaled as the model was trained; got {signals.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(signals).all(axis=(1, 2)))
    if len(bad):
        raise ValueError(
            f"signals hold NaN or infinity in {len(bad)} of {len(signals)} records, at {bad[:5].tolist()}; "
            "an explanation of them would mean nothing. Repair or leave out these records."
        )
    return signals


def logit_model(model):
    """Build the model, of the same layers, that ends at the logits: scaled signals to (record, class)."""
    return keras.Model(model.input, add_cam(model).output["logit"], name=f"{model.name}_logit")


def compiled(model, function):
    """Compile a function of a batch of signals once for all batch sizes."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)])


def logit_function(model, class_index=0, batch_size=BATCH_SIZE):
    """Return a compiled function from scaled signals to the logit of one class, float32 (record,)."""
    class_index = check_class(model, class_index)
    to_logit = logit_model(model)
    forward = compiled(model, lambda x: to_logit(x, training=False)[:, class_index])
    return lambda signals: in_batches(forward, signals, batch_size)


def in_batches(function, signals, batch_size=BATCH_SIZE, progress=None):
    """Apply a compiled function to the records, `batch_size` at a time, and join what comes back.

    Args:
        function: from a float32 batch to a tensor whose first axis is the record.
        signals: float32 (record, time, lead).
        batch_size: records a call.
        progress: words for a progress bar, None for no bar.

    Returns:
        NumPy array, first axis the record.
    """
    starts = tqdm(range(0, len(signals), batch_size), desc=progress, disable=progress is None, leave=False)
    return np.concatenate([np.asarray(function(signals[start : start + batch_size])) for start in starts])
