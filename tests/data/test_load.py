"""One call from a folder to labels, splits and signals that belong together."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_set import write_small_set

from signalcam.data.load import load_ptbxl
from signalcam.data.ptbxl import open_dataset
from signalcam.data.signals import load_signals
from signalcam.errors import LeakageError
from signalcam.leads import LEADS

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


def test_source_says_which_data_were_taken_and_why(template, monkeypatch, caplog):
    assert "found at the given path" in load_ptbxl(template, **QUIET).source
    monkeypatch.setenv("PATH_TO_DATA", str(template))
    records = load_ptbxl(**QUIET)
    assert "found by PATH_TO_DATA of the environment" in records.source
    assert f"{records.dataset.describe()}.\n" in records.source
    normal = int((records.labels == 0).sum())
    assert records.source.splitlines()[-1].startswith(f"Label rule 'paper': {normal} normal, ")
    dataset = open_dataset(template)
    assert load_ptbxl(dataset, **QUIET).dataset is dataset
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_signals_of_a_split_are_read_into_memory_of_their_own(template, tmp_path):
    for cache in (False, tmp_path / "cache"):
        records = load_ptbxl(template, cache=cache, progress=False)
        read = records.read("validation")
        assert read.dtype == np.float32
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


def test_signals_are_cached_where_told_compared_whole_and_shown_by_request(
    template, tmp_path, capsys, monkeypatch
):
    folder, hidden = tmp_path / "cache", []
    monkeypatch.setattr(
        "signalcam.data.splits.tqdm", lambda items, disable, **how: hidden.append(disable) or items
    )
    first = np.array(load_ptbxl(template, cache=folder, progress=False).signals)
    assert not capsys.readouterr().err
    (entry,) = folder.iterdir()
    content = bytearray(entry.read_bytes())
    content[-40_000 * 12] ^= 1
    entry.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signalcam.data.cache._N_SAMPLED", 1)
        again = load_ptbxl(template, cache=folder, progress=True).signals
    assert "Loading 100 Hz: 100%" in capsys.readouterr().err
    assert hidden == [True, False]  # of the comparison of signals
    np.testing.assert_array_equal(again, first)


def test_signals_are_read_at_the_rate_asked_for_and_compared_whole(template, rng, monkeypatch):
    asked = []

    def load(dataset, ids, sampling_rate, **how):
        asked.append((ids.tolist(), sampling_rate, how))
        return rng.normal(size=(len(ids), 3, 12))

    monkeypatch.setattr("signalcam.data.load.load_signals", load)
    both = replace(open_dataset(template), sampling_rates=(100, 500))
    records = load_ptbxl(both, sampling_rate=500, cache="there", progress=False)
    assert records.signals.shape == (40, 3, 12)
    how = {"check": "full", "cache": Path("there").absolute(), "progress": False}
    assert asked == [(records.labels.index.tolist(), 500, how)]


@pytest.mark.parametrize("n", [1, 511, 512, 513, 1025])
def test_split_of_any_size_is_read_whole_and_in_order(template, n, monkeypatch):
    """Read in pieces of 512, each let go."""
    records = load_ptbxl(template, **QUIET)
    ids = pd.RangeIndex(n)
    few = replace(records, labels=pd.Series(0, ids), splits={"all": ids[::-1]})
    few.__dict__["signals"] = np.arange(n * 2, dtype=np.float32).reshape(n, 1, 2)
    gone = []
    monkeypatch.setattr("signalcam.data.load.let_pages_go", gone.append)
    np.testing.assert_array_equal(few.read("all"), few.signals[::-1])
    assert [array is few.signals for array in gone] == [True] * -(-n // 512)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"rule": "strict"}, ValueError, "rule must be one of"),
        ({"sampling_rate": 250}, ValueError, "sampling_rate must be one of 100, 500 Hz"),
        ({"validation_fold": 10}, ValueError, "must differ"),
        ({"leads": "I,V9"}, ValueError, "Missing: V9"),
        ({"leads": ""}, ValueError, "at least one"),
    ],
)
def test_wrong_arguments_are_refused_before_any_signal_is_read(template, arguments, error, said):
    with pytest.raises(error, match=said):
        load_ptbxl(template, **QUIET | arguments)


def test_chosen_leads_are_those_of_the_signals_in_order(template):
    records = load_ptbxl(template, leads="v6, I", **QUIET)
    assert records.leads == ("V6", "I")
    whole = load_ptbxl(template, **QUIET)
    assert whole.leads == LEADS
    np.testing.assert_array_equal(records.signals, whole.signals[..., [11, 0]])
    assert (records.rule, records.sampling_rate, records.folds("train")) == (
        "paper",
        100,
        (1, 2, 3, 4, 5, 6, 7, 8),
    )


def test_where_no_data_are_a_set_is_simulated_with_a_bar_by_request(template, tmp_path, monkeypatch):
    asked = []

    def write(folder, progress):
        asked.append(progress)
        return shutil.copytree(template, folder)

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PATH_TO_DATA", raising=False)
    monkeypatch.setattr("signalcam.data.ptbxl.write_dataset", write)
    for progress in (True, False):
        assert load_ptbxl(cache=False, progress=progress).dataset.folder == tmp_path / "data" / "simulated"
        shutil.rmtree(tmp_path / "data")
    assert asked == [True, False]


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
