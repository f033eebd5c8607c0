"""Bootstrap over patients and paired differences, against plain implementations and DeLong's variance."""

import sys
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from signalcam.evaluation import METRICS, Estimate, bootstrap, evaluate, mean_table, paired_difference
from signalcam.evaluation.bootstrap import check_groups, resample_counts, score_replicates


@pytest.fixture
def study(rng):
    """Labels, two models' probabilities and patient ids of 150 records of 100 patients."""
    y = rng.integers(0, 2, 150)
    shared = rng.normal(size=150)
    a = 1 / (1 + np.exp(-(2 * y - 1 + shared + 0.3 * rng.normal(size=150))))
    b = 1 / (1 + np.exp(-(1.2 * y - 0.6 + shared + 0.3 * rng.normal(size=150))))
    return y, np.round(a, 2), np.round(b, 2), rng.integers(0, 100, 150) * 7 + 3


def plain_resamples(patients, n_bootstrap, seed):
    """The indexes of the records of each resample, by drawing patients one after the other."""
    names = np.unique(patients)
    rng = np.random.default_rng(seed)
    for _ in range(n_bootstrap):
        drawn = names[rng.integers(0, len(names), len(names))]
        yield np.concatenate([np.flatnonzero(patients == name) for name in drawn])


def test_interval_equals_a_plain_bootstrap_over_patients(study):
    y, p, _, patients = study
    picks = list(plain_resamples(patients, 200, seed=3))
    estimates = bootstrap(y, p, groups=patients, n_bootstrap=200, seed=3)
    plain = {
        "auc": [roc_auc_score(y[i], p[i]) for i in picks],
        "average_precision": [average_precision_score(y[i], p[i]) for i in picks],
        "accuracy": [np.mean((p[i] >= 0.5) == y[i]) for i in picks],
        "brier": [np.mean((p[i] - y[i]) ** 2) for i in picks],
    }
    for metric, values in plain.items():
        found = (estimates[metric].low, estimates[metric].high)
        assert found == pytest.approx(tuple(np.quantile(values, (0.025, 0.975))), abs=1e-12), metric


def test_drawn_patients_bring_all_of_their_records():
    groups = check_groups(["b", "a", "b", "c"], np.zeros(4))
    counts = np.concatenate(list(resample_counts(groups, 500, seed=0)))
    assert counts.shape == (500, 4)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert counts.mean(axis=0) == pytest.approx(1, abs=0.15)


def test_same_seed_same_interval_whatever_the_chunks(study, monkeypatch):
    y, p, _, patients = study
    first = evaluate(y, p, groups=patients, n_bootstrap=100, seed=5)
    assert first.equals(evaluate(y, p, groups=patients, n_bootstrap=100, seed=5))
    assert not first.equals(evaluate(y, p, groups=patients, n_bootstrap=100, seed=6))
    monkeypatch.setattr(sys.modules[Estimate.__module__], "_CHUNK_VALUES", 1000)
    np.testing.assert_allclose(
        evaluate(y, p, groups=patients, n_bootstrap=100, seed=5)[["value", "low", "high"]],
        first[["value", "low", "high"]],
        atol=1e-12,
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10), st.integers(0, 6)), min_size=1, max_size=30),
    st.integers(0, 5),
)
def test_intervals_hold_the_estimate_and_stay_in_range(rows, seed):
    y, p, groups = (np.array(column) for column in zip(*rows, strict=True))
    for metric, item in bootstrap(y, p / 10, groups=groups, n_bootstrap=30, seed=seed).items():
        if not np.isnan(item.low):
            assert 0 <= item.low <= item.value <= item.high <= 1 + 1e-12, metric


def test_several_records_a_patient_widen_the_interval(rng):
    y = np.repeat(rng.integers(0, 2, 60), 5)
    p = np.clip(np.repeat(rng.normal(size=60), 5) * 0.2 + 0.3 * y + 0.35, 0, 1)
    patients = np.repeat(np.arange(60), 5)
    by_patient, by_record = (bootstrap(y, p, ("auc",), groups=groups)["auc"] for groups in (patients, None))
    assert by_patient.high - by_patient.low > 1.5 * (by_record.high - by_record.low)
    assert (by_patient.n, by_patient.n_groups, by_record.n_groups) == (300, 60, 300)


def test_resamples_of_one_class_are_skipped_and_counted():
    y, p = [0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8]
    item = bootstrap(y, p, ("auc",), n_bootstrap=400, seed=0)["auc"]
    # One of four records drawn four times: absent with (3/4)^4 = 0.316, the other three with (1/4)^4 = 0.004.
    assert item.skipped / 400 == pytest.approx(0.32, abs=0.07)
    replicates = score_replicates(np.array(y), np.array(p), ("auc",), 0.5, np.arange(4), 400, 0)[1]
    assert item.skipped == int(np.isnan(replicates).sum())


def test_a_thousand_resamples_of_two_thousand_records_take_about_a_second(rng):
    y = rng.integers(0, 2, 2000)
    p = rng.random(2000)
    start = time.perf_counter()
    bootstrap(y, p, METRICS, groups=rng.integers(0, 1800, 2000))
    assert time.perf_counter() - start < 5


def test_estimate_reads_as_text():
    assert str(Estimate(0.9, 0.85, 0.95, 10)) == "0.900 (0.850 to 0.950)"
    assert str(Estimate(0.9, np.nan, np.nan, 10)) == "0.900"
    assert str(Estimate(np.nan, np.nan, np.nan, 10, reason="no positive record")) == (
        "not available (no positive record)"
    )


class TestPairedDifference:
    def test_equals_a_plain_paired_bootstrap(self, study):
        y, a, b, patients = study
        found = paired_difference(y, a, b, groups=patients, n_bootstrap=200, seed=1)
        differences = np.array(
            [roc_auc_score(y[i], a[i]) - roc_auc_score(y[i], b[i]) for i in plain_resamples(patients, 200, 1)]
        )
        assert found.value == pytest.approx(roc_auc_score(y, a) - roc_auc_score(y, b))
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(differences, (0.025, 0.975))))
        smaller = min((differences <= 0).sum(), (differences >= 0).sum())
        assert found.p_value == pytest.approx(min(1, 2 * (smaller + 1) / 201))

    def test_swapped_models_give_the_mirrored_interval(self, study):
        y, a, b, patients = study
        one, other = (paired_difference(y, *pair, groups=patients) for pair in ((a, b), (b, a)))
        assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))
        assert one.p_value == other.p_value

    def test_a_model_against_itself_differs_by_nothing(self, study):
        y, a, _, patients = study
        found = paired_difference(y, a, a, groups=patients, n_bootstrap=100)
        assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)

    def test_pairing_narrows_the_interval(self, study):
        y, a, b, _ = study
        paired = paired_difference(y, a, b)
        one, other = (bootstrap(y, p, ("auc",))["auc"] for p in (a, b))
        assert paired.high - paired.low < 0.9 * np.hypot(one.high - one.low, other.high - other.low)

    def test_several_trainings_compare_by_the_mean_of_their_scores(self, study, rng):
        y, a, b, patients = study
        many = np.clip(a + 0.1 * rng.normal(size=(3, len(y))), 0, 1)
        found = paired_difference(y, many, b, groups=patients, n_bootstrap=100)
        expected = np.mean([roc_auc_score(y, row) for row in many]) - roc_auc_score(y, b)
        assert found.value == pytest.approx(expected)
        alone = paired_difference(y, a[None], b, groups=patients, n_bootstrap=100)
        assert alone == paired_difference(y, a, b, groups=patients, n_bootstrap=100)

    def test_the_threshold_is_that_of_both(self, study):
        y, a, b, _ = study
        found = paired_difference(y, a, b, "accuracy", threshold=0.3, n_bootstrap=10)
        assert found.value == pytest.approx(np.mean((a >= 0.3) == y) - np.mean((b >= 0.3) == y))

    def test_predictions_of_another_length_are_refused(self, study):
        y, a, b, _ = study
        with pytest.raises(ValueError, match="p_b must hold 150 probabilities, one for each label, got 149"):
            paired_difference(y, a, b[:-1])

    def test_one_class_only_is_not_available(self):
        found = paired_difference([1, 1], [0.2, 0.3], [0.1, 0.9], n_bootstrap=10)
        assert np.isnan(found.value)
        assert found.reason == "the score of one of the two is not available"


def test_wrong_groups_and_counts_are_refused(study):
    y, p, _, _ = study
    with pytest.raises(
        ValueError, match=r"groups must hold 150 patient ids, one for each record, got shape \(3,\)"
    ):
        evaluate(y, p, groups=[1, 2, 3])
    with pytest.raises(ValueError, match="groups must name each record's patient, got 2 of 150"):
        evaluate(y, p, groups=np.r_[np.nan, np.nan, np.arange(148)])
    with pytest.raises(ValueError, match="groups must name each record's patient, got 1 of 150"):
        evaluate(y, p, groups=np.array([None, *range(149)], dtype=object))
    with pytest.raises(ValueError, match="n_bootstrap must be a whole number"):
        evaluate(y, p, n_bootstrap=-1)


@pytest.mark.parametrize("n_bootstrap", [True, 2.5, -1])
def test_the_number_of_resamples_must_be_a_whole_number(study, n_bootstrap):
    y, p, _, _ = study
    with pytest.raises(ValueError, match=f"n_bootstrap must be a whole number, 0 or more, got {n_bootstrap}"):
        evaluate(y, p, n_bootstrap=n_bootstrap)


def test_intervals_rest_by_default_on_a_thousand_resamples_of_seed_0_at_threshold_one_half(study):
    y, p, other, patients = study
    stated = {"n_bootstrap": 1000, "seed": 0}
    table = pd.DataFrame({"a": p, "b": np.where(y, other, np.nan)})
    pd.testing.assert_frame_equal(evaluate(y, p), evaluate(y, p, 0.5, **stated))
    for one, two in (
        (bootstrap(y, p)["average_precision"], bootstrap(y, p, METRICS, 0.5, **stated)["average_precision"]),
        (paired_difference(y, p, other), paired_difference(y, p, other, "auc", threshold=0.5, **stated)),
    ):
        assert (one.value, one.low, one.high) == (two.value, two.low, two.high)
    different = paired_difference(y, np.where(y, 0.9, 0.1), other)
    assert different.p_value == pytest.approx(2 / 1001)  # no resample on the far side
    pd.testing.assert_frame_equal(mean_table(table, patients), mean_table(table, patients, **stated))
    assert len(np.concatenate(list(resample_counts(np.arange(3))))) == 1000


def test_a_resample_is_drawn_whole_however_small_the_chunks(monkeypatch):
    drawn = np.concatenate(list(resample_counts(np.array([0, 0, 1, 2]), 7, seed=1)))
    monkeypatch.setattr(sys.modules[Estimate.__module__], "_CHUNK_VALUES", 1)
    one_by_one = list(resample_counts(np.array([0, 0, 1, 2]), 7, seed=1))
    assert [part.shape for part in one_by_one] == [(1, 4)] * 7
    np.testing.assert_array_equal(np.concatenate(one_by_one), drawn)


def test_means_of_columns_worked_by_hand():
    columns = {"whole": [1.0, 2.0, 3.0, 6.0], "gap": [np.nan, 2.0, np.nan, 4.0], "none": [np.nan] * 4}
    found = mean_table(pd.DataFrame(columns), n_bootstrap=0)
    assert list(found.columns) == ["value", "low", "high", "n"]
    assert found["value"].to_dict() == pytest.approx({"whole": 3, "gap": 3, "none": np.nan}, nan_ok=True)
    assert found["n"].to_dict() == {"whole": 4, "gap": 2, "none": 0}
    assert found[["low", "high"]].isna().all(axis=None)


def test_interval_of_a_mean_equals_a_plain_bootstrap_over_the_patients_that_have_a_value(study):
    y, p, _, patients = study
    found = mean_table(pd.DataFrame({"gap": np.where(y, p, np.nan), "whole": p}), patients, 200, seed=4)
    for name, kept in (("gap", y == 1), ("whole", y >= 0)):
        means = [p[kept][i].mean() for i in plain_resamples(patients[kept], 200, 4)]
        assert found.loc[name, ["low", "high"]].tolist() == pytest.approx(np.quantile(means, (0.025, 0.975)))
        assert found.loc[name, "n"] == kept.sum()


def test_a_table_of_scores_has_counts_of_records_patients_and_skipped_resamples():
    table = evaluate(
        [0, 0, 0, 1], [0.1, 0.2, 0.9, 0.8], groups=list("aabc"), n_bootstrap=50, metrics=("auc",)
    )
    assert list(table.columns) == ["value", "low", "high", "n", "n_groups", "skipped", "reason"]
    assert table.index.name == "metric"
    assert table.loc["auc", ["n", "n_groups"]].tolist() == [4, 3]
    assert 0 < table.loc["auc", "skipped"] < 50
    assert (Estimate(0.5, 0.4, 0.6, 9).n_groups, Estimate(0.5, 0.4, 0.6, 9).skipped) == (0, 0)


def delong_intervals(y, a, b, clusters, z=1.96):
    """DeLong's intervals of an AUC and of the difference of two, from all pairs, summed by patient.

    E. DeLong et al., Biometrics 44 (1988) 837-845, equations 4 to 6; N. Obuchowski, Biometrics 53 (1997) 567.
    """
    aucs, components = [], []
    n, ones, zeros = clusters.max() + 1, y == 1, y == 0
    for p in (a, b):
        positive, negative = p[ones][:, None], p[zeros][None]
        wins = (positive > negative) + 0.5 * (positive == negative)
        aucs.append(wins.mean())
        component = np.zeros(len(y))
        component[ones] = (wins.mean(axis=1) - wins.mean()) / ones.sum()
        component[zeros] = (wins.mean(axis=0) - wins.mean()) / zeros.sum()
        components.append(np.bincount(clusters, component, minlength=n))
    components.append(components[0] - components[1])
    errors = z * np.sqrt(n / (n - 1) * np.square(components).sum(axis=1))
    return (aucs[0] - errors[0], aucs[0] + errors[0]), (
        aucs[0] - aucs[1] - errors[2],
        aucs[0] - aucs[1] + errors[2],
    )


def test_the_intervals_agree_with_delongs_variance(study):
    y, a, b, patients = study
    one, difference = delong_intervals(y, a, b, check_groups(patients, y))
    found = bootstrap(y, a, ("auc",), groups=patients)["auc"]
    assert (found.low, found.high) == pytest.approx(one, abs=0.02)
    found = paired_difference(y, a, b, groups=patients)
    assert (found.low, found.high) == pytest.approx(difference, abs=0.02)
