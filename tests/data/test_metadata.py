"""PTB-XL's tables cell by cell: what is read, what is refused, and what the message names."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from signalcam.data.metadata import (
    check_folds,
    check_present,
    is_safe_relative_path,
    known_ids,
    read_database,
    read_statements,
    refuse_rows,
)
from signalcam.errors import DatasetError

HEAD = "ecg_id,patient_id,scp_codes,strat_fold,filename_lr,filename_hr"


@pytest.fixture
def read(tmp_path):
    """Read a table of two records, the cells of the second of which are given."""

    def read(ecg_id="9", patient_id="8", scp_codes="{'NORM': 100}", strat_fold="10", name="a/9"):
        row = f'{ecg_id},{patient_id},"{scp_codes}",{strat_fold},{name},b/9'
        path = tmp_path / "ptbxl_database.csv"
        path.write_text(f"{HEAD}\n7,6,{{'NORM': 100}},1,a/7,b/7\n{row}\n")
        return read_database(tmp_path)

    return read


def test_table_has_whole_numbers_and_a_dict_of_floats_for_each_record(read):
    table = read(scp_codes="{'IMI': 35, 'SR': 0}")
    assert table.index.tolist() == [7, 9]
    assert table.index.name == "ecg_id"
    assert table["patient_id"].tolist() == [6, 8]
    assert table["strat_fold"].tolist() == [1, 10]
    assert {table.index.dtype, table["patient_id"].dtype, table["strat_fold"].dtype} == {np.dtype("int64")}
    assert table["scp_codes"].tolist() == [{"NORM": 100.0}, {"IMI": 35.0, "SR": 0.0}]
    assert isinstance(table["scp_codes"][9]["IMI"], float)
    assert table["filename_hr"].tolist() == ["b/7", "b/9"]


def test_numbers_written_with_a_point_are_whole_all_the_same(read):
    table = read(ecg_id="9.0", patient_id="8.", strat_fold="1e1")
    assert (table.index.tolist(), table.index.dtype) == ([7, 9], np.int64)
    assert (table.loc[9, "patient_id"], table.loc[9, "strat_fold"]) == (8, 10)


def test_a_column_is_of_one_type_however_long_the_table(tmp_path):
    """pandas reads wide tables piece by piece, and would guess the type anew for each."""
    n_records, wide = 600, ",0" * 2000
    rows = [
        f"{k},6,{{'NORM': 100}},1,a/{k},b/{k}{wide},{k if k < n_records else 'old'}" for k in range(1, 601)
    ]
    head = HEAD + "".join(f",column{k}" for k in range(2000)) + ",remark"
    (tmp_path / "ptbxl_database.csv").write_text("\n".join([head, *rows]) + "\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        remarks = read_database(tmp_path)["remark"]
    assert {type(remark) for remark in remarks} == {str}


def test_records_with_one_text_do_not_share_its_dict(read):
    codes = read()["scp_codes"]
    codes[7]["SR"] = 0.0
    assert codes[9] == {"NORM": 100.0}


@pytest.mark.bad_input(33)
def test_numbers_are_told_apart_up_to_two_to_the_53rd(read):
    assert read(patient_id=str(2**53 - 1))["patient_id"][9] == 2**53 - 1
    assert read(ecg_id=str(1 - 2**53)).index[1] == 1 - 2**53
    for wrong in (2**53, -(2**53)):
        with pytest.raises(
            DatasetError, match=f"patient_id must be a whole number, got {wrong} for ecg_id 9"
        ):
            read(patient_id=str(wrong))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"ecg_id": "x"}, "ecg_id must be a whole number, got 'x' for line 3."),
        ({"ecg_id": "7"}, "each ecg_id must be there once; more than once: 7."),
        ({"patient_id": "1.5"}, "patient_id must be a whole number, got 1.5 for ecg_id 9."),
        ({"strat_fold": "x"}, "strat_fold must be a whole number, got 'x' for ecg_id 9."),
        ({"strat_fold": "0"}, "strat_fold must be a whole number from 1 to 10, got 0 for ecg_id 9."),
        ({"strat_fold": "11"}, "strat_fold must be a whole number from 1 to 10, got 11 for ecg_id 9."),
        ({"name": "/a"}, "filename_lr must be a path inside the dataset such as"),
        ({"scp_codes": "{'NORM': 100.5}"}, "scp_codes must be a dict of statement code to likelihood from"),
        ({"scp_codes": "{'NORM': -0.5}"}, "scp_codes must be a dict"),
        ({"scp_codes": "{'NORM': None}"}, "scp_codes must be a dict"),
        ({"scp_codes": "{7: 100}"}, "scp_codes must be a dict"),
    ],
)  # fmt: skip
def test_message_names_the_file_the_column_the_value_and_the_row(read, tmp_path, cells, message):
    expected = f"{tmp_path / 'ptbxl_database.csv'}: {message}"
    with pytest.raises(DatasetError, match="^" + re.escape(expected)):
        read(**cells)


@pytest.mark.bad_input(30)
def test_codes_are_shown_cut_short_with_the_records_and_the_cause(read):
    assert read(scp_codes="{'NORM': 100}".ljust(10_000))["scp_codes"][9] == {"NORM": 100.0}
    long = "{'NORM': 100}".ljust(10_001)
    with pytest.raises(DatasetError, match="not so for ecg_id 9") as caught:
        read(scp_codes=long)
    assert f"got {long[:60]!r}; not so" in str(caught.value)
    assert str(caught.value.__cause__) == "not text, or too long"
    with pytest.raises(DatasetError, match="not so for ecg_id 9") as caught:
        read(scp_codes="['NORM']")
    assert str(caught.value.__cause__) == "a list, not a dict"
    with pytest.raises(DatasetError, match="not so for ecg_id 9") as caught:
        read(scp_codes="{'NORM': 'x'}")
    assert str(caught.value.__cause__) == "'NORM': 'x'"


@pytest.mark.bad_input(3)
def test_table_that_is_not_there_or_none_says_what_to_do(tmp_path):
    path = tmp_path / "ptbxl_database.csv"
    with pytest.raises(FileNotFoundError, match=f"{path} is missing.*signalcam download {tmp_path}`"):
        read_database(tmp_path)
    path.write_text("a,b\n1,2\n")
    wanted = "ecg_id, patient_id, scp_codes, strat_fold, filename_lr and 1 more; it has a, b"
    with pytest.raises(
        DatasetError, match=rf"{path} has no column {wanted}\. Is it PTB-XL's ptbxl_database\.csv"
    ):
        read_database(tmp_path)
    path.write_text(HEAD)
    with pytest.raises(DatasetError, match=f"{path} has a header line and no rows"):
        read_database(tmp_path)
    path.write_bytes(b"")
    with pytest.raises(DatasetError, match=rf"{path} is not a readable CSV table \(No columns") as caught:
        read_database(tmp_path)
    assert isinstance(caught.value.__cause__, ValueError)


def test_statements_are_indexed_by_code(tmp_path):
    path = tmp_path / "scp_statements.csv"
    path.write_text(",words,diagnostic,diagnostic_class\nNORM,a,1.0,NORM\nSR,b,,\n")
    found = read_statements(tmp_path)
    assert found.index.tolist() == ["NORM", "SR"]
    assert found.index.name == "code"
    assert found["diagnostic"].fillna(0).tolist() == [1, 0]
    assert found.loc["NORM", "diagnostic_class"] == "NORM"
    for row in ("NORM,c,1.0,MI", ",c,1.0,MI"):
        path.write_text(f",words,diagnostic,diagnostic_class\nNORM,a,1.0,NORM\n{row}\n")
        with pytest.raises(
            DatasetError, match=f"{path}: the first column must hold each statement code once"
        ):
            read_statements(tmp_path)
    path.write_text(",words\nNORM,a\n")
    with pytest.raises(DatasetError, match=f"{path} has no column diagnostic, diagnostic_class; it has"):
        read_statements(tmp_path)


@pytest.mark.bad_input(33)
def test_table_that_is_checked_by_itself_is_called_the_table():
    table = pd.DataFrame({"patient_id": [1, 2], "strat_fold": [1, 10]}, pd.Index([7, 9], name="ecg_id"))
    check_folds(table)
    for column in table:
        wanted = f"^The table has no column '{column}': needed to split by fold and patient"
        with pytest.raises(DatasetError, match=wanted):
            check_folds(table.drop(columns=column))
        with pytest.raises(DatasetError, match=f"^The table: {column} is missing for ecg_id 9"):
            check_folds(table.assign(**{column: [1, None]}))
        with pytest.raises(DatasetError, match=f"^Mine: {column} is missing for ecg_id 7"):
            check_folds(table.assign(**{column: [None, 1]}), "Mine")
        with pytest.raises(DatasetError, match=f"^Mine has no column '{column}'"):
            check_present(table.drop(columns=column), column, "Mine")
        with pytest.raises(DatasetError, match=f"^The table has no column '{column}'"):
            check_present(table.drop(columns=column), column)
    with pytest.raises(
        DatasetError, match="^Mine: strat_fold must be a whole number from 1 to 10, got 11 for"
    ):
        check_folds(table.assign(strat_fold=[1, 11]), "Mine")


def test_rows_that_are_wrong_are_listed_with_their_place():
    column = pd.Series(["a", "b", "c"], [4, 5, 6], name="sex")
    wrong = pd.Series([True, False, True], [4, 5, 6])
    refuse_rows("here", column, wrong & False, "be b")
    with pytest.raises(DatasetError, match="^here: sex must be b, got 'a' for 4, 'c' for 6.$"):
        refuse_rows("here", column, wrong, "be b")
    with pytest.raises(DatasetError, match="^here: sex must be b, got 'a' for line 4, 'c' for line 6.$"):
        refuse_rows("here", column.rename_axis("line"), wrong, "be b")


def test_known_ids_are_an_index_in_the_order_given():
    table = pd.DataFrame(index=[3, 1, 2])
    assert known_ids(table, [2, 3, 2], "ids").tolist() == [2, 3, 2]
    with pytest.raises(
        ValueError, match="^ids must be ecg_ids of the table, got 2 that it does not have: 4, 5"
    ):
        known_ids(table, [3, 4, 5], "ids")
    with pytest.raises(ValueError, match="^ids must be ecg_ids, got a boolean mask"):
        known_ids(table, np.array([True, False, True]), "ids")


@pytest.mark.security
@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "/a", "a/", "a//b", ".", "./a", "a/.", "..", "../a", "a/..", "~", "~a/b"),
        *("a:b", "a\\b", "a\0", "a\nb", "a\rb", 7, None),
    ],
)
def test_path_that_may_lead_elsewhere_on_some_system_is_not_safe(name):
    assert not is_safe_relative_path(name)


@pytest.mark.parametrize("name", ["a", "a/b", "a.b/c-d_e", "..a", "a~", "a/~b", "a b"])
def test_path_below_its_folder_is_safe(name):
    assert is_safe_relative_path(name)
