"""Train by a recipe, evaluate, and write everything about it into one folder; on all of PTB-XL, the paper.

The folder holds a model for each seed, the predictions of the test fold, the metrics, the figures of the
first seed, a model card, and the state of each training, from which an interrupted run goes on.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd

from signalcam import __version__
from signalcam.data.load import Study, open_study
from signalcam.deployment.deploy import deploy
from signalcam.deployment.deployable import save_model
from signalcam.errors import LeakageError, listed
from signalcam.reproduction.figures import write_figures
from signalcam.reproduction.model_card import training_card
from signalcam.reproduction.results import Results, evaluate_model
from signalcam.reproduction.text import as_json
from signalcam.training.callbacks import STATE_FILE
from signalcam.training.further import open_further_records
from signalcam.training.recipes import find_recipe
from signalcam.training.train_recipe import train_recipe

logger = logging.getLogger(__name__)


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
    dataset,
    output,
    recipe="paper",
    rule="paper",
    n_seeds=1,
    target="normal-abnormal",
    further=None,
    test_fold=10,
    validation_fold=9,
    n_bootstrap=1000,
    cache=True,
    progress=True,
    **changes,
):
    """Train models by a recipe and write them, their results, figures and a model card into a folder.

    Args:
        dataset: `Dataset`, as `open_dataset` gives it.
        output: the folder. One that holds an interrupted run of the same arguments is gone on with.
        recipe: name of a recipe, or a `Recipe`.
        rule: label rule of the training; results are given under all of them.
        n_seeds: how many models to train, with seeds from 0 on.
        target: as in `train_recipe`.
        further: folder of further training records (`open_further_records`), or None.
        test_fold, validation_fold: the other folds train.
        n_bootstrap: resamples of patients for the intervals.
        cache: as in `load_signals`.
        progress: show progress bars.
        changes: attributes of the recipe to change, such as epochs.

    Returns:
        List of `Run`, one for each seed.

    Raises:
        ValueError: an unknown recipe, rule or target, or a folder that holds another run.
        LeakageError: a patient in two splits, or further records of patients to be tested on.
    """
    if n_seeds < 1:
        raise ValueError(f"n_seeds must be at least 1; got {n_seeds}.")
    recipe, output = find_recipe(recipe, **changes), Path(output).expanduser()
    loading = {"cache": cache, "progress": progress}
    study = open_study(dataset, rule, test_fold=test_fold, validation_fold=validation_fold, **loading)
    more = None
    if further is not None:
        more = open_further_records(further, without_folds=(test_fold, validation_fold))
        _check_further(more, study)
    output.mkdir(parents=True, exist_ok=True)
    options = {"target": target, "further": more, "verbose": progress}
    about = {"label_rule": rule, "trained_on": _data_in_words(study, more)}
    runs = []
    for seed in range(n_seeds):
        model, run, trained = _train(study, recipe, seed, output, options, about)
        results = evaluate_model(model, dataset, test_fold, n_bootstrap=n_bootstrap, **loading)
        runs.append(replace(run, results=results))
        logger.info("Seed %d: %s.", seed, results.headline())
        if seed == 0:
            signals = study.signals[study.rows("test")]
            write_figures(output / "figures", model, signals, results, trained, n_bootstrap)
    _write(output, runs, recipe, target, study, more)
    return runs


def over_seeds(runs):
    """Return mean, standard deviation, smallest and largest value of each headline score over the runs.

    Returns:
        float DataFrame: index metric; columns mean, sd (NaN for one run), min, max, n.
    """
    scores = pd.DataFrame([run.results.headline() for run in runs])
    table = pd.DataFrame(
        {"mean": scores.mean(), "sd": scores.std(), "min": scores.min(), "max": scores.max()}
    )
    return table.assign(n=scores.notna().sum())


def _train(study: Study, recipe, seed, output: Path, options, about):
    """Train and save one model, or go on with it."""
    state = output / "training" / f"seed{seed}"
    fresh, started = not (state / STATE_FILE).is_file(), time.perf_counter()
    data = (study.signals, study.superclass, study.labels, study.splits)
    kept = {"folder": state, "teacher_folder": output / "training"}
    trained = train_recipe(recipe, *data, seed=seed, **kept, **options)
    seconds = time.perf_counter() - started if fresh else None
    result = trained.result
    model = deploy(recipe, result.model, trained.scaler, options["target"], **about)
    file = f"model_seed{seed}.keras" if seed else "model.keras"
    save_model(model, output / file)
    return model, Run(seed, file, result.best_epoch, len(result.history), seconds), result


def _check_further(more, study: Study):
    held_out = study.table.loc[study.splits["validation"].union(study.splits["test"])]
    shared = held_out.index[held_out["patient_id"].isin(more.patient_ids)]
    shared = shared.union(held_out.index[held_out.index.isin(more.ecg_ids)])
    if len(shared):
        raise LeakageError(
            f"{len(shared):,} records to validate or test on are of patients among the further training "
            f"records: ecg_id {listed(shared)}. Leave these out of the further records."
        )


def _name(dataset):
    return f"{'' if dataset.simulated else 'PTB-XL '}{dataset.version}"


def _data_in_words(study: Study, more):
    further = f" and {len(more.ecg_ids):,} further ones" if more is not None else ""
    return f"{_name(study.dataset)}: {len(study.splits['train']):,} records{further} to train"


def _write(output, runs, recipe, target, study, more):
    """Write predictions, metrics and the model card."""
    predictions = pd.concat([run.results.predictions.assign(seed=run.seed) for run in runs])
    predictions.round(6).to_csv(output / "predictions.csv")
    summary = over_seeds(runs)
    metrics = {
        "signalcam": __version__,
        "recipe": recipe.name,
        "target": target,
        "rule": study.rule,
        "data": _name(study.dataset),
        "simulated": study.dataset.simulated,
        "records": {name: len(ids) for name, ids in study.splits.items()},
        "further_records": 0 if more is None else len(more.ecg_ids),
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
