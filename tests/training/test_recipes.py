"""Recipes: from records in mV to a deployable model, by name."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from signalcam.data.ptbxl import SUPERCLASSES
from signalcam.deployment.deploy import deploy
from signalcam.deployment.deployable import predict, settings_of
from signalcam.evaluation.complexity import count, totals
from signalcam.model import add_cam, build_model, cell_length
from signalcam.preprocessing import Scaler, detrend
from signalcam.training.further import open_further_records
from signalcam.training.networks import ARCHITECTURES, any_length, build_early, combine_outputs
from signalcam.training.recipes import RECIPES, find_recipe
from signalcam.training.train_recipe import train_recipe


@pytest.fixture(scope="module")
def records():
    """Twelve noise records of 10 s with labels and splits: enough for one step of training."""
    rng = np.random.default_rng(0)
    ids = pd.Index(range(101, 113), name="ecg_id")
    superclass = pd.DataFrame(rng.random((12, 5)) < 0.3, index=ids, columns=list(SUPERCLASSES))
    superclass["NORM"] = np.arange(12) % 2 == 0
    superclass.loc[superclass["NORM"], list(SUPERCLASSES[1:])] = False
    labels = (~superclass["NORM"]).astype(np.int8)
    splits = {"train": ids[:8], "validation": ids[8:], "test": ids[:0]}
    return rng.normal(size=(12, 1000, 12)).astype(np.float32), superclass, labels, splits


@pytest.fixture
def further_folder(tmp_path):
    table = pd.DataFrame({"ecg_id": [1, 2, 3], "patient_id": [1.0, 2.0, 3.0], "strat_fold": [1, 2, 9]})
    table[list(SUPERCLASSES)] = [[1, 0, 0, 0, 0], [1, 0, 1, 0, 0], [0, 0, 0, 1, 0]]
    table.to_csv(tmp_path / "records.csv", index=False)
    signals = np.random.default_rng(0).normal(scale=1000, size=(3, 1000, 12)).astype(np.int16)
    np.save(tmp_path / "signals.npy", signals)
    return tmp_path


def test_paper_recipe_is_the_papers():
    recipe = RECIPES["paper"]
    assert (recipe.scaling, recipe.optimizer, recipe.learning_rate) == ("record", "adam", 5e-4)
    assert (recipe.batch_size, recipe.epochs, recipe.monitor) == (128, 25, "val_accuracy")


def test_unknown_recipe_lists_those_there_are():
    with pytest.raises(ValueError, match="no recipe 'better'. Choose one of: paper, single, best"):
        find_recipe("better")


@pytest.mark.parametrize("name", list(RECIPES))
def test_no_recipe_has_more_weights_than_the_paper(name):
    model = ARCHITECTURES[RECIPES[name].architecture](n_classes=6)
    model = combine_outputs(model, np.eye(6)[:, :1])
    table = count(model)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) <= 22_273
    assert table["macs"].sum() <= 5_696_064
    assert cell_length(model) <= 8


def test_best_recipe_gives_a_deployable_model_of_the_outputs_asked_for(records, further_folder):
    further = open_further_records(further_folder, without_folds=(9,))
    recipe = find_recipe("best", epochs=1, batch_size=8, n_teachers=2)
    trained = train_recipe(recipe, *records, target="superclasses", further=further, verbose=False)
    model = deploy(recipe, trained.result.model, trained.scaler, "superclasses", label_rule="labelled")
    assert settings_of(model).class_names == SUPERCLASSES
    assert settings_of(model).label_rule == "labelled"
    assert settings_of(model).recipe == "best"
    signals = records[0][8:]
    found = predict(model, signals)
    scaled = Scaler("record_standard_asinh").transform(detrend(signals))
    np.testing.assert_allclose(found["probability"], trained.result.model(scaled).numpy()[:, 1:], atol=1e-5)
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=1e-5)


def test_teachers_are_trained_once_for_all_seeds(records, tmp_path):
    recipe = find_recipe("best", epochs=1, batch_size=8, n_teachers=1)
    found = [
        train_recipe(recipe, *records, seed=seed, teacher_folder=tmp_path, verbose=False).result.model
        for seed in (0, 1)
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["teacher_0"]
    written = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/training_state.npz")}
    again = train_recipe(recipe, *records, seed=1, teacher_folder=tmp_path, verbose=False).result.model
    assert len(written) == 1
    assert written == {path: path.stat().st_mtime_ns for path in written}
    for first, second in zip(found[1].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(found[0].get_weights()[0], found[1].get_weights()[0])


def test_teacher_must_see_the_same_signals(records):
    with pytest.raises(ValueError, match="'paper' and its teacher 'single' must have the same scaling"):
        train_recipe(find_recipe("paper", teacher="single", n_teachers=1), *records, verbose=False)


def test_paper_recipe_gives_a_deployable_model(records):
    recipe = find_recipe("paper", epochs=1, batch_size=8)
    trained = train_recipe(recipe, *records, verbose=False)
    model = deploy(recipe, trained.result.model, trained.scaler)
    signals = records[0][8:]
    scaled = Scaler("record").transform(detrend(signals))
    np.testing.assert_allclose(
        predict(model, signals)["probability"], trained.result.model(scaled), atol=1e-5
    )


def test_scaler_of_a_recipe_sees_the_training_split_only(records, monkeypatch):
    seen = []
    fit = Scaler.fit
    monkeypatch.setattr(Scaler, "fit", lambda self, x: seen.append(len(x)) or fit(self, x))
    monkeypatch.setattr(
        "signalcam.training.train_recipe.train", lambda *a, **k: (_ for _ in ()).throw(InterruptedError)
    )
    with pytest.raises(InterruptedError):
        train_recipe(find_recipe("paper", scaling="standard"), *records)
    assert seen == [8]


def test_labels_must_cover_the_splits(records):
    signals, superclass, labels, splits = records
    with pytest.raises(ValueError, match="labels cover 7 of the 8 records of the train split"):
        train_recipe("paper", signals[1:], superclass, labels[1:], splits)


def test_further_records_need_a_scaling_that_forgets_amplitude(records, further_folder):
    keeps_amplitude = find_recipe("paper", scaling="standard")
    with pytest.raises(
        ValueError, match="have lost their amplitude. They fit the rules that look at each record"
    ):
        train_recipe(keeps_amplitude, *records, further=open_further_records(further_folder))


def test_scaling_of_the_paper_gives_the_same_for_records_that_have_lost_their_amplitude(records):
    signals = records[0]
    lost = 1.7 * (signals - signals.mean(axis=1, keepdims=True)) / signals.std(axis=1, keepdims=True)
    scale = Scaler(RECIPES["paper"].scaling).transform
    np.testing.assert_allclose(scale(detrend(lost)), scale(detrend(signals)), atol=1e-5)


def test_further_records_leave_out_the_folds_asked_for(further_folder):
    further = open_further_records(further_folder, without_folds=(2, 9))
    assert further.ecg_ids.tolist() == [1]
    assert open_further_records(further_folder).abnormal.tolist() == [0, 1, 1]
    assert np.abs(further.signals).max() < 10


def test_missing_file_of_further_records_is_named(further_folder):
    (further_folder / "records.csv").unlink()
    with pytest.raises(FileNotFoundError, match="There is no records.csv in"):
        open_further_records(further_folder)


@pytest.mark.parametrize(("name", "n_samples"), [("paper", 102), ("sharp", 70)])
def test_a_cell_sees_as_many_samples_as_the_docs_say(name, n_samples):
    model = add_cam(ARCHITECTURES[name]())
    signals = tf.Variable(np.random.default_rng(0).normal(size=(256, 1000, 12)), dtype=tf.float32)
    with tf.GradientTape() as tape:
        cell = tf.reduce_sum(model(signals)["evidence"][:, 62])
    seen = np.flatnonzero(np.abs(tape.gradient(cell, signals).numpy()).sum(axis=(0, 2)))
    assert seen[-1] - seen[0] + 1 == n_samples


def test_sharp_network_counts():
    assert totals(ARCHITECTURES["sharp"]())["trainable"] == 20_481
    assert totals(ARCHITECTURES["sharp"]())["macs"] == 5_440_128


def test_early_network_has_the_papers_weights_and_cells_and_fewer_operations():
    early, paper = build_early(), build_model()
    assert [w.shape for w in early.trainable_weights] == [w.shape for w in paper.trainable_weights]
    assert cell_length(early) == cell_length(paper) == 8
    assert count(early)["macs"].sum() == 3_744_064


def test_network_of_any_length_predicts_the_same(rng):
    model = build_model()
    signals = rng.normal(size=(2, 1000, 12)).astype(np.float32)
    flexible = any_length(model)
    np.testing.assert_allclose(flexible(signals), model(signals), atol=1e-6)
    assert flexible(signals[:, :500]).shape == (2, 1)


def test_combined_outputs_are_combinations_of_logits_with_an_exact_map(rng):
    model = build_model(n_classes=6)
    signals = rng.normal(size=(2, 1000, 12)).astype(np.float32)
    matrix = rng.normal(size=(6, 2)).astype(np.float32)
    before, after = add_cam(model)(signals), add_cam(combine_outputs(model, matrix))(signals)
    np.testing.assert_allclose(after["logit"], before["logit"].numpy() @ matrix, atol=1e-5)
    np.testing.assert_allclose(after["evidence"], before["evidence"].numpy() @ matrix, atol=1e-5)
    with pytest.raises(ValueError, match="must have 6 rows"):
        combine_outputs(model, matrix[:3])
