"""Trained models that come with the package; `MODEL_CARD.md` beside this file tells how they were made."""

from pathlib import Path
from typing import Any

PRETRAINED = ("normal-abnormal", "superclasses", "leadwise", "leadwise-superclasses")
ENGINES = ("keras", "litert")
FOLDER = Path(__file__).resolve().parent


def load_pretrained(name: str = "normal-abnormal", engine: str = "keras") -> Any:
    """Load a trained, calibrated model for `predict`, of raw mV at 100 Hz, float32 (record, 1000, 12).

    Args:
        name: "normal-abnormal", one output, the probability that an ECG is abnormal; or "superclasses", one
            for each of NORM, MI, STTC, CD and HYP; "leadwise" and "leadwise-superclasses" the same, with
            a lead axis in their map (``lead_evidence``).
        engine: "keras"; or "litert", which needs no TensorFlow and answers single records sooner.

    Raises:
        ValueError: for another name or engine.
    """
    if name not in PRETRAINED:
        raise ValueError(f"name must be one of {', '.join(PRETRAINED)}, got {name!r}.")
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}.")
    if engine == "litert":
        from signalcam.deployment.runtime import open_exported

        return open_exported(FOLDER / f"{name}.tflite")
    try:
        from signalcam.deployment.deployable import load_model
    except ModuleNotFoundError as error:
        raise ImportError(f'{error}: take engine="litert", or pip install "signalcam[train]".') from error
    return load_model(FOLDER / f"{name}.keras")
