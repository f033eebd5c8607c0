"""From statement codes to superclasses, and from superclasses to the binary target.

`SUPERCLASSES` is the one source of class names and class order. The same predictions scored under two
label rules differ by 0.01 to 0.03 in AUC, so a rule always goes by its name, and a result always names
its rule.
"""

import logging

import numpy as np
import pandas as pd

from signalcam.errors import DatasetError, listed

logger = logging.getLogger(__name__)

SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
SUBCLASSES = (
    *("NORM", "AMI", "IMI", "LMI", "PMI", "NST_", "STTC", "ISC_", "ISCA", "ISCI", "_AVB", "CLBBB", "CRBBB"),
    *("ILBBB", "IRBBB", "IVCD", "LAFB/LPFB", "WPW", "LVH", "RVH", "SEHYP", "LAO/LAE", "RAO/RAE"),
)
LABEL_RULES = ("paper", "labelled", "any_norm", "clear")


def superclasses(table: pd.DataFrame, statements: pd.DataFrame, min_likelihood: float = 0.0) -> pd.DataFrame:
    """Tell for each record which diagnostic superclasses its `scp_codes` state.

    Source: Wagner et al., "PTB-XL, a large publicly available electrocardiography dataset", Scientific
    Data 7:154, 2020.

    Args:
        table: DataFrame indexed by ecg_id with `scp_codes` parsed to dict {code: likelihood in percent}.
        statements: DataFrame indexed by code with `diagnostic` and `diagnostic_class`.
        min_likelihood: percent; statements below it do not count. PTB-XL writes 0 where no likelihood is
            known, so by default a statement with likelihood 0 counts as stated.

    Returns:
        bool DataFrame, ecg_id x `SUPERCLASSES`. A record may have several superclasses, or none.

    Raises:
        DatasetError: codes that `statements` does not know, or a diagnostic class that is no superclass.
        ValueError: `min_likelihood` outside 0 to 100.
    """
    if not 0 <= min_likelihood <= 100:
        raise ValueError(f"min_likelihood is in percent, from 0 to 100; got {min_likelihood!r}.")
    diagnostic = statements.loc[statements["diagnostic"] == 1, "diagnostic_class"]
    strange = diagnostic[~diagnostic.isin(SUPERCLASSES)]
    if len(strange):
        raise DatasetError(
            f"Diagnostic statements must belong to one of {', '.join(SUPERCLASSES)}; "
            f"these do not: {listed(f'{code} ({name})' for code, name in strange.items())}."
        )
    positions = {code: SUPERCLASSES.index(name) for code, name in diagnostic.items()}
    known = set(statements.index)
    unknown: dict[str, list] = {}
    stated = np.zeros((len(table), len(SUPERCLASSES)), dtype=bool)
    for row, (ecg_id, codes) in enumerate(table["scp_codes"].items()):
        for code, likelihood in codes.items():
            if code not in known:
                unknown.setdefault(code, []).append(ecg_id)
            elif code in positions and likelihood >= min_likelihood:
                stated[row, positions[code]] = True
    if unknown:
        found = "; ".join(f"{code!r} (ecg_id {listed(ids)})" for code, ids in unknown.items())
        raise DatasetError(
            f"scp_codes holds statement codes that scp_statements.csv does not list: {found}. "
            "Add a row for each code, or use the two tables of one PTB-XL version."
        )
    return pd.DataFrame(stated, index=table.index, columns=list(SUPERCLASSES))


def training_targets(table: pd.DataFrame, statements: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """All that a network may learn of the records of `labels`, as columns of 0 and 1.

    Args:
        table, statements: as in `superclasses`.
        labels: of `binary_labels`.

    Returns:
        int8 DataFrame (ecg_id, output): ABNORMAL, the superclasses, and the 23 diagnostic subclasses; a
        subclass that bears a superclass's name has "subclass " before it.
    """
    table = table.loc[labels.index]
    subclass_of = statements["diagnostic_subclass"].to_dict()
    stated = [{subclass_of.get(code) for code in codes} for codes in table["scp_codes"]]
    columns = {subclass_column(name): [name in found for found in stated] for name in SUBCLASSES}
    subclass = pd.DataFrame(columns, index=table.index)
    whole = [labels.rename("ABNORMAL"), superclasses(table, statements), subclass]
    return pd.concat(whole, axis=1).astype("int8")


def subclass_column(name: str) -> str:
    """The column of a subclass in `training_targets`."""
    return f"subclass {name}" if name in SUPERCLASSES else name


def binary_labels(superclass_table: pd.DataFrame, rule: str = "paper", quiet: bool = False) -> pd.Series:
    """Derive the binary target, 0 for a normal and 1 for an abnormal ECG, by a rule of `LABEL_RULES`.

    | rule | normal | abnormal |
    | --- | --- | --- |
    | `paper` | only NORM | all else, records without superclass too |
    | `labelled` | only NORM | all else; records without superclass dropped |
    | `any_norm` | NORM present | the rest |
    | `clear` | only NORM | no NORM; unlabelled and mixed dropped |

    What the rule does with records without superclass, and how many it drops, is logged as a warning.

    Args:
        superclass_table: bool DataFrame, ecg_id x `SUPERCLASSES`.
        rule: one of the four.
        quiet: log it as information only, for callers whose own result says it.

    Returns:
        int8 Series named "abnormal"; its index holds the ecg_ids that the rule keeps, in the table's order.

    Raises:
        ValueError: unknown rule, or a table without the superclass columns.
    """
    normal, abnormal = _by_rule(superclass_table, rule)
    kept = normal | abnormal
    open_cases = not kept.all() or not superclass_table[list(SUPERCLASSES)].any(axis=1).all()
    level = logging.WARNING if open_cases and not quiet else logging.INFO
    logger.log(level, "%s", label_summary(superclass_table, rule))
    return abnormal[kept].astype("int8").rename("abnormal")


def label_summary(superclass_table: pd.DataFrame, rule: str = "paper") -> str:
    """Say in one sentence what a label rule makes of the records: kept, dropped and why, normal, abnormal.

    Args:
        superclass_table, rule: as in `binary_labels`.

    Returns:
        The sentence.
    """
    normal, abnormal = _by_rule(superclass_table, rule)
    flags = superclass_table[list(SUPERCLASSES)].astype(bool)
    unlabelled = ~flags.any(axis=1)
    mixed = flags["NORM"] & (flags.sum(axis=1) > 1)
    parts = [f"{int(normal.sum()):,} normal", f"{int(abnormal.sum()):,} abnormal"]
    for group, name in ((unlabelled, "without superclass"), (mixed, "with NORM and another superclass")):
        fate = "counted as abnormal" if (abnormal & group).any() else "counted as normal"
        if not ((normal | abnormal) & group).any():
            fate = "dropped"
        if group.any():
            parts.append(f"{int(group.sum()):,} {name} {fate}")
    return f"Label rule {rule!r}: " + ", ".join(parts) + "."


def _by_rule(superclass_table: pd.DataFrame, rule: str) -> tuple[pd.Series, pd.Series]:
    """Boolean Series (normal, abnormal); a record in neither is dropped."""
    absent = [name for name in SUPERCLASSES if name not in superclass_table.columns]
    if absent:
        raise ValueError(f"The superclass table has no column {listed(absent)}; make it with superclasses().")
    flags = superclass_table[list(SUPERCLASSES)].astype(bool)
    norm, labelled = flags["NORM"], flags.any(axis=1)
    only_norm = norm & (flags.sum(axis=1) == 1)
    if rule == "paper":
        return only_norm, ~only_norm
    if rule == "labelled":
        return only_norm, labelled & ~only_norm
    if rule == "any_norm":
        return norm, ~norm
    if rule == "clear":
        return only_norm, labelled & ~norm
    raise ValueError(f"Unknown label rule {rule!r}: choose one of {', '.join(LABEL_RULES)}.")
