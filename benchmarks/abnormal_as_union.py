"""Would the binary answer and its map be better if abnormal were the union of the superclasses?

    python benchmarks/abnormal_as_union.py --data data/ptb-xl-full --runs runs

The networks of `best` and `leadwise` learnt abnormal and the superclasses at once. The union of MI, STTC, CD,
HYP and whatever is not NORM is a smooth maximum of their logits, `sum of softmax(logits) * logits`. The
shares are the same at each position, so the evidence, averaged by them, still sums to the logit.

Prints AUC and accuracy (after a slope and an intercept fitted on fold 9) of abnormal's own output and of the
union, and the share of evidence over share of time on LUDB's wave boundaries (first seed).
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from wave_boundaries import LUDB, PARTS, part_shares, ratio_texts  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.data.labels import SUPERCLASSES  # noqa: E402
from signalcam.deployment.from_training import deploy  # noqa: E402
from signalcam.evaluation import fit_platt, score  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402

FINDINGS = ("ischaemia", "incomplete right bundle branch block")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the trainings (runs)")
    parser.add_argument("--ludb", type=Path, default=Path("../shared/external/ludb"))
    options = parser.parse_args()
    records = sc.load_ptbxl(options.data)
    ludb = LUDB(options.ludb) if options.ludb.is_dir() else None
    scores, ratios = [], []
    for recipe in ("best", "leadwise"):
        for state in sorted((options.runs / recipe / "training").glob("seed*")):
            given = (records.signals, records.targets, records.splits)
            how = {"seed": int(state.name[4:]), "folder": state}
            how["teacher_folder"] = options.runs / "best" / "training"
            trained = sc.train_recipe(recipe, *given, **how)
            models = {name: deploy(trained, name) for name in ("normal-abnormal", "superclasses")}
            scores += scores_of(models, records, {"recipe": recipe, "seed": how["seed"]})
            if ludb and how["seed"] == 0:
                ratios += ratios_of(models, ludb, recipe)
    table = pd.DataFrame(scores).groupby(["recipe", "abnormal", "fold"], sort=False)[["AUC", "accuracy"]]
    print(markdown_table(table.mean().round(4).reset_index().astype(str)))
    if ludb:
        print(f"\n{markdown_table(pd.DataFrame(ratios).astype(str))}")


def union(logits, values):
    """Average values, (record, ..., class), by the softmax of the logits, NORM turned round."""
    sign = np.where(np.array(SUPERCLASSES) == "NORM", -1, 1)
    shares = np.exp(sign * logits - (sign * logits).max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return (sign * values * shares.reshape(len(shares), *(1,) * (values.ndim - 2), -1)).sum(axis=-1)


def answers(models, signals, what):
    """Logits, (record,), or evidence, (record, position), of abnormal's own output and of the union."""
    own, members = (sc.predict(model, signals, warn=False) for model in models.values())
    return {"an output": own[what][..., 0], "the union": union(members["logit"], members[what])}


def scores_of(models, records, known):
    """A row for each kind of answer and fold."""
    logits, y = {}, {}
    for split in ("validation", "test"):
        y[split] = records.labels.to_numpy()[records.indices(split)]
        logits[split] = answers(models, records.signals[records.indices(split)], "logit")
    rows = []
    for kind, on_validation in logits["validation"].items():
        slope, intercept = fit_platt(y["validation"], on_validation)
        for split, fold in (("validation", 9), ("test", 10)):
            p = 1 / (1 + np.exp(-(slope * logits[split][kind] + intercept)))
            values = {"AUC": score(y[split], p, "auc"), "accuracy": np.mean((p >= 0.5) == y[split])}
            rows.append(known | {"abnormal": kind, "fold": fold} | values)
    return rows


def ratios_of(models, ludb, recipe):
    """A row for each finding and kind of answer: where in the beat the evidence of predicted records lies."""
    rows, n_times = [], ludb.parts.shape[1]
    for kind, evidence in answers(models, ludb.signals, "evidence").items():
        cells = (np.arange(n_times) + 0.5) * evidence.shape[1] / n_times - 0.5
        maps = np.stack([np.interp(cells, np.arange(evidence.shape[1]), one) for one in evidence])
        shares = part_shares(maps, ludb.parts, PARTS)
        for finding in FINDINGS:
            chosen = (evidence.mean(axis=1) > 0) & [finding in found for found in ludb.findings]
            row = {"recipe": recipe, "records": finding, "abnormal": kind, "n": int(chosen.sum())}
            rows.append(row | ratio_texts(shares[chosen]))
    return rows


if __name__ == "__main__":
    main()
