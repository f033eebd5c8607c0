"""Compare training recipes on PTB-XL's standard folds: train on 1 to 8, choose on 9, test on 10.

    python benchmarks/recipes.py --recipe paper --recipe best --seeds 5 --data data/ptb-xl-full
    python benchmarks/recipes.py --score benchmarks/recipes_predictions.csv.gz --data data/ptb-xl-full

    python benchmarks/recipes.py --recipe paper --recipe single --seeds 5 --data DATA --scheduler ADDRESS

The last trains the seeds of a recipe side by side on the workers of a Dask cluster that see the same folders,
or with `--workers 2` in two processes here: each once, stored as it is done. What fails is tried again, and
else named. The results are those of the first command.

Interrupted, the first command is resumed where it was; each recipe has its own folder in benchmarks/results.
It writes the predictions on fold 10 of all that has been trained, and scores them as the second does without
training. The score of a recipe is the mean over seeds of single models; intervals are 95 %, from a bootstrap
over patients.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.evaluation import bootstrap  # noqa: E402
from signalcam.reproduction import markdown_table, published_predictions, reproduce  # noqa: E402

HERE = Path(__file__).resolve().parent
RULES = ("paper", "labelled")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", action="append", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scheduler", help="address of a Dask scheduler")
    parser.add_argument("--workers", type=int, default=1, help="without it: processes on this machine")
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--score", type=Path, help="score these predictions, train nothing")
    parser.add_argument("--predictions", type=Path, default=HERE / "recipes_predictions.csv.gz")
    parser.add_argument("--bootstrap", type=int, default=1000)
    arguments = parser.parse_args()
    records = sc.load_ptbxl(arguments.data)
    print(records.source)
    if arguments.score:
        predictions = pd.read_csv(arguments.score)
    else:
        how = {name: getattr(arguments, name) for name in ("scheduler", "workers")}
        for recipe in arguments.recipe:
            reproduce(records, arguments.results / recipe, recipe, n_seeds=arguments.seeds, **how)
        predictions = collect(arguments.results)
        predictions.to_csv(arguments.predictions, index=False, compression={"method": "gzip", "mtime": 0})
    print(markdown_table(table(predictions, records, arguments.bootstrap)))


def collect(folder):
    """Gather the predictions of all recipes that have been trained: recipe, seed, ecg_id, probability."""
    parts = []
    for file in sorted(folder.glob("*/predictions.csv")):
        found = pd.read_csv(file)
        if "probability_ABNORMAL" in found:
            found = found.rename(columns={"probability_ABNORMAL": "probability"}).assign(
                recipe=file.parent.name
            )
            parts.append(found[["recipe", "seed", "ecg_id", "probability"]].round(5))
    return pd.concat(parts)


def table(predictions, records, n_bootstrap):
    """One row a recipe: AUC by rule, accuracy, and the paired difference to the paper's public weights."""
    lines = []
    for recipe, rows in predictions.groupby("recipe", sort=False):
        p = rows.pivot_table("probability", "ecg_id", "seed")
        superclass = sc.superclasses(records.dataset.table.loc[p.index], records.dataset.statements)
        line = {"recipe": f"`{recipe}`", "seeds": p.shape[1]}
        for rule in RULES:
            y = sc.binary_labels(superclass, rule, quiet=True)
            groups = records.dataset.table.loc[y.index, "patient_id"].to_numpy()
            options = {"groups": groups, "n_bootstrap": n_bootstrap}
            trainings = p.loc[y.index].to_numpy().T
            scores = bootstrap(y.to_numpy(), trainings, ("auc", "accuracy"), **options)
            spread = [bootstrap(y.to_numpy(), one, ("auc",), n_bootstrap=0)["auc"].value for one in trainings]
            line[f"AUC, `{rule}`"] = scores["auc"]
            line[f"sd over seeds, `{rule}`"] = f"{pd.Series(spread).std():.4f}"
            line[f"accuracy, `{rule}`"] = scores["accuracy"]
            other = published_predictions()["public_weights"].loc[y.index].to_numpy()
            difference = sc.paired_difference(y.to_numpy(), trainings, other, "auc", **options)
            line[f"AUC minus public weights, `{rule}`"] = difference
        lines.append(line)
    return pd.DataFrame(lines)


if __name__ == "__main__":
    main()
