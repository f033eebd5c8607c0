"""Scores against hand-worked arrays, scikit-learn and their own identities; what is refused, and how."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from signalcam.evaluation import (
    METRICS,
    bootstrap,
    confusion,
    evaluate,
    evaluate_multilabel,
    roc,
    score,
)
from signalcam.evaluation.metrics import unavailable_reason, weighted_scores

# Sorted by p: 0.1 n, 0.3 n, 0.4 P, 0.6 n, 0.8 P, 0.9 P. Of 9 pairs, 8 are in order: AUC 8/9.
Y = np.array([0, 0, 1, 0, 1, 1])
P = np.array([0.1, 0.3, 0.4, 0.6, 0.8, 0.9])


def noisy(rng, n=400, digits=2):
    y = rng.integers(0, 2, n)
    return y, np.round(np.clip(0.5 + 0.3 * (y - 0.5) + 0.25 * rng.normal(size=n), 0, 1), digits)


def test_six_records_worked_by_hand():
    expected = {
        "accuracy": 4 / 6,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "specificity": 2 / 3,
        "f1": 2 / 3,
        "auc": 8 / 9,
        "average_precision": (1 + 1 + 3 / 4) / 3,
        "brier": (0.01 + 0.09 + 0.36 + 0.36 + 0.04 + 0.01) / 6,
        "ece": (0.1 + 0.3 + 0.6 + 0.6 + 0.2 + 0.1) / 6,
    }
    table = evaluate(Y, P, n_bootstrap=0)
    assert list(table.index) == list(METRICS)
    for name, value in expected.items():
        assert table.loc[name, "value"] == pytest.approx(value, abs=1e-12), name
    assert table["low"].isna().all()
    assert (table["n"] == 6).all()


def test_a_tie_counts_one_half():
    assert score([0, 1], [0.5, 0.5]) == 0.5
    assert score([0, 1, 1], [0.5, 0.5, 0.9]) == 0.75


def test_scores_equal_scikit_learn_with_ties(rng):
    y, p = noisy(rng)
    predicted = p >= 0.4
    table = evaluate(y, p, threshold=0.4, n_bootstrap=0)["value"]
    assert table["accuracy"] == pytest.approx(reference.accuracy_score(y, predicted))
    assert table["precision"] == pytest.approx(reference.precision_score(y, predicted))
    assert table["recall"] == pytest.approx(reference.recall_score(y, predicted))
    assert table["specificity"] == pytest.approx(reference.recall_score(1 - y, ~predicted))
    assert table["f1"] == pytest.approx(reference.f1_score(y, predicted))
    assert table["auc"] == pytest.approx(reference.roc_auc_score(y, p))
    assert table["average_precision"] == pytest.approx(reference.average_precision_score(y, p))
    assert table["brier"] == pytest.approx(reference.brier_score_loss(y, p))


def test_weights_equal_scikit_learn_sample_weights(rng):
    y, p = noisy(rng, 200)
    weights = rng.integers(0, 4, (3, 200))
    scores = weighted_scores(y, p, weights, ("auc", "average_precision", "f1", "brier"))
    for row, weight in zip(scores, weights, strict=True):
        assert row[0] == pytest.approx(reference.roc_auc_score(y, p, sample_weight=weight))
        assert row[1] == pytest.approx(reference.average_precision_score(y, p, sample_weight=weight))
        assert row[2] == pytest.approx(reference.f1_score(y, p >= 0.5, sample_weight=weight))
        assert row[3] == pytest.approx(reference.brier_score_loss(y, p, sample_weight=weight))


def test_count_weights_equal_repeated_records(rng):
    y, p = noisy(rng, 60)
    counts = rng.integers(0, 4, 60)
    repeated = weighted_scores(np.repeat(y, counts), np.repeat(p, counts), None, METRICS)
    np.testing.assert_allclose(weighted_scores(y, p, counts, METRICS), repeated, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=40),
    st.floats(0.2, 5.0),
)
def test_a_monotone_transform_keeps_the_auc(pairs, power):
    y = np.array([label for label, _ in pairs])
    p = np.array([value / 20 for _, value in pairs])
    before, after = (score(y, q, "auc") for q in (p, p**power))
    assert before == pytest.approx(after, nan_ok=True)
    assert score(1 - y, p) == pytest.approx(1 - before, nan_ok=True)


@pytest.mark.bad_input(35)
def test_no_positive_record_is_not_available_and_never_zero():
    table = evaluate([0, 0, 0], [0.1, 0.2, 0.3], n_bootstrap=20)
    for name in ("auc", "average_precision", "recall", "precision", "f1"):
        assert np.isnan(table.loc[name, "value"]), name
        assert np.isnan(table.loc[name, "low"]), name
        assert table.loc[name, "reason"], name
    assert table.loc["auc", "reason"] == "no positive record"
    assert np.isnan(score([0, 0], [0.2, 0.9], "f1"))
    assert table.loc["specificity", "value"] == 1
    assert table.loc["accuracy", "reason"] == ""


def test_every_score_that_is_not_available_has_a_reason():
    for y in ([0, 0], [1, 1], [0, 1]):
        for p in ([0.1, 0.2], [0.8, 0.9], [0.1, 0.9]):
            for metric in METRICS:
                missing = np.isnan(score(y, p, metric))
                assert missing == bool(unavailable_reason(y, p, metric)), (y, p, metric)


@pytest.mark.parametrize("y", [[0, 0], [1, 1]])
def test_scores_that_are_not_available_divide_nothing_by_zero(y):
    with np.errstate(all="raise"):
        assert np.isnan(score(y, [0.1, 0.2]))
        assert evaluate(y, [0.1, 0.2], n_bootstrap=3)["value"].notna().any()


def test_confusion_counts_worked_by_hand():
    counts = confusion(Y, P, threshold=0.6)
    assert counts.to_numpy().tolist() == [[2, 1], [1, 2]]
    assert list(counts.index) == list(counts.columns) == ["normal", "abnormal"]
    assert counts.to_numpy().tolist() == reference.confusion_matrix(Y, P >= 0.6).tolist()


def test_a_probability_equal_to_the_threshold_is_predicted_positive():
    assert confusion([0, 1], [0.5, 0.5], 0.5).to_numpy().tolist() == [[0, 1], [0, 1]]


@pytest.mark.bad_input(17)
def test_nan_is_refused_with_its_count():
    with pytest.raises(
        ValueError, match="p must be finite, got 2 of 4 values that are NaN or infinite. Leave these"
    ):
        evaluate([0, 1, 0, 1], [0.1, np.nan, np.inf, 0.2])
    with pytest.raises(ValueError, match="y must be finite, got 1 of 2 values"):
        confusion([0, np.nan], [0.1, 0.2])


@pytest.mark.bad_input(36)
def test_labels_and_predictions_of_other_records_are_refused():
    with pytest.raises(ValueError, match="p must hold 3 probabilities, one for each label, got 2"):
        evaluate([0, 1, 0], [0.1, 0.2])
    y = pd.Series([0, 1], index=[10, 20])
    with pytest.raises(ValueError, match="p must have the index of the labels"):
        evaluate(y, pd.Series([0.2, 0.3], index=[20, 10]))
    with pytest.raises(ValueError, match="groups must have the index of the labels"):
        evaluate(y, [0.2, 0.3], groups=pd.Series([1, 2], index=[20, 10]))


@pytest.mark.parametrize(
    ("y", "p", "text"),
    [
        ([0, 2], [0.1, 0.2], r"y must hold labels 0 and 1, got 1 others \(2\)"),
        (["a", "b"], [0.1, 0.2], r"y must hold labels 0 and 1, got 2 others \(a, b\)"),
        ([[0, 1]], [0.1, 0.2], r"y must have the shape \(record,\)"),
        ([], [], "at least one record"),
        ([0, 1], [0.1, 1.5], r"p must lie within \[0, 1\], got 1 values outside.*sigmoid"),
        ([0, 1], [[0.1, 0.2], [0.3, 0.4]], r"p must hold probabilities of the shape \(record,\)"),
    ],
)
def test_other_input_is_refused(y, p, text):
    with pytest.raises(ValueError, match=text):
        evaluate(y, p)


def test_unknown_metric_and_threshold_are_refused():
    with pytest.raises(ValueError, match="metric must be one of accuracy, .*, got sharpness"):
        score(Y, P, "sharpness")
    with pytest.raises(ValueError, match="threshold must be one number within"):
        evaluate(Y, P, threshold=1.5)


def test_the_models_column_of_probabilities_is_taken_and_nothing_given_is_changed():
    y, p = Y.copy(), P.copy().astype(np.float32)[:, None]
    y.flags.writeable = p.flags.writeable = False
    assert evaluate(y, p, n_bootstrap=5).loc["auc", "value"] == pytest.approx(8 / 9)


class TestMultilabel:
    Y = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    P = np.array([[0.9, 0.2, 0.1], [0.2, 0.4, 0.2], [0.8, 0.3, 0.3], [0.3, 0.35, 0.4]])

    @pytest.mark.bad_input(35)
    def test_macro_is_over_the_classes_that_occur(self):
        table = evaluate_multilabel(self.Y, self.P, ["A", "B", "C"], n_bootstrap=50)
        assert table.loc["A", "auc"] == 1
        assert table.loc["B", "auc"] == 0.75
        assert np.isnan(table.loc["C", "auc"])
        assert table.loc["C", "reason"] == "0 positive and 4 negative, needs 1 of each"
        assert table.loc["C", "n_positive"] == 0
        assert table.loc["macro", "auc"] == 0.875
        assert table.loc["macro", "reason"] == "over 2 of 3 classes"

    def test_macro_equals_scikit_learn(self, rng):
        y = rng.integers(0, 2, (300, 4))
        p = np.clip(0.3 * y + 0.7 * rng.random((300, 4)), 0, 1)
        table = evaluate_multilabel(y, p, list("ABCD"), n_bootstrap=100)
        assert table.loc["macro", "auc"] == pytest.approx(reference.roc_auc_score(y, p, average="macro"))
        assert table.loc["macro", "average_precision"] == pytest.approx(
            reference.average_precision_score(y, p)
        )
        assert table.loc["macro", "auc_low"] < table.loc["macro", "auc"] < table.loc["macro", "auc_high"]
        width = table["auc_high"] - table["auc_low"]
        assert width["macro"] < width.drop("macro").mean()

    def test_class_row_equals_the_binary_evaluation(self, rng):
        y = rng.integers(0, 2, (80, 2))
        p = rng.random((80, 2))
        groups = rng.integers(0, 50, 80)
        row = evaluate_multilabel(y, p, ["A", "B"], (0.5, 0.3), groups, n_bootstrap=60).loc["B"]
        single = evaluate(y[:, 1], p[:, 1], 0.3, groups, n_bootstrap=60)
        for metric in ("auc", "recall", "specificity"):
            assert tuple(row[[metric, f"{metric}_low", f"{metric}_high"]]) == pytest.approx(
                tuple(single.loc[metric, ["value", "low", "high"]])
            )
        assert row["n_groups"] == len(np.unique(groups))

    @pytest.mark.bad_input(36)
    def test_another_class_order_is_refused(self):
        with pytest.raises(ValueError, match="p must have the columns A, B, C, in this order, got B, A, C"):
            evaluate_multilabel(self.Y, pd.DataFrame(self.P, columns=["B", "A", "C"]), ["A", "B", "C"])
        with pytest.raises(
            ValueError, match=r"p must have the shape \(record, class\) = \(4, 3\), got \(4, 2\)"
        ):
            evaluate_multilabel(self.Y, self.P[:, :2], ["A", "B", "C"])
        with pytest.raises(ValueError, match="p, class B, must be finite, got 1 of 4 values"):
            evaluate_multilabel(self.Y, np.where(self.P == 0.4, np.nan, self.P) * [0, 1, 0], ["A", "B", "C"])
        with pytest.raises(ValueError, match="threshold must be one, or 3"):
            evaluate_multilabel(self.Y, self.P, ["A", "B", "C"], threshold=(0.1, 0.2))


@pytest.mark.parametrize(
    ("y", "text"),
    [
        (
            pd.DataFrame([[0, 1], [1, 0]], columns=["B", "A"]),
            "y must have the columns A, B, in this order, got B, A",
        ),
        (
            np.array([[0, 1, 0], [1, 0, 0]]),
            r"y must have the shape \(record, class\) = \(2, 2\), got \(2, 3\)",
        ),
        (np.zeros((0, 2)), r"y must have the shape \(record, class\) = \(0, 2\)"),
        (np.array([[0, 2], [1, 0]]), "y, class B, must hold labels 0 and 1, got 1 others"),
        (
            pd.DataFrame([[0, 1], [1, 0]], columns=["A", "B"], index=[7, 8]),
            "p must have the index of the labels",
        ),
    ],
)
def test_labels_of_several_classes_that_do_not_fit_are_refused(y, text):
    p = pd.DataFrame(np.full((2, 2), 0.5), columns=["A", "B"])
    with pytest.raises(ValueError, match=text):
        evaluate_multilabel(y, p, ["A", "B"], n_bootstrap=0)


def test_area_under_the_roc_curve_is_the_auc(rng):
    y, p = noisy(rng)
    curve = roc(y, p, n_bootstrap=50)
    assert np.trapezoid(curve["y"], curve["x"]) == pytest.approx(score(y, p))
    assert curve["area"].value == pytest.approx(score(y, p))
    false_positive_rate, recall, _ = reference.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(curve["x"], false_positive_rate)
    np.testing.assert_allclose(curve["y"], recall)
    assert curve["point"] == pytest.approx((1 - score(y, p, "specificity"), score(y, p, "recall")))
    inside = curve["x"] > 0
    assert (curve["low"] <= curve["y"] + 0.05)[inside].all()
    assert (curve["high"] >= curve["y"] - 0.05)[inside].all()
    assert "low" not in roc(y, p, n_bootstrap=0)
    with pytest.raises(ValueError, match="y must hold both classes for a curve, got"):
        roc([1, 1], [0.2, 0.3])


def test_band_of_the_roc_curve_equals_plain_vertical_averaging_over_patients(rng):
    y, p = noisy(rng, 30, digits=1)
    patients = rng.integers(0, 20, 30)
    names, draws, grid, recalls = np.unique(patients), np.random.default_rng(2), np.linspace(0, 1, 101), []
    for _ in range(60):
        drawn = names[draws.integers(0, len(names), len(names))]
        i = np.concatenate([np.flatnonzero(patients == name) for name in drawn])
        rates, recall, _ = reference.roc_curve(y[i], p[i], drop_intermediate=False)
        recalls.append(np.interp(grid, rates, recall))
    curve = roc(y, p, patients, n_bootstrap=60, seed=2)
    area = bootstrap(y, p, ("auc",), groups=patients, n_bootstrap=60, seed=2)["auc"]
    assert (curve["area"].low, curve["area"].high) == (area.low, area.high)
    for name, expected in zip(("low", "high"), np.quantile(recalls, (0.025, 0.975), axis=0), strict=True):
        np.testing.assert_allclose(curve[name], np.interp(curve["x"], grid, expected), atol=1e-12)


def test_the_roc_curve_of_three_records_by_hand():
    curve = roc([0, 1, 1], [0.2, 0.2, 0.7], threshold=0.1, n_bootstrap=50)
    assert (curve["x"].tolist(), curve["y"].tolist()) == ([0, 0, 1], [0, 0.5, 1])
    assert curve["point"] == (1, 1)
    assert curve["area"].value == 0.75
    # Resamples that lack a class have no curve: the others hold the whole range.
    assert np.isfinite([curve["low"], curve["high"]]).all()
    again = roc([0, 1, 1], [0.2, 0.2, 0.7], None, 0.5, 1000, 0)
    default = roc([0, 1, 1], [0.2, 0.2, 0.7])
    assert default["point"] == again["point"] == (0, 0.5)
    np.testing.assert_array_equal(default["low"], again["low"])


def test_evaluation_imports_no_tensorflow():
    code = "import sys, signalcam.evaluation; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("p", [["0.1", "0.2"], [0.1 + 0j, 0.2]])
def test_probabilities_that_are_no_real_numbers_are_refused(p):
    with pytest.raises(ValueError, match=r"p must hold probabilities of the shape \(record,\), got .*\(2,\)"):
        score([0, 1], p)


def test_the_ends_of_the_ranges_are_within_them():
    assert score([0, 1], [0, 1]) == 1
    for threshold, accuracy in ((0, 0.25), (1, 0.75)):
        assert score([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9], "accuracy", threshold) == accuracy
    for threshold in (-0.01, 1.01, [0.5], np.nan):
        with pytest.raises(ValueError, match=r"threshold must be one number within \[0, 1\], got"):
            score([0, 1], [0, 1], "accuracy", threshold)


def test_at_most_five_wrong_labels_are_shown():
    with pytest.raises(ValueError, match=r"got 7 others \(2, 3, 4, 5, 6\)"):
        score(np.arange(9), np.zeros(9))


def test_rows_of_several_classes_have_the_macro_mean_of_their_resamples():
    y = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 0], [1, 1]])
    p = np.array([[0.9, 0.4], [0.2, 0.3], [0.6, 0.2], [0.7, 0.6], [0.1, 0.5], [0.8, 0.9]])
    table = evaluate_multilabel(pd.DataFrame(y, columns=["A", "B"]), p, ["A", "B"])
    assert (table.index.name, table.index.tolist()) == ("class", ["A", "B", "macro"])
    assert table.loc["macro", ["n", "n_positive", "n_negative", "n_groups"]].tolist() == [6, 5, 1, 6]
    assert table.loc["macro", "accuracy"] == pytest.approx((5 / 6 + 4 / 6) / 2)
    assert table["reason"].tolist() == ["", "", "over 2 of 2 classes"]
    pd.testing.assert_frame_equal(
        table, evaluate_multilabel(y, p, ["A", "B"], 0.5, None, 1, n_bootstrap=1000, seed=0)
    )
    few = evaluate_multilabel(y, p, ["A", "B"], min_per_class=4, n_bootstrap=5)
    assert few["auc"].isna().all()
    assert few.loc["macro", "reason"] == "over 0 of 2 classes"


def test_confusion_is_at_one_half_with_true_rows_and_predicted_columns_by_hand():
    table = confusion([0, 0, 0, 1, 1], [0.49, 0.1, 0.5, 0.9, 0.2])
    assert table.to_dict() == {
        "normal": {"normal": 2, "abnormal": 1},
        "abnormal": {"normal": 1, "abnormal": 1},
    }
    assert (table.index.name, table.columns.name) == ("true", "predicted")
