"""Results as words: tables for a terminal, for Markdown, and as JSON. No number is computed here."""

import math
from collections.abc import Callable

import pandas as pd

from signalcam.evaluation import Estimate
from signalcam.plotting.checks import readable
from signalcam.reproduction.results import FEW, Results

COLUMNS = ("auc", "average_precision", "accuracy", "recall", "specificity")
NOT_AVAILABLE = "not available"


def headline(results: Results) -> str:
    """Say in one sentence which records were scored, by which rule, at which threshold."""
    n, settings = len(results.y), results.settings
    threshold = ", ".join(f"{value:.3g}" for value in dict.fromkeys(settings.threshold))
    counts = ", ".join(f"{int(results.y[name].sum()):,} {name}" for name in results.y)
    return (
        f"Fold {results.fold}, label rule {results.rule}: {n:,} records of {results.patients.nunique():,} "
        f"patients ({counts}); threshold {threshold}."
    )


def result_tables(results: Results) -> dict[str, pd.DataFrame]:
    """Return each table by its title, all cells as text: values with 95 % intervals over patients."""
    binary, shared = results.binary, "" if results.binary else " Means over the classes."
    if binary:
        rows = {
            readable(row.Index): str(Estimate(row.value, row.low, row.high, int(row.n), reason=row.reason))
            for row in results.scores.itertuples()
        }
        tables = {"Scores": pd.DataFrame({"value (95 % interval)": rows})}
    else:
        tables = {"Scores by class": _scored(results.scores)}
    others = {
        f"By label rule, same predictions.{shared}": results.rules,
        "Normal against each diagnosis": results.diagnoses,
        "By likelihood of the statements, and by age alone": results.likelihood,
        f"By subgroup.{shared}": results.subgroups,
    }
    return tables | {title: _scored(table, binary) for title, table in others.items() if table is not None}


def as_text(results: Results, write: Callable[[pd.DataFrame], str] = pd.DataFrame.to_string) -> str:
    """Return the results for a terminal, each table written by `write`, without rows that hold no score."""
    parts = [headline(results)]
    for title, table in result_tables(results).items():
        without = table.eq(NOT_AVAILABLE).any(axis=1)
        left_out = f" {without.sum()} not available, left out." if without.any() else ""
        parts.append(f"{title}{left_out}" + ("" if without.all() else f"\n{write(table[~without])}"))
    return "\n\n".join(parts)


def as_markdown(results: Results, level: int = 3) -> str:
    """Return the results as Markdown, each table under a heading of the given level."""
    parts = [headline(results)]
    for title, table in result_tables(results).items():
        columns = [str(name or "").replace("_", " ") for name in (*table.index.names, *table.columns)]
        flat = table.rename_axis(index=columns[: table.index.nlevels]).reset_index().set_axis(columns, axis=1)
        parts.append(f"{'#' * level} {title}\n\n{markdown_table(flat)}")
    return "\n\n".join(parts)


def markdown_table(table: pd.DataFrame) -> str:
    """Return a table of texts as Markdown, without its index."""
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *table.astype(str).to_numpy()]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines)


def as_json(results: Results) -> dict:
    """Return the results as plain dicts, lists and numbers; None stands for what is not available."""
    settings = results.settings
    return {
        "fold": results.fold,
        "rule": results.rule,
        "recipe": settings.recipe,
        "class_names": list(settings.class_names),
        "threshold": list(settings.threshold),
        "records": len(results.y),
        "patients": int(results.patients.nunique()),
        "positive": {name: int(results.y[name].sum()) for name in results.y},
        "scores": as_records(results.scores),
        "by_label_rule": as_records(results.rules),
        "by_diagnosis": as_records(results.diagnoses),
        "by_likelihood": as_records(results.likelihood),
        "by_subgroup": as_records(results.subgroups),
    }


def _scored(table: pd.DataFrame, positives: bool = True) -> pd.DataFrame:
    """Counts, each score with its interval in one cell, and the reason where there is none."""
    shown = pd.DataFrame(index=table.index)
    for source, name in (("n", "records"), ("n_positive", "positive"), ("dropped", "dropped")):
        if source in table and (positives or source != "n_positive"):
            shown[name] = [f"{int(count):,}" for count in table[source]]
    metrics = [name for name in COLUMNS if name in table]
    for metric in metrics:
        columns = table[[metric, f"{metric}_low", f"{metric}_high"]].to_numpy(float)
        missing = NOT_AVAILABLE if metric == metrics[0] else "-"
        shown[readable(metric)] = [
            missing if math.isnan(value) else str(Estimate(value, low, high, 0))
            for value, low, high in columns
        ]
    notes = table["reason"].fillna("")
    if "n_positive" in table and positives:
        few = (table["n_positive"] < FEW) & (notes == "")
        notes = notes.mask(few, [f"only {int(count)} positive" for count in table["n_positive"]])
    if notes.astype(bool).any():
        shown["note"] = notes
    return shown


def as_records(table: pd.DataFrame | None) -> dict | None:
    """The rows of a table by name, as plain numbers and texts; None stands for NaN, and for no table."""
    if table is not None and table.index.nlevels > 1:
        parts = table.groupby(level=0, sort=False)
        return {name: as_records(part.droplevel(0)) for name, part in parts}
    return table if table is None else table.astype(object).where(table.notna(), None).to_dict("index")
