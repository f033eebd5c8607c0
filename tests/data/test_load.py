"""One call from a folder to labels, splits and signals that belong together."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from small_set import write_small_set

from signalcam.data.load import load_ptbxl
from signalcam.data.ptbxl import open_dataset
from signalcam.data.signals import load_signals
from signalcam.errors import LeakageError

QUIET = {"cache": False, "progress": False}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_small_set(tmp_path_factory.mktemp("small") / "set", n_records=40)


def test_labels_superclasses_splits_and_signals_are_aligned(template):
    records = load_ptbxl(template, rule="labelled", **QUIET)
    ids = records.labels.index
    assert len(ids) == 34  # the others have no superclass
    assert ids.equals(records.superclass.index)
    assert ids.equals(records.table.index)
    assert set(records.labels) == {0, 1}
    assert (records.labels == 1).equals(~(records.superclass["NORM"] & (records.superclass.sum(axis=1) == 1)))
    assert records.signals.shape == (34, 1000, 12)
    np.testing.assert_array_equal(records.signals, load_signals(records.dataset, ids, **QUIET))
    found = [records.indices(split) for split in ("train", "validation", "test")]
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(34))
    for split, indices in zip(records.splits, found, strict=True):
        assert ids[indices].equals(records.splits[split])
    assert set(records.table["strat_fold"].iloc[records.indices("test")]) == {10}
    with pytest.raises(ValueError, match="split must be one of train, validation, test, got 'all'"):
        records.indices("all")


def test_signals_are_read_once_and_not_before_they_are_asked_for(template, monkeypatch):
    monkeypatch.setattr("signalcam.data.load.load_signals", None)
    records = load_ptbxl(template, **QUIET)
    assert len(records.labels) == 40
    monkeypatch.undo()
    assert records.signals is records.signals


def test_source_says_which_data_were_taken_and_why(template, monkeypatch):
    assert "found at the given path" in load_ptbxl(template, **QUIET).source
    monkeypatch.setenv("PATH_TO_DATA", str(template))
    records = load_ptbxl(**QUIET)
    assert "found by PATH_TO_DATA of the environment" in records.source
    assert f"{records.dataset.describe()}.\n" in records.source
    normal = int((records.labels == 0).sum())
    assert records.source.splitlines()[-1].startswith(f"Label rule 'paper': {normal} normal, ")
    dataset = open_dataset(template)
    assert load_ptbxl(dataset, **QUIET).dataset is dataset


def test_signals_of_a_split_are_read_into_memory_of_their_own(template, tmp_path):
    for cache in (False, tmp_path / "cache"):
        records = load_ptbxl(template, cache=cache, progress=False)
        read = records.read("validation")
        assert read.flags.writeable
        assert not isinstance(read, np.memmap)
        np.testing.assert_array_equal(read, records.signals[records.indices("validation")])
        before = read.copy()
        read[:] = 0
        np.testing.assert_array_equal(before, records.signals[records.indices("validation")])


def test_targets_are_those_of_the_kept_records_and_agree_with_the_labels(template):
    dataset = open_dataset(template)
    named = dataset.statements.assign(
        diagnostic_subclass=["NORM", "IMI", "STTC", "LAFB/LPFB", "LVH", None, None]
    )
    records = load_ptbxl(replace(dataset, statements=named), rule="labelled", **QUIET)
    assert records.targets.index.equals(records.labels.index)
    assert (records.targets["ABNORMAL"] == records.labels).all()
    assert (records.targets[list(records.superclass)] == records.superclass).all(axis=None)
    assert (records.targets["IMI"] == records.superclass["MI"]).all()


def test_folds_are_chosen_by_name(template):
    records = load_ptbxl(template, validation_fold=3, test_fold=5, **QUIET)
    assert set(records.table.loc[records.splits["validation"], "strat_fold"]) == {3}
    assert set(records.table.loc[records.splits["test"], "strat_fold"]) == {5}


@pytest.mark.bad_input(4)
def test_rate_that_is_not_there_is_refused_at_once(template):
    with pytest.raises(FileNotFoundError, match="no records at 500 Hz"):
        load_ptbxl(template, sampling_rate=500, **QUIET)


@pytest.mark.bad_input(34)
def test_identical_signal_in_two_splits_is_refused_when_signals_are_read(template, tmp_path):
    folder = shutil.copytree(template, tmp_path / "set")
    names = [f"records100/00000/{k:05d}_lr" for k in (1, 20)]
    text = (folder / f"{names[0]}.hea").read_text().replace("00001_lr", "00020_lr")
    (folder / f"{names[1]}.hea").write_text(text)
    shutil.copy(folder / f"{names[0]}.dat", folder / f"{names[1]}.dat")
    records = load_ptbxl(folder, **QUIET)
    with pytest.raises(LeakageError, match="identical signal is in more than one split"):
        _ = records.signals
