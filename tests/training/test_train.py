"""Training: checks before it, the best epoch after it, the same result after an interruption."""

import sys

import keras
import numpy as np
import pytest

from signalcam.augmentation.random_view import RandomView
from signalcam.training.callbacks import BestEpoch, SeededEpochs, StopOnBadLoss
from signalcam.training.schedules import OneCycle
from signalcam.training.train import train
from signalcam.training.train_step import TrainingModel, mix

OPTIONS = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 1e-2,
    "monitor": "val_auc",
    "seed": 3,
    "mixup": 0.4,
}


def small_model():
    return keras.Sequential(
        [
            keras.Input((40, 3)),
            keras.layers.Conv1D(4, 3, name="conv"),
            keras.layers.BatchNormalization(),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dropout(0.1, seed=1),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def make_data(n=64):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, n)
    signals = rng.normal(size=(n, 40, 3)).astype(np.float32)
    signals[labels == 1, ::4] += 1
    return (signals[:48], labels[:48]), (signals[48:], labels[48:])


def augmentation():
    return RandomView(gain=0.1, lead_dropout=0.2, seed=5)


@pytest.fixture(scope="module")
def uninterrupted():
    return train(small_model, *make_data(), augmentation=augmentation(), verbose=False, **OPTIONS)


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(small_model, *make_data(), augmentation=augmentation(), folder=folder, verbose=False, **OPTIONS)
    return folder


def test_history_has_one_row_an_epoch_and_the_learning_rate(uninterrupted):
    history = uninterrupted.history
    assert list(history.columns) == [
        "epoch",
        "loss",
        "accuracy",
        "auc",
        "val_loss",
        "val_accuracy",
        "val_auc",
        "learning_rate",
    ]
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert history.notna().all(axis=None)
    np.testing.assert_allclose(history["learning_rate"], 1e-2, rtol=1e-6)


def test_model_has_the_weights_of_the_best_epoch(uninterrupted):
    history = uninterrupted.history.set_index("epoch")
    best = uninterrupted.best_epoch
    assert history.loc[best, "val_auc"] == history["val_auc"].max()
    signals, labels = make_data()[1]
    p = uninterrupted.model(signals).numpy()[:, 0]
    loss = -np.mean(np.where(labels == 1, np.log(p), np.log(1 - p)))
    assert loss == pytest.approx(history.loc[best, "val_loss"], rel=1e-4)


def test_interrupted_training_is_resumed_to_the_same_result(uninterrupted, tmp_path, monkeypatch):
    begin = SeededEpochs.on_epoch_begin

    def interrupt(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    options = dict(OPTIONS, folder=tmp_path, verbose=False)
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(small_model, *make_data(), augmentation=augmentation(), **options)
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", begin)
    resumed = train(small_model, *make_data(), augmentation=augmentation(), **options)
    np.testing.assert_allclose(resumed.history, uninterrupted.history, rtol=1e-5)
    assert resumed.best_epoch == uninterrupted.best_epoch
    for found, expected in zip(resumed.model.get_weights(), uninterrupted.model.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert {"history.csv", "network.keras", "training_state.npz"} == {f.name for f in tmp_path.iterdir()}


@pytest.mark.bad_input(64)
def test_interruptible_training_gives_the_best_epoch_so_far_and_goes_on(
    uninterrupted, tmp_path, monkeypatch, capsys
):
    begin = SeededEpochs.on_epoch_begin

    def interrupt(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    options = dict(OPTIONS, folder=tmp_path, verbose=False, interruptible=True)
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", interrupt)
    first = train(small_model, *make_data(), augmentation=augmentation(), **options)
    assert len(first.history) == 2
    assert first.best_epoch == first.history["val_auc"].idxmax() + 1
    said = f"Interrupted after epoch 2 of 4: epoch {first.best_epoch}, the best so far, is kept.\n"
    assert capsys.readouterr() == (said, "")  # on standard error JupyterLab would show it in red
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", begin)
    again = train(small_model, *make_data(), augmentation=augmentation(), **options)
    np.testing.assert_allclose(again.history, uninterrupted.history, rtol=1e-5)


def test_plateau_goes_on_where_it_was_interrupted_and_halves_the_rate(tmp_path, monkeypatch):
    """The loss stands still: of patience 2, one epoch is waited before the interruption and one behind it."""
    monkeypatch.setattr(sys.modules[train.__module__], "PATIENCE", 2)
    begin = SeededEpochs.on_epoch_begin

    def interrupt(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    options = dict(OPTIONS, learning_rate=1e-12, epochs=4, folder=tmp_path, verbose=False)
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(still_model, *make_data(), **options)
    monkeypatch.setattr(SeededEpochs, "on_epoch_begin", begin)
    rates = train(still_model, *make_data(), **options).history["learning_rate"] / 1e-12
    assert rates.iloc[0] == pytest.approx(1)
    assert rates.iloc[3] == pytest.approx(0.5)


def still_model():
    """Without BatchNorm, whose running statistics would move the validation loss."""
    layers = [keras.layers.Conv1D(4, 3), keras.layers.GlobalAveragePooling1D()]
    return keras.Sequential([keras.Input((40, 3)), *layers, keras.layers.Dense(1, activation="sigmoid")])


def wider_model():
    layers = [keras.layers.Conv1D(5, 3), keras.layers.GlobalAveragePooling1D()]
    return keras.Sequential([keras.Input((40, 3)), *layers, keras.layers.Dense(1, activation="sigmoid")])


def another_sample(data):
    (signals, labels), validation = data
    signals = signals.copy()
    signals[31, 17, 2] += 1e-6
    return (signals, labels), validation


@pytest.mark.bad_input(48)
@pytest.mark.parametrize(
    ("named", "model", "data", "layer", "changes"),
    [
        ("settings", small_model, make_data(), augmentation(), {"mixup": 0.3}),
        ("seed", small_model, make_data(), augmentation(), {"seed": 4}),
        ("augmentation", small_model, make_data(), RandomView(gain=0.2, lead_dropout=0.2, seed=5), {}),
        ("augmentation", small_model, make_data(), None, {}),
        ("network", wider_model, make_data(), augmentation(), {}),
        ("training records", small_model, another_sample(make_data()), augmentation(), {}),
    ],
)
def test_a_folder_of_another_training_is_refused_with_what_differs(
    named, model, data, layer, changes, finished_folder
):
    with pytest.raises(ValueError, match=f"another training: {named} must be the same"):
        train(model, *data, augmentation=layer, folder=finished_folder, verbose=False, **(OPTIONS | changes))


def test_a_finished_training_is_read_back(uninterrupted, finished_folder):
    again = train(
        small_model,
        *make_data(),
        augmentation=augmentation(),
        folder=finished_folder,
        verbose=False,
        **OPTIONS,
    )
    assert again.best_epoch == uninterrupted.best_epoch
    np.testing.assert_allclose(again.history, uninterrupted.history, rtol=1e-5)


def test_a_damaged_state_is_named_with_what_to_delete(finished_folder, tmp_path):
    whole = (finished_folder / "training_state.npz").read_bytes()
    for content in (whole[: len(whole) // 2], b"junk"):
        (tmp_path / "training_state.npz").write_bytes(content)
        with pytest.raises(ValueError, match="training_state.npz must hold the state.*damaged.*Delete it"):
            train(
                small_model,
                *make_data(),
                augmentation=augmentation(),
                folder=tmp_path,
                verbose=False,
                **OPTIONS,
            )


@pytest.mark.bad_input(39)
def test_wrong_monitor_lists_the_names_there_are():
    with pytest.raises(
        ValueError, match="monitor must be one of .*val_accuracy, val_auc or None, got 'val_acc'"
    ):
        train(small_model, *make_data(), **dict(OPTIONS, monitor="val_acc"))


@pytest.mark.bad_input(17)
def test_nan_is_refused_with_record_lead_and_count():
    (signals, labels), validation = make_data()
    signals[7, 3:5, 2] = np.nan
    with pytest.raises(
        ValueError, match="training signals must be finite.*record 7, lead 2: 2 of 40 samples"
    ):
        train(small_model, (signals, labels), validation, **OPTIONS)


@pytest.mark.bad_input(36)
def test_signals_and_labels_of_different_length_are_refused():
    (signals, labels), validation = make_data()
    with pytest.raises(ValueError, match="got 48 records and 47 labels"):
        train(small_model, (signals, labels[1:]), validation, **OPTIONS)


@pytest.mark.bad_input(36)
def test_labels_that_are_not_the_models_outputs_are_refused():
    (signals, labels), validation = make_data()
    with pytest.raises(
        ValueError, match="one column for each of the model's 1 outputs.*got shape \\(48, 2\\)"
    ):
        train(small_model, (signals, np.stack([labels, labels], axis=1)), validation, **OPTIONS)


@pytest.mark.bad_input(38)
def test_training_stops_when_the_loss_is_no_number():
    with pytest.raises(ValueError, match="the loss became nan.*Lower the learning rate"):
        train(
            small_model,
            *make_data(),
            epochs=3,
            optimizer=keras.optimizers.SGD(1e38),
            monitor=None,
            verbose=False,
        )


@pytest.mark.bad_input(38)
def test_huge_loss_stops_too():
    with pytest.raises(ValueError, match="step 4 of an epoch: the loss became 10000000.0"):
        StopOnBadLoss().on_train_batch_end(3, {"loss": 1e7})


@pytest.mark.bad_input(38)
def test_weights_that_are_not_finite_are_not_kept():
    model = small_model()
    best = BestEpoch(model, "val_loss")
    before = best.weights[0].copy()
    model.get_layer("conv").kernel.assign(np.full(model.get_layer("conv").kernel.shape, np.inf))
    with pytest.raises(ValueError, match="after epoch 1 there are weights that are not finite"):
        best.on_epoch_end(0, {"val_loss": 0.1})
    np.testing.assert_array_equal(best.weights[0], before)


def test_best_epoch_wants_a_small_loss_and_a_large_score():
    for monitor, values, expected in (("val_loss", (0.5, 0.4, 0.6), 2), ("val_auc", (0.5, 0.4, 0.6), 3)):
        best = BestEpoch(small_model(), monitor)
        for epoch, value in enumerate(values):
            best.on_epoch_end(epoch, {monitor: value})
        assert best.epoch == expected


def test_order_of_records_depends_on_seed_and_epoch_alone():
    first, second = (SeededEpochs(TrainingModel(small_model()), 20, seed=1) for _ in range(2))
    for epoch in (3, 0):
        first.on_epoch_begin(epoch)
    second.on_epoch_begin(0)
    np.testing.assert_array_equal(first.indices, second.indices)
    second.on_epoch_begin(1)
    assert not np.array_equal(first.indices, second.indices)
    assert sorted(second.indices) == list(range(20))


def test_mixup_keeps_the_larger_share_of_each_record():
    labels = np.eye(8, dtype=np.float32)
    signals = np.repeat(labels[:, None], 5, axis=1)  # each record carries its label as signal
    mixed, targets = mix(signals, labels, 0.4, keras.random.SeedGenerator(0))
    np.testing.assert_allclose(mixed[:, 0], targets, atol=1e-6)
    np.testing.assert_allclose(np.sum(targets, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(np.argmax(targets, axis=1), np.arange(8))


def test_one_cycle_rises_to_the_peak_and_falls_to_the_end():
    schedule = OneCycle(peak=2.0, steps=100, rise=0.3, start=0.04, end=0.01)
    rates = [float(schedule(step)) for step in (0, 15, 30, 65, 100, 150)]
    np.testing.assert_allclose(rates, [0.08, 1.04, 2.0, 1.01, 0.02, 0.02], rtol=1e-5)
    assert OneCycle.from_config(schedule.get_config()).get_config() == schedule.get_config()


def test_view_is_the_inverse_hyperbolic_sine_at_inference(rng):
    signals = rng.normal(size=(2, 30, 3)).astype(np.float32) * 5
    np.testing.assert_allclose(RandomView(n_times=10)(signals), np.arcsinh(signals), atol=1e-6)


def test_view_is_a_stretch_of_the_record():
    signals = np.tile(np.arange(30.0, dtype=np.float32)[:, None], (4, 1, 2))
    view = RandomView(n_times=10, gain=0, lead_gain=0, lead_dropout=0, compress=False)
    found = view(signals, training=True).numpy()
    assert found.shape == (4, 10, 2)
    np.testing.assert_array_equal(np.diff(found, axis=1), 1)
    warped = RandomView(n_times=10, warp=0.2, gain=0, lead_gain=0, lead_dropout=0, compress=False)
    steps = np.diff(warped(signals, training=True).numpy(), axis=1)
    assert (steps > np.exp(-0.2) - 1e-4).all()
    assert (steps < np.exp(0.2) + 1e-4).all()
    np.testing.assert_allclose(steps, steps[:, :1, :1].repeat(9, 1).repeat(2, 2), atol=1e-4)


def test_view_drops_whole_leads_and_survives_its_config():
    view = RandomView(lead_dropout=0.5, seed=2)
    found = view(np.ones((20, 6, 5), np.float32), training=True).numpy()
    dropped = (found == 0).all(axis=1)
    np.testing.assert_array_equal((found == 0).any(axis=1), dropped)
    assert 0.3 < dropped.mean() < 0.7
    assert RandomView.from_config(view.get_config()).get_config() == view.get_config()


def test_soft_labels_are_learnt_from_in_training_alone():
    (signals, labels), validation = make_data()
    soft = 0.2 + 0.6 * labels
    result = train(small_model, (signals, soft), validation, verbose=False, **OPTIONS)
    assert np.isfinite(result.history["loss"]).all()
    with pytest.raises(ValueError, match="validation labels must be 0 or 1"):
        train(
            small_model, (signals, soft), (validation[0], 0.2 + 0.6 * validation[1]), verbose=False, **OPTIONS
        )
    with pytest.raises(ValueError, match="training labels must be from 0 to 1"):
        train(small_model, (signals, 2 * soft), validation, verbose=False, **OPTIONS)
