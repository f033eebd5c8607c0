"""Reliability, calibration and thresholds on hand-worked arrays and against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss, roc_auc_score

from signalcam.evaluation import (
    choose_threshold,
    evaluate,
    fit_platt,
    reliability,
    score,
)

Y = np.array([0, 0, 1, 0, 1, 1])
P = np.array([0.1, 0.3, 0.4, 0.6, 0.8, 0.9])


@pytest.fixture
def overconfident(rng):
    """Labels drawn at sigmoid(z), logits 2.5 z: the right temperature is 2.5."""
    z = rng.normal(size=4000)
    return (rng.random(4000) < expit(z)).astype(int), 2.5 * z


def test_reliability_worked_by_hand():
    table = reliability(Y, P, n_bins=2)
    assert table["n"].tolist() == [3, 3]
    assert table["predicted"].tolist() == pytest.approx([0.8 / 3, 2.3 / 3])
    assert table["observed"].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert table[["bin_low", "bin_high"]].to_numpy().tolist() == [[0, 0.5], [0.5, 1]]
    # At ten bins each record has its own.
    assert score(Y, P, "ece") == pytest.approx((0.1 + 0.3 + 0.6 + 0.6 + 0.2 + 0.1) / 6)


def test_reliability_equals_scikit_learn(rng):
    y, p = rng.integers(0, 2, 500), rng.random(500)
    table = reliability(y, p, 10)
    observed, predicted = calibration_curve(y, p, n_bins=10)
    np.testing.assert_allclose(table["observed"], observed)
    np.testing.assert_allclose(table["predicted"], predicted)


def test_empty_bins_are_not_available_and_edges_belong_somewhere():
    table = reliability([0, 1, 1], [0.0, 0.5, 1.0], n_bins=4)
    assert table["n"].tolist() == [1, 0, 1, 1]
    assert table.loc[1, ["predicted", "observed", "low", "high"]].isna().all()
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        reliability(Y, P, n_bins=0)


def test_calibration_error_is_the_gap_of_the_reliability_curve(rng):
    y, p = rng.integers(0, 2, 300), rng.random(300)
    table = reliability(y, p, 10)
    expected = (table["n"] * (table["predicted"] - table["observed"]).abs()).sum() / 300
    assert score(y, p, "ece") == pytest.approx(expected)
    assert evaluate(y, p, n_bootstrap=0).loc["ece", "value"] == pytest.approx(expected)


def test_wilson_interval_worked_by_hand():
    # 1 of 2 at z = 1.96: centre 0.5, half z sqrt(1/8 + z^2/16) / (1 + z^2/2) = 0.4055.
    p = np.r_[0.1, 0.1, np.full(10, 0.3), np.full(10, 0.5)]
    table = reliability(np.r_[0, 1, np.zeros(10), np.ones(10)], p, n_bins=5)
    assert table.loc[0, ["low", "high"]].tolist() == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert (table.loc[1, "low"], table.loc[2, "high"]) == pytest.approx((0, 1))
    assert table.loc[3:, ["low", "high"]].isna().all(axis=None)


def test_slope_and_intercept_are_those_that_made_the_logits_wrong(overconfident):
    y, logit = overconfident
    slope, intercept = fit_platt(y, logit - 1)  # logits 2.5 z - 1, labels drawn at sigmoid(z)
    assert slope == pytest.approx(1 / 2.5, abs=0.05)
    assert intercept == pytest.approx(1 / 2.5, abs=0.15)
    before, after = expit(logit - 1), expit(slope * (logit - 1) + intercept)
    assert score(y, after, "ece") < 0.5 * score(y, before, "ece")
    assert roc_auc_score(y, after) == pytest.approx(roc_auc_score(y, before))
    assert after.mean() == pytest.approx(y.mean(), abs=1e-3)  # what the most likely intercept brings about


def test_slope_and_intercept_are_the_most_likely(overconfident):
    y, logit = overconfident
    best = fit_platt(y, logit)
    fitted = minimize(lambda ab: log_loss(y, expit(ab[0] * logit + ab[1])), (1.0, 0.0)).x
    np.testing.assert_allclose(best, fitted, atol=2e-3)


def test_a_calibration_of_few_records_is_not_shrunk():
    y, logit = np.array([0, 0, 1, 0, 1, 1]), np.array([-0.2, -0.1, -0.05, 0.05, 0.1, 0.2])
    fitted = minimize(lambda ab: log_loss(y, expit(ab[0] * logit + ab[1])), (1.0, 0.0), tol=1e-10).x
    assert fitted[0] > 10
    np.testing.assert_allclose(fit_platt(y, logit), fitted, atol=1e-2)


def test_a_faultless_separation_gets_a_finite_calibration():
    slope, intercept = fit_platt([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])
    assert np.isfinite([slope, intercept]).all()
    assert slope > 1


@pytest.mark.parametrize(
    ("y", "logit", "text"),
    [
        ([0, 1], [0.1], r"logit must have the shape of the labels, \(2,\), got \(1,\)"),
        ([0, 1], [0.1, np.nan], "logit must be finite, got 1 of 2 values"),
        ([1, 1], [0.1, 0.2], "y must hold both labels for a calibration, got 1 alone"),
    ],
)
def test_a_calibration_refuses_what_it_cannot_fit(y, logit, text):
    with pytest.raises(ValueError, match=text):
        fit_platt(y, logit)


@pytest.mark.parametrize(
    ("aim", "expected"),
    [
        # 0.1 n | 0.3 n | 0.4 P | 0.6 n | 0.8 P | 0.9 P: the cut at 0.35 keeps all P and loses one n, that at
        # 0.7 loses one P and no n; both have J = 2/3 and accuracy 5/6, and 0.35 lies nearer to 0.5.
        ("youden", 0.35),
        ("accuracy", 0.35),
        ("f1", 0.35),
        ("sensitivity>=0.9", 0.35),
        ("sensitivity>=0.6", 0.7),
        ("specificity>=0.9", 0.7),
        ("specificity>=1.0", 0.7),
        ("sensitivity>=0", 0.7),
    ],
)
def test_thresholds_worked_by_hand(aim, expected):
    assert choose_threshold(Y, P, aim) == pytest.approx(expected)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12)), min_size=2, max_size=25))
def test_no_threshold_does_better_than_the_chosen_one(rows):
    y = np.array([label for label, _ in rows])
    p = np.array([value / 12 for _, value in rows])
    if y.min() == y.max():
        return
    every = np.arange(25) / 24
    for aim in ("accuracy", "f1"):
        best = max(score(y, p, aim, threshold) for threshold in every)
        assert score(y, p, aim, choose_threshold(y, p, aim)) == pytest.approx(best)
    chosen = choose_threshold(y, p, "sensitivity>=0.8")
    kept = [t for t in every if score(y, p, "recall", t) >= 0.8]
    assert score(y, p, "recall", chosen) >= 0.8
    best = max(score(y, p, "specificity", t) for t in kept)
    assert score(y, p, "specificity", chosen) == pytest.approx(best)


def test_rounding_the_probabilities_turns_no_decision(rng):
    y = rng.integers(0, 2, 200)
    p = np.round(0.5 * rng.random(200) + 0.3 * y, 4)
    threshold = choose_threshold(y, p, "youden")
    assert ((p >= threshold) == (p + rng.uniform(-4e-5, 4e-5, 200) >= threshold)).all()


def test_the_best_of_many_records_wins_by_however_little():
    # One positive and one negative lie at 0.45. A cut below them gains 1/20,000 and loses 1/20,001.
    y = np.r_[np.zeros(20_000), 0, 1, np.ones(19_999)].astype(int)
    p = np.r_[np.full(20_000, 0.2), 0.45, 0.45, np.full(19_999, 0.55)]
    assert choose_threshold(y, p, "youden") == pytest.approx(0.325)


def test_neighbours_that_floating_point_cannot_part_are_still_parted():
    low = 0.3
    high = np.nextafter(low, 1)
    assert choose_threshold([0, 1], [low, high]) == high


def test_an_aim_out_of_reach_says_the_best_there_is():
    y, p = [0, 0, 0, 1, 1], [1.0, 0.1, 0.3, 0.2, 0.4]
    with pytest.raises(ValueError, match="got 'specificity>=0.9'; the best here is 0.667"):
        choose_threshold(y, p, "specificity>=0.9")
    assert np.isfinite(choose_threshold(y, p, "youden"))


@pytest.mark.parametrize(
    "aim", ["sensitivity", "sensitivity>0.9", "precision>=0.9", "specificity>=1.2", "sensitivity>=90", ""]
)
def test_an_unknown_aim_is_refused(aim):
    with pytest.raises(ValueError, match="aim must be 'youden', 'f1', 'accuracy', or a bound such as"):
        choose_threshold(Y, P, aim)


@pytest.mark.bad_input(35)
def test_one_class_has_no_threshold():
    with pytest.raises(ValueError, match="y must hold both classes for a threshold, got"):
        choose_threshold([1, 1], [0.2, 0.3])


@pytest.mark.parametrize(("p", "expected"), [([0.1, 0.2, 0.7, 0.9], 0.8), ([0.1, 0.3, 0.8, 1.0], 0.2)])
def test_of_thresholds_that_serve_alike_the_one_nearest_to_one_half_is_taken(p, expected):
    # Right in three of four at the first and at the last cut, in two of four between.
    assert choose_threshold([0, 1, 0, 1], p, "accuracy") == pytest.approx(expected)


def test_probability_on_the_edge_of_two_bins_counts_in_the_upper_one():
    # 0.45 below one half, a gap of 0.45; from there on 0.5 and 0.55, one positive, a gap of 0.05.
    assert score([0, 0, 1], [0.45, 0.5, 0.55], "ece") == pytest.approx(0.5 / 3)
    assert score([0, 1], [1.0, 0.95], "ece") == pytest.approx(0.95 / 2)
