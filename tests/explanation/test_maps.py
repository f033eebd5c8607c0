"""Identities of the maps: CAM, gradients, Grad-CAM, and the interface that all methods share."""

import numpy as np
import pytest
from explanation_models import noise, small_model

from signalcam.explanation.cam import (
    cam,
    cell_evidence,
    upsample,
)
from signalcam.explanation.gradients import gradient_x_input, input_gradient, integrated_gradients
from signalcam.explanation.methods import METHODS, explain, explain_leads
from signalcam.explanation.network import Network, logit_function


@pytest.fixture(scope="module")
def model():
    return Network(small_model())


@pytest.fixture(scope="module")
def signals():
    return noise(5)


@pytest.fixture(scope="module")
def logit(model, signals):
    return logit_function(model)(signals)


def test_cam_averages_to_the_logit_in_cells_and_in_samples(model, signals, logit):
    cells = cell_evidence(model, signals)
    assert cells.shape == (5, 125)
    assert cells.dtype == np.float32
    np.testing.assert_allclose(cells.mean(axis=1), logit, rtol=0, atol=1e-5)
    np.testing.assert_allclose(cam(model, signals).mean(axis=1), logit, rtol=0, atol=1e-5)


def test_cam_of_each_class_averages_to_its_own_logit(signals):
    model = Network(small_model(n_classes=3))
    logits = model.submodel(model.outputs()["logit"])(signals, training=False).numpy()
    for index in (0, 2):
        np.testing.assert_allclose(
            cam(model, signals, index).mean(axis=1), logits[:, index], rtol=0, atol=1e-5
        )


def test_upsampling_of_hand_worked_cells_is_linear_between_centres():
    spread = upsample([[0.0, 8.0, 0.0]], 12)[0]
    np.testing.assert_allclose(spread, [0, 0, 1, 3, 5, 7, 7, 5, 3, 1, 0, 0])
    np.testing.assert_allclose(upsample([[2.0]], 8), np.full((1, 8), 2.0))


def test_a_scaled_cam_is_the_heatmap_of_the_model(model, signals):
    from signalcam.model import add_cam

    heatmap = add_cam(model.model).predict(signals, verbose=0)["heatmap"][..., 0]
    found = cam(model, signals)
    lowest, highest = found.min(axis=1, keepdims=True), found.max(axis=1, keepdims=True)
    np.testing.assert_allclose((found - lowest) / (highest - lowest), heatmap, atol=1e-5)


def test_paper_variant_misses_the_logit(model, signals, logit):
    cells = cell_evidence(model, signals, features="convolution")
    assert np.abs(cells.mean(axis=1) - logit).min() > 1e-3


def test_input_gradient_predicts_a_small_step(model, signals, logit):
    direction = noise(5, seed=1, scale=3e-3)
    stepped = logit_function(model)(signals + direction)
    predicted = (input_gradient(model, signals) * direction).sum(axis=(1, 2))
    np.testing.assert_allclose(stepped - logit, predicted, rtol=0.02, atol=3e-5)


def test_integrated_gradients_sum_to_the_difference_of_logits(model, signals, logit):
    relevance = integrated_gradients(model, signals, n_steps=128)
    gap = relevance.sum(axis=(1, 2)) - (logit - logit_function(model)(np.zeros_like(signals)))
    assert np.abs(gap).max() < 0.02 * np.abs(logit).max()


def test_integrated_gradients_of_the_baseline_itself_are_zero(model, signals):
    np.testing.assert_array_equal(integrated_gradients(model, np.zeros_like(signals[:1]), n_steps=2), 0)


def test_shift_by_one_cell_shifts_the_cam_by_one_cell_away_from_the_edges(model):
    signals = noise(3)
    cells = cell_evidence(model, signals)
    shifted = cell_evidence(model, np.roll(signals, 8, axis=1))
    edge = 8  # cells within reach of the ends: 1.02 s seen by a cell, 80 ms a step
    np.testing.assert_allclose(shifted[:, edge + 1 : -edge], cells[:, edge : -edge - 1], atol=1e-5)
    assert np.abs(shifted - cells).max() > 0.01


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains_alike_in_any_batch_and_leaves_signals_alone(name, model, signals, monkeypatch):
    given = signals.copy()
    options = {"n_steps": 4} if name == "integrated_gradients" else {}
    whole = explain(name, model, signals, **options)
    assert whole.shape == (5, 1000)
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    monkeypatch.setattr("signalcam.explanation.network.BATCH", 2)
    np.testing.assert_allclose(explain(name, model, signals, **options), whole, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(signals, given)


def test_methods_with_leads_sum_to_the_time_map(model, signals):
    by_lead = explain_leads("gradient_x_input", model, signals)
    np.testing.assert_allclose(by_lead, gradient_x_input(model, signals))
    np.testing.assert_allclose(by_lead.sum(axis=2), explain("gradient_x_input", model, signals), atol=1e-6)


def test_lead_map_of_a_method_without_leads_is_refused(model, signals):
    with pytest.raises(ValueError, match="lead axis, one of cam, .*got 'grad_cam'"):
        explain_leads("grad_cam", model, signals)


def test_unknown_method_is_answered_with_the_names_there_are(model, signals):
    with pytest.raises(ValueError, match="must be one of cam, cam_convolution, .*, got 'lime'"):
        explain("lime", model, signals)


@pytest.mark.bad_input(42)
@pytest.mark.parametrize("index", [1, -1, 0.0, "MI"])
def test_class_out_of_range_is_answered_with_the_classes_there_are(model, signals, index):
    with pytest.raises(ValueError, match="class_index must be an integer from 0 to 0"):
        explain("cam", model, signals, class_index=index)


@pytest.mark.bad_input(17)
def test_nan_is_refused_before_the_model_sees_it(model, signals):
    broken = signals.copy()
    broken[3, 10, 2] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in 1 of 5 records, at \[3\]"):
        explain("gradient", model, broken)


@pytest.mark.bad_input(37)
@pytest.mark.parametrize("shape", [(5, 900, 12), (5, 12, 1000), (1000, 12), (0, 1000, 12)])
def test_signals_of_another_shape_are_refused(model, shape):
    with pytest.raises(ValueError, match=r"shape \(record, 1000, 12\).*got"):
        explain("occlusion", model, np.zeros(shape))


@pytest.mark.bad_input(43)
def test_a_dead_model_gives_finite_maps(model, signals):
    dead = Network(small_model(filters=(2, 2, 2, 2)))
    dead.model.set_weights([np.zeros_like(weight) for weight in dead.model.get_weights()])
    for name in ("cam", "gradient"):
        np.testing.assert_array_equal(explain(name, dead, signals[:1]), 0)
