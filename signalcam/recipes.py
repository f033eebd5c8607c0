"""Training recipes by name, from records in mV to a deployable model.

`paper` is the paper's, with BatchNorm at validation done right. `best` is what was found to be better at the
same number of weights; `benchmarks/README.md` has the comparison and the list of what did not help.
"""

import functools
from dataclasses import dataclass, replace

import keras
import numpy as np

from signalcam.architectures import ARCHITECTURES, any_length, combine_outputs
from signalcam.augmentation import paper_augmentation
from signalcam.deployment import Settings, build_deployable
from signalcam.preprocessing import Scaler, detrend
from signalcam.ptbxl import SUPERCLASSES
from signalcam.schedules import OneCycle
from signalcam.training import train
from signalcam.views import RandomView

TARGETS = ("normal-abnormal", "superclasses")
OUTPUTS = ("ABNORMAL", *SUPERCLASSES)  # of a network that trains with auxiliary outputs


@dataclass(frozen=True)
class Recipe:
    """All that a training needs to know besides the data.

    Attributes:
        name: of the recipe.
        architecture: key of `signalcam.architectures.ARCHITECTURES`.
        scaling: rule of `signalcam.preprocessing.Scaler`.
        augmentation: "paper" or "view" (`signalcam.views.RandomView`).
        view: arguments of `RandomView`.
        auxiliary: train on abnormal and the five superclasses at once, as sigmoids; the outputs that were not
            asked for are dropped after training.
        mixup: parameter of the Beta distribution, 0 for none.
        optimizer: "adam", with the learning rate halved on plateaus, or "adamw", with one cycle.
        learning_rate: the first one, or the peak of the cycle.
        weight_decay: of AdamW, on kernels only.
        epochs, batch_size: as in `signalcam.training.train`.
        monitor: chooses the best epoch; None keeps the last.
        norm_momentum: of the running BatchNorm statistics. Keras's default of 0.99 needs some 500 steps until
            little of the initial values is left in them; on a small set there are not so many.
    """

    name: str
    architecture: str = "paper"
    scaling: str = "record"
    augmentation: str = "paper"
    view: tuple[tuple[str, float], ...] = ()
    auxiliary: bool = False
    mixup: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    epochs: int = 25
    batch_size: int = 128
    monitor: str | None = "val_accuracy"
    norm_momentum: float = 0.9


RECIPES = {
    "paper": Recipe("paper"),
    "best": Recipe(
        "best",
        architecture="paper",
        scaling="record_standard_asinh",
        augmentation="view",
        view=(("n_times", 500), ("gain", 0.2), ("lead_gain", 0.1), ("lead_dropout", 0.1)),
        auxiliary=True,
        mixup=0.4,
        optimizer="adamw",
        learning_rate=2e-3,
        weight_decay=1e-2,
        epochs=60,
        batch_size=64,
        monitor=None,
        norm_momentum=0.99,
    ),
}


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
    label_rule="paper",
    trained_on="",
    further=None,
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
        label_rule: by which `labels` were made; travels with the model.
        trained_on: the data in words; travels with the model.
        further: `signalcam.further.FurtherRecords` to train on as well, or None.
        verbose, train_options: as in `signalcam.training.train`.

    Returns:
        Deployable `keras.Model` (raw mV in; threshold 0.5), and the `TrainingResult`, whose model is the
        network with all outputs that it was trained with.

    Raises:
        ValueError: for an unknown recipe or target, splits that `labels` does not
            cover, or what `train` finds.
    """
    recipe = find_recipe(recipe)
    if further is not None and not recipe.scaling.startswith("record_standard"):
        raise ValueError(
            f"Recipe {recipe.name!r} scales by {recipe.scaling!r}, but the further records have lost their "
            "amplitude. They fit the rules record_standard and record_standard_asinh."
        )
    names = _trained_outputs(recipe, target)
    rows = {split: _rows(labels, splits, split) for split in ("train", "validation")}
    x_train, x_validation, scaler = _prepare(recipe, signals_mv, rows)
    y = _truth(np.asarray(labels), superclass_table.loc[labels.index, list(SUPERCLASSES)], names)
    y_train, y_validation = y[rows["train"]], y[rows["validation"]]
    if further is not None:
        x_more = Scaler(_training_rule(recipe)).transform(detrend(further.signals))
        x_train = np.concatenate([x_train, x_more])
        y_train = np.concatenate([y_train, _truth(further.abnormal, further.superclass, names)])
    build = functools.partial(_build, recipe, *x_train.shape[1:], len(names))
    result = train(
        lambda: any_length(build()),
        (x_train, y_train),
        (x_validation, y_validation),
        epochs=recipe.epochs,
        batch_size=recipe.batch_size,
        monitor=recipe.monitor,
        augmentation=_augmentation(recipe, seed),
        mixup=recipe.mixup,
        optimizer=_optimizer(recipe, n_records=len(x_train)),
        folder=folder,
        seed=seed,
        verbose=verbose,
        **train_options,
    )
    network = build()
    network.set_weights(result.model.get_weights())
    deployable = deploy(
        recipe, network, scaler, target, label_rule=label_rule, trained_on=trained_on, recipe=recipe.name
    )
    return deployable, replace(result, model=network)


def deploy(kind, network, scaler, target="normal-abnormal", temperature=1.0, **settings):
    """Make the deployable model of a network that a recipe has trained.

    Args:
        kind: the `Recipe`.
        network: with all the outputs it was trained with, as `TrainingResult.model`.
        scaler: fitted `Scaler`.
        target: one of `TARGETS`; the other outputs are dropped.
        temperature: logits are divided by it, one number or one for each class. It goes into the weights of
            the classifier, so that the evidence still sums to the logit.
        settings: for `signalcam.deployment.Settings`; the threshold is 0.5 where none is given.

    Returns:
        Deployable `keras.Model`.
    """
    names = _trained_outputs(kind, target)
    wanted = OUTPUTS[:1] if target == "normal-abnormal" else OUTPUTS[1:]
    matrix = np.array([[name == want for want in wanted] for name in names]) / np.asarray(temperature)
    network = combine_outputs(network, matrix)
    settings = {"threshold": (0.5,) * len(wanted), "n_times": network.input_shape[1]} | settings
    return build_deployable(network, scaler, Settings(class_names=wanted, **settings))


def find_recipe(recipe, **changes):
    """Return a recipe by name (or the one given), with some attributes changed.

    Raises:
        ValueError: for a name that is not in `RECIPES`; the message lists them.
    """
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"There is no recipe {recipe!r}. Choose one of: {', '.join(RECIPES)}.")
        recipe = RECIPES[recipe]
    return replace(recipe, **changes)


def _trained_outputs(recipe, target):
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}; got {target!r}.")
    if recipe.auxiliary:
        return OUTPUTS
    return OUTPUTS[:1] if target == "normal-abnormal" else OUTPUTS[1:]


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


def _prepare(recipe, signals_mv, rows):
    """Detrend and scale both splits; the scaler sees the training split only."""
    x_train, x_validation = (detrend(np.asarray(signals_mv[rows[s]])) for s in ("train", "validation"))
    scaler = Scaler(recipe.scaling).fit(x_train)
    state = {key: value for key, value in scaler.get_state().items() if key != "rule"}
    before_view = Scaler(_training_rule(recipe), **state)
    return before_view.transform(x_train), scaler.transform(x_validation), scaler


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
