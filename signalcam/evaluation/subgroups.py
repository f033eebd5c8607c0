"""The same result, taken apart: by patient group, by diagnosis, by label rule, always with the counts.

A mean over all records hides for whom a model fails. Where a group holds too few records of either class for
a score to mean anything, the score is not available (NaN) and the row says why; the counts are given all the
same.
"""

import numpy as np
import pandas as pd

from signalcam.data.labels import LABEL_RULES, SUPERCLASSES, binary_labels
from signalcam.evaluation.bootstrap import Estimate, bootstrap
from signalcam.evaluation.metrics import check_predictions, check_probabilities, check_same_index

TABLE_METRICS = ("auc", "accuracy", "recall", "specificity")
ATTRIBUTES = ("sex", "age_band", "device", "signal_quality")
_SOURCES = {
    "sex": ("sex",),
    "age_band": ("age",),
    "device": ("device",),
    "signal_quality": ("baseline_drift", "static_noise", "burst_noise", "electrodes_problems"),
}
_AGE_BANDS = {"under 40": 0, "40 to 59": 40, "60 to 79": 60, "80 and over": 80}
_NOT_STATED = "not stated"


def describe_subgroups(table: pd.DataFrame, attributes=ATTRIBUTES) -> pd.DataFrame:
    """Return the groups each record of a PTB-XL table belongs to, (record, attribute), on the table's index.

    sex: male (0 in the table), female (1). age_band: under 40, 40 to 59, 60 to 79, 80 and over (ages above 89
    stand as 300 in the table). device: its name. signal_quality: flagged where the annotators remarked on
    baseline drift, static noise, burst noise or electrodes, else clean. A missing value is "not stated".
    ValueError names columns that the table lacks.
    """
    unknown = [name for name in attributes if name not in ATTRIBUTES]
    if unknown:
        raise ValueError(
            f"attributes: expected names among {', '.join(ATTRIBUTES)}; got {', '.join(unknown)}"
        )
    missing = [column for name in attributes for column in _SOURCES[name] if column not in table]
    if missing:
        raise ValueError(
            f"table: the columns {', '.join(missing)} are missing; give PTB-XL's table, or leave out "
            "attributes that need them"
        )
    makers = {"sex": _sex, "age_band": _age_band, "device": _device, "signal_quality": _signal_quality}
    return pd.DataFrame({name: makers[name](table) for name in attributes}, index=table.index)


def by_subgroup(y, p, subgroups, groups=None, **options) -> pd.DataFrame:
    """Return the scores within each group of each attribute.

    y: (record,) of 0 and 1; p: (record,) in [0, 1]; subgroups: a Series or DataFrame (record, attribute) of
    group names, as from `describe_subgroups`; groups: patient ids (record,); options: threshold, metrics,
    min_per_class, n_bootstrap and seed, see `score_row`. Index (attribute, group); columns those of
    `score_row`. ValueError on NaN in p, on different lengths and indexes.
    """
    labels, probabilities = check_predictions(y, p)
    subgroups = subgroups.to_frame() if isinstance(subgroups, pd.Series) else pd.DataFrame(subgroups)
    if len(subgroups) != len(labels):
        raise ValueError(f"subgroups: expected {len(labels)} rows, one for each label, got {len(subgroups)}")
    check_same_index(y, subgroups, "subgroups")
    check_same_index(y, groups, "groups")
    rows = {
        (attribute, level): _part(labels, probabilities, groups, inside, options)
        for attribute, column in subgroups.items()
        for level, inside in levels(column)
    }
    index = pd.MultiIndex.from_tuples(rows, names=["attribute", "group"])
    return pd.DataFrame(list(rows.values()), index=index)


def by_diagnosis(y, p, superclass_table, groups=None, **options) -> pd.DataFrame:
    """Return the scores of all normal records against the abnormal ones of each superclass in turn.

    y, p, groups, options: as in `by_subgroup`; superclass_table: bool (record, superclass), columns NORM, MI,
    STTC, CD, HYP, rows as y. Normal and abnormal are those of y, by whichever label rule; a record with two
    superclasses counts in both rows. Index: superclass; columns those of `score_row`.
    """
    labels, probabilities = check_predictions(y, p)
    table = _check_superclasses(superclass_table, len(labels))
    check_same_index(y, superclass_table, "superclass_table")
    check_same_index(y, groups, "groups")
    rows = {}
    for superclass in SUPERCLASSES[1:]:
        inside = (labels == 0) | table[superclass].to_numpy(dtype=bool)
        rows[superclass] = _part(labels, probabilities, groups, inside, options)
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="superclass"))


def by_label_rule(superclass_table, p, groups=None, **options) -> pd.DataFrame:
    """Return the scores of the same predictions under each label rule, side by side.

    superclass_table: bool (record, superclass) of all records, those without superclass too; p: (record,) in
    its order; groups, options: as in `by_subgroup`. Index: rule; columns those of `score_row`, and dropped,
    the number of records that the rule leaves out.
    """
    table = _check_superclasses(superclass_table, len(superclass_table))
    probabilities = check_probabilities(p, len(table))
    check_same_index(superclass_table, p, "p")
    check_same_index(superclass_table, groups, "groups")
    rows = {}
    for rule in LABEL_RULES:
        labels = binary_labels(table, rule, quiet=True)  # the row has the counts
        kept = table.index.get_indexer(labels.index)
        everywhere = np.zeros(len(table), dtype=np.int8)
        everywhere[kept] = labels
        rows[rule] = _part(everywhere, probabilities, groups, np.sort(kept), options)
        rows[rule]["dropped"] = len(table) - len(kept)
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name="rule"))


def score_row(
    y, p, groups=None, threshold=0.5, metrics=TABLE_METRICS, min_per_class=10, n_bootstrap=1000, seed=0
) -> dict:
    """Return one row of a table: the counts, the scores with intervals, and the reason where there are none.

    y, p, groups, threshold, metrics, n_bootstrap, seed: as in `bootstrap.bootstrap`; with fewer than
    `min_per_class` records of either class no score is available. Keys: n, n_groups (patients),
    n_positive, n_negative; for each metric its name, with `_low` and `_high` for the interval; reason.
    """
    reason = too_few(y, min_per_class)
    if reason:
        estimates = dict.fromkeys(metrics, Estimate(np.nan, np.nan, np.nan, len(y)))
    else:
        estimates = bootstrap(y, p, metrics, threshold, groups, n_bootstrap, seed)
        reason = "; ".join(f"{name}: {item.reason}" for name, item in estimates.items() if item.reason)
    return flat_row(y, groups, estimates, reason)


def too_few(y, min_per_class: int) -> str:
    """Say which class has too few records for a score ("" when neither has)."""
    positives, needed = int(np.sum(y)), max(1, min_per_class)
    negatives = len(y) - positives
    if min(positives, negatives) >= needed:
        return ""
    return f"{positives} positive and {negatives} negative, needs {needed} of each"


def flat_row(y, groups, estimates: dict, reason: str) -> dict:
    """Return counts, estimates and reason as one row of a table, with the keys of `score_row`."""
    positives = int(np.sum(y))
    counts = {
        "n": len(y),
        "n_groups": len(y) if groups is None else len(np.unique(groups)),
        "n_positive": positives,
        "n_negative": len(y) - positives,
    }
    return counts | flat_scores(estimates) | {"reason": reason}


def flat_scores(estimates: dict) -> dict:
    """Return estimates by metric as one flat dict: the value, `_low` and `_high` of each."""
    row = {}
    for name, item in estimates.items():
        row |= {name: item.value, f"{name}_low": item.low, f"{name}_high": item.high}
    return row


def _part(labels, probabilities, groups, inside, options):
    patients = None if groups is None else np.asarray(groups)[inside]
    return score_row(labels[inside], probabilities[inside], patients, **options)


def levels(column: pd.Series) -> list[tuple[str, np.ndarray]]:
    """Return (group, bool (record,)) for each group of one attribute; missing values are "not stated"."""
    names = column.astype(object).where(column.notna(), _NOT_STATED)
    counts = names.value_counts()
    order = list(counts.index)
    if isinstance(column.dtype, pd.CategoricalDtype):
        order = [level for level in [*column.cat.categories, _NOT_STATED] if level in counts.index]
    return [(level, (names == level).to_numpy()) for level in order]


def _check_superclasses(superclass_table, n):
    missing = [name for name in SUPERCLASSES if name not in superclass_table]
    if missing or len(superclass_table) != n:
        raise ValueError(
            f"superclass_table: expected {n} rows with the columns {', '.join(SUPERCLASSES)}; got "
            f"{len(superclass_table)} rows, without {', '.join(missing) or 'none of them missing'}"
        )
    return superclass_table


def _sex(table):
    return pd.Categorical(table["sex"].map({0: "male", 1: "female"}), categories=["male", "female"])


def _age_band(table):
    edges = [*_AGE_BANDS.values(), np.inf]
    return pd.cut(table["age"].astype(float), edges, right=False, labels=list(_AGE_BANDS))


def _device(table):
    return table["device"].str.split().str.join(" ")


def _signal_quality(table):
    remarks = table[list(_SOURCES["signal_quality"])]
    flagged = remarks.apply(lambda column: column.notna() & (column.astype(str).str.strip() != "")).any(
        axis=1
    )
    return pd.Categorical(np.where(flagged, "flagged", "clean"), categories=["clean", "flagged"])
