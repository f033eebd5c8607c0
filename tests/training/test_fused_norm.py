"""The fused BatchNorm is Keras's own, only faster."""

from functools import partial

import keras
import numpy as np
import pytest
from keras import layers
from precision import built_in

from signalcam.model import build_model
from signalcam.training.fused_norm import with_fused_norm
from signalcam.training.networks import build_leadwise


@pytest.mark.parametrize("build", [build_model, partial(build_leadwise, between_dropout=0.0)])
def test_outputs_gradients_and_running_statistics_are_those_of_keras(build):
    network = build(64, 12, 3)
    rng = np.random.default_rng(0)
    x = rng.normal(1, 2, (6, 64, 12)).astype(np.float32)
    y = rng.integers(0, 2, (6, 3)).astype(np.float32)
    start = [rng.uniform(0.5, 1.5, w.shape).astype(np.float32) / 4 for w in network.weights]
    after = []
    for model in (network, with_fused_norm(network)):
        network.set_weights(start)
        model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy")
        keras.utils.set_random_seed(1)
        loss = model.train_on_batch(x, y)
        after.append([np.asarray(loss).ravel()[0], *network.get_weights()])
    for expected, found in zip(*after, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_both_models_have_the_same_variables_and_predict_alike():
    network = build_model(64)
    fused = with_fused_norm(network)
    assert {id(w) for w in fused.weights} == {id(w) for w in network.weights}
    x = np.random.default_rng(0).normal(size=(3, 64, 12)).astype(np.float32)
    np.testing.assert_array_equal(fused(x, training=False), network(x, training=False))


def test_statistics_stay_in_float32_where_the_convolutions_are_in_bfloat16():
    with built_in("mixed_bfloat16"):
        network = build_model(64)
    fused = with_fused_norm(network)
    x = np.random.default_rng(0).normal(size=(4, 64, 12)).astype(np.float32)
    outputs = fused(x, training=True)
    norms = [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]
    assert outputs.dtype == "float32"
    assert all(w.dtype == "float32" for norm in norms for w in norm.weights)
    assert np.abs(norms[0].moving_mean).max() > 0


def test_a_frozen_norm_keeps_to_its_running_statistics():
    network = build_model(64)
    for layer in network.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    before = [norm.get_weights() for norm in network.layers if isinstance(norm, layers.BatchNormalization)]
    x = np.random.default_rng(0).normal(3, 1, (4, 64, 12)).astype(np.float32)
    np.testing.assert_allclose(
        with_fused_norm(network)(x, training=True), network(x, training=False), rtol=1e-5
    )
    after = [norm.get_weights() for norm in network.layers if isinstance(norm, layers.BatchNormalization)]
    np.testing.assert_equal(after, before)


def test_a_norm_without_scale_stays_kerass_own():
    signals = keras.Input((8, 2))
    model = keras.Model(signals, layers.BatchNormalization(scale=False, name="plain")(signals))
    assert with_fused_norm(model).get_layer("plain") is model.get_layer("plain")
