"""The small install: shipped models answer where TensorFlow, Keras, pandas and scikit-learn are not there."""

import json
import subprocess
import sys

import numpy as np
import pytest
from recording_files import write_wfdb

from signalcam.__main__ import main
from signalcam.deployment.pretrained import PRETRAINED, load_pretrained
from signalcam.deployment.runtime import import_extra

pytest.importorskip("ai_edge_litert")

# Refuses what the small install has not; Matplotlib only where a figure is asked for.
SMALL = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Refuse())
from signalcam.__main__ import main
sys.exit(main(sys.argv[1:]))
"""
TRAINING = {
    "tensorflow", "keras", "pandas", "sklearn", "wfdb", "platformdirs", "requests", "jinja2", "h5py"
}  # fmt: skip


def small(*arguments, figures=False):
    refused = TRAINING if figures else TRAINING | {"matplotlib"}
    code = SMALL.format(refused=refused)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def recording(tmp_path, ecg_like):
    write_wfdb(tmp_path, ecg_like[0], name="a")
    return tmp_path / "a.hea"


def test_predict_answers_with_the_numbers_of_keras(recording, capsys):
    done = small("predict", "normal-abnormal", recording, "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert main(["predict", "normal-abnormal", str(recording), "--format", "json", "--keras"]) == 0
    for found, expected in zip(json.loads(done.stdout), json.loads(capsys.readouterr().out), strict=True):
        assert found == expected | {"probability": pytest.approx(expected["probability"], abs=1e-5)}


def test_explain_draws_with_matplotlib_alone(recording, tmp_path):
    done = small("explain", "superclasses", recording, "--output", tmp_path / "map.png", figures=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "map.png").stat().st_size > 10_000


def test_what_needs_tensorflow_says_how_to_install_it(recording, tmp_path):
    done = small("predict", "normal-abnormal", recording, "--keras")
    assert done.returncode == 1
    assert 'TensorFlow, which is not installed: pip install "signalcam[train]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", PRETRAINED)
def test_shipped_files_give_the_same_numbers(name, ecg_like):
    keras, litert = (load_pretrained(name, engine) for engine in ("keras", "litert"))
    expected, found = keras.predict(ecg_like, verbose=0), litert.predict(ecg_like)
    assert litert.precision == "float32"
    assert ("lead_evidence" in found) == name.startswith("leadwise")
    for output in expected:
        tolerance = 1e-5 * max(1, np.abs(expected[output]).max())
        np.testing.assert_allclose(found[output], expected[output], atol=tolerance)


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="engine must be one of keras, litert, got 'torch'"):
        load_pretrained(engine="torch")


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("tflite_micro.python", r'tflite-micro is not installed: pip install "signalcam\[micro\]"'),
        ("ai_edge_litert.interpreter", r'ai-edge-litert is not installed: pip install "signalcam\[export\]"'),
    ],
)
def test_a_missing_runtime_is_told_with_the_extra_that_brings_it(module, advice, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=advice):
        import_extra(module)
