"""Recordings of your own: folds by patient, leakage, labels that are wrong, recordings that are broken."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from labelled_recordings import read_table, write_labelled, write_table

from signalcam.data import load_labelled
from signalcam.data.labelled import make_folds, read_label_table
from signalcam.errors import DatasetError, LeakageError
from signalcam.leads import LEADS
from signalcam.recordings import Recording

QUIET = {"progress": False}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folder of 80 recordings of 40 patients, with labels.csv; read only."""
    folder = tmp_path_factory.mktemp("own")
    write_labelled(folder)
    return folder


def load(place, labels=None, **changes):
    return load_labelled(place / "recordings", labels or place / "labels.csv", **QUIET | changes)


def changed(place, tmp_path, change):
    """The table with rows changed, written elsewhere."""
    rows = read_table(place / "labels.csv")
    return write_table(tmp_path / "labels.csv", change(rows) or rows)


def test_records_are_aligned_and_each_patient_is_in_one_fold(place):
    records = load(place)
    assert records.signals.shape == (80, 1000, 12)
    assert list(records.targets) == ["ABNORMAL"]
    assert records.targets["ABNORMAL"].tolist() == [k // 2 % 2 for k in range(80)]
    assert records.table.groupby("patient_id")["strat_fold"].nunique().max() == 1
    assert records.folds("test") == (10,)
    assert records.folds("validation") == (9,)
    np.testing.assert_array_equal(records.read("test"), records.signals[records.indices("test")])
    assert "ABNORMAL in 32 of 64 (train), 4 of 8 (validation), 4 of 8 (test)" in records.source


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


def test_a_class_of_three_patients_is_in_every_split():
    targets = pd.DataFrame({"rare": [1] * 3 + [0] * 97})
    assert set(make_folds(pd.Series(range(100)), targets)[:3]) == {10, 1, 9}


def test_a_patient_in_two_folds_is_refused_by_name(place, tmp_path):
    def deal(rows):
        for k, row in enumerate(rows):
            row["fold"] = 1 + k // 8
        rows[0]["fold"] = 10

    with pytest.raises(LeakageError, match=r"patient_id patient 0 in fold 1 .*p0_1.* and fold 10 .*p0_0"):
        load(place, changed(place, tmp_path, deal))


def test_one_signal_in_two_splits_is_refused_by_name(place, tmp_path):
    def deal(rows):
        for k, row in enumerate(rows):
            row |= {"fold": ("train", "validation", "test")[k % 3], "patient": k}

    folder = tmp_path / "copies"
    folder.mkdir()
    for name in ("p0_0", "p1_0", "p2_0", "p3_0"):
        for suffix in (".hea", ".dat"):
            text = (place / "recordings" / f"{name}{suffix}").read_bytes()
            (folder / f"{name}{suffix}").write_bytes(text)
    (folder / "copy.dat").write_bytes((folder / "p0_0.dat").read_bytes())
    (folder / "copy.hea").write_bytes((folder / "p0_0.hea").read_bytes().replace(b"p0_0", b"copy"))
    names = ("p0_0", "p1_0", "p2_0", "p3_0", "copy")
    folds = ("train", "train", "validation", "test", "test")
    rows = [
        {"file": name, "label": k % 2, "fold": fold}
        for k, (name, fold) in enumerate(zip(names, folds, strict=True))
    ]
    with pytest.raises(LeakageError, match=r"identical signal.*train \(record p0_0\).*test \(record copy\)"):
        load_labelled(folder, write_table(tmp_path / "labels.csv", rows), **QUIET)


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("file", "absent.hea", r"that are not there: absent\.hea"),
        ("file", "", "file must be a path in the folder, each once, got '' for line 2"),
        ("file", "p0_1", "each once, got 'p0_1' for line 3"),
        ("file", "../../secret", "file must be a path in the folder"),
        ("label", "", "label must have a value in each row, got '' for file p0_0"),
        ("patient", "", "patient must have a value in each row, got '' for file p0_0"),
        ("fold", "11", r"fold must be 1 to 10, or train, validation, test, got '11' for file p0_0"),
        ("MI", "2", "MI must be 0 or 1 .*--classes.*, got '2' for file p0_0"),
    ],
)
def test_a_wrong_cell_is_named(place, tmp_path, key, value, match):
    def change(rows):
        for row in rows:
            if key == "MI":
                row.pop("label")
            row.setdefault(key, "1")
        rows[0][key] = value

    with pytest.raises(DatasetError, match=match):
        load(place, changed(place, tmp_path, change))


def test_broken_recordings_are_left_out_with_the_reason(tmp_path):
    labels = write_labelled(tmp_path)
    (tmp_path / "recordings" / "p3_0.dat").write_bytes(b"12")
    records = load(tmp_path, labels)
    assert list(records.skipped) == ["p3_0"]
    assert "24,000 bytes" in records.skipped["p3_0"]
    assert len(records.targets) == len(records.signals) == 79
    assert "1 were left out" in records.source


def test_labels_are_words_numbers_or_columns(tmp_path):
    def read(rows, classes=None):
        rows = [{"file": f"r{k}"} | row for k, row in enumerate(rows)]
        return read_label_table(write_table(tmp_path / "labels.csv", rows), classes)[1]

    assert read([{"label": "1"}, {"label": "0"}])["ABNORMAL"].tolist() == [1, 0]
    assert read([{"Label": "Abnormal "}, {"Label": "NORMAL"}])["ABNORMAL"].tolist() == [1, 0]
    assert read([{"label": "AF"}, {"label": "normal"}]).to_dict("list") == {"AF": [1, 0]}
    three = read([{"label": "AF"}, {"label": "SR"}, {"label": "normal"}])
    assert three.to_dict("list") == {"AF": [1, 0, 0], "SR": [0, 1, 0], "normal": [0, 0, 1]}
    rows = [{"AF": 1, "LVH": 1, "age": 50}, {"AF": 0, "LVH": 1, "age": 60}]
    assert read(rows).to_dict("list") == {"AF": [1, 0], "LVH": [1, 1]}
    assert read(rows, ["LVH"]).to_dict("list") == {"LVH": [1, 1]}
    with pytest.raises(DatasetError, match="label must be one of AF, SR, got 'VT' for file r1"):
        read([{"label": "AF"}, {"label": "VT"}], ["AF", "SR"])
    with pytest.raises(DatasetError, match=r"must have a column 'label', or one a class \(MI\)"):
        read(rows, ["MI"])


def test_windows_of_a_recording_share_its_split_and_labels(tmp_path):
    labels = write_labelled(tmp_path, n_patients=12, n_times=2500)
    records = load(tmp_path, labels, length="window")
    assert len(records.signals) == 72
    assert records.labels.index[:3].tolist() == ["p0_0", "p0_0, 10 s", "p0_0, 15 s"]
    assert records.table.groupby("file")["strat_fold"].nunique().max() == 1
    assert not records.dataset.table.index.duplicated().any()


def test_any_leads_and_any_length_are_read(tmp_path):
    labels = write_labelled(tmp_path, n_patients=12, n_times=300, leads=("MLII", "V5", "V1"))
    how = {"duration": 3, "source_rate": 100, "unit": "mV"}
    assert load(tmp_path, labels, leads="V5,MLII", **how).signals.shape == (24, 300, 2)
    with pytest.raises(ValueError, match=r"None of 24 recordings.*Missing: I, II"):
        load(tmp_path, labels, **how)


def test_few_records_of_a_class_are_said_and_none_refused(place, tmp_path):
    def few(rows):
        for k, row in enumerate(rows):
            row["label"] = "rare" if k in (2, 6, 10, 14) else "normal"

    assert "Fewer than 10 with or without rare" in load(place, changed(place, tmp_path, few)).source
    with pytest.raises(ValueError, match="with and without each class, got only one of these for ABNORMAL"):
        load(place, changed(place, tmp_path, lambda rows: [row | {"label": 1} for row in rows]))


def test_leads_of_ptb_xl_are_chosen_by_one_argument(simulated_dataset):
    from signalcam.data import load_ptbxl

    whole = load_ptbxl(simulated_dataset, cache=False, progress=False)
    some = load_ptbxl(simulated_dataset, leads="V1,avr", cache=False, progress=False)
    assert some.leads == ("V1", "aVR")
    np.testing.assert_array_equal(some.signals, whole.signals[..., [LEADS.index("V1"), LEADS.index("aVR")]])
    with pytest.raises(ValueError, match="Missing: V9"):
        load_ptbxl(simulated_dataset, leads="I,V9", cache=False, progress=False)


def test_signals_are_a_map_of_the_cache_until_a_file_beside_the_recordings_changes(tmp_path, monkeypatch):
    recordings = tmp_path / "recordings"
    labels = write_labelled(tmp_path, n_patients=12, n_times=2500).rename(recordings / "labels.csv")
    (recordings / "p3_0.dat").write_bytes(b"12")
    how = {"labels": labels, "length": "window", "cache": tmp_path / "cache"}
    first = load(tmp_path, **how)
    expected = load(tmp_path, **how | {"cache": False})
    labels.touch()  # the table is read in any case
    with monkeypatch.context() as patched:
        patched.setattr("signalcam.data.labelled.read_recording", None)
        second = load(tmp_path, **how)
    assert not isinstance(expected.signals, np.memmap)
    for found in (first, second):
        assert isinstance(found.signals, np.memmap)
        np.testing.assert_array_equal(found.signals, expected.signals)
        assert (found.skipped, found.source) == (expected.skipped, expected.source)
        pd.testing.assert_frame_equal(found.table, expected.table)
    for suffix in (".hea", ".dat"):
        content = (recordings / f"p4_0{suffix}").read_bytes().replace(b"p4_0", b"p3_0")
        (recordings / f"p3_0{suffix}").write_bytes(content)
    assert not load(tmp_path, **how, training=False).skipped
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_reading_holds_a_few_recordings_at_a_time(tmp_path, monkeypatch):
    rng, quality = np.random.default_rng(0), None
    rows = [{"file": f"r{k}.csv", "label": k % 2} for k in range(300)]
    for row in rows:
        (tmp_path / row["file"]).touch()

    def read(path, **how):
        signals = rng.normal(size=(1000, 12)).astype(np.float32)
        return [Recording(signals, 100, path.name, quality, np.zeros(1000, bool))]

    monkeypatch.setattr("signalcam.data.labelled.read_recording", read)
    labels = write_table(tmp_path / "labels.csv", rows)
    load_labelled(tmp_path, labels, cache=tmp_path / "one", **QUIET)  # imports and tables are paid for
    tracemalloc.start()
    records = load_labelled(tmp_path, labels, cache=tmp_path / "two", **QUIET)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert records.signals.nbytes == 300 * 1000 * 12 * 4
    assert peak < 0.2 * records.signals.nbytes
