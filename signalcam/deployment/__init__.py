"""Models for use: raw mV in, probability and map out, as a `.keras` file or exported to LiteRT and ONNX.

Loaded when it is asked for, so that an exported model runs without TensorFlow.
"""

from signalcam import loaded_when_asked

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
__all__ = [name for names in _FACE.values() for name in names]
__getattr__ = loaded_when_asked(__name__, _FACE)
