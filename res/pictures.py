"""Draw what the README shows of records: examples, a gallery, animations.

    python res/pictures.py [--data data/ptb-xl-full] [--output res] [--animation webp]

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
from signalcam.commands.explanations import PROCESSING
from signalcam.data import Dataset, load_signals
from signalcam.deployment import settings_of
from signalcam.recordings import assess

EXAMPLE, BY_LEAD = "ASMI", "IMI"  # diagnoses of the records that are drawn alone
# A dozen diagnoses that the test fold holds clean records of, of every superclass.
DIAGNOSES = (
    *("NORM", "IMI", "ASMI", "ILMI", "NST_", "NDT", "ISCAL"),
    *("CLBBB", "CRBBB", "LAFB", "WPW", "LVH"),
)
LIKELIHOOD = 80  # %, of a statement, from which on it is taken as certain


@dataclass(frozen=True, eq=False)
class Fold:
    """The test fold: tables, signals (record, time, lead) in mV, and which are clean."""

    dataset: Dataset
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Write CAM_XAI_sample.png and .gif, leadwise_sample.png, gallery.png and demo_xai_size_reduced.gif."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", default="data/ptb-xl-full", help="PTB-XL's folder (data/ptb-xl-full)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write (res)")
    parser.add_argument("--animation", choices=("gif", "webp"), default="gif", help="their format (gif)")
    options = parser.parse_args(arguments)
    fold = read_fold(options.data)
    answers, settings = {}, {}
    for name in ("normal-abnormal", "superclasses", "leadwise"):
        model = sc.load_pretrained(name)
        settings[name], answers[name] = settings_of(model), sc.predict(model, fold.signals)

    binary = answers["normal-abnormal"], settings["normal-abnormal"]
    several = answers["superclasses"], settings["superclasses"]
    index = median_record(with_diagnosis(fold, [EXAMPLE]), binary[0]["probability"][:, 0])
    example = case_of(fold, *binary, index, "ABNORMAL")
    by_lead = answers["leadwise"], settings["leadwise"]
    index = median_record(with_diagnosis(fold, [BY_LEAD]), by_lead[0]["probability"][:, 0])
    figures = {
        "CAM_XAI_sample": plotting.plot_map(example),
        "gallery": draw_gallery(fold, *several),
        "leadwise_sample": plotting.plot_map(case_of(fold, *by_lead, index, "ABNORMAL")),
    }
    for name, figure in figures.items():
        print(plotting.save_figure(figure, options.output / f"{name}.png", dpi=160))
    print(save_animation([example], options.output / f"CAM_XAI_sample.{options.animation}", n_pictures=50))

    cases = []
    for code in DIAGNOSES:
        found = with_diagnosis(fold, [code])
        if found.any():
            name = fold.dataset.statements.loc[code, "diagnostic_class"]
            probability = several[0]["probability"][:, list(several[1].class_names).index(name)]
            cases.append(case_of(fold, *several, median_record(found, probability), name))
    how = {"n_pictures": 12, "seconds": 1.5, "hold": 2.0}
    print(save_animation(cases, options.output / f"demo_xai_size_reduced.{options.animation}", **how))


if __name__ == "__main__":
    main()
