"""Train, calibrate and save the models that the package ships, and write the tables of their card.

    python benchmarks/pretrained_models.py --data data/ptb-xl --more FOLDER

1. Train on folds 1 to 8; fit temperatures and choose thresholds on fold 9, which that training has not seen.
2. Train anew on folds 1 to 9, by the same recipe and for the same number of epochs; take the temperatures and
   thresholds of step 1.
3. Test on fold 10 of the real sample, which neither has seen.

One training serves both models: the recipe learns abnormal and the five superclasses at once.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from signalcam.deployment.deploy import deploy  # noqa: E402
from signalcam.training.further import open_further_records  # noqa: E402

from signalcam.data.labels import SUPERCLASSES, binary_labels, superclasses  # noqa: E402
from signalcam.data.ptbxl import open_dataset  # noqa: E402
from signalcam.data.signals import load_signals  # noqa: E402
from signalcam.deployment.deployable import predict, save_model  # noqa: E402
from signalcam.deployment.pretrained import FOLDER  # noqa: E402
from signalcam.evaluation import choose_threshold, fit_temperature  # noqa: E402
from signalcam.preprocessing import Scaler  # noqa: E402
from signalcam.training.recipes import find_recipe  # noqa: E402
from signalcam.training.train_recipe import train_recipe  # noqa: E402

HERE = Path(__file__).resolve().parent
AIMS = {"normal-abnormal": "youden", "superclasses": "f1"}
RULE = "labelled"
EPOCHS = 30  # with the further records; without them the recipe's 60


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--more", help="folder of further training records")
    parser.add_argument("--recipe", default="best")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="with the further records; 60 without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, default=HERE / "results" / "pretrained")
    parser.add_argument("--output", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    dataset = open_dataset(arguments.data)
    print(dataset.source)
    superclass = superclasses(dataset.table, dataset.statements)
    labels = binary_labels(superclass, RULE)
    superclass, table = superclass.loc[labels.index], dataset.table.loc[labels.index]
    signals = load_signals(dataset, labels.index)
    fold = table["strat_fold"]
    recipe = find_recipe(arguments.recipe, epochs=arguments.epochs)

    def fit(train_folds):
        splits = {"train": table.index[fold.isin(train_folds)], "validation": table.index[fold == 9]}
        outside = set(range(1, 11)) - set(train_folds)
        further = open_further_records(arguments.more, outside) if arguments.more else None
        state = arguments.state / f"folds_1_to_{max(train_folds)}"
        data = (signals, superclass, labels, splits)
        trained = train_recipe(recipe, *data, seed=arguments.seed, folder=state, further=further)
        ids = splits["train"] if further is None else np.r_[splits["train"], further.ecg_ids]
        return trained.result.model, ids

    scaler = Scaler(recipe.scaling)  # a rule of the record alone, so there is nothing to fit
    held_out = np.flatnonzero(fold == 9)
    truth = {
        "normal-abnormal": labels.to_numpy()[:, None],
        "superclasses": superclass[list(SUPERCLASSES)].to_numpy(),
    }
    first, ids = fit(range(1, 9))
    calibration = {}
    for target, y in truth.items():
        y = y[held_out].astype(int)
        logit = predict(deploy(recipe, first, scaler, target), signals[held_out])["logit"]
        temperatures = [fit_temperature(y[:, k], logit[:, k]) for k in range(y.shape[1])]
        p = 1 / (1 + np.exp(-logit / temperatures))
        thresholds = [round(choose_threshold(y[:, k], p[:, k], AIMS[target]), 3) for k in range(y.shape[1])]
        calibration[target] = temperatures, thresholds
        print(f"{target}: temperature {np.round(temperatures, 3)}, threshold {thresholds}", flush=True)
    ship(arguments.output, recipe, first, scaler, calibration, ids, 8, labels)
    second, ids = fit(range(1, 10))
    ship(arguments.output, recipe, second, scaler, calibration, ids, 9, labels)


def ship(folder, recipe, network, scaler, calibration, ids, last_fold, labels):
    """Write both models, and the list of the records they were trained on."""
    for target, (temperatures, thresholds) in calibration.items():
        model = deploy(
            recipe,
            network,
            scaler,
            target,
            temperatures,
            threshold=thresholds,
            label_rule=RULE,
            trained_on=f"{len(ids):,} records of PTB-XL 1.0.3, folds 1 to {last_fold}",
        )
        save_model(model, folder / f"{target}.keras")
    amplitude = np.where(np.isin(ids, labels.index), "mV", "lost")
    listing = pd.DataFrame({"ecg_id": ids, "amplitude": amplitude}).sort_values("ecg_id")
    listing.to_csv(folder / "training_records.csv", index=False)


if __name__ == "__main__":
    main()
