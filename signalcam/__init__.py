"""Single-pass explainable ECG classification.

A 1D convolutional network reads a 12-lead ECG and returns, in one forward pass, the probability that it is
abnormal and a class activation map: where in time the evidence lies. Method: R. Augustauskas et al.,
"Lightweight Data-driven ECG Classification Approach with Explainable CAM Output", EMBC 2025.

What most people need stands here and is loaded when asked for. Research software, not a medical device.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__version__ = "0.5.0"

# Folder or file, and what it offers here.
_FACE = {
    "leads": ("LEADS",),
    "data": ("SUPERCLASSES", "LABEL_RULES", "load_ptbxl", "superclasses", "binary_labels"),
    "recordings": ("read_recording", "from_array"),
    "simulation": ("write_dataset",),
    "preprocessing": ("detrend", "Scaler"),
    "augmentation": ("paper_augmentation",),
    "model": ("build_model", "add_cam"),
    "training": ("train", "train_recipe"),
    "evaluation": ("evaluate", "paired_difference"),
    "deployment": ("Settings", "build_deployable", "save_model", "load_model", "load_pretrained", "predict"),
    "explanation": ("explain",),
    "reproduction": ("reproduce",),
}
__all__ = ["__version__", *(name for names in _FACE.values() for name in names)]


def loaded_when_asked(package: str, face: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package: names are given by the module that has them."""
    module_of = {name: module for module, names in face.items() for name in names}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return load


_load = loaded_when_asked(__name__, _FACE)


def __getattr__(name: str) -> Any:
    try:
        value = _load(name)
    except ModuleNotFoundError as error:
        advice = f'{error.name} is not installed: pip install "signalcam[train]"'
        raise ImportError(f"signalcam.{name} needs more than the small install: {advice}.") from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
