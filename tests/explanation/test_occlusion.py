"""Taking signal away: what replaces it, and what the logit loses."""

import numpy as np
import pytest
from explanation_models import noise, small_model

from signalcam.explanation.network import Network, logit_function
from signalcam.explanation.occlusion import (
    REPLACEMENTS,
    occlude_leads,
    occlude_time,
    occlude_time_and_leads,
    replace,
)


@pytest.fixture(scope="module")
def model():
    return Network(small_model(filters=(3, 3, 4, 4)))


def test_line_joins_the_samples_beside_each_gap():
    signals = np.array([[[5.0], [2.0], [9.0], [9.0], [8.0], [7.0]]])
    mask = np.array([[True, False, True, True, False, True]])
    np.testing.assert_allclose(replace(signals, mask, "linear")[0, :, 0], [2, 2, 4, 6, 8, 8])


def test_line_without_any_sample_left_is_the_mean():
    signals = noise(2)
    replaced = replace(signals, np.ones((2, 1000), bool), "linear")
    np.testing.assert_allclose(replaced, np.broadcast_to(signals.mean(axis=1, keepdims=True), signals.shape))


@pytest.mark.parametrize("how", REPLACEMENTS)
def test_replacing_touches_only_the_masked_samples_and_not_the_given_array(how):
    signals = noise(3)
    given = signals.copy()
    mask = np.random.default_rng(1).random(signals.shape) < 0.3
    replaced = replace(signals, mask, how)
    assert replaced.dtype == np.float32
    np.testing.assert_array_equal(replaced[~mask], signals[~mask])
    assert (replaced[mask] != signals[mask]).mean() > 0.99
    np.testing.assert_array_equal(signals, given)
    np.testing.assert_array_equal(replace(signals, np.zeros((3, 1000), bool), how), signals)


def test_replacement_values_are_the_ones_named():
    signals, mask = noise(3) + 2, np.ones((3, 1000), bool)
    np.testing.assert_array_equal(replace(signals, mask, "zero"), 0)
    np.testing.assert_allclose(replace(signals, mask)[:, 0], np.median(signals, axis=1))
    np.testing.assert_allclose(replace(signals, mask, "mean")[:, 0], signals.mean(axis=1), rtol=1e-6)
    drawn = replace(signals, mask, "noise", seed=1)
    np.testing.assert_allclose(drawn.mean(axis=1), signals.mean(axis=1), atol=0.15)
    np.testing.assert_allclose(drawn.std(axis=1), signals.std(axis=1), atol=0.15)
    half = mask.copy()
    half[:, 500:] = False
    np.testing.assert_array_equal(replace(signals, half, "noise", seed=1)[:, :500], drawn[:, :500])


def test_unknown_replacement_and_wrong_mask_are_refused():
    with pytest.raises(ValueError, match="must be one of median, zero, mean, linear, noise, got 'blur'"):
        replace(noise(1), np.zeros((1, 1000), bool), "blur")
    with pytest.raises(ValueError, match=r"shape \(1, 1000, 12\).*got \(1, 900\)"):
        replace(noise(1), np.zeros((1, 900), bool))


def test_occlusion_in_time_equals_a_loop_by_hand(model):
    signals = noise(2)
    to_logit = logit_function(model)
    found = occlude_time(model, signals, window=400, stride=300, replacement="zero")
    falls = []
    for start in (0, 300, 600):
        changed = signals.copy()
        changed[:, start : start + 400] = 0
        falls.append(to_logit(signals) - to_logit(changed))
    np.testing.assert_allclose(found[:, 0], falls[0], atol=1e-6)
    np.testing.assert_allclose(found[:, 350], (falls[0] + falls[1]) / 2, atol=1e-6)
    np.testing.assert_allclose(found[:, 999], falls[2], atol=1e-6)


def test_occlusion_of_leads_equals_a_loop_by_hand(model):
    signals = noise(2)
    to_logit = logit_function(model)
    found = occlude_leads(model, signals)
    assert found.shape == (2, 12)
    changed = signals.copy()
    changed[..., 5] = np.median(signals[..., 5], axis=1, keepdims=True)
    np.testing.assert_allclose(found[:, 5], to_logit(signals) - to_logit(changed), atol=1e-6)


def test_window_over_the_whole_record_of_one_lead_equals_occlusion_of_that_lead(model):
    signals = noise(2)
    windows = occlude_time_and_leads(model, signals, window=1000, stride=1000, replacement="mean")
    expected = occlude_leads(model, signals, replacement="mean")
    np.testing.assert_allclose(windows, np.repeat(expected[:, None], 1000, axis=1), atol=1e-6)


def test_windows_that_do_not_fit_are_refused(model):
    with pytest.raises(ValueError, match="1 <= stride <= window <= 1000 samples, got window=50, stride=60"):
        occlude_time(model, noise(1), window=50, stride=60)
