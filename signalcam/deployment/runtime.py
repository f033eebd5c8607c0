"""Answer for recordings with an exported model and its small runtime alone: no TensorFlow, no Keras.

    model = open_exported("model.tflite")               # or "model.onnx"
    outputs = model.predict(signals)                    # (record, 1000, 12), mV
    outputs["probability"], outputs["heatmap"]          # (record, class), (record, 1000, class)
    model.settings["class_names"], model.settings["threshold"]

This file imports NumPy and, when a model is opened, `ai_edge_litert` or `onnxruntime`. It uses nothing else
of the package, so that it can be copied by itself to a device that has no room for TensorFlow.
"""

import importlib
import json
import math
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np

SETTINGS_NAME = "signalcam.json"  # of the settings within an exported file


class _Exported:
    """What both formats share: the settings, the checks before an answer, and the answer."""

    def __init__(self, path: Path, settings: dict):
        self.path = path
        self.settings = settings

    def predict(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        """Predict raw recordings.

        Args:
            signals: in mV, real numbers (record, time, lead), or one record (time, lead), with the leads in
                the order of `settings["lead_names"]`, at `settings["sampling_rate"]` Hz.

        Returns:
            dict of float32 arrays: ``probability`` and ``logit`` (record, class), ``evidence`` (record,
            position, class), ``heatmap`` (record, time, class).

        Raises:
            ValueError: for another shape or type, or samples that are not finite or far too large.
        """
        return self._run(_check(signals, self.settings["n_times"], self.settings["lead_names"]))


class LiteRTModel(_Exported):
    """A model for LiteRT (`.tflite`); it answers record by record, which is as fast there as in batches."""

    def __init__(self, path: Path, num_threads: int):
        try:
            with zipfile.ZipFile(path) as archive:
                settings = json.loads(archive.read(SETTINGS_NAME))
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
            raise _not_whole(path, error) from error
        interpreter = import_extra("ai_edge_litert.interpreter")
        super().__init__(path, settings)
        try:
            self._interpreter = interpreter.Interpreter(str(path), num_threads=num_threads)
            self._interpreter.allocate_tensors()
            signature = self._interpreter.get_signature_runner()
        except (ValueError, RuntimeError) as error:
            raise _not_whole(path, error) from error
        self._input = signature.get_input_details()["signals"]["index"]
        self._outputs = {name: detail["index"] for name, detail in signature.get_output_details().items()}

    def _run(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        answers = {name: [] for name in self._outputs}
        for record in signals:
            self._interpreter.set_tensor(self._input, record[np.newaxis])
            self._interpreter.invoke()
            for name, index in self._outputs.items():
                answers[name].append(self._interpreter.get_tensor(index))
        return {name: part[0] if len(part) == 1 else np.concatenate(part) for name, part in answers.items()}


class OnnxModel(_Exported):
    """A model for ONNX Runtime (`.onnx`), on the CPU; it answers 64 records at a time, for little memory."""

    def __init__(self, path: Path, num_threads: int):
        runtime = import_extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = num_threads
        # Its own errors have no base but Exception.
        found = vars(runtime.capi.onnxruntime_pybind11_state).values()
        errors = [each for each in found if isinstance(each, type) and issubclass(each, Exception)]
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            settings = json.loads(self._session.get_modelmeta().custom_metadata_map[SETTINGS_NAME])
        except (ValueError, RuntimeError, KeyError, *errors) as error:
            raise _not_whole(path, error) from error
        super().__init__(path, settings)
        self._names = [output.name for output in self._session.get_outputs()]

    def _run(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        batches = (signals[start : start + 64] for start in range(0, len(signals), 64))
        parts = [self._session.run(self._names, {"signals": batch}) for batch in batches]
        outputs = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(self._names, outputs, strict=True))


def open_exported(path: str | Path, num_threads: int = 1) -> LiteRTModel | OnnxModel:
    """Open an exported model by its suffix.

    Args:
        path: a `.tflite` or `.onnx` file of `signalcam.deployment.export`.
        num_threads: of the runtime.

    Raises:
        FileNotFoundError, ImportError: where there is no such file, or no runtime.
        ValueError: for another suffix, or a file that is not whole, or not of this package.
    """
    path, classes = Path(path).expanduser(), {".tflite": LiteRTModel, ".onnx": OnnxModel}
    if path.suffix not in classes:
        raise ValueError(f"path must end in {' or '.join(classes)}, got {path.name!r}.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no exported model at {path.resolve()}.")
    return classes[path.suffix](path, num_threads)


def import_extra(name: str) -> ModuleType:
    """Import a module of the extra `export`, or raise ImportError that tells how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        advice = f'pip install "signalcam[export]", or {package} alone to run models'
        raise ImportError(f"{package} is not installed: {advice}.") from error


def _not_whole(path: Path, error: Exception) -> ValueError:
    what = f"{path} ({path.stat().st_size} bytes) is not a whole model exported by signalcam: {error}."
    return ValueError(f"{what} Copy or export it again.")


def _check(signals: np.ndarray, n_times: int, lead_names: list[str]) -> np.ndarray:
    signals = np.asarray(signals)
    if signals.dtype.kind != "f":
        raise ValueError(f"signals must be floating-point numbers in mV, got dtype {signals.dtype}.")
    signals = signals[np.newaxis] if signals.ndim == 2 else signals
    wanted, leads = (n_times, len(lead_names)), ", ".join(lead_names)
    if signals.ndim != 3 or signals.shape[1:] != wanted or not len(signals):
        hint = " They look transposed." if signals.shape[1:] == wanted[::-1] else ""
        shape = f"(record, {n_times}, {wanted[1]}), with the leads {leads}"
        raise ValueError(f"signals must have the shape {shape}, got {signals.shape}.{hint}")
    with np.errstate(over="ignore"):
        signals = np.ascontiguousarray(signals, np.float32)
    # A sum of squares is finite only where all samples are, and is there three times as soon.
    if not math.isfinite(np.vdot(signals, signals)):
        bad = ~np.isfinite(signals)
        if not bad.any():
            raise ValueError("The signals are too large to compute with in their precision. Give them in mV.")
        record, _, lead = np.argwhere(bad)[0]
        n_bad = bad[record, :, lead].sum()
        what = f"Record {record}, lead {lead_names[lead]}: {n_bad} of {n_times} samples are NaN or infinite"
        raise ValueError(f"{what}. Leave the record out, or repair it first.")
    return signals
