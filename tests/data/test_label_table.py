"""A table of labels: its columns, its classes, and the folds that patients are dealt to."""

import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from labelled_recordings import write_table

from signalcam.data.label_table import make_folds, read_label_table
from signalcam.errors import DatasetError


def test_made_folds_spread_each_class_evenly_and_follow_the_seed():
    rng = np.random.default_rng(0)
    patients = pd.Series(rng.integers(0, 300, 500))
    targets = pd.DataFrame({"common": rng.random(500) < 0.5, "rare": rng.random(500) < 0.08}).astype(int)
    folds = make_folds(patients, targets)
    assert folds.groupby(patients).nunique().max() == 1
    counts = targets.groupby(folds).sum()
    assert counts["common"].max() - counts["common"].min() <= 4
    assert counts["rare"].max() - counts["rare"].min() <= 2
    assert folds.equals(make_folds(patients, targets))
    assert not folds.equals(make_folds(patients, targets, seed=1))


def deal_in_fractions(patients, targets, seed):
    """The same dealing patient by patient, in exact numbers: the fold of each record."""
    kinds = [(name, value) for name in targets for value in (1, 0)]
    of = {
        patient: {(name, value): int((rows[name] == value).sum()) for name, value in kinds}
        for patient, rows in targets.groupby(patients, sort=False)
    }
    totals = {kind: sum(counts[kind] for counts in of.values()) for kind in kinds}
    chance = dict(zip(of, np.random.default_rng(seed).random(len(of)), strict=True))

    def rank(patient):
        counts = of[patient]
        rarest = min(totals[kind] for kind in kinds if counts[kind])
        return rarest, -sum(counts.values()), chance[patient]

    held, folds = {fold: dict.fromkeys(kinds, 0) for fold in (10, 1, 9, 2, 3, 4, 5, 6, 7, 8)}, {}
    for patient in sorted(of, key=rank):

        def fullness(fold, counts=of[patient]):
            there = (kind for kind in kinds if counts[kind])
            return sum(Fraction(held[fold][kind] * counts[kind], totals[kind] ** 2) for kind in there)

        folds[patient] = min(held, key=fullness)
        for kind in kinds:
            held[folds[patient]][kind] += of[patient][kind]
    return patients.map(folds)


@pytest.mark.parametrize(("seed", "n"), [(0, 30), (1, 200), (2, 400), (3, 400)])
def test_folds_are_dealt_as_in_exact_numbers_so_that_no_rounding_decides_between_equal_folds(seed, n):
    rng = np.random.default_rng(seed)
    patients = pd.Series(rng.integers(0, n // 2, n), pd.Index(range(n)[::-1]))
    shares = {"common": 0.5, "some": 0.2, "rare": 0.04}
    targets = pd.DataFrame({name: rng.random(n) < share for name, share in shares.items()}).astype(int)
    targets = targets.assign(never=0, two=0, one=0).set_axis(patients.index)
    targets.loc[targets.index[-2:], "two"] = targets.loc[targets.index[0], "one"] = 1
    pd.testing.assert_series_equal(
        make_folds(patients, targets, seed), deal_in_fractions(patients, targets, seed)
    )


def test_a_class_of_three_patients_is_in_every_split():
    targets = pd.DataFrame({"rare": [1] * 3 + [0] * 97})
    assert set(make_folds(pd.Series(range(100)), targets)[:3]) == {10, 1, 9}


def test_folds_may_be_named(tmp_path):
    names = ("train", "test", "validation", "7")
    rows = [{"file": f"r{k}", "label": k % 2, "fold": name} for k, name in enumerate(names)]
    assert read_label_table(write_table(tmp_path / "labels.csv", rows))[0]["strat_fold"].tolist() == [
        1,
        10,
        9,
        7,
    ]


def test_labels_are_words_numbers_or_columns(tmp_path):
    def read(rows, classes=None):
        rows = [{"file": f"r{k}"} | row for k, row in enumerate(rows)]
        targets = read_label_table(write_table(tmp_path / "labels.csv", rows), classes)[1]
        assert set(targets.dtypes) == {np.dtype(np.int8)}
        return targets

    assert read([{"label": "1"}, {"label": "0"}])["ABNORMAL"].tolist() == [1, 0]
    assert read([{"Label": "Abnormal "}, {"Label": "NORMAL"}])["ABNORMAL"].tolist() == [1, 0]
    assert read([{"label": "AF"}, {"label": "normal"}]).to_dict("list") == {"AF": [1, 0]}
    three = read([{"label": "AF"}, {"label": "SR"}, {"label": "normal"}])
    assert three.to_dict("list") == {"AF": [1, 0, 0], "SR": [0, 1, 0], "normal": [0, 0, 1]}
    rows = [{"AF": 1, "LVH": 1, "age": 50}, {"AF": 0, "LVH": 1, "age": 60}]
    assert read(rows).to_dict("list") == {"AF": [1, 0], "LVH": [1, 1]}
    assert read(rows, ["LVH"]).to_dict("list") == {"LVH": [1, 1]}
    assert read([row | {"label": "old"} for row in rows], ["LVH"]).to_dict("list") == {"LVH": [1, 1]}
    assert read([row | {"label": "old"} for row in rows], ["LVH", "AF"]).columns.tolist() == ["LVH", "AF"]
    assert read([{"label": "SR"}, {"label": "Normal"}, {"label": "AF"}], ["AF", "SR"]).to_dict("list") == {
        "AF": [0, 0, 1],
        "SR": [1, 0, 0],
    }
    assert read([{"label": "0"}, {"label": "AF"}, {"label": "1"}]).columns.tolist() == ["0", "1", "AF"]
    assert read([{"label": "AF"}, {"label": "NA"}]).to_dict("list") == {"AF": [1, 0], "NA": [0, 1]}
    assert read([{"label": "normal"}, {"label": "AF"}], ["normal", "AF"]).columns.tolist() == ["normal", "AF"]


@pytest.mark.parametrize(
    ("rows", "classes", "match"),
    [
        (["AF", "VT"], ["AF", "SR"], "label must be one of AF, SR, got 'VT' for file r1"),
        (["x"], [f"c{k}" for k in range(23)], "label must be one of c0, .*c19 and 3 more, got 'x'"),
        (["0", "AF"], ["ABNORMAL"], "label must be 0, 1, normal or abnormal, got 'AF' for file r1"),
        (
            [{"AF": "1", "LVH": "0"}],
            ["MI"],
            r"must have a column 'label', or one a class \(MI\); .* file, AF",
        ),
        ([{"age": "9"}], None, r"or one a class \(0 and 1\); its columns are file, age\."),
        ([{f"c{k}": "1" for k in range(23)}], ["MI"], r"its columns are file, c0, .*c19 and 3 more\."),
    ],
)
def test_labels_that_cannot_be_those_wanted_are_refused(tmp_path, rows, classes, match):
    rows = [row if isinstance(row, dict) else {"label": row} for row in rows]
    table = write_table(tmp_path / "labels.csv", [{"file": f"r{k}"} | row for k, row in enumerate(rows)])
    with pytest.raises(DatasetError, match=rf"labels\.csv.*{match}"):
        read_label_table(table, classes)


@pytest.mark.parametrize("content", ["file,label\na,1,\nb,0,\n", "file,label,Label\na,1,1\nb,0,0\n"])
def test_fields_without_a_column_and_columns_of_one_name_are_refused(tmp_path, content):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(DatasetError, match="must name each column once, and as many columns as its rows"):
        read_label_table(tmp_path / "labels.csv")


def test_columns_are_known_in_any_case_and_by_any_mark_and_texts_are_kept(tmp_path):
    header = "FILE; Patient ;fOLD;AGE;Sex;AF;lvh"
    (tmp_path / "labels.csv").write_text(f"{header}\na\\b\\r1; 007 ;1;50;NA;1;0\n~r2; 7;2;;;0;0\n")
    with pytest.raises(DatasetError, match="got '~r2' for line 3"):
        read_label_table(tmp_path / "labels.csv")
    (tmp_path / "labels.csv").write_text(f"{header}\na\\b\\r1; 007 ;1;50;NA;1;0\nr2; 7;2;;;0;0\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table, targets = read_label_table(tmp_path / "labels.csv")
    assert targets.to_dict("index") == {"a/b/r1": {"AF": 1, "lvh": 0}, "r2": {"AF": 0, "lvh": 0}}
    assert table.drop(columns=["AF", "lvh"]).to_dict("list") == {
        "patient": ["007", "7"],
        "fold": ["1", "2"],
        "age": ["50", ""],
        "sex": ["NA", ""],
        "patient_id": ["007", "7"],
        "strat_fold": [1, 2],
    }
    assert table["strat_fold"].dtype == np.int64


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"file,label\n", r"must have a column 'file' and rows, got file, label\."),
        (b"name,label\nr1,0\n", r"must have a column 'file' and rows, got name, label\."),
        (b"", "must be a CSV table, got one that cannot be read"),
        (b"file,label\n\xff,0\n", "must be a CSV table, got one that cannot be read"),
    ],
)
def test_a_file_that_is_no_table_of_labels_is_named(tmp_path, content, match):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"labels\.csv {match}"):
        read_label_table(tmp_path / "labels.csv")
