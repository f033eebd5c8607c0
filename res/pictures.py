"""Draw what the README shows of records: an example, a gallery, voltage and scaling, animations.

    python res/pictures.py [--data data/ptb-xl-full] [--output res]

Every record is chosen by one rule: of the clean records of the test fold with one diagnosis, for sure, and no
other, the one with the median probability by the model that is drawn.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from animation import save_animation

import signalcam as sc
from signalcam import plotting
from signalcam.data import Dataset, load_signals
from signalcam.deployment import settings_of
from signalcam.recordings import assess

EXAMPLE = "ASMI"
# A dozen diagnoses that the test fold holds clean records of, of every superclass.
DIAGNOSES = (
    *("NORM", "IMI", "ASMI", "ILMI", "NST_", "NDT", "ISCAL"),
    *("CLBBB", "CRBBB", "LAFB", "WPW", "LVH"),
)
LIKELIHOOD = 80  # %, of a statement, from which on it is taken as certain
PROCESSING = "baseline wander removed (polynomial of degree 10)"


@dataclass(frozen=True, eq=False)
class Fold:
    """The test fold: tables and signals (record, time, lead) in mV, which are clean; and who trains."""

    dataset: Dataset
    train_ids: pd.Index
    table: pd.DataFrame
    superclass: pd.DataFrame
    signals: np.ndarray
    detrended: np.ndarray
    clean: np.ndarray


def read_fold(data: str | Path) -> Fold:
    """Read the test fold of a PTB-XL folder."""
    records = sc.load_ptbxl(data)
    ids = records.splits["test"]
    signals = load_signals(records.dataset, ids, cache=False)
    clean = np.array([not assess(one, sampling_rate=100).notes for one in signals])
    return Fold(
        records.dataset,
        records.splits["train"],
        records.table.loc[ids],
        records.superclass.loc[ids],
        signals,
        sc.detrend(signals),
        clean,
    )


def median_record(candidates: np.ndarray, probability: np.ndarray) -> int:
    """Return the index of the candidate, bool (record,), with the median probability."""
    indices = np.flatnonzero(candidates)
    return int(indices[np.argsort(probability[indices], kind="stable")[len(indices) // 2]])


def certain(fold: Fold, index: int) -> dict[str, float]:
    """Return the diagnostic statements of a record that are at all likely, with their likelihood in %."""
    is_diagnostic = fold.dataset.statements["diagnostic"] == 1
    codes = fold.table["scp_codes"].iloc[index]
    return {code: sure for code, sure in codes.items() if is_diagnostic[code] and sure > 0}


def with_diagnosis(fold: Fold, statements: Sequence[str]) -> np.ndarray:
    """Return which clean records have no other diagnosis than these statements, for sure, bool (record,)."""
    found = fold.clean.copy()
    for index in np.flatnonzero(found):
        known = certain(fold, index)
        found[index] = bool(known) and set(known) <= set(statements) and min(known.values()) >= LIKELIHOOD
    return found


def with_superclass(fold: Fold, name: str) -> np.ndarray:
    """Return which clean records have no diagnosis outside this superclass, for sure, bool (record,)."""
    statements = fold.dataset.statements
    return with_diagnosis(fold, statements.index[statements["diagnostic_class"] == name])


def case_of(fold: Fold, answers: dict, settings: sc.Settings, index: int, name: str) -> plotting.Case:
    """Return one record with the map of the class called `name`, and what is known of it."""
    k = list(settings.class_names).index(name)
    keys = ("evidence", "heatmap", "probability", "logit", "lead_evidence")
    of_class = {key: answers[key][index, ..., k] for key in keys if key in answers}
    row = fold.superclass.iloc[index]
    true = list(row.index[row]) != ["NORM"] if name == "ABNORMAL" else bool(row[name])
    words = settings.predicted_names if name == "ABNORMAL" else ("no", "yes")
    return plotting.Case(
        fold.detrended[index],
        **of_class,
        predicted=words[int(of_class["probability"] >= settings.threshold[k])],
        truth=words[int(true)],
        name=f"Record {fold.table.index[index]}",
        class_name=name,
        statements="; ".join(fold.dataset.statements.loc[list(certain(fold, index)), "description"]),
        processing=PROCESSING,
    )


def draw_gallery(fold: Fold, answers: dict, settings: sc.Settings) -> plotting.Figure:
    """Draw one record of each superclass, with the map of its class; say which superclass has none."""
    candidates = {name: with_superclass(fold, name) for name in settings.class_names}
    missing = [name for name, found in candidates.items() if not found.any()]
    cases = [
        case_of(fold, answers, settings, median_record(found, answers["probability"][:, k]), name)
        for k, (name, found) in enumerate(candidates.items())
        if found.any()
    ]
    title = "One record of each superclass, and the map of its class"
    title += f" (no clean record of {', '.join(missing)})" if missing else ""
    return plotting.plot_cases(cases, title=title)


def draw_scaling(fold: Fold, train: np.ndarray) -> plotting.Figure:
    """Draw a normal ECG of low voltage and one of high voltage under the scaling rules.

    Args:
        fold: of which the two are the clean normal records at 5 % and 95 % of the largest lead's span.
        train: detrended signals (record, time, lead) in mV that give the rule `standard` its numbers.
    """
    normal = np.flatnonzero(with_superclass(fold, "NORM"))
    span = np.ptp(fold.detrended[normal], axis=1).max(axis=1)
    order = normal[np.argsort(span, kind="stable")]
    shown = [order[round(share * (len(order) - 1))] for share in (0.05, 0.95)]
    ecgs = fold.detrended[shown]
    scaled = {"detrended": ecgs, "standard": sc.Scaler("standard").fit(train).transform(ecgs)}
    scaled["record"] = sc.Scaler("record").transform(ecgs)
    names = [
        f"{word} voltage, record {fold.table.index[index]}"
        for word, index in zip(("low", "high"), shown, strict=True)
    ]
    units = {"detrended": "mV", "standard": "SD", "record": "share of max"}
    return plotting.plot_scaling(scaled, units=units, names=names)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write CAM_XAI_sample.png and .gif, gallery.png, scaling.png and demo_xai_size_reduced.gif."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="data/ptb-xl-full", help="PTB-XL's folder (data/ptb-xl-full)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write (res)")
    options = parser.parse_args(arguments)
    fold = read_fold(options.data)
    answers, settings = {}, {}
    for name in ("normal-abnormal", "superclasses"):
        model = sc.load_pretrained(name)
        settings[name], answers[name] = settings_of(model), sc.predict(model, fold.signals)

    binary = answers["normal-abnormal"], settings["normal-abnormal"]
    several = answers["superclasses"], settings["superclasses"]
    index = median_record(with_diagnosis(fold, [EXAMPLE]), binary[0]["probability"][:, 0])
    example = case_of(fold, *binary, index, "ABNORMAL")
    train = load_signals(fold.dataset, fold.train_ids[:2000], cache=False)
    figures = {
        "CAM_XAI_sample": plotting.plot_map(example),
        "gallery": draw_gallery(fold, *several),
        "scaling": draw_scaling(fold, sc.detrend(train)),
    }
    for name, figure in figures.items():
        print(plotting.save_figure(figure, options.output / f"{name}.png", dpi=160))
    print(save_animation([example], options.output / "CAM_XAI_sample.gif", n_pictures=50))

    cases = []
    for code in DIAGNOSES:
        found = with_diagnosis(fold, [code])
        if found.any():
            name = fold.dataset.statements.loc[code, "diagnostic_class"]
            probability = several[0]["probability"][:, list(several[1].class_names).index(name)]
            cases.append(case_of(fold, *several, median_record(found, probability), name))
    how = {"n_pictures": 12, "seconds": 1.5, "hold": 2.0}
    print(save_animation(cases, options.output / "demo_xai_size_reduced.gif", **how))


if __name__ == "__main__":
    main()
