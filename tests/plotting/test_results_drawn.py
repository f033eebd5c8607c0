"""Figures of tables and results: bars, curves, dots and texts hold the numbers that were given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

from signalcam import plotting
from signalcam.evaluation.bootstrap import Estimate


def texts(artist):
    return [text.get_text() for text in artist.findobj(matplotlib.text.Text) if text.get_text()]


@pytest.fixture
def history():
    epoch = np.arange(1, 6)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "val_loss": [0.9, 0.7, 0.6, 0.65, 0.7],
            "accuracy": epoch / 6,
            "val_accuracy": epoch / 7,
            "auc": epoch / 5.5,
            "val_auc": epoch / 6.5,
            "learning_rate": [1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4],
        }
    )


def test_class_counts_are_bar_heights_and_shares_are_of_the_records():
    counts = pd.DataFrame({"NORM": [60, 5], "MI": [50, 0]}, index=["train", "test"])
    figure = plotting.plot_class_counts(counts, n_records={"train": 100, "test": 5})
    assert [[bar.get_height() for bar in ax.patches] for ax in figure.axes] == [[60, 50], [5, 0]]
    assert {"60\n60%", "50\n50%", "5\n100%", "0\n0%"} <= set(texts(figure))
    assert figure.axes[0].get_title() == "train: 100 records"


def test_overlap_counts_each_combination_of_classes():
    table = pd.DataFrame(
        {"NORM": [1, 1, 1, 0, 0, 0], "MI": [0, 0, 0, 1, 1, 0], "CD": [0, 0, 0, 1, 1, 0]}
    ).astype(bool)
    figure = plotting.plot_superclass_overlap(table)
    upper, lower = figure.axes
    assert [bar.get_height() for bar in upper.patches] == [3, 2, 1]
    assert [label.get_text() for label in lower.get_yticklabels()] == ["NORM  3", "MI  2", "CD  2"]
    (link,) = lower.lines
    assert list(link.get_xdata()) == [1, 1]
    assert list(link.get_ydata()) == [1, 2]
    assert "2 of 6 records have several classes" in texts(figure)


def test_history_draws_the_columns_and_marks_the_best_epoch(history):
    figure = plotting.plot_history(history, best_epoch=3)
    assert [ax.get_ylabel() for ax in figure.axes] == [
        "loss (cross-entropy)",
        "accuracy (share)",
        "AUC",
        "learning rate",
    ]
    for ax, key in zip(figure.axes, ("loss", "accuracy", "auc"), strict=False):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), history[key])
        np.testing.assert_allclose(ax.lines[1].get_ydata(), history[f"val_{key}"])
        assert ax.lines[-1].get_xdata()[0] == 3
        assert ax.lines[-1].get_ydata()[0] == pytest.approx(history[f"val_{key}"][2])
    assert "best epoch, 3" in texts(figure)


def test_history_of_one_epoch_without_validation_can_be_drawn(history):
    figure = plotting.plot_history(history[["epoch", "loss"]].iloc[:1], best_epoch=1)
    figure.draw_without_rendering()
    drawn = [list(line.get_ydata()) for ax in figure.axes for line in ax.lines if len(line.get_ydata())]
    assert history["loss"].iloc[:1].tolist() in drawn


def test_confusion_matrix_says_counts_and_shares_of_the_true_class():
    counts = pd.DataFrame([[30, 10], [0, 0]], index=["NORMAL", "ABNORMAL"], columns=["NORMAL", "ABNORMAL"])
    figure = plotting.plot_confusion(counts)
    ax = figure.axes[0]
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert written == {
        (0, 0): "30\n75.0%",
        (1, 0): "10\n25.0%",
        (0, 1): "0\nno record",
        (1, 1): "0\nno record",
    }
    assert [label.get_text() for label in ax.get_yticklabels()] == ["NORMAL\nn = 40", "ABNORMAL\nn = 0"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    with pytest.raises(ValueError, match=r"counts must have the columns \['NORMAL', 'ABNORMAL'\], got"):
        plotting.plot_confusion(counts[["ABNORMAL", "NORMAL"]])


def test_roc_holds_curve_band_point_and_area():
    curve = {"x": [0, 0.5, 1], "y": [0, 0.9, 1], "low": [0, 0.8, 1], "high": [0, 1, 1], "point": (0.2, 0.9)}
    figure = plotting.plot_roc({"test": curve | {"area": Estimate(0.85, 0.8, 0.9, 100)}})
    (ax,) = figure.axes
    np.testing.assert_array_equal(ax.lines[1].get_xydata(), [[0, 0], [0.5, 0.9], [1, 1]])
    np.testing.assert_array_equal(ax.lines[2].get_xydata(), [[0.2, 0.9]])
    assert [0.5, 0.8] in ax.collections[0].get_paths()[0].vertices.tolist()
    assert "test, AUC 0.850 [0.800, 0.900]" in texts(ax.get_legend())


def test_curves_of_the_evaluation_can_be_drawn_as_they_are(rng):
    from signalcam.evaluation import roc

    y = np.arange(60) % 2
    p = np.clip(0.3 * y + 0.7 * rng.random(60), 0, 1)
    curve = roc(y, p, n_bootstrap=20)
    (ax,) = plotting.plot_roc({"test": curve}).axes
    np.testing.assert_allclose(ax.lines[1].get_ydata(), curve["y"])


def test_reliability_takes_the_table_of_calibration(rng):
    from signalcam.evaluation import reliability

    p = rng.random(300)
    table = reliability((rng.random(300) < p).astype(int), p)
    figure = plotting.plot_reliability(table, error=0.05)
    upper, lower = figure.axes
    np.testing.assert_allclose(upper.lines[1].get_xydata(), table[["predicted", "observed"]])
    np.testing.assert_allclose([bar.get_height() for bar in lower.patches], table["n"])
    np.testing.assert_allclose([bar.get_x() for bar in lower.patches], table["bin_low"])
    assert "calibration error 0.050" in upper.get_title()


def test_tables_given_are_not_changed(history):
    before = history.copy()
    plotting.plot_history(history, best_epoch=3)
    pd.testing.assert_frame_equal(history, before)
