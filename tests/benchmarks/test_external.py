"""The benchmark on other hospitals' recordings: what their labels mean, and how they are scored."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from recording_files import write_wfdb

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import external  # noqa: E402
from findings import (  # noqa: E402
    LUDB,
    LUDB_COLUMNS,
    NO_FINDING,
    SNOMED,
    UNDECIDED,
    ludb_findings,
    recall_by_finding,
    snomed_findings,
)

from signalcam.data import SUPERCLASSES  # noqa: E402

SINUS, BRADYCARDIA, FIBRILLATION, LVH, RBBB = "426783006 426177001 164889003 164873001 59118001".split()
LUDB_ROW = dict.fromkeys(LUDB_COLUMNS, "")


@pytest.mark.parametrize(
    "finding", sorted({*SNOMED.values(), *LUDB.values()}, key=str), ids=lambda finding: finding.name
)
def test_each_finding_has_a_known_superclass_or_none_and_a_reason(finding):
    assert finding.superclass in (*SUPERCLASSES[1:], None)
    assert finding.name
    assert finding.reason


def test_one_name_has_one_superclass():
    pairs = {finding[:2] for finding in (*SNOMED.values(), *LUDB.values())}
    assert len(pairs) == len({name for name, _ in pairs})


def test_findings_that_count_for_nothing_or_leave_it_open_are_in_the_tables_and_have_no_superclass():
    superclass = {name: superclass for name, superclass, _ in (*SNOMED.values(), *LUDB.values())}
    assert {superclass[name] for name in NO_FINDING | UNDECIDED} == {None}
    assert not NO_FINDING & UNDECIDED


def test_a_code_or_diagnosis_that_is_not_in_the_tables_is_refused_by_name():
    with pytest.raises(ValueError, match="codes must be in SNOMED.*got 12345. Add"):
        snomed_findings(f"{LVH} 12345")
    with pytest.raises(ValueError, match="diagnoses must begin as in LUDB.*got 'Long qt'. Add"):
        ludb_findings(LUDB_ROW | {"other_states": "Long qt"})


def test_ludb_diagnoses_are_told_by_how_they_begin():
    row = LUDB_ROW | {
        "rhythms": "Sinus rhythm",
        "electric_axis_of_the_heart": "Electric axis of the heart: left axis deviation",
        "conduction_abnormalities": "Iii degree av-block ; Incomplete right bundle branch block",
        "ischemia": "Ischemia: apical ; Ischemia: septal ; Undefined ischemia/scar/supp.nstemi: septal",
    }
    assert [finding.name for finding in ludb_findings(row)] == [
        "sinus rhythm",
        "left axis deviation",
        "3rd degree AV block",
        "incomplete right bundle branch block",
        "ischaemia",
        "ischaemia, scar or NSTEMI",
    ]


def test_a_record_with_nothing_but_a_sinus_rate_is_left_out_or_normal():
    labels = pd.Series(["normal", "sinus_rate_only", "abnormal"], index=[5, 6, 7])
    assert external.binary(labels, "left out").to_dict() == {5: 0, 7: 1}
    assert external.binary(labels, "normal").to_dict() == {5: 0, 6: 0, 7: 1}
    with pytest.raises(ValueError, match="labels must be normal, abnormal or sinus_rate_only, got {'sinus'}"):
        external.binary(pd.Series(["sinus"]), "normal")


def records(*rows):
    """Records from (source, label, codes, p)."""
    table = pd.DataFrame(rows, columns=["source", "label", "findings", "p"])
    return table.assign(findings=table["findings"].map(snomed_findings))


def test_recall_by_finding_is_that_worked_by_hand():
    found = recall_by_finding(
        records(
            ("Georgia", "abnormal", f"{SINUS} {LVH}", 0.9),
            ("Georgia", "abnormal", f"{LVH} {FIBRILLATION}", 0.5),
            ("LUDB", "abnormal", f"{BRADYCARDIA} {LVH}", 0.4),
            ("LUDB", "abnormal", RBBB, 0.1),
            ("LUDB", "normal", SINUS, 0.6),
            ("LUDB", "normal", SINUS, 0.2),
            ("Georgia", "sinus_rate_only", BRADYCARDIA, 0.2),
        ),
        threshold=0.5,
    )
    columns = ["superclass", "Georgia", "LUDB", "all", "as the only finding"]
    expected = {
        "left ventricular hypertrophy": ["HYP", "2 of 2", "0 of 1", "2 of 3", "1 of 2"],
        "atrial fibrillation": ["", "1 of 1", "", "1 of 1", ""],
        "right bundle branch block": ["CD", "", "0 of 1", "0 of 1", "0 of 1"],
        "none but a sinus rate": ["", "0 of 1", "", "0 of 1", "0 of 1"],
        "none, sinus rhythm": ["", "", "1 of 2", "1 of 2", "1 of 2"],
    }
    assert list(found.columns) == columns
    assert found.T.to_dict("list") == expected
    assert list(found.index)[0] == "left ventricular hypertrophy"
    assert {name.split()[0].strip(",") for name in found.index[-2:]} == {"none"}


def test_superclasses_are_scored_where_the_labels_settle_them():
    table = records(
        *[("Georgia", "normal", SINUS, 0.1)] * 5,
        *[("Georgia", "abnormal", LVH, 0.9)] * 5,
        ("Georgia", "abnormal", "164917005", 0.9),  # a Q wave: an infarction or none
        ("Georgia", "sinus_rate_only", BRADYCARDIA, 0.1),
    )
    for source in ("Chapman/Ningbo", "LUDB"):
        table = pd.concat([table, table[:12].assign(source=source)], ignore_index=True)
    p = pd.DataFrame(0.1, table.index, list(SUPERCLASSES))
    p["NORM"], p["HYP"] = 1 - table["p"], table["p"]
    found = external.superclass_scores(table, p, [0.5] * 5, n_bootstrap=20)
    assert found.loc["NORM", "Georgia"] == "1.000 (1.000 to 1.000), 5 / 5"
    assert found.loc["HYP", "all three"] == "1.000 (1.000 to 1.000), 15 / 15"
    assert found.loc["MI", "all three"] == "not available, 0 / 30"


def test_too_few_normal_records_give_no_auc():
    table = records(*[("LUDB", "normal", SINUS, 0.1)] * 4, *[("LUDB", "abnormal", LVH, 0.9)] * 9)
    enough = records(*[("Georgia", "normal", SINUS, 0.1)] * 5, *[("Georgia", "abnormal", LVH, 0.9)] * 5)
    table = pd.concat([table, enough, enough.assign(source="Chapman/Ningbo")], ignore_index=True)
    table["age"] = np.where(np.arange(len(table)) == 13, np.nan, 50.0)  # the first normal of Georgia has none
    found = external.scores(table, external.binary(table["label"], "left out"), 0.5, n_bootstrap=20)
    assert list(found.loc["LUDB", ["AUC", "specificity", "AUC of age alone"]]) == ["not available"] * 3
    assert found.loc["LUDB", "recall"] == "1.000 (1.000 to 1.000)"
    assert found.loc["Georgia", "AUC"] == "1.000 (1.000 to 1.000)"
    assert found.loc["Georgia", "AUC of age alone"] == "0.500 (0.500 to 0.500), 9 records"
    assert found.loc["Georgia", "ECE"] == "0.100"
    assert list(found["note"]) == [f"only {n} normal" for n in (5, 5, 4, 10, 14)]


def test_what_the_gate_refuses_or_remarks_on_is_counted(tmp_path, monkeypatch, ecg_like):
    monkeypatch.setattr(external, "SOURCES", {"georgia": "Georgia"})
    folder = tmp_path / "georgia" / "data"
    folder.mkdir(parents=True)
    rotated = ecg_like[1][:, [3, 4, 5, 0, 1, 2, *range(6, 12)]]
    for name, signals in (("A1", ecg_like[0]), ("A2", rotated), ("A3", ecg_like[2]), ("A4", ecg_like[3])):
        write_wfdb(folder, signals, name)
    for name in ("A3", "A4"):
        with open(folder / f"{name}.dat", "r+b") as file:
            file.truncate(9_000 + int(name[1:]))
    rows = [f"{name},{age},{SINUS},normal" for name, age in (("A1", ">89"), ("A2", ""), ("A3", 1), ("A4", 2))]
    (tmp_path / "georgia" / "labels.csv").write_text("\n".join(["record,age,dx,label", *rows]))
    table, signals, remarks = external.read_sources(tmp_path)
    assert list(table["record"]) == ["A1", "A2"]
    assert table["age"].to_list() == [89.0, pytest.approx(np.nan, nan_ok=True)]
    np.testing.assert_allclose(signals[0], ecg_like[0], atol=6e-4)
    refused = [remark for remark in remarks.index if remark.startswith("refused: ")]
    assert remarks.loc[refused, "Georgia"].to_list() == [2]
    assert remarks.loc["warned: the limb leads do not fit together. Are their names right?", "Georgia"] == 1


def test_a_label_that_its_findings_contradict_is_refused(tmp_path, monkeypatch, ecg_like):
    monkeypatch.setattr(external, "SOURCES", {"georgia": "Georgia"})
    folder = tmp_path / "georgia" / "data"
    folder.mkdir(parents=True)
    write_wfdb(folder, ecg_like[0], "A1")
    (tmp_path / "georgia" / "labels.csv").write_text(f"record,age,dx,label\nA1,50,{LVH},normal\n")
    with pytest.raises(ValueError, match="Georgia, record A1: label and findings contradict"):
        external.read_sources(tmp_path)
