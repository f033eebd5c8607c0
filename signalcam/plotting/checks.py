"""How far to trust a map: faithfulness curves, sanity by layer, localisation by method."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from signalcam.plotting.estimates import COLUMNS, readable
from signalcam.plotting.inputs import as_named, as_numbers, as_table
from signalcam.plotting.style import PALETTE, Figure, light_grid, new_figure, styled

RANDOM_COLOUR = "#8f8f8f"


@styled
def plot_deletion_insertion(
    fractions,
    deletion: Mapping,
    insertion: Mapping,
    ylabel: str = "probability of the decision",
    title: str | None = None,
) -> Figure:
    """Score while the most relevant time is taken away (left) or given back (right), for each method.

    Left, a lower curve is better; right, a higher one. The area under each curve stands in the legend.

    Args:
        fractions: (step,), share of the segments deleted or inserted, 0 to 1.
        deletion, insertion: by method, (step,) means, or a DataFrame with a row a step and the columns
            value, low, high. A method named "random" is drawn in grey.
        ylabel: what the score is.
    """
    steps = as_numbers(fractions, "fractions")
    if steps.ndim != 1 or len(steps) < 2:
        raise ValueError(f"fractions must be 1-D with at least 2 steps, got the shape {steps.shape}.")
    figure = new_figure(height=4.6)
    axes = figure.subplots(1, 2, sharey=True)
    panels = (("deletion", deletion, "taken away", "lower"), ("insertion", insertion, "given back", "higher"))
    for ax, (argument, curves, what, better) in zip(axes, panels, strict=True):
        for number, (name, curve) in enumerate(as_named(curves, argument).items()):
            _draw_band(ax, 100 * steps, curve, name, number, f"{argument}[{name!r}]")
        ax.set_xlabel(f"time {what}, most relevant first (%)")
        ax.set_title(f"{argument}: {better} is better")
        ax.legend(
            loc="upper right" if argument == "deletion" else "lower right",
            title="area under the curve",
            frameon=True,
            framealpha=0.85,
            edgecolor="none",
            title_fontsize=9,
        )
        ax.set_xlim(100 * steps[0], 100 * steps[-1])
        light_grid(ax)
    axes[0].set_ylabel(f"{ylabel}, mean with 95 % interval")
    figure.suptitle(title or "Does the prediction rest on what the map shows?")
    return figure


@styled
def plot_sanity(
    correlations, ylabel: str = "rank correlation with the trained model's map", title: str | None = None
) -> Figure:
    """Rank correlation of maps with those of the trained model while its layers are randomised in turn.

    Args:
        correlations: DataFrame with the columns value, low, high and a row for each layer in the order of
            randomising (index: the layer), or a dict of such tables by method, all of the same layers.
    """
    tables = (
        {"": correlations}
        if isinstance(correlations, pd.DataFrame)
        else as_named(correlations, "correlations")
    )
    layers = None
    figure = new_figure(height=4.0)
    ax = figure.subplots()
    for number, (name, table) in enumerate(tables.items()):
        rows = as_table(table, COLUMNS, f"correlations[{name!r}]" if name else "correlations")
        layers = layers or [str(layer) for layer in rows.index]
        if [str(layer) for layer in rows.index] != layers:
            raise ValueError(f"correlations[{name!r}] must have the layers {layers}, got {list(rows.index)}.")
        shift = 0.1 * (number - (len(tables) - 1) / 2)
        places, colour = np.arange(len(rows)) + shift, PALETTE[number % len(PALETTE)]
        ax.vlines(places, rows["low"], rows["high"], color=colour, linewidth=1.8)
        ax.plot(
            places, rows["value"], "o-", color=colour, markersize=6, label=readable(name) if name else None
        )
    ax.axhline(0.0, color="#777777", linewidth=1.0)
    ax.set_xticks(np.arange(len(layers)), layers)
    if sum(len(layer) for layer in layers) > 80:
        ax.tick_params(axis="x", rotation=30)
    ax.set_xlabel("layer randomised, together with all those before it in this row")
    ax.set_ylabel(ylabel)
    ax.set_ylim(min(-0.25, ax.get_ylim()[0]), 1.12)
    light_grid(ax)
    if len(tables) > 1:
        ax.legend()
    ax.set_title(title or "Maps of a randomised model should no longer look like those of the trained one")
    return figure


@styled
def plot_localisation(
    table: pd.DataFrame, chance: Mapping[str, float] | None = None, title: str | None = None
) -> Figure:
    """How well each method finds the lesion: a panel a measure, a dot with its interval for each method.

    Args:
        table: index (method, measure), columns value, low, high.
        chance: by measure, what a map without knowledge reaches; a dashed line.
    """
    rows = as_table(table, COLUMNS)
    if rows.index.nlevels != 2:
        raise ValueError(f"table must have the index (method, measure), got {rows.index.nlevels} level(s).")
    methods, measures = (list(dict.fromkeys(rows.index.get_level_values(level))) for level in (0, 1))
    figure = new_figure(height=1.35 + 0.27 * len(methods))
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for ax, measure in zip(axes, measures, strict=True):
        _draw_measure(ax, rows.xs(measure, level=1).reindex(methods))
        if chance and measure in chance:
            ax.axvline(chance[measure], color="#777777", linestyle=(0, (4, 3)), linewidth=1.0, gid="chance")
        ax.set_title(readable(measure))
        ax.set_xlabel("value (dashed: chance)" if chance else "value")
        ax.set_xlim(-0.02, 1.02)
    axes[0].set_yticks(np.arange(len(methods)), [readable(method) for method in methods])
    axes[0].set_ylim(len(methods) - 0.4, -0.6)
    figure.suptitle(title or "Does the map lie where the lesion is? Mean and 95 % interval, higher is better")
    return figure


def _draw_band(ax: Axes, x: np.ndarray, curve, name: str, number: int, argument: str) -> None:
    if isinstance(curve, pd.DataFrame):
        rows = as_table(curve, COLUMNS, argument)
        value, low, high = (rows[column].to_numpy(dtype=float) for column in COLUMNS)
    else:
        value, low, high = as_numbers(curve, argument), None, None
    if value.shape != x.shape:
        raise ValueError(f"{argument} must have {len(x)} steps, as fractions, got the shape {value.shape}.")
    colour = RANDOM_COLOUR if name == "random" else PALETTE[number % len(PALETTE)]
    if low is not None:
        ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    area = np.trapezoid(value, x / 100)
    ax.plot(x, value, color=colour, linewidth=1.8, label=f"{readable(name)}, {area:.3f}")


def _draw_measure(ax: Axes, rows: pd.DataFrame) -> None:
    places = np.arange(len(rows))
    ax.hlines(places, rows["low"], rows["high"], color=PALETTE[0], linewidth=2.0)
    ax.plot(rows["value"], places, "o", color=PALETTE[0], markersize=6.5)
    for place, value in zip(places, rows["value"], strict=True):
        if np.isfinite(value):
            place_above = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center"}
            ax.annotate(f"{value:.2f}", (value, place), fontsize=8.5, **place_above)
    light_grid(ax)
