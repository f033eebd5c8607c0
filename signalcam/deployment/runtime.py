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
    """A model for LiteRT (`.tflite`); it answers record by record, which is as fast there as in batches.

    Args, Raises: as in `open_exported`.
    """

    def __init__(self, path: str | Path, num_threads: int = 1):
        path = _existing(path)
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
    """A model for ONNX Runtime (`.onnx`), on the CPU.

    Args, Raises: as in `open_exported`; batch_size: records at a time, so that memory stays small.
    """

    def __init__(self, path: str | Path, num_threads: int = 1, batch_size: int = 64):
        path = _existing(path)
        runtime = import_extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = num_threads
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            settings = json.loads(self._session.get_modelmeta().custom_metadata_map[SETTINGS_NAME])
        except (ValueError, RuntimeError, KeyError, *_errors_of(runtime)) as error:
            raise _not_whole(path, error) from error
        super().__init__(path, settings)
        self._batch_size = batch_size
        self._names = [output.name for output in self._session.get_outputs()]

    def _run(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        starts = range(0, len(signals), self._batch_size)
        parts = [
            self._session.run(self._names, {"signals": signals[start : start + self._batch_size]})
            for start in starts
        ]
        outputs = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(self._names, outputs, strict=True))


def open_exported(path: str | Path, num_threads: int = 1) -> LiteRTModel | OnnxModel:
    """Open an exported model by its suffix.

    Args:
        path: a `.tflite` or `.onnx` file of `signalcam.deployment.export`.
        num_threads: of the runtime.

    Returns:
        `LiteRTModel` or `OnnxModel`.

    Raises:
        FileNotFoundError, ImportError: where there is no such file, or no runtime.
        ValueError: for another suffix, or a file that is not whole, or not of this package.
    """
    classes = {".tflite": LiteRTModel, ".onnx": OnnxModel}
    suffix = Path(path).suffix
    if suffix not in classes:
        raise ValueError(f"path must end in {' or '.join(classes)}, got {Path(path).name!r}.")
    return classes[suffix](path, num_threads=num_threads)


def import_extra(name: str) -> ModuleType:
    """Import a module of the extra `export`, or raise ImportError that tells how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        raise ImportError(
            f'{package} is not installed: pip install "signalcam[export]", or {package} alone to run models.'
        ) from error


def _existing(path: str | Path) -> Path:
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"There is no exported model at {path.resolve()}.")
    return path


def _errors_of(runtime: ModuleType) -> tuple[type[Exception], ...]:
    found = vars(runtime.capi.onnxruntime_pybind11_state).values()
    return tuple(each for each in found if isinstance(each, type) and issubclass(each, Exception))


def _not_whole(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{path} ({path.stat().st_size} bytes) is not a whole model exported by signalcam: {error}. "
        "Copy or export it again."
    )


def _check(signals: np.ndarray, n_times: int, lead_names: list[str]) -> np.ndarray:
    signals = np.asarray(signals)
    if signals.dtype.kind != "f":
        raise ValueError(f"signals must be floating-point numbers in mV, got dtype {signals.dtype}.")
    signals = signals[np.newaxis] if signals.ndim == 2 else signals
    wanted = (n_times, len(lead_names))
    if signals.ndim != 3 or signals.shape[1:] != wanted or not len(signals):
        hint = " They look transposed." if signals.shape[1:] == wanted[::-1] else ""
        raise ValueError(
            f"signals must have the shape (record, {wanted[0]}, {wanted[1]}), with the leads "
            f"{', '.join(lead_names)}, got {signals.shape}.{hint}"
        )
    with np.errstate(over="ignore"):
        signals = np.ascontiguousarray(signals, np.float32)
    # A sum of squares is finite only where all samples are, and is there three times as soon.
    if not math.isfinite(np.vdot(signals, signals)):
        bad = ~np.isfinite(signals)
        if not bad.any():
            raise ValueError("The signals are too large to compute with in their precision. Give them in mV.")
        record, _, lead = np.argwhere(bad)[0]
        raise ValueError(
            f"Record {record}, lead {lead_names[lead]}: {bad[record, :, lead].sum()} of {n_times} samples "
            "are NaN or infinite. Leave the record out, or repair it first."
        )
    return signals
