"""Deletion and insertion: curves with known ends, hand-worked areas, and maps whose worth is known."""

import numpy as np
import pytest
from explanation_models import gated_model, noise, small_model

from signalcam.explanation.assessment.faithfulness import (
    Faithfulness,
    Perturbation,
    decision_direction,
    faithfulness,
    perturbation_curve,
    segment_order,
)
from signalcam.explanation.methods import explain
from signalcam.explanation.network import logit_function
from signalcam.explanation.occlusion import replace


def test_segments_are_ranked_by_their_mean_the_last_one_shorter():
    relevance = np.array([[1.0, 1.0, 5.0, 0.0, 3.0]])
    np.testing.assert_array_equal(segment_order(relevance, segment=2), [[2, 1, 0]])


def test_equal_segments_are_ranked_at_random_by_the_seed():
    flat = np.zeros((50, 1000))
    first = segment_order(flat, 25, seed=1)
    np.testing.assert_array_equal(first, segment_order(flat, 25, seed=1))
    assert len(np.unique(first[:, 0])) > 10
    assert (np.sort(first, axis=1) == np.arange(40)).all()


def test_deleting_nothing_changes_nothing_and_the_ends_of_both_curves_swap():
    signals = noise(3)
    score = logit_function(small_model())
    order = segment_order(noise(3, seed=1)[..., 0])
    fractions, deletion = perturbation_curve(score, signals, order, Perturbation())
    _, insertion = perturbation_curve(score, signals, order, Perturbation(), insertion=True)
    np.testing.assert_allclose(fractions, np.linspace(0, 1, 11))
    empty = score(replace(signals, np.ones((3, 1000), bool)))
    np.testing.assert_allclose(deletion[:, 0], score(signals), atol=1e-6)
    np.testing.assert_allclose(deletion[:, -1], empty, atol=1e-6)
    np.testing.assert_allclose(insertion[:, 0], empty, atol=1e-6)
    np.testing.assert_allclose(insertion[:, -1], score(signals), atol=1e-6)


def test_curve_of_a_score_that_counts_samples_is_hand_worked():
    signals = np.ones((1, 8, 1))
    order = np.array([[3, 2, 1, 0]])

    def first_half(x):
        return x[:, :4, 0].sum(axis=1)

    settings = Perturbation(segment=2, n_steps=4, replacement="zero")
    fractions, curve = perturbation_curve(first_half, signals, order, settings)
    np.testing.assert_array_equal(curve, [[4, 4, 4, 2, 0]])
    np.testing.assert_allclose(np.trapezoid(curve, fractions, axis=1), [3.0])


def test_gains_are_taken_against_random_order():
    ones = np.ones((1, 3))
    table = Faithfulness(np.array([0, 0.5, 1]), 0.2 * ones, 0.9 * ones, 0.6 * ones, 0.7 * ones).areas()
    np.testing.assert_allclose(table[["deletion_gain", "insertion_gain", "gain"]], [[0.4, 0.2, 0.3]])


def test_direction_follows_the_threshold():
    np.testing.assert_array_equal(decision_direction(np.array([-1.0, 0.0, 2.0])), [-1, 1, 1])
    np.testing.assert_array_equal(decision_direction(np.array([-1.0, 0.0, 2.0]), threshold=0.6), [-1, -1, 1])


def test_the_first_point_is_the_probability_of_the_decision_taken():
    model, signals = small_model(), noise(6)
    settings = Perturbation(n_steps=2, n_random=1)
    curves = faithfulness(model, signals, {"flat": np.zeros((6, 1000))}, settings=settings)["flat"]
    p = model.predict(signals, verbose=0)[:, 0]
    np.testing.assert_allclose(curves.deletion[:, 0], np.maximum(p, 1 - p), atol=1e-5)


def test_evidence_against_counts_where_the_decision_is_against():
    model = gated_model()
    model.get_layer("classifier").set_weights([np.array([[-1.0]]), np.zeros(1)])
    signals = np.abs(noise(4)) + 1
    relevance = {"cam": explain("cam", model, signals)}
    settings = Perturbation(n_random=2, replacement="zero")
    turned = faithfulness(model, signals, relevance, signed=("cam",), settings=settings)["cam"].areas()[
        "gain"
    ]
    as_is = faithfulness(model, signals, relevance, settings=settings)["cam"].areas()["gain"]
    assert turned.min() > 0 > as_is.max()


def test_relevance_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"'cam' must have the shape \(2, 1000\), got \(2, 125\)"):
        faithfulness(small_model(), noise(2), {"cam": np.zeros((2, 125))})
