"""Train by a recipe: from records in mV to a network and its scaler."""

import functools
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from signalcam.augmentation import paper_augmentation
from signalcam.augmentation.random_view import RandomView
from signalcam.data.ptbxl import SUPERCLASSES
from signalcam.preprocessing import Scaler, detrend
from signalcam.training.networks import ARCHITECTURES, any_length, mean_of
from signalcam.training.recipes import OUTPUTS, TARGETS, Recipe, find_recipe
from signalcam.training.schedules import OneCycle
from signalcam.training.train import TrainingResult, train


@dataclass(frozen=True)
class TrainedRecipe:
    """What a training by a recipe gives.

    Attributes:
        result: `TrainingResult`, whose model is the network with all outputs that it was trained with.
        scaler: `Scaler` fitted on the training split, by the recipe's rule.
    """

    result: TrainingResult
    scaler: Scaler


def train_recipe(
    recipe,
    signals_mv,
    superclass_table,
    labels,
    splits,
    seed=0,
    folder=None,
    *,
    target="normal-abnormal",
    further=None,
    teacher_folder=None,
    verbose=True,
    **train_options,
):
    """Train one model by a recipe.

    Args:
        recipe: `Recipe`, or a name in `RECIPES`.
        signals_mv: raw signals in mV, float32 (record, time, lead), in the order of `labels`.
        superclass_table: bool DataFrame (record, superclass), same index as `labels`.
        labels: Series of 0 and 1 (abnormal), indexed by ecg_id.
        splits: dict of ecg_ids "train" and "validation"; "test" is not looked at.
        seed: of everything random.
        folder: where the state of the training is kept, to go on after an interruption.
        target: one of `TARGETS`: one output for abnormal, or one for each superclass.
        further: `signalcam.training.further.FurtherRecords` to train on as well, or None.
        teacher_folder: where the teachers of a recipe that has some are kept, so that trainings on the same
            records with other seeds find them there; by default `folder`.
        verbose, train_options: as in `signalcam.training.train.train`.

    Returns:
        `TrainedRecipe`; `signalcam.deployment.deploy.deploy` makes a deployable model of it.

    Raises:
        ValueError: for an unknown recipe or target, splits that `labels` does not
            cover, or what `train` finds.
    """
    recipe = find_recipe(recipe)
    names = trained_outputs(recipe, target)
    rows = {split: _rows(labels, splits, split) for split in ("train", "validation")}
    data = _prepare(
        recipe, signals_mv, np.asarray(labels), superclass_table.loc[labels.index], rows, names, further
    )
    options = {"verbose": verbose} | train_options
    teacher = _train_teachers(recipe, data, teacher_folder or folder, options)
    result = _fit(recipe, data, seed, folder, teacher, options)
    return TrainedRecipe(result, data.scaler)


def trained_outputs(recipe: Recipe, target: str) -> tuple[str, ...]:
    """Return the names of the outputs that a recipe trains for a target, or raise ValueError."""
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}; got {target!r}.")
    if recipe.auxiliary:
        return OUTPUTS
    return OUTPUTS[:1] if target == "normal-abnormal" else OUTPUTS[1:]


@dataclass(frozen=True)
class _Data:
    """Scaled signals and labels of both splits, the names of the labels' columns, and the scaler."""

    train: tuple[np.ndarray, np.ndarray]
    validation: tuple[np.ndarray, np.ndarray]
    names: tuple[str, ...]
    scaler: Scaler


def _train_teachers(recipe, data, folder, options):
    """Train the teachers of a recipe, if it has some: a network of the mean of their probabilities."""
    if not recipe.teacher:
        return None
    kind = find_recipe(recipe.teacher)
    # Who shortens a recipe, to try it, wants short teachers too.
    kind = replace(kind, epochs=min(kind.epochs, recipe.epochs))
    if (kind.scaling, kind.augmentation, kind.auxiliary) != (
        recipe.scaling,
        recipe.augmentation,
        recipe.auxiliary,
    ):
        raise ValueError(
            f"Recipe {recipe.name!r} and its teacher {kind.name!r} must have the same scaling, augmentation "
            "and outputs, so that both see the same signals."
        )
    places = [folder and Path(folder) / f"teacher_{seed}" for seed in range(recipe.n_teachers)]
    networks = [_fit(kind, data, seed, place, None, options).model for seed, place in enumerate(places)]
    return mean_of([any_length(network, f"teacher_{seed}") for seed, network in enumerate(networks)])


def _fit(recipe, data, seed, folder, teacher, options):
    """Train one network on prepared data: `TrainingResult` with a network of the signals' whole length."""
    build = functools.partial(_build, recipe, *data.train[0].shape[1:], len(data.names))
    result = train(
        lambda: any_length(build()),
        data.train,
        data.validation,
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        monitor=recipe.monitor,
        augmentation=_augmentation(recipe, seed),
        mixup=recipe.mixup,
        optimizer=_optimizer(recipe, n_records=len(data.train[0])),
        folder=folder,
        seed=seed,
        teacher=teacher,
        teacher_share=recipe.teacher_share,
        **options,
    )
    network = build()
    network.set_weights(result.model.get_weights())
    return replace(result, model=network)


def _build(recipe, n_times, n_leads, n_classes):
    network = ARCHITECTURES[recipe.architecture](n_times=n_times, n_leads=n_leads, n_classes=n_classes)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = recipe.norm_momentum
    return network


def _truth(abnormal, superclass, names):
    """Labels, float32 (record, output), in the order of `names`."""
    columns = np.column_stack([abnormal, superclass]).astype(np.float32)
    return columns[:, [OUTPUTS.index(name) for name in names]]


def _rows(labels, splits, split):
    rows = labels.index.get_indexer(splits[split])
    if (rows < 0).any() or not len(rows):
        raise ValueError(
            f"The labels cover {int((rows >= 0).sum())} of the {len(rows)} records of the {split} split. "
            "Make both by the same label rule."
        )
    return rows


def _training_rule(recipe):
    """The rule by which training signals are scaled: `RandomView` compresses after its gains, not before."""
    return recipe.scaling.removesuffix("_asinh") if recipe.augmentation == "view" else recipe.scaling


def _prepare(recipe, signals_mv, abnormal, superclass, rows, names, further):
    """Detrend and scale both splits (the scaler sees the training split only) and add further records."""
    if further is not None and not Scaler(recipe.scaling).per_record:
        raise ValueError(
            f"Recipe {recipe.name!r} scales by {recipe.scaling!r}, but the further records have lost their "
            "amplitude. They fit the rules that look at each record by itself, whose names begin with record."
        )
    x_train, x_validation = (detrend(np.asarray(signals_mv[rows[s]])) for s in ("train", "validation"))
    scaler = Scaler(recipe.scaling).fit(x_train)
    state = {key: value for key, value in scaler.get_state().items() if key != "rule"}
    x_train = Scaler(_training_rule(recipe), **state).transform(x_train)
    y = _truth(abnormal, superclass[list(SUPERCLASSES)], names)
    y_train = y[rows["train"]]
    if further is not None:
        x_more = Scaler(_training_rule(recipe)).transform(detrend(further.signals))
        x_train = np.concatenate([x_train, x_more])
        y_train = np.concatenate([y_train, _truth(further.abnormal, further.superclass, names)])
    validation = scaler.transform(x_validation), y[rows["validation"]]
    return _Data((x_train, y_train), validation, names, scaler)


def _augmentation(recipe, seed):
    if recipe.augmentation == "paper":
        return paper_augmentation(seed=seed)
    return RandomView(**dict(recipe.view), compress=recipe.scaling.endswith("_asinh"), seed=seed)


def _optimizer(recipe, n_records):
    if recipe.optimizer == "adam":
        return keras.optimizers.Adam(recipe.learning_rate)
    steps = -(-n_records // recipe.batch_size) * recipe.epochs
    schedule = OneCycle(recipe.learning_rate, steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
