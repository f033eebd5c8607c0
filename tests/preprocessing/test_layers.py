"""Detrending and scaling as layers: the numbers of the NumPy functions, in Keras, LiteRT and ONNX."""

import keras
import numpy as np
import pytest
from precision import built_in

from signalcam.preprocessing import SCALINGS, Scaler, detrend
from signalcam.preprocessing.layers import Detrend, Scale


@pytest.fixture(scope="module")
def signals():
    """(7, 1000, 12) float32 in mV: random walks with offsets; lead III is flat in one record, V6 in all."""
    rng = np.random.default_rng(1)
    walks = rng.normal(scale=0.01, size=(7, 1000, 12)).cumsum(axis=1) + rng.normal(size=(7, 1, 12))
    walks[2, :, 2] = 0.3
    walks[:, :, 11] = -1.7
    return walks.astype(np.float32)


@pytest.fixture(scope="module")
def cases(signals):
    """Per name: a layer, its input, and what NumPy makes of it."""
    detrended = detrend(signals)
    found = {
        "detrend": (Detrend(), signals, detrended),
        "detrend_3": (Detrend(3), signals, detrend(signals, 3)),
    }
    for rule in SCALINGS:
        scaler = Scaler(rule).fit(detrended)
        found[rule] = (Scale(**scaler.get_state(), name=rule), detrended, scaler.transform(detrended))
    return found


NAMES = ("detrend", "detrend_3", *SCALINGS)


@pytest.mark.parametrize("name", NAMES)
def test_layer_gives_the_numbers_of_numpy(cases, name):
    layer, given, expected = cases[name]
    before = given.copy()
    result = keras.ops.convert_to_numpy(layer(given))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("name", NAMES)
def test_layer_survives_its_config_and_has_no_weights(cases, name):
    layer, given, _ = cases[name]
    again = type(layer).from_config(layer.get_config())
    np.testing.assert_array_equal(again(given), layer(given))
    assert again.get_config() == layer.get_config()
    assert again.weights == []
    assert layer.compute_output_shape((None, 1000, 12)) == (None, 1000, 12)


def test_model_of_all_layers_survives_its_file_for_any_batch_size(cases, signals, tmp_path):
    model = all_in_one(cases)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for batch in (signals, signals[:1]):
        for name, result in again.predict(batch, verbose=0).items():
            expected = through_numpy(name, cases, batch)
            np.testing.assert_allclose(result, expected, rtol=0, atol=4e-5)


def test_litert_gives_the_same_with_builtin_operations_only(cases, signals, tmp_path):
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    all_in_one(cases).export(tmp_path / "model.tflite", format="litert", verbose=False)
    interpreter = interpreter_module.Interpreter(str(tmp_path / "model.tflite"))
    operations = {step["op_name"] for step in interpreter._get_ops_details()}
    assert not [name for name in operations if name.startswith(("Flex", "CUSTOM"))]
    runner = interpreter.get_signature_runner()
    (given,) = runner.get_input_details()
    for name, result in runner(**{given: signals}).items():
        np.testing.assert_allclose(result, through_numpy(name, cases, signals), rtol=0, atol=4e-5)


def test_onnx_gives_the_same(cases, signals, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    all_in_one(cases).export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, {session.get_inputs()[0].name: signals})
    for name, result in zip(names, results, strict=True):
        np.testing.assert_allclose(result, through_numpy(name, cases, signals), rtol=0, atol=4e-5)


def all_in_one(cases):
    """Raw mV in; what each scaling makes of the detrended signals out."""
    raw = keras.Input((1000, 12))
    detrended = Detrend()(raw)
    model = keras.Model(raw, {rule: cases[rule][0](detrended) for rule in SCALINGS})
    model(np.zeros((1, 1000, 12), np.float32))  # Keras exports no model that was never called
    return model


def through_numpy(rule, cases, signals):
    state = {key: cases[rule][0].get_config()[key] for key in ("rule", "mean", "std")}
    return Scaler(**state).transform(detrend(signals))


@pytest.mark.parametrize("n_times", [999, 1000])
def test_median_of_odd_and_even_lengths_is_exact(signals, n_times):
    given = detrend(signals[:, :n_times])
    np.testing.assert_allclose(Scale("record")(given), Scaler("record").transform(given), rtol=0, atol=1e-7)


@pytest.mark.parametrize("n_times", [1000, 999, 998, 997])
def test_scaling_several_samples_side_by_side_changes_no_bit(signals, n_times):
    scaler = Scaler("standard").fit(detrend(signals))
    factor = np.where(scaler.std > 1e-5, 1 / np.maximum(scaler.std, 1e-5), 0).astype(np.float32)
    given = signals[:, :n_times]
    expected = (given - scaler.mean.astype(np.float32)) * factor
    np.testing.assert_array_equal(Scale(**scaler.get_state())(given), expected)


@pytest.mark.parametrize("rule", ["standard", "record_standard_asinh"])
def test_scaling_takes_signals_of_unknown_length(cases, rule):
    layer, given, expected = cases[rule]
    any_length = keras.Input((None, 12))
    model = keras.Model(any_length, layer(any_length))
    np.testing.assert_allclose(model(given), expected, rtol=0, atol=1e-5)


def test_large_offsets_do_not_drown_the_ecg(signals):
    given = (signals.astype(np.float64) + 256).astype(np.float32)
    np.testing.assert_allclose(Detrend()(given), detrend(given), rtol=0, atol=1e-5)


@pytest.mark.bad_input(19)
def test_flat_lead_gives_zeros_whatever_its_level(signals):
    given = signals.copy()
    given[:, :, 11] = np.linspace(-300, 300, 7)[:, None]
    for rule in ("record", "record_standard"):
        scaled = keras.ops.convert_to_numpy(Scale(rule)(Detrend()(given)))
        np.testing.assert_array_equal(scaled[:, :, 11], 0)
        assert np.isfinite(scaled).all()


def test_layers_compute_in_float32_in_a_model_of_half_precision(signals):
    with built_in("mixed_float16"):
        layers = Detrend(), Scale("record")
    result = layers[1](layers[0](signals))
    np.testing.assert_allclose(result, Scaler("record").transform(detrend(signals)), rtol=0, atol=1e-5)


def test_signals_of_unknown_length_are_refused():
    with pytest.raises(ValueError, match=r"signals must have a fixed length, got \(None, None, 12\)"):
        Detrend()(keras.Input((None, 12)))


def test_too_short_signals_are_refused():
    with pytest.raises(ValueError, match="longer than 10 samples for degree 10, got 8"):
        Detrend()(keras.Input((8, 12)))


@pytest.mark.bad_input(29)
@pytest.mark.parametrize("make", [Detrend, lambda: Scale("record")])
def test_a_record_without_batch_axis_is_refused(make, signals):
    with pytest.raises(ValueError, match=r"must have the shape \(record, time, lead\), got \(1000, 12\)"):
        make()(signals[0])


@pytest.mark.bad_input(24)
def test_other_number_of_leads_is_refused():
    with pytest.raises(ValueError, match="the 12 leads of mean and std, got 8"):
        Scale("standard", [0.0] * 12, [1.0] * 12)(keras.Input((1000, 8)))


def test_scaler_that_was_not_fitted_makes_no_layer():
    with pytest.raises(RuntimeError, match="rule 'standard' is not fitted"):
        Scale(**Scaler("standard").get_state())
    with pytest.raises(ValueError, match="rule must be one of .*, got 'max'"):
        Scale("max")


@pytest.mark.parametrize("rule", ["record", "record_standard"])
def test_a_lead_is_flat_up_to_a_hundredth_of_a_step_of_the_converter(rule):
    lead = np.where(np.arange(1000) % 2, 1.0, -1.0).astype(np.float32)[:, np.newaxis]
    for size, scaled in ((0.99e-5, 0), (1.01e-5, 1)):
        signals = (size * lead)[np.newaxis]
        for found in (Scaler(rule).transform(signals), Scale(rule)(signals)):
            np.testing.assert_allclose(found, scaled * lead[np.newaxis], atol=1e-4)


@pytest.mark.parametrize("rule", ["standard", "standard_asinh"])
def test_a_lead_that_was_flat_in_training_gives_zeros(rule):
    signals = np.ones((1, 10, 2), np.float32)
    scaler = Scaler(rule, [0, 0], [0.99e-5, 1.01e-5])
    for found in (scaler.transform(signals), np.asarray(Scale(**scaler.get_state())(signals))):
        assert (found[..., 0] == 0).all()
        assert (found[..., 1] > 10).all()


@pytest.mark.parametrize("make", [Detrend, lambda **options: Scale("record", **options)])
def test_layers_are_of_float32_unless_asked_for_another_precision(make):
    assert make().compute_dtype == "float32"
    assert make(dtype=None).compute_dtype == "float32"
    assert make(dtype="float64").compute_dtype == "float64"
    assert make(name="first").name == "first"


def test_a_layer_names_itself_where_it_refuses_signals(signals):
    with pytest.raises(ValueError, match=r"Layer 'mine': signals must have the shape .*signals\[None\]"):
        Detrend(name="mine")(signals[0])


@pytest.mark.parametrize("rule", SCALINGS)
def test_small_differences_are_scaled_exactly_and_signs_kept(rule):
    # Two samples of one lead, symmetric about their centre: plus and minus one, whatever their size.
    state = {"mean": [0.0], "std": [3e-5]} if rule.startswith("standard") else {}
    expected = np.arcsinh(1) if rule.endswith("asinh") else 1
    scaled = np.asarray(Scale(rule, **state)(np.array([[[3e-5], [-3e-5]]], np.float32)))
    np.testing.assert_allclose(scaled[0, :, 0], [expected, -expected], rtol=1e-4)
