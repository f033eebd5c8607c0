"""Fixtures that several test modules share: a small simulated set, the real sample where it is there."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def simulated_folder(tmp_path_factory):
    """Folder of a simulated set of 120 records, in PTB-XL's layout; read only, shared by all tests."""
    from signalcam.simulation import write_dataset

    return write_dataset(tmp_path_factory.mktemp("simulated") / "set", n_records=120, seed=7, progress=False)


@pytest.fixture(scope="session")
def simulated_dataset(simulated_folder):
    from signalcam.data.ptbxl import open_dataset

    return open_dataset(simulated_folder)


@pytest.fixture(scope="session")
def real_folder():
    """Folder of the real PTB-XL sample; the test is skipped where there is none."""
    folder = PROJECT / "data" / "ptb-xl"
    if not (folder / "ptbxl_database.csv").is_file():
        pytest.skip("the real PTB-XL sample is not in data/ptb-xl")
    return folder


@pytest.fixture(scope="session")
def real_dataset(real_folder):
    from signalcam.data.ptbxl import open_dataset

    return open_dataset(real_folder)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def ecg_like(rng):
    """(6, 1000, 12) float32 in mV: smooth leads that obey Einthoven's and Goldberger's identities."""
    time = np.arange(1000)[:, None] / 100.0
    free = rng.normal(size=(6, 1, 8)) * np.sin(2 * np.pi * (1 + rng.random((6, 1, 8))) * time)
    lead_i, lead_ii, chest = free[..., 0], free[..., 1], free[..., 2:]
    limb = [
        lead_i,
        lead_ii,
        lead_ii - lead_i,
        -(lead_i + lead_ii) / 2,
        lead_i - lead_ii / 2,
        lead_ii - lead_i / 2,
    ]
    return np.concatenate([np.stack(limb, axis=-1), chest], axis=-1).astype(np.float32)


@pytest.fixture(autouse=True)
def user_cache_in_a_temporary_folder(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's own cache."""
    monkeypatch.setenv("SIGNALCAM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
