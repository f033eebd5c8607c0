"""Results on labelled recordings of your own: a file at a time, on folds that the model has not seen."""

import numpy as np
import pandas as pd
import pytest

from signalcam.data import LabelledRecords
from signalcam.data.ptbxl import Dataset
from signalcam.deployment import Settings
from signalcam.errors import LeakageError
from signalcam.evaluation import by_subgroup, evaluate, evaluate_multilabel
from signalcam.leads import LEADS
from signalcam.reproduction.labelled_results import evaluate_labelled

FOLDS = 6  # more than a message names by default
MODEL = Settings(threshold=(0.4,))


def labelled_records(classes=("ABNORMAL",), leads=LEADS, n_files=100, **columns):
    """One to three windows a file, two files a patient, in one fold; the first sample is a probability."""
    rng = np.random.default_rng(0)
    rows = [
        {"file": f"f{k}", "patient_id": f"p{k // 2}", "strat_fold": 1 + k // 2 % FOLDS, "window": window}
        | {name: values[k % len(values)] for name, values in columns.items()}
        for k in range(n_files)
        for window in range(1 + k % 3)
    ]
    table = pd.DataFrame(rows)
    table.index = pd.Index(table["file"] + ", " + table.pop("window").astype(str), name="record")
    signals = rng.uniform(0.05, 0.95, (len(table), 4, len(leads))).astype(np.float32)
    chance = pd.DataFrame(
        rng.integers(0, 2, (n_files, len(classes))), [f"f{k}" for k in range(n_files)], classes
    )
    targets = chance.loc[table["file"]].astype(np.int8).set_index(table.index)
    dataset = Dataset("folder", "abc", table, pd.DataFrame(), (100,), False, "", "recordings in own")
    about = dataset, "labels.csv", table, pd.DataFrame(index=table.index), targets.max(axis=1), {}, 100, leads
    return LabelledRecords(*about, signals=signals, targets=targets, skipped={})


def by_hand(records, folds):
    """Labels, mean probabilities and rows of each file of the folds, in the order of the table."""
    found = {}
    for k, (record, row) in enumerate(records.table.iterrows()):
        if row["strat_fold"] in folds:
            found.setdefault(row["file"], []).append((record, k))
    first = pd.Index([windows[0][0] for windows in found.values()], name="record")
    n = len(records.targets.columns)
    p = [records.signals[[k for _, k in windows], 0, :n].mean(0, np.float64) for windows in found.values()]
    return (
        records.targets.loc[first],
        pd.DataFrame(p, first, records.targets.columns),
        records.table.loc[first],
    )


@pytest.fixture
def asked(monkeypatch):
    """A model is its settings; it predicts the first sample of its first leads; gives how many at a time."""
    sizes = []

    def predict(model, signals):
        sizes.append(len(signals))
        return {"probability": signals[:, 0, : len(model.class_names)]}

    place = "signalcam.reproduction.labelled_results"
    monkeypatch.setattr(f"{place}.predict", predict)
    monkeypatch.setattr(f"{place}.settings_of", lambda model: model)
    return sizes


def test_a_files_probability_is_the_mean_over_its_windows_and_each_file_counts_once(asked, monkeypatch):
    monkeypatch.setattr("signalcam.reproduction.labelled_results.BLOCK", 60)
    records = labelled_records()
    results = evaluate_labelled(MODEL, records, n_bootstrap=30)
    y, p, rows = by_hand(records, range(1, FOLDS + 1))
    assert asked == [60, 60, 60, 19]
    pd.testing.assert_frame_equal(results.p, p, rtol=1e-6)
    pd.testing.assert_frame_equal(results.y, y)
    assert results.patients.equals(rows["patient_id"])
    assert results.superclass.index.equals(y.index)
    assert (results.fold, results.rule, results.simulated) == ("1, 2, 3, 4, 5, 6", "labels.csv", False)
    assert results.settings is MODEL
    how = {"threshold": 0.4, "groups": rows["patient_id"], "n_bootstrap": 30}
    pd.testing.assert_frame_equal(results.scores, evaluate(y["ABNORMAL"], results.p["ABNORMAL"], **how))
    expected = rows[["file", "strat_fold"]].assign(
        label_ABNORMAL=y["ABNORMAL"], probability_ABNORMAL=p["ABNORMAL"]
    )
    pd.testing.assert_frame_equal(results.predictions, expected, rtol=1e-6)
    assert results.subgroups is None


def test_intervals_are_over_a_thousand_resamples_unless_told_otherwise(asked):
    y, p, rows = by_hand(labelled_records(), [2])
    how = {"threshold": 0.4, "groups": rows["patient_id"], "n_bootstrap": 1000}
    scores = evaluate_labelled(MODEL, labelled_records(), 2).scores
    pd.testing.assert_frame_equal(scores, evaluate(y["ABNORMAL"], p["ABNORMAL"], **how), rtol=1e-6)


def test_several_classes_are_scored_each_by_itself(asked):
    records = labelled_records(classes=("AF", "LVH"), sex=("m", "f"))
    settings = Settings(("AF", "LVH"), (0.3, 0.6))
    results = evaluate_labelled(settings, records, 3, n_bootstrap=20)
    y, p, rows = by_hand(records, [3])
    how = {"threshold": [0.3, 0.6], "groups": rows["patient_id"], "n_bootstrap": 20}
    expected = evaluate_multilabel(y, results.p, ["AF", "LVH"], **how)
    pd.testing.assert_frame_equal(results.p, p, rtol=1e-6)
    pd.testing.assert_frame_equal(results.scores, expected)
    assert results.fold == "3"
    assert results.subgroups is None


def test_sex_and_age_give_subgroups_as_far_as_the_table_tells_them(asked):
    sexes, ages = ("Male", "f", "0", "1", "other", "FEMALE"), ("39", "40", "", "85.5", "old")
    records = labelled_records(sex=sexes, age=ages, n_files=180)
    results = evaluate_labelled(MODEL, records, n_bootstrap=20)
    y, p, rows = by_hand(records, range(1, FOLDS + 1))
    sex = rows["sex"].map({"Male": "male", "0": "male", "f": "female", "1": "female", "FEMALE": "female"})
    bands = {"39": "under 40", "40": "40 to 59", "85.5": "80 and over"}
    order = {"sex": ["male", "female"], "age_band": ["under 40", "40 to 59", "60 to 79", "80 and over"]}
    described = pd.DataFrame({"sex": sex, "age_band": rows["age"].map(bands)})
    described = pd.DataFrame({name: pd.Categorical(described[name], order[name]) for name in order}, y.index)
    how = {"groups": rows["patient_id"], "threshold": 0.4, "n_bootstrap": 20, "min_per_class": 10}
    expected = by_subgroup(y["ABNORMAL"], results.p["ABNORMAL"], described, **how)
    assert expected["auc"].notna().sum() >= 4
    pd.testing.assert_frame_equal(results.subgroups, expected)
    only = evaluate_labelled(MODEL, labelled_records(age=("30", "50")), n_bootstrap=20).subgroups
    assert set(only.index.get_level_values("attribute")) == {"age_band"}


@pytest.mark.parametrize(
    ("changes", "fold", "match"),
    [
        ({"classes": ("AF",)}, None, "classes must be the model's, ABNORMAL, got AF"),
        ({"leads": ("I", "II")}, None, "leads must be the model's, I, II, III, .*, got I, II"),
        ({}, 7, r"fold must be one that has records \(7 has none\)"),
    ],
)
def test_other_classes_leads_or_folds_are_refused(asked, changes, fold, match):
    with pytest.raises(ValueError, match=match):
        evaluate_labelled(MODEL, labelled_records(**changes), fold)
    assert not asked


def seen(family="recordings in own (abc)", **changes):
    return Settings(dataset=family, training_folds=(1, 2), validation_folds=(4,), **changes)


def test_folds_that_the_model_has_seen_are_left_out_unless_asked_for(asked):
    how = {"n_bootstrap": 20}
    records = labelled_records()
    assert evaluate_labelled(seen(), records, **how).fold == "3, 5, 6"
    assert evaluate_labelled(seen(), records, seen_folds=True, **how).fold == "1, 2, 3, 4, 5, 6"
    assert evaluate_labelled(seen(), records, 2, seen_folds=True, **how).fold == "2"
    assert evaluate_labelled(seen("recordings in other (abc)"), records, **how).fold == "1, 2, 3, 4, 5, 6"
    with pytest.raises(LeakageError, match="got 2: it was trained on folds 1, 2 of recordings in own"):
        evaluate_labelled(seen(), records, 2, **how)
    all_seen = seen("PTB-XL", earlier=(("recordings in own (abc)", (1, 2, 3, 4, 5, 6)),))
    with pytest.raises(
        LeakageError, match="got 1: it was trained, before it was trained further, on folds 1"
    ):
        evaluate_labelled(all_seen, records, **how)


@pytest.mark.parametrize(
    "settings",
    [seen("recordings in own (other)"), seen("PTB-XL", earlier=(("recordings in own (other)", (1,)),))],
)
def test_a_folder_dealt_to_other_folds_than_in_training_is_refused(asked, settings):
    match = "labels must deal recordings in own to folds as in training, got others in labels.csv"
    match += ".*Take the labels.csv that training wrote.* if these are other recordings.*seen_folds=True"
    for fold in (None, 3):
        with pytest.raises(LeakageError, match=match):
            evaluate_labelled(settings, labelled_records(), fold)
    results = evaluate_labelled(settings, labelled_records(), seen_folds=True, n_bootstrap=20)
    assert results.fold == "1, 2, 3, 4, 5, 6"
