"""Train by a recipe: from records in mV to a trained network and the scaler that belongs to it."""

import functools
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from signalcam.augmentation.pipeline import paper_augmentation
from signalcam.augmentation.random_view import RandomView
from signalcam.data.cache import let_pages_go
from signalcam.preprocessing import Scaler, detrend
from signalcam.training.fine_tuning import Start, fine_tune
from signalcam.training.labelled_signals import LabelledSignals
from signalcam.training.lessons import make_lessons
from signalcam.training.networks import ARCHITECTURES, combine_outputs, mean_of
from signalcam.training.recipes import RECIPES, Recipe, find_recipe
from signalcam.training.train import TrainingResult, train

BLOCK = 512  # records detrended at a time, so that no set is held twice
IN_MEMORY = 2**30  # bytes of prepared signals; more are kept in a file


@dataclass(frozen=True)
class TrainedNetwork:
    """What a recipe trains.

    Attributes:
        recipe: by which it was trained.
        network: from scaled signals, float32 (record, time, lead), to the probabilities of `outputs`.
        outputs: names of all outputs, those used in training alone included.
        scaler: fitted on the training split.
        history, best_epoch: as in `TrainingResult`.
    """

    recipe: Recipe
    network: keras.Model
    outputs: tuple[str, ...]
    scaler: Scaler
    history: pd.DataFrame
    best_epoch: int


def train_recipe(
    recipe: str | Recipe,
    signals: np.ndarray,
    targets: pd.DataFrame,
    splits: dict[str, pd.Index],
    seed: int = 0,
    folder: str | Path | None = None,
    *,
    target: str | Sequence[str] = "normal-abnormal",
    teacher_folder: str | Path | None = None,
    start: Start | None = None,
    verbose: bool = True,
) -> TrainedNetwork:
    """Train one network by a recipe.

    Args:
        recipe: `Recipe`, or a name in `RECIPES`.
        signals: raw, in mV, floating point (record, time, lead), in the order of `targets`; may be
            memory-mapped, and is read block by block.
        targets: 0 and 1 or bool, indexed by ecg_id: a column for each output that the recipe trains
            (`Recipe.outputs`), see `signalcam.data.training_targets`.
        splits: ecg_ids of "train" and "validation"; "test" is not looked at.
        seed: of everything random.
        folder: where the state of the training is kept, so that it is resumed after an interruption.
        target: one of `TARGETS`: one output for abnormal, or one for each superclass; or names of your own.
        teacher_folder: where the teachers of a recipe that has some are kept, so that trainings on the same
            records with other seeds find them there; by default `folder`.
        start: a trained network to go on from, see `fine_tune`; then the recipe's own network, scaling and
            teachers do not count.
        verbose: show a progress bar over epochs.

    Returns:
        `TrainedNetwork`.

    Raises:
        ValueError: for an unknown recipe or target, splits or outputs that `targets` does not cover, or what
            `train` finds.
    """
    recipe = find_recipe(recipe)
    if start is not None:
        recipe = replace(recipe, scaling=start.scaler.rule, teachers=(), precision="float32")
    outputs = recipe.outputs(target)
    missing = [name for name in outputs if name not in targets]
    if missing:
        raise ValueError(f"targets must have a column for each output, got none for {', '.join(missing)}.")
    indices = {split: _indices(targets, splits, split) for split in ("train", "validation")}
    labels = targets[list(outputs)].to_numpy(np.float32)
    signals_train = detrended(signals, indices["train"], folder)
    scaler = Scaler(recipe.scaling).fit(signals_train) if start is None else start.scaler
    # `RandomView` compresses after its gains, not before.
    rule = recipe.scaling.removesuffix("_asinh") if recipe.augmentation == "view" else recipe.scaling
    Scaler(rule, scaler.mean, scaler.std).transform(signals_train, out=signals_train)
    signals_validation = detrended(signals, indices["validation"], folder)
    scaler.transform(signals_validation, out=signals_validation)
    data = (signals_train, labels[indices["train"]]), (signals_validation, labels[indices["validation"]])
    taught = bool(recipe.teachers) and start is None
    augmentation = _augmentation(recipe, 0 if taught else seed, signals.shape)
    how = {"seed": seed, "folder": folder, "verbose": verbose}
    if start is not None:
        result = fine_tune(start, recipe, data, outputs, augmentation, **how)
        return TrainedNetwork(recipe, result.model, outputs, scaler, result.history, result.best_epoch)
    if recipe.teachers:
        place, amounts = teacher_folder or folder, (recipe.n_views, recipe.mixup, recipe.teacher_share)
        teacher = _train_teachers(recipe, data, place, verbose)
        data = make_lessons(teacher, data[0], augmentation, *amounts, place, verbose=verbose), data[1]
        # Views are augmented and mixed already.
        result = _fit(replace(recipe, mixup=0.0), data, **how)
    else:
        result = _fit(recipe, data, augmentation=augmentation, **how)
    network = _build(replace(recipe, precision="float32"), signals.shape[1], signals.shape[2], len(outputs))
    network.set_weights(result.model.get_weights())
    return TrainedNetwork(recipe, network, outputs, scaler, result.history, result.best_epoch)


def detrended(signals: np.ndarray, indices: np.ndarray, folder: str | Path | None = None) -> np.ndarray:
    """Detrend some records, block by block: float32 (record, time, lead) in mV.

    What is large is mapped from a file in the folder (by default the system's), which has no name and goes
    with the array.
    """
    shape, cuts = (len(indices), *signals.shape[1:]), range(BLOCK, len(indices), BLOCK)
    parts = (np.ascontiguousarray(signals[part], np.float32) for part in np.split(indices, cuts))
    blocks = (detrend(part, out=part) for part in parts)
    if 4 * math.prod(shape) <= IN_MEMORY:
        result = np.empty(shape, np.float32)
        for place, block in zip(np.split(result, cuts), blocks, strict=True):
            place[:] = block
            let_pages_go(signals)
        return result
    folder and Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        for block in blocks:
            file.write(block)
            let_pages_go(signals)
        file.flush()
        return np.memmap(file, np.float32, "r+", shape=shape)


def _train_teachers(
    recipe: Recipe, data: tuple[LabelledSignals, LabelledSignals], folder: str | Path | None, verbose: bool
) -> keras.Model:
    """Train the teachers of a recipe: a network of the mean of their probabilities."""
    networks = []
    for number, name in enumerate(recipe.teachers):
        # Both see the same signals, and learn the same outputs.
        same = ("scaling", "augmentation", "view", "auxiliary")
        teacher = find_recipe(name, **{what: getattr(recipe, what) for what in same})
        # Who shortens a recipe, to try it, wants short teachers too.
        share = recipe.epochs / RECIPES[recipe.name].epochs if recipe.name in RECIPES else 1
        teacher = replace(teacher, epochs=max(1, round(teacher.epochs * min(share, 1))))
        seed = recipe.teachers[:number].count(name)
        how = {"seed": seed, "folder": folder and Path(folder) / f"{name}_{seed}", "verbose": verbose}
        augmentation = _augmentation(teacher, seed, data[0][0].shape)
        networks.append(_fit(teacher, data, augmentation=augmentation, **how).model)
    return mean_of(networks)


def _fit(recipe: Recipe, data: tuple[LabelledSignals, LabelledSignals], **options: Any) -> TrainingResult:
    """Train one network, which reads signals of any length, on prepared data; `options` are of `train`."""
    (signals, labels), _ = data
    build = functools.partial(_build, recipe, None, signals.shape[-1], labels.shape[-1])
    return train(build, *data, recipe, **options)


def _build(recipe: Recipe, n_times: int | None, n_leads: int, n_classes: int) -> keras.Model:
    policy, precision = keras.config.dtype_policy(), recipe.precision
    if precision == "fastest":
        precision = "mixed_bfloat16" if computes_bfloat16() else "float32"
    keras.config.set_dtype_policy(precision)
    try:
        network = ARCHITECTURES[recipe.architecture](n_times, n_leads, 3 if n_classes == 2 else n_classes)
    finally:
        keras.config.set_dtype_policy(policy)
    if n_classes == 2:  # two that a record may have together, where a network of two classes has one output
        network = combine_outputs(network, np.eye(3, 2))
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = recipe.norm_momentum
    return network


def computes_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; elsewhere it is emulated, thirty times slower."""
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "avx512_bf16" in flags.read_text(encoding="utf-8", errors="ignore")


def _indices(targets: pd.DataFrame, splits: dict[str, pd.Index], split: str) -> np.ndarray:
    indices = targets.index.get_indexer(splits[split])
    if (indices < 0).any() or not len(indices):
        found = f"got {int((indices >= 0).sum())} of its {len(indices)} records"
        raise ValueError(f"targets must cover the {split} split, {found}. Make both by the same label rule.")
    return indices


def _augmentation(recipe: Recipe, seed: int, shape: tuple[int, ...]) -> keras.Layer:
    if recipe.augmentation == "paper":
        return paper_augmentation(seed=seed)
    view, (n_times, n_leads) = dict(recipe.view), shape[1:]
    if (view.get("n_times") or 0) > n_times:
        view["n_times"] = n_times // 2
    if n_leads == 1:
        view["lead_dropout"] = 0.0  # nothing would be left
    return RandomView(**view, compress=recipe.scaling.endswith("_asinh"), seed=seed)
