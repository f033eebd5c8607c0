"""Memory of the whole pipeline, measured in a process of its own: no array stands in it twice."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_recordings import write_labelled

from signalcam.simulation import write_dataset


def measure(program, *paths):
    """Run a program in a process of its own; what it prints in its last line."""
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", program, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


PIPELINE = """
import json, resource, sys
import signalcam as sc
from signalcam.training import find_recipe

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

records = sc.load_ptbxl(sys.argv[1], progress=False)
few = records.indices("train")[:64]
options = {"target": "normal-abnormal", "verbose": False}
recipe = find_recipe("paper", epochs=1, batch_size=64)
splits = {"train": records.labels.index[few], "validation": records.splits["validation"][:64]}
sc.train_recipe(recipe, records.signals[:1000], records.targets[:1000], splits, **options)
before = peak()  # TensorFlow and a training of few records are paid for
sc.train_recipe(recipe, records.signals, records.targets, records.splits, **options)
print(json.dumps({"added": peak() - before, "array": records.signals.nbytes}))
"""


@pytest.mark.slow
def test_training_on_4000_records_holds_the_signals_twice_at_most(tmp_path):
    """Once as the pages of the cache that are read, once detrended and scaled; batches are the rest."""
    folder = write_dataset(tmp_path / "set", n_records=4000, seed=1, progress=False)
    found = measure(PIPELINE, folder)
    assert found["array"] == 4000 * 1000 * 12 * 4
    assert found["added"] < 2.2 * found["array"]


LABELLED = """
import json, resource, sys
from pathlib import Path
from signalcam.data import load_labelled

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def load(folder):
    return load_labelled(folder / "recordings", folder / "labels.csv", cache=False, progress=False)

load(Path(sys.argv[1]))
before = peak()  # imports and tables are paid for
records = load(Path(sys.argv[2]))
print(json.dumps({"added": peak() - before, "array": records.signals.nbytes}))
"""


@pytest.mark.slow
def test_recordings_of_your_own_stand_in_memory_once_without_a_cache(tmp_path):
    for name, n_patients in (("few", 20), ("many", 500)):
        write_labelled(tmp_path / name, n_patients)
    found = measure(LABELLED, tmp_path / "few", tmp_path / "many")
    assert found["array"] == 1000 * 1000 * 12 * 4
    assert found["added"] < 1.2 * found["array"]


HOLTER = """
import json, resource, sys
from signalcam.recordings import read_windows
how = {"resample": True, "leads": ("I", "II", "V5"), "progress": False}
n = sum(window.signals.shape == (1000, 3) for window in read_windows(sys.argv[1], **how))
print(json.dumps({"windows": n, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


@pytest.mark.slow
@pytest.mark.bad_input(56)
def test_a_holter_recording_of_24_hours_needs_no_more_memory_than_one_of_an_hour(tmp_path):
    minute = np.rint(1000 * np.sin(np.arange(15_000) / 20)).astype("<i2")[:, np.newaxis].repeat(3, axis=1)
    found = {}
    for hours in (1, 24):
        with open(tmp_path / "holter.dat", "wb") as file:
            for _ in range(60 * hours):
                file.write(minute.tobytes())
        total = 60 * hours * int(minute[:, 0].astype(int).sum()) % 65536
        lines = [f"holter.dat 16 1000(0)/mV 16 0 0 {total} 0 {lead}" for lead in ("I", "II", "V5")]
        text = "\n".join([f"holter 3 250 {hours * 900_000}", *lines])
        (tmp_path / "holter.hea").write_text(f"{text}\n")
        found[hours] = measure(HOLTER, tmp_path / "holter.hea")
    assert [found[hours]["windows"] for hours in found] == [360, 8640]
    assert found[24]["peak"] < found[1]["peak"] + 20e6
