"""`train`, `evaluate`: train by a recipe, and score a trained model on a fold of a dataset."""

import argparse
import contextlib
import json
import sys
from pathlib import Path

from signalcam.commands import add_command, fitted, open_model, start_tensorflow
from signalcam.commands.reading import add_labelled_options, read_labelled
from signalcam.errors import listed

# As the library has them; written out, so that --help need not load it.
RECIPES = ("paper", "single", "teacher", "best", "leadwise")
RULES = ("paper", "labelled", "any_norm", "clear")
TARGETS = ("normal-abnormal", "superclasses")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    example = "--recipe paper --data ~/data/ptb-xl --seeds 5 --output runs/paper"
    parser = add_command(commands, "train", train, example)
    parser.add_argument("--recipe", choices=RECIPES, help="by which recipe (paper; single with --from)")
    _add_data_options(parser)
    parser.add_argument("--rule", choices=RULES, default="paper", help="label rule (paper)")
    parser.add_argument("--target", choices=TARGETS, default=TARGETS[0], help=f"what to tell ({TARGETS[0]})")
    parser.add_argument("--seeds", type=int, default=1, help="how many models, with seeds from 0 on (1)")
    parser.add_argument("--epochs", type=int, help="another number of epochs than the recipe's")
    start = "go on from a trained model: first a classifier alone, then all of it"
    parser.add_argument("--from", dest="start", metavar="MODEL", help=start)
    leads = "train for these alone, such as I or I,II,V1,V2,V3,V4,V5,V6 (all 12)"
    parser.add_argument("--leads", metavar="I,II,...", help=leads)
    parser.add_argument("--teachers", type=Path, help="folder of a run with teachers to take (the output's)")
    parser.add_argument("--output", type=Path, help="folder (out/RECIPE); an interrupted run goes on there")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, whose workers see the same folders")
    parser.add_argument("--workers", type=int, default=1, help="without it: processes on this machine (1)")
    add_labelled_options(parser)
    parser.add_argument("--classes", metavar="A,B,...", help="of the table of labels (all that it has)")
    parser.add_argument("--duration", type=float, help="s of a recording, or of a window of it (10)")
    parser.add_argument("--sampling-rate", type=int, help="of the recordings, in Hz (100)")

    example = "runs/paper/model.keras --data ~/data/ptb-xl --fold 10"
    parser = add_command(commands, "evaluate", evaluate, example, model=True)
    _add_data_options(parser)
    fold = "one that the model has not seen (10; of recordings of your own, all of these)"
    parser.add_argument("--fold", type=int, help=fold)
    parser.add_argument("--seen-folds", action="store_true", help="also one it was trained or chosen on")
    parser.add_argument("--rule", choices=RULES, help="label rule (the model's own)")
    parser.add_argument("--format", choices=("table", "json"), default="table")
    add_labelled_options(parser)


def _add_data_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", help="PTB-XL's folder (PATH_TO_DATA, else data/ptb-xl, else simulated)")
    parser.add_argument("--bootstrap", type=int, default=1000, help="resamples for the intervals (1000)")


def train(arguments: argparse.Namespace) -> int:
    """Train models by a recipe, evaluate them, and write all of it into one folder."""
    start_tensorflow()
    import pandas as pd

    from signalcam.data import load_ptbxl
    from signalcam.deployment import settings_of
    from signalcam.leads import LEADS
    from signalcam.reproduction import COMPARISON, as_text, over_seeds, reproduce

    start = arguments.start and open_model(arguments.start)
    settings = start and settings_of(start)
    wanted = {name: getattr(arguments, name) for name in ("leads", "duration", "sampling_rate")}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if start and wanted:
        raise ValueError(f"--from takes these from its model; leave out {listed(wanted)}.")
    if arguments.recordings or arguments.labels:
        classes = arguments.classes and [name.strip() for name in arguments.classes.split(",")]
        records = read_labelled(arguments, settings, classes=classes, **wanted)
    else:
        leads = settings.lead_names if start else arguments.leads or LEADS
        records = load_ptbxl(arguments.data, rule=arguments.rule, leads=leads)
        print(records.source)
    recipe = arguments.recipe or ("single" if start else "paper")
    output = (arguments.output or Path("out") / recipe).expanduser()
    how = {name: getattr(arguments, name) for name in ("target", "teachers", "scheduler", "workers")}
    how |= {"n_seeds": arguments.seeds} | ({} if arguments.epochs is None else {"epochs": arguments.epochs})
    try:
        runs = reproduce(records, output, recipe, start=start, n_bootstrap=arguments.bootstrap, **how)
    except KeyboardInterrupt:
        print(f"signalcam train: interrupted. The same command goes on with {output}.", file=sys.stderr)
        return 130
    print(f"\n{as_text(runs[0].results, fitted)}\n")
    if len(runs) > 1:
        print(f"Single models, over {len(runs)} seeds:\n{fitted(over_seeds(runs).round(4))}\n")
    if (output / COMPARISON).is_file():
        print(f"Label rule {arguments.rule}, beside what others published; ours: mean of {len(runs)} models")
        print(f"{fitted(pd.read_csv(output / COMPARISON, index_col='score'))}\n")
    print(f"{output}: model.keras, predictions.csv, metrics.json, figures/, MODEL_CARD.md")
    return 0


def evaluate(arguments: argparse.Namespace) -> int:
    """Score a model on a fold of a dataset, under all label rules, by diagnosis and by subgroup."""
    model = open_model(arguments.model)
    from signalcam.data import open_dataset
    from signalcam.deployment import settings_of
    from signalcam.reproduction import as_json, as_text, evaluate_labelled, evaluate_model

    settings = settings_of(model)
    trained_on = settings.trained_on or "not stated"
    how = {"seen_folds": arguments.seen_folds, "n_bootstrap": arguments.bootstrap}
    if arguments.recordings or arguments.labels:
        with contextlib.redirect_stdout(sys.stderr):
            records = read_labelled(arguments, settings, classes=settings.class_names, training=False)
        dataset = records.dataset
        results = evaluate_labelled(model, records, arguments.fold, **how)
    else:
        dataset = open_dataset(arguments.data)
        fold = 10 if arguments.fold is None else arguments.fold
        results = evaluate_model(model, dataset, fold, arguments.rule, **how)
    if arguments.format == "json":
        print(dataset.source, file=sys.stderr)
        facts = {"model": arguments.model, "trained_on": trained_on, "data": dataset.describe()}
        print(json.dumps(facts | as_json(results), indent=1, allow_nan=False))
    else:
        print(f"{dataset.source}\nModel {arguments.model}, trained on: {trained_on}.\n")
        print(as_text(results, fitted))
    return 0
