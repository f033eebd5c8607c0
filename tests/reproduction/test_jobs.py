"""Trainings as jobs on several workers: the models of one after the other."""

import numpy as np
import pytest

from signalcam.data import load_ptbxl
from signalcam.deployment import run_jobs
from signalcam.reproduction import reproduce, train_seed
from signalcam.training import find_recipe


@pytest.mark.slow
def test_seeds_trained_by_two_workers_are_those_trained_one_after_the_other(simulated_folder, tmp_path):
    pytest.importorskip("distributed")
    recipe = find_recipe("paper", epochs=1)
    how = {"n_seeds": 2, "n_bootstrap": 10, "progress": False}
    jobs = {f"{seed}": (str(simulated_folder), "paper", recipe, seed, tmp_path / "jobs") for seed in (0, 1)}
    assert run_jobs(train_seed, jobs, workers=2, progress=False) == {}
    records = load_ptbxl(simulated_folder, progress=False)
    together = reproduce(records, tmp_path / "jobs", recipe, **how)
    assert [run.seconds for run in together] == [None, None], "found done"
    for one, other in zip(together, reproduce(records, tmp_path / "serial", recipe, **how), strict=True):
        np.testing.assert_allclose(one.results.p["ABNORMAL"], other.results.p["ABNORMAL"], atol=1e-6)
