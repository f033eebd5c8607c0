"""Numbers with their intervals as dots and lines: metrics, subgroups, methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from signalcam.plotting.inputs import as_estimate, as_table, estimate_text
from signalcam.plotting.style import PALETTE, Figure, light_grid, new_figure, styled

COLUMNS = ("value", "low", "high")
READABLE = {
    "auc": "AUC",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier score",
    "ece": "calibration error",
    "cam": "CAM",
    "cam_convolution": "paper's CAM",
    "pointing": "pointing game",
    "mass": "relevance mass",
    "rank": "rank accuracy",
    "grad_cam": "Grad-CAM",
    "gradient_x_input": "gradient × input",
}


@styled
def plot_metrics(
    table: pd.DataFrame,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    xlabel: str = "value, with its 95 % interval",
    reference: float | None = None,
) -> Figure:
    """Metrics as dots with their intervals as lines, and both as text.

    Args:
        table: index the metrics, columns value, low, high, as `evaluation.evaluate` gives it.
        metrics: which rows to draw, in this order; default all.
        reference: value of a vertical line, for instance 0 or that of chance.
    """
    rows = as_table(table, COLUMNS)
    if metrics is not None:
        missing = [name for name in metrics if name not in rows.index]
        if missing:
            raise ValueError(f"metrics must be rows of the table, {list(rows.index)}; got {missing}.")
        rows = rows.loc[list(metrics)]
    figure = new_figure(height=0.95 + 0.3 * len(rows))
    ax = figure.subplots()
    draw_estimates(ax, [readable(name) for name in rows.index], rows)
    if reference is not None:
        ax.axvline(reference, color="#777777", linewidth=1.1, zorder=1)
    ax.set_xlabel(xlabel)
    ax.set_title(title or "Metrics")
    return figure


@styled
def plot_subgroups(
    table: pd.DataFrame, overall=None, metric: str = "auc", title: str | None = None
) -> Figure:
    """Forest plot: one metric in each subgroup of records.

    Args:
        table: index the subgroup, or (attribute, subgroup); columns value, low, high, or the metric's
            name, the same with _low and with _high, as `subgroups.by_subgroup` gives them; n where there
            is one.
        overall: the metric over all records, a number or an estimate; drawn as a line, its interval as a
            band.
        metric: its name.
    """
    rows = _columns_of(as_table(table, ()), metric)
    figure = new_figure(height=1.15 + 0.29 * len(rows))
    ax = figure.subplots()
    if overall is not None:
        value, low, high = as_estimate(overall)
        if np.isfinite(low) and np.isfinite(high):
            ax.axvspan(low, high, color="#ececec", zorder=0)
        text = f"all records, {estimate_text(value, low, high)}"
        ax.axvline(value, color="#777777", linewidth=1.1, zorder=1, label=text)
        ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
    labels = [": ".join(map(str, key)) if isinstance(key, tuple) else str(key) for key in rows.index]
    if "n" in rows:
        labels = [f"{label}  (n = {n:,.0f})" for label, n in zip(labels, rows["n"], strict=True)]
    draw_estimates(ax, labels, rows)
    if isinstance(rows.index, pd.MultiIndex):
        first = rows.index.get_level_values(0)
        for place in np.flatnonzero(first[1:] != first[:-1]):
            ax.axhline(place + 0.5, color="#bbbbbb", linewidth=0.8)
    shown = readable(metric)
    ax.set_xlabel(f"{shown}, with its 95 % interval")
    figure.suptitle(title or f"{shown} in subgroups")
    return figure


def readable(name) -> str:
    """A metric or method as a reader knows it: `auc` is AUC, `average_precision` is average precision."""
    return READABLE.get(str(name), str(name).replace("_", " "))


def _columns_of(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Columns value, low, high (and n) of a table that has them, or has them under the metric's name."""
    if not set(COLUMNS) <= set(table.columns):
        names = {metric: "value", f"{metric}_low": "low", f"{metric}_high": "high"}
        table = as_table(table, names).rename(columns=names)
    return table


def draw_estimates(ax: Axes, labels: Sequence[str], rows: pd.DataFrame, colour: str = PALETTE[0]) -> None:
    """One dot, line and text for each row of value, low, high, the first above."""
    values, low, high = (rows[name].to_numpy(dtype=float) for name in COLUMNS)
    places = np.arange(len(rows), dtype=float)
    known = np.isfinite(values)
    spans = known & np.isfinite(low) & np.isfinite(high)
    ax.hlines(places[spans], low[spans], high[spans], color=colour, linewidth=2.0, zorder=2)
    ax.plot(values[known], places[known], "o", color=colour, markersize=6.5, zorder=3)
    for place, numbers in zip(places, zip(values, low, high, strict=True), strict=True):
        text = estimate_text(*numbers)
        ax.text(1.01, place, text, transform=ax.get_yaxis_transform(), va="center", fontsize=9)
    ax.set_yticks(places, list(labels))
    ax.set_ylim(len(rows) - 0.4, -0.6)
    light_grid(ax)
