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
    about = "write a model for LiteRT, ONNX Runtime or microcontrollers (C), checked against Keras"
    example = (
        "python -m signalcam export normal-abnormal --format litert --precision int8 "
        "--calibration ~/data/ptb-xl --output model.tflite"
    )
    parser = add_command(commands, "export", export, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("--format", choices=FORMATS, default="litert", help="of the file (litert)")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="not for ONNX (float32)")
    parser.add_argument("--output", type=Path, required=True, help=".tflite, .onnx, or .h for C")
    calibration = (
        "PTB-XL's folder: int8 is calibrated on its folds 1 to 8, and every file checked on fold 10 "
        "(float files are checked on simulated records without it)"
    )
    parser.add_argument("--calibration", metavar="DATASET_PATH", help=calibration)


def export(arguments: argparse.Namespace) -> int:
    """Write the file and say how far it is from Keras."""
    if arguments.format == "onnx" and arguments.precision != "float32":
        raise ValueError(f"--precision must be float32 for ONNX, got {arguments.precision}.")
    if arguments.precision == "int8" and arguments.calibration is None:
        raise ValueError("--calibration must be the path of a dataset for int8, whose ranges it gives.")
    start_tensorflow()
    from signalcam.deployment import MAX_CALIBRATION, settings_of, to_c, to_litert, to_onnx

    model = open_model(arguments.model)
    signals = labels = calibration = None
    if arguments.calibration is not None:
        dataset, truth = _labelled(arguments.calibration, settings_of(model))
        signals, labels = _load(dataset, truth["test"], settings_of(model), MAX_CHECKED)
    if arguments.precision == "int8":
        calibration, _ = _load(dataset, truth["train"], settings_of(model), MAX_CALIBRATION)
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


def _labelled(path: str, settings: Any) -> tuple[Any, dict]:
    """Open a dataset; return it, and the labels of the model's classes for each split."""
    from signalcam.data import binary_labels, open_dataset, split_by_fold, superclasses, training_targets

    dataset = open_dataset(path)
    superclass = superclasses(dataset.table, dataset.statements)
    labels = binary_labels(superclass, settings.label_rule, quiet=True)
    truth = training_targets(dataset.table, dataset.statements, labels)
    names = list(settings.class_names)
    truth = truth[names if set(names) <= set(truth) else []]
    splits = split_by_fold(dataset.table.loc[labels.index])
    return dataset, {name: truth.loc[ids] for name, ids in splits.items()}


def _load(dataset: Any, truth: Any, settings: Any, limit: int) -> tuple[Any, Any]:
    """Load records of a split, evenly chosen; their labels are None for classes that PTB-XL has not."""
    import numpy as np

    from signalcam.data import load_signals
    from signalcam.leads import choose_leads

    chosen = truth.iloc[np.linspace(0, len(truth) - 1, min(len(truth), limit)).round().astype(int)]
    signals = load_signals(dataset, chosen.index, sampling_rate=settings.sampling_rate, cache=False)
    signals = choose_leads(signals, settings.lead_names)
    return signals, chosen.to_numpy() if chosen.shape[1] else None
