"""Diagrams of the network, the CAM's branch and the pipeline, drawn from the model's own rows.

The caller takes the rows from the model (`complexity.count(model)` gives them); nothing here knows a layer by
heart, so a diagram cannot go stale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from signalcam.plotting.boxes import FILL, Box, canvas, draw_arrow, draw_box, shape_text
from signalcam.plotting.style import (
    WIDTH,
    Figure,
    caption,
    evidence_colours,
    heat_colours,
    styled,
    symmetric_limits,
)

KINDS = (
    ("Conv", "convolution"),
    ("Norm", "normalisation"),
    ("ReLU", "activation"),
    ("Activation", "activation"),
    ("Pool", "pooling"),
    ("Dense", "dense"),
    ("Input", "input"),
    ("Detrend", "input"),
    ("Scale", "input"),
)
COLUMN, BOX_HEIGHT, GAP, PER_LINE = 1.3, 0.66, 0.2, 6


@styled
def draw_network(layers, input_shape: Sequence[int] = (1000, 12), title: str | None = None) -> Figure:
    """The layers of a model as boxes, a column for each convolution with what follows it.

    Args:
        layers: rows in the order of computing, with the layer's name, its class, its output shape without
            the batch axis, and its parameters: a DataFrame as `complexity.count` gives it (index the
            name; columns type, output_shape, parameters), or mappings with the keys name, kind,
            output_shape, parameters.
        input_shape: of one record, without the batch axis.
    """
    rows = _rows(layers)
    columns = _columns(rows)
    lines = [columns[start : start + PER_LINE] for start in range(0, len(columns), PER_LINE)]
    tallest = [max(len(column) for column in line) for line in lines]
    step = BOX_HEIGHT + GAP
    height = 0.8 + sum(count * step for count in tallest) + 0.35 * (len(lines) - 1)
    figure, ax = canvas(WIDTH, height)
    y, previous = height - 0.55, None
    for line, count in zip(lines, tallest, strict=True):
        for position, column in enumerate(line):
            x = 0.1 + position * (COLUMN + GAP)
            for level, row in enumerate(column):
                box = Box(x, y - level * step - BOX_HEIGHT, COLUMN, BOX_HEIGHT)
                _draw_layer(ax, box, row, input_shape)
                if previous is not None:
                    _connect(ax, previous, box)
                previous = box
        y -= count * step + 0.35
    figure.suptitle(title or _size_of(rows), y=1 - 0.12 / height, va="top")
    text = "Below each name: time × channels after the layer, and its parameters."
    caption(figure, text)
    return figure


@styled
def draw_pipeline(steps: Sequence[tuple[str, str]], title: str | None = None, per_line: int = 5) -> Figure:
    """Steps in the order of the data, from left to right and on in the next line.

    Args:
        steps: (name, detail), or (name, detail, kind) to choose the colour, a kind of `boxes.FILL`; a
            detail may have several lines.
        per_line: steps beside each other.
    """
    if not steps or any(isinstance(step, str) or len(step) not in (2, 3) for step in steps):
        raise ValueError("steps must be pairs (name, detail) or triples (name, detail, kind), at least one.")
    gap = 0.3
    width = (WIDTH - 0.2 - gap * (per_line - 1)) / per_line
    deepest = max(str(step[1]).count("\n") + 1 for step in steps)
    box_height, n_lines = 0.34 + 0.19 * deepest, -(-len(steps) // per_line)
    height = 0.6 + n_lines * box_height + (n_lines - 1) * 0.45 + 0.1
    figure, ax = canvas(WIDTH, height)
    boxes = []
    for number, (name, detail, *kind) in enumerate(steps):
        line, position = divmod(number, per_line)
        y = height - 0.5 - box_height - line * (box_height + 0.45)
        box = Box(0.1 + position * (width + gap), y, width, box_height)
        colour = kind[0] if kind else "input" if number == 0 else "convolution"
        if colour not in FILL:
            raise ValueError(f"the kind of step {name!r} must be one of {', '.join(FILL)}, got {colour!r}.")
        boxes.append(draw_box(ax, box, str(name), str(detail).split("\n"), colour, size=10))
    for before, after in zip(boxes[:-1], boxes[1:], strict=True):
        _connect(ax, before, after)
    figure.suptitle(title or "Pipeline", y=1 - 0.12 / height, va="top")
    return figure


@styled
def draw_cam_branch(
    n_cells: int,
    n_filters: int,
    n_classes: int = 1,
    n_times: int = 1000,
    activation: str = "sigmoid",
    added_parameters: int = 0,
    evidence=None,
    heatmap=None,
    title: str | None = None,
) -> Figure:
    """How the map comes out of the trained model: its classifier before the averaging instead of after it.

    Args:
        n_cells, n_filters: shape of the last feature maps.
        n_classes: outputs of the classifier.
        n_times: samples of the input.
        activation: that makes probabilities of logits.
        added_parameters: parameters of the model with the branch minus those without it.
        evidence: (cell,) of one record and class, drawn beside its box; `heatmap`, (time,), likewise.
    """
    figure, ax = canvas(WIDTH, 3.7)
    weights = f"{n_filters} × {n_classes} weights, {n_classes} bias" + ("es" if n_classes > 1 else "")
    maps = draw_box(
        ax,
        Box(0.1, 1.45, 1.6, 0.8),
        "feature maps",
        [f"{n_cells} cells × {n_filters}", "f(t, k)"],
        "convolution",
    )
    upper = [
        ("average", ["over time", f"{n_filters} values"], "pooling"),
        ("classifier", [weights], "dense"),
        ("logit", [f"{n_classes} a record"], "other"),
        ("probability", [activation, f"{n_classes} a record"], "output"),
    ]
    lower = [
        ("classifier", ["the same weights,", "on every cell"], "dense"),
        ("evidence", [f"{n_cells} cells × {n_classes}", "signed"], "output"),
        ("upsampling", ["linear,", "scaled to 0 to 1"], "other"),
        ("heatmap", [f"{n_times} × {n_classes}", "0 to 1"], "output"),
    ]
    above = [draw_box(ax, Box(2.2 + 1.72 * k, 2.4, 1.42, 0.66), *item) for k, item in enumerate(upper)]
    below = [draw_box(ax, Box(2.2 + 1.72 * k, 0.85, 1.42, 0.66), *item) for k, item in enumerate(lower)]
    for chain in (above, below):
        draw_arrow(ax, maps.right, chain[0].left)
        for before, after in zip(chain[:-1], chain[1:], strict=True):
            draw_arrow(ax, before.right, after.left)
    draw_arrow(ax, above[1].bottom, below[0].top, "shared", dashed=True)
    draw_arrow(ax, below[1].top, above[2].bottom, "mean over time", dashed=True)
    if evidence is not None:
        _strip(figure, below[1], np.asarray(evidence, float), evidence_colours(), symmetric_limits(evidence))
    if heatmap is not None:
        _strip(figure, below[3], np.asarray(heatmap, float), heat_colours(), None)
    figure.suptitle(title or "The CAM branch of the trained model", y=1 - 0.12 / 3.7, va="top")
    own = f"The branch adds {added_parameters:,} parameters: it uses the classifier's own."
    caption(figure, f"{own} The mean of the evidence is the logit.")
    return figure


def _rows(layers) -> list[dict]:
    """Rows with the keys name, kind, output_shape, parameters."""
    if isinstance(layers, pd.DataFrame):
        table = layers.rename(columns={"type": "kind"})
        layers = table.assign(name=table.get("name", table.index)).to_dict("records")
    rows = [dict(row) for row in layers]
    for number, row in enumerate(rows):
        missing = [key for key in ("name", "kind", "output_shape", "parameters") if key not in row]
        if missing:
            raise ValueError(f"layers[{number}] lacks the keys {missing}; it has {list(row)}.")
    if not rows:
        raise ValueError("layers must hold at least one row.")
    return rows


def _size_of(rows: Sequence[Mapping]) -> str:
    total = sum(row["parameters"] for row in rows)
    if any("trainable" not in row for row in rows):
        return f"Network: {total:,} parameters"
    return f"Network: {sum(row['trainable'] for row in rows):,} trainable parameters, {total:,} in all"


def _columns(rows: Sequence[Mapping]) -> list[list[dict]]:
    """The input, then a column begun by each convolution and by the pooling over all time."""
    columns = [[{"name": "input", "kind": "InputLayer", "output_shape": None, "parameters": 0}]]
    for row in rows:
        if row["kind"] == "InputLayer":
            continue
        if "Conv" in row["kind"] or "Global" in row["kind"]:
            columns.append([])
        columns[-1].append(dict(row))
    return columns


def _draw_layer(ax, box: Box, row: Mapping, input_shape) -> None:
    kind = next((value for part, value in KINDS if part in row["kind"]), "other")
    if row["output_shape"] is None:
        draw_box(ax, box, "input", [shape_text(input_shape), "time × lead"], "input")
        return
    kind = "output" if row["name"] == "probability" else kind
    parameters = f"{row['parameters']:,} parameters" if row["parameters"] else row["kind"]
    shape = row["output_shape"]
    draw_box(ax, box, str(row["name"]), [shape_text(shape), parameters], kind)


def _connect(ax, before: Box, after: Box) -> None:
    """Down within a column, right to the next one, and back to the left at a new line."""
    if abs(before.x - after.x) < 1e-9:
        draw_arrow(ax, before.bottom, after.top)
    elif after.x > before.x:
        side = before.right[0] + GAP / 2
        if abs(before.y - after.y) < 1e-9:
            draw_arrow(ax, before.right, after.left)
        else:
            ax.plot(
                [before.right[0], side, side],
                [before.right[1], before.right[1], after.left[1]],
                color="#555555",
                linewidth=1.0,
            )
            draw_arrow(ax, (side - 0.02, after.left[1]), after.left)
    else:
        middle = (before.bottom[1] + after.top[1]) / 2
        path = [before.bottom, (before.bottom[0], middle), (after.top[0], middle)]
        ax.plot(*zip(*path, strict=True), color="#555555", linewidth=1.0)
        draw_arrow(ax, (after.top[0], middle + 0.02), after.top)


def _strip(figure: Figure, box: Box, values: np.ndarray, colours, limits) -> None:
    width, height = figure.get_size_inches()
    ax = figure.add_axes((box.x / width, (box.y - 0.32) / height, box.width / width, 0.2 / height))
    ax.imshow(values[None, :], aspect="auto", cmap=colours, norm=limits, interpolation="nearest")
    ax.set_axis_off()
