"""`export`: write a trained model for LiteRT, ONNX Runtime or microcontrollers, checked against Keras."""

import argparse
from pathlib import Path
from typing import Any

from signalcam.commands import add_command, held_back, open_model, start_tensorflow

FORMATS = ("litert", "onnx", "c")
PRECISIONS = ("float32", "float16", "int8")
MAX_CHECKED = 500  # records to check on; of a larger fold that many are taken evenly


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    example = "normal-abnormal --precision int8 --calibration ~/data/ptb-xl --output model.tflite"
    parser = add_command(commands, "export", export, example, model=True)
    parser.add_argument("--format", choices=FORMATS, default="litert", help="of the file (litert)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="not for ONNX (float32)")
    parser.add_argument("--output", type=Path, required=True, help=".tflite, .onnx, or .h for C")
    calibration = "PTB-XL's folder; int8 needs it: folds 1 to 8 calibrate, fold 10 checks (or simulated ECGs)"
    parser.add_argument("--calibration", metavar="DATASET_PATH", help=calibration)


def export(arguments: argparse.Namespace) -> int:
    """Write a model for LiteRT, ONNX Runtime or microcontrollers (C), checked against Keras."""
    if arguments.format == "onnx" and arguments.precision != "float32":
        raise ValueError(f"--precision must be float32 for ONNX, got {arguments.precision}.")
    if arguments.precision == "int8" and arguments.calibration is None:
        raise ValueError("--calibration must be the path of a dataset for int8, whose ranges it gives.")
    start_tensorflow()
    from signalcam.data import load_ptbxl
    from signalcam.deployment import MAX_CALIBRATION, settings_of, to_c, to_litert, to_onnx

    model = open_model(arguments.model)
    settings = settings_of(model)
    signals = labels = calibration = None
    if arguments.calibration is not None:
        records = load_ptbxl(arguments.calibration, settings.label_rule, settings.sampling_rate)
        signals, labels = _load(records, "test", settings, MAX_CHECKED)
    if arguments.precision == "int8":
        calibration, _ = _load(records, "train", settings, MAX_CALIBRATION)
    with held_back():  # the converters' own lines
        if arguments.format == "onnx":
            facts = to_onnx(model, arguments.output, signals, labels)
        elif arguments.format == "c":
            facts = to_c(model, arguments.output, arguments.precision, calibration, signals)
        else:
            facts = to_litert(model, arguments.output, arguments.precision, calibration, signals, labels)
    for name, (keras, file) in facts.pop("auc", {}).items():
        facts[f"AUC of {name}"] = f"{file:.4f} (Keras {keras:.4f})"
    title = f"{arguments.output} (probability, heatmap, evidence: how far from Keras)"
    print(title, *(f"{name}: {value}" for name, value in facts.items()), sep="\n  ")
    if arguments.format != "c":
        opened = f"signalcam.deployment.open_exported({str(arguments.output)!r})"
        print(f"Without TensorFlow: {opened}.predict(signals)")
    return 0


def _load(records: Any, split: str, settings: Any, limit: int) -> tuple[Any, Any]:
    """Load records of a split, evenly chosen; their labels are None for classes that PTB-XL has not."""
    import numpy as np

    from signalcam.data import load_signals
    from signalcam.leads import choose_leads

    ids, names = records.splits[split], list(settings.class_names)
    ids = ids[np.linspace(0, len(ids) - 1, min(len(ids), limit)).round().astype(int)]
    signals = load_signals(records.dataset, ids, sampling_rate=settings.sampling_rate, cache=False)
    labels = records.targets.loc[ids, names].to_numpy() if set(names) <= set(records.targets) else None
    return choose_leads(signals, settings.lead_names), labels
