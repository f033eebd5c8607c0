"""Models for use: raw mV in, probability and map out, as a `.keras` file or exported to LiteRT and ONNX.

Loaded when it is asked for, so that an exported model runs without TensorFlow.
"""

import importlib
from typing import Any

_FACE = {
    "settings": ("Settings", "settings_of", "class_index"),
    "prediction": ("predict",),
    "deployable": ("build_deployable", "network_of", "scaled", "with_embedding", "save_model", "load_model"),
    "from_training": ("deploy", "start_from"),
    "pretrained": ("PRETRAINED", "load_pretrained"),
    "export": ("MAX_CALIBRATION", "ExportError", "to_litert", "to_onnx", "check_export"),
    "micro": ("MicroModel", "micro_model", "to_c"),
    "cluster": ("run_jobs",),
    "runtime": ("open_exported", "exported_beside"),
    "browser": ("browser_model", "browser_record"),
}
_MODULE_OF = {name: module for module, names in _FACE.items() for name in names}
__all__ = list(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
