"""How far to trust a map: faithfulness curves, sanity by layer, localisation by method."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.plotting.style import PALETTE, Figure, light_grid, new_figure, styled

RANDOM_COLOUR = "#8f8f8f"
READABLE = {
    **{"auc": "AUC", "f1": "F1", "mcc": "MCC", "brier": "Brier score", "ece": "calibration error"},
    **{"pointing": "pointing game", "mass": "relevance mass", "rank": "rank accuracy"},
    **{"cam": "CAM", "cam_convolution": "paper's CAM"},
    **{"grad_cam": "Grad-CAM", "guided_grad_cam": "guided Grad-CAM", "gradient_x_input": "gradient × input"},
}


def readable(name: object) -> str:
    """Return a metric or method in words: `auc` is AUC, `average_precision` is average precision."""
    return READABLE.get(str(name), str(name).replace("_", " "))


@styled
def plot_deletion_insertion(
    fractions: ArrayLike,
    deletion: Mapping[str, ArrayLike | pd.DataFrame],
    insertion: Mapping[str, ArrayLike | pd.DataFrame],
) -> Figure:
    """Draw the score while the most relevant time is taken away (left) or given back (right), by method.

    Args:
        fractions: (step,), share of the segments deleted or inserted, 0 to 1.
        deletion, insertion: by method, (step,) means, or a DataFrame with a row a step and the columns
            value, low, high. A method named "random" is drawn in grey.
    """
    steps = np.asarray(fractions, float)
    figure = new_figure(height=4.6)
    axes = figure.subplots(1, 2, sharey=True)
    panels = (("deletion", deletion, "taken away", "lower"), ("insertion", insertion, "given back", "higher"))
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "title_fontsize": 9, "ncols": 2}
    for ax, (name, curves, what, better) in zip(axes, panels, strict=True):
        for number, (method, curve) in enumerate(curves.items()):
            colour = RANDOM_COLOUR if method == "random" else PALETTE[number % len(PALETTE)]
            value = curve
            if isinstance(curve, pd.DataFrame):
                value, low, high = (curve[column].to_numpy(float) for column in ("value", "low", "high"))
                ax.fill_between(100 * steps, low, high, color=colour, alpha=0.15, linewidth=0)
            label = f"{readable(method)}, {np.trapezoid(value, steps):.3f}"
            ax.plot(100 * steps, value, color=colour, linewidth=1.8, label=label)
        ax.set(xlabel=f"time {what}, most relevant first (%)", title=f"{name}: {better} is better")
        ax.legend(title="area under the curve", **below)
        ax.set_xlim(100 * steps[0], 100 * steps[-1])
        light_grid(ax)
    banded = any(isinstance(curve, pd.DataFrame) for curve in (*deletion.values(), *insertion.values()))
    axes[0].set_ylabel(f"probability of the decision, mean{' with 95 % interval' if banded else ''}")
    figure.suptitle("Does the prediction rest on what the map shows?")
    return figure


@styled
def plot_sanity(
    tables: Mapping[str, pd.DataFrame], ylabel: str = "rank correlation with the trained model's map"
) -> Figure:
    """Draw how like maps stay to those of the trained model while its layers are randomised in turn.

    Args:
        tables: by method: columns value, low, high, and a row for each layer in the order of randomising.
        ylabel: what was correlated.
    """
    layers = next(iter(tables.values())).index
    figure = new_figure(height=4.0)
    ax = figure.subplots()
    for number, (name, table) in enumerate(tables.items()):
        table = table.loc[layers]
        places = np.arange(len(layers)) + 0.1 * (number - (len(tables) - 1) / 2)
        colour = PALETTE[number % len(PALETTE)]
        ax.vlines(places, table["low"], table["high"], color=colour, linewidth=1.8)
        ax.plot(places, table["value"], "o-", color=colour, markersize=6, label=readable(name))
    ax.axhline(0.0, color="#777777", linewidth=1.0)
    ax.set_xticks(np.arange(len(layers)), layers)
    if len("".join(layers)) > 80:
        ax.tick_params(axis="x", rotation=30)
    ax.set(ylabel=ylabel, ylim=(min(-0.25, ax.get_ylim()[0]), 1.12))
    ax.set_xlabel("layer randomised, together with all those before it in this row")
    light_grid(ax)
    if len(tables) > 1:
        ax.legend()
    ax.set_title("Maps of a randomised model should no longer look like those of the trained one")
    return figure


@styled
def plot_localisation(table: pd.DataFrame, chance: Mapping[str, float], title: str) -> Figure:
    """Draw how well each method finds the lesion: a panel a measure, a dot with its interval for each method.

    Args:
        table: index (method, measure), columns value, low, high.
        chance, title: by measure, what a map without knowledge reaches, a dashed line; of the figure.
    """
    methods, measures = (list(dict.fromkeys(table.index.get_level_values(level))) for level in (0, 1))
    places = np.arange(len(methods))
    figure = new_figure(height=1.35 + 0.27 * len(methods))
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    above = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
    for ax, measure in zip(axes, measures, strict=True):
        found = table.xs(measure, level=1).reindex(methods)
        ax.hlines(places, found["low"], found["high"], color=PALETTE[0], linewidth=2.0)
        ax.plot(found["value"], places, "o", color=PALETTE[0], markersize=6.5)
        for place, value in zip(places, found["value"], strict=True):
            if np.isfinite(value):
                ax.annotate(f"{value:.2f}", (value, place), **above)
        light_grid(ax)
        if measure in chance:
            ax.axvline(chance[measure], color="#777777", linestyle=(0, (4, 3)), linewidth=1.0, gid="chance")
        ax.set(title=readable(measure), xlabel="value (dashed: chance)", xlim=(-0.02, 1.02))
    axes[0].set_yticks(places, [readable(method) for method in methods])
    axes[0].set_ylim(len(methods) - 0.4, -0.6)
    figure.suptitle(title)
    return figure
