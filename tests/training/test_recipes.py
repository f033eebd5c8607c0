"""Recipes: from records in mV to a deployable model, by name."""

import importlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from signalcam.data import SUPERCLASSES
from signalcam.data.labels import SUBCLASSES, subclass_column
from signalcam.evaluation.complexity import count_macs
from signalcam.model import add_cam, build_model, cell_length
from signalcam.preprocessing import Scaler, detrend
from signalcam.training.networks import ARCHITECTURES, build_residual, combine_outputs
from signalcam.training.recipes import RECIPES, Recipe, find_recipe
from signalcam.training.train_recipe import train_recipe


@pytest.fixture(scope="module")
def records():
    """Twelve noise records of 10 s with targets and splits: enough for one step of training."""
    rng = np.random.default_rng(0)
    ids = pd.Index(range(101, 113), name="ecg_id")
    names = [*SUPERCLASSES, *map(subclass_column, SUBCLASSES)]
    targets = pd.DataFrame(rng.random((12, len(names))) < 0.3, index=ids, columns=names)
    targets["NORM"] = np.arange(12) % 2 == 0
    targets.insert(0, "ABNORMAL", ~targets["NORM"])
    splits = {"train": ids[:8], "validation": ids[8:], "test": ids[:0]}
    return rng.normal(size=(12, 1000, 12)).astype(np.float32), targets.astype(np.int8), splits


@pytest.fixture
def small_networks(monkeypatch):
    """Let each architecture be a small one, so that many can be trained."""
    for name in ARCHITECTURES:
        monkeypatch.setitem(
            ARCHITECTURES, name, lambda *sizes: build_model(*sizes, filters=(4, 4), kernel_sizes=(5, 3))
        )


def test_paper_recipe_is_the_papers():
    recipe = RECIPES["paper"]
    assert (recipe.scaling, recipe.optimizer, recipe.learning_rate) == ("record", "adam", 5e-4)
    assert (recipe.batch_size, recipe.epochs, recipe.monitor) == (128, 25, "val_accuracy")


def test_unknown_recipe_lists_those_there_are():
    with pytest.raises(ValueError, match="one of paper, single, teacher, best, leadwise, got 'better'"):
        find_recipe("better")


@pytest.mark.parametrize("name", ["paper", "single", "best"])
def test_no_recipe_has_more_weights_than_the_paper(name):
    model = ARCHITECTURES[RECIPES[name].architecture](n_classes=6)
    model = combine_outputs(model, np.eye(6)[:, :1])
    macs = count_macs(model)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) <= 22_273
    assert macs.sum() <= 5_696_064
    assert cell_length(model) <= 8


def test_outputs_of_a_recipe_are_the_target_or_all_that_it_learns():
    assert RECIPES["paper"].outputs("normal-abnormal") == ("ABNORMAL",)
    assert RECIPES["paper"].outputs("superclasses") == SUPERCLASSES
    names = RECIPES["best"].outputs("superclasses")
    assert names[:6] == ("ABNORMAL", *SUPERCLASSES)
    assert len(names) == len(set(names)) == 6 + len(SUBCLASSES)
    with pytest.raises(ValueError, match="target must be one of normal-abnormal, superclasses, got 'sick'"):
        RECIPES["best"].outputs("sick")
    with pytest.raises(ValueError, match="auxiliary must be one of .*got 'all'"):
        Recipe(auxiliary="all")


def test_training_signals_are_scaled_and_compressed_after_the_gains(records, small_networks):
    trained = train_recipe(find_recipe("single", epochs=1, batch_size=8), *records, verbose=False)
    assert trained.scaler.rule == "standard_asinh"
    signals = detrend(records[0])
    expected = Scaler("standard_asinh").fit(signals[:8])
    np.testing.assert_allclose(trained.scaler.mean, expected.mean, atol=1e-6)
    np.testing.assert_allclose(trained.scaler.std, expected.std, rtol=1e-5)
    assert trained.network.input_shape == (None, 1000, 12)
    assert trained.network.output_shape == (None, len(trained.outputs))


def test_signals_given_are_not_changed_and_may_be_memory_mapped(records, small_networks, tmp_path):
    signals, targets, splits = records
    np.save(tmp_path / "signals.npy", signals)
    mapped = np.load(tmp_path / "signals.npy", mmap_mode="r")
    before = signals.copy()
    recipe = find_recipe("paper", epochs=1, batch_size=8)
    found = [train_recipe(recipe, x, targets, splits, verbose=False).network for x in (signals, mapped)]
    np.testing.assert_array_equal(signals, before)
    for first, second in zip(*(network.get_weights() for network in found), strict=True):
        np.testing.assert_array_equal(first, second)


def test_teachers_are_trained_once_for_all_seeds(records, small_networks, tmp_path):
    recipe = find_recipe("best", epochs=1, batch_size=8)
    found = [
        train_recipe(recipe, *records, seed=seed, teacher_folder=tmp_path, verbose=False).network
        for seed in (0, 1)
    ]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"teacher_0", "teacher_1"}
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/training_state.npz")}
    again = train_recipe(recipe, *records, seed=1, teacher_folder=tmp_path, verbose=False).network
    assert len(written) == 2
    assert written == {path: path.stat().st_mtime_ns for path in written}
    for first, second in zip(found[1].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(found[0].get_weights()[0], found[1].get_weights()[0])


def test_teacher_sees_the_signals_and_learns_the_outputs_of_its_pupil(records, small_networks, monkeypatch):
    module, fitted = importlib.import_module("signalcam.training.train_recipe"), []
    fit = module._fit
    monkeypatch.setattr(module, "_fit", lambda recipe, *a, **k: fitted.append(recipe) or fit(recipe, *a, **k))
    recipe = find_recipe("paper", teachers=("single",), n_views=1, epochs=1, batch_size=8)
    train_recipe(recipe, *records, verbose=False)
    teacher, pupil = fitted
    assert (teacher.name, pupil.name) == ("single", "paper")
    for name in ("scaling", "augmentation", "view", "auxiliary"):
        assert getattr(teacher, name) == getattr(recipe, name) != getattr(find_recipe("single"), name)


def test_scaler_of_a_recipe_sees_the_training_split_only(records, monkeypatch):
    seen = []
    fit = Scaler.fit
    monkeypatch.setattr(Scaler, "fit", lambda self, x: seen.append(len(x)) or fit(self, x))
    module = importlib.import_module("signalcam.training.train_recipe")
    monkeypatch.setattr(module, "train", lambda *a, **k: (_ for _ in ()).throw(InterruptedError))
    with pytest.raises(InterruptedError):
        train_recipe(find_recipe("paper", scaling="standard"), *records)
    assert seen == [8]


def test_targets_must_cover_the_splits_and_the_outputs(records):
    signals, targets, splits = records
    with pytest.raises(ValueError, match="targets must cover the train split, got 7 of its 8 records"):
        train_recipe("paper", signals[1:], targets[1:], splits)
    with pytest.raises(ValueError, match="targets must have a column for each output, got none for MI"):
        train_recipe("paper", signals, targets.drop(columns="MI"), splits, target="superclasses")


def test_teacher_network_is_deep_and_reads_any_length(rng):
    teacher = build_residual(n_times=None, n_classes=6)
    assert 850_000 < teacher.count_params() < 900_000
    signals = rng.normal(size=(2, 1000, 12)).astype(np.float32)
    whole = build_residual(n_classes=6)
    whole.set_weights(teacher.get_weights())
    np.testing.assert_allclose(teacher(signals), whole(signals), atol=1e-6)
    assert teacher(signals[:, :500]).shape == (2, 6)


@pytest.mark.parametrize(("name", "n_samples"), [("paper", 102)])
def test_a_cell_sees_as_many_samples_as_the_docs_say(name, n_samples):
    model = add_cam(ARCHITECTURES[name]())
    signals = tf.Variable(np.random.default_rng(0).normal(size=(256, 1000, 12)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        cell = tf.reduce_sum(model(signals)["evidence"][:, 62])
    seen = np.flatnonzero(np.abs(tape.gradient(cell, signals).numpy()).sum(axis=(0, 2)))
    assert seen[-1] - seen[0] + 1 == n_samples


def test_combined_outputs_are_combinations_of_logits_with_an_exact_map(rng):
    model = build_model(n_classes=6)
    signals = rng.normal(size=(2, 1000, 12)).astype(np.float32)
    matrix = rng.normal(size=(6, 2)).astype(np.float32)
    before, after = add_cam(model)(signals), add_cam(combine_outputs(model, matrix))(signals)
    np.testing.assert_allclose(after["logit"], before["logit"].numpy() @ matrix, atol=1e-5)
    np.testing.assert_allclose(after["evidence"], before["evidence"].numpy() @ matrix, atol=1e-5)
    slope, intercept = np.array([0.5, 2.0], np.float32), np.array([1.0, -1.0], np.float32)
    calibrated = add_cam(combine_outputs(model, np.eye(6)[:, :2] * slope, intercept))(signals)
    np.testing.assert_allclose(
        calibrated["logit"], before["logit"].numpy()[:, :2] * slope + intercept, atol=1e-5
    )
    mean = calibrated["evidence"].numpy().mean(axis=1)
    np.testing.assert_allclose(mean, calibrated["logit"], atol=1e-5)
    with pytest.raises(ValueError, match="must have 6 rows"):
        combine_outputs(model, matrix[:3])


def test_signals_may_lie_in_memory_in_any_order(records):
    module = importlib.import_module("signalcam.training.train_recipe")
    chosen = records[0][..., [1, 0, 6]]
    assert not chosen.flags.c_contiguous
    expected = module.detrended(np.ascontiguousarray(chosen), np.arange(12))
    np.testing.assert_array_equal(module.detrended(chosen, np.arange(12)), expected)


def test_what_does_not_fit_into_memory_is_prepared_in_a_file_without_a_name(records, tmp_path, monkeypatch):
    module = importlib.import_module("signalcam.training.train_recipe")
    expected = module.detrended(records[0], np.arange(12))
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    monkeypatch.setattr(module, "BLOCK", 5)
    prepared = module.detrended(records[0], np.arange(12), tmp_path / "new")
    assert isinstance(prepared, np.memmap)
    np.testing.assert_array_equal(prepared, expected)
    scaler = Scaler("standard").fit(expected)
    scaler.transform(prepared, out=prepared)
    np.testing.assert_array_equal(prepared, scaler.transform(expected))
    assert not list((tmp_path / "new").iterdir())
