"""Splits by fold and by hand; nothing may be in two of them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signalcam.data.labels import binary_labels, superclasses
from signalcam.data.splits import check_leakage, split_by_fold
from signalcam.errors import DatasetError, LeakageError


@pytest.fixture
def table():
    """40 records of 20 patients, two records of a patient in one fold."""
    k = np.arange(40)
    frame = {"patient_id": 100 + k // 2, "strat_fold": 1 + (k // 2) % 10}
    return pd.DataFrame(frame, index=pd.Index(k + 1, name="ecg_id"))


def test_split_by_fold_takes_one_fold_each_to_test_and_validate(table):
    splits = split_by_fold(table)
    assert list(splits) == ["train", "validation", "test"]
    assert splits["test"].tolist() == [19, 20, 39, 40]
    assert splits["validation"].tolist() == [17, 18, 37, 38]
    assert sorted(np.concatenate(list(splits.values()))) == list(range(1, 41))
    assert split_by_fold(table, test_fold=1, validation_fold=2)["test"].tolist() == [1, 2, 21, 22]


@pytest.mark.parametrize(
    ("test", "validation", "said"),
    [
        (0, 9, "test_fold must be a whole number from 1 to 10, got 0"),
        (11, 9, "test_fold must be a whole number from 1 to 10, got 11"),
        (10, 0, "validation_fold must be a whole number from 1 to 10, got 0"),
        (10, 11, "validation_fold must be a whole number from 1 to 10, got 11"),
        ("10", 9, "test_fold must be a whole number from 1 to 10, got '10'"),
        (10, 2.5, "validation_fold must be a whole number from 1 to 10, got 2.5"),
    ],
)
def test_fold_out_of_range_is_refused_by_name(table, test, validation, said):
    with pytest.raises(ValueError, match=f"^{said}"):
        split_by_fold(table, test, validation)


def test_equal_folds_and_empty_splits_are_refused(table):
    with pytest.raises(ValueError, match="must differ, both are 9"):
        split_by_fold(table, 9, 9)
    with pytest.raises(
        DatasetError, match=r"No record falls into test: the 36 records are of fold .*8, 9\. Choose"
    ):
        split_by_fold(table[table["strat_fold"] != 10])
    some = table[table["strat_fold"].isin([3, 1])]
    with pytest.raises(
        DatasetError, match="into validation, test: the 8 records are of fold 1, 3. Choose folds"
    ):
        split_by_fold(some)


@pytest.mark.bad_input(33)
def test_fold_or_patient_that_is_missing_or_impossible_names_the_records(table):
    for column in table:
        with pytest.raises(DatasetError, match=f"no column '{column}'"):
            split_by_fold(table.drop(columns=column))
        spoiled = table.astype(float)
        spoiled.loc[[3, 7], column] = np.nan
        with pytest.raises(DatasetError, match=f"{column} is missing for ecg_id 3, 7"):
            split_by_fold(spoiled)
    table.loc[5, "strat_fold"] = 12
    with pytest.raises(DatasetError, match="got 12 for ecg_id 5"):
        split_by_fold(table)


@pytest.mark.bad_input(34)
def test_patient_in_two_splits_is_refused_with_patient_splits_and_records(table):
    splits = {"train": [1, 3, 5], "test": [2, 7]}
    with pytest.raises(
        LeakageError, match=r"1 patient is in more than one split: patient_id 100 in train"
    ) as caught:
        check_leakage(splits, table)
    assert "train (ecg_id 1) and test (ecg_id 2)" in str(caught.value)


@pytest.mark.bad_input(34)
def test_folds_that_part_a_patient_are_refused(table):
    table.loc[20, "strat_fold"] = 1
    with pytest.raises(LeakageError, match="patient_id 109"):
        split_by_fold(table)


@pytest.mark.bad_input(34)
def test_record_in_two_splits_is_refused(table):
    with pytest.raises(LeakageError, match="1 record is in more than one split: ecg_id 4 in a .* and c"):
        check_leakage({"a": [3, 4], "b": [7, 8], "c": [4]}, table)


@pytest.mark.bad_input(34)
def test_identical_signal_in_two_splits_is_refused(table, rng):
    signals = rng.normal(size=(40, 20, 12)).astype(np.float32)
    splits = split_by_fold(table)
    before = signals.copy()
    check_leakage(splits, table, signals)
    np.testing.assert_array_equal(signals, before)
    signals[0, 0, 0], signals[19, 0, 0] = 0.0, -0.0
    signals[19, 1:], signals[19, 0, 1:] = signals[0, 1:], signals[0, 0, 1:]
    with pytest.raises(
        LeakageError, match=r"identical signal is in more than one split: in train \(ecg_id 1\)"
    ) as caught:
        check_leakage(splits, table, signals)
    assert "test (ecg_id 20)" in str(caught.value)
    order = np.arange(40)[::-1]
    with pytest.raises(LeakageError, match="ecg_id 20"):
        check_leakage(splits, table, signals[order], ecg_ids=table.index[order])
    signals[1] = signals[0]
    check_leakage({"train": [1, 2]}, table, signals)


def test_signals_that_differ_by_however_little_are_not_identical(table):
    signals = 1e-12 * np.arange(1, 41, dtype=np.float32).reshape(40, 1, 1)
    check_leakage(split_by_fold(table), table, signals)
    signals[:] = signals[0]
    with pytest.raises(LeakageError, match="identical signal"):
        check_leakage(split_by_fold(table), table, signals)


def test_message_of_leakage_lists_all_that_is_shared_and_what_to_do(table, rng):
    """Records 1 to 4 of two patients are in both splits, and 5 and 7 are one signal."""
    signals = rng.normal(size=(40, 3, 12))
    signals[6] = signals[4]
    splits = {"a": [1, 2, 3, 4, 5], "b": [1, 2, 3, 4, 7]}
    with pytest.raises(LeakageError) as caught:
        check_leakage(splits, table, signals)
    records = ", ".join(f"ecg_id {k} in a (ecg_id {k}) and b (ecg_id {k})" for k in range(1, 5))
    patients = ", ".join(
        f"patient_id {patient} in a (ecg_id {ids}) and b (ecg_id {ids})"
        for patient, ids in ((100, "1, 2"), (101, "3, 4"))
    )
    pairs = ", ".join(f"in a (ecg_id {i}) and b (ecg_id {7 if i == 5 else i})" for i in range(1, 6))
    assert str(caught.value) == (
        f"4 records are in more than one split: {records}. "
        f"2 patients are in more than one split: {patients}. "
        f"5 identical signals are in more than one split: {pairs}. "
        "Keep all records of a patient in one split, e.g. with split_by_fold."
    )


def test_many_records_of_a_shared_patient_are_counted_and_the_index_gives_the_name(table):
    one = table.assign(patient_id="p").rename_axis("record")
    with pytest.raises(
        LeakageError, match=r"patient_id p in a \(record 1, 2, 3 and 2 more\) and b \(record 9\)"
    ):
        check_leakage({"a": [1, 2, 3, 4, 5], "b": [9]}, one)
    with pytest.raises(LeakageError, match=r"patient_id p in a \(ecg_id 1\) and b \(ecg_id 9\)"):
        check_leakage({"a": [1], "b": [9]}, one.rename_axis(None))


def test_bar_over_the_signals_is_shown_by_request_and_for_the_records_in_use(table, rng, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "signalcam.data.splits.tqdm",
        lambda items, **how: shown.append((list(items), how)) or items,
    )
    signals = rng.normal(size=(40, 3, 12))
    for progress in (True, False):
        check_leakage({"a": [2, 1], "b": [7]}, table, signals, progress=progress)
    check_leakage({"a": [2, 1], "b": [7]}, table, signals)
    assert [items for items, _ in shown] == [[0, 1, 6]] * 3
    assert [how["disable"] for _, how in shown] == [False, True, False]
    assert {(how["desc"], how["delay"]) for _, how in shown} == {("Comparing signals", 1)}


def test_ids_that_do_not_fit_are_refused(table, rng):
    signals = rng.normal(size=(39, 5, 12))
    with pytest.raises(ValueError, match="signals has 39 records, ecg_ids 40"):
        check_leakage({"a": [1]}, table, signals)
    with pytest.raises(ValueError, match="no record of ecg_id 40"):
        check_leakage({"a": [1, 40]}, table, signals, table.index[:39])
    with pytest.raises(
        ValueError, match="Split 'a' must be ecg_ids of the table, got 1 that it does not have: 99"
    ):
        check_leakage({"a": [1, 99]}, table)
    with pytest.raises(ValueError, match="got a boolean mask"):
        check_leakage({"a": table["strat_fold"] == 1}, table)


@settings(max_examples=40, deadline=None)
@given(assignment=st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_leakage_is_found_exactly_where_a_patient_is_parted(assignment):
    k = np.arange(40)
    table = pd.DataFrame({"patient_id": 100 + k // 2}, index=pd.Index(k + 1, name="ecg_id"))
    owner = np.array(assignment)
    splits = {str(name): table.index[owner == name] for name in range(3)}
    parted = (owner[0::2] != owner[1::2]).sum()
    if not parted:
        check_leakage(splits, table)
        return
    with pytest.raises(LeakageError, match=f"^{parted} patient"):
        check_leakage(splits, table)


def test_real_sample_splits_as_published_and_shares_no_signal(real_dataset):
    labels = binary_labels(superclasses(real_dataset.table, real_dataset.statements), "labelled")
    splits = split_by_fold(real_dataset.table.loc[labels.index])
    assert {name: len(ids) for name, ids in splits.items()} == {"train": 741, "validation": 133, "test": 130}
