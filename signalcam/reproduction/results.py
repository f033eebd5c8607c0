"""A model's results on one fold of a dataset: what the model card and the `evaluate` command show.

The numbers come from `signalcam.evaluation`. Here they are put together, with intervals from a bootstrap over
patients, for a model that tells normal from abnormal and for one with several classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels, superclasses
from signalcam.data.metadata import N_FOLDS, check_folds
from signalcam.data.ptbxl import Dataset
from signalcam.data.signals import load_signals
from signalcam.deployment.deployable import Settings, predict, settings_of
from signalcam.evaluation import (
    by_diagnosis,
    by_label_rule,
    by_subgroup,
    describe_subgroups,
    evaluate,
    evaluate_multilabel,
)
from signalcam.evaluation.subgroups import levels

KNOWN_CLASSES = ("ABNORMAL", *SUPERCLASSES)
MIN_PER_CLASS = 10  # records with and without a class, below which a part of the fold gets no score


@dataclass(frozen=True)
class Results:
    """Scores on the records of one fold that a label rule keeps.

    Attributes:
        fold: of the records.
        rule: label rule.
        settings: of the model: class names, thresholds.
        y: int8 DataFrame (ecg_id, class), the labels of the records that the rule keeps.
        p: float64 DataFrame (ecg_id, class), the probabilities of the same records.
        patients: Series of patient ids, same index.
        scores: one class: a row for each metric (`evaluate`); several: a row for each class, and their mean
            (`evaluate_multilabel`).
        rules: a row for each label rule, same predictions.
        diagnoses: normal against each superclass, a row each; None for several classes.
        subgroups: a row for each (attribute, group).
        predictions: all records of the fold, those that the rule drops too: fold, the label by each rule (NA
            where it drops the record), the probability of each class.
    """

    fold: int
    rule: str
    settings: Settings
    y: pd.DataFrame
    p: pd.DataFrame
    patients: pd.Series
    scores: pd.DataFrame
    rules: pd.DataFrame
    diagnoses: pd.DataFrame | None
    subgroups: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def binary(self) -> bool:
        """True for a model whose one class is ABNORMAL."""
        return is_binary(self.settings)

    def headline(self) -> dict[str, float]:
        """The scores by which trainings are compared: of the one class, or means over the classes."""
        if self.binary:
            return self.scores["value"].to_dict()
        macro = self.scores.loc["macro"]
        return {name: float(macro[name]) for name in self.scores.columns if f"{name}_low" in self.scores}


def is_binary(settings: Settings) -> bool:
    """True where a model has the one class ABNORMAL."""
    return settings.class_names == ("ABNORMAL",)


def evaluate_model(
    model, dataset: Dataset, fold: int = 10, rule: str | None = None, progress: bool = True, **options
) -> Results:
    """Predict the records of one fold and score the predictions.

    Args:
        model: deployable model.
        dataset: from `open_dataset`.
        fold: of `strat_fold`, 1 to 10. The model must not have seen it in training.
        rule: label rule, one of `LABEL_RULES`; None takes the model's own.
        progress: show a progress bar while decoding.
        options: cache, as in `load_signals`; n_bootstrap and seed, as in `evaluate_predictions`.

    Returns:
        `Results`.

    Raises:
        ValueError: an unknown rule or class, or a fold that holds no record.
        RecordError, FileNotFoundError: records that cannot be read.
    """
    settings = settings_of(model)
    ids = fold_ids(dataset.table, fold)
    cache = options.pop("cache", True)
    signals = load_signals(dataset, ids, settings.sampling_rate, cache=cache, progress=progress)
    superclass = superclasses(dataset.table.loc[ids], dataset.statements)
    probability = predict(model, signals)["probability"]
    return evaluate_predictions(
        probability, dataset.table.loc[ids], superclass, settings, fold=fold, rule=rule, **options
    )


def evaluate_predictions(
    probability: np.ndarray,
    table: pd.DataFrame,
    superclass: pd.DataFrame,
    settings: Settings,
    fold: int = 10,
    rule: str | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Results:
    """Score the predictions of all records of a fold.

    Args:
        probability: (record, class).
        table: rows of PTB-XL's table, in the order of `probability`.
        superclass: bool (record, superclass), same index.
        settings: of the model.
        fold, rule: as in `evaluate_model`.
        n_bootstrap, seed: of the resampling of patients.

    Returns:
        `Results`.

    Raises:
        ValueError: a class that PTB-XL has no label for, an unknown rule, or arrays of other records.
    """
    names = list(settings.class_names)
    unknown = [name for name in names if name not in KNOWN_CLASSES]
    if unknown:
        raise ValueError(
            f"PTB-XL has labels for the classes {', '.join(KNOWN_CLASSES)}; this model has "
            f"{', '.join(unknown)} as well. Score its predictions with signalcam.evaluation."
        )
    rule = rule or settings.label_rule
    # The tables have the counts, so that nothing needs to be logged.
    truth = {name: binary_labels(superclass, name, quiet=True) for name in {rule, *LABEL_RULES}}
    p = pd.DataFrame(np.asarray(probability, np.float64), index=table.index, columns=names)
    patients = table["patient_id"]
    y = _truth(truth[rule], superclass, names)
    kept = y.index
    options = {"n_bootstrap": n_bootstrap, "seed": seed}
    score = _score_binary if is_binary(settings) else _score_classes
    tables = score(p, y, truth, superclass, patients, describe_subgroups(table.loc[kept]), settings, options)
    labels = {f"label_{name}": truth[name].reindex(table.index).astype("Int8") for name in LABEL_RULES}
    predictions = pd.DataFrame({"strat_fold": table["strat_fold"]} | labels)
    predictions = predictions.join(p.add_prefix("probability_"))
    return Results(fold, rule, settings, y, p.loc[kept], patients.loc[kept], *tables, predictions)


def fold_ids(table: pd.DataFrame, fold: int) -> pd.Index:
    """Return the ecg_ids of one fold; ValueError where there are none."""
    check_folds(table)
    ids = table.index[table["strat_fold"] == fold]
    if not len(ids):
        there = ", ".join(str(number) for number in sorted(table["strat_fold"].unique()))
        raise ValueError(f"fold must be one of 1 to {N_FOLDS} that has records ({there}); got {fold!r}.")
    return ids


def _truth(labels: pd.Series, superclass: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Labels, int8 (record, class), of the records that a rule keeps."""
    return superclass.loc[labels.index].assign(ABNORMAL=labels)[list(names)].astype(np.int8)


def _score_binary(p, y, truth, superclass, patients, groups, settings, options):
    """Tables (scores, rules, diagnoses, subgroups) of a model for normal or abnormal."""
    options = options | {"threshold": settings.threshold[0]}
    part = options | {"min_per_class": MIN_PER_CLASS}
    everyone, p, y = p["ABNORMAL"], p.loc[y.index, "ABNORMAL"], y["ABNORMAL"]
    kept = patients.loc[y.index]
    return (
        evaluate(y, p, groups=kept, **options),
        by_label_rule(superclass, everyone, groups=patients, **part),
        by_diagnosis(y, p, superclass.loc[y.index], groups=kept, **part),
        by_subgroup(y, p, groups, groups=kept, **part),
    )


def _score_classes(p, y, truth, superclass, patients, groups, settings, options):
    """The same tables of a model with several classes; rules and groups hold means over the classes."""
    options = options | {"threshold": list(settings.threshold)}

    def macro(labels: pd.DataFrame) -> dict:
        ids = labels.index
        scores = evaluate_multilabel(
            labels, p.loc[ids], p.columns, groups=patients.loc[ids], min_per_class=MIN_PER_CLASS, **options
        )
        return scores.loc["macro"].to_dict()

    scores = evaluate_multilabel(y, p.loc[y.index], p.columns, groups=patients.loc[y.index], **options)
    rules = {
        rule: macro(_truth(truth[rule], superclass, p.columns)) | {"dropped": len(p) - len(truth[rule])}
        for rule in LABEL_RULES
    }
    parts = {
        (attribute, group): macro(y[inside])
        for attribute, column in groups.items()
        for group, inside in levels(column)
    }
    subgroups = pd.DataFrame(
        list(parts.values()), index=pd.MultiIndex.from_tuples(parts, names=["attribute", "group"])
    )
    rules = pd.DataFrame(list(rules.values()), index=pd.Index(rules, name="rule"))
    return scores, rules, None, subgroups
