"""Superclasses and the binary target, against hand-worked tables and the published numbers."""

import logging

import numpy as np
import pandas as pd
import pytest

from signalcam.data.labels import (
    LABEL_RULES,
    SUBCLASSES,
    SUPERCLASSES,
    binary_labels,
    superclasses,
    training_targets,
)
from signalcam.errors import DatasetError

STATEMENTS = pd.DataFrame(
    {"diagnostic": [1.0] * 5 + [np.nan], "diagnostic_class": [*SUPERCLASSES, None]},
    index=["NORM", "IMI", "NDT", "LAFB", "LVH", "SR"],
)
TABLE = pd.DataFrame(
    {
        "scp_codes": [
            {"NORM": 100.0, "SR": 0.0},
            {"IMI": 35.0, "NDT": 100.0},
            {"NORM": 80.0, "LVH": 0.0},
            {"SR": 0.0},
            {},
        ]
    },
    index=pd.Index([11, 12, 13, 14, 15], name="ecg_id"),
)


def test_superclasses_are_those_of_the_diagnostic_statements():
    expected = [[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 0, 0, 1], [0] * 5, [0] * 5]
    found = superclasses(TABLE, STATEMENTS)
    assert found.columns.tolist() == list(SUPERCLASSES)
    assert found.index.equals(TABLE.index)
    assert set(found.dtypes) == {np.dtype(bool)}
    np.testing.assert_array_equal(found, np.array(expected, bool))


@pytest.mark.bad_input(32)
def test_likelihood_zero_counts_as_stated_and_the_threshold_is_an_argument():
    assert superclasses(TABLE, STATEMENTS).loc[13, "HYP"]
    assert not superclasses(TABLE, STATEMENTS, min_likelihood=1).loc[13, "HYP"]
    assert superclasses(TABLE, STATEMENTS, min_likelihood=35).loc[12, "MI"]
    assert not superclasses(TABLE, STATEMENTS, min_likelihood=36).loc[12, "MI"]
    for wrong in (-1, 101, float("nan")):
        with pytest.raises(ValueError, match="min_likelihood is in percent"):
            superclasses(TABLE, STATEMENTS, min_likelihood=wrong)


@pytest.mark.bad_input(32)
def test_unknown_codes_are_listed_with_their_records():
    table = TABLE.copy()
    table["scp_codes"] = [*TABLE["scp_codes"][:3], {"XYZ": 0.0, "ABC": 100.0}, {"XYZ": 50.0}]
    with pytest.raises(DatasetError) as caught:
        superclasses(table, STATEMENTS)
    found = "got 'XYZ' (ecg_id 14, 15); 'ABC' (ecg_id 14)"
    advice = "Add a row for each, or use the two tables of one PTB-XL version."
    assert str(caught.value) == f"scp_codes must be codes that scp_statements.csv lists, {found}. {advice}"


def test_diagnostic_class_that_is_no_superclass_is_named():
    statements = STATEMENTS.copy()
    statements.loc["IMI", "diagnostic_class"] = "HEART"
    with pytest.raises(DatasetError, match=r"IMI \(HEART\)"):
        superclasses(TABLE, statements)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("paper", {11: 0, 12: 1, 13: 1, 14: 1, 15: 1}),
        ("labelled", {11: 0, 12: 1, 13: 1}),
        ("any_norm", {11: 0, 12: 1, 13: 0, 14: 1, 15: 1}),
        ("clear", {11: 0, 12: 1}),
    ],
)
def test_each_rule_by_hand(rule, expected):
    labels = binary_labels(superclasses(TABLE, STATEMENTS), rule)
    assert labels.to_dict() == expected
    assert labels.dtype == np.int8
    assert labels.name == "abnormal"


@pytest.mark.bad_input(31)
@pytest.mark.parametrize(
    ("rule", "fate"),
    [
        ("paper", "counted as abnormal"),
        ("labelled", "dropped"),
        ("any_norm", "counted as abnormal"),
        ("clear", "dropped"),
    ],
)
def test_records_without_diagnostic_class_are_counted_aloud(rule, fate, caplog):
    with caplog.at_level(logging.WARNING):
        binary_labels(superclasses(TABLE, STATEMENTS), rule)
    assert f"'{rule}'" in caplog.text
    assert f"2 without superclass {fate}" in caplog.text


@pytest.mark.parametrize(
    ("rule", "unlabelled", "mixed"),
    [
        ("paper", "counted as abnormal", "counted as abnormal"),
        ("labelled", "dropped", "counted as abnormal"),
        ("any_norm", "counted as abnormal", "counted as normal"),
        ("clear", "dropped", "dropped"),
    ],
)
def test_summary_says_what_became_of_every_record(rule, unlabelled, mixed, caplog):
    with caplog.at_level(logging.INFO):
        labels = binary_labels(superclasses(TABLE, STATEMENTS), rule, quiet=True)
    counts = f"{(labels == 0).sum()} normal, {(labels == 1).sum()} abnormal"
    fates = f"2 without superclass {unlabelled}, 1 with NORM and another superclass {mixed}"
    assert labels.attrs["summary"] == f"Label rule {rule!r}: {counts}, {fates}."
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", labels.attrs["summary"])
    ]


def test_targets_are_abnormal_then_superclasses_then_subclasses():
    statements = STATEMENTS.assign(diagnostic_subclass=["NORM", "IMI", "STTC", "LAFB/LPFB", "LVH", None])
    labels = binary_labels(superclasses(TABLE, statements), "labelled")[::-1]
    found = training_targets(TABLE, statements, labels)
    assert found.index.tolist() == [13, 12, 11]
    assert {ecg_id: found.columns[row == 1].tolist() for ecg_id, row in found.iterrows()} == {
        11: ["NORM", "subclass NORM"],
        12: ["ABNORMAL", "MI", "STTC", "IMI", "subclass STTC"],
        13: ["ABNORMAL", "NORM", "HYP", "subclass NORM", "LVH"],
    }
    assert found.columns[:7].tolist() == ["ABNORMAL", *SUPERCLASSES, "subclass NORM"]
    assert found.shape[1] == 1 + 5 + len(SUBCLASSES) == 29
    assert set(found.dtypes) == {np.dtype("int8")}


def test_nothing_is_said_aloud_where_the_rule_leaves_nothing_open(caplog):
    with caplog.at_level(logging.WARNING):
        binary_labels(superclasses(TABLE.loc[[11, 12]], STATEMENTS), "paper")
    assert not caplog.text


def test_unknown_rule_lists_the_rules():
    with pytest.raises(ValueError, match="rule must be one of paper, labelled, any_norm, clear"):
        binary_labels(superclasses(TABLE, STATEMENTS), "strict")
    with pytest.raises(ValueError, match="has no column HYP; make it with superclasses"):
        binary_labels(superclasses(TABLE, STATEMENTS).drop(columns="HYP"))


def test_tables_are_not_changed():
    before = TABLE.copy(deep=True), STATEMENTS.copy(deep=True)
    flags = superclasses(TABLE, STATEMENTS)
    kept = flags.copy()
    for rule in LABEL_RULES:
        binary_labels(flags, rule)
    pd.testing.assert_frame_equal(flags, kept)
    pd.testing.assert_frame_equal(TABLE, before[0])
    pd.testing.assert_frame_equal(STATEMENTS, before[1])


def test_real_sample_has_the_published_numbers(real_dataset, caplog):
    flags = superclasses(real_dataset.table, real_dataset.statements)
    assert flags.sum().to_dict() == {"NORM": 544, "MI": 191, "STTC": 236, "CD": 199, "HYP": 102}
    labels = binary_labels(flags, "labelled")
    assert (len(labels), int((labels == 0).sum()), int(labels.sum())) == (1004, 529, 475)
    assert len(binary_labels(flags, "paper")) == 1016
    assert "12 without superclass dropped" in caplog.text
