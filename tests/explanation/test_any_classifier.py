"""Any Keras classifier of signals can be explained, whatever its head; only the exact CAM asks for more."""

import keras
import numpy as np
import pytest
from explanation_models import gated_model, noise, small_model
from keras import layers

from signalcam.explanation.cam import cell_evidence
from signalcam.explanation.gradients import grad_cam, guided_grad_cam, integrated_gradients
from signalcam.explanation.methods import METHODS, explain, explain_leads
from signalcam.explanation.network import Network, logit_function

N_TIMES, N_LEADS = 48, 3
ANYWHERE = sorted(set(METHODS) - {"cam", "cam_convolution", "cam_x_leads"})


def flatten_model():
    """Sequential, Flatten, a hidden layer, the sigmoid within the last Dense."""
    return keras.Sequential([
        keras.Input((N_TIMES, N_LEADS)),
        layers.Conv1D(4, 5, activation="relu", name="conv"),
        layers.MaxPooling1D(2),
        layers.Flatten(),
        layers.Dense(5, activation="tanh"),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip


def lstm_model():
    """Functional, an LSTM behind a convolution, a softmax of its own."""
    signals = keras.Input((N_TIMES, N_LEADS))
    x = layers.Conv1D(4, 5, padding="same", name="conv")(signals)
    x = layers.ReLU(name="rectified")(layers.BatchNormalization()(x))
    x = layers.Dense(3)(layers.LSTM(4)(layers.MaxPooling1D(2)(x)))
    return keras.Model(signals, layers.Softmax()(x))


def hidden_dense_model():
    """Average pooling, then a hidden layer; two convolutions joined by a sum; logits, not probabilities."""
    signals = keras.Input((N_TIMES, N_LEADS))
    x = layers.Conv1D(4, 3, padding="same", activation="relu", name="first")(signals)
    x = layers.Add(name="sum")([x, layers.Conv1D(4, 3, padding="same", name="second")(x)])
    x = layers.Dense(6, activation="relu")(layers.GlobalAveragePooling1D()(x))
    return keras.Model(signals, layers.Dense(2)(x))


MODELS = {"flatten": flatten_model, "lstm": lstm_model, "hidden dense": hidden_dense_model}


@pytest.fixture(scope="module", params=MODELS)
def network(request):
    keras.utils.set_random_seed(1)
    return Network(MODELS[request.param]())


@pytest.fixture(scope="module")
def signals():
    return noise(3)[:, :N_TIMES, :N_LEADS]


def options_of(name):
    return {"occlusion": {"window": 12, "stride": 6}, "integrated_gradients": {"n_steps": 8}}.get(name, {})


@pytest.mark.parametrize("name", ANYWHERE)
def test_every_method_but_the_cam_explains_any_head(name, network, signals):
    found = explain(name, network, signals, **options_of(name))
    assert found.shape == (3, N_TIMES)
    assert np.isfinite(found).all()
    assert np.ptp(found, axis=1).min() > 0


def test_the_logit_is_what_enters_the_last_sigmoid_or_softmax(network, signals):
    probability = network.model.predict(signals, verbose=0)
    logit = np.stack([logit_function(network, k)(signals) for k in range(network.n_classes)], axis=1)
    if network.n_classes == 1:
        expected = 1 / (1 + np.exp(-logit))
    elif network.n_classes == 3:
        expected = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    else:
        expected = logit
    np.testing.assert_allclose(probability, expected, atol=1e-6)


def test_integrated_gradients_are_complete(network, signals):
    to_logit = logit_function(network)
    difference = to_logit(signals) - to_logit(np.zeros_like(signals))
    found = integrated_gradients(network, signals, n_steps=256).sum(axis=(1, 2))
    np.testing.assert_allclose(found, difference, atol=2e-3)


def test_weights_that_change_later_change_the_maps(signals):
    network = Network(flatten_model())
    before = explain("gradient_x_input", network, signals)
    kernel = network.model.layers[-1].kernel
    kernel.assign(kernel * 2)
    np.testing.assert_allclose(explain("gradient_x_input", network, signals), 2 * before, rtol=1e-4)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize("name", ["cam", "cam_convolution", "cam_x_leads"])
def test_the_exact_cam_says_which_head_it_needs(name, network, signals):
    with pytest.raises(ValueError, match="A CAM needs GlobalAveragePooling1D before the Dense layer"):
        explain(name, network, signals)


def test_maps_of_a_linear_network_are_those_worked_by_hand():
    model = keras.Sequential([keras.Input((4, 2)), layers.Flatten(), layers.Dense(1, activation="sigmoid")])
    weights = np.array([[1, -2], [0, 3], [5, 0], [-1, 1]], np.float32)
    model.layers[-1].set_weights([weights.reshape(8, 1), np.array([7.0])])
    x = np.array([[[2, 1], [4, -1], [1, 3], [3, 3]]], np.float32)
    expected = weights * x
    for name in ("gradient_x_input", "integrated_gradients"):
        np.testing.assert_allclose(explain_leads(name, model, x), expected, atol=1e-5)
    np.testing.assert_allclose(explain_leads("gradient", model, x)[0], np.abs(weights))
    by_sample = explain_leads("occlusion", model, x, window=1, stride=1, replacement="zero")
    np.testing.assert_allclose(by_sample, expected, atol=1e-5)
    np.testing.assert_allclose(
        explain("occlusion", model, x, window=1, stride=1, replacement="zero"),
        expected.sum(axis=2),
        atol=1e-5,
    )


class TestGradCam:
    def test_equals_the_exact_cam_up_to_scale_and_bias_for_the_head_that_has_one(self):
        model, x = Network(small_model()), noise(4)
        bias = model.model.get_layer("classifier").bias.numpy()[0]
        np.testing.assert_allclose(grad_cam(model, x) * 125 + bias, cell_evidence(model, x), atol=1e-5)

    def test_takes_the_last_convolution_with_its_norm_activation_and_sum_by_default(self, signals):
        for build, last, n_cells in (
            (lstm_model, "rectified", N_TIMES),
            (flatten_model, "conv", N_TIMES - 4),
            (hidden_dense_model, "sum", N_TIMES),
        ):
            network = Network(build())
            found = grad_cam(network, signals)
            assert found.shape == (3, n_cells)
            np.testing.assert_array_equal(found, grad_cam(network, signals, layer=last))

    def test_layer_can_be_chosen_and_is_worked_by_hand(self):
        inputs = keras.Input((3, 1))
        maps = layers.Conv1D(2, 1, use_bias=False, name="maps")(inputs)
        model = keras.Model(inputs, layers.Dense(1)(layers.Flatten(name="flat")(maps)))
        model.get_layer("maps").set_weights([np.array([[[1.0, -2.0]]])])
        model.layers[-1].set_weights([np.array([[1.0], [0], [2], [3], [0], [6]]), np.zeros(1)])
        # The gradients of the first map are 1, 2, 0 and of the second 0, 3, 6: means 1 and 3.
        found = grad_cam(model, np.array([[[1.0], [2], [-1]]]), layer="maps")
        np.testing.assert_allclose(found, [[1 - 6, 2 - 12, -1 + 6]], atol=1e-6)
        with pytest.raises(ValueError, match="layer must be one with maps over time, one of .*maps.*'flat'"):
            grad_cam(model, np.zeros((1, 3, 1)), layer="flat")

    def test_model_without_convolution_is_refused_in_words(self):
        model = keras.Sequential([keras.Input((4, 2)), layers.Flatten(), layers.Dense(1)])
        with pytest.raises(ValueError, match="Grad-CAM needs a convolution; .* has none"):
            explain("grad_cam", model, np.zeros((1, 4, 2)))

    @pytest.mark.parametrize("rectifier", ["relu", layers.ReLU, layers.LeakyReLU])
    def test_guided_backpropagation_is_that_worked_by_hand(self, rectifier):
        inputs = keras.Input((2, 1))
        fused = isinstance(rectifier, str)
        x = layers.Conv1D(2, 1, use_bias=False, activation=rectifier if fused else None, name="c")(inputs)
        x = x if fused else rectifier()(x)
        model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
        model.get_layer("c").set_weights([np.array([[[1.0, -1.0]]])])
        model.layers[-1].set_weights([np.array([[2.0], [4], [-3], [1]]), np.zeros(1)])
        x = np.array([[[1.0], [3]]])
        # At both samples only the first filter is above zero; its gradient is 2 at the first, and -3,
        # stopped, at the second.
        cells = np.maximum(grad_cam(model, x), 0)
        np.testing.assert_allclose(guided_grad_cam(model, x)[..., 0], [[2, 0]] * cells, atol=1e-6)

    def test_guided_maps_leave_the_model_and_its_plain_gradient_as_they_are(self):
        model, x = Network(gated_model()), np.abs(noise(2))
        before = explain("gradient", model, x)
        guided_grad_cam(model, x)
        np.testing.assert_array_equal(explain("gradient", Network(model.model), x), before)


class Subclassed(keras.Model):
    def call(self, signals):
        return signals[:, 0, :1]


def test_models_that_no_graph_describes_are_refused_in_words(signals):
    for model in (keras.Sequential([layers.Flatten(), layers.Dense(1)]), Subclassed()):
        with pytest.raises(ValueError, match="model must be a built Sequential or functional model.*got"):
            explain("gradient", model, signals)
    inputs = keras.Input((N_TIMES, N_LEADS))
    with pytest.raises(ValueError, match=r"model must map \(record, time, lead\) to \(record, class\)"):
        Network(keras.Model(inputs, layers.Conv1D(1, 1)(inputs)))
    inner = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(inputs)))
    with pytest.raises(ValueError, match="model must end in a layer, got the model"):
        explain("gradient", keras.Sequential([keras.Input((N_TIMES, N_LEADS)), inner]), signals)


def test_a_network_for_any_length_is_explained_at_the_length_given():
    model = small_model(n_times=None)
    for n_times in (200, 256):
        assert explain("gradient", model, noise(2)[:, :n_times]).shape == (2, n_times)
    with pytest.raises(ValueError, match=r"shape \(record, time, 12\)"):
        explain("gradient", model, np.zeros((2, 200, 3)))


class LeadNetwork(Network):
    """Stands for a network whose CAM has a lead axis: the evidence in known shares, 1 to 13 of 91."""

    SHARES = np.arange(1, 14, dtype=np.float32) / 91

    def outputs(self, features="activation"):
        outputs = super().outputs(features)
        return outputs | {"lead_evidence": outputs["evidence"][:, :, None] * self.SHARES[:, None]}


def test_cam_with_a_lead_axis_sums_to_the_cam_and_one_without_is_refused():
    x, model = noise(3), small_model()
    rows = explain_leads("cam", LeadNetwork(model), x)
    assert rows.shape == (3, 1000, 13)
    over_time = explain("cam", model, x)
    np.testing.assert_allclose(rows.sum(axis=2), over_time, atol=1e-5)
    np.testing.assert_allclose(rows, over_time[..., None] * LeadNetwork.SHARES, atol=1e-6)
    with pytest.raises(ValueError, match="model must have a CAM with a lead axis, got 'ecg_classifier'"):
        explain_leads("cam", model, x)


def test_cam_shared_out_over_the_leads_sums_to_the_cam():
    x, model = noise(3), Network(small_model())
    rows = explain_leads("cam_x_leads", model, x)
    assert rows.shape == (3, 1000, 12)
    np.testing.assert_allclose(rows.sum(axis=2), explain("cam", model, x), atol=1e-5)
