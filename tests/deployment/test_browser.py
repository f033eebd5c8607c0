"""A model for a web page: the page's network, run under node, gives the numbers of Keras."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from page_script import needs_node, packed, run_script
from random_models import random_model

from signalcam.data import load_signals
from signalcam.deployment import PRETRAINED, browser_model, browser_record, load_pretrained, predict
from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.model import build_model, classify
from signalcam.preprocessing import Scaler, detrend
from signalcam.recordings import from_array
from signalcam.training.networks import build_leadwise

ASK = """
const ask = network.network(data.model);
return data.signals.map((text) => {
  const outputs = ask(floats(text));
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, [...data]]));
});
"""


def answers(model, signals):
    """What the page answers, as a dict of arrays of the shapes that Keras gives."""
    model = json.loads(json.dumps(browser_model(model)))
    found = run_script(ASK, model=model, signals=[packed(each) for each in signals])
    return {name: np.array([each[name] for each in found]) for name in found[0]}


def assert_parity(model, signals, tolerance):
    expected = predict(model, signals)
    for name, values in answers(model, signals).items():
        np.testing.assert_allclose(values.reshape(expected[name].shape), expected[name], atol=tolerance)


def shaken(network, seed=0):
    """Give every weight a random value, those of BatchNorm as after a training."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        size = 0.5 / np.sqrt(np.prod(weight.shape[:-1]) or 1)
        values = rng.normal(scale=size, size=weight.shape)
        weight.assign(np.abs(values) + 0.5 if weight.name in ("gamma", "moving_variance") else values)
    return network


def deployed(network, signals, rule="standard", n_classes=1, **settings):
    names = tuple(f"C{k}" for k in range(n_classes))
    settings = Settings(class_names=names, threshold=(0.5,) * n_classes, n_times=signals.shape[1], **settings)
    return build_deployable(network, Scaler(rule).fit(detrend(signals)), settings)


@pytest.fixture(scope="module")
def signals(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)[:4]


@needs_node
@pytest.mark.parametrize("rule", ["record", "record_standard_asinh", "standard_asinh"])
def test_page_gives_the_numbers_of_keras_for_each_scaling_with_flat_leads_too(signals, rule):
    signals = signals.copy()
    signals[0, :, 3] = 0.25
    network = shaken(build_model(n_classes=3, exclusive=True, filters=(4, 6), kernel_sizes=(5, 4)))
    with pytest.warns(UserWarning, match="flat"):
        assert_parity(deployed(network, signals, rule, n_classes=3), signals, 1e-5)


@needs_node
def test_page_gives_the_numbers_of_keras_for_every_layer_that_it_runs(signals):
    inputs = keras.Input((999, 12))
    x = layers.Reshape((999, 12, 1))(inputs)
    x = layers.Conv2D(3, (7, 1), strides=(2, 1), padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.LeakyReLU(negative_slope=0.2)(x)
    x = layers.DepthwiseConv2D((5, 1), padding="same", depth_multiplier=2, activation="relu")(x)
    x = layers.SeparableConv2D(4, (3, 3), padding="valid")(x)
    x = layers.BatchNormalization()(x)
    x = layers.MaxPooling2D((3, 1), padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Reshape((-1, 40))(x)
    y = layers.SeparableConv1D(6, 3, padding="same", dilation_rate=2)(layers.Dropout(0.5)(x))
    z = layers.DepthwiseConv1D(4, padding="same")(x)
    z = layers.Add()([x, layers.Activation("sigmoid")(z)])
    x = layers.MaxPooling1D(2)(layers.Concatenate()([y, z]))
    x = layers.Conv1D(5, 4, dilation_rate=3)(layers.Dense(7, activation="relu")(x))
    network = shaken(classify(inputs, x, n_classes=3))
    assert_parity(deployed(network, signals[:, :999], n_classes=3), signals[:, :999], 1e-5)


@needs_node
@pytest.mark.slow
def test_page_gives_the_numbers_of_keras_on_fifty_real_records(real_dataset):
    ids = real_dataset.table.index[:: len(real_dataset.table) // 50][:50]
    signals = load_signals(real_dataset, ids, cache=False, progress=False)
    for name in PRETRAINED:
        assert_parity(load_pretrained(name), signals, 1e-4)


@needs_node
def test_page_gives_the_evidence_of_each_lead(signals):
    network = shaken(build_leadwise(filters=(2, 3), kernel_sizes=(5, 3), n_classes=3))
    model = deployed(network, signals, n_classes=3)
    assert_parity(model, signals, 1e-5)
    assert "lead_evidence" in answers(model, signals[:1])


@needs_node
def test_page_knows_how_far_a_position_sees(signals):
    model = browser_model(deployed(build_model(), signals))
    assert run_script("return network.fieldOfView(data.model);", model=model) == 102


def test_batchnorm_leaves_no_step_of_its_own(signals):
    layers_of = [step["layer"] for step in browser_model(deployed(build_model(), signals))["steps"]]
    assert layers_of == ["Conv1D", "LeakyReLU", "MaxPooling1D"] * 3 + [
        "Conv1D", "LeakyReLU", "GlobalAveragePooling1D", "Dense", "Activation", "Dense",
    ]  # fmt: skip


def test_model_is_json_with_examples_by_the_simulator(signals):
    model = browser_model(random_model(signals, Settings()))
    text = json.dumps(model, allow_nan=False)
    assert len(text) < 200_000
    assert [each["name"] for each in model["examples"]][0] == "simulated, no lesion"
    assert model["limits"]["FLAT_RANGE"] == 0.01


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.GRU(4, return_sequences=True, name="memory"), "layers must be among .* got 'memory', a GRU"),
        (layers.Conv1D(4, 3, groups=2, name="halves"), "groups of layer 'halves' must be 1 in a page, got 2"),
        (layers.Conv1D(4, 3, padding="causal", name="past"), "padding of layer 'past' .* got 'causal'"),
        (layers.Dense(4, activation="tanh", name="bent"), "activation of layer 'bent' .* got 'tanh'"),
    ],
)
def test_what_a_page_cannot_run_is_refused_by_name(signals, layer, message):
    inputs = keras.Input((1000, 12))
    model = deployed(classify(inputs, layer(inputs)), signals)
    with pytest.raises(ValueError, match=message):
        browser_model(model)


def test_a_layer_of_ones_own_is_refused_even_where_it_has_a_known_name(signals):
    class Dense(layers.Dense):
        pass

    inputs = keras.Input((1000, 12))
    with pytest.raises(ValueError, match="a Dense. Use the .keras file"):
        browser_model(deployed(classify(inputs, Dense(4)(inputs)), signals))


@needs_node
def test_record_keeps_its_samples_to_the_bit_in_two_bytes_where_they_are_whole_microvolts(rng):
    steps = rng.integers(-3000, 3000, (1000, 12)).astype(np.float32)
    for signals, kind in ((steps / np.float32(1000), "<i2"), (steps / np.float32(1024), "<f4")):
        with pytest.warns(UserWarning, match="limb leads"):
            record = browser_record(from_array(signals, name="r")[0])
        assert (record["type"], record["name"]) == (kind, "r")
        read = {"<i2": "Array.from(new Int16Array(bytesOf(data.signals).buffer), (step) => step / 1000)"}
        code = f"return {read.get(kind, '[...floats(data.signals)]')};"
        found = run_script(code, signals=record["signals"])
        np.testing.assert_array_equal(np.float32(found).reshape(signals.shape), signals)
