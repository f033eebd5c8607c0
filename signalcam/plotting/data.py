"""Figures of a dataset's labels: classes in each split, records with several classes."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from signalcam.plotting.style import INK, PALETTE, SUPERCLASS_COLOURS, Figure, light_grid, new_figure, styled

MAX_COMBINATIONS = 16


@styled
def plot_class_counts(table: pd.DataFrame, n_records: Mapping[str, int] | pd.Series) -> Figure:
    """Draw the records of each class in each split: one panel a split, counts and shares above the bars.

    Args:
        table: counts; index the splits, columns the classes.
        n_records: records of each split, of which the shares are; a record may have several classes.
    """
    figure = new_figure(height=3.9)
    axes = figure.subplots(1, len(table), squeeze=False)[0]
    for ax, (split, counts) in zip(axes, table.iterrows(), strict=True):
        bars = ax.bar(counts.index, counts.to_numpy(), color=_class_colours(counts.index), width=0.72)
        n = n_records[split]
        words = [f"{count:,.0f}" + (f"\n{count / n:.0%}" if n else "") for count in counts]
        ax.bar_label(bars, words, fontsize=9)
        ax.set(ylim=(0, max(1.0, counts.max()) * 1.24), title=f"{split}: {n:,.0f} records")
        light_grid(ax, "y")
    axes[0].set_ylabel("records (count)")
    figure.supxlabel("class", fontsize=10)
    figure.suptitle("Records of each class in each split")
    return figure


@styled
def plot_superclass_overlap(superclass_table: pd.DataFrame) -> Figure:
    """Draw which classes come together: a column for each of the 16 most frequent combinations.

    Args:
        superclass_table: bool (record, class), as `data.superclasses` gives it.
    """
    table = superclass_table.astype(bool)
    combinations = table.value_counts()
    shown = combinations.iloc[:MAX_COMBINATIONS]
    figure = new_figure(height=4.3)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.3))
    places = np.arange(len(shown))
    bars = upper.bar(places, shown.to_numpy(), color=INK, width=0.66)
    upper.bar_label(bars, fmt="{:,.0f}", fontsize=9)
    upper.set(ylabel="records (count)", ylim=(0, shown.max() * 1.12))
    light_grid(upper, "y")
    upper.tick_params(axis="x", length=0)
    members = np.array(shown.index.to_list(), bool)
    for row, colour in enumerate(_class_colours(table.columns)):
        inside = np.flatnonzero(members[:, row])
        lower.scatter(places, np.full(len(places), row), s=42, color="#e6e6e6", zorder=1)
        lower.scatter(inside, np.full(len(inside), row), s=58, color=colour, zorder=3)
    for place, member in enumerate(members):
        if member.sum() > 1:
            lower.plot([place, place], np.flatnonzero(member)[[0, -1]], color="#777777", zorder=2)
    lower.set(ylim=(table.shape[1] - 0.5, -0.5), xticks=[])
    lower.set_yticks(np.arange(table.shape[1]), [f"{name}  {table[name].sum():,}" for name in table.columns])
    lower.set(xlabel="combination of classes (no coloured dot: none of them)", ylabel="class, records")
    hidden, several = int(combinations.iloc[MAX_COMBINATIONS:].sum()), int((table.sum(axis=1) > 1).sum())
    more = f"; {hidden:,} in rarer combinations not drawn" if hidden else ""
    figure.suptitle(f"{several:,} of {len(table):,} records have several classes{more}")
    return figure


def _class_colours(names: Iterable[str]) -> list[str]:
    return [SUPERCLASS_COLOURS.get(name, PALETTE[k % len(PALETTE)]) for k, name in enumerate(names)]
