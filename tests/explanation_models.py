"""Small models for the tests of explanations: one with random weights, one that looks at a known place."""

import keras
import numpy as np
from keras import layers

from signalcam.model import build_model, classify

SECOND, LEAD = slice(400, 500), 7


def small_model(n_classes=1, seed=0, **settings):
    """Random weights everywhere, BatchNorm statistics included; shaped as `build_model`, narrower."""
    model = build_model(n_classes=n_classes, **({"filters": (4, 4, 6, 8)} | settings))
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        drawn = [rng.normal(0, 1 / np.sqrt(max(w[..., 0].size, 1)), w.shape) for w in layer.get_weights()]
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = drawn
            spread = rng.uniform(0.5, 2, variance.shape)
            drawn = [1 + 0.3 * gamma, 0.3 * beta, 0.3 * mean, spread]
        layer.set_weights(drawn)
    return model


@keras.saving.register_keras_serializable(package="signalcam_tests")
class Gate(layers.Layer):
    """Let one second of one lead through and nothing else."""

    def call(self, signals):
        gate = np.zeros((1, *signals.shape[1:]), dtype=np.float32)
        gate[:, SECOND, LEAD] = 1
        return signals * gate


def gated_model():
    """The logit is the mean over cells of the largest sample of lead LEAD in a cell, during SECOND only."""
    signals = keras.Input((1000, 12))
    x = Gate()(signals)
    for block in range(1, 5):
        x = layers.Conv1D(1, 1, name=f"conv_{block}")(x)
        x = layers.BatchNormalization(name=f"norm_{block}", epsilon=0.0)(x)
        x = layers.LeakyReLU(negative_slope=0.1, name=f"activation_{block}")(x)
        if block < 4:
            x = layers.MaxPooling1D(2, name=f"pool_{block}")(x)
    model = classify(signals, x)
    for layer in model.layers:
        if layer.name.startswith(("conv", "classifier")):
            layer.set_weights([np.ones_like(layer.kernel), np.zeros_like(layer.bias)])
    return model


def noise(n_records=8, seed=0, scale=1.0):
    """Scaled signals without meaning, float32 (record, 1000, 12)."""
    return (scale * np.random.default_rng(seed).normal(size=(n_records, 1000, 12))).astype(np.float32)
