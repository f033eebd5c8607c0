"""What sharpens a map without changing what is predicted? Variants of the network and of its training.

    python benchmarks/sharper_maps.py --data data/ptb-xl --simulated data/simulated

Each variant is trained by the recipe `single` on the simulated set (folds 1 to 8), and its exact CAM is
measured against the lesions of fold 10 and against lesions that last for seconds; then on the real sample,
for some test folds as in cross_validation.py, since what localises better must not predict worse. Trained
variants are kept in `benchmarks/results/sharper_maps`, so that an interrupted run is resumed.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from cross_validation import N_FOLDS, Records, validation_fold_of  # noqa: E402
from explanation import with_interval  # noqa: E402
from keras import layers  # noqa: E402
from partial_lesions import partial_records  # noqa: E402

from signalcam.data.load import open_study  # noqa: E402
from signalcam.data.ptbxl import open_dataset, split_by_fold  # noqa: E402
from signalcam.deployment.deployable import load_model, predict, save_model  # noqa: E402
from signalcam.evaluation import score  # noqa: E402
from signalcam.evaluation.complexity import totals  # noqa: E402
from signalcam.explanation.assessment.localisation import localise  # noqa: E402
from signalcam.explanation.assessment.records import records_of  # noqa: E402
from signalcam.explanation.assessment.tables import mean_estimate  # noqa: E402
from signalcam.model import build_model, classify  # noqa: E402
from signalcam.simulation import write_dataset  # noqa: E402
from signalcam.training import train_recipe as recipe_training  # noqa: E402
from signalcam.training.networks import ARCHITECTURES, build_sharp  # noqa: E402
from signalcam.training.recipes import RECIPES  # noqa: E402

HERE = Path(__file__).resolve().parent
RULE = "labelled"


def fine_cells(n_times=1000, n_leads=12, n_classes=1):
    """No third pooling, and a last kernel of 3: cells of 40 ms that see 0.58 s."""
    signals = x = keras.Input((n_times, n_leads), name="signals")
    for block, (filters, kernel) in enumerate(((16, 11), (16, 7), (32, 7), (64, 3)), 1):
        x = convolution(x, block, filters, kernel)
        if block < 3:
            x = layers.MaxPooling1D(2, name=f"pool_{block}")(x)
    return classify(signals, x, n_classes)


def two_scales(n_times=1000, n_leads=12, n_classes=1):
    """The head also reads the third block, before its pooling, at 40 ms."""
    signals = x = keras.Input((n_times, n_leads), name="signals")
    for block, (filters, kernel) in enumerate(((16, 11), (16, 7), (32, 7), (64, 7)), 1):
        x = convolution(x, block, filters, kernel)
        if block == 3:
            fine = x
        if block < 4:
            x = layers.MaxPooling1D(2, name=f"pool_{block}")(x)
    x = layers.UpSampling1D(2, name="repeat")(x)
    return classify(signals, layers.Concatenate(name="scales")([fine, x]), n_classes)


def convolution(x, block, filters, kernel):
    x = layers.Conv1D(filters, kernel, padding="same", name=f"conv_{block}")(x)
    x = layers.BatchNormalization(name=f"norm_{block}")(x)
    return layers.LeakyReLU(negative_slope=0.1, name=f"activation_{block}")(x)


class Penalty(layers.Layer):
    """Adds the mean magnitude of the evidence to the loss, and passes the evidence on."""

    def __init__(self, weight):
        super().__init__()
        self.weight = weight

    def call(self, evidence):
        self.add_loss(self.weight * keras.ops.mean(keras.ops.abs(evidence)))
        return evidence


def for_training(weight):
    """What a recipe trains: the same network for signals of any length, with a penalty on evidence."""

    def any_length(model):
        signals = keras.Input((None, model.input_shape[-1]), name="signals")
        copy = keras.models.clone_model(model, input_tensors=signals)
        if not weight:
            return copy
        features = copy.get_layer("average").input
        evidence = Penalty(weight)(copy.get_layer("classifier")(features))
        logit = layers.GlobalAveragePooling1D()(evidence)
        return keras.Model(signals, copy.get_layer("probability")(logit))

    return any_length


# name: (architecture, weight of the penalty)
VARIANTS = {
    "paper's network": (build_model, 0),
    "last kernel 3, 128 filters": (build_sharp, 0),
    "cells of 40 ms": (fine_cells, 0),
    "head over two scales": (two_scales, 0),
    "penalty 0.03": (build_model, 0.03),
    "penalty 0.1": (build_model, 0.1),
}


def main(argv=None):
    arguments = parse(argv)
    write_dataset(arguments.simulated, n_records=1200, seed=0)
    study = open_study(open_dataset(arguments.simulated), rule=RULE)
    real = Records(arguments.data, RULE)
    rows = {}
    for name in arguments.variant or VARIANTS:
        folder = arguments.results / "".join(c if c.isalnum() or c == "." else "_" for c in name)
        rows[name] = on_simulated(name, study, folder, arguments.partial)
        if arguments.folds:
            rows[name] |= on_real(name, real, folder, arguments.folds)
        print(f"{name}: {rows[name]}", flush=True)
    print(f"\n{pd.DataFrame(rows).T.to_string()}")


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/ptb-xl", help="folder of the real sample")
    parser.add_argument("--simulated", default="data/simulated", help="made if it is not there")
    parser.add_argument("--variant", action="append", choices=VARIANTS)
    parser.add_argument(
        "--folds", type=int, nargs="*", default=[1, 3, 5, 7, 9], help="real test folds; none leaves them out"
    )
    parser.add_argument("--partial", type=int, default=200, help="records with partial lesions")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "sharper_maps")
    return parser.parse_args(argv)


def trained(name, path, *data):
    """Read the variant's model, or train it and write it there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        build, weight = VARIANTS[name]
        ARCHITECTURES["variant"] = build
        recipe_training.any_length = for_training(weight)
        single = RECIPES["single"]
        view = dict(single.view) | {"n_times": 496}  # so that all poolings come out even
        recipe = replace(single, architecture="variant", view=tuple(view.items()))
        model, _ = recipe_training.train_recipe(recipe, *data, label_rule=RULE, verbose=False)
        save_model(model, path)
        keras.backend.clear_session()
    return load_model(path)


def on_simulated(name, study, folder, n_partial):
    """AUC on fold 10, and what the CAM of abnormal records has of the lesions' places above chance."""
    model = trained(
        name, folder / "simulated.keras", study.signals, study.superclass, study.labels, study.splits
    )
    found = {"MACs, million": f"{totals(VARIANTS[name][0](n_times=1000))['macs'] / 1e6:.2f}"}
    test = records_of(model, study)
    labels = study.labels.loc[test.ecg_ids].to_numpy()
    p = predict(model, test.signals_mv)["probability"][:, 0]
    found["AUC, simulated"] = f"{score(labels, p, 'auc'):.3f}"
    for group, records in (("all", test), ("partial", partial_records(model, n_partial, progress=False))):
        relevance = predict(model, records.signals_mv)["heatmap"][..., 0]
        table = localise(relevance, records.lesions)
        for measure, chance in (("pointing", "chance"), ("average_precision", "chance_average_precision")):
            mean = mean_estimate((table[measure] - table[chance]).dropna().to_numpy())
            found[f"{measure.replace('_', ' ')}, {group}"] = with_interval(
                mean.value, mean.low, mean.high, "+"
            )
    return found


def on_real(name, real, folder, folds):
    """AUC on the validation and the test folds, pooled."""
    parts = {"validation": [], "test": []}
    for fold in folds:
        splits = split_by_fold(real.table, test_fold=fold, validation_fold=validation_fold_of(fold))
        model = trained(
            name, folder / f"real_{fold}.keras", real.signals, real.superclass, real.labels, splits
        )
        for split, pooled in parts.items():
            indices = real.labels.index.get_indexer(splits[split])
            p = predict(model, np.asarray(real.signals[indices]))["probability"][:, 0]
            pooled.append((real.labels.to_numpy()[indices], p))
    return {
        f"AUC, real {split} ({len(folds)} of {N_FOLDS} folds)": (
            f"{score(*(np.concatenate(part) for part in zip(*pooled, strict=True)), 'auc'):.4f}"
        )
        for split, pooled in parts.items()
    }


if __name__ == "__main__":
    main()
