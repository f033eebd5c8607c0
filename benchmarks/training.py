"""What an epoch of training costs, one thread, as processor time, beside the machine's matrix-multiply peak.

    python benchmarks/training.py

Four things in turn, each several times, medians: the step of recipe `paper` with Keras's BatchNormalization
and with the fused one, in float32 and, where the processor computes in it, in bfloat16; and the same with the
augmentation. Processor time, since waiting threads make any wall time on a busy machine look better or worse.
"""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from signalcam.augmentation import paper_augmentation  # noqa: E402
from signalcam.evaluation.complexity import count_macs  # noqa: E402
from signalcam.training.networks import ARCHITECTURES  # noqa: E402
from signalcam.training.train_recipe import computes_bfloat16  # noqa: E402
from signalcam.training.train_step import TrainingModel  # noqa: E402

BATCH, N_TIMES = 128, 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--architecture", default="paper", choices=ARCHITECTURES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="training steps a round")
    arguments = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    cases = {}
    for precision in ("float32", "mixed_bfloat16")[: 1 + computes_bfloat16()]:
        for norm in ("Keras", "fused"):
            for augmented in (False, True):
                cases[precision, norm, augmented] = trainer(
                    arguments.architecture, precision, norm, augmented
                )
    times = {case: [] for case in cases}
    for _ in range(arguments.rounds):
        for case, step in cases.items():
            started = time.process_time()
            for _ in range(arguments.steps):
                step()
            times[case].append((time.process_time() - started) / arguments.steps / BATCH * 1e3)
    macs = count_macs(ARCHITECTURES[arguments.architecture](N_TIMES)).sum()
    peak = matrix_peak()
    print(f"{arguments.architecture}: {macs / 1e6:.2f} M products a record, three times that in training;")
    print(f"matrix multiplication on one thread: {peak:.0f} GFLOP/s in float32. Processor time of a record:")
    print(f"{'precision':15} {'BatchNorm':10} {'augmentation':13} {'ms':>6} {'share of the peak':>18}")
    for (precision, norm, augmented), each in times.items():
        ms = statistics.median(each)
        share = f"{2 * 3 * macs / (ms * 1e-3) / 1e9 / peak:18.0%}" if precision == "float32" else f"{'-':>18}"
        print(f"{precision:15} {norm:10} {'yes' if augmented else 'no':13} {ms:6.3f} {share}")


def trainer(architecture, precision, norm, augmented):
    """A function that makes one training step on a batch of noise."""
    keras.config.set_dtype_policy(precision)
    network = ARCHITECTURES[architecture](N_TIMES)
    keras.config.set_dtype_policy("float32")
    model = TrainingModel(network, paper_augmentation(seed=0) if augmented else None)
    if norm == "Keras":
        model.faster_network = network
    model.compile("adam", "binary_crossentropy")
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(BATCH, N_TIMES, 12)), tf.float32)
    y = tf.constant(rng.integers(0, 2, (BATCH, 1)), tf.float32)
    for _ in range(3):
        model.train_on_batch(x, y)
    return lambda: model.train_on_batch(x, y)


def matrix_peak(n=1024, repeats=10):
    """GFLOP/s of a matrix product on one thread."""
    a = tf.random.normal((n, n))
    tf.linalg.matmul(a, a).numpy()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        tf.linalg.matmul(a, a).numpy()
        times.append(time.process_time() - started)
    return 2 * n**3 / min(times) / 1e9


if __name__ == "__main__":
    main()
