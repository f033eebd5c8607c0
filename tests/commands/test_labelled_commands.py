"""Recordings of your own by the commands alone: train, go on from a model, evaluate, predict, explain."""

import json

import pandas as pd
import pytest
from labelled_recordings import read_table, write_labelled, write_table
from recording_files import write_wfdb
from test_commands import run

from signalcam.deployment.deployable import load_model, settings_of


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    write_labelled(folder, age=lambda patient: 40 + patient, sex=lambda patient: "fm"[patient % 2])
    (folder / "recordings" / "p3_0.dat").write_bytes(b"12")
    return folder


def own(place, labels="labels.csv"):
    return ("--recordings", place / "recordings", "--labels", place / labels)


def test_train_evaluate_and_explain_a_lead_then_go_on_from_it(place, capsys):
    output = place / "one"
    how = ("--leads", "I,II", "--epochs", 2, "--bootstrap", 20, "--output", output)
    status, text, errors = run(capsys, "train", *own(place), *how)
    assert status == 0, errors
    assert "ABNORMAL in 31 of 63 (train), 4 of 8 (validation), 4 of 8 (test)" in text
    assert "p3_0: Record p3_0" in errors
    assert "label rule labels.csv: 8 records of 4 patients (4 ABNORMAL)" in text
    settings = settings_of(load_model(output / "model.keras"))
    assert settings.lead_names == ("I", "II")
    assert settings.training_folds == tuple(range(1, 9))
    dealt = pd.read_csv(output / "labels.csv")
    assert dealt.groupby("patient")["fold"].nunique().max() == 1

    model = output / "model.keras"
    status, text, errors = run(capsys, "evaluate", model, *own(place), "--format", "json", "--bootstrap", 20)
    assert (status, json.loads(text)["fold"]) == (0, "10")
    written = ("--recordings", place / "recordings", "--labels", output / "labels.csv")
    assert run(capsys, "evaluate", model, *written, "--bootstrap", 20)[0] == 0
    assert "on folds 1, 2, 3" in run(capsys, "evaluate", model, *own(place), "--fold", 3)[2]
    write_table(place / "less.csv", read_table(place / "labels.csv")[2:])
    refused = run(capsys, "evaluate", model, *own(place, "less.csv"))
    assert (refused[0], "as in training" in refused[2]) == (1, True)
    assert run(capsys, "evaluate", model, *own(place, "less.csv"), "--seen-folds", "--bootstrap", 20)[0] == 0

    recording = place / "recordings" / "p5_0.hea"
    status, text, errors = run(capsys, "explain", model, recording, "--output", place / "map.png")
    assert (status, "P(ABNORMAL)" in text) == (0, True), errors
    assert run(capsys, "predict", model, recording)[0] == 0

    words = [
        row | {"label": "fast" if row["label"] == "abnormal" else "slow"}
        for row in read_table(place / "labels.csv")
    ]
    write_table(place / "words.csv", words)
    how = ("--from", model, "--epochs", 2, "--bootstrap", 20, "--output", place / "two")
    status, text, errors = run(capsys, "train", *own(place, "words.csv"), *how)
    assert status == 0, errors
    settings = settings_of(load_model(place / "two" / "model.keras"))
    assert settings.class_names == ("fast", "slow")
    assert settings.lead_names == ("I", "II")
    ((dataset, folds),) = settings.earlier
    assert dataset == settings_of(load_model(model)).dataset
    assert folds == tuple(range(1, 10))
    refused = run(capsys, "evaluate", place / "two" / "model.keras", *own(place, "words.csv"), "--fold", 2)
    assert (refused[0], "not seen" in refused[2]) == (1, True)


def test_a_model_of_12_leads_says_so_to_8(tmp_path, place, capsys):
    eight = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    import numpy as np

    path = write_wfdb(tmp_path, np.random.default_rng(0).normal(size=(1000, 8)), leads=eight)
    status, _, errors = run(capsys, "predict", "normal-abnormal", path)
    assert status == 1
    assert "Missing: III, aVR, aVL, aVF. These follow from I and II: ask for it with --derive" in errors


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (("--recordings", "a"), "--recordings and --labels must be given both"),
        (("--from", "normal-abnormal", "--leads", "I"), "--from takes these from its model; leave out leads"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, match, capsys):
    status, _, errors = run(capsys, "train", *arguments)
    assert (status, match in errors) == (1, True)
