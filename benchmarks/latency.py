"""Latency of one raw record and throughput of batches: Keras, LiteRT, ONNX Runtime, PyTorch, in one run.

    python benchmarks/latency.py [--model normal-abnormal] [--repeats 2000] [--batch 128]

Every call takes raw mV and gives probability, logit, evidence and heatmap; detrending and scaling included.
One thread each, taking turns of fifty calls over some ten seconds, so that whatever else the machine does
hits all alike: a shared one changes its speed by a third, for seconds at a time.
Without --model: the network and scaling of the recipe `best` with random weights, which cost the same.
PyTorch joins where it is installed (`pip install torch`), rebuilt weight by weight and checked against
Keras. LiteRT answers record by record, in a batch too.

Targets: LiteRT below 0.25 ms, and at most a quarter of a Keras or PyTorch call; the CAM at most 3 % more in a
batch of 128.
"""

import argparse
import importlib.util
import os
import platform
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from timing import latency_table

from signalcam.commands import open_model
from signalcam.deployment.converters import litert_bytes, onnx_bytes
from signalcam.deployment.deployable import Settings, build_deployable, network_of
from signalcam.deployment.runtime import open_exported
from signalcam.preprocessing import Scaler, detrend
from signalcam.simulation import Subject, simulate_record
from signalcam.training.networks import ARCHITECTURES
from signalcam.training.recipes import RECIPES

LITERT = "LiteRT float32"
RIVALS = ("Keras call", "Keras compiled call", "PyTorch call")
SLOW = ("Keras call", "Keras predict")  # a hundred times as slow as the others: called less often
TARGET_MS = 0.25


def main() -> None:
    arguments = parse()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    signals = simulate(arguments.batch)
    model = open_model(arguments.model) if arguments.model else random_model(signals)
    plain = without_cam(model)
    scale = model.get_layer("scale").rule
    print(
        f"{network_of(model).name}: {model.count_params():,} parameters, scaling {scale}; "
        f"{platform.processor() or platform.machine()}, one thread, load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        calls = exported_calls(model, Path(folder), signals)
        calls_plain = exported_calls(plain, Path(folder), signals, precisions=("float32",))
    calls |= keras_calls(model) | torch_calls(model, signals)
    calls_plain |= keras_calls(plain) | torch_calls(model, signals, cam=False)

    slow = {name: calls.pop(name) for name in SLOW}
    few = max(5, arguments.repeats // 100)
    often = measure(calls, signals[:1], arguments.repeats, in_a_row=50)
    one = pd.concat([often, measure(slow, signals[:1], few)])
    one["times LiteRT"] = one["median"] / one.loc[LITERT, "median"]
    show("One raw record, ms", one.drop(columns=["repeats", "throughput"]))
    verdict(one)

    batch = measure(calls | {"Keras predict": slow["Keras predict"]}, signals, few)
    show(f"Batches of {len(signals)}, ms; records a second", batch.drop(columns="repeats"))

    names = [name for name in calls_plain if name not in SLOW]
    show(
        f"With the CAM and without it, batches of {len(signals)}, ms",
        cam_table(names, calls, calls_plain, signals, max(5, arguments.repeats // 10)),
    )


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("--repeats", type=int, default=2000, help="timed calls of one record (2000)")
    parser.add_argument("--batch", type=int, default=128, help="records of a batch (128)")
    return parser.parse_args()


def simulate(n_records: int) -> np.ndarray:
    """Simulated records, float32 (record, 1000, 12) in mV; the same 16 again and again."""
    made = [
        simulate_record(subject=Subject(seed=seed), seed=seed).signals for seed in range(min(16, n_records))
    ]
    return np.stack([made[k % len(made)] for k in range(n_records)])


def random_model(signals: np.ndarray) -> keras.Model:
    keras.utils.set_random_seed(0)
    recipe = RECIPES["best"]
    scaler = Scaler(recipe.scaling).fit(detrend(signals))
    return build_deployable(ARCHITECTURES[recipe.architecture](), scaler, Settings())


def without_cam(model: keras.Model) -> keras.Model:
    """The same layers, with the probability as the only output."""
    inner = network_of(model)
    network = keras.Model(inner.inputs, {"probability": inner.output["probability"]}, name="network")
    return keras.Model(model.inputs, network(model.get_layer("scale").output), name="signalcam")


def keras_calls(model: keras.Model) -> dict:
    compiled = tf.function(
        lambda signals: model(signals, training=False),
        input_signature=[tf.TensorSpec((None, *model.input_shape[1:]))],
    )

    def as_arrays(outputs):
        return {name: value.numpy() for name, value in outputs.items()}

    return {
        "Keras predict": lambda signals: model.predict(signals, batch_size=128, verbose=0),
        "Keras call": lambda signals: as_arrays(model(signals, training=False)),
        "Keras compiled call": lambda signals: as_arrays(compiled(signals)),
    }


def exported_calls(model, folder: Path, signals, precisions=("float32", "int8")) -> dict:
    calls = {}
    for precision in precisions:
        file = folder / f"{precision}.tflite"
        file.write_bytes(litert_bytes(model, precision, signals[:16]))
        calls[f"LiteRT {precision}"] = open_exported(file).predict
    file = folder / "model.onnx"
    file.write_bytes(onnx_bytes(model))
    return calls | {"ONNX Runtime": open_exported(file).predict}


def torch_calls(model, signals, cam: bool = True) -> dict:
    """PyTorch's call, or none and the reason said."""
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is left out: not installed (pip install torch)") if cam else None
        return {}
    from latency_torch import rebuild

    try:
        return {"PyTorch call": rebuild(model, signals[:4], cam)}
    except NotImplementedError as error:
        print(f"PyTorch is left out: {error} is not rebuilt by latency_torch.py")
        return {}


def measure(calls: dict, signals: np.ndarray, repeats: int, in_a_row: int = 1) -> pd.DataFrame:
    bound = {name: lambda call=call: call(signals) for name, call in calls.items()}
    return latency_table(bound, repeats=repeats, warmup=3, n_records=len(signals), in_a_row=in_a_row)


def cam_table(names, with_cam: dict, without: dict, signals, repeats: int) -> pd.DataFrame:
    """With and without in turns: medians, and what the CAM adds by medians and by lower quartiles."""
    rows = {}
    for name in names:
        pair = measure({"with": with_cam[name], "without": without[name]}, signals, repeats)
        added = 100 * (pair.loc["with"] / pair.loc["without"] - 1)
        rows[name] = [*pair["median"], added["median"], added["low"]]
    columns = ["with", "without", "CAM adds, %", "by lower quartiles, %"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def verdict(one: pd.DataFrame) -> None:
    median, low = one.loc[LITERT, "median"], one.loc[LITERT, "low"]
    print(f"{LITERT}: {median:.3f} ms (lower quartile {low:.3f}), target below {TARGET_MS} ms")
    for rival in [name for name in RIVALS if name in one.index]:
        print(f"{LITERT} takes {median / one.loc[rival, 'median']:.2f} of a {rival}, target at most 0.25")


def show(title: str, table: pd.DataFrame) -> None:
    print(f"\n{title}\n{table.to_string(float_format=_number)}")


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    main()
