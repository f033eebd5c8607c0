"""The network whose evidence has a lead axis: exact, and nothing leaks between leads."""

import keras
import numpy as np
import pytest
from keras import layers

from signalcam.evaluation.complexity import count_macs
from signalcam.model import add_cam, build_model, cell_length, classify
from signalcam.training.networks import build_leadwise

RNG = np.random.default_rng(0)


def random_network(**settings):
    network = build_leadwise(200, **settings)
    for weight in network.weights:
        weight.assign(
            RNG.uniform(0.2, 1, weight.shape) if "variance" in weight.path else RNG.normal(size=weight.shape)
        )
    return network


@pytest.fixture(scope="module")
def signals():
    return RNG.normal(size=(3, 200, 12)).astype(np.float32)


@pytest.mark.parametrize(("n_classes", "between", "n_rows"), [(1, 32, 13), (5, 8, 13), (5, 0, 12)])
def test_lead_evidence_sums_to_the_evidence_and_its_mean_to_the_logit(signals, n_classes, between, n_rows):
    outputs = add_cam(random_network(n_classes=n_classes, between=between)).predict(signals, verbose=0)
    by_lead, logit = outputs["lead_evidence"], outputs["logit"]
    scale = np.abs(by_lead).max()
    assert by_lead.shape[2] == n_rows
    np.testing.assert_allclose(by_lead.sum(axis=2), outputs["evidence"], atol=1e-5 * scale)
    np.testing.assert_allclose(by_lead.sum(axis=2).mean(axis=1), logit, atol=1e-5 * scale)


def change_when_avl_is_silent(model, signals):
    """How far each row moves, (record, position, row, class)."""
    silent = signals.copy()
    silent[:, :, 4] = 0
    before, after = (model.predict(x, verbose=0)["lead_evidence"] for x in (signals, silent))
    return np.abs(after - before)


def test_a_silenced_lead_changes_its_own_row_alone(signals):
    change = change_when_avl_is_silent(add_cam(random_network(between=0)), signals)
    assert change[:, :, 4].max() > 0.1
    np.testing.assert_array_equal(np.delete(change, 4, axis=2), 0)


def test_what_the_leads_show_together_has_a_row_of_its_own(signals):
    change = change_when_avl_is_silent(add_cam(random_network(between=8)), signals)
    assert (change.max(axis=(0, 1, 3)) > 0.01).nonzero()[0].tolist() == [4, 12]


def test_permuted_leads_with_the_rows_of_the_classifier_permute_the_map(signals):
    network = random_network(between=0)
    order = RNG.permutation(12)
    before = add_cam(network).predict(signals, verbose=0)
    kernel, bias = network.get_layer("classifier").get_weights()
    by_lead = kernel.reshape(12, -1, kernel.shape[1])
    network.get_layer("classifier").set_weights([by_lead[order].reshape(kernel.shape), bias])
    after = add_cam(network).predict(signals[:, :, order], verbose=0)
    np.testing.assert_allclose(
        after["lead_evidence"], before["lead_evidence"][:, :, order], rtol=1e-4, atol=1e-4
    )
    np.testing.assert_allclose(after["logit"], before["logit"], rtol=1e-4, atol=1e-4)


def test_the_bias_is_shared_out_equally_among_the_rows():
    network = build_leadwise(200)
    for weight in network.weights:
        weight.assign(np.zeros(weight.shape))
    network.get_layer("classifier").bias.assign([2.6])
    by_lead = add_cam(network).predict(np.zeros((1, 200, 12)), verbose=0)["lead_evidence"]
    np.testing.assert_allclose(by_lead, 0.2, rtol=1e-5)


def test_the_map_survives_saving(signals, tmp_path):
    model = add_cam(random_network())
    model.save(tmp_path / "leadwise.keras")
    loaded = keras.saving.load_model(tmp_path / "leadwise.keras")
    for name, values in model.predict(signals, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(signals, verbose=0)[name], values)


def test_it_is_smaller_than_the_papers_network_and_within_8_million_products():
    small, papers = (
        sum(weight.numpy().size for weight in model.trainable_weights)
        for model in (build_leadwise(), build_model())
    )
    assert small < papers
    assert count_macs(build_leadwise()).sum() <= 8e6
    assert cell_length(build_leadwise()) == 16


def test_a_network_that_mixes_its_leads_has_no_lead_evidence():
    assert "lead_evidence" not in add_cam(build_model()).output


@pytest.mark.parametrize(
    "maps",
    [
        lambda signals: layers.Reshape((200, 4))(layers.Conv1D(4, 3, padding="same")(signals)),
        lambda signals: layers.TimeDistributed(layers.GlobalAveragePooling1D())(
            layers.Conv2D(4, (3, 1), padding="same")(layers.Reshape((200, 12, 1))(signals))
        ),
    ],
    ids=["maps without leads, reshaped", "the mean over leads"],
)
def test_a_reshape_or_an_axis_of_leads_alone_gives_no_lead_evidence(maps):
    signals = keras.Input((200, 12))
    assert "lead_evidence" not in add_cam(classify(signals, maps(signals))).output


def test_the_papers_variant_takes_the_maps_before_norm_and_activation(signals):
    network = random_network(between=8)
    evidence = add_cam(network, "convolution").predict(signals, verbose=0)["evidence"]
    names = ("conv_4", "conv_between")
    conv, between = keras.Model(network.inputs, [network.get_layer(n).output for n in names]).predict(
        signals, verbose=0
    )
    kernel, bias = network.get_layer("classifier").get_weights()
    maps = np.concatenate([conv.reshape(3, -1, 12 * 32), between], axis=2)
    np.testing.assert_allclose(evidence, maps @ kernel + bias, rtol=1e-4, atol=1e-3)
