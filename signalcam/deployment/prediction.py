"""Predict raw recordings with Keras, LiteRT or ONNX Runtime: the same checks, the same numbers."""

import math
from typing import Any

import numpy as np

from signalcam.deployment.settings import settings_of
from signalcam.errors import RecordError
from signalcam.recordings import check_outputs, check_signals

_MAPS = ("evidence", "lead_evidence", "heatmap")  # outputs with a time axis, after that of the record


def predict(
    model: Any,
    signals: np.ndarray,
    padded: np.ndarray | None = None,
    *,
    warn: bool = True,
    any_amplitude: bool = False,
) -> dict[str, np.ndarray]:
    """Predict raw recordings, after `check_signals`.

    Args:
        model: deployable Keras model, or a file opened by `open_exported`.
        signals: in mV, (record, time, lead), or one record (time, lead).
        padded: boolean (record, time), True where a record was padded; the maps are NaN there.
        warn, any_amplitude: as in `check_signals`.

    Returns:
        dict of float32 arrays: ``probability``, ``logit`` (record, class), ``evidence`` (record, position,
        class), ``heatmap`` (record, time, class), ``lead_evidence`` where the model has a lead axis (see
        `add_cam`); LiteRT gives ``embedding`` (record, filter), too.

    Raises, Warns: as in `check_signals`; RecordError where an answer is not finite.
    """
    settings = settings_of(model)
    options = {"warn": warn, "sampling_rate": settings.sampling_rate, "any_amplitude": any_amplitude}
    signals = check_signals(signals, settings.n_times, len(settings.lead_names), **options)
    # Where squares overflow, max-pooling could turn NaN into an answer that looks like any other.
    if not math.isfinite(np.vdot(signals, signals)):
        raise RecordError("signals must be in mV, got values too large to compute with. Convert them first.")
    if hasattr(model, "answer"):
        outputs = model.answer(signals)
    else:
        outputs = model.predict(signals, batch_size=128, verbose=0)
    outputs = check_outputs({name: np.asarray(value, np.float32) for name, value in outputs.items()})
    return outputs if padded is None else outputs | _blanked(outputs, np.asarray(padded, bool))


def _blanked(outputs: dict[str, np.ndarray], padded: np.ndarray) -> dict[str, np.ndarray]:
    """Blank the maps where a record was padded, and scale the heatmap over what is left."""
    n_records, n_positions = outputs["evidence"].shape[:2]
    padded = padded.reshape(n_records, -1)
    whole = padded.shape[1] // n_positions * n_positions
    by_position = padded[:, :whole].reshape(n_records, n_positions, -1).all(axis=2)
    maps = {name: outputs[name].copy() for name in _MAPS if name in outputs}
    for name, values in maps.items():
        values[padded if name == "heatmap" else by_position] = np.nan
    heatmap = maps["heatmap"]
    lowest = np.nanmin(heatmap, axis=1, keepdims=True)
    spread = np.nanmax(heatmap, axis=1, keepdims=True) - lowest
    maps["heatmap"] = (heatmap - lowest) / np.where(spread > 0, spread, 1)
    return maps
