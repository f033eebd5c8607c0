"""The figures of a training: history, confusion matrix, ROC, reliability, and maps of test records."""

import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from signalcam import plotting
from signalcam.deployment import predict
from signalcam.evaluation import confusion, reliability, roc, score
from signalcam.reproduction.results import Results
from signalcam.training.train import TrainingResult

logger = logging.getLogger(__name__)


def write_figures(
    folder: str | Path,
    model: keras.Model,
    signals: Sequence[np.ndarray],
    results: Results,
    trained: TrainingResult,
    n_bootstrap: int = 1000,
) -> list[Path]:
    """Write the figures of one trained model as PNG files, and return these.

    Curves are left out, with a warning, where the fold lacks one of the two classes.

    Args:
        folder, model: where to, and of which deployable model.
        signals: in mV, float32 (record, time, lead), in the order of `results.y`.
        results, trained: of the model on the test fold, and how it was trained.
        n_bootstrap: resamples of patients for the band of the ROC curve.
    """
    title = f"Fold {results.fold}, {len(results.y):,} records, rule {results.rule}"
    figures = {"history": plotting.plot_history(trained.history, best_epoch=trained.best_epoch)}
    curves = {}
    for name in results.y:
        y, p = results.y[name].to_numpy(), results.p[name].to_numpy()
        if y.min() == y.max():
            logger.warning("Fold %d has only records with one label of class %s.", results.fold, name)
            continue
        threshold = results.settings.threshold[results.settings.class_names.index(name)]
        how = {"groups": results.patients.to_numpy(), "threshold": threshold}
        curves[name] = roc(y, p, n_bootstrap=n_bootstrap, **how)
    if curves:
        figures["roc"] = plotting.plot_roc(curves, title=title)
    if results.binary:
        y, p = results.y["ABNORMAL"].to_numpy(), results.p["ABNORMAL"].to_numpy()
        counts = confusion(y, p, threshold=results.settings.threshold[0])
        figures["confusion"] = plotting.plot_confusion(counts, title=title)
        error = score(y, p, "ece")
        figures["reliability"] = plotting.plot_reliability(reliability(y, p), error=error, title=title)
    figures["maps"] = (_binary_maps if results.binary else _class_maps)(model, signals, results)
    folder = Path(folder)
    return [plotting.save_figure(figures[name], folder / f"{name}.png", dpi=120) for name in figures]


def _binary_maps(model: keras.Model, signals: Sequence[np.ndarray], results: Results) -> plotting.Figure:
    """Draw a record of each label, right and wrong: the one with the median probability among its like."""
    settings, y = results.settings, results.y["ABNORMAL"]
    picked = list(plotting.typical_records(y, results.p["ABNORMAL"], settings.threshold[0]).values())
    shown, words, cases = np.asarray(signals[picked]), settings.predicted_names, []
    outputs = predict(model, shown)
    maps = (outputs[name][..., 0] for name in ("evidence", "heatmap", "probability"))
    for index, *drawn, p in zip(picked, shown, *maps, strict=True):
        told = words[int(p >= settings.threshold[0])], words[int(y.iloc[index])]
        cases.append(plotting.Case(*drawn, p, *told, name=f"record {y.index[index]}"))
    leads = _shown(settings.lead_names, ("II", "V2", "V5"))
    return plotting.plot_cases(cases, settings.sampling_rate, settings.lead_names, leads)


def _shown(lead_names: Sequence[str], wanted: Sequence[str]) -> Sequence[str]:
    """The leads to draw, as far as the model has them; else its first three."""
    return [lead for lead in wanted if lead in lead_names] or lead_names[:3]


def _class_maps(model: keras.Model, signals: Sequence[np.ndarray], results: Results) -> plotting.Figure:
    """Draw the first record of the fold that has most classes, with a map for each class."""
    settings = results.settings
    index = int(results.y.sum(axis=1).to_numpy().argmax())
    shown, labels = np.asarray(signals[index]), results.y.iloc[index]
    outputs = predict(model, shown)
    axes = (settings.class_names, settings.sampling_rate, settings.lead_names)
    about = {"probabilities": outputs["probability"][0], "truth": list(labels.index[labels == 1])}
    about["leads"] = _shown(settings.lead_names, ("I", "II", "V1", "V2", "V5"))
    return plotting.plot_class_maps(
        shown, outputs["evidence"][0], *axes, name=f"record {labels.name}", **about
    )
