"""A model's results on one fold of a dataset: what the model card and the `evaluate` command show.

The numbers come from `signalcam.evaluation`, with intervals from a bootstrap over patients.
"""

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import pandas as pd

from signalcam import evaluation
from signalcam.data import LABEL_RULES, SUPERCLASSES, Dataset, binary_labels, load_signals, superclasses
from signalcam.data.metadata import N_FOLDS, check_folds
from signalcam.deployment import Settings, predict, settings_of
from signalcam.errors import LeakageError, listed
from signalcam.evaluation.subgroups import levels, score_row
from signalcam.leads import choose_leads

KNOWN_CLASSES = ("ABNORMAL", *SUPERCLASSES)
MIN_PER_CLASS = 10  # records with and without a class, below which a part of the fold gets no score
FEW = 30  # positives, below which a score says so, and a class is left out of a mean
CERTAIN = 50  # percent; up to this likelihood an abnormal statement counts as uncertain


@dataclass(frozen=True)
class Results:
    """Scores on the records of one fold that a label rule keeps.

    Attributes:
        fold, rule, simulated: which records: fold, label rule, and whether they are simulated.
        settings: of the model: class names, thresholds.
        y: int8 DataFrame (ecg_id, class), the labels of the records that the rule keeps.
        p: float64 DataFrame (ecg_id, class), the probabilities of the same records.
        superclass: bool DataFrame (ecg_id, superclass) of the same records.
        patients: Series of patient ids, same index.
        scores: one class: a row for each metric (`evaluate`); several: a row for each class, and their mean
            (`evaluate_multilabel`).
        predictions: all records of the fold, those that the rule drops too: fold, the label by each rule (NA
            where it drops the record), the probability of each class.
        rules: a row for each label rule, same predictions; None for recordings of your own.
        diagnoses: normal against each superclass, a row each; None for several classes.
        likelihood: all records, and without abnormal ones of uncertain statements, by the model and by age
            alone; None for several classes.
        subgroups: a row for each (attribute, group); None where the table of labels has none.
    """

    fold: int | str
    rule: str
    simulated: bool
    settings: Settings
    y: pd.DataFrame
    p: pd.DataFrame
    superclass: pd.DataFrame
    patients: pd.Series
    scores: pd.DataFrame
    predictions: pd.DataFrame
    rules: pd.DataFrame | None = None
    diagnoses: pd.DataFrame | None = None
    likelihood: pd.DataFrame | None = None
    subgroups: pd.DataFrame | None = None

    @property
    def binary(self) -> bool:
        """True for a model whose one class is ABNORMAL."""
        return self.settings.class_names == ("ABNORMAL",)

    def headline(self) -> dict[str, float]:
        """The scores by which trainings are compared: of the one class, or means over the classes."""
        if self.binary:
            return self.scores["value"].to_dict()
        macro = self.scores.loc["macro"]
        return {name: float(macro[name]) for name in self.scores.columns if f"{name}_low" in self.scores}


def evaluate_model(
    model: keras.Model,
    dataset: Dataset,
    fold: int = 10,
    rule: str | None = None,
    *,
    seen_folds: bool = False,
    cache: bool = True,
    progress: bool = True,
    n_bootstrap: int = 1000,
) -> Results:
    """Predict the records of one fold and score the predictions.

    Args:
        model: deployable model.
        dataset: from `open_dataset`.
        fold: of `strat_fold`, 1 to 10.
        rule: label rule, one of `LABEL_RULES`; None takes the model's own.
        seen_folds: evaluate on a fold that the model was trained or calibrated on all the same.
        cache, progress: as in `load_signals`.
        n_bootstrap: resamples of patients.

    Raises:
        LeakageError: for a fold that the model has seen, unless `seen_folds`.
        ValueError: an unknown rule or class, or a fold that holds no record.
        RecordError, FileNotFoundError: records that cannot be read.
    """
    settings = settings_of(model)
    if not seen_folds:
        refuse_seen_fold(settings, dataset, fold)
    check_folds(dataset.table)
    ids = dataset.table.index[dataset.table["strat_fold"] == fold]
    if not len(ids):
        there = ", ".join(map(str, sorted(dataset.table["strat_fold"].unique())))
        raise ValueError(f"fold must be one of 1 to {N_FOLDS} that has records ({there}), got {fold!r}.")
    signals = load_signals(dataset, ids, settings.sampling_rate, cache=cache, progress=progress)
    probability = predict(model, choose_leads(signals, settings.lead_names))["probability"]
    return evaluate_predictions(probability, dataset, ids, settings, fold, rule, n_bootstrap)


def refuse_seen_fold(settings: Settings, dataset: Dataset, fold: int) -> None:
    """Raise LeakageError where a model has seen a fold of this dataset in training or calibration."""
    seen = [
        ("trained", settings.dataset, settings.training_folds),
        ("chosen", settings.dataset, settings.validation_folds),
        *(("trained, before it was trained further,", *start) for start in settings.earlier),
    ]
    for use, family, folds in seen:
        if family == dataset.family and fold in folds:
            found = f"got {fold}: it was {use} on folds {listed(folds, N_FOLDS)} of {family}"
            advice = "Take another fold; for the flattering numbers, ask with seen_folds=True (--seen-folds)."
            raise LeakageError(f"fold must be one that the model has not seen, {found}. {advice}")


def evaluate_predictions(
    probability: np.ndarray,
    dataset: Dataset,
    ecg_ids: pd.Index,
    settings: Settings,
    fold: int = 10,
    rule: str | None = None,
    n_bootstrap: int = 1000,
) -> Results:
    """Score the predictions of all records of a fold, (record, class) in the order of `ecg_ids`.

    Args, Raises: as in `evaluate_model`; `settings` are the model's.
    """
    names = list(settings.class_names)
    unknown = [name for name in names if name not in KNOWN_CLASSES]
    if unknown:
        found = f"which PTB-XL has labels for, got {', '.join(unknown)}"
        advice = "Score these predictions with signalcam.evaluation."
        raise ValueError(f"class_names must be among {', '.join(KNOWN_CLASSES)}, {found}. {advice}")
    rule, table = rule or settings.label_rule, dataset.table.loc[ecg_ids]
    superclass = superclasses(table, dataset.statements)
    # The tables have the counts, so that nothing needs to be logged.
    labels = {name: binary_labels(superclass, name, quiet=True) for name in {rule, *LABEL_RULES}}
    p = pd.DataFrame(np.asarray(probability, np.float64), index=table.index, columns=names)
    columns = {f"label_{name}": labels[name].reindex(table.index).astype("Int8") for name in LABEL_RULES}
    predictions = pd.DataFrame({"strat_fold": table["strat_fold"]} | columns)
    predictions = predictions.join(p.add_prefix("probability_"))
    truth = {
        name: superclass.loc[kept.index].assign(ABNORMAL=kept)[names].astype(np.int8)
        for name, kept in labels.items()
    }
    y, how = truth[rule], {"n_bootstrap": n_bootstrap}
    of_kept = [part.loc[y.index] for part in (p, superclass, table["patient_id"])]
    scores = score_classes(y, of_kept[0], of_kept[2], settings, **how)
    results = Results(fold, rule, dataset.simulated, settings, y, *of_kept, scores, predictions)
    if results.binary:
        return replace(results, **_tables_of_abnormal(results, p["ABNORMAL"], superclass, dataset, how))
    return replace(results, **_tables_of_classes(results, p, truth, table, how))


def score_classes(
    y: pd.DataFrame, p: pd.DataFrame, groups: pd.Series, settings: Settings, **options: Any
) -> pd.DataFrame:
    """Score labels (record, class) at the model's thresholds, as `Results.scores` has them."""
    if settings.class_names != ("ABNORMAL",):
        how = {"threshold": list(settings.threshold), "groups": groups}
        return evaluation.evaluate_multilabel(y, p, list(y), **how, **options)
    how = {"threshold": settings.threshold[0], "groups": groups}
    return evaluation.evaluate(y["ABNORMAL"], p["ABNORMAL"], **how, **options)


def uncertain(table: pd.DataFrame, statements: pd.DataFrame) -> pd.Series:
    """Tell which records have abnormal statements, and none with a likelihood above 50 %.

    A likelihood of 0 stands for one that nobody stated: not certain. Returns a bool Series (ecg_id,).
    """
    abnormal = set(statements.index[statements["diagnostic_class"].isin(set(SUPERCLASSES) - {"NORM"})])

    def highest(codes: dict[str, float]) -> float:
        return max((codes[code] for code in abnormal & set(codes)), default=np.inf)

    return table["scp_codes"].map(highest) <= CERTAIN


def _tables_of_abnormal(
    results: Results, p: pd.Series, superclass: pd.DataFrame, dataset: Dataset, how: dict
) -> dict[str, pd.DataFrame]:
    """The tables of a model for normal or abnormal, from all records of the fold."""
    how = how | {"threshold": results.settings.threshold[0], "min_per_class": MIN_PER_CLASS}
    both, part = (results.y["ABNORMAL"], results.p["ABNORMAL"]), how | {"groups": results.patients}
    patients, kept = dataset.table.loc[p.index, "patient_id"], dataset.table.loc[results.y.index]
    return {
        "rules": evaluation.by_label_rule(superclass, p, groups=patients, **how),
        "diagnoses": evaluation.by_diagnosis(*both, results.superclass, **part),
        "likelihood": _by_likelihood(*both, kept, dataset.statements, how),
        "subgroups": evaluation.by_subgroup(*both, evaluation.describe_subgroups(kept), **part),
    }


def _by_likelihood(
    y: pd.Series, p: pd.Series, table: pd.DataFrame, statements: pd.DataFrame, options: dict
) -> pd.DataFrame:
    """Scores of all records, of those whose statements are certain, and of age alone."""
    certain = ~(uncertain(table, statements) & (y == 1))

    def row(p: pd.Series, kept: pd.Series, **changes: Any) -> dict:
        columns = (column[kept].to_numpy() for column in (y, p, table["patient_id"]))
        return score_row(*columns, **options | changes)

    rows = {
        "all records": row(p, certain | True),
        f"abnormal by a likelihood above {CERTAIN} %, and normal": row(p, certain),
    }
    if "age" in table:
        age = table["age"].astype(float).clip(0, 100) / 100  # 300 stands for ages above 89
        rows["age alone, all records with an age"] = row(age, age.notna(), metrics=("auc",))
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="subset"))


def _tables_of_classes(
    results: Results, p: pd.DataFrame, truth: dict[str, pd.DataFrame], table: pd.DataFrame, how: dict
) -> dict[str, pd.DataFrame]:
    """Means over several classes, for each rule and each group."""

    def macro(y: pd.DataFrame) -> dict:
        rows, patients = p.loc[y.index], table.loc[y.index, "patient_id"]
        scores = score_classes(y, rows, patients, results.settings, min_per_class=FEW, **how)
        return scores.loc["macro"].to_dict()

    rules = [macro(truth[rule]) | {"dropped": len(p) - len(truth[rule])} for rule in LABEL_RULES]
    parts = {
        (attribute, group): macro(results.y[inside])
        for attribute, column in evaluation.describe_subgroups(table.loc[results.y.index]).items()
        for group, inside in levels(column)
    }
    index = pd.MultiIndex.from_tuples(parts, names=["attribute", "group"])
    return {
        "rules": pd.DataFrame(rules, index=pd.Index(LABEL_RULES, name="rule")),
        "subgroups": pd.DataFrame(list(parts.values()), index=index),
    }
