"""Write the card of the shipped models: what they were trained on, and how they do on fold 10.

    python benchmarks/pretrained_card.py --data data/ptb-xl

Run `benchmarks/pretrained_models.py` first. The tables are those that `python -m signalcam evaluate`
prints.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pandas as pd  # noqa: E402
from pretrained_models import EPOCHS  # noqa: E402

from signalcam.data.ptbxl import open_dataset  # noqa: E402
from signalcam.deployment.deployable import settings_of  # noqa: E402
from signalcam.deployment.pretrained import FOLDER, PRETRAINED, load_pretrained  # noqa: E402
from signalcam.evaluation import expected_calibration_error, score  # noqa: E402
from signalcam.reproduction.model_card import CITATION, model_card  # noqa: E402
from signalcam.reproduction.results import evaluate_model  # noqa: E402
from signalcam.reproduction.text import as_markdown  # noqa: E402
from signalcam.training.recipes import RECIPES  # noqa: E402

DESCRIPTION = """Two 1D CNNs with the same feature layers, which read a 12-lead ECG (10 s at 100 Hz, raw
mV) and give, in one pass, a probability and a map over time of the evidence for it (class activation map, 125
cells of 80 ms):

- `normal-abnormal`: the probability that the ECG is anything but normal (22,273 trainable parameters);
- `superclasses`: a probability for each of NORM, MI, STTC, CD and HYP (22,533).

Detrending, scaling and the calibrating temperature are part of the model."""

LIMITS = """- Research software, not a medical device; no output of it is a diagnosis.
- Trained on {n:,} of PTB-XL's 21,799 records, many of them of its first years, from one country and from
  devices of one maker. Tested on 130 records: the intervals below are wide, and these scores must not be
  compared with published ones of the full set.
- Each lead of each record is standardised, so the voltage is lost: hypertrophy is told by shape alone.
- {more:,} of the training records have NORM, STTC or CD, so that isolated MI and HYP are rarer in training
  than in PTB-XL.
- The heatmap says when, within about a second, not in which lead, and is scaled within each record.
- Needs 12 leads, 10 s, in mV, 100 Hz. What `signalcam.recordings` cannot read right it refuses or flags; a
  plausible but wrong recording goes through."""

RETRAIN = """On the full PTB-XL:

```sh
python -m signalcam train --recipe best --data ~/data/ptb-xl --rule labelled --output runs/best
```

It trains three teachers and then the model. In the cross-validation, on 741 records, a teacher took 50 s of
processor time and the model 71 s: 1.1 and 1.6 ms a record and epoch. By that, 60 epochs of about 17,000
records take 80 minutes of processor time, some 45 minutes on two idle cores, after a minute for decoding the
records once. `--recipe single` does without teachers, in a quarter of the time.

These very models: `python benchmarks/pretrained_models.py --data FOLDER --more FOLDER`, then
`python benchmarks/pretrained_card.py --data FOLDER`."""

TESTED = """Fold 10 of the real sample, which no training and no choice has seen. Intervals are 95 %
intervals from a bootstrap over patients."""

START = """```python
import signalcam
from signalcam.deployment.deployable import predict

model = signalcam.load_pretrained("normal-abnormal")
outputs = predict(model, signals)  # mV, (record, 1000, 12); probability, logit, evidence, heatmap
```

```sh
python -m signalcam predict normal-abnormal ecg.hea
python -m signalcam evaluate normal-abnormal --data ~/data/ptb-xl --fold 10
```"""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    dataset = open_dataset(parser.parse_args().data)
    print(dataset.source)
    listing = pd.read_csv(FOLDER / "training_records.csv")
    more = int((listing["amplitude"] == "lost").sum())
    results = {
        name: evaluate_model(load_pretrained(name), dataset, fold=10, rule="labelled") for name in PRETRAINED
    }
    sections = {
        "Model description": DESCRIPTION,
        "Model description/Intended uses & limitations": LIMITS.format(n=len(listing), more=more),
        "Model description/Training Procedure": training(listing, more, results),
        "Model description/Training Procedure/How to retrain": RETRAIN,
        "Model description/Evaluation Results": TESTED,
    }
    for name, result in results.items():
        sections[f"Model description/Evaluation Results/{name}"] = as_markdown(result, level=5)
        sections[f"Model description/Evaluation Results/{name}: calibration"] = calibration(result)
    sections["How to Get Started with the Model"] = START
    sections["Citation"] = CITATION
    card = model_card("SignalCAM's shipped models: `normal-abnormal` and `superclasses`", sections)
    (FOLDER / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    print(f"Written: {FOLDER / 'MODEL_CARD.md'}")


def training(listing, more, results):
    recipe = RECIPES[settings_of(load_pretrained()).recipe]
    thresholds = [
        f"  - {name}: " + ", ".join(f"{c} {t:.3g}" for c, t in zip(s.class_names, s.threshold, strict=True))
        for name, s in ((name, result.settings) for name, result in results.items())
    ]
    text = f"""- Data: {len(listing):,} records of PTB-XL 1.0.3 (CC BY 4.0), folds 1 to 9, label rule
  `labelled`: {len(listing) - more:,} in mV and {more:,} that had been band-passed (0.5 to 40 Hz) and
  standardised before. `training_records.csv` lists them all. No patient is in two folds.
- Recipe `{recipe.name}`, seed 0, {EPOCHS} epochs (the recipe has 60, for a third of the records): scaling
  `{recipe.scaling}`; random crops of 5 s, gains of record and leads, dropped leads; mixup
  Beta({recipe.mixup:g}, {recipe.mixup:g}); AdamW with one cycle to {recipe.learning_rate}, weight decay
  {recipe.weight_decay}, batches of {recipe.batch_size}; trained on abnormal and the five superclasses at
  once; last epoch kept. {recipe.teacher_share:.0%} of each label is the mean answer of
  {recipe.n_teachers} networks, trained before by recipe `{recipe.teacher}`, to the same augmented signals.
- Trained like this without the fold tested on and the one before it, five seeds, `normal-abnormal` reaches a
  pooled AUC of 0.947 (0.931 to 0.960) in 10-fold cross-validation on 1,004 records, uncalibrated.
- Temperatures and thresholds come from a first training of the same recipe on folds 1 to 8, on fold 9, which
  it had not seen; the shipped weights are from a second one on folds 1 to 9.
- Aims of the thresholds: the largest sum of sensitivity and specificity for `normal-abnormal`, the largest F1
  of each class for `superclasses`:"""
    return "\n".join([text, *thresholds])


def calibration(result):
    rows = []
    for name in result.y:
        y, p = result.y[name].to_numpy(), result.p[name].to_numpy()
        rows.append(f"| {name} | {score(y, p, 'brier'):.3f} | {expected_calibration_error(y, p):.3f} |")
    head = "| class | Brier score | expected calibration error (10 bins) |\n| --- | --- | --- |"
    return "\n".join([head, *rows])


if __name__ == "__main__":
    main()
