"""Train on fewer leads and compare: I alone, the six limb leads, the eight that are measured, all 12.

    python benchmarks/fewer_leads.py --data data/ptb-xl-full --rule labelled

Trains each on PTB-XL's folds 1 to 8 by one recipe, chooses on 9, tests on 10. Interrupted, it is resumed
where it was, and what is finished is read back; each set of leads has its own folder in --results. Prints
Markdown: means of single models over the seeds, 95 % intervals from a bootstrap over patients, and paired
differences to all 12.
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
from signalcam.reproduction import markdown_table, reproduce  # noqa: E402

HERE = Path(__file__).resolve().parent
SETS = {
    "I": ("I",),
    "six limb leads": sc.LEADS[:6],
    "I, II, V1 to V6": ("I", "II", *sc.LEADS[6:]),
    "all 12": sc.LEADS,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--recipe", default="single")
    parser.add_argument("--rule", choices=sc.LABEL_RULES, default="labelled")
    parser.add_argument("--target", default="normal-abnormal", help="or superclasses")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="another number than the recipe's")
    parser.add_argument("--results", type=Path, default=HERE / "results" / "fewer_leads")
    parser.add_argument("--bootstrap", type=int, default=1000)
    arguments = parser.parse_args()
    changes = {} if arguments.epochs is None else {"epochs": arguments.epochs}
    found = {}
    for name, leads in SETS.items():
        records = sc.load_ptbxl(arguments.data, rule=arguments.rule, leads=leads)
        found[name] = reproduce(
            records,
            arguments.results / f"{arguments.target}-{arguments.rule}-{len(leads)}",
            arguments.recipe,
            n_seeds=arguments.seeds,
            target=arguments.target,
            n_bootstrap=arguments.bootstrap,
            **changes,
        )
    print(records.source)
    print(f"Fold 10, label rule `{arguments.rule}`, recipe `{arguments.recipe}`, {arguments.seeds} seeds.\n")
    print(markdown_table(table(found, arguments.bootstrap)))


def table(found, n_bootstrap):
    """One row a set of leads: its weights, AUC of each class, accuracy of abnormal, difference to all 12."""
    lines = []
    for name, runs in found.items():
        first, line = runs[0].results, {"leads": name, "seeds": len(runs)}
        options = {"groups": first.patients.to_numpy(), "n_bootstrap": n_bootstrap}
        for column in first.y:
            y, p, whole = (
                first.y[column].to_numpy(),
                trainings(runs, column),
                trainings(found["all 12"], column),
            )
            line[f"AUC, {column}"] = bootstrap(y, p, ("auc",), **options)["auc"]
            if name != "all 12":
                line[f"AUC minus all 12's, {column}"] = sc.paired_difference(y, p, whole, "auc", **options)
            if first.binary:
                line["accuracy"] = bootstrap(y, p, ("accuracy",), first.settings.threshold[0], **options)[
                    "accuracy"
                ]
        lines.append(line)
    return pd.DataFrame(lines).fillna("-")


def trainings(runs, column):
    """Probabilities of one class, (training, record)."""
    return pd.DataFrame({run.seed: run.results.p[column] for run in runs}).to_numpy().T


if __name__ == "__main__":
    main()
