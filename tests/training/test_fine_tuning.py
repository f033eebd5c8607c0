"""Going on from a trained network: what is kept, what is frozen, and what tells one start from another."""

import re
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from signalcam.model import build_model
from signalcam.preprocessing import Scaler
from signalcam.training import Recipe, Start, fine_tune
from signalcam.training.train import TrainingResult

RECIPE = Recipe(name="short", epochs=3, batch_size=16, learning_rate=1e-3, monitor=None)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    signals = rng.normal(size=(40, 64, 3)).astype(np.float32)
    labels = rng.integers(0, 2, (40, 4)).astype(np.float32)
    return (signals, labels), (signals[:10], labels[:10])


def start(seed=0):
    keras.utils.set_random_seed(seed)
    network = build_model(64, 3, 3, filters=(4, 8), kernel_sizes=(5, 3))
    return Start(network, ("A", "B", "C"), Scaler("record"))


def test_known_outputs_keep_their_weights_and_new_ones_begin_with_zeros(data, monkeypatch):
    seen = []

    def no_training(network, *arguments, **options):
        kernel, _ = network.get_layer("classifier").get_weights()
        frozen = {layer.name for layer in network.layers if not layer.trainable}
        seen.append((kernel, frozen, arguments[2].learning_rate, arguments[2].epochs))
        return TrainingResult(network, pd.DataFrame({"epoch": [1]}), 1)

    monkeypatch.setattr("signalcam.training.fine_tuning.train", no_training)
    begin = start()
    fine_tune(begin, RECIPE, data, ("C", "new", "A", "other"), verbose=False)
    before, _ = begin.network.get_layer("classifier").get_weights()
    (kernel, frozen, rate, epochs), (_, thawed, slow, more) = seen
    np.testing.assert_array_equal(
        kernel, np.stack([before[:, 2], 0 * before[:, 0], before[:, 0], 0 * before[:, 0]], 1)
    )
    assert "classifier" not in frozen
    assert {"conv_1", "conv_2", "norm_1", "norm_2"} <= frozen
    assert not thawed
    assert (rate, slow) == (1e-3, 1e-4)
    assert epochs + more == RECIPE.epochs


@pytest.fixture
def calls(monkeypatch):
    """What `train` is asked for; it takes one epoch more than asked and sets all weights to their number."""
    calls = []

    def train(network, training, validation, recipe, **options):
        calls.append({"data": (training, validation), "recipe": recipe, "network": network} | options)
        network.set_weights([np.full(weight.shape, len(calls)) for weight in network.get_weights()])
        epochs = np.arange(1, recipe.epochs + 2)
        return TrainingResult(network, pd.DataFrame({"epoch": epochs, "loss": 1.0 / len(calls)}), 2)

    monkeypatch.setattr("signalcam.training.fine_tuning.train", train)
    return calls


@pytest.mark.parametrize(
    ("n", "batch_size", "epochs", "parts"), [(410, 25, 10, (3, 7)), (40, 8, 2, (1, 1)), (1600, 64, 1, (1, 1))]
)
def test_both_parts_are_trained_as_asked(calls, tmp_path, n, batch_size, epochs, parts):
    recipe = Recipe(name="long", epochs=epochs, batch_size=64, learning_rate=1e-3, monitor="val_auc")
    data = (np.zeros((n, 64, 3)), np.zeros((n, 2))), (np.zeros((9, 64, 3)), np.zeros((9, 2)))
    how = {"augmentation": "noise", "seed": 5, "verbose": False}
    result = fine_tune(start(), recipe, data, ("A", "B"), folder=str(tmp_path), **how)
    for call, part, name, rate in zip(calls, parts, ("classifier", "all"), (1e-3, 1e-4), strict=True):
        options = {"epochs": part, "learning_rate": rate, "batch_size": batch_size}
        assert call["recipe"] == replace(recipe, **options)
        assert call["data"] == data
        assert {key: call[key] for key in how} == how
        assert call["folder"].name == name
        assert call["folder"].parent.parent == tmp_path
        assert call["network"].input_shape == (None, None, 3)
        # By a name that Keras makes up, each call would be another training than that kept in the folder.
        assert call["network"].inputs[0].name == "signals"
    lengths = [part + 1 for part in parts]
    assert result.history["epoch"].tolist() == list(range(1, sum(lengths) + 1))
    assert result.history["loss"].tolist() == [1.0] * lengths[0] + [0.5] * lengths[1]
    assert result.history.index.is_unique
    assert result.best_epoch == lengths[0] + 2
    assert {float(weight.mean()) for weight in result.model.get_weights()} == {2.0}


def test_nothing_is_kept_in_a_folder_unless_asked_for_and_the_start_is_told_by_its_weights(
    calls, data, tmp_path
):
    fine_tune(start(), RECIPE, data, ("A", "B"))
    for call in calls:
        assert {name: call[name] for name in ("augmentation", "seed", "folder", "verbose")} == {
            "augmentation": None,
            "seed": 0,
            "folder": None,
            "verbose": True,
        }
    for seed, outputs in ((0, ("A", "B")), (0, ("A", "B")), (1, ("A", "B")), (0, ("A", "C"))):
        fine_tune(start(seed), RECIPE, data, outputs, folder=tmp_path)
    first, again, other, others = (call["folder"].parent for call in calls[2::2])
    assert first == again
    assert len({first, other, others}) == 3
    assert re.fullmatch("from_[0-9a-f]{8}", first.name)


def test_result_reads_what_the_start_reads_and_both_parts_are_in_the_history(data, tmp_path):
    begin = start()
    result = fine_tune(begin, RECIPE, data, ("A", "B", "C", "D"), folder=tmp_path, verbose=False)
    assert result.model.input_shape == begin.network.input_shape
    assert result.history["epoch"].tolist() == [1, 2, 3]
    assert result.best_epoch == 3
    again = fine_tune(begin, RECIPE, data, ("A", "B", "C", "D"), folder=tmp_path, verbose=False)
    np.testing.assert_array_equal(again.model.get_weights()[0], result.model.get_weights()[0])
    other = fine_tune(start(seed=1), RECIPE, data, ("A", "B", "C", "D"), folder=tmp_path, verbose=False)
    assert not np.array_equal(other.model.get_weights()[0], result.model.get_weights()[0])
