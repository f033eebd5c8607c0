"""The same result, taken apart: by patient group, by diagnosis, by label rule, always with the counts.

A mean over all records hides for whom a model fails. Where a group holds too few records of either class,
the score is not available (NaN) and the row says why.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.data import LABEL_RULES, SUPERCLASSES, binary_labels
from signalcam.evaluation.bootstrap import Estimate, bootstrap, check_groups
from signalcam.evaluation.metrics import check_predictions, check_probabilities, check_same_index

TABLE_METRICS = ("auc", "accuracy", "recall", "specificity")
_REMARKS = ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems")
_AGE_BANDS = {"under 40": 0, "40 to 59": 40, "60 to 79": 60, "80 and over": 80}
_NOT_STATED = "not stated"


def describe_subgroups(table: pd.DataFrame) -> pd.DataFrame:
    """Tell the groups that each record of a PTB-XL table belongs to.

    Returns:
        DataFrame with the table's index; NaN where the table does not say. sex: male (0 in the table), female
        (1). age_band (ages above 89 stand as 300 in the table). device: its name. signal_quality: flagged
        where the annotators remarked on baseline drift, noise or electrodes, else clean.

    Raises:
        ValueError: for columns that the table lacks.
    """
    missing = [column for column in ("sex", "age", "device", *_REMARKS) if column not in table]
    if missing:
        found = f"one without {', '.join(missing)}"
        raise ValueError(f"table must have the columns of PTB-XL's, got {found}. Add them, empty.")
    sex = table["sex"].map({0: "male", 1: "female"})
    edges = [*_AGE_BANDS.values(), np.inf]
    remarked = [table[column].notna() & (table[column].astype(str).str.strip() != "") for column in _REMARKS]
    flagged = np.where(np.any(remarked, axis=0), "flagged", "clean")
    columns = {
        "sex": pd.Categorical(sex, categories=["male", "female"]),
        "age_band": pd.cut(table["age"].astype(float), edges, right=False, labels=list(_AGE_BANDS)),
        "device": table["device"].str.split().str.join(" "),
        "signal_quality": pd.Categorical(flagged, categories=["clean", "flagged"]),
    }
    return pd.DataFrame(columns, index=table.index)


def by_subgroup(
    y: ArrayLike, p: ArrayLike, subgroups: pd.DataFrame, groups: ArrayLike | None = None, **options: object
) -> pd.DataFrame:
    """Score predictions within each group of each attribute.

    Args:
        y, p, groups: as in `evaluate`.
        subgroups: DataFrame or Series of group names, (record, attribute), as from `describe_subgroups`.
        **options: threshold, metrics, min_per_class, n_bootstrap and seed, as in `score_row`.

    Returns:
        DataFrame, index (attribute, group), the columns of `score_row`.

    Raises:
        ValueError: on NaN in `p`, on arrays of different records.
    """
    labels, p = check_predictions(y, p)
    if len(subgroups) != len(labels):
        raise ValueError(f"subgroups must have {len(labels)} rows, one for each label, got {len(subgroups)}.")
    check_same_index(y, subgroups, "subgroups")
    parts = {
        (attribute, level): np.where(inside, labels, np.nan)
        for attribute, column in pd.DataFrame(subgroups).items()
        for level, inside in levels(column)
    }
    return _score_parts(parts, p, check_groups(groups, y), options, ["attribute", "group"])


def by_diagnosis(
    y: ArrayLike, p: ArrayLike, superclasses: pd.DataFrame, groups: ArrayLike | None = None, **options: object
) -> pd.DataFrame:
    """Score all normal records against those of each superclass in turn; one with two counts in both rows.

    Args, Raises: as in `by_subgroup`; `superclasses` is bool (record, superclass), in the order of `y`.
    Returns a `score_row` for each superclass.
    """
    labels, p = check_predictions(y, p)
    _check_superclasses(superclasses, len(labels))
    check_same_index(y, superclasses, "superclasses")
    parts = {
        name: np.where((labels == 0) | superclasses[name].to_numpy(dtype=bool), labels, np.nan)
        for name in SUPERCLASSES[1:]
    }
    return _score_parts(parts, p, check_groups(groups, y), options, "superclass")


def by_label_rule(
    superclasses: pd.DataFrame, p: ArrayLike, groups: ArrayLike | None = None, **options: object
) -> pd.DataFrame:
    """Score the same predictions under each label rule, side by side.

    Args, Raises: as in `by_diagnosis`, for all records, those without superclass too. Returns a `score_row`
    for each rule, and dropped, the number of records that it leaves out.
    """
    _check_superclasses(superclasses, len(superclasses))
    check_same_index(superclasses, p, "p")
    p = check_probabilities(p, len(superclasses))
    parts = {
        rule: binary_labels(superclasses, rule, quiet=True).reindex(superclasses.index).to_numpy(np.float64)
        for rule in LABEL_RULES
    }
    table = _score_parts(parts, p, check_groups(groups, superclasses), options, "rule")
    return table.assign(dropped=len(p) - table["n"])


def _score_parts(
    parts: dict, p: np.ndarray, groups: np.ndarray, options: dict, names: str | list[str]
) -> pd.DataFrame:
    """Make a `score_row` of each of several labels, (record,), NaN for the records that are left out."""
    rows = []
    for labels in parts.values():
        kept = ~np.isnan(labels)
        rows.append(score_row(labels[kept], p[kept], groups[kept], **options))
    return pd.DataFrame(rows, index=pd.Index(list(parts))).rename_axis(index=names)


def score_row(
    y: np.ndarray,
    p: np.ndarray,
    groups: np.ndarray,
    threshold: float = 0.5,
    metrics: Sequence[str] = TABLE_METRICS,
    min_per_class: int = 10,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> dict:
    """Score predictions for one row of a table.

    Args:
        y, p, groups, threshold, metrics, n_bootstrap, seed: as in `evaluate`.
        min_per_class: with fewer records of either class no score is available.

    Returns:
        dict: n, n_groups (patients), n_positive, n_negative; for each metric its name, with ``_low`` and
        ``_high`` for the interval; reason, why there are no scores.
    """
    if reason := too_few(y, min_per_class):
        estimates = dict.fromkeys(metrics, Estimate(np.nan, np.nan, np.nan, len(y)))
    else:
        estimates = bootstrap(y, p, metrics, threshold, groups, n_bootstrap, seed)
        reason = "; ".join(f"{name}: {item.reason}" for name, item in estimates.items() if item.reason)
    return flat_row(y, groups, estimates, reason)


def too_few(y: np.ndarray, min_per_class: int) -> str:
    """Say which class has too few records for a score, "" when neither has."""
    positives, needed = int(np.sum(y)), max(1, min_per_class)
    text = f"{positives} positive and {len(y) - positives} negative, needs {needed} of each"
    return text if min(positives, len(y) - positives) < needed else ""


def flat_row(y: np.ndarray, groups: np.ndarray, estimates: dict[str, Estimate], reason: str) -> dict:
    """Return counts, estimates by metric, and reason as one row of a table, with the keys of `score_row`."""
    n, n_groups, n_positive = len(y), len(np.unique(groups)), int(np.sum(y))
    row = {"n": n, "n_groups": n_groups, "n_positive": n_positive, "n_negative": n - n_positive}
    for name, item in estimates.items():
        row |= {name: item.value, f"{name}_low": item.low, f"{name}_high": item.high}
    return row | {"reason": reason}


def levels(column: pd.Series) -> list[tuple[str, np.ndarray]]:
    """List (group, bool (record,)) for each group of one attribute; missing values are "not stated"."""
    names = column.astype(object).where(column.notna(), _NOT_STATED)
    order = names.value_counts().index
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = [level for level in (*column.cat.categories, _NOT_STATED) if level in order]
    return [(level, (names == level).to_numpy()) for level in order]


def _check_superclasses(superclasses: pd.DataFrame, n: int) -> None:
    missing = ", ".join(name for name in SUPERCLASSES if name not in superclasses)
    if missing or len(superclasses) != n:
        wanted = f"{n} rows and the columns {', '.join(SUPERCLASSES)}"
        found = f"{len(superclasses)} rows" + (f", without {missing}" if missing else "")
        raise ValueError(f"superclasses must have {wanted}, got {found}.")
