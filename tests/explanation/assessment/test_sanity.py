"""Random weights destroy the maps; agreement and stability measures on cases with known answers."""

import numpy as np
import pandas as pd
import pytest
from explanation_models import noise, small_model
from scipy.stats import spearmanr

from signalcam.explanation.assessment import sanity
from signalcam.explanation.assessment.stability import (
    agreement,
    noise_stability,
    rank_correlation,
    shift_stability,
)
from signalcam.explanation.methods import METHODS, MapMaker

STAGES = ["classifier", "conv_4", "conv_3", "conv_2", "conv_1"]


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def signals():
    return noise(6)


@pytest.fixture(scope="module")
def cascade(model, signals):
    before = model.get_weights()
    table = sanity.weight_randomisation(model, signals, MapMaker(("cam", "gradient", "random")), n_draws=2)
    for kept, weight in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(kept, weight)
    return table


def test_stages_go_from_the_output_down_with_norms_beside_their_kernels(model):
    found = sanity.stages(model)
    assert [name for name, _ in found] == STAGES
    assert found[1] == ("conv_4", ["conv_4", "norm_4"])


def test_random_weights_are_those_of_an_untrained_model_and_follow_the_seed(model):
    first, second, third = (sanity.copy_model(model) for _ in range(3))
    for copy, seed in ((first, 1), (second, 1), (third, 2)):
        sanity.randomise(copy, ["conv_4", "norm_4"], seed)
    gamma, beta, mean, variance = first.get_layer("norm_4").get_weights()
    for values, start in ((gamma, 1), (beta, 0), (mean, 0), (variance, 1)):
        np.testing.assert_array_equal(values, start)
    np.testing.assert_array_equal(first.get_layer("conv_4").kernel, second.get_layer("conv_4").kernel)
    assert not np.allclose(first.get_layer("conv_4").kernel, third.get_layer("conv_4").kernel)
    np.testing.assert_array_equal(first.get_layer("conv_1").kernel, model.get_layer("conv_1").kernel)


def test_randomised_weights_destroy_the_maps(cascade):
    mean = cascade.groupby(["method", "stage"])["correlation"].mean()
    for name in ("cam", "gradient"):
        assert mean[name, sanity.ORIGINAL] == pytest.approx(1)
        assert abs(mean[name, "conv_1"]) < 0.3
        assert abs(mean[name, sanity.OTHER_RECORD]) < 0.3


def test_a_map_that_never_asks_the_model_fails_the_check(cascade):
    kept = cascade[(cascade["method"] == "random") & cascade["stage"].isin(STAGES)]
    assert (kept["correlation"] > 0.999).all()


def test_cascade_has_a_row_for_each_method_stage_draw_and_record(cascade):
    assert len(cascade) == 3 * 6 * (2 + 5 * 2)
    assert list(cascade.columns) == ["method", "stage", "draw", "record", "correlation"]


def test_rank_correlation_equals_scipy_and_is_nan_for_constant_maps(rng):
    first, second = rng.normal(size=(2, 4, 30)).round(1)
    first[3] = 0
    found = rank_correlation(first, second, smoothing=1)
    expected = [spearmanr(a, b).statistic for a, b in zip(first[:3], second[:3], strict=True)]
    np.testing.assert_allclose(found[:3], expected)
    assert np.isnan(found[3])


def test_agreement_is_one_with_a_monotone_twin_and_minus_one_with_the_negative(rng):
    maps = rng.normal(size=(3, 200))
    table = agreement({"a": maps, "b": 2 * maps + 1, "c": -maps, "d": np.zeros((3, 200))}, smoothing=1)
    pd.testing.assert_frame_equal(table, table.T)
    assert table.loc["a", "b"] == pytest.approx(1)
    assert table.loc["a", "c"] == pytest.approx(-1)
    assert np.isnan(table.loc["a", "d"])


def test_maps_follow_a_shift_by_whole_cells_exactly(model, signals):
    table = shift_stability(model, signals[:3], MapMaker(("cam", "random")), shifts=(4, 8, 16))
    assert (table["cam"][[8, 16]] > 0.9999).all(axis=None)
    assert table["cam"][4].max() < 0.999
    assert table["random"][16].abs().max() < 0.5


def test_noise_hurts_the_maps_the_more_the_louder_it_is(model, signals):
    table = noise_stability(model, signals[:3], MapMaker(("cam",)), levels=(0.0, 0.01, 1.0))["cam"].mean()
    assert table[0.0] == pytest.approx(1)
    assert table[0.0] > table[0.01] > table[1.0]


def test_map_maker_knows_which_of_its_methods_are_signed():
    assert set(MapMaker().signed) == set(METHODS) - {"gradient", "guided_grad_cam", "random", "cam_x_leads"}
