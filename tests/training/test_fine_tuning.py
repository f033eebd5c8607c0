"""Going on from a trained network: what is kept, what is frozen, and what tells one start from another."""

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
