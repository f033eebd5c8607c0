"""Draw the diagrams of the README: the network, the pipeline, and the branch that makes the map.

    python res/diagrams.py [--output res]

Layers, shapes and parameters are counted on the model itself, so that a diagram follows the code. The small
map in the branch is that of the shipped model for a simulated record.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, Normalize
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.textpath import text_to_path

from signalcam.deployment import predict
from signalcam.deployment.pretrained import load_pretrained
from signalcam.model import add_cam, build_model
from signalcam.plotting.style import (
    EVIDENCE_COLOURS,
    HEAT_COLOURS,
    INK,
    LEGIBLE,
    MUTED,
    WIDTH,
    Figure,
    new_figure,
    save_figure,
    styled,
    symmetric_limits,
)
from signalcam.simulation import Lesion, simulate_record

FILL = {
    "input": "#f2f2f2",
    "convolution": "#cfe3f3",
    "normalisation": "#eeeeee",
    "activation": "#e6f3ec",
    "pooling": "#fdebc8",
    "dense": "#f6d3c3",
    "output": "#e7d9ee",
    "other": "#f5f5f5",
}
LAYERS = {
    "Conv1D": "convolution",
    "BatchNormalization": "normalisation",
    "LeakyReLU": "activation",
    "MaxPooling1D": "pooling",
    "GlobalAveragePooling1D": "pooling",
    "Dense": "dense",
    "Activation": "output",
}
LINE = {"color": "#555555", "linewidth": 1.0}


class Box(NamedTuple):
    """A box; all numbers in inches, the origin at the lower left of the figure."""

    x: float
    y: float
    width: float
    height: float

    def point(self, across: float, up: float) -> tuple[float, float]:
        """A point of the box: (0, 0.5) is the middle of its left side, (0.5, 1) that of its top."""
        return self.x + across * self.width, self.y + up * self.height


def text_inches(text: str, points: float) -> float:
    """Return the width in inches of the longest line of a text set in `points`."""
    font = FontProperties(family="DejaVu Sans", size=points)
    measure = text_to_path.get_text_width_height_descent
    return max((measure(line, font, ismath=False)[0] for line in text.split("\n") if line), default=0.0) / 72


@styled
def draw_network(layers: pd.DataFrame, input_shape: Sequence[int], n_trainable: int) -> Figure:
    """Draw the layers of a model, in a column each convolution with what follows it.

    Args:
        layers: a row each: name, type, output_shape, parameters.
        input_shape, n_trainable: of one record; parameters that are trained.

    Returns:
        The figure.
    """
    columns = [[("input", "input", input_shape, "time × lead")]]
    for name, layer in layers.set_index("name").iterrows():
        if layer["type"] in ("Conv1D", "GlobalAveragePooling1D"):
            columns.append([])
        text = f"{layer['parameters']:,} parameters" if layer["parameters"] else layer["type"]
        text = text.replace("Pooling1D", "\nPooling1D") if text.startswith("Global") else text
        columns[-1].append((name, LAYERS.get(layer["type"], "other"), layer["output_shape"], text))
    width, height, gap = 1.3, 0.66, 0.2
    total = 0.8 + max(map(len, columns)) * (height + gap)
    size = f"{n_trainable:,} trainable parameters, {layers['parameters'].sum():,} in all"
    figure, ax = canvas(total, f"Network: {size}")
    last = None
    for place, column in enumerate(columns):
        for level, (name, kind, shape, text) in enumerate(column):
            x, y = 0.1 + place * (width + gap), total - 0.55 - height - level * (height + gap)
            box = draw_box(
                ax, Box(x, y, width, height), name, [" × ".join(map(str, shape)), *text.split("\n")], kind
            )
            if last and level:
                draw_arrow(ax, last.point(0.5, 0), box.point(0.5, 1))
            elif last:
                side, foot, head = last.point(1, 0.5)[0] + gap / 2, last.point(1, 0.5), box.point(0, 0.5)
                ax.plot([foot[0], side, side], [foot[1], foot[1], head[1]], **LINE)
                draw_arrow(ax, (side - 0.02, head[1]), head)
            last = box
    figure.caption("Below each name: time × channels after the layer, and its parameters.")
    return figure


@styled
def draw_pipeline(steps: Sequence[tuple[str, str, str]]) -> Figure:
    """Draw the steps (name, detail, colour) from left to right."""
    gap, height = 0.3, 0.72
    width = (WIDTH - 0.2 - gap * (len(steps) - 1)) / len(steps)
    figure, ax = canvas(height + 0.7, "Pipeline")
    places = [Box(0.1 + k * (width + gap), 0.2, width, height) for k in range(len(steps))]
    for box, (name, detail, kind) in zip(places, steps, strict=True):
        draw_box(ax, box, name, detail.split("\n"), kind, size=10)
    draw_chain(ax, places)
    return figure


@styled
def draw_branch(
    n_cells: int, n_filters: int, added: int, evidence: np.ndarray, heatmap: np.ndarray
) -> Figure:
    """Draw how the map comes out of the model: its classifier before the averaging instead of after it.

    Args:
        n_cells, n_filters: shape of the last feature maps.
        added: parameters that the branch adds to the model.
        evidence: (cell,) of a record.
        heatmap: (time,) of the same record.

    Returns:
        The figure.
    """
    figure, ax = canvas(3.7, "The CAM branch of the trained model")
    maps = draw_box(
        ax,
        Box(0.1, 1.45, 1.6, 0.8),
        "feature maps",
        [f"{n_cells} cells × {n_filters}", "f(t, k)"],
        "convolution",
    )
    upper = [
        ("average", ["over time", f"{n_filters} values"], "pooling"),
        ("classifier", [f"{n_filters} weights, 1 bias"], "dense"),
        ("logit", ["1 a record"], "other"),
        ("probability", ["sigmoid", "1 a record"], "output"),
    ]
    lower = [
        ("classifier", ["the same weights,", "on every cell"], "dense"),
        ("evidence", [f"{n_cells} cells", "signed"], "output"),
        ("upsampling", ["linear,", "scaled to 0 to 1"], "other"),
        ("heatmap", [f"{len(heatmap)} samples", "0 to 1"], "output"),
    ]
    above = [draw_box(ax, Box(2.2 + 1.72 * k, 2.4, 1.42, 0.66), *item) for k, item in enumerate(upper)]
    below = [draw_box(ax, Box(2.2 + 1.72 * k, 0.85, 1.42, 0.66), *item) for k, item in enumerate(lower)]
    for chain in (above, below):
        draw_chain(ax, [maps, *chain])
    draw_arrow(ax, above[1].point(0.5, 0), below[0].point(0.5, 1), "shared")
    draw_arrow(ax, below[1].point(0.5, 1), above[2].point(0.5, 0), "mean over time")
    draw_strip(figure, below[1], evidence, EVIDENCE_COLOURS, symmetric_limits(evidence))
    draw_strip(figure, below[3], heatmap, HEAT_COLOURS)
    own = f"The branch adds {added:,} parameters: it uses the classifier's own."
    figure.caption(f"{own} The mean of the evidence is the logit.")
    return figure


def canvas(height: float, title: str) -> tuple[Figure, Axes]:
    """A figure with one bare axes whose units are inches."""
    figure = new_figure(WIDTH, height, layout=None)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, height))
    ax.axis("off")
    figure.headline(title)
    return figure, ax


def draw_box(ax: Axes, box: Box, title: str, lines: Sequence[str], kind: str, size: float = 9.0) -> Box:
    """A rounded box: the title, smaller lines below it; a line too wide shrinks while it can be read."""
    shape = {"boxstyle": "round,pad=0,rounding_size=0.06", "edgecolor": "#777777", "linewidth": 0.8}
    ax.add_patch(FancyBboxPatch(box[:2], box.width, box.height, facecolor=FILL[kind], **shape))
    texts = [(title, size, INK), *((line, size - 1.0, MUTED) for line in lines)]
    step = min(box.height / (len(texts) + 0.35), 0.19)
    x, y = box.point(0.5, 0.5)
    for number, (text, points, colour) in enumerate(texts):
        fitted = points * min(1.0, (box.width - 0.1) / text_inches(text, points))
        if fitted < LEGIBLE:
            raise ValueError(f"{text!r} must be shorter to be read in its box, got {fitted:.1f} points.")
        middle = y + step * ((len(texts) - 1) / 2 - number)
        ax.text(x, middle, text, ha="center", va="center", fontsize=fitted, color=colour)
    return box


def draw_arrow(ax: Axes, start: tuple, stop: tuple, text: str = "") -> None:
    """An arrow from point to point; dashed, with the text on its middle, where there is one."""
    style = {"arrowstyle": "-|>", "mutation_scale": 9, "shrinkA": 1.5, "shrinkB": 1.5}
    ax.add_patch(FancyArrowPatch(start, stop, linestyle=(0, (3, 2)) if text else "-", **style, **LINE))
    if text:
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        middle = (start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2
        ax.text(*middle, text, fontsize=8.5, color=MUTED, va="center", ha="center", bbox=behind)


def draw_chain(ax: Axes, boxes: Sequence[Box]) -> None:
    """An arrow from each box to the next at its right."""
    for before, after in zip(boxes[:-1], boxes[1:], strict=True):
        draw_arrow(ax, before.point(1, 0.5), after.point(0, 0.5))


def draw_strip(
    figure: Figure, box: Box, values: np.ndarray, colours: Colormap, limits: Normalize | None = None
) -> None:
    """Values as a band of colour below a box."""
    width, height = figure.get_size_inches()
    ax = figure.add_axes((box.x / width, (box.y - 0.32) / height, box.width / width, 0.2 / height))
    ax.imshow(values[None, :], aspect="auto", cmap=colours, norm=limits, interpolation="nearest")
    ax.set_axis_off()


def main(arguments: Sequence[str] | None = None) -> None:
    """Write network_sample.png, Pipeline.png and xai_branch.png."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write (res)")
    output = parser.parse_args(arguments).output

    model = build_model()
    _, n_cells, n_filters = model.get_layer("average").input.shape
    added = add_cam(model).count_params() - model.count_params()
    layers = [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "output_shape": layer.output.shape[1:],
            "parameters": layer.count_params(),
        }
        for layer in model.layers[1:]
    ]
    n_trainable = sum(weight.numpy().size for weight in model.trainable_weights)
    record = simulate_record([Lesion("ISCAL", 1.0, start=4, stop=7)], seed=1).signals
    answer = predict(load_pretrained(), record)
    steps = [
        ("recording", "12 leads, 10 s\n100 Hz, mV", "input"),
        ("detrend", "polynomial of\ndegree 10", "convolution"),
        ("scale", "each lead", "convolution"),
        ("augment", "training only", "convolution"),
        ("1D CNN", f"{n_trainable:,}\nparameters", "convolution"),
        ("probability", "and evidence\nin the same pass", "output"),
    ]
    maps = answer["evidence"][0, :, 0], answer["heatmap"][0, :, 0]
    figures = {
        "network_sample": draw_network(pd.DataFrame(layers), model.input_shape[1:], n_trainable),
        "Pipeline": draw_pipeline(steps),
        "xai_branch": draw_branch(n_cells, n_filters, added, *maps),
    }
    for name, figure in figures.items():
        print(save_figure(figure, output / f"{name}.png"))


if __name__ == "__main__":
    main()
