"""Train by a recipe, evaluate, and write everything about it into one folder; on all of PTB-XL, the paper.

The folder holds a model for each seed, the predictions of the test fold, the metrics, the comparison with
what others published, the figures of the first seed, a model card, and the state of each training, from
which an interrupted run is resumed.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from signalcam import __version__
from signalcam.data import Records, load_ptbxl
from signalcam.deployment import save_model
from signalcam.reproduction.calibrated import deploy_trained
from signalcam.reproduction.figures import write_figures
from signalcam.reproduction.model_card import training_card
from signalcam.reproduction.published import FOLD, comparison
from signalcam.reproduction.results import Results, evaluate_model
from signalcam.reproduction.text import as_json
from signalcam.training import Recipe, find_recipe, train_recipe
from signalcam.training.callbacks import STATE_FILE

logger = logging.getLogger(__name__)

COMPARISON = "comparison.csv"  # in the folder, where the records are those of the published predictions


@dataclass(frozen=True)
class Run:
    """One training of a reproduction.

    Attributes:
        seed: of the training.
        model_file: name of the model's file in the folder.
        best_epoch, epochs: the epoch whose weights were kept, and how many there were.
        seconds: what training took; None where some of it was done by an earlier run.
        results: on the test fold.
    """

    seed: int
    model_file: str
    best_epoch: int
    epochs: int
    seconds: float | None
    results: Results | None = None


def reproduce(
    records: Records,
    output: str | Path,
    recipe: str | Recipe = "paper",
    *,
    n_seeds: int = 1,
    target: str = "normal-abnormal",
    n_bootstrap: int = 1000,
    progress: bool = True,
    **changes: Any,
) -> list[Run]:
    """Train models by a recipe and write them, their results, figures and a model card into a folder.

    Args:
        records: as `load_ptbxl` gives them, with the label rule and the folds of each split.
        output: the folder. An interrupted run of the same arguments is resumed there.
        recipe: name of a recipe, or a `Recipe`.
        n_seeds: how many models to train, with seeds from 0 on.
        target: as in `train_recipe`.
        n_bootstrap: resamples of patients for the intervals.
        progress: show progress bars.
        changes: attributes of the recipe to change, such as epochs.

    Returns:
        List of `Run`, one for each seed.

    Raises:
        ValueError: an unknown recipe or target, or a folder that holds another run.
    """
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1, got {n_seeds}.")
    recipe, output = find_recipe(recipe, **changes), Path(output).expanduser()
    output.mkdir(parents=True, exist_ok=True)
    (test_fold,) = records.folds("test")
    runs = []
    for seed in range(n_seeds):
        model, run, trained = _train(records, recipe, seed, output, target, progress)
        results = evaluate_model(
            model, records.dataset, test_fold, records.rule, progress=progress, n_bootstrap=n_bootstrap
        )
        runs.append(replace(run, results=results))
        logger.info("Seed %d: %s.", seed, results.headline())
        if seed == 0:
            signals = records.signals[records.indices("test")]
            write_figures(output / "figures", model, signals, results, trained, n_bootstrap)
    _write(output, runs, recipe, target, records, n_bootstrap)
    return runs


def train_seed(
    path: str | Path,
    rule: str,
    recipe: str | Recipe,
    seed: int,
    output: Path,
    target: str = "normal-abnormal",
) -> None:
    """Train one of the models of a reproduction as a job of its own; `reproduce` then finds it done.

    Args:
        path: of PTB-XL; where seeds share teachers, train one of them before the others.
        rule, recipe, seed, output, target: as for `load_ptbxl`, `train_recipe` and `reproduce`.
    """
    output.mkdir(parents=True, exist_ok=True)
    _train(load_ptbxl(path, rule, progress=False), find_recipe(recipe), seed, output, target, False)


def over_seeds(runs: list[Run]) -> pd.DataFrame:
    """Summarise each headline score over the runs.

    Returns:
        float DataFrame: index metric; columns mean, sd (NaN for one run), min, max, n.
    """
    scores = pd.DataFrame([run.results.headline() for run in runs])
    table = pd.DataFrame(
        {"mean": scores.mean(), "sd": scores.std(), "min": scores.min(), "max": scores.max()}
    )
    return table.assign(n=scores.notna().sum())


def beside_published(runs: list[Run], n_bootstrap: int = 1000) -> pd.DataFrame | None:
    """Put the runs beside what others published: see `published.comparison`; None where that does not fit."""
    first = runs[0].results
    if not first.binary or first.fold != FOLD or first.simulated:
        return None
    p = pd.DataFrame({run.seed: run.results.p["ABNORMAL"] for run in runs})
    return comparison(first.y["ABNORMAL"], p, first.patients, first.superclass, n_bootstrap)


def _train(records: Records, recipe: Recipe, seed: int, output: Path, target: str, progress: bool) -> tuple:
    """Train and save one model, or resume it."""
    state = output / "training" / f"seed{seed}"
    fresh, started = not (state / STATE_FILE).is_file(), time.perf_counter()
    trained = train_recipe(
        recipe,
        records.signals,
        records.targets,
        records.splits,
        seed=seed,
        folder=state,
        target=target,
        teacher_folder=output / "training",
        verbose=progress,
    )
    seconds = time.perf_counter() - started if fresh else None
    model = deploy_trained(trained, records, target)
    file = f"model_seed{seed}.keras" if seed else "model.keras"
    save_model(model, output / file)
    return model, Run(seed, file, trained.best_epoch, len(trained.history), seconds), trained


def _write(
    output: Path, runs: list[Run], recipe: Recipe, target: str, records: Records, n_bootstrap: int
) -> None:
    """Write predictions, metrics, the comparison and the model card."""
    predictions = pd.concat([run.results.predictions.assign(seed=run.seed) for run in runs])
    predictions.round(6).to_csv(output / "predictions.csv")
    summary = over_seeds(runs)
    published = beside_published(runs, n_bootstrap)
    if published is None:
        (output / COMPARISON).unlink(missing_ok=True)
    else:
        published.to_csv(output / COMPARISON, index_label="score")
    metrics = {
        "signalcam": __version__,
        "recipe": recipe.name,
        "target": target,
        "rule": records.rule,
        "data": records.dataset.name,
        "simulated": records.dataset.simulated,
        "records": {name: len(ids) for name, ids in records.splits.items()},
        "hyperparameters": asdict(recipe) | {"view": dict(recipe.view)},
        "over_seeds": {
            metric: {name: None if pd.isna(value) else value for name, value in row.items()}
            for metric, row in summary.astype(object).iterrows()
        },
        "runs": [
            {
                "seed": run.seed,
                "model": run.model_file,
                "best_epoch": run.best_epoch,
                "epochs": run.epochs,
                "seconds": None if run.seconds is None else round(run.seconds, 1),
                "results": as_json(run.results),
            }
            for run in runs
        ],
    }
    (output / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
    card = training_card(metrics, runs[0].results, summary)
    (output / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    logger.info("%s: %s.", output, ", ".join(sorted(path.name for path in output.iterdir())))
