"""Compare training recipes by 10-fold cross-validation over `strat_fold`.

Test fold k, validation fold the one before it (10 for k = 1), the other eight to train. Each recipe is
trained for each fold with each seed; its score is the mean over seeds of the pooled out-of-fold AUC of single
models (never of averaged predictions). Intervals are from a bootstrap over patients.

    python benchmarks/cross_validation.py --recipe paper --recipe best --seeds 5 --data data/ptb-xl

    python benchmarks/cross_validation.py --score benchmarks/cross_validation_predictions.csv.gz

scores the predictions that were kept, against the labels of the data, in seconds.

Every trained fold is kept as a small csv in `benchmarks/results/`, so that an interrupted run goes on where
it was, and several runs (of different recipes or seeds) may fill the same folder.
"""

import argparse
import functools
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from signalcam.data.load import open_data  # noqa: E402
from signalcam.evaluation import bootstrap, paired_difference, score  # noqa: E402

HERE = Path(__file__).resolve().parent
N_FOLDS = 10
METRICS = ("auc", "accuracy")


def main(argv=None):
    arguments = parse(argv)
    records = Records(arguments.data, arguments.rule)
    print(f"{records.said}\n{len(records.labels):,} records by rule {arguments.rule}.")
    names = [folder_name(name, arguments.more, arguments.epochs) for name in arguments.recipe]
    if arguments.score:
        predictions = pd.read_csv(arguments.score)
    else:
        train_folds(records, names, arguments)
        predictions = collect(arguments.results, arguments.folds)
    if predictions.empty:
        print("No recipe has been trained on all of these folds yet.")
        return
    print(f"\n{table(predictions, records).to_string()}\n")
    for line in differences(predictions, records, first=names[0]):
        print(line)
    if arguments.predictions:
        predictions.round({"probability": 5}).to_csv(arguments.predictions, index=False)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", action="append", help="name of a recipe; may be given several times")
    parser.add_argument(
        "--seeds", type=int, default=1, help="trainings of each fold; 0 scores those that there are"
    )
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--folds", type=int, nargs="+", default=list(range(1, N_FOLDS + 1)), help="test folds to train"
    )
    parser.add_argument("--data", help="folder of PTB-XL; by default as the notebooks choose it")
    parser.add_argument("--more", help="folder of further training records (signals.npy, records.csv)")
    parser.add_argument("--epochs", type=int, help="in place of the recipe's")
    parser.add_argument("--rule", default="labelled", help="label rule")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where trained folds are kept")
    parser.add_argument(
        "--predictions", type=Path, help="csv (or csv.gz) to write all out-of-fold predictions to"
    )
    parser.add_argument("--score", type=Path, help="train nothing, score such a file of predictions")
    arguments = parser.parse_args(argv)
    arguments.recipe = arguments.recipe or ["paper", "best"]
    return arguments


def train_folds(records, names, arguments):
    """Train what is not there yet."""
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for recipe, name in zip(arguments.recipe, names, strict=True):
            for fold in arguments.folds:
                place = arguments.results / name
                train_fold(records, recipe, seed, fold, place, arguments.more, arguments.epochs)


class Records:
    """The dataset, decoded once, and only where something is trained."""

    def __init__(self, path, rule):
        from signalcam.data.ptbxl import binary_labels, superclasses

        self.dataset, self.said = open_data(path)
        superclass = superclasses(self.dataset.table, self.dataset.statements)
        self.labels = binary_labels(superclass, rule)
        self.superclass = superclass.loc[self.labels.index]
        self.table = self.dataset.table.loc[self.labels.index]
        self.patients = self.table["patient_id"].to_numpy()
        self.rule = rule

    @functools.cached_property
    def signals(self):
        from signalcam.data.signals import load_signals

        return load_signals(self.dataset, self.labels.index)


def validation_fold_of(test_fold):
    return test_fold - 1 or N_FOLDS


def folder_name(recipe, more, epochs):
    return recipe + ("+further" if more else "") + (f"_{epochs}_epochs" if epochs else "")


def train_fold(records, recipe, seed, fold, folder, more=None, epochs=None, state=None):
    """Train one model and keep its logits of the validation and the test fold.

    The teachers of a recipe that has some are trained first and scored like any other model.
    """
    file = folder / f"seed{seed}_fold{fold}.csv"
    if file.is_file():
        return
    import keras

    from signalcam.data.ptbxl import split_by_fold
    from signalcam.deployment.deploy import deploy
    from signalcam.deployment.deployable import predict
    from signalcam.training.further import open_further_records
    from signalcam.training.recipes import find_recipe
    from signalcam.training.train_recipe import train_recipe

    kind, teachers = find_recipe(recipe, **({"epochs": epochs} if epochs else {})), None
    if kind.teacher:
        name = folder_name(kind.teacher, more, epochs)
        teachers = folder.parent / "teachers" / f"{name}_fold{fold}"
        for k in range(kind.n_teachers):
            place = folder.parent / name
            train_fold(records, kind.teacher, k, fold, place, more, epochs, teachers / f"teacher_{k}")
    started, cpu = time.perf_counter(), time.process_time()
    validation_fold = validation_fold_of(fold)
    splits = split_by_fold(records.table, test_fold=fold, validation_fold=validation_fold)
    further = open_further_records(more, (fold, validation_fold)) if more else None
    trained = train_recipe(
        kind,
        records.signals,
        records.superclass,
        records.labels,
        splits,
        seed=seed,
        folder=state,
        teacher_folder=teachers,
        further=further,
        verbose=False,
    )
    model = deploy(kind, trained.result.model, trained.scaler, label_rule=records.rule)
    parts = []
    for split in ("validation", "test"):
        rows = records.labels.index.get_indexer(splits[split])
        logit = predict(model, np.asarray(records.signals[rows]))["logit"][:, 0]
        parts.append(pd.DataFrame({"ecg_id": splits[split], "split": split, "logit": logit}))
    folder.mkdir(parents=True, exist_ok=True)
    beside = file.with_suffix(".part")
    pd.concat(parts).to_csv(beside, index=False, float_format="%.6g")
    beside.replace(file)
    keras.backend.clear_session()
    spent = f"{time.perf_counter() - started:.0f} s ({time.process_time() - cpu:.0f} s of CPU)"
    print(f"{folder.name}, seed {seed}, test fold {fold}: {spent}", flush=True)


def collect(results, folds=range(1, N_FOLDS + 1)):
    """Read the predictions of all recipes and seeds that have all these test folds, one row a prediction."""
    parts = []
    for file in sorted(results.glob("*/seed*_fold*.csv")):
        seed, fold = (int(part.lstrip("sedfol")) for part in file.stem.split("_"))
        if fold in folds:
            parts.append(pd.read_csv(file).assign(recipe=file.parent.name, seed=seed, test_fold=fold))
    if not parts:
        return pd.DataFrame()
    predictions = pd.concat(parts, ignore_index=True)
    predictions["probability"] = 1 / (1 + np.exp(-predictions.pop("logit")))
    complete = predictions.groupby(["recipe", "seed"])["test_fold"].transform("nunique") == len(folds)
    columns = ["recipe", "seed", "split", "test_fold", "ecg_id", "probability"]
    return predictions.loc[complete, columns]


def probabilities(predictions, recipe, split="test"):
    """Return probabilities, float64 (seed, record), with ecg_id as columns."""
    part = predictions[(predictions["recipe"] == recipe) & (predictions["split"] == split)]
    return part.pivot_table(index="seed", columns="ecg_id", values="probability")


def truth(records, ecg_ids):
    """Return labels and patients of these records."""
    rows = records.labels.index.get_indexer(ecg_ids)
    return records.labels.to_numpy()[rows], records.patients[rows]


def table(predictions, records):
    """Return a row for each recipe: AUC and accuracy, means over seeds, with intervals."""
    rows = {}
    for recipe in predictions["recipe"].unique():
        wide = probabilities(predictions, recipe)
        y, patients = truth(records, wide.columns)
        row = {"seeds": len(wide), "records": len(y)}
        for metric in METRICS:
            each = [bootstrap(y, one, (metric,), groups=patients)[metric] for one in wide.to_numpy()]
            values = [estimate.value for estimate in each]
            low, high = (np.mean([getattr(e, end) for e in each]) for end in ("low", "high"))
            row[metric] = f"{np.mean(values):.4f} ({low:.3f} to {high:.3f})"
            row[f"{metric} sd"] = f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else "-"
        wide = probabilities(predictions, recipe, "validation")
        y, _ = truth(records, wide.columns)
        row["auc validation"] = f"{np.mean([score(y, one, 'auc') for one in wide.to_numpy()]):.4f}"
        rows[recipe] = row
    return pd.DataFrame(rows).T


def differences(predictions, records, first):
    """Say, for each other recipe, by how much it differs from the first, paired, with intervals."""
    for recipe in predictions["recipe"].unique():
        if recipe == first or first not in set(predictions["recipe"]):
            continue
        a, b = (probabilities(predictions, name) for name in (recipe, first))
        seeds = a.index.intersection(b.index)
        y, patients = truth(records, a.columns)
        for metric in METRICS:
            pair = (a.loc[seeds].to_numpy(), b.loc[seeds, a.columns].to_numpy())
            d = paired_difference(y, *pair, metric=metric, groups=patients, n_bootstrap=2000)
            yield (
                f"{metric} of {recipe} minus {first}: {d.value:+.4f} (95 % interval {d.low:+.4f} to "
                f"{d.high:+.4f}), seeds {', '.join(map(str, seeds))}"
            )


if __name__ == "__main__":
    main()
