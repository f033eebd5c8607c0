"""Single-pass explainable ECG classification.

A 1D convolutional network reads a 12-lead ECG and returns, in one forward pass, the probability that it is
abnormal and a class activation map: where in time the evidence lies. Method: R. Augustauskas et al.,
"Lightweight Data-driven ECG Classification Approach with Explainable CAM Output", EMBC 2025.

What most people need stands here and is loaded when asked for. Research software, not a medical device.
"""

import importlib
from typing import Any

__version__ = "0.4.0"

# Name: the folder or file whose face offers it.
_FACE = {
    "LEADS": "leads",
    "SUPERCLASSES": "data",
    "LABEL_RULES": "data",
    "load_ptbxl": "data",
    "superclasses": "data",
    "binary_labels": "data",
    "read_recording": "recordings",
    "from_array": "recordings",
    "write_dataset": "simulation",
    "detrend": "preprocessing",
    "Scaler": "preprocessing",
    "paper_augmentation": "augmentation",
    "build_model": "model",
    "add_cam": "model",
    "train": "training",
    "train_recipe": "training",
    "evaluate": "evaluation",
    "paired_difference": "evaluation",
    "Settings": "deployment",
    "build_deployable": "deployment",
    "save_model": "deployment",
    "load_model": "deployment",
    "load_pretrained": "deployment",
    "predict": "deployment",
    "explain": "explanation",
    "reproduce": "reproduction",
}
__all__ = ["__version__", *_FACE]


def __getattr__(name: str) -> Any:
    if name not in _FACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(importlib.import_module(f"signalcam.{_FACE[name]}"), name)
    except ModuleNotFoundError as error:
        advice = f'{error.name} is not installed: pip install "signalcam[train]"'
        raise ImportError(f"signalcam.{name} needs more than the small install: {advice}.") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
