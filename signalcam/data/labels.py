"""From statement codes to superclasses, and from superclasses to the binary target.

The same predictions scored under two label rules differ by 0.01 to 0.03 in AUC: every result names its rule.
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

    Args:
        table, statements: as of a `Dataset`.
        min_likelihood: statements below it, in percent, do not count. PTB-XL writes 0 where none is known.

    Returns:
        bool DataFrame, ecg_id x `SUPERCLASSES`. A record may have several superclasses, or none.

    Raises:
        DatasetError, ValueError: `statements` does not fit; `min_likelihood` is outside 0 to 100.
    """
    if not 0 <= min_likelihood <= 100:
        raise ValueError(f"min_likelihood is in percent, from 0 to 100; got {min_likelihood!r}.")
    diagnostic = statements.loc[statements["diagnostic"] == 1, "diagnostic_class"]
    strange = diagnostic[~diagnostic.isin(SUPERCLASSES)]
    if len(strange):
        found = listed(f"{code} ({name})" for code, name in strange.items())
        raise DatasetError(f"diagnostic_class must be one of {', '.join(SUPERCLASSES)}, got {found}.")
    positions = {code: SUPERCLASSES.index(name) for code, name in diagnostic.items()}
    known, unknown = set(statements.index), {}
    stated = np.zeros((len(table), len(SUPERCLASSES)), dtype=bool)
    for row, (ecg_id, codes) in enumerate(table["scp_codes"].items()):
        for code, likelihood in codes.items():
            if code not in known:
                unknown.setdefault(code, []).append(ecg_id)
            elif code in positions and likelihood >= min_likelihood:
                stated[row, positions[code]] = True
    if unknown:
        found = "; ".join(f"{code!r} (ecg_id {listed(ids)})" for code, ids in unknown.items())
        advice = "Add a row for each, or use the two tables of one PTB-XL version."
        raise DatasetError(f"scp_codes must be codes that scp_statements.csv lists, got {found}. {advice}")
    return pd.DataFrame(stated, index=table.index, columns=list(SUPERCLASSES))


def training_targets(table: pd.DataFrame, statements: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """All that a network may learn of the records of `labels`, a result of `binary_labels`.

    Args: as in `superclasses`.

    Returns:
        int8 DataFrame (ecg_id, output) of 0 and 1: ABNORMAL, the superclasses, the 23 diagnostic subclasses.
    """
    table = table.loc[labels.index]
    subclass_of = statements["diagnostic_subclass"].to_dict()
    stated = [{subclass_of.get(code) for code in codes} for codes in table["scp_codes"]]
    columns = {subclass_column(name): [name in found for found in stated] for name in SUBCLASSES}
    whole = [labels.rename("ABNORMAL"), superclasses(table, statements), pd.DataFrame(columns, table.index)]
    return pd.concat(whole, axis=1).astype("int8")


def subclass_column(name: str) -> str:
    """The column of a subclass in `training_targets`, unlike that of the superclass of its name."""
    return f"subclass {name}" if name in SUPERCLASSES else name


def binary_labels(superclass_table: pd.DataFrame, rule: str = "paper", quiet: bool = False) -> pd.Series:
    """Derive the binary target, 0 for a normal and 1 for an abnormal ECG, by a rule of `LABEL_RULES`.

    | rule | normal | abnormal |
    | --- | --- | --- |
    | `paper` | only NORM | all else, records without superclass too |
    | `labelled` | only NORM | all else; records without superclass dropped |
    | `any_norm` | NORM present | the rest |
    | `clear` | only NORM | no NORM; unlabelled and mixed dropped |

    Args:
        superclass_table: as of `superclasses`.
        rule, quiet: one of the four; no warning where records are dropped or without superclass.

    Returns:
        int8 Series named "abnormal", indexed by the ecg_ids that the rule keeps, in the table's order;
        `attrs["summary"]` says what became of all records.

    Raises:
        ValueError: unknown rule, or a table without the superclass columns.
    """
    absent = [name for name in SUPERCLASSES if name not in superclass_table.columns]
    if absent:
        raise ValueError(f"The superclass table has no column {listed(absent)}; make it with superclasses().")
    flags = superclass_table[list(SUPERCLASSES)].astype(bool)
    norm, unlabelled, mixed = flags["NORM"], ~flags.any(axis=1), flags["NORM"] & (flags.sum(axis=1) > 1)
    rules = {
        "paper": (norm & ~mixed, ~norm | mixed),
        "labelled": (norm & ~mixed, (~norm | mixed) & ~unlabelled),
        "any_norm": (norm, ~norm),
        "clear": (norm & ~mixed, ~norm & ~unlabelled),
    }
    if rule not in rules:
        raise ValueError(f"rule must be one of {', '.join(LABEL_RULES)}, got {rule!r}.")
    normal, abnormal = rules[rule]
    parts = [f"{int(normal.sum()):,} normal", f"{int(abnormal.sum()):,} abnormal"]
    for group, name in ((unlabelled, "without superclass"), (mixed, "with NORM and another superclass")):
        if group.any():  # a rule treats all of a group alike
            fates = {"counted as abnormal": abnormal, "counted as normal": normal}
            fate = next((fate for fate, chosen in fates.items() if (chosen & group).any()), "dropped")
            parts.append(f"{int(group.sum()):,} {name} {fate}")
    kept = normal | abnormal
    summary = f"Label rule {rule!r}: {', '.join(parts)}."
    logger.log(logging.INFO if quiet or (kept & ~unlabelled).all() else logging.WARNING, summary)
    labels = abnormal[kept].astype("int8").rename("abnormal")
    labels.attrs["summary"] = summary
    return labels
