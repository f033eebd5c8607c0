"""Train a classifier: compile, fit, halve the learning rate on plateaus, keep the best epoch, resume.

Everything random in epoch `e` (order of the records, augmentation, mixup, dropout) is drawn from the pair
(seed, e). So a training that was interrupted and started again with the same arguments goes on from its last
epoch to the result that it would have had.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from signalcam.training.callbacks import BestEpoch, Interruptible, Progress, SeededEpochs, StopOnBadLoss
from signalcam.training.train_step import Learner

METRICS = ("loss", "accuracy", "auc")
MONITORS = METRICS + tuple(f"val_{name}" for name in METRICS)
PATIENCE = 5  # epochs without a smaller validation loss before the learning rate is halved


@dataclass(frozen=True)
class TrainingResult:
    """What `train` gives back.

    Attributes:
        model: the model given, with the weights of `best_epoch`.
        history: one row for each epoch, counted from 1: epoch, loss, accuracy, auc, val_loss, val_accuracy,
            val_auc, learning_rate. Training values are of augmented records while the weights still move.
        best_epoch: the epoch whose weights the model has.
    """

    model: keras.Model
    history: pd.DataFrame
    best_epoch: int


def train(
    model: keras.Model | Callable[[], keras.Model],
    train: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    *,
    epochs: int = 25,
    batch_size: int = 128,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule = 5e-4,
    monitor: str | None = "val_loss",
    augmentation: keras.Layer | None = None,
    mixup: float = 0.0,
    teacher: keras.Model | None = None,
    teacher_share: float = 0.8,
    optimizer: keras.optimizers.Optimizer | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    strategy: "tf.distribute.Strategy | None" = None,
    verbose: bool = True,
) -> TrainingResult:
    """Train a model with binary (or, behind a softmax, categorical) cross-entropy.

    Args:
        model: from scaled signals to probabilities; or a function that builds it, which is called after the
            seed is set and inside the scope of `strategy`. A finished model starts from the weights it has.
        train: scaled signals, floating point (record, time, lead), and labels, 0 or 1, of shape (record,) or
            (record, class).
        validation: the same for the validation split; never augmented.
        epochs: passes over the training records.
        batch_size: records a step.
        learning_rate: a number, halved whenever the validation loss has not fallen for 5 epochs; or a Keras
            schedule, which then alone decides.
        monitor: what chooses the best epoch, one of `MONITORS`; None keeps the last epoch.
        augmentation: Keras layer for whole batches, called with training=True on training batches only.
        mixup: parameter of Beta(mixup, mixup) for mixing pairs of records and their labels (Zhang et al.,
            "mixup", ICLR 2018); 0 for none.
        teacher: trained model from the same signals to the same probabilities. The loss in training is then
            taken against its answer to the signals as the model sees them, mixed with the labels.
        teacher_share: weight of the teacher's answer in that mixture, 0 to 1.
        optimizer: new Keras optimizer to use in place of Adam; its learning rate holds, not `learning_rate`.
        folder: where to keep the state of the training, the history and the best weights. Started again with
            the same arguments, an interrupted training goes on there; a finished one is read back.
        seed: of everything random. Set globally (`keras.utils.set_random_seed`: Python, NumPy, TensorFlow).
        strategy: `tf.distribute` strategy; then give `model` as a function, or built in the strategy's scope.
        verbose: show a progress bar over epochs.

    Returns:
        `TrainingResult`.

    Raises:
        ValueError: for a wrong monitor, signals that are not finite, labels that do not fit, a folder that
            holds another training, or a loss that is no longer finite.
    """
    _check_options(monitor, epochs, batch_size)
    keras.utils.set_random_seed(seed)
    with (strategy or tf.distribute.get_strategy()).scope():
        network = model if isinstance(model, keras.Model) else model()
        train = _check_pairs(*train, network, "training")
        validation = _check_pairs(*validation, network, "validation")
        learner = Learner(network, augmentation, mixup, teacher, teacher_share, seed)
        learner.build((None, *train[0].shape[1:]))
        _compile(learner, optimizer or keras.optimizers.Adam(learning_rate))
    order = SeededEpochs(learner, len(train[0]), seed)
    best = BestEpoch(network, monitor)
    callbacks = [order, StopOnBadLoss(), best, *_plateau(learner.optimizer)]
    settings = [epochs, batch_size, monitor, mixup, seed, *_teaching(teacher, teacher_share)]
    settings += [value for key, value in learner.optimizer.get_config().items() if key != "name"]
    state = Interruptible(folder, callbacks, _fingerprint(train, validation, *settings))
    callbacks.append(state)  # last, so that it sees what the others did
    if verbose:
        callbacks.append(Progress(epochs))
    done = state.restore(learner)
    if done < epochs:
        learner.fit(
            _batches(order, *train, batch_size),
            validation_data=_batches(None, *validation, max(batch_size, 128)),
            initial_epoch=done,
            epochs=epochs,
            callbacks=callbacks,
            shuffle=False,  # `_batches` does it
            verbose=0,
        )
    network.set_weights(best.weights)
    state.finish(network)
    return TrainingResult(network, state.history(), best.epoch)


def _check_options(monitor, epochs, batch_size):
    if monitor is not None and monitor not in MONITORS:
        raise ValueError(
            f"There is nothing called {monitor!r} to monitor. Choose one of: {', '.join(MONITORS)}."
        )
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be at least 1; got {epochs} and {batch_size}.")


def _plateau(optimizer):
    """The callback that halves the learning rate; none where a schedule decides."""
    if isinstance(optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        return []
    return [keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=PATIENCE)]


def _compile(learner, optimizer):
    softmax = _is_softmax(learner.network)
    several = learner.network.output_shape[-1] > 1
    optimizer.build(learner.trainable_variables)  # so that there is something to restore into
    learner.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy() if softmax else keras.losses.BinaryCrossentropy(),
        metrics=[
            (keras.metrics.CategoricalAccuracy if softmax else keras.metrics.BinaryAccuracy)(name="accuracy"),
            keras.metrics.AUC(name="auc", multi_label=several),
        ],
    )


def _is_softmax(network):
    return getattr(network.layers[-1], "activation", None) is keras.activations.softmax


def _check_pairs(signals, labels, network, split):
    """Return signals and float32 labels (record, class) after the checks that training needs."""
    signals, labels = np.asanyarray(signals), np.asarray(labels)
    if len(signals) != len(labels) or not len(signals):
        raise ValueError(
            f"The {split} split needs as many labels as records, at least one; got {len(signals)} records "
            f"and {len(labels)} labels. Select both by the same index."
        )
    shape = ", ".join(map(str, network.input_shape[1:]))
    fits = len(signals.shape) == len(network.input_shape) and all(
        wanted in (None, found) for found, wanted in zip(signals.shape, network.input_shape, strict=True)
    )
    if signals.dtype.kind != "f" or not fits:
        raise ValueError(
            f"The {split} signals must be floating point of shape (record, {shape}); got {signals.dtype} of "
            f"shape {signals.shape}."
        )
    for record, signal in enumerate(signals):
        wrong = ~np.isfinite(signal)
        if wrong.any():
            lead = int(wrong.any(axis=0).argmax())
            raise ValueError(
                f"The {split} signals have NaN or infinity: in record {record}, lead {lead}, "
                f"{int(wrong[:, lead].sum())} of {len(signal)} samples. Repair or drop the record; the "
                "max-pooling would turn it into a confident answer."
            )
    labels = labels.reshape(len(labels), -1).astype(np.float32)
    n_outputs = network.output_shape[-1]
    if labels.shape[1] != n_outputs or not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"The {split} labels must be 0 or 1, one column for each of the model's {n_outputs} outputs in "
            f"their order; got shape {labels.shape} with values from {labels.min()} to {labels.max()}."
        )
    return signals, labels


def _batches(order, signals, labels, batch_size):
    """Batches as a `tf.data` pipeline that never holds a second copy of the signals.

    Not `Dataset.from_generator`: on Python 3.11 it makes the C library give every tensor of more than 128 KB
    back to the system at once (`mallopt`), and then page faults take 40 % of the time of the training.
    """

    def read(number):
        rows = np.arange(len(signals)) if order is None else order.rows
        batch = rows[number * batch_size : (number + 1) * batch_size]
        return signals[batch].astype(np.float32, copy=False), labels[batch]

    def batch(number):
        x, y = tf.numpy_function(read, [number], (tf.float32, tf.float32))
        return tf.ensure_shape(x, (None, *signals.shape[1:])), tf.ensure_shape(y, (None, labels.shape[1]))

    return tf.data.Dataset.range(-(-len(signals) // batch_size)).map(batch).prefetch(2)


def _teaching(teacher, teacher_share):
    """What tells one teacher from another in the fingerprint; nothing without a teacher."""
    if teacher is None:
        return []
    return [teacher_share, *(zlib.crc32(np.ascontiguousarray(weights)) for weights in teacher.get_weights())]


def _fingerprint(train, validation, *settings):
    """Tell one training from another by its data and settings."""
    sums = [zlib.crc32(np.ascontiguousarray(x[:, ::50]).tobytes()) for x, _ in (train, validation)]
    sums += [zlib.crc32(y.tobytes()) for _, y in (train, validation)]
    return " ".join(map(str, [*sums, *settings]))
