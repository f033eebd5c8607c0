"""Train a classifier: compile, fit, adapt the learning rate, keep the best epoch, resume.

Everything random in epoch `e` (order of the records, augmentation, mixup, dropout) is drawn from the pair
(seed, e). So a training that was interrupted and started again with the same arguments is resumed from its
last epoch, and ends with the result that it would have had.
"""

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd
import tensorflow as tf
from tqdm.auto import tqdm
from tqdm.keras import TqdmCallback

from signalcam.training.callbacks import BestEpoch, ResumableState, SeededEpochs, StopOnBadLoss
from signalcam.training.labelled_signals import LabelledSignals, batches, check_pairs, checksum
from signalcam.training.schedules import OneCycle
from signalcam.training.train_step import TrainingModel

METRICS = ("loss", "accuracy", "auc")
MONITORS = METRICS + tuple(f"val_{name}" for name in METRICS)
OPTIMIZERS = ("adam", "adamw")
PATIENCE = 5  # epochs without a smaller validation loss before the learning rate is halved


@dataclass(frozen=True)
class TrainingSettings:
    """How to train, whatever the network and the data.

    Attributes:
        epochs: passes over the training records.
        batch_size: records a step.
        optimizer: "adam", its learning rate halved whenever the validation loss has not fallen for 5 epochs;
            or "adamw", with one cycle of the learning rate. Or a new Keras optimizer, used as it is.
        learning_rate: the first one of Adam, or the peak of AdamW's cycle.
        weight_decay: of AdamW, on kernels only.
        monitor: what chooses the best epoch, one of `MONITORS`; None keeps the last epoch.
        mixup: parameter of Beta(mixup, mixup) for mixing pairs of records and their labels; 0 for none.
    """

    epochs: int = 25
    batch_size: int = 128
    optimizer: str | keras.optimizers.Optimizer = "adam"
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    monitor: str | None = "val_loss"
    mixup: float = 0.0

    def __post_init__(self):
        if self.monitor is not None and self.monitor not in MONITORS:
            raise ValueError(f"monitor must be one of {', '.join(MONITORS)} or None, got {self.monitor!r}.")
        if self.epochs < 1 or self.batch_size < 1:
            found = f"{self.epochs} and {self.batch_size}"
            raise ValueError(f"epochs and batch_size must be at least 1, got {found}.")
        if isinstance(self.optimizer, str) and self.optimizer not in OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}.")


@dataclass(frozen=True)
class TrainingResult:
    """What `train` returns.

    Attributes:
        model: the model given, with the weights of `best_epoch`.
        history: a row for each epoch, counted from 1: epoch, loss, accuracy, auc, the same with val_, and
            learning_rate. Training values are of augmented records while the weights still move.
        best_epoch: the epoch whose weights the model has.
    """

    model: keras.Model
    history: pd.DataFrame
    best_epoch: int


def train(
    model: keras.Model | Callable[[], keras.Model],
    train_data: LabelledSignals,
    validation_data: LabelledSignals,
    settings: TrainingSettings | None = None,
    *,
    augmentation: keras.Layer | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    strategy: "tf.distribute.Strategy | str | None" = None,
    interruptible: bool = False,
    verbose: bool = True,
    **changes: Any,
) -> TrainingResult:
    """Train a model with binary (or, behind a softmax, categorical) cross-entropy.

    Args:
        model: from scaled signals to probabilities; or a function that builds it, which is called after the
            seed is set and inside the scope of `strategy`. A finished model starts from the weights it has.
        train_data: scaled signals, floating point (record, time, lead), and labels from 0 to 1, (record,) or
            (record, class). Memory-mapped signals are read batch by batch.
        validation_data: the same for the validation split, labels 0 or 1; never augmented.
        settings: `TrainingSettings`; the defaults where None is given.
        augmentation: Keras layer for whole batches, called with training=True on training batches only.
        folder: where to keep the state of the training, the history and the best weights. Started again with
            the same arguments, an interrupted training is resumed there; a finished one is read back.
        seed: of everything random. Set globally (`keras.utils.set_random_seed`: Python, NumPy, TensorFlow).
        strategy: `tf.distribute` strategy of one machine, or "auto" for all of its GPUs; then give `model` as
            a function, or built in the strategy's scope. Batches are split between the devices, and batch
            statistics are those of the whole batch, so that the result is that of one device. (Keras 3 does
            not run MultiWorkerMirroredStrategy: keras-team/keras#20585.)
        interruptible: give the best epoch so far where the user interrupts (in a notebook, say), instead of
            raising KeyboardInterrupt; with a folder, the same call goes on from there.
        verbose: show a progress bar over epochs.
        **changes: single fields of `TrainingSettings` to change, such as ``epochs=12``.

    Returns:
        `TrainingResult`.

    Raises:
        TypeError: for an argument that is no field of `TrainingSettings`.
        ValueError: for a wrong monitor, signals that are not finite, labels that do not fit, a folder that
            holds another training, or a loss that is no longer finite.
    """
    settings = replace(settings or TrainingSettings(), **changes)
    keras.utils.set_random_seed(seed)
    if strategy == "auto":
        gpus = tf.config.list_logical_devices("GPU")
        strategy = tf.distribute.MirroredStrategy() if len(gpus) > 1 else None
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        network = model if isinstance(model, keras.Model) else model()
        _synchronise(network, strategy.num_replicas_in_sync > 1)
        train_data = check_pairs(*train_data, network, "training")
        validation_data = check_pairs(*validation_data, network, "validation")
        trained = TrainingModel(network, augmentation, settings.mixup, seed)
        trained.build((None, *train_data[0].shape[1:]))
        _compile(trained, _optimizer(settings, len(train_data[0])))
    order = SeededEpochs(trained, len(train_data[0]), seed)
    best = BestEpoch(network, settings.monitor)
    plateau = None
    if not isinstance(trained.optimizer._learning_rate, keras.optimizers.schedules.LearningRateSchedule):
        plateau = keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=PATIENCE)
    fingerprint = {}
    if folder is not None:
        data = {"training records": train_data, "validation records": validation_data}
        fingerprint = _fingerprint(trained, data, settings, seed)
    state = ResumableState(folder, best, plateau, fingerprint)
    # The state after those whose state it keeps.
    callbacks = list(filter(None, [order, StopOnBadLoss(), best, plateau, state]))
    epochs_done = state.restore(trained)
    if epochs_done < settings.epochs:
        callbacks += [TqdmCallback(settings.epochs, verbose=0, desc="training")] if verbose else []
        try:
            shuffled = batches(order, *train_data, settings.batch_size)
            validation = batches(None, *validation_data, max(settings.batch_size, 128))
            how = {"initial_epoch": epochs_done, "epochs": settings.epochs, "callbacks": callbacks}
            trained.fit(shuffled, validation_data=validation, shuffle=False, verbose=0, **how)
        except KeyboardInterrupt:
            if not (interruptible and best.epoch):
                raise
            after = f"{len(state.records)} of {settings.epochs}"
            tqdm.write(f"Interrupted after epoch {after}: epoch {best.epoch}, the best so far, is kept.")
    network.set_weights(best.weights)
    _synchronise(network, False)
    state.finish(network)
    return TrainingResult(network, state.history(), best.epoch)


def _optimizer(settings: TrainingSettings, n_records: int) -> keras.optimizers.Optimizer:
    if not isinstance(settings.optimizer, str):
        return settings.optimizer
    if settings.optimizer == "adam":
        return keras.optimizers.Adam(settings.learning_rate)
    steps = -(-n_records // settings.batch_size) * settings.epochs
    schedule = OneCycle(settings.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _synchronise(network: keras.Model, together: bool) -> None:
    """Let BatchNorm take the statistics of the whole batch, not of the part that one device has."""
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = together


def _compile(model: TrainingModel, optimizer: keras.optimizers.Optimizer) -> None:
    softmax = getattr(model.network.layers[-1], "activation", None) is keras.activations.softmax
    several = model.network.output_shape[-1] > 1
    optimizer.build(model.trainable_variables)  # so that there is something to restore into
    losses, metrics = keras.losses, keras.metrics
    loss = losses.CategoricalCrossentropy() if softmax else losses.BinaryCrossentropy()
    accuracy = (metrics.CategoricalAccuracy if softmax else metrics.BinaryAccuracy)(name="accuracy")
    auc = metrics.AUC(name="auc", multi_label=several)
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy, auc])


def _fingerprint(
    model: TrainingModel, data: dict[str, LabelledSignals], settings: TrainingSettings, seed: int
) -> dict[str, int]:
    """What makes one training differ from another, by name; every sample and every setting counts."""
    values = {field.name: getattr(settings, field.name) for field in fields(TrainingSettings)}
    values["optimizer"] = model.optimizer.get_config()
    facts = {
        "network": [[type(layer).__name__, layer.get_config()] for layer in model.network.layers],
        "augmentation": model.augmentation and model.augmentation.get_config(),
        "settings": values,
        "seed": seed,
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }
    sums = {name: checksum(*arrays) for name, arrays in data.items()}
    for name, fact in facts.items():
        text = json.dumps(without_names(fact), default=str, sort_keys=True)
        sums[name] = zlib.crc32(text.encode())
    return sums


def without_names(config: Any) -> Any:
    """A configuration without the names of layers, which Keras numbers within a session."""
    if isinstance(config, dict):
        return {key: without_names(value) for key, value in config.items() if key != "name"}
    if isinstance(config, list | tuple):
        return [without_names(value) for value in config]
    return config
