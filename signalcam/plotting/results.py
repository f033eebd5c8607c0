"""Figures of a trained model: its training, its confusion matrix, its curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from signalcam.plotting.inputs import as_estimate, as_named, as_numbers, as_table, estimate_text
from signalcam.plotting.style import INK, PALETTE, Figure, light_grid, new_figure, styled, text_inches

HISTORY_PANELS = (("loss", "loss (cross-entropy)"), ("accuracy", "accuracy (share)"), ("auc", "AUC"))
CHANCE = {"color": "#9a9a9a", "linestyle": (0, (4, 3)), "linewidth": 1.0}


@styled
def plot_history(history: pd.DataFrame, best_epoch: int | None = None, title: str | None = None) -> Figure:
    """Loss, accuracy, AUC and learning rate by epoch, in training and validation; the best epoch is marked.

    Args:
        history: columns epoch, loss; val_loss, accuracy, val_accuracy, auc, val_auc and learning_rate
            where there are any.
        best_epoch: a value of column epoch; default that of the lowest val_loss.
    """
    table = as_table(history, ("epoch", "loss"), "history")
    if best_epoch is None and "val_loss" in table and table["val_loss"].notna().any():
        best_epoch = int(table.loc[table["val_loss"].idxmin(), "epoch"])
    if best_epoch is not None and best_epoch not in set(table["epoch"]):
        raise ValueError(f"best_epoch must be one of the epochs in history, got {best_epoch}.")
    panels = [(key, label) for key, label in HISTORY_PANELS if key in table]
    panels += [("learning_rate", "learning rate")] if "learning_rate" in table else []
    columns = 2 if len(panels) > 1 else 1
    rows = -(-len(panels) // columns)
    figure = new_figure(height=0.9 + 2.15 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, (key, label) in zip(axes, panels, strict=False):
        _history_panel(ax, table, key, label, best_epoch)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle(title or "Training")
    return figure


@styled
def plot_confusion(counts, class_names: Sequence[str] | None = None, title: str | None = None) -> Figure:
    """Confusion matrix: counts, and below each its share of the row, that is of the true class.

    Args:
        counts: (class, class) of counts, rows the true class, columns the predicted one.
        class_names: default the index of a DataFrame.
    """
    if class_names is None and isinstance(counts, pd.DataFrame):
        class_names = list(counts.index)
    matrix = as_numbers(counts, "counts")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"counts must be a square matrix (class, class), got the shape {matrix.shape}.")
    if class_names is None or len(class_names) != len(matrix):
        raise ValueError(f"class_names must hold {len(matrix)} names, one for each class, got {class_names}.")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)
    labels = [f"{name}\nn = {total:,.0f}" for name, total in zip(class_names, totals[:, 0], strict=True)]
    side, left = max(2.6, 0.95 * len(matrix)), 0.55 + text_inches("\n".join(labels), 9)
    width, height = left + side + 1.3, side + 0.95
    figure = new_figure(width, height, layout=None)
    ax = figure.add_axes((left / width, 0.55 / height, side / width, side / height))
    beside = figure.add_axes(
        ((left + side + 0.25) / width, 0.75 / height, 0.16 / width, (side - 0.4) / height)
    )
    image = ax.imshow(shares, cmap=matplotlib.colormaps["Blues"], vmin=0, vmax=1, aspect="auto")
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        text = f"{count:,.0f}\n{share:.1%}" if np.isfinite(share) else f"{count:,.0f}\nno record"
        colour = "white" if np.isfinite(share) and share > 0.55 else INK
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=11, linespacing=1.3)
    ax.set_xticks(range(len(matrix)), [str(name) for name in class_names])
    ax.set_yticks(range(len(matrix)), labels)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    figure.colorbar(image, cax=beside, label="share of the true class", format="{x:.0%}")
    ax.set_title(title or "Confusion matrix")
    return figure


@styled
def plot_roc(curves: Mapping[str, Mapping], title: str | None = None) -> Figure:
    """ROC curves with their AUC in the legend and their interval as a band.

    Args:
        curves: by name, a mapping as `curves.roc` gives it: x (false positive rate), y (recall), and where
            there are any low and high (band of y), area (the AUC: a number, (value, low, high), or an
            object with these attributes), point ((x, y) at the threshold in use).
    """
    figure, ax = _square_figure()
    ax.plot([0, 1], [0, 1], label="chance, AUC 0.5", **CHANCE)
    _curves(ax, curves, "AUC")
    ax.set_xlabel("false positive rate (1 − specificity)")
    ax.set_ylabel("true positive rate (recall, sensitivity)")
    _finish_square(ax, title or "ROC", "lower right")
    return figure


@styled
def plot_precision_recall(
    curves: Mapping[str, Mapping], prevalence: float | None = None, title: str | None = None
) -> Figure:
    """Precision over recall with the average precision (AP) in the legend.

    Args:
        curves: by name, a mapping as `curves.precision_recall` gives it: x (recall), y (precision), and the
            rest as in `plot_roc`.
        prevalence: share of positives, drawn as the line that chance gives.
    """
    figure, ax = _square_figure()
    if prevalence is not None:
        ax.axhline(prevalence, label=f"chance, {prevalence:.3f}", **CHANCE)
    _curves(ax, curves, "AP")
    ax.set_xlabel("recall (sensitivity)")
    ax.set_ylabel("precision")
    _finish_square(ax, title or "Precision and recall", "lower left")
    return figure


@styled
def plot_reliability(table: pd.DataFrame, error=None, title: str | None = None) -> Figure:
    """Do probabilities come true? Observed share over predicted probability, and the records of each bin.

    Args:
        table: one row a bin, as `calibration.reliability` gives it: bin_low and bin_high (edges), predicted
            (mean probability), observed (share of positives), low and high (its interval), n (records).
        error: expected calibration error, a number or an estimate, for the title.
    """
    columns = ("bin_low", "bin_high", "predicted", "observed", "low", "high", "n")
    bins = as_table(table, columns)
    figure = new_figure(width=5.6, height=5.6)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    filled = bins[bins["n"] > 0]
    ax.plot([0, 1], [0, 1], label="perfectly calibrated", **CHANCE)
    ax.vlines(filled["predicted"], filled["low"], filled["high"], color=PALETTE[0], linewidth=1.6)
    ax.plot(filled["predicted"], filled["observed"], "o-", color=PALETTE[0], markersize=6, label="model")
    ax.set_ylabel("observed share of positives")
    ax.set_ylim(-0.03, 1.03)
    ax.legend(loc="upper left")
    light_grid(ax)
    widths = bins["bin_high"] - bins["bin_low"]
    below.bar(bins["bin_low"], bins["n"], width=widths, align="edge", color="#8a8a8a", edgecolor="white")
    below.set_ylabel("records\n(count)")
    below.set_xlabel("predicted probability")
    below.set_xlim(-0.03, 1.03)
    light_grid(below, "y")
    text = "" if error is None else f"\ncalibration error {estimate_text(*as_estimate(error))}"
    ax.set_title((title or "Reliability") + text)
    return figure


def _history_panel(ax: Axes, table: pd.DataFrame, key: str, label: str, best_epoch: int | None) -> None:
    marker = "o" if len(table) == 1 else None
    if key == "learning_rate":
        ax.step(table["epoch"], table[key], where="post", color=PALETTE[2], marker=marker)
        ax.set_yscale("log")
    else:
        ax.plot(table["epoch"], table[key], color=PALETTE[0], label="training", marker=marker)
        if f"val_{key}" in table:
            ax.plot(table["epoch"], table[f"val_{key}"], color=PALETTE[1], label="validation", marker=marker)
    if best_epoch is not None:
        label_best = f"best epoch, {best_epoch}"
        ax.axvline(best_epoch, color=INK, linestyle=(0, (3, 2)), linewidth=1.0, label=label_best)
        watched = f"val_{key}" if f"val_{key}" in table else key
        best = table.loc[table["epoch"] == best_epoch, watched].iloc[0]
        ax.plot([best_epoch], [best], "o", color=INK, markersize=5)
    ax.set_ylabel(label)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    light_grid(ax)


def _square_figure() -> tuple[Figure, Axes]:
    figure = new_figure(width=5.8, height=5.7)
    return figure, figure.subplots()


def _curves(ax: Axes, curves: Mapping[str, Mapping], area_name: str) -> None:
    for number, (name, curve) in enumerate(as_named(curves, "curves").items()):
        parts, colour = _parts(curve, f"curves[{name!r}]"), PALETTE[number % len(PALETTE)]
        if "low" in parts and "high" in parts:
            ax.fill_between(parts["x"], parts["low"], parts["high"], color=colour, alpha=0.15, linewidth=0)
        text = f", {area_name} {estimate_text(*as_estimate(curve['area']))}" if "area" in curve else ""
        ax.plot(parts["x"], parts["y"], color=colour, linewidth=1.8, label=f"{name}{text}")
        if "point" in curve:
            ax.plot(*curve["point"], "o", color=colour, markersize=7, markeredgecolor="white")


def _parts(curve: Mapping, argument: str) -> dict[str, np.ndarray]:
    """x, y and where they are there low and high of one curve, all equally long."""
    missing = [key for key in ("x", "y") if key not in curve]
    if missing:
        raise ValueError(f"{argument} lacks {missing}; it has {list(curve)}.")
    parts = {
        key: as_numbers(curve[key], f"{argument}[{key!r}]")
        for key in ("x", "y", "low", "high")
        if key in curve
    }
    shapes = {key: part.shape for key, part in parts.items()}
    if parts["x"].ndim != 1 or len(set(shapes.values())) > 1:
        raise ValueError(f"the parts of {argument} must be 1-D and equally long, got the shapes {shapes}.")
    return parts


def _finish_square(ax: Axes, title: str, legend: str) -> None:
    ax.set_xlim(-0.01, 1.01)
    ax.set_ylim(-0.01, 1.01)
    ax.set_aspect("equal")
    ax.legend(loc=legend, frameon=True, framealpha=0.9, edgecolor="none", fontsize=8.5)
    ax.set_title(title)
    light_grid(ax)
