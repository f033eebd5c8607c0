"""Export a deployable model to LiteRT and ONNX, checked against Keras before the file gets its name."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from signalcam.deployment.converters import litert_bytes, onnx_bytes
from signalcam.deployment.deployable import path_with
from signalcam.deployment.runtime import import_extra, open_exported
from signalcam.deployment.settings import Settings, settings_of
from signalcam.evaluation.metrics import score
from signalcam.leads import LEADS
from signalcam.recordings import check_signals
from signalcam.simulation import Subject, simulate_record
from signalcam.whole_file import whole_file

# How far a file may be from Keras: the largest difference of a probability, the mean difference of a heatmap.
TOLERANCES = {"float32": (1e-5, 1e-5), "float16": (5e-3, 2e-3), "int8": (0.1, 0.1)}
ADVICE = {
    "float32": "No file was written.",
    "float16": "Choose float32.",
    "int8": "Calibrate on more records, of the kind that will come, or choose float16.",
}
AUC_TOLERANCE, MAX_CALIBRATION, N_SIMULATED = 0.02, 256, 8

Array = np.ndarray | None


class ExportError(ValueError):
    """An exported file that does not answer as Keras does."""


def to_litert(
    model: keras.Model,
    path: str | Path,
    precision: str = "float32",
    calibration: Array = None,
    signals: Array = None,
    labels: Array = None,
) -> dict[str, Any]:
    """Write a LiteRT file, renamed to `path` when the check has passed: one raw record in, all outputs out.

    Args:
        model, path: deployable model, as `build_deployable` gives it; file, ending in `.tflite`.
        precision: "float32"; "float16" halves the weights; "int8" computes the convolutions in integers.
        calibration: for int8: raw records in mV, (record, time, lead), like those that will come; 100 are
            enough, of more than `MAX_CALIBRATION` that many are taken evenly.
        signals: raw records to check on; the calibration records, or else simulated ones, by default.
        labels: 0 and 1, (record,) or (record, class), of the records checked on, to compare AUCs.

    Returns:
        dict: ``precision`` and ``size`` (bytes); on which ``records`` it was checked; how far it is from
        Keras, the largest difference of a ``probability`` and the mean one of the ``heatmap``; and ``auc``,
        (Keras, file) for each class whose labels were given and hold both values.

    Raises:
        ExportError: where the file differs from Keras by more than `TOLERANCES` and `AUC_TOLERANCE`.
        ValueError: for another suffix, an unknown precision, int8 without calibration, or bad signals.
        ImportError: where LiteRT is not installed.
    """
    path = check_path(path, ".tflite")
    if precision not in TOLERANCES:
        raise ValueError(f"precision must be one of {', '.join(TOLERANCES)}, got {precision!r}.")
    if precision == "int8" and calibration is None:
        raise ValueError("calibration must be given for int8: some 100 raw records in mV.")
    settings_of(model)  # or ValueError, before anything is converted
    import_extra("ai_edge_litert.interpreter")
    if calibration is not None:
        calibration = checked_signals(model, calibration)
    content = litert_bytes(model, precision, None if calibration is None else spread(calibration))
    return _write(model, path, content, calibration if signals is None else signals, labels)


def to_onnx(
    model: keras.Model, path: str | Path, signals: Array = None, labels: Array = None
) -> dict[str, Any]:
    """Write an ONNX file, `.onnx`, for any number of raw records; otherwise as `to_litert`."""
    path = check_path(path, ".onnx")
    settings_of(model)
    import_extra("onnxruntime")
    return _write(model, path, onnx_bytes(model), signals, labels)


def check_export(
    model: keras.Model, path: str | Path, signals: Array = None, labels: Array = None
) -> dict[str, Any]:
    """Compare a file with the model that it was made from. Args, Returns, Raises: as in `to_litert`."""
    exported, source = open_exported(path), "simulated" if signals is None else "given"
    signals = checked_signals(model, signals)
    expected = model.predict(signals, batch_size=64, verbose=0)
    found = exported.predict(signals, warn=False)
    off = {name: np.abs(found[name] - expected[name]) for name in ("probability", "heatmap")}
    off = {"probability": float(off["probability"].max()), "heatmap": float(off["heatmap"].mean())}
    auc = _compare_auc(settings_of(model), labels, expected["probability"], found["probability"])
    records, size = f"{len(signals)} {source}", Path(path).stat().st_size
    file, advice = f"The {exported.precision} file", ADVICE[exported.precision]
    for (name, value), allowed in zip(off.items(), TOLERANCES[exported.precision], strict=True):
        if not value <= allowed:
            what = f"{file} differs from Keras by {value:.2g} in the {name} on {records} records"
            raise ExportError(f"{what}; allowed are {allowed:g}. {advice}")
    for name, (keras_auc, file_auc) in auc.items():
        if abs(keras_auc - file_auc) > AUC_TOLERANCE:
            what = f"{file} has an AUC of {file_auc:.3f} for {name}, Keras {keras_auc:.3f}"
            raise ExportError(f"{what}; allowed are {AUC_TOLERANCE} between them. {advice}")
    return {"precision": exported.precision, "size": size, "records": records, **off, "auc": auc}


def _compare_auc(settings: Settings, labels: Array, expected: np.ndarray, found: np.ndarray) -> dict:
    if labels is None:
        return {}
    labels, names = np.asarray(labels), settings.class_names
    labels = labels[:, np.newaxis] if labels.ndim == 1 else labels
    if labels.shape != expected.shape:
        each = f"one for each record checked on and each of {', '.join(names)}"
        raise ValueError(f"labels must have the shape {expected.shape}, {each}, got {labels.shape}.")
    columns = zip(names, labels.T, expected.T, found.T, strict=True)
    pairs = {name: (score(y, p, "auc"), score(y, q, "auc")) for name, y, p, q in columns}
    return {name: pair for name, pair in pairs.items() if np.isfinite(pair).all()}


def _write(model: keras.Model, path: Path, content: bytes, signals: Array, labels: Array) -> dict[str, Any]:
    with whole_file(path) as beside:
        beside.write_bytes(content)
        return check_export(model, beside, signals, labels)


def check_path(path: str | Path, suffix: str) -> Path:
    """Return the path of a file to write, after a look at its suffix and folder."""
    path = path_with(path, suffix)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent.resolve()} to write {path.name} into.")
    return path


def checked_signals(model: keras.Model, signals: Array) -> np.ndarray:
    """Return raw records in mV that fit a model, simulated for None: float32 (record, time, lead)."""
    settings = settings_of(model)
    if signals is None:
        if settings.lead_names != LEADS:
            leads = ", ".join(settings.lead_names)
            found = f"got none: only the 12 leads can be simulated, not {leads}"
            raise ValueError(f"signals must be given, {found}.")
        size = (settings.n_times, settings.sampling_rate)
        subjects = [Subject(k, 40 + 5 * k, k % 2, heart_rate=60 + 5 * k) for k in range(N_SIMULATED)]
        signals = np.stack([simulate_record((), who, k, *size).signals for k, who in enumerate(subjects)])
    return check_signals(signals, settings.n_times, len(settings.lead_names), warn=False)


def spread(calibration: np.ndarray) -> np.ndarray:
    """Take at most `MAX_CALIBRATION` records, evenly."""
    chosen = np.linspace(0, len(calibration) - 1, min(len(calibration), MAX_CALIBRATION))
    return calibration[chosen.round().astype(int)]
