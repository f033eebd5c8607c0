"""Score the shipped models on recordings of other hospitals: Georgia, Chapman/Ningbo and LUDB.

    python benchmarks/external.py --data ../shared/external

Each record goes through the gate that a user's recording goes through, resampled from 500 Hz; what the gate
refuses or warns about is counted. A record with nothing but a sinus rate (bradycardia, tachycardia,
arrhythmia) is left out of the headline, since these labels do not say whether a reader would call it normal;
a second table counts it as normal, as PTB-XL's readers did. `findings.py` has the meaning of the labels.
Prints Markdown.
"""

import argparse
import os
import re
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from findings import NO_FINDING, is_undecided, ludb_findings, recall_by_finding, snomed_findings  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.deployment import PRETRAINED, settings_of  # noqa: E402
from signalcam.evaluation import (  # noqa: E402
    Estimate,
    bootstrap,
    evaluate_multilabel,
    paired_difference,
    score,
)
from signalcam.recordings import RecordError, Recording  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402

SOURCES = {"georgia": "Georgia", "chapman_ningbo": "Chapman/Ningbo", "ludb": "LUDB"}
# LUDB scales each lead by itself and has hardly a normal record, so there is a pool without it.
GROUPS = {name: (name,) for name in SOURCES.values()} | {
    "Georgia and Chapman/Ningbo": ("Georgia", "Chapman/Ningbo"),
    "all three": tuple(SOURCES.values()),
}
FEWEST = 5  # records of each class, below which no score that needs both is given
FEW = 30  # below which a row says so
OLDEST = 120  # years; turns an age into a score within [0, 1] that ranks as the age does


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/external"))
    parser.add_argument(
        "--model", default="normal-abnormal", help="name of a shipped model, or a .keras file"
    )
    parser.add_argument("--superclasses", default="superclasses", help="the same, for the superclasses")
    parser.add_argument("--bootstrap", type=int, default=1000, help="resamples for the intervals")
    options = parser.parse_args()
    records, signals, remarks = read_sources(options.data)
    model, superclass_model = open_model(options.model), open_model(options.superclasses)
    settings, superclass_settings = settings_of(model), settings_of(superclass_model)
    if len(settings.class_names) != 1:
        raise ValueError(f"--model must have one output, abnormal, got {', '.join(settings.class_names)}.")
    (threshold,) = settings.threshold
    records["p"], warned = probabilities(model, signals)
    p_superclasses, _ = probabilities(superclass_model, signals)  # it warns of the same
    p_superclasses = pd.DataFrame(p_superclasses, records.index, superclass_settings.class_names)
    left_out, as_normal = (binary(records["label"], sinus_rate) for sinus_rate in ("left out", "normal"))
    tables = {
        "Nothing but a sinus rate: left out": scores(records, left_out, threshold, options.bootstrap),
        "Nothing but a sinus rate: normal": scores(records, as_normal, threshold, options.bootstrap),
        "By superclass: AUC, records with it / without it": superclass_scores(
            records, p_superclasses, superclass_settings.threshold, options.bootstrap
        ),
        "By finding: predicted abnormal": recall_by_finding(records, threshold),
        "What the gate remarks on: records": remarks,
    }
    print(f"`{options.model}`: {settings.trained_on}; recipe `{settings.recipe}`; threshold {threshold:.3g}.")
    for title, table in tables.items():
        print(f"\n### {title}\n\n{markdown_table(table.reset_index())}")
    print(f"\nWarnings on prediction: {' '.join(warned) or 'none'}")


def read_sources(folder: Path) -> tuple[pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Read labels and recordings of all sources.

    Args:
        folder: holds a folder for each source, with `labels.csv` and `data`.

    Returns:
        The records that passed the gate (source, record, age in years or NaN, label, findings); their
        signals, float32 (record, 1000, 12) in mV; and the remarks of the gate, counted by source.
    """
    rows, signals, remarks = [], [], []
    for name, source in SOURCES.items():
        labels = pd.read_csv(folder / name / "labels.csv", dtype=str, keep_default_na=False)
        for row in labels.to_dict("records"):
            recording, reasons = through_the_gate(folder / name / "data" / f"{row['record']}.hea")
            remarks += [(source, reason) for reason in reasons or {"nothing"}]
            if recording is None:
                continue
            findings = ludb_findings(row) if name == "ludb" else snomed_findings(row["dx"])
            if (row["label"] == "abnormal") == ({finding.name for finding in findings} <= NO_FINDING):
                raise ValueError(
                    f"{source}, record {row['record']}: label and findings contradict each other."
                )
            age = float(row["age"].lstrip(">") or "nan")  # ">89" hides the very old
            rows.append((source, row["record"], age, row["label"], findings))
            signals.append(recording.signals)
    records = pd.DataFrame(rows, columns=["source", "record", "age", "label", "findings"])
    remarks = pd.DataFrame(remarks, columns=["source", "remark"])
    remarks = pd.crosstab(remarks["remark"], remarks["source"])
    return records, np.stack(signals), remarks[list(SOURCES.values())]


def through_the_gate(path: Path) -> tuple[Recording | None, set[str]]:
    """Read one recording, None where it is refused, and collect what the gate remarks on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            (recording,) = sc.read_recording(path, resample=True)
        except RecordError as error:
            return None, {f"refused: {general(error)}"}
    warned = {f"warned: {general(warning.message)}" for warning in caught}
    return recording, warned | {f"noted: {general(note)}" for note in recording.quality.notes}


def general(message: object) -> str:
    """Return a message without its record, leads and numbers, so that it can be counted."""
    text = re.sub(r"^Record \S+: |\s*\([^)]*\)", "", str(message))
    text = re.sub(r"^lead \S+ is", "a lead is", text)
    return re.sub(r"\d+(?:[.,]\d+)*", "N", text)


def open_model(name: str) -> keras.Model:
    """Return a shipped model by name, or the deployable model in a .keras file."""
    return sc.load_pretrained(name) if name in PRETRAINED else sc.load_model(name)


def probabilities(model: keras.Model, signals: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return probabilities (record, class), and the warnings that came with them."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        p = sc.predict(model, signals)["probability"]
    return p, [str(warning.message) for warning in caught]


def binary(labels: pd.Series, sinus_rate: str) -> pd.Series:
    """Return 1 for abnormal and 0 for normal.

    Args:
        labels: "normal", "abnormal" or "sinus_rate_only".
        sinus_rate: "left out" or "normal", what the last of them is.

    Returns:
        int Series, without the records left out.

    Raises:
        ValueError: for any other word.
    """
    if sinus_rate not in ("left out", "normal"):
        raise ValueError(f"sinus_rate must be 'left out' or 'normal', got {sinus_rate!r}.")
    values = labels.map({"normal": 0, "abnormal": 1, "sinus_rate_only": -1})
    if values.isna().any():
        raise ValueError(
            f"labels must be normal, abnormal or sinus_rate_only, got {set(labels[values.isna()])}."
        )
    return (values if sinus_rate == "left out" else values.clip(lower=0)).loc[lambda y: y >= 0].astype(int)


def scores(records: pd.DataFrame, y: pd.Series, threshold: float, n_bootstrap: int) -> pd.DataFrame:
    """Score the model, and age alone, in each group of sources; cells are text."""
    lines = {}
    for group, sources in GROUPS.items():
        part = records.loc[y.index]
        part = part[part["source"].isin(sources)]
        truth, p = y[part.index], part["p"]
        n_normal, n_abnormal = int((truth == 0).sum()), int(truth.sum())
        metrics = ("auc", "accuracy", "recall", "specificity")
        found = bootstrap(truth, p, metrics, threshold, n_bootstrap=n_bootstrap)
        cells = {metric: str(estimate) for metric, estimate in found.items()}
        aged = part.index[part["age"].notna()]
        age = part.loc[aged, "age"] / OLDEST
        by_age = bootstrap(truth[aged], age, ("auc",), n_bootstrap=n_bootstrap)["auc"]
        gain = paired_difference(truth[aged], p[aged], age, n_bootstrap=n_bootstrap)
        cells["age"] = f"{by_age}, {len(aged)} records"
        cells["gain"] = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
        if min(n_normal, n_abnormal) < FEWEST:
            cells |= dict.fromkeys(("auc", "specificity", "age", "gain"), "not available")
        lines[group] = {
            "records": len(part),
            "normal": n_normal,
            "abnormal": n_abnormal,
            "AUC": cells["auc"],
            "AUC of age alone": cells["age"],
            "AUC minus age's": cells["gain"],
            "accuracy": cells["accuracy"],
            "recall": cells["recall"],
            "specificity": cells["specificity"],
            "ECE": f"{score(truth, p, 'ece'):.3f}",
            "ECE by chance": f"{chance_calibration_error(p):.3f}",
            "note": f"only {n_normal} normal" if n_normal < FEW else "",
        }
    return pd.DataFrame(list(lines.values()), index=pd.Index(lines, name="source"))


def chance_calibration_error(p: pd.Series, n_draws: int = 200, seed: int = 0) -> float:
    """Return the mean calibration error where labels are drawn with these very probabilities."""
    draws = np.random.default_rng(seed).binomial(1, p, size=(n_draws, len(p)))
    return float(np.mean([score(y, p, "ece") for y in draws]))


def superclass_scores(
    records: pd.DataFrame, p: pd.DataFrame, threshold: Sequence[float], n_bootstrap: int
) -> pd.DataFrame:
    """Score each superclass in each group, over the records whose superclasses the labels settle."""
    settled = records[(records["label"] != "sinus_rate_only") & ~records["findings"].map(is_undecided)]
    superclasses = settled["findings"].map(lambda found: {finding.superclass for finding in found})
    y = pd.DataFrame({name: superclasses.map(lambda found, name=name: name in found) for name in p})
    y["NORM"] = settled["label"] == "normal"
    columns = {}
    for group, sources in GROUPS.items():
        inside = settled.index[settled["source"].isin(sources)]
        found = evaluate_multilabel(
            y.loc[inside].astype(int),
            p.loc[inside],
            list(p),
            threshold,
            min_per_class=FEWEST,
            n_bootstrap=n_bootstrap,
        )
        counts = found["n_positive"].astype(str) + " / " + found["n_negative"].astype(str)
        counts["macro"] = found.loc["macro", "reason"]
        columns[group] = as_text(found, "auc") + ", " + counts
    columns |= {f"{metric}, {group}": as_text(found, metric) for metric in ("recall", "specificity")}
    return pd.DataFrame(columns)


def as_text(found: pd.DataFrame, metric: str) -> pd.Series:
    """Return one score of each row, with its interval."""
    values = found[[metric, f"{metric}_low", f"{metric}_high"]].to_numpy()
    texts = ["not available" if np.isnan(v[0]) else str(Estimate(*v, n=0)) for v in values]
    return pd.Series(texts, found.index)


if __name__ == "__main__":
    main()
