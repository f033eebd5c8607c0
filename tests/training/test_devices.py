"""Several devices of one machine: the same training, in parts."""

import subprocess
import sys

import numpy as np
import pytest

TRAIN = """
import sys
import numpy as np, tensorflow as tf
from signalcam.model import build_model
from signalcam.training import train

kind, path = sys.argv[1:]
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]) if kind == "two" else "auto"
rng = np.random.default_rng(0)
y = rng.integers(0, 2, 48).astype(np.float32)
x = (rng.normal(size=(48, 64, 12)) + 0.3 * y[:, None, None]).astype(np.float32)
build = lambda: build_model(64, filters=(4, 4, 4, 8), kernel_sizes=(5, 5, 5, 5))
settings = {"epochs": 3, "batch_size": 16, "monitor": None, "seed": 1, "verbose": False}
result = train(build, (x, y), (x, y), strategy=strategy, **settings)
assert not any(getattr(layer, "synchronized", False) for layer in result.model.layers)
np.savez(path, **{weight.path.replace("/", " "): np.asarray(weight) for weight in result.model.weights})
"""


@pytest.mark.slow
def test_two_devices_end_with_the_weights_of_one(tmp_path):
    for kind in ("one", "two"):
        subprocess.run([sys.executable, "-c", TRAIN, kind, str(tmp_path / f"{kind}.npz")], check=True)
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        assert one.files == two.files
        for name in one.files:
            # BatchNorm takes a convolution's bias off again: its gradient is rounding, scaled by Adam.
            if not (name.startswith("conv") and name.endswith("bias")):
                np.testing.assert_allclose(two[name], one[name], atol=1e-5, err_msg=name)
