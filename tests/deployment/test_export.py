"""Exported files: the numbers of Keras, settings inside, no TensorFlow needed, nothing half-written."""

import shutil
import sys
from dataclasses import replace

import numpy as np
import pytest

from signalcam.deployment import export, predict
from signalcam.deployment.deployable import Settings, build_deployable, load_model, save_model, with_embedding
from signalcam.deployment.export import ExportError, check_export, to_litert, to_onnx
from signalcam.deployment.from_training import deploy
from signalcam.deployment.runtime import exported_beside, open_exported
from signalcam.errors import RecordWarning
from signalcam.preprocessing import Scaler, detrend
from signalcam.simulation import Subject, simulate_record
from signalcam.training.networks import ARCHITECTURES, build_leadwise

SETTINGS = Settings(threshold=(0.4,), label_rule="labelled", trained_on="nothing")
KINDS = ("float32", "int8", "onnx")


def build(signals, architecture="paper", rule="record_standard_asinh", settings=SETTINGS, seed=0, **options):
    """A deployable model with random weights, BatchNorm statistics included, as after training."""
    network = ARCHITECTURES[architecture](n_classes=len(settings.class_names), **options)
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        positive = "variance" in weight.path or "gamma" in weight.path
        value = rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, 0.3, weight.shape)
        weight.assign(value.astype(np.float32))
    return build_deployable(network, Scaler(rule).fit(detrend(signals)), settings)


def small(signals, **options):
    return build(signals, filters=(4, 4, 6, 8), **options)


@pytest.fixture(scope="module")
def signals():
    """(12, 1000, 12) float32 in mV, simulated."""
    return np.stack(
        [simulate_record(subject=Subject(seed=k, heart_rate=50 + 6 * k), seed=k).signals for k in range(12)]
    )


@pytest.fixture(scope="module")
def model(signals):
    return small(signals)


@pytest.fixture(scope="module")
def expected(model, signals):
    return {name: np.asarray(value) for name, value in with_embedding(model)(signals, training=False).items()}


@pytest.fixture(scope="module")
def labels(expected):
    """What the model itself would say, so that its AUC is 1."""
    probability = expected["probability"][:, 0]
    return (probability > np.median(probability)).astype(np.int8)


@pytest.fixture(scope="module")
def files(model, signals, labels, tmp_path_factory):
    """Each kind of file and what its export said."""
    folder = tmp_path_factory.mktemp("exported")
    made = {"onnx": (folder / "model.onnx", to_onnx(model, folder / "model.onnx"))}
    for precision in ("float32", "int8"):
        path = folder / f"{precision}.tflite"
        made[precision] = (path, to_litert(model, path, precision, signals, signals, labels))
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path, _ in made.values())
    return made


@pytest.mark.parametrize("kind", ["float32", "onnx"])
def test_float32_files_answer_as_keras_does(kind, files, signals, expected):
    found = open_exported(files[kind][0]).predict(signals)
    assert set(found) == {"probability", "logit", "evidence", "heatmap", "embedding"}
    assert found["embedding"].shape == (len(signals), 8)
    np.testing.assert_allclose(found["probability"], expected["probability"], atol=1e-5)
    for name in expected:
        assert found[name].shape == expected[name].shape
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_the_map_with_a_lead_axis_is_that_of_keras(suffix, signals, tmp_path):
    network = build_leadwise(n_classes=5, filters=(4, 4, 4, 6), between=4)
    names = ("NORM", "MI", "STTC", "CD", "HYP")
    model = build_deployable(
        network, Scaler("standard").fit(detrend(signals)), Settings(class_names=names, threshold=(0.5,) * 5)
    )
    path = tmp_path / f"leadwise.{suffix}"
    (to_litert if suffix == "tflite" else to_onnx)(model, path, signals=signals)
    found = open_exported(path).predict(signals)["lead_evidence"]
    assert found.shape == (len(signals), 62, 13, 5)
    np.testing.assert_allclose(found, model(signals, training=False)["lead_evidence"], atol=1e-4)


def test_int8_stays_near_keras(files, signals, expected):
    path, check = files["int8"]
    found = open_exported(path).predict(signals)
    assert np.abs(found["probability"] - expected["probability"]).max() == pytest.approx(check["probability"])
    assert check["probability"] < export.TOLERANCES["int8"][0]
    assert check["auc"]["ABNORMAL"][0] == 1
    assert check["auc"]["ABNORMAL"][1] >= 0.98
    assert path.stat().st_size < files["float32"][0].stat().st_size
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=1e-4)


def test_int8_has_its_convolutions_in_integers_and_its_front_and_head_in_float(files):
    from ai_edge_litert.interpreter import Interpreter

    tensors = [
        (tensor["name"], tensor["dtype"])
        for tensor in Interpreter(str(files["int8"][0])).get_tensor_details()
        if tensor["dtype"] in (np.int8, np.float32)
    ]
    for layer in ("conv_1", "conv_2", "conv_3", "conv_4", "activation_1", "activation_4"):
        assert {dtype for name, dtype in tensors if f"/{layer}" in name} == {np.int8}
    for layer in ("detrend", "scale", "heatmap"):
        assert {dtype for name, dtype in tensors if f"/{layer}" in name} == {np.float32}


def test_litert_runs_the_whole_model_in_one_delegate(files):
    """Each change between delegate and interpreter costs as long as a pass over the samples."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(files["float32"][0]), num_threads=1)
    interpreter.allocate_tensors()
    names = [operation["op_name"] for operation in interpreter._get_ops_details()]
    if "DELEGATE" not in names:
        pytest.skip("LiteRT has no XNNPACK delegate on this machine")
    assert names.count("DELEGATE") == 1
    unsupported = {"SIGN", "GREATER", "LESS", "EQUAL", "SELECT", "SELECT_V2", "SHAPE", "GATHER", "PACK"}
    assert not unsupported & set(names)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_travel_inside_the_file(kind, files):
    exported = open_exported(files[kind][0])
    assert exported.precision == ("float32" if kind == "onnx" else kind)
    assert exported.settings == SETTINGS


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("kind", ["float32", "onnx"])
def test_one_record_many_records_and_float64_give_the_same_numbers(kind, files, signals):
    exported = open_exported(files[kind][0])
    many = exported.predict(np.concatenate([signals] * 6))  # 72 records: more than one batch
    assert len(many["heatmap"]) == 72
    one = exported.predict(signals[3].astype(np.float64))
    for name in many:
        np.testing.assert_allclose(one[name][0], many[name][3], atol=1e-5)
        np.testing.assert_allclose(many[name][60:], many[name][:12], atol=1e-5)


def not_finite(signals):
    signals = signals.copy()
    signals[2, 500:503, 7] = np.nan
    return signals


BAD_SIGNALS = [
    pytest.param(not_finite, r"record 2, lead V2: 3 of 1,000 samples", marks=pytest.mark.bad_input(17)),
    pytest.param(lambda x: x * 1e20, r"amplitude that a heart gives", id="squares overflow"),
    pytest.param(lambda x: x.transpose(0, 2, 1), r"looks transposed", marks=pytest.mark.bad_input(27)),
    pytest.param(lambda x: x.astype(int), r"got int64", marks=pytest.mark.bad_input(28)),
    pytest.param(lambda x: x[:0], r"empty array of shape \(0, 1000, 12\)", marks=pytest.mark.bad_input(29)),
    pytest.param(lambda x: x[:, :900], r"1,000 samples a record", marks=pytest.mark.bad_input(37)),
    pytest.param(lambda x: x[..., :8], r"must have 12 leads", marks=pytest.mark.bad_input(37)),
]


@pytest.mark.parametrize(("change", "message"), BAD_SIGNALS)
@pytest.mark.parametrize("kind", ["float32", "onnx", "keras"])
def test_every_engine_refuses_the_same(kind, change, message, files, model, signals):
    with pytest.raises(ValueError, match=message):
        predict(model if kind == "keras" else open_exported(files[kind][0]), change(signals))


@pytest.mark.parametrize("kind", ["float32", "onnx", "keras"])
def test_every_engine_warns_of_the_same(kind, files, model, signals):
    swapped, flat = signals[:1, :, [1, 0, *range(2, 12)]], np.zeros_like(signals[:1])
    opened = model if kind == "keras" else open_exported(files[kind][0])
    for changed, message in ((swapped, "limb leads do not fit together"), (flat, "flat lead")):
        with pytest.warns(RecordWarning, match=message):
            predict(opened, changed)


def test_a_file_blanks_the_maps_where_nothing_was_recorded(files, model, signals):
    padded = np.zeros((12, 1000), bool)
    padded[3, 700:] = True
    expected, found = (predict(each, signals, padded) for each in (model, open_exported(files["float32"][0])))
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-4, atol=1e-4)
    assert np.isnan(found["heatmap"][3, 700:]).all()
    assert np.isnan(found["evidence"][3, 88:]).all()
    assert np.isfinite(found["evidence"][3, :87]).all()


def test_an_answer_that_is_not_finite_is_an_error_with_its_record(signals):
    class Broken:
        settings = SETTINGS

        def answer(self, records):
            return {"probability": np.array([[0.5], [np.nan]])}

    with pytest.raises(ValueError, match="probability must be finite, got NaN or infinity for record 1"):
        predict(Broken(), signals[:2])


def test_only_a_file_that_answers_as_its_keras_model_stands_in_for_it(files, model, signals, tmp_path):
    source = tmp_path / "model.keras"
    save_model(model, source)
    beside = tmp_path / "model.tflite"
    assert exported_beside(source) is None
    shutil.copy(files["int8"][0], beside)
    assert exported_beside(source) is None, "other numbers"
    shutil.copy(files["float32"][0], beside)
    assert exported_beside(source).path == beside
    save_model(load_model(source), source)
    assert exported_beside(source).path == beside, "saved again, the same model"
    save_model(small(signals, seed=1), source)
    assert exported_beside(source) is None, "other weights"
    save_model(small(signals, settings=replace(SETTINGS, threshold=(0.5,))), source)
    assert exported_beside(source) is None, "another threshold"
    source.write_bytes(b"a model")
    assert exported_beside(source) is None, "no model"


@pytest.mark.bad_input(40)
@pytest.mark.parametrize("kind", ["float32", "onnx"])
@pytest.mark.parametrize(
    "content", [lambda data: data[: len(data) // 2], lambda data: b"junk" * 99, lambda _: b""]
)
def test_a_truncated_or_junk_file_is_named(kind, content, files, tmp_path):
    path = tmp_path / files[kind][0].name
    path.write_bytes(content(files[kind][0].read_bytes()))
    with pytest.raises(ValueError, match=rf"{path.name} \(\d+ bytes\) is not a whole model"):
        open_exported(path)


def test_a_missing_file_and_another_suffix_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no exported model at .*none\.tflite"):
        open_exported(tmp_path / "none.tflite")
    with pytest.raises(ValueError, match=r"must end in \.tflite or \.onnx, got 'model\.keras'"):
        open_exported(tmp_path / "model.keras")


@pytest.mark.parametrize("kind", ["float32", "onnx"])
def test_a_missing_runtime_says_what_to_install(kind, files, monkeypatch):
    module = {"float32": "ai_edge_litert.interpreter", "onnx": "onnxruntime"}[kind]
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "signalcam\[export\]"'):
        open_exported(files[kind][0])


@pytest.mark.parametrize(
    ("write", "suffix", "module"),
    [(to_litert, ".tflite", "ai_edge_litert.interpreter"), (to_onnx, ".onnx", "tf2onnx")],
)
def test_exporting_without_the_extra_says_what_to_install(
    write, suffix, module, model, monkeypatch, tmp_path
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'not installed: pip install "signalcam\[export\]"'):
        write(model, tmp_path / f"model{suffix}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_differs_from_keras_is_refused_and_not_written(files, signals, tmp_path, monkeypatch):
    other = small(signals, seed=1)
    with pytest.raises(ExportError, match=r"float32 file differs from Keras by [\d.e-]+ in the probability"):
        check_export(other, files["float32"][0], signals)
    monkeypatch.setattr(export, "litert_bytes", lambda *_: files["float32"][0].read_bytes())
    (tmp_path / "model.tflite").write_bytes(b"what was there before")
    with pytest.raises(ExportError, match="allowed are 1e-05"):
        to_litert(other, tmp_path / "model.tflite")
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
    assert (tmp_path / "model.tflite").read_bytes() == b"what was there before"


def test_int8_that_loses_auc_is_refused(model, files, signals, labels, monkeypatch):
    monkeypatch.setattr(export, "AUC_TOLERANCE", -1)
    with pytest.raises(
        ExportError, match=r"int8 file has an AUC of .* for ABNORMAL, Keras 1\.000.*Calibrate"
    ):
        check_export(model, files["int8"][0], signals, labels)


def test_labels_of_one_value_give_no_auc_and_of_another_number_are_refused(model, files, signals):
    assert check_export(model, files["onnx"][0], signals, np.ones(12))["auc"] == {}
    with pytest.raises(ValueError, match=r"labels must have the shape \(12, 1\).*got \(5, 1\)"):
        check_export(model, files["onnx"][0], signals, np.ones(5))


def test_without_records_the_check_uses_simulated_ones_and_says_so(model, files):
    check = files["onnx"][1]
    assert check["records"] == f"{export.N_SIMULATED} simulated"
    assert files["int8"][1]["records"] == "12 given"


def test_what_cannot_be_exported_is_said_before_anything_is_converted(model, signals, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.tflite, got 'model\.onnx'"):
        to_litert(model, tmp_path / "model.onnx")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        to_onnx(model, tmp_path / "nowhere" / "model.onnx")
    with pytest.raises(ValueError, match="one of float32, float16, int8, got 'int4'"):
        to_litert(model, tmp_path / "model.tflite", "int4")
    with pytest.raises(ValueError, match="calibration must be given for int8"):
        to_litert(model, tmp_path / "model.tflite", "int8")
    with pytest.raises(ValueError, match="(?i)record 2, lead V2"):
        to_litert(model, tmp_path / "model.tflite", "int8", calibration=not_finite(signals))
    with pytest.raises(ValueError, match="carries no settings"):
        to_litert(model.get_layer("network"), tmp_path / "model.tflite")


def test_command_exports_and_checks_on_the_test_fold(
    model, files, simulated_folder, tmp_path, capsys, monkeypatch
):
    from signalcam.__main__ import main

    # The conversion itself is what `files` is made by.
    monkeypatch.setattr(export, "litert_bytes", lambda *_: files["float32"][0].read_bytes())
    save_model(model, tmp_path / "model.keras")
    words = ["export", str(tmp_path / "model.keras"), "--output", str(tmp_path / "model.tflite")]
    assert main([*words, "--precision", "int8"]) == 1
    assert "--calibration" in capsys.readouterr().err
    assert main([*words, "--precision", "int8", "--format", "onnx"]) == 1
    assert "float32" in capsys.readouterr().err
    assert main([*words, "--calibration", str(simulated_folder)]) == 0
    assert "AUC of ABNORMAL" in capsys.readouterr().out
    assert (tmp_path / "model.tflite").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
@pytest.mark.parametrize("rule", ["standard", "record"])
def test_full_size_models_of_five_classes_export_too(architecture, rule, signals, tmp_path):
    settings = Settings(class_names=("NORM", "MI", "STTC", "CD", "HYP"), threshold=(0.5,) * 5)
    model = build(signals, architecture, rule, settings)
    checks = [
        to_litert(model, tmp_path / "model.tflite"),
        to_litert(model, tmp_path / "float16.tflite", "float16"),
        to_onnx(model, tmp_path / "model.onnx", signals),
    ]
    if architecture != "leadwise":  # whose random weights give evidence too large for 256 steps
        checks.append(to_litert(model, tmp_path / "int8.tflite", "int8", signals))
    for check in checks:
        assert check["probability"] <= export.TOLERANCES[check["precision"]][0]


@pytest.mark.slow
def test_int8_keeps_the_auc_on_real_records(real_dataset, tmp_path):
    from signalcam.data.labels import binary_labels, superclasses, training_targets
    from signalcam.data.signals import load_signals
    from signalcam.data.splits import split_by_fold
    from signalcam.training.recipes import find_recipe
    from signalcam.training.train_recipe import train_recipe

    superclass = superclasses(real_dataset.table, real_dataset.statements)
    labels = binary_labels(superclass, "labelled", quiet=True)
    splits = split_by_fold(real_dataset.table.loc[labels.index])
    signals = load_signals(real_dataset, labels.index, progress=False)
    targets = training_targets(real_dataset.table, real_dataset.statements, labels)
    model = deploy(train_recipe(find_recipe("single", epochs=4), signals, targets, splits, verbose=False))
    train, test = (labels.index.get_indexer(splits[name]) for name in ("train", "test"))
    check = to_litert(
        model, tmp_path / "model.tflite", "int8", signals[train[::7]], signals[test], labels.to_numpy()[test]
    )
    keras_auc, file_auc = check["auc"]["ABNORMAL"]
    assert keras_auc > 0.75
    assert abs(keras_auc - file_auc) <= 0.02
