"""No figure cuts a label at its edge or sets letters too small to read."""

import functools
import itertools
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.transforms import Bbox

from signalcam import plotting
from signalcam.commands.explanations import PROCESSING
from signalcam.evaluation.bootstrap import Estimate

RNG = np.random.default_rng(0)
ECG = (RNG.normal(size=(1000, 12)) * 0.3).cumsum(axis=0) / 20
CELLS = RNG.normal(size=(125, 3))
HEAT = (np.repeat(CELLS, 8, axis=0) - CELLS.min(axis=0)) / np.ptp(CELLS, axis=0)
ESTIMATES = pd.DataFrame(
    {"value": [0.8, 0.7], "low": [0.7, 0.6], "high": [0.9, 0.8], "n": 9}, index=["auc", "f1"]
)
CASE = plotting.Case(
    ECG, CELLS[:, 0], HEAT[:, 0], 0.5, predicted="ABNORMAL", truth="NORMAL", name="record 12345"
)
CURVE = {"x": [0, 1], "y": [0, 1], "area": Estimate(0.9, 0.8, 1.0, 9), "point": (0.2, 0.9)}
CHECK = {
    "cam": pd.DataFrame({"value": [1, 0.5], "low": [1, 0.4], "high": [1, 0.6]}, index=["none", "classifier"])
}
MEASURES = pd.concat({"cam": ESTIMATES, "integrated_gradients": ESTIMATES})
BINS = pd.DataFrame({"bin_low": [0, 0.5], "bin_high": [0.5, 1], "predicted": [0.2, 0.7], 
                     "observed": [0.1, 0.8], "low": [0, 0.7], "high": [0.2, 0.9], "n": [5, 9]})  # fmt: skip
HISTORY = pd.DataFrame(
    {"epoch": [1, 2], "loss": [1, 2], "val_loss": [2, 1], "auc": [0, 1], "learning_rate": [1, 0.5]}
)
COUNTS = pd.DataFrame(
    np.full((3, 5), 12345), ["train", "validation", "test"], ["NORM", "MI", "STTC", "CD", "HYP"]
)

CURVES = pd.DataFrame(dict.fromkeys(("value", "low", "high"), ECG[:, 0]))

ROWS = RNG.normal(size=(125, 13))
PADDED_TIME = np.arange(1000) >= 800
PADDED = np.where(np.arange(125) >= 100, np.nan, CELLS[:, 0])

GALLERY = {
    "ecg": lambda: plotting.plot_ecg(ECG, title="Record 1"),
    "padded ecg": lambda: plotting.plot_ecg(ECG, padded=PADDED_TIME),
    "3x4": lambda: plotting.plot_ecg(ECG, title="Record 1", statements="statement " * 30, layout="3x4"),
    "trend": lambda: plotting.plot_trend(ECG, ECG, ECG),
    "scaling": lambda: plotting.plot_scaling(
        {"record_standard_asinh": ECG}, units={"record_standard_asinh": "SD"}
    ),
    "augmentations": lambda: plotting.plot_augmentations({"time shift": ECG, "all": ECG}, ECG, unit="SD"),
    "class counts": lambda: plotting.plot_class_counts(COUNTS, COUNTS.sum(axis=1)),
    "overlap": lambda: plotting.plot_superclass_overlap(COUNTS > 0),
    "history": lambda: plotting.plot_history(HISTORY, best_epoch=2),
    "confusion": lambda: plotting.plot_confusion(pd.DataFrame(np.eye(5) * 12345, list(COUNTS), list(COUNTS))),
    "roc": lambda: plotting.plot_roc({"NORM against HYP": CURVE}),
    "reliability": lambda: plotting.plot_reliability(BINS, error=0.1),
    "map": lambda: plotting.plot_map(CASE),
    "map with few leads": lambda: plotting.plot_map(
        plotting.Case(ECG[:, 1:2], CELLS[:, 0], HEAT[:, 0], logit=9), lead_names=["II"]
    ),
    "map of a padded record": lambda: plotting.plot_map(
        plotting.Case(ECG, -abs(PADDED), HEAT[:, 0], logit=9, padded=PADDED_TIME)
    ),
    "map by lead": lambda: plotting.plot_map(replace(CASE, lead_evidence=ROWS), layout="3x4"),
    "map of a short record": lambda: plotting.plot_map(
        plotting.Case(ECG[:250], CELLS[:31, 0], HEAT[:250, 0], 0.5, predicted="ABNORMAL", truth="NORMAL")
    ),
    "map of high voltage": lambda: plotting.plot_map(
        replace(CASE, signals=20 * ECG, statements="statement " * 30, processing=PROCESSING)
    ),
    "ecg of high voltage": lambda: plotting.plot_ecg(20 * ECG, processing=PROCESSING),
    "short ecg": lambda: plotting.plot_ecg(ECG[:250], statements="statement " * 12, processing=PROCESSING),
    "paper's look": lambda: plotting.plot_map(CASE, background="heatmap"),
    "cases": lambda: plotting.plot_cases([replace(CASE, statements="statement " * 30)] * 3),
    "cases of much evidence": lambda: plotting.plot_cases(
        [replace(CASE, evidence=k * CELLS[:, 0]) for k in (10, 30)]
    ),
    "class maps": lambda: plotting.plot_class_maps(ECG, CELLS, ["NORM", "STTC", "HYP"], truth=["STTC"]),
    "lead and time": lambda: plotting.plot_lead_time(ECG, ECG),
    "beats": lambda: plotting.plot_beat_average(
        np.arange(1000) / 100,
        {
            "NORM": {
                "signals": ECG,
                "evidence": CURVES,
                "count": 12345,
            }
        },
        {"QRS": (0, 1)},
    ),
    "deletion": lambda: plotting.plot_deletion_insertion([0, 1], CHECK, CHECK),
    "sanity": lambda: plotting.plot_sanity(CHECK),
    "localisation": lambda: plotting.plot_localisation(MEASURES, {"auc": 0.5}, "Does the map lie there?"),
}


@functools.cache
def drawn(name):
    """A figure, and the texts that are drawn of it: ticks beyond the limits are not."""
    figure, texts = GALLERY[name](), {}
    draw = matplotlib.text.Text.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matplotlib.text.Text, "draw", lambda text, *_: draw(texts.setdefault(text, text), *_))
        figure.draw_without_rendering()
    return figure, [text for text in texts if text.get_visible() and text.get_text().strip()]


@pytest.mark.parametrize("name", GALLERY)
def test_nothing_reaches_over_the_edge_and_letters_can_be_read(name):
    figure, texts = drawn(name)
    assert isinstance(figure, plotting.Figure)
    width, height = figure.get_size_inches()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= width + 0.01
    assert box.y1 <= height + 0.01
    smallest = min(text.get_fontsize() for text in texts)
    seen = min(1, 880 / 96 / width)  # a README and a notebook are 880 pixels wide, 96 to an inch
    assert smallest * seen >= 8 - 1e-3


def line_boxes(text):
    """Each line of a text with the box that it fills: the box of the whole is as wide as its longest line."""
    whole, lines = text.get_window_extent(), text.get_text().split("\n")
    if text.get_rotation() or len(lines) == 1:
        return [(text.get_text(), whole)]
    found, height = [], whole.height / len(lines)
    for above, line in enumerate(reversed(lines)):
        alone = matplotlib.text.Text(0, 0, line, fontsize=text.get_fontsize(), figure=text.get_figure())
        width = alone.get_window_extent().width
        room = whole.width - width
        left = whole.x0 + {"left": 0, "center": room / 2, "right": room}[text.get_ha()]
        found.append((line, Bbox.from_bounds(left, whole.y0 + above * height, width, height)))
    return found


@pytest.mark.parametrize("name", GALLERY)
def test_letters_lie_on_no_others(name):
    boxes = [line_boxes(text) for text in drawn(name)[1]]
    for k, lines in enumerate(boxes):
        for (first, box), (second, other) in itertools.product(lines, itertools.chain(*boxes[k + 1 :])):
            assert not box.overlaps(other), (first, second)


@pytest.mark.parametrize("name", [name for name in GALLERY if "map" in name and name != "class maps"])
def test_no_sentence_of_the_caption_runs_into_the_scale_of_the_colours(name):
    figure, _ = drawn(name)
    (scale,) = (axes for axes in figure.axes if axes.get_gid() == "scale")
    (caption,) = (text for text in figure.texts if text.get_text().startswith("Bars:"))
    for line, box in line_boxes(caption):
        assert not box.overlaps(scale.get_tightbbox()), line
