"""Train by a recipe, evaluate, and write everything about it into one folder; on all of PTB-XL, the paper.

The folder holds a model for each seed, the predictions of the test fold, the metrics, the comparison with
what others published, the figures of the first seed, a model card, and the state of each training.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from signalcam import __version__
from signalcam.data import LabelledRecords, Records
from signalcam.deployment import run_jobs, save_model, settings_of, start_from
from signalcam.reproduction.calibrated import deploy_trained
from signalcam.reproduction.figures import write_figures
from signalcam.reproduction.labelled_results import evaluate_labelled
from signalcam.reproduction.model_card import training_card
from signalcam.reproduction.published import FOLD, comparison
from signalcam.reproduction.results import Results, evaluate_model
from signalcam.reproduction.text import as_json, as_records
from signalcam.training import Recipe, find_recipe, train_recipe
from signalcam.training.callbacks import STATE_FILE
from signalcam.whole_file import write_whole

logger = logging.getLogger(__name__)

COMPARISON = "comparison.csv"  # in the folder, where the records are those of the published predictions


@dataclass(frozen=True)
class Run:
    """One training of a reproduction.

    Attributes:
        seed, model: of the training, and the model's file in the folder.
        best_epoch, epochs: the epoch whose weights were kept, and how many there were.
        seconds: what training took; None where some of it was done by an earlier run or a worker.
        results: on the test fold.
    """

    seed: int
    model: str
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
    target: str | Sequence[str] = "normal-abnormal",
    start: keras.Model | None = None,
    n_bootstrap: int = 1000,
    teachers: str | Path | None = None,
    scheduler: str | None = None,
    workers: int = 1,
    progress: bool = True,
    **changes: Any,
) -> list[Run]:
    """Train models by a recipe and write them, their results, figures and a model card into a folder.

    Args:
        records: as `load_ptbxl` gives them, with the label rule and the folds of each split; or as
            `load_labelled`, whose labels are then written there, too, with the folds.
        output: the folder. An interrupted run of the same arguments is resumed there.
        recipe: name of a recipe, or a `Recipe`.
        n_seeds: how many models to train, with seeds from 0 on.
        target: as in `train_recipe`; of recordings of your own, always their classes.
        start: deployable model to go on from.
        n_bootstrap: resamples of patients for the intervals.
        teachers: folder of another run on the same records whose teachers are taken, so that they are not
            trained twice; where a recipe has teachers.
        scheduler, workers: as in `run_jobs`, for the trainings; the models are the same.
        progress: show progress bars.
        changes: attributes of the recipe to change, such as epochs.

    Returns:
        List of `Run`, one for each seed.

    Raises:
        ValueError: an unknown recipe or target, or a folder that holds another run.
        RuntimeError: names the seeds that failed on workers.
    """
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1, got {n_seeds}.")
    recipe, output = find_recipe(recipe, **changes), Path(output).expanduser().absolute()
    output.mkdir(parents=True, exist_ok=True)
    (test_fold,) = records.folds("test")
    own = isinstance(records, LabelledRecords)
    if own:
        target = tuple(records.targets)
        labels = records.dataset.table.drop(columns=["patient", "fold"], errors="ignore")
        labels = labels.rename(columns={"patient_id": "patient", "strat_fold": "fold"})
        write_whole(output / "labels.csv", labels.to_csv(index_label="file"))
    runs, how = [], {"output": output, "recipe": recipe, "start": start, "target": target}
    how["teacher_folder"] = Path(teachers or output).expanduser().absolute() / "training"
    if scheduler is not None or workers != 1:
        _train_on_workers(records, range(n_seeds), how, scheduler, workers, progress)
    for seed in range(n_seeds):
        model, run, trained = _train(records, seed, verbose=progress, **how)
        if own:
            results = evaluate_labelled(model, records, test_fold, n_bootstrap=n_bootstrap)
        else:
            fold = (records.dataset, test_fold, records.rule)
            results = evaluate_model(model, *fold, progress=progress, n_bootstrap=n_bootstrap)
        runs.append(replace(run, results=results))
        logger.info("Seed %d: %s.", seed, results.headline())
        if seed == 0:
            signals = records.signals[records.labels.index.get_indexer(results.y.index)]
            write_figures(output / "figures", model, signals, results, trained, n_bootstrap)
    told = target if isinstance(target, str) else ", ".join(target)
    _write(output, runs, recipe, told, records, n_bootstrap)
    return runs


def over_seeds(runs: list[Run]) -> pd.DataFrame:
    """Mean, sd (NaN for one run), min, max and n of each headline score over the runs: a row for each."""
    scores = pd.DataFrame([run.results.headline() for run in runs])
    table = scores.agg(["mean", "std", "min", "max"]).T.rename(columns={"std": "sd"})
    return table.assign(n=scores.notna().sum())


def _train_on_workers(records: Records, seeds: range, how: dict, *where: Any) -> None:
    """Train as jobs, so that `_train` finds it done; where seeds share teachers, after the first of them."""
    same = records.reload and records.reload()
    alike = same and all(same.splits[split].equals(ids) for split, ids in records.splits.items())
    if not (alike and same.labels.equals(records.labels)):
        raise ValueError("records must be as they were loaded, got others. Leave out scheduler and workers.")
    _ = records.signals  # cached before workers ask for them
    alone = 1 if how["recipe"].teachers and how["start"] is None else 0
    for part in filter(None, (seeds[:alone], seeds[alone:])):
        jobs = {f"seed {seed}": (records.reload, seed, how) for seed in part}
        if failed := run_jobs(_train_job, jobs, *where):
            found = ", ".join(f"{name} that failed ({error})" for name, error in failed.items())
            advice = f"What is done is stored in {how['output']}; start the same again."
            raise RuntimeError(f"All trainings must end well, got {found}. {advice}")


def _train_job(load: Callable[[], Records], seed: int, how: dict) -> None:
    _train(load(), seed, verbose=False, **how)


def _train(
    records: Records, seed: int, output: Path, recipe: Recipe, start: keras.Model | None, **options: Any
) -> tuple:
    """Train by `train_recipe`, with its `options`, and save one model, or resume it."""
    state = output / "training" / f"seed{seed}"
    options |= {"seed": seed, "folder": state, "start": start and start_from(start)}
    fresh, started = not (state / STATE_FILE).is_file(), time.perf_counter()
    trained = train_recipe(recipe, records.signals, records.targets, records.splits, **options)
    seconds = round(time.perf_counter() - started, 1) if fresh else None
    model = deploy_trained(trained, records, options["target"], start and settings_of(start))
    file = f"model_seed{seed}.keras" if seed else "model.keras"
    save_model(model, output / file)
    return model, Run(seed, file, trained.best_epoch, len(trained.history), seconds), trained


def _write(
    output: Path, runs: list[Run], recipe: Recipe, target: str, records: Records, n_bootstrap: int
) -> None:
    """Write predictions, metrics, the comparison and the model card."""
    predictions = pd.concat([run.results.predictions.assign(seed=run.seed) for run in runs])
    write_whole(output / "predictions.csv", predictions.round(6).to_csv())
    summary = over_seeds(runs)
    (output / COMPARISON).unlink(missing_ok=True)
    first = runs[0].results
    if first.binary and first.fold == FOLD and not first.simulated:
        p = pd.DataFrame({run.seed: run.results.p["ABNORMAL"] for run in runs})
        beside = comparison(first.y["ABNORMAL"], p, first.patients, first.superclass, n_bootstrap)
        if beside is not None:
            write_whole(output / COMPARISON, beside.to_csv(index_label="score"))
    metrics = {
        "signalcam": __version__,
        "recipe": recipe.name,
        "target": target,
        "rule": records.rule,
        "data": records.dataset.name,
        "simulated": records.dataset.simulated,
        "records": {name: len(ids) for name, ids in records.splits.items()},
        "hyperparameters": asdict(recipe) | {"view": dict(recipe.view)},
        "over_seeds": as_records(summary),
        "runs": [vars(run) | {"results": as_json(run.results)} for run in runs],
    }
    write_whole(output / "metrics.json", json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    write_whole(output / "MODEL_CARD.md", training_card(metrics, first, summary))
    logger.info("%s: %s.", output, ", ".join(sorted(path.name for path in output.iterdir())))
