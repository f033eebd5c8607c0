"""Answer for recordings with an exported model and its small runtime alone: no TensorFlow, no Keras.

    outputs = open_exported("model.tflite").predict(signals)  # (record, 1000, 12) in mV; or "model.onnx"

Checks and quality notes are those of the Keras models: `pip install "signalcam[lite]"` brings all it needs.
"""

import importlib
import importlib.util
import json
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np

from signalcam.deployment.prediction import predict
from signalcam.deployment.settings import as_settings

SETTINGS_NAME = "signalcam.json"  # of the settings within an exported file
CHECKSUM_NAME = "signalcam_checksum.json"  # within a .keras file
FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # so that the same model gives the same bytes


class _Exported:
    """What both formats share: path, settings and precision of the file, the answer after the checks."""

    def __init__(self, path: Path, content: str | bytes):
        values = json.loads(content)
        self.path, self.settings, self.precision = path, as_settings(values), values["precision"]
        self.checksum = values.get("checksum")

    def predict(self, signals: np.ndarray, padded: np.ndarray | None = None, **options: bool) -> dict:
        """Predict raw recordings. Args, Returns, Raises: as in `signalcam.deployment.predict`."""
        return predict(self, signals, padded, **options)


class LiteRTModel(_Exported):
    """A model for LiteRT (`.tflite`); it answers record by record, which is as fast there as in batches."""

    def __init__(self, path: Path):
        try:
            with zipfile.ZipFile(path) as archive:
                super().__init__(path, archive.read(SETTINGS_NAME))
            interpreter = import_extra("ai_edge_litert.interpreter")
            self._interpreter = interpreter.Interpreter(str(path), num_threads=1)
            self._interpreter.allocate_tensors()
            signature = self._interpreter.get_signature_runner()
        except (zipfile.BadZipFile, KeyError, ValueError, EOFError, RuntimeError) as error:
            raise _not_whole(path, error) from error
        self._input = signature.get_input_details()["signals"]["index"]
        self._outputs = {name: detail["index"] for name, detail in signature.get_output_details().items()}

    def answer(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        """Run checked signals, float32 (record, time, lead); `predict` does it."""
        answers = {name: [] for name in self._outputs}
        for record in signals:
            self._interpreter.set_tensor(self._input, record[np.newaxis])
            self._interpreter.invoke()
            for name, index in self._outputs.items():
                answers[name].append(self._interpreter.get_tensor(index))
        return {name: np.concatenate(parts) for name, parts in answers.items()}


class OnnxModel(_Exported):
    """A model for ONNX Runtime (`.onnx`), on the CPU; it answers 64 records at a time, for little memory."""

    def __init__(self, path: Path):
        runtime = import_extra("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            super().__init__(path, self._session.get_modelmeta().custom_metadata_map[SETTINGS_NAME])
        except Exception as error:  # noqa: BLE001 (its own errors have no other base)
            raise _not_whole(path, error) from error
        self._names = [output.name for output in self._session.get_outputs()]

    def answer(self, signals: np.ndarray) -> dict[str, np.ndarray]:
        """As in `LiteRTModel`."""
        batches = (signals[start : start + 64] for start in range(0, len(signals), 64))
        parts = (self._session.run(self._names, {"signals": batch}) for batch in batches)
        outputs = map(np.concatenate, zip(*parts, strict=True))
        return dict(zip(self._names, outputs, strict=True))


def open_exported(path: str | Path) -> LiteRTModel | OnnxModel:
    """Open an exported model, a `.tflite` or `.onnx` file, to run in one thread.

    Raises:
        FileNotFoundError, ImportError: where there is no such file, or no runtime.
        ValueError: for another suffix, or a file that is not whole, or not of this package.
    """
    path, classes = Path(path).expanduser(), {".tflite": LiteRTModel, ".onnx": OnnxModel}
    if path.suffix not in classes:
        raise ValueError(f"path must end in {' or '.join(classes)}, got {path.name!r}.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no exported model at {path.resolve()}.")
    return classes[path.suffix](path)


def exported_beside(path: str | Path) -> LiteRTModel | None:
    """Open the `.tflite` file beside a `.keras` file, which gives the same numbers sooner.

    None where there is none, LiteRT is not installed, or it could answer otherwise: of a model with other
    weights or settings, or not in float32.
    """
    path = Path(path).expanduser()
    file = path.with_suffix(".tflite")
    if not (importlib.util.find_spec("ai_edge_litert") and zipfile.is_zipfile(path) and file.is_file()):
        return None
    with zipfile.ZipFile(path) as archive:
        there = CHECKSUM_NAME in archive.namelist()
        checksum = json.loads(archive.read(CHECKSUM_NAME)) if there else None
    model = open_exported(file)
    same = checksum is not None and model.checksum == checksum
    return model if same and model.precision == "float32" else None


def import_extra(name: str) -> ModuleType:
    """Import a module of the extra `export` or `micro`, or raise ImportError that tells how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0].replace("_", "-")
        extra = "micro" if package == "tflite-micro" else "export"
        advice = f'pip install "signalcam[{extra}]", or {package} alone to run models'
        raise ImportError(f"{package} is not installed: {advice}.") from error


def _not_whole(path: Path, error: Exception) -> ValueError:
    what = f"{path} ({path.stat().st_size} bytes) is not a whole model exported by signalcam: {error}."
    return ValueError(f"{what} Copy or export it again.")
