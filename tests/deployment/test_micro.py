"""Models for microcontrollers: the map of Keras in their interpreter, and C that compiles."""

import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from random_models import random_model

from signalcam.deployment import MicroModel, Settings, export, micro_model, scaled, to_c
from signalcam.deployment.converters import litert_bytes, micro_bytes
from signalcam.deployment.deployable import build_deployable, network_of
from signalcam.model import build_model
from signalcam.preprocessing import Scaler

pytest.importorskip("tflite_micro")

PREPARE = """
#include <stdio.h>
#include "model.h"
static float signals[SIGNALCAM_N_TIMES * SIGNALCAM_N_LEADS];
static {type} input[SIGNALCAM_N_TIMES * SIGNALCAM_N_LEADS];
int main(void) {{
  if (fread(signals, sizeof signals, 1, stdin) != 1) return 1;
  signalcam_prepare(signals, input);
  return fwrite(input, sizeof input, 1, stdout) != 1;
}}
"""


@pytest.fixture(scope="module")
def signals():
    return export.checked_signals(SimpleNamespace(settings=Settings()), None)


@pytest.fixture(scope="module")
def model(signals):
    return random_model(signals, Settings(class_names=("A", "B", "C"), threshold=(0.5, 0.25, 0.75)))


@pytest.fixture(scope="module", params=["float32", "int8"])
def header(request, model, signals, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "model.h"
    return path, request.param, to_c(model, path, request.param, signals if request.param == "int8" else None)


def content_of(path):
    array = re.search(r"signalcam_model\[\] = \{(.*?)\};", path.read_text(), re.DOTALL)[1]
    return bytes(int(number) for number in array.split(",") if number.strip())


def test_array_of_the_header_gives_the_map_of_keras(header, model, signals):
    path, precision, facts = header
    micro = MicroModel(content_of(path))
    found, expected = micro.answer(scaled(model, signals)), model.predict(signals, verbose=0)
    tolerance = 1e-4 if precision == "float32" else 0.05
    size = np.abs(expected["evidence"]).mean()
    assert np.abs(found["evidence"] - expected["evidence"]).mean() < tolerance * size
    assert np.abs(found["probability"] - expected["probability"]).max() < tolerance
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=5e-3 * size)
    assert facts["size"] == len(micro.content)


def test_header_names_arena_operators_and_outputs(header):
    path, precision, facts = header
    text = path.read_text()
    assert f"#define SIGNALCAM_ARENA_BYTES {facts['arena']} " in text
    assert facts["arena"] < (150_000 if precision == "float32" else 128_000)
    assert "(resolver).AddConv2D(); " in text
    assert text.count("(resolver).Add") == len(facts["operators"])
    assert f"#define SIGNALCAM_N_OPERATORS {len(facts['operators'])}\n" in text
    outputs = re.findall(r"#define SIGNALCAM_(?:PROBABILITY|LOGIT|EVIDENCE) (\d)", text)
    assert sorted(outputs) == ["0", "1", "2"]
    assert "{5.000000000e-01f, 2.500000000e-01f, 7.500000000e-01f}" in text
    assert "$" not in text


@pytest.mark.slow
def test_integers_leave_the_mean_evidence_of_each_class_and_the_network_as_they_were(model, signals):
    network, given = network_of(model), scaled(model, signals)
    weights = network.get_weights()
    plain = MicroModel(micro_bytes(network, given))
    corrected = micro_model(network, given)
    expected = network.predict(given, verbose=0)["evidence"].mean(axis=(0, 1))
    off = [np.abs(one.answer(given)["evidence"].mean(axis=(0, 1)) - expected) for one in (plain, corrected)]
    assert off[1].max() < 0.3 * off[0].max()
    assert corrected.operators == plain.operators
    for before, after in zip(weights, network.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_preparation_in_c_is_that_of_the_model(header, model, signals):
    path, precision, _ = header
    kind = np.float32 if precision == "float32" else np.int16
    source = path.with_name("main.c")
    source.write_text(PREPARE.format(type=f"{np.dtype(kind)}_t" if precision == "int8" else "float"))
    options = ["-std=c11", "-Wall", "-Werror", "-O1", "-lm", "-o", path.with_name("main")]
    subprocess.run(["cc", source, *options], check=True)
    raw = signals[0] + 3  # an electrode's offset
    done = subprocess.run([path.with_name("main")], input=raw.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, kind).reshape(1000, 12).astype(np.float64)
    step = MicroModel(content_of(path)).step or 1.0
    np.testing.assert_allclose(found * step, scaled(model, signals[:1])[0], atol=2e-3)


@pytest.mark.slow
def test_whole_exports_run_in_the_interpreter_unchanged(model, signals):
    from tflite_micro.python.tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(litert_bytes(model), arena_size=1_000_000)
    interpreter.set_input(signals[:1], 0)
    interpreter.invoke()
    found = [interpreter.get_output(k) for k in range(5)]
    for expected in model.predict(signals[:1], verbose=0).values():
        same_shape = [values for values in found if values.shape == expected.shape]
        assert min(np.abs(values - expected).max() for values in same_shape) < 1e-4


def test_what_the_header_has_not_is_said(model, signals, tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.h, got 'model\.c'"):
        to_c(model, tmp_path / "model.c")
    with pytest.raises(ValueError, match="one of float32, int8, got 'float16'"):
        to_c(model, tmp_path / "model.h", "float16")
    with pytest.raises(ValueError, match="calibration must be given for int8"):
        to_c(model, tmp_path / "model.h")
    record = build_deployable(build_model(filters=(4, 4), kernel_sizes=(3, 3)), Scaler("record"), Settings())
    with pytest.raises(ValueError, match="must scale by the training set, got rule 'record'"):
        to_c(record, tmp_path / "model.h", "float32")
    assert not list(tmp_path.iterdir())


def test_evidence_of_the_micro_model_is_one_layer(model):
    micro = MicroModel(micro_bytes(network_of(model)))
    assert set(micro.outputs) == {"probability", "logit", "evidence"}
    assert "RESIZE_BILINEAR" not in micro.operators
