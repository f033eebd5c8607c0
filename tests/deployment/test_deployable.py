"""The deployable model: the same numbers as the steps by hand, its settings, what damaged files get."""

import errno
import json
import tracemalloc
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from signalcam.deployment import Settings, class_index, predict, settings_of
from signalcam.deployment import deployable as deployment
from signalcam.deployment.deployable import build_deployable, load_model, save_model
from signalcam.errors import ModelFileError, RecordError
from signalcam.leads import LEADS
from signalcam.model import add_cam, build_model
from signalcam.preprocessing import SCALINGS, Scaler, detrend


def network(n_classes=1, seed=0):
    keras.utils.set_random_seed(seed)
    return build_model(filters=(4, 4, 6, 8), n_classes=n_classes)


@pytest.fixture
def scaler(ecg_like):
    return Scaler("standard").fit(detrend(ecg_like))


@pytest.fixture
def model(scaler):
    return build_deployable(network(), scaler, Settings(label_rule="labelled", threshold=(0.4,)))


@pytest.mark.parametrize("rule", SCALINGS)
def test_raw_millivolts_in_give_the_numbers_of_the_steps_by_hand(rule, ecg_like):
    scaler = Scaler(rule).fit(detrend(ecg_like))
    inner = network()
    by_hand = add_cam(inner)(scaler.transform(detrend(ecg_like)), training=False)
    outputs = predict(build_deployable(inner, scaler, Settings()), ecg_like)
    for name in ("probability", "logit", "evidence"):
        np.testing.assert_allclose(outputs[name], np.asarray(by_hand[name]), atol=2e-4)


def test_saved_file_carries_settings_and_gives_the_same_numbers(model, ecg_like, tmp_path):
    save_model(model, tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert settings_of(loaded) == settings_of(model)
    assert settings_of(loaded).threshold == (0.4,)
    assert settings_of(loaded).lead_names == LEADS
    before, after = predict(model, ecg_like), predict(loaded, ecg_like)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]


def test_network_inside_reads_what_the_front_gives(model, ecg_like):
    inside = deployment.network_of(model)(deployment.scaled(model, ecg_like), training=False)
    np.testing.assert_allclose(np.asarray(inside["logit"]), predict(model, ecg_like)["logit"], atol=1e-5)


@pytest.mark.bad_input(29)
def test_one_record_without_batch_axis_is_a_batch_of_one(model, ecg_like):
    one, batch = predict(model, ecg_like[0]), predict(model, ecg_like)
    np.testing.assert_allclose(one["probability"], batch["probability"][:1], atol=1e-6)


@pytest.mark.bad_input(17)
def test_a_nan_never_becomes_a_diagnosis(model, ecg_like):
    ecg_like[2, 500, 7] = np.nan
    with pytest.raises(ValueError, match="(?i)record 2, lead V2: 1 of 1,000 samples"):
        predict(model, ecg_like)


@pytest.mark.bad_input(37)
@pytest.mark.parametrize("shape", [(2, 900, 12), (2, 1000, 11), (2, 1100, 12)])
def test_wrong_length_or_lead_count_is_refused_before_the_network(model, shape):
    with pytest.raises(ValueError, match=r"signals must have (1,000 samples a record|12 leads), .* got"):
        predict(model, np.zeros(shape, np.float32))


@pytest.mark.bad_input(19)
def test_prediction_with_a_flat_lead_warns_and_names_it(model, ecg_like):
    flat = ecg_like.copy()
    flat[1, :, 3] = 0.5
    with pytest.warns(UserWarning, match="record 1, lead aVR"):
        outputs = predict(model, flat)
    assert np.isfinite(outputs["probability"]).all()


@pytest.mark.bad_input(23)
def test_padded_time_is_masked_in_both_maps_and_the_rest_spans_zero_to_one(model, ecg_like):
    padded = np.zeros((6, 1000), bool)
    padded[:, 804:] = True
    outputs = predict(model, ecg_like, padded=padded)
    assert np.isnan(outputs["heatmap"][:, 804:]).all()
    assert np.isfinite(outputs["heatmap"][:, :804]).all()
    assert np.isnan(outputs["evidence"][:, 101:]).all()
    assert np.isfinite(outputs["evidence"][:, :101]).all()
    np.testing.assert_allclose(np.nanmax(outputs["heatmap"], axis=1), 1, atol=1e-6)


def test_prediction_does_not_change_the_callers_array(model, ecg_like):
    before = ecg_like.copy()
    predict(model, ecg_like)
    np.testing.assert_array_equal(ecg_like, before)


@pytest.mark.bad_input(42)
@pytest.mark.parametrize("which", ["XYZ", 2, -1, 1.0, True])
def test_a_class_that_is_not_there_is_told_the_classes(which):
    settings = Settings(class_names=("NORM", "MI"), threshold=(0.5, 0.5))
    assert (class_index(settings, "MI"), class_index(settings, 0)) == (1, 0)
    with pytest.raises(ValueError, match="the classes are 0: NORM, 1: MI"):
        class_index(settings, which)


@pytest.mark.bad_input(36)
def test_settings_that_do_not_fit_the_network_are_refused(scaler):
    with pytest.raises(ValueError, match="class_names must name the 5 outputs of the network, got ABNORMAL"):
        build_deployable(network(5), scaler, Settings())
    with pytest.raises(ValueError, match="1000 samples of 12 leads, got 5000"):
        build_deployable(network(), scaler, Settings(n_times=5000))
    with pytest.raises(ValueError, match="threshold must hold a number for each of A, B, got 1"):
        Settings(class_names=("A", "B"))
    with pytest.raises(ValueError, match="must differ"):
        Settings(class_names=("A", "A"), threshold=(0.5, 0.5))


@pytest.mark.bad_input(40)
def test_truncated_model_file_is_told_its_size(model, tmp_path):
    save_model(model, tmp_path / "model.keras")
    whole = (tmp_path / "model.keras").read_bytes()
    for size in (0, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.keras").write_bytes(whole[:size])
        with pytest.raises(ModelFileError, match=rf"cut.keras .*\({size} bytes\)"):
            load_model(tmp_path / "cut.keras")


@pytest.mark.bad_input(40)
@pytest.mark.security
def test_model_with_a_lambda_layer_is_refused_by_name(tmp_path):
    foreign = keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x + 1)])
    foreign.save(tmp_path / "lambda.keras")
    with pytest.raises(ModelFileError, match="holds a Lambda layer"):
        load_model(tmp_path / "lambda.keras")


@pytest.mark.bad_input(40)
def test_model_of_another_package_is_refused(tmp_path):
    network().save(tmp_path / "other.keras")
    with pytest.raises(ModelFileError, match="of another package"):
        load_model(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="carries no settings"):
        settings_of(network())


@pytest.mark.bad_input(40)
@pytest.mark.security
def test_junk_inside_a_whole_archive_is_refused(model, tmp_path):
    save_model(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
    with zipfile.ZipFile(tmp_path / "junk.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("metadata.json", json.dumps({"keras_version": "3"}))
        archive.writestr("model.weights.h5", b"junk")
    with pytest.raises(ModelFileError, match="could not be read as a model"):
        load_model(tmp_path / "junk.keras")


@pytest.mark.bad_input(40)
@pytest.mark.security
def test_only_keras_files_are_read_or_written(model, tmp_path):
    for action in (lambda path: save_model(model, path), load_model):
        with pytest.raises(ValueError, match=r"must end in .keras, got 'model.h5'"):
            action(tmp_path / "model.h5")
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_model(tmp_path / "absent.keras")


@pytest.mark.bad_input(38)
def test_weights_that_are_not_finite_are_not_saved(model, tmp_path):
    bias = deployment.network_of(model).get_layer("classifier").bias
    bias.assign([np.nan])
    with pytest.raises(ValueError, match="not finite; model.keras was not written"):
        save_model(model, tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.bad_input(47)
def test_saved_weights_that_are_not_finite_are_refused_on_loading(model, tmp_path):
    deployment.network_of(model).get_layer("classifier").bias.assign([np.inf])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match="Weight .*bias is not finite; train it again"):
        load_model(tmp_path / "model.keras")


@pytest.mark.bad_input(47)
@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan"), float("inf")])
def test_threshold_that_is_no_probability_is_refused_also_on_loading(model, tmp_path, threshold):
    with pytest.raises(ValueError, match="threshold must hold probabilities, from 0 to 1"):
        Settings(threshold=(threshold,))
    object.__setattr__(settings_of(model), "threshold", (threshold,))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match="from 0 to 1"):
        load_model(tmp_path / "model.keras")
    assert Settings(threshold=(0.0,)).threshold == (0.0,)
    assert Settings(threshold=(1.0,)).threshold == (1.0,)


@pytest.mark.bad_input(47)
@pytest.mark.parametrize("name", ["probability", "logit", "evidence", "heatmap"])
def test_output_that_is_not_finite_is_an_error_with_its_record(model, ecg_like, monkeypatch, name):
    outputs = {key: np.asarray(value) for key, value in model.predict(ecg_like, verbose=0).items()}
    outputs[name][3].flat[-1] = np.nan
    monkeypatch.setattr(model, "predict", lambda *_, **__: outputs)
    with pytest.raises(RecordError, match=f"{name} must be finite, got NaN or infinity for record 3 of 6"):
        predict(model, ecg_like)


@pytest.mark.bad_input(47)
def test_samples_that_overflow_the_network_never_become_a_decision(model, ecg_like):
    with pytest.raises(RecordError, match="amplitude that a heart gives; record 2 of 6"):
        predict(model, ecg_like * np.array([1, 1, 1e38, 1, 1, 1])[:, np.newaxis, np.newaxis])
    with pytest.raises(RecordError, match="too large to compute with"):
        predict(model, ecg_like[:1] * 1e38, any_amplitude=True)


@pytest.mark.bad_input(50)
def test_lead_names_in_another_order_are_refused_also_in_a_file(model, tmp_path):
    swapped = (*LEADS[:3], "aVL", "aVR", *LEADS[5:])
    with pytest.raises(ValueError, match="lead_names must be in the order I, II, III, aVR"):
        Settings(lead_names=swapped)
    object.__setattr__(settings_of(model), "lead_names", swapped)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match="lead_names must be in the order"):
        load_model(tmp_path / "model.keras")
    assert Settings(lead_names=("I", "II", "V5")).lead_names == ("I", "II", "V5")
    with pytest.raises(ValueError, match="in the order"):
        Settings(lead_names=("I", "I"))


@pytest.mark.bad_input(55)
@pytest.mark.security
def test_file_that_unpacks_to_far_more_is_refused_by_its_directory(model, tmp_path, monkeypatch):
    assert deployment._LARGEST < 600_000_000
    monkeypatch.setattr(deployment, "_LARGEST", 20_000_000)
    save_model(model, tmp_path / "model.keras")
    with (
        zipfile.ZipFile(tmp_path / "model.keras", "a", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb", "w") as file,
    ):
        for _ in range(60):
            file.write(bytes(1_000_000))
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=r"unpacks to 60,\d{3},\d{3} bytes; expected 20,000,000 at"):
        load_model(tmp_path / "model.keras")
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


@pytest.mark.bad_input(60)
def test_full_disk_leaves_the_old_model_and_no_part(model, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    save_model(model, path)
    before = path.read_bytes()

    def full(self, file, *_, **__):
        Path(file).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", full)
    with pytest.raises(OSError, match=r"Cannot write .*model.keras: No space left .*bytes are free"):
        save_model(model, path)
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == before
