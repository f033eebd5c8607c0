"""Recordings of your own: folds by patient, leakage, labels that are wrong, recordings that are broken."""

import tracemalloc
import warnings
import zlib

import numpy as np
import pandas as pd
import pytest
from labelled_recordings import read_table, write_labelled, write_table

from signalcam.data import load_labelled
from signalcam.data.label_table import make_folds, read_label_table
from signalcam.errors import DatasetError, LeakageError, RecordWarning
from signalcam.leads import LEADS
from signalcam.recordings import Recording, read_recording

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
    assert records.leads == LEADS
    assert (records.sampling_rate, records.dataset.sampling_rates) == (100, (100,))
    assert records.targets.dtypes.tolist() == [np.int8]
    pd.testing.assert_series_equal(records.labels, records.targets["ABNORMAL"].rename("label"))
    assert {part.index.name for part in (records.table, records.targets, records.superclass)} == {"record"}
    assert not [name for name in ("signals=", "targets=", "skipped=") if name in repr(records)]
    np.testing.assert_array_equal(records.read("test"), records.signals[records.indices("test")])
    assert "ABNORMAL in 32 of 64 (train), 4 of 8 (validation), 4 of 8 (test)" in records.source


def test_folds_follow_the_seed_which_is_0_unless_given(place):
    first, second = (read_label_table(place / "labels.csv", seed=seed)[0]["strat_fold"] for seed in (0, 1))
    assert not first.equals(second)
    assert read_label_table(place / "labels.csv")[0]["strat_fold"].equals(first)
    patients, targets = first.index.to_series(), read_label_table(place / "labels.csv")[1]
    assert make_folds(patients, targets).equals(make_folds(patients, targets, 0))
    for how, folds in (({}, first), ({"seed": 1}, second)):
        assert load(place, **how).table["strat_fold"].tolist() == folds.tolist()


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
        ("file", "absent.hea", r"file must be .* 1 that are not there: absent\.hea"),
        ("file", "", "file must be a path in the folder, each once, got '' for line 2"),
        ("file", "p0_1", "each once, got 'p0_1' for line 3"),
        ("file", "../../secret", "file must be a path in the folder"),
        ("label", "", "label must have a value in each row, got '' for file p0_0"),
        ("patient", "", "patient must have a value in each row, got '' for file p0_0"),
        ("fold", "", "fold must have a value in each row, got '' for file p0_0"),
        ("fold", "11", r"fold must be 1 to 10, or train, validation, test, got '11' for file p0_0"),
        ("fold", "0", "fold must be 1 to 10"),
        ("fold", "first", "fold must be 1 to 10"),
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

    with pytest.raises(DatasetError, match=rf"labels\.csv: .*{match}"):
        load(place, changed(place, tmp_path, change))


def test_the_highest_fold_tests_the_next_validates_and_fewer_than_three_are_refused(place, tmp_path):
    def deal(*folds):
        def change(rows):
            for k, row in enumerate(rows):
                row["fold"] = folds[k // 4 % len(folds)]

        return changed(place, tmp_path, change)

    records = load(place, deal(3, 5, 8))
    assert [records.folds(split) for split in ("train", "validation", "test")] == [(3,), (5,), (8,)]
    few = deal(3, 8)
    with pytest.raises(
        DatasetError, match=r"labels\.csv must give three folds.*got 3, 8\. Give more patients"
    ):
        load(place, few)
    records = load(place, few, training=False)
    assert list(records.splits) == ["test"]
    assert len(records.splits["test"]) == 80
    assert records.source.endswith("\nClasses: ABNORMAL in 40 of 80 (test).")


def test_source_tells_what_was_read_and_names_some_of_what_is_suspect(place):
    messages = []
    for file in ("p0_0", "p0_1", "p1_0"):
        with pytest.warns(RecordWarning) as caught:
            read_recording(place / "recordings" / file)
        messages.append(str(caught[0].message))
    assert load(place).source == (
        f"Using 80 recordings of 40 patients in {place / 'recordings'}, labelled by {place / 'labels.csv'}. "
        "Ten folds of whole patients were made (seed 0). "
        f"80 are suspect: {', '.join(messages)} and 77 more\n"
        "Classes: ABNORMAL in 32 of 64 (train), 4 of 8 (validation), 4 of 8 (test)."
    )


THREE = {"leads": "I,II,V5", "duration": 3, "source_rate": 100, "unit": "mV"}


def test_source_tells_what_a_table_leaves_out_and_which_classes_are_too_few_to_train_on(tmp_path):
    """Of 20 records to train on, 10 have A, 9 have B, and 9 lack C; one file is broken, two have no row."""
    write_labelled(tmp_path, n_patients=13, n_times=300, leads=("I", "II", "V5"))
    folder = tmp_path / "recordings"
    rows = [
        {"file": row["file"], "A": k < 10, "B": k < 9, "C": k < 11, "fold": 1 + (k > 20) + (k > 21)}
        for k, row in enumerate(read_table(tmp_path / "labels.csv")[:24])
    ]
    for row in rows:
        row |= {name: int(row[name]) for name in "ABC"}
    (folder / rows[20]["file"]).write_text("no recording")
    labels = write_table(folder / "labels.csv", rows)
    records = load(tmp_path, labels, **THREE)
    assert records.source == (
        f"Using 24 recordings of 24 patients in {folder}, labelled by {labels}, each file a patient of its "
        "own. 2 more in the folder have no row. 1 were left out, since they could not be read.\n"
        "Classes: A in 10 of 20 (train), 0 of 1 (validation), 0 of 2 (test); "
        "B in 9 of 20 (train), 0 of 1 (validation), 0 of 2 (test); "
        "C in 11 of 20 (train), 0 of 1 (validation), 0 of 2 (test). "
        "Fewer than 10 with or without B, C to train on: too few to rely on."
    )
    assert records.table["patient_id"].tolist() == records.table["file"].tolist()
    assert list(load(tmp_path, labels, classes=("C", "A"), **THREE).targets) == ["C", "A"]
    assert "too few" not in load(tmp_path, labels, training=False, **THREE).source
    (folder / "p12_0.csv").unlink()
    assert "1 more in the folder have no row" in load(tmp_path, labels, **THREE).source
    (folder / "p12_1.csv").unlink()
    assert "have no row" not in load(tmp_path, labels, **THREE).source


def test_only_warnings_of_the_recordings_themselves_make_them_suspect(place, monkeypatch):
    def read(path, **how):
        warnings.warn("of another library", UserWarning, stacklevel=1)
        if path.name == "p5_0":
            warnings.warn("first", RecordWarning, stacklevel=1)
            warnings.warn("second", RecordWarning, stacklevel=1)
        return [Recording(rng.normal(size=(1000, 12)).astype(np.float32), 100, path.name, None, None)]

    rng = np.random.default_rng(0)
    monkeypatch.setattr("signalcam.data.labelled.read_recording", read)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert " 1 are suspect: first\n" in load(place, cache=False).source


def test_a_folder_is_told_by_its_name_and_by_who_is_in_which_fold(place, tmp_path):
    rows = [row | {"fold": 1 + k // 2 % 10} for k, row in enumerate(read_table(place / "labels.csv"))]

    def dataset(rows):
        return load(place, write_table(tmp_path / "labels.csv", rows)).dataset

    first = dataset(rows)
    assert first.name == "recordings in recordings"
    assert not first.simulated
    lines = [f"{row['file']},{row['patient']},{row['fold']}" for row in sorted(rows, key=lambda r: r["file"])]
    listing = "\n".join(["file,patient_id,strat_fold", *lines, ""])
    assert first.version == f"{zlib.crc32(listing.encode()):08x}"
    assert dataset([row | {"label": k % 2} for k, row in enumerate(rows[::-1])]).version == first.version
    assert dataset(rows[:-2] + [row | {"fold": 9} for row in rows[-2:]]).version != first.version


def test_bars_are_shown_unless_they_are_not_wanted(place, monkeypatch):
    shown = []

    def bar(items, **how):
        shown.append((how["desc"], how["unit"], how["disable"]))
        return items

    for module in ("labelled", "splits"):
        monkeypatch.setattr(f"signalcam.data.{module}.tqdm", bar)
    for how, hidden in (({}, False), ({"progress": True}, False), ({"progress": False}, True)):
        load_labelled(place / "recordings", place / "labels.csv", cache=False, **how)
        assert shown == [("Reading", " recordings", hidden), ("Comparing signals", " records", hidden)]
        shown.clear()


def test_broken_recordings_are_left_out_with_the_reason(tmp_path):
    labels = write_labelled(tmp_path)
    (tmp_path / "recordings" / "p3_0.dat").write_bytes(b"12")
    records = load(tmp_path, labels)
    assert isinstance(records.signals, np.memmap)
    assert list(records.skipped) == ["p3_0"]
    assert "24,000 bytes" in records.skipped["p3_0"]
    assert len(records.targets) == len(records.signals) == 79
    assert "1 were left out" in records.source


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
    slow = load(tmp_path, labels, leads="V5", **how, sampling_rate=50, resample=True)
    assert slow.signals.shape == (24, 150, 1)
    assert (slow.sampling_rate, slow.dataset.sampling_rates, slow.leads) == (50, (50,), ("V5",))
    match = r"None of 24 recordings could be read: Record p0_0: .*Missing: I, II[^:]*: .* and 23 more"
    with pytest.raises(ValueError, match=match):
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
    (entry,) = (tmp_path / "cache").iterdir()
    assert entry.name.startswith("labelled-")
    load(tmp_path, **how | {"leads": "II,I"})
    load(tmp_path, **how | {"length": "crop"})
    assert len(list((tmp_path / "cache").iterdir())) == 3


def test_each_record_of_a_cached_array_is_compared_with_its_checksum(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("signalcam.data.cache._N_SAMPLED", 2)
    labels = write_labelled(tmp_path, n_patients=12)
    first = load(tmp_path, labels, cache=tmp_path / "cache")
    (entry,) = (tmp_path / "cache").iterdir()
    content = bytearray(entry.read_bytes())
    content[128 + 5 * first.signals[0].nbytes] ^= 1
    entry.unlink()  # first keeps its pages
    entry.write_bytes(content)
    np.testing.assert_array_equal(load(tmp_path, labels, cache=tmp_path / "cache").signals, first.signals)
    assert "record 5 was altered" in caplog.text


def test_paths_may_begin_with_the_users_home(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    write_labelled(tmp_path, n_patients=12)
    assert len(load_labelled("~/recordings", "~/labels.csv", **QUIET).signals) == 24


@pytest.mark.parametrize(("cached", "most"), [(True, 0.2), (False, 1.2)])
def test_reading_holds_a_few_recordings_at_a_time_beside_what_is_kept(tmp_path, monkeypatch, cached, most):
    rng, quality = np.random.default_rng(0), None
    rows = [{"file": f"r{k}.csv", "label": k % 2} for k in range(300)]
    for row in rows:
        (tmp_path / row["file"]).touch()

    def read(path, **how):
        signals = rng.normal(size=(1000, 12)).astype(np.float32)
        return [Recording(signals, 100, path.name, quality, np.zeros(1000, bool))]

    monkeypatch.setattr("signalcam.data.labelled.read_recording", read)
    labels = write_table(tmp_path / "labels.csv", rows)
    one, two = (tmp_path / "one", tmp_path / "two") if cached else (False, False)
    load_labelled(tmp_path, labels, cache=one, **QUIET)  # imports and tables are paid for
    tracemalloc.start()
    records = load_labelled(tmp_path, labels, cache=two, **QUIET)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert records.signals.nbytes == 300 * 1000 * 12 * 4
    assert peak < most * records.signals.nbytes
