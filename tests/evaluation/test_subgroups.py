"""Results by group, diagnosis and label rule: right records, right counts, no score from too few."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels, superclasses
from signalcam.evaluation import (
    by_diagnosis,
    by_label_rule,
    by_subgroup,
    describe_subgroups,
    evaluate,
)

FAST = {"n_bootstrap": 30}


@pytest.fixture
def table():
    """Eight rows with the columns of PTB-XL's table that groups come from."""
    return pd.DataFrame(
        {
            "sex": [0, 1, 1, 0, 1, 0, 1, 0],
            "age": [39.0, 40, 59, 60, 79, 80, 300, np.nan],
            "device": ["CS-12   E", "CS-12 E ", "AT-6 C", None, "AT-6 C", "AT-6 C", "AT-6 C", "AT-6 C"],
            "baseline_drift": [None, " , I-V1,  ", None, None, None, None, None, None],
            "static_noise": [None, None, ", I-AVR,  ", " ", None, None, None, None],
            "burst_noise": [None] * 8,
            "electrodes_problems": [None] * 7 + ["V6"],
        },
        index=pd.Index(range(101, 109), name="ecg_id"),
    )


@pytest.fixture
def classes():
    """Superclasses of 60 records: 30 NORM (5 of them with CD too), 20 MI, 10 of them HYP too, 10 without."""
    frame = pd.DataFrame(False, index=pd.RangeIndex(1, 61, name="ecg_id"), columns=list(SUPERCLASSES))
    frame.iloc[:30, 0] = True
    frame.iloc[:5, 3] = True
    frame.iloc[30:50, 1] = True
    frame.iloc[40:50, 4] = True
    return frame


def test_groups_of_each_record_worked_by_hand(table):
    groups = describe_subgroups(table)
    assert list(groups.columns) == ["sex", "age_band", "device", "signal_quality"]
    assert groups["sex"].tolist()[:2] == ["male", "female"]
    assert groups["age_band"].tolist()[:7] == [
        "under 40",
        "40 to 59",
        "40 to 59",
        "60 to 79",
        "60 to 79",
        "80 and over",
        "80 and over",
    ]
    assert pd.isna(groups["age_band"].iloc[7])
    assert groups["device"].tolist()[:2] == ["CS-12 E", "CS-12 E"]
    assert (groups["signal_quality"] == "flagged").tolist() == [False, True, True] + [False] * 4 + [True]


def test_columns_that_are_missing_are_named(table):
    with pytest.raises(ValueError, match="got one without age, burst_noise"):
        describe_subgroups(table.drop(columns=["age", "burst_noise"]))


def test_each_group_has_its_own_records_and_score(rng):
    y = rng.integers(0, 2, 200)
    p = rng.random(200)
    group = pd.Series(rng.choice(["a", "b"], 200), name="site")
    patients = rng.integers(0, 150, 200)
    result = by_subgroup(y, p, group, patients, **FAST)
    for level in "ab":
        inside = (group == level).to_numpy()
        row = result.loc["site", level]
        assert row["auc"] == pytest.approx(roc_auc_score(y[inside], p[inside]))
        assert (row["n"], row["n_positive"]) == (inside.sum(), y[inside].sum())
        assert row["n_groups"] == len(np.unique(patients[inside]))
        alone = evaluate(y[inside], p[inside], groups=patients[inside], **FAST).loc["auc"]
        assert (row["auc_low"], row["auc_high"]) == pytest.approx((alone["low"], alone["high"]))
    assert result["n"].sum() == 200


def test_too_few_records_give_counts_and_a_reason_but_no_score(rng):
    y = np.r_[np.zeros(20), np.ones(20), np.zeros(15), np.ones(3)].astype(int)
    group = pd.Series(["large"] * 40 + ["small"] * 18, name="site")
    result = by_subgroup(y, rng.random(58), group, **FAST)
    small = result.loc["site", "small"]
    assert small[["n", "n_positive", "n_negative"]].tolist() == [18, 3, 15]
    assert np.isnan(small["auc"])
    assert np.isnan(small["accuracy_low"])
    assert small["reason"] == "3 positive and 15 negative, needs 10 of each"
    assert result.loc[("site", "large"), "reason"] == ""
    assert not np.isnan(
        by_subgroup(y, rng.random(58), group, min_per_class=3, **FAST).loc["site", "small"]["auc"]
    )


@pytest.mark.bad_input(35)
def test_a_group_without_one_class_has_no_score_however_small_the_limit(rng):
    result = by_subgroup([0, 0, 1, 1], rng.random(4), pd.Series(list("aabb")), min_per_class=0, **FAST)
    assert result["auc"].isna().all()
    assert result["reason"].tolist() == [
        "0 positive and 2 negative, needs 1 of each",
        "2 positive and 0 negative, needs 1 of each",
    ]


def test_groups_keep_their_order_and_the_missing_ones_are_not_lost(table, rng):
    result = by_subgroup(np.arange(8) % 2, rng.random(8), describe_subgroups(table), **FAST)
    assert result.loc["age_band"].index.tolist() == [
        "under 40",
        "40 to 59",
        "60 to 79",
        "80 and over",
        "not stated",
    ]
    assert result.loc[("device", "not stated"), "n"] == 1
    assert (result.groupby(level="attribute")["n"].sum() == 8).all()


@pytest.mark.bad_input(36)
def test_rows_of_other_records_are_refused(table, classes):
    groups = describe_subgroups(table)
    with pytest.raises(ValueError, match="subgroups must have 2 rows, one for each label, got 8"):
        by_subgroup([0, 1], [0.1, 0.2], groups)
    y = pd.Series(np.arange(8) % 2, index=table.index)
    with pytest.raises(ValueError, match="subgroups must have the index of the labels"):
        by_subgroup(y, np.full(8, 0.5), groups[::-1])
    with pytest.raises(ValueError, match="groups must have the index of the labels"):
        by_subgroup(y, np.full(8, 0.5), groups, pd.Series(range(8)))
    with pytest.raises(ValueError, match=r"superclasses must have 8 rows .*, got 60 rows\."):
        by_diagnosis(y, np.full(8, 0.5), classes)
    with pytest.raises(ValueError, match="without NORM, HYP"):
        by_label_rule(classes.drop(columns=["NORM", "HYP"]), np.full(60, 0.5))


def test_each_diagnosis_stands_against_all_normal_records(classes, rng):
    y = binary_labels(classes, "labelled")
    p = pd.Series(rng.random(len(y)), index=y.index)
    result = by_diagnosis(y, p, classes.loc[y.index], **FAST)
    assert result.index.tolist() == ["MI", "STTC", "CD", "HYP"]
    assert result["n_negative"].tolist() == [25] * 4
    assert result["n_positive"].tolist() == [20, 0, 5, 10]
    inside = (y == 0) | classes.loc[y.index, "MI"]
    assert result.loc["MI", "auc"] == pytest.approx(roc_auc_score(y[inside], p[inside]))
    assert result.loc["STTC", "reason"] == "0 positive and 25 negative, needs 10 of each"
    assert np.isnan(result.loc["CD", "auc"])


def test_four_rules_stand_side_by_side_on_the_same_predictions(classes, rng):
    p = rng.random(60)
    patients = np.arange(60) // 2
    result = by_label_rule(classes, p, patients, **FAST)
    assert tuple(result.index) == LABEL_RULES
    assert result["n_negative"].to_dict() == {"paper": 25, "labelled": 25, "any_norm": 30, "clear": 25}
    assert result["n_positive"].to_dict() == {"paper": 35, "labelled": 25, "any_norm": 30, "clear": 20}
    assert result["dropped"].to_dict() == {"paper": 0, "labelled": 10, "any_norm": 0, "clear": 15}
    for rule in LABEL_RULES:
        labels = binary_labels(classes, rule)
        expected = roc_auc_score(labels, p[labels.index - 1])
        assert result.loc[rule, "auc"] == pytest.approx(expected), rule


def test_the_real_sample_has_the_known_counts(real_dataset):
    classes = superclasses(real_dataset.table, real_dataset.statements)
    result = by_label_rule(classes, np.full(len(classes), 0.5), n_bootstrap=0)
    assert result.loc["labelled", "n"] == 1004
    assert (result["auc"] == 0.5).all()


@pytest.mark.parametrize("remark", ["baseline_drift", "static_noise", "burst_noise", "electrodes_problems"])
def test_each_remark_of_the_annotators_flags_a_record(table, remark):
    table[["baseline_drift", "static_noise", "burst_noise", "electrodes_problems"]] = None
    table[remark] = table[remark].astype(object)
    table.loc[[103, 104], remark] = ["V2", "  "]
    groups = describe_subgroups(table)
    assert groups.index.equals(table.index)
    assert groups.index[groups["signal_quality"] == "flagged"].tolist() == [103]
    assert groups["signal_quality"].cat.categories.tolist() == ["clean", "flagged"]
    assert groups["sex"].cat.categories.tolist() == ["male", "female"]


def test_ten_records_of_each_class_are_enough_for_a_score(rng):
    y = np.r_[np.zeros(10), np.ones(10), np.zeros(9), np.ones(11)].astype(int)
    site = pd.Series(["enough"] * 20 + ["too few"] * 20, name="site")
    result = by_subgroup(y, rng.random(40), site, **FAST)
    assert result.index.names == ["attribute", "group"]
    assert result.loc["site", "auc"].notna().to_dict() == {"enough": True, "too few": False}
    assert result.loc[("site", "too few"), ["n", "n_groups"]].tolist() == [20, 20]


def test_options_reach_every_row_and_have_stated_defaults(rng):
    y, site = np.repeat([0, 1], 12), pd.Series(["a"] * 24, name="site")
    p = np.round(0.3 * y + 0.6 * rng.random(24), 2)
    stated = {"threshold": 0.5, "min_per_class": 10, "n_bootstrap": 1000, "seed": 0}
    stated["metrics"] = ("auc", "accuracy", "recall", "specificity")
    pd.testing.assert_frame_equal(by_subgroup(y, p, site), by_subgroup(y, p, site, **stated))
    row = by_subgroup(y, p, site, threshold=0.3, metrics=("recall",), **FAST).loc["site", "a"]
    assert row["recall"] == np.mean(p[12:] >= 0.3)
    assert "auc" not in row.index


def test_larger_groups_come_first_where_the_attribute_has_no_order(rng):
    site = pd.Series(list("abbcccc") + [None] * 3, name="site")
    result = by_subgroup(np.arange(10) % 2, rng.random(10), site, n_bootstrap=0)
    assert result.loc["site"].index.tolist() == ["c", "not stated", "b", "a"]


def test_a_score_without_a_value_says_which_and_why():
    result = by_subgroup(
        [0, 1],
        [0.1, 0.2],
        pd.Series(["a", "a"], name="site"),
        min_per_class=1,
        n_bootstrap=0,
        metrics=("precision", "f1"),
    )
    assert result.loc[("site", "a"), "reason"] == "precision: no record reaches the threshold 0.5"


@pytest.mark.bad_input(36)
def test_superclasses_of_other_records_are_refused(classes):
    y = pd.Series(np.arange(60) % 2, index=classes.index)
    p = np.full(60, 0.5)
    with pytest.raises(ValueError, match="superclasses must have the index of the labels"):
        by_diagnosis(y, p, classes[::-1])
    with pytest.raises(ValueError, match="p must have the index of the labels"):
        by_label_rule(classes, pd.Series(p, index=classes.index[::-1]))
    with pytest.raises(ValueError, match="groups must have the index of the labels"):
        by_label_rule(classes, p, pd.Series(np.arange(60), index=classes.index[::-1]))
    with pytest.raises(ValueError, match="p must hold 60 probabilities, one for each label, got 59"):
        by_label_rule(classes, p[:59])
    assert by_diagnosis(y, p, classes, n_bootstrap=0).index.name == "superclass"
    assert by_label_rule(classes, p, n_bootstrap=0).index.name == "rule"
