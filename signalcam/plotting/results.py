"""Figures of a trained model: its training, its confusion matrix, its curves."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from signalcam.plotting.style import INK, PALETTE, Figure, light_grid, new_figure, styled

HISTORY_PANELS = {
    "loss": "loss (cross-entropy)",
    "accuracy": "accuracy (share)",
    "auc": "AUC",
    "learning_rate": "learning rate",
}
CHANCE = {"color": "#9a9a9a", "linestyle": (0, (4, 3)), "linewidth": 1.0}


@styled
def plot_history(history: pd.DataFrame, best_epoch: int) -> Figure:
    """Draw loss, accuracy, AUC and learning rate by epoch, in training and validation.

    Args:
        history: columns epoch, loss; val_loss, accuracy, val_accuracy, auc, val_auc and learning_rate
            where there are any.
        best_epoch: to be marked, one of those in the history.
    """
    panels = [key for key in HISTORY_PANELS if key in history]
    columns = min(2, len(panels))
    n_rows = -(-len(panels) // columns)
    figure = new_figure(height=0.9 + 2.15 * n_rows)
    axes = figure.subplots(n_rows, columns, squeeze=False).ravel()
    epoch, marker = history["epoch"], "o" if len(history) == 1 else None
    best = {"color": INK, "linestyle": (0, (3, 2)), "linewidth": 1.0, "label": f"best epoch, {best_epoch}"}
    for ax, key in zip(axes, panels, strict=False):
        watched = f"val_{key}" if f"val_{key}" in history else key
        if key == "learning_rate":
            ax.step(epoch, history[key], where="post", color=PALETTE[2], marker=marker)
            ax.set_yscale("log")
        else:
            ax.plot(epoch, history[key], color=PALETTE[0], label="training", marker=marker)
            if watched != key:
                ax.plot(epoch, history[watched], color=PALETTE[1], label="validation", marker=marker)
        ax.axvline(best_epoch, **best)
        ax.plot([best_epoch], history.loc[epoch == best_epoch, watched], "o", color=INK, markersize=5)
        ax.set(ylabel=HISTORY_PANELS[key], xlabel="epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        light_grid(ax)
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.suptitle("Training")
    return figure


@styled
def plot_confusion(counts: pd.DataFrame, title: str = "Confusion matrix") -> Figure:
    """Draw a confusion matrix: counts, and below each its share of the true class.

    Args:
        counts: index the true class, columns the predicted one, in the same order, or else ValueError.
        title: of the figure.
    """
    if list(counts.index) != list(counts.columns):
        raise ValueError(f"counts must have the columns {list(counts.index)}, got {list(counts.columns)}.")
    matrix, class_names = counts.to_numpy(float), list(counts.index)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)
    labels = [f"{name}\nn = {total:,.0f}" for name, total in zip(class_names, totals[:, 0], strict=True)]
    side = max(2.6, 0.95 * len(matrix))
    figure = new_figure(side + 2.6, side + 0.95)
    ax = figure.subplots()
    image = ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        words = f"{share:.1%}" if np.isfinite(share) else "no record"
        style = {"color": "white" if share > 0.55 else INK, "fontsize": 11, "linespacing": 1.3}
        ax.text(column, row, f"{matrix[row, column]:,.0f}\n{words}", ha="center", va="center", **style)
    ax.set_xticks(range(len(matrix)), class_names)
    ax.set_yticks(range(len(matrix)), labels)
    ax.set(xlabel="predicted class", ylabel="true class", title=title)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    figure.colorbar(image, shrink=0.85, label="share of the true class", format="{x:.0%}")
    return figure


@styled
def plot_roc(curves: Mapping[str, Mapping], title: str = "ROC") -> Figure:
    """Draw ROC curves with their AUC in the legend and their interval as a band.

    Args:
        curves, title: by name, as `evaluation.roc` gives them; of the figure.
    """
    figure = new_figure(width=5.8, height=5.7)
    ax = figure.subplots()
    ax.plot([0, 1], [0, 1], label="chance, AUC 0.5", **CHANCE)
    for number, (name, curve) in enumerate(curves.items()):
        colour = PALETTE[number % len(PALETTE)]
        if "low" in curve:
            ax.fill_between(curve["x"], curve["low"], curve["high"], color=colour, alpha=0.15, linewidth=0)
        area = curve["area"]
        interval = f" [{area.low:.3f}, {area.high:.3f}]" if np.isfinite(area.low + area.high) else ""
        label = f"{name}, AUC {area.value:.3f}{interval}"
        ax.plot(curve["x"], curve["y"], color=colour, linewidth=1.8, label=label)
        ax.plot(*curve["point"], "o", color=colour, markersize=7, markeredgecolor="white")
    ax.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", title=title)
    ax.set_xlabel("false positive rate (1 − specificity)")
    ax.set_ylabel("true positive rate (recall, sensitivity)")
    ax.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none", fontsize=8.5)
    light_grid(ax)
    return figure


@styled
def plot_reliability(table: pd.DataFrame, error: float, title: str = "Reliability") -> Figure:
    """Do probabilities come true? Draw observed share over predicted probability, and each bin's records.

    Args:
        table: one row a bin, as `evaluation.reliability` gives it.
        error, title: expected calibration error; title of the figure, above it.
    """
    figure = new_figure(width=5.6, height=5.6)
    ax, below = figure.subplots(2, 1, sharex=True, height_ratios=(3.4, 1))
    filled = table[table["n"] > 0]
    ax.plot([0, 1], [0, 1], label="perfectly calibrated", **CHANCE)
    ax.vlines(filled["predicted"], filled["low"], filled["high"], color=PALETTE[0], linewidth=1.6)
    ax.plot(filled["predicted"], filled["observed"], "o-", color=PALETTE[0], markersize=6, label="model")
    ax.set(ylabel="observed share of positives", ylim=(-0.03, 1.03))
    ax.legend(loc="upper left")
    light_grid(ax)
    widths = table["bin_high"] - table["bin_low"]
    below.bar(table["bin_low"], table["n"], width=widths, align="edge", color="#8a8a8a", edgecolor="white")
    below.set(ylabel="records\n(count)", xlabel="predicted probability", xlim=(-0.03, 1.03))
    light_grid(below, "y")
    ax.set_title(f"{title}\ncalibration error {error:.3f}")
    return figure
