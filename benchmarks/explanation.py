"""Assess maps on the real sample's test fold, on the simulated set, and on lesions that last for seconds.

    python benchmarks/explanation.py --data data/ptb-xl --simulated data/simulated

The real sample is read by the shipped model, which has not seen fold 10; the simulated sets by one that is
trained here by a recipe on folds 1 to 8, or given. For each set a page, figures and tables are written
below --output, and beside them `README.md` with the tables that the project's README shows: method x
(faithfulness, localisation, sanity, cost), and by how much the exact CAM beats each other method. Last,
what the CAM adds to the time of a prediction.
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import tensorflow as tf  # noqa: E402
from latency import without_cam  # noqa: E402
from partial_lesions import partial_records  # noqa: E402

from signalcam.data import load_ptbxl  # noqa: E402
from signalcam.deployment import deploy, load_model, save_model  # noqa: E402
from signalcam.deployment.pretrained import FOLDER  # noqa: E402
from signalcam.evaluation import latency_table  # noqa: E402
from signalcam.explanation import Network, assess, explain_report, summary_table, write_report  # noqa: E402
from signalcam.model import add_cam  # noqa: E402
from signalcam.simulation import write_dataset  # noqa: E402
from signalcam.training import train_recipe  # noqa: E402

HERE = Path(__file__).resolve().parent
RULE = "labelled"
SHIPPED = FOLDER / "normal-abnormal.keras"


def main(argv=None):
    arguments = parse(argv)
    found, network = {}, None
    for name, path, model_path in (
        ("real", arguments.data, arguments.real_model),
        ("simulated", arguments.simulated, arguments.simulated_model),
    ):
        if name == "simulated":
            write_dataset(path, n_records=1200, seed=0)
        elif not Path(path).is_dir():
            print(f"{path} is not there: the real sample is left out.")
            continue
        study = load_ptbxl(path, rule=RULE)
        model = open_model(study, arguments.recipe, model_path or arguments.output / f"{name}.keras")
        page, found[name] = explain_report(
            model, study, arguments.output / name, retrain_epochs=arguments.retrain_epochs
        )
        print(page)
        network = Network(model)
        if name == "simulated":
            found["partial"] = assess(network, partial_records(model, arguments.partial))
            print(write_report(found["partial"], arguments.output / "partial"))
    text = "\n\n".join(
        [
            "# Maps, measured",
            markdown(methods_table(found)),
            "Exact CAM minus the other method, same records:",
            markdown(advantages(found)),
            cam_cost(model),
        ]
    )
    (arguments.output / "README.md").write_text(text + "\n", "utf-8")
    print(text)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="data/ptb-xl", help="folder of the real sample")
    parser.add_argument(
        "--simulated", default="data/simulated", help="simulated set; made if it is not there"
    )
    parser.add_argument("--recipe", default="best", help="by which a model is trained that is not there")
    parser.add_argument(
        "--real-model", type=Path, default=SHIPPED, help=".keras file, not trained on fold 10"
    )
    parser.add_argument("--simulated-model", type=Path, help=".keras file for the simulated set")
    parser.add_argument("--partial", type=int, default=200, help="records with partial lesions (200)")
    parser.add_argument("--retrain-epochs", type=int, default=15, help="on shuffled labels; 0 for none (15)")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "explanation")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    return arguments


def open_model(study, recipe, path):
    """Read the model, or train it and write it there."""
    if not path.is_file():
        trained = train_recipe(recipe, study.signals, study.targets, study.splits)
        save_model(deploy(trained, "normal-abnormal", label_rule=RULE), path)
    return load_model(path)


def methods_table(found):
    """One row a method, one column a question, each with its interval."""
    columns = {}
    for name, assessment in found.items():
        table = summary_table(assessment)
        parts = {"real": ["faithfulness", "sanity"], "partial": ["localisation_partial"]}.get(
            name, ["faithfulness", "localisation"]
        )
        for part in parts:
            if part in table:
                columns[f"{part.replace('_partial', '')}, {name}"] = [
                    with_interval(*row) for row in table[[part, f"{part}_low", f"{part}_high"]].to_numpy()
                ]
        columns["ms a record"] = [f"{value:.2g}" for value in table["ms_per_record"]]
        index = table.index
    columns["ms a record"] = columns.pop("ms a record")
    return pd.DataFrame(columns, index=index)


def advantages(found):
    """By how much the exact CAM beats each other method, with intervals."""
    columns = {}
    for name, assessment in found.items():
        tables = assessment.tables
        parts = {"gain in faithfulness": tables["faithfulness_advantage"].xs("gain", level="measure")}
        group = "partial" if name == "partial" else "all"
        if "localisation_advantage" in tables:
            rows = tables["localisation_advantage"].loc[group]
            for measure in ("average_precision", "pointing", "mass"):
                parts[measure.replace("_", " ")] = rows.xs(measure, level="measure")
        for part, rows in parts.items():
            columns[f"{part}, {name}"] = rows.apply(
                lambda row: with_interval(row["value"], row["low"], row["high"], "+"), axis=1
            )
    return pd.DataFrame(columns).drop(index="cam")


def cam_cost(model, batch_size=128, repeats=200):
    """Say what the CAM adds to the time of a prediction, as compiled calls that take turns."""
    network = Network(model)
    signals = np.random.default_rng(0).normal(size=(batch_size, network.n_times, network.n_leads))
    batch = tf.constant(signals, tf.float32)
    pairs = {
        "From raw mV": (without_cam(model), model),
        "The network alone": (network.model, add_cam(network.model)),
    }
    lines = []
    for name, pair in pairs.items():
        plain, with_cam = (
            partial(_call, tf.function(partial(one, training=False)).get_concrete_function(batch), batch)
            for one in pair
        )
        table = latency_table({"plain": plain, "with": with_cam}, repeats=repeats, n_records=batch_size)
        share = table.loc["with"] / table.loc["plain"] - 1
        median = table["median"]
        lines.append(
            f"{name}, {batch_size} records: {median['plain']:.1f} ms for the prediction alone, "
            f"{median['with']:.1f} ms with evidence and heatmap: {share['median']:+.1%} (median), "
            f"{share['low']:+.1%} at the lower quartile of {repeats} calls."
        )
    return "\n\n".join(lines)


def _call(forward, batch):
    return tf.nest.map_structure(lambda part: part.numpy(), forward(batch))


def with_interval(value, low, high, sign=""):
    return "" if np.isnan(value) else f"{value:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def markdown(table):
    lines = ["| " + " | ".join(["method", *table.columns]) + " |", "| --- " * (len(table.columns) + 1) + "|"]
    rows = zip(table.index, table.to_numpy(), strict=True)
    lines += ["| " + " | ".join([str(name), *map(str, row)]) + " |" for name, row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
