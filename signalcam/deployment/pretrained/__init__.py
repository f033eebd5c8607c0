"""Trained models that come with the package; `MODEL_CARD.md` beside this file tells how they were made."""

from pathlib import Path

import keras

from signalcam.deployment.deployable import load_model

PRETRAINED = ("normal-abnormal", "superclasses", "leadwise", "leadwise-superclasses")
FOLDER = Path(__file__).resolve().parent


def load_pretrained(name: str = "normal-abnormal") -> keras.Model:
    """Load a trained, calibrated model that takes raw mV.

    Args:
        name: "normal-abnormal", one output, the probability that an ECG is abnormal; or "superclasses", one
            for each of NORM, MI, STTC, CD and HYP; "leadwise" and "leadwise-superclasses" the same, with
            a lead axis in their map (``lead_evidence``).

    Returns:
        Deployable `keras.Model` for signals in mV, float32 (record, 1000, 12) at 100 Hz.

    Raises:
        ValueError: for another name.
    """
    if name not in PRETRAINED:
        raise ValueError(f"name must be one of {', '.join(PRETRAINED)}, got {name!r}.")
    return load_model(FOLDER / f"{name}.keras")
