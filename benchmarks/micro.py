"""What the shipped models cost on a microcontroller, and what quantisation costs them.

    python benchmarks/micro.py --data data/ptb-xl-full

Weights in 8 bits and activations in 16; calibrated on 200 records of folds 1 to 8, scored on all of fold 10.
The arena is what TensorFlow Lite for Microcontrollers allocates; the signals themselves, 48 kB, come on top.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from tqdm.auto import tqdm  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.deployment import PRETRAINED, micro_model, network_of, scaled  # noqa: E402
from signalcam.evaluation import score  # noqa: E402
from signalcam.evaluation.complexity import count_macs  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--limit", type=int, help="score so many records alone")
    arguments = parser.parse_args()
    records = sc.load_ptbxl(arguments.data)
    print(records.source)
    train, test = records.indices("train"), records.indices("test")[: arguments.limit]
    calibration = records.signals[train[np.linspace(0, len(train) - 1, 200).round().astype(int)]]
    rows = []
    for name in PRETRAINED:
        model = sc.load_pretrained(name)
        network, signals = network_of(model), records.signals[test]
        expected = model.predict(signals, batch_size=128, verbose=0)
        truth = records.targets.iloc[test][list(sc.deployment.settings_of(model).class_names)].to_numpy()
        prepared = scaled(model, signals)
        macs = count_macs(records_network(model)).sum()
        for precision, given in (("float32", None), ("int8", scaled(model, calibration))):
            micro = micro_model(network, given)
            parts = np.array_split(prepared, max(1, len(prepared) // 50))
            found = [micro.answer(part) for part in tqdm(parts, desc=f"{name}, {precision}")]
            found = {key: np.concatenate([part[key] for part in found]) for key in found[0]}
            off = np.abs(found["evidence"] - expected["evidence"])
            rows.append(
                {
                    "model": f"`{name}`",
                    "precision": precision,
                    "bytes of weights and graph": f"{len(micro.content):,}",
                    "arena, kB": round(micro.arena() / 1000, 1),
                    "MACs": f"{macs:,}",
                    "AUC on fold 10": mean_auc(truth, found["probability"]),
                    "AUC, Keras": mean_auc(truth, expected["probability"]),
                    "evidence off, mean": f"{off.mean():.2g}",
                    "evidence, mean size": f"{np.abs(expected['evidence']).mean():.2f}",
                    "operators": ", ".join(micro.operators),
                }
            )
    print(markdown_table(pd.DataFrame(rows)))


def records_network(model):
    """The network with its map and without the heatmap, as it is on the device."""
    import keras

    network = network_of(model)
    return keras.Model(network.inputs, {"evidence": network.output["evidence"]})


def mean_auc(truth, p):
    return f"{np.mean([score(truth[:, k], p[:, k], 'auc') for k in range(p.shape[1])]):.4f}"


if __name__ == "__main__":
    main()
