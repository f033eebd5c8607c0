"""A model's results on labelled recordings of your own; a file's probability is the mean over its windows."""

import contextlib
from dataclasses import replace

import keras
import numpy as np
import pandas as pd

from signalcam import evaluation
from signalcam.data import LabelledRecords
from signalcam.deployment import Settings, predict, settings_of
from signalcam.errors import LeakageError, listed
from signalcam.reproduction.results import MIN_PER_CLASS, Results, refuse_seen_fold, score_classes
from signalcam.training.train_recipe import BLOCK


def evaluate_labelled(
    model: keras.Model,
    records: LabelledRecords,
    fold: int | None = None,
    *,
    seen_folds: bool = False,
    n_bootstrap: int = 1000,
) -> Results:
    """Predict recordings and score the predictions, a file at a time.

    Args:
        model: deployable model.
        records: read for this model: its classes, leads, rate and length.
        fold: one fold; None takes all that the model has not seen.
        seen_folds, n_bootstrap: as in `evaluate_model`.

    Returns:
        `Results`, indexed by each file's first record; rule is the name of the table of labels.

    Raises:
        LeakageError: as in `evaluate_model`; or there is no other fold; or the model was trained on this
            folder with other labels or folds, so that nobody knows what it has seen.
        ValueError: other classes or leads than the model's, or a fold without records.
    """
    settings, table = settings_of(model), records.table
    pairs = (tuple(records.targets), settings.class_names), (records.leads, settings.lead_names)
    for name, (has, wants) in zip(("classes", "leads"), pairs, strict=True):
        if has != wants:
            raise ValueError(f"{name} must be the model's, {', '.join(wants)}, got {', '.join(has)}.")
    there = sorted(table["strat_fold"].unique()) if fold is None else [fold]
    if not seen_folds:
        there = _unseen(settings, records, there)
    inside = table.index[table["strat_fold"].isin(there)]
    if not len(inside):
        raise ValueError(f"fold must be one that has records ({listed(there)} has none).")
    parts = np.split(table.index.get_indexer(inside), range(BLOCK, len(inside), BLOCK))
    p = np.concatenate([predict(model, records.signals[part])["probability"] for part in parts])
    p = pd.DataFrame(p.astype(np.float64), inside, list(settings.class_names))
    file = table.loc[inside, "file"]
    first = file.index[~file.duplicated()]
    p = p.groupby(file).mean().loc[file[first]].set_index(first)
    y, rows, patients = records.targets.loc[first], table.loc[first], table.loc[first, "patient_id"]
    scores = score_classes(y, p, patients, settings, n_bootstrap=n_bootstrap)
    predictions = [rows[["file", "strat_fold"]], y.add_prefix("label_"), p.add_prefix("probability_")]
    about = (listed(there, 10), records.rule, False, settings, y, p, pd.DataFrame(index=first), patients)
    results = Results(*about, scores, pd.concat(predictions, axis=1))
    described = _describe(rows)
    if not results.binary or not described.shape[1]:
        return results
    how = {"threshold": settings.threshold[0], "n_bootstrap": n_bootstrap, "min_per_class": MIN_PER_CLASS}
    subgroups = evaluation.by_subgroup(y["ABNORMAL"], p["ABNORMAL"], described, groups=patients, **how)
    return replace(results, subgroups=subgroups)


def _unseen(settings: Settings, records: LabelledRecords, there: list[int]) -> list[int]:
    """Folds that the model has not seen; LeakageError where there are none, or nobody can know."""
    dataset = records.dataset
    for family in (settings.dataset, *dict(settings.earlier)):
        if family.startswith(f"{dataset.name} (") and family != dataset.family:
            found = f"labels must deal {dataset.name} to folds as in training, got others in {records.rule}"
            other = "if these are other recordings, or for the flattering numbers all the same, ask with"
            advice = f"Take the labels.csv that training wrote beside the model; {other} seen_folds=True"
            raise LeakageError(f"{found}. {advice} (--seen-folds).")
    left = []
    for fold in there:
        with contextlib.suppress(LeakageError):
            refuse_seen_fold(settings, dataset, fold)
            left.append(fold)
    if not left:
        refuse_seen_fold(settings, dataset, there[0])
    return left


def _describe(rows: pd.DataFrame) -> pd.DataFrame:
    """Sex and age band of each record, as far as the table of labels has them."""
    empty = dict.fromkeys(("device", "baseline_drift", "static_noise", "burst_noise", "electrodes_problems"))
    nothing = pd.Series("", rows.index)
    sex = rows.get("sex", nothing).str.lower().str[:1].map({"m": 0, "0": 0, "f": 1, "1": 1})
    age = pd.to_numeric(rows.get("age", nothing), errors="coerce")
    described = evaluation.describe_subgroups(rows.assign(sex=sex, age=age, **empty))
    return described[[name for name in ("sex", "age_band") if described[name].notna().any()]]
