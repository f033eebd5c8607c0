"""Make the models that the package ships, and their card, from finished trainings of two recipes.

    python -m signalcam train --recipe best --data data/ptb-xl-full --seeds 5 --output runs/best
    python -m signalcam train --recipe leadwise --data data/ptb-xl-full --seeds 5 --teachers runs/best \
        --output runs/leadwise
    python benchmarks/pretrained_models.py --data data/ptb-xl-full

Two models of each recipe come from its network of seed 0, which learnt abnormal, the five superclasses and
the 23 subclasses at once on folds 1 to 8: outputs that are not asked for are dropped, the others calibrated
on fold 9. The tables of the card are those that `python -m signalcam evaluate` prints for fold 10.
"""

import argparse
import os
import sys
import textwrap
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.deployment import PRETRAINED, settings_of, to_litert  # noqa: E402
from signalcam.deployment.pretrained import FOLDER  # noqa: E402
from signalcam.evaluation import score  # noqa: E402
from signalcam.reproduction import CITATION, as_markdown, evaluate_model, markdown_table, model_card  # noqa: E402
from signalcam.reproduction.calibrated import deploy_trained  # noqa: E402
from signalcam.training import find_recipe  # noqa: E402

DESCRIPTION = """Convolutional networks that read a 12-lead ECG (10 s at 100 Hz, raw mV) and give, in one
pass, a probability and a map of the evidence for it (class activation map):

- `normal-abnormal`: the probability that the ECG is anything but normal; a map over time, 125 positions of
  80 ms (22,273 trainable parameters);
- `superclasses`: a probability for each of NORM, MI, STTC, CD and HYP, the same feature layers (22,533);
- `leadwise`: as `normal-abnormal`, with a map over time and lead, 62 positions of 160 ms (17,585);
- `leadwise-superclasses`: as `superclasses`, with that map (19,253).

Detrending, scaling and calibration are part of the model."""

LIMITS = """- Research software, not a medical device; no output of it is a diagnosis.
- Trained on PTB-XL alone: one country, devices of one maker, 1989 to 1996. How it does elsewhere:
  `benchmarks/README.md`, *Other hospitals*.
- Voltage counts: leads are scaled by the training set, not by the record. So the unit must be right.
- Abnormal statements with a likelihood of 50 % or less are where it errs most; see the table by likelihood.
- The map says when, within about a second; in which lead, with `leadwise` alone. What several leads show
  only together has a row of its own there.
- Needs 12 leads, 10 s, in mV, 100 Hz. What `signalcam.recordings` cannot read right it refuses or flags; a
  plausible but wrong recording goes through."""

RETRAIN = """```sh
python -m signalcam train --recipe best --data data/ptb-xl-full --seeds 5 --output runs/best
python -m signalcam train --recipe leadwise --data data/ptb-xl-full --seeds 5 --teachers runs/best \\
    --output runs/leadwise
python benchmarks/pretrained_models.py --data data/ptb-xl-full
```"""

# Recipe, and so the folder of its training: the models that come from it, and what each tells.
SHIPPED = {
    "best": {"normal-abnormal": "normal-abnormal", "superclasses": "superclasses"},
    "leadwise": {"leadwise": "normal-abnormal", "leadwise-superclasses": "superclasses"},
}

# What the thresholds are for. A calibrated probability of 0.5 is where accuracy is best.
AIMS = {"normal-abnormal": "accuracy", "superclasses": "f1"}

TESTED = """Fold 10 of PTB-XL 1.0.3 with the labels of 1.0.1, printed by `python -m signalcam evaluate MODEL
--data data/ptb-xl-full`. The models were trained on folds 1 to 8; fold 9 chose the recipe, the calibration
and the thresholds. Intervals are 95 % intervals from a bootstrap over patients, for this one model of each
kind; they do not hold the spread over seeds. A row that rests on fewer than 30 positives says so."""

START = """```python
import signalcam as sc

model = sc.load_pretrained("normal-abnormal")
outputs = sc.predict(model, signals)  # mV, (record, 1000, 12); probability, logit, evidence, heatmap
```

```sh
python -m signalcam predict normal-abnormal ecg.hea
python -m signalcam evaluate normal-abnormal --data data/ptb-xl-full
```"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the trainings (runs)")
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument(
        "--card-only", action="store_true", help="write the card of the models that are there"
    )
    arguments = parser.parse_args()
    records = sc.load_ptbxl(arguments.data)
    print(records.source)
    if not arguments.card_only:
        signals = records.read("test")
        for recipe, models in SHIPPED.items():
            trained = sc.train_recipe(
                recipe,
                records.signals,
                records.targets,
                records.splits,
                folder=arguments.runs / recipe / "training" / "seed0",
                teacher_folder=arguments.runs / "best" / "training",
            )
            for name, target in models.items():
                model = deploy_trained(trained, records, target)
                sc.save_model(model, FOLDER / f"{name}.keras")
                print(name, to_litert(model, FOLDER / f"{name}.tflite", signals=signals))
    results = {name: evaluate_model(sc.load_pretrained(name), records.dataset) for name in PRETRAINED}
    (FOLDER / "MODEL_CARD.md").write_text(card(results, records), encoding="utf-8")
    print(f"Written: {FOLDER}")


def card(results, records):
    sections = {
        "Model description": DESCRIPTION,
        "Model description/Intended uses & limitations": LIMITS,
        "Model description/Training Procedure": training(results, records),
        "Model description/Training Procedure/How to retrain": RETRAIN,
        "Model description/Evaluation Results": TESTED,
    }
    for name, result in results.items():
        sections[f"Model description/Evaluation Results/{name}"] = as_markdown(result, level=5)
        sections[f"Model description/Evaluation Results/{name}: calibration"] = calibration(result)
    sections["How to Get Started with the Model"] = START
    sections["Citation"] = CITATION
    return model_card("SignalCAM's shipped models: `normal-abnormal`, `superclasses`, `leadwise`", sections)


def training(results, records):
    recipe = find_recipe(settings_of(sc.load_pretrained("normal-abnormal")).recipe)
    teacher = find_recipe(recipe.teachers[0])
    counts = ", ".join(f"{len(ids):,} {split}" for split, ids in records.splits.items())
    mixup = f"mixup Beta({recipe.mixup:g}, {recipe.mixup:g})"
    facts = (
        f"Data: {records.dataset.name} (CC BY 4.0) with the labels of 1.0.1, label rule `{records.rule}`: "
        f"{counts}. No patient is in two splits.",
        f"Recipes `{recipe.name}` and `leadwise`, seed 0. {len(recipe.teachers)} teachers (residual networks "
        f"of 876,000 weights, {teacher.epochs} epochs) are trained first on the same records; they answer to "
        f"{recipe.n_views} views of each record (crops of 5 s, gains, dropped leads, {mixup}). Each network "
        f"learns {recipe.teacher_share:.0%} from these answers and the rest from the labels, in "
        f"{recipe.epochs} passes.",
        f"Scaling `{recipe.scaling}`; AdamW with one cycle to {recipe.learning_rate}, weight decay "
        f"{recipe.weight_decay}, batches of {recipe.batch_size}; last epoch kept.",
        "Calibration: slope and intercept of each logit on fold 9, folded into the classifier's weights.",
        "Thresholds, from fold 9:",
    )
    lines = [textwrap.fill(f"- {fact}", 110, subsequent_indent="  ") for fact in facts]
    targets = {name: target for models in SHIPPED.values() for name, target in models.items()}
    for name, result in results.items():
        target, pairs = (
            targets[name],
            zip(result.settings.class_names, result.settings.threshold, strict=True),
        )
        values = ", ".join(f"{class_name} {threshold:.3g}" for class_name, threshold in pairs)
        lines.append(f"  - `{name}`, for {AIMS[target]}: {values}.")
    return "\n".join(lines)


def calibration(result):
    rows = {}
    for name in result.y:
        y, p = result.y[name], result.p[name]
        brier, error = score(y, p, "brier"), score(y, p, "ece")
        rows[name] = {"class": name, "Brier score": brier, "expected calibration error (10 bins)": error}
    return markdown_table(pd.DataFrame(list(rows.values())).round(3))


if __name__ == "__main__":
    main()
