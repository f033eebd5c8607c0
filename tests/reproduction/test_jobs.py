"""Trainings as jobs on several workers: the models, predictions and files of one after the other."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
from labelled_recordings import write_labelled

from signalcam.__main__ import main
from signalcam.data import load_labelled, load_ptbxl
from signalcam.reproduction import reproduce

QUICK = {"n_seeds": 2, "epochs": 1, "n_bootstrap": 10, "progress": False}


def files_of(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


@pytest.mark.slow
def test_seeds_trained_by_two_workers_are_those_trained_one_after_the_other(simulated_folder, tmp_path):
    pytest.importorskip("distributed")
    how = {"leads": "I,II", "rule": "labelled", "validation_fold": 8, "progress": False}
    records = load_ptbxl(simulated_folder, **how)
    together = reproduce(records, tmp_path / "jobs", workers=2, **QUICK)
    assert [run.seconds for run in together] == [None, None], "found done"
    reproduce(records, tmp_path / "serial", **QUICK)
    one, other = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("jobs", "serial"))
    assert one == other
    assert files_of(tmp_path / "jobs") == files_of(tmp_path / "serial")


@pytest.mark.slow
def test_recordings_of_ones_own_and_a_model_to_go_on_from_are_trained_by_workers(tmp_path, capsys):
    pytest.importorskip("distributed")
    write_labelled(tmp_path)
    own = ["--recordings", tmp_path / "recordings", "--labels", tmp_path / "labels.csv", "--seed", 5]
    command = ["train", *own, "--from", "normal-abnormal", "--epochs", 1, "--bootstrap", 10]
    for name, workers in (("jobs", 2), ("serial", 1)):
        folder = tmp_path / name
        status = main([*map(str, [*command, "--output", folder, "--workers", workers])])
        assert status == 0, capsys.readouterr().err
    one, other = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("jobs", "serial"))
    assert one == other


@pytest.mark.slow
def test_training_that_fails_on_a_worker_is_named_and_the_others_are_kept(simulated_folder, tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    damaged = tmp_path / "training" / "seed1" / "training_state.npz"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"no state")
    command = ["train", "--data", simulated_folder, "--output", tmp_path, "--seeds", 2, "--epochs", 1]
    with distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        status = main([*map(str, [*command, "--bootstrap", 10, "--scheduler", address])])
    assert status == 1
    assert "must end well, got seed 1 that failed (ValueError: " in capsys.readouterr().err
    assert (tmp_path / "model.keras").is_file()


@pytest.mark.parametrize(("recipe", "parts"), [("paper", [[0, 1, 2]]), ("best", [[0], [1, 2]])])
def test_seeds_that_share_teachers_wait_for_the_first(recipe, parts, simulated_folder, tmp_path, monkeypatch):
    asked = []

    def run_jobs(function, jobs, *where):
        asked.append([seed for _, seed, _ in jobs.values()])
        return {"seed 9": "ValueError: enough"} if len(asked) == len(parts) else {}

    monkeypatch.setattr(importlib.import_module("signalcam.reproduction.reproduce"), "run_jobs", run_jobs)
    records = load_ptbxl(simulated_folder, progress=False)
    with pytest.raises(RuntimeError, match=r"got seed 9 that failed \(ValueError: enough\)"):
        reproduce(records, tmp_path, recipe, workers=2, **QUICK | {"n_seeds": 3})
    assert asked == parts


def test_altered_records_are_not_trained_on_by_workers(simulated_folder, tmp_path):
    records = load_ptbxl(simulated_folder, progress=False)
    splits = records.splits | {"train": records.splits["train"][::2]}
    for altered in (replace(records, splits=splits), replace(records, labels=1 - records.labels)):
        with pytest.raises(ValueError, match="must be as they were loaded, got others"):
            reproduce(altered, tmp_path, workers=2, **QUICK)
    with pytest.raises(ValueError, match="must be as they were loaded, got others"):
        reproduce(replace(records, reload=None), tmp_path, workers=2, **QUICK)


def test_records_are_loaded_again_as_they_were(simulated_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    how = {"rule": "clear", "leads": "V1,II", "validation_fold": 7, "test_fold": 8, "progress": False}
    write_labelled(tmp_path)
    kept = {"cache": "cache", "progress": False}
    own = load_labelled("recordings", "labels.csv", leads="V2", seed=3, **kept)
    loaded = load_ptbxl(simulated_folder, **how | kept)
    _ = loaded.signals
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for records in (loaded, own):
        again = records.reload()
        np.testing.assert_array_equal(again.signals, records.signals)
        assert again.targets.equals(records.targets)
        assert (again.leads, again.rule) == (records.leads, records.rule)
        assert all(again.splits[name].equals(ids) for name, ids in records.splits.items())
    assert not list((tmp_path / "elsewhere").iterdir()), "one cache is enough"
