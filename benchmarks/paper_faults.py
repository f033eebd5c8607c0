"""What the known faults of the paper's reference code change, on fold 10 of PTB-XL.

    python benchmarks/paper_faults.py --runs runs/paper --data data/ptb-xl-full
    python benchmarks/paper_faults.py --runs runs/paper --data data/ptb-xl-full --schedule-on-accuracy

The first evaluates the trained models of the recipe `paper` twice: as they should be, and in training mode,
where BatchNorm takes the statistics of each batch of 128 in place of the running ones. The second trains
the recipe once more with a schedule that takes a rising accuracy for a failure, and so halves the learning
rate every few epochs. (The two other faults, the names aVR and aVL exchanged in figures and convolutions
that are not counted, change no score.)
"""

import argparse
import os
import sys
from pathlib import Path
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.deployment import network_of, scaled  # noqa: E402
from signalcam.evaluation import bootstrap  # noqa: E402
from signalcam.reproduction import markdown_table, reproduce  # noqa: E402

METRICS = ("auc", "accuracy")
BATCH = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs/paper"))
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument(
        "--schedule-on-accuracy", action="store_true", help="train once more, with this fault"
    )
    arguments = parser.parse_args()
    records = sc.load_ptbxl(arguments.data)
    print(records.source)
    if arguments.schedule_on_accuracy:
        folder = arguments.runs.with_name(f"{arguments.runs.name}_schedule_on_accuracy")
        with mock.patch("keras.callbacks.ReduceLROnPlateau", PlateauOnAccuracy):
            (run,) = reproduce(records, folder, "paper")
        print(run.results.scores.loc[list(METRICS)].round(4).to_string())
        return
    files = sorted(arguments.runs.glob("model*.keras"))
    signals = np.asarray(records.signals[records.indices("test")])
    modes = {"running statistics": [], "training mode": []}
    for file in files:
        model = sc.load_model(file)
        x, network = scaled(model, signals), network_of(model)
        for (_, found), training in zip(modes.items(), (False, True), strict=True):
            batches = [x[start : start + BATCH] for start in range(0, len(x), BATCH)]
            answers = [network(batch, training=training)["probability"] for batch in batches]
            found.append(np.concatenate(answers)[:, 0])
    y = records.labels.to_numpy()[records.indices("test")]
    groups = records.table["patient_id"].to_numpy()[records.indices("test")]
    lines = []
    for mode, found in modes.items():
        scores = bootstrap(y, np.array(found), METRICS, groups=groups)
        lines.append({"BatchNorm": mode, "models": len(files)} | scores)
    print(markdown_table(pd.DataFrame(lines)))


class PlateauOnAccuracy(keras.callbacks.ReduceLROnPlateau):
    """The schedule of the reference code: it watches the accuracy and waits for it to fall."""

    def __init__(self, monitor, **options):
        super().__init__("val_accuracy", mode="min", **options)


if __name__ == "__main__":
    main()
