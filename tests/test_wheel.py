"""The sdist and the wheel: what they hold, and what the small install does in an empty environment."""

import json
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from recording_files import write_csv, write_wfdb

from signalcam.commands.notebooks import NOTEBOOKS
from signalcam.deployment.pretrained import PRETRAINED
from signalcam.simulation import simulate_record

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parent.parent
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
NEEDED = (
    "signalcam/py.typed",
    "signalcam/plotting/templates/model.html.j2",
    "signalcam/plotting/browser/main.mjs",
    "signalcam/plotting/browser/page.css",
    "signalcam/deployment/micro_template.h",
    "signalcam/reproduction/published.csv",
    *(
        f"signalcam/deployment/pretrained/{name}.{kind}"
        for name in PRETRAINED
        for kind in ("keras", "tflite")
    ),
    *NOTEBOOKS,
    "res/network_sample.png",
    "res/xai_branch.png",
    "LICENSE",
)


def run(*command, **options):
    """Run a command, whose output is shown where it fails, and give the output."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder with an environment `env`, empty but for pip, and the sdist and wheel, built from a copy."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "venv", folder / "env")
    needed = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    pip = (folder / "env/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet", "--retries", "1")
    tools = subprocess.run(
        [*pip, "install", "--no-compile", "--target", folder / "tools", *needed],
        capture_output=True,
        text=True,
        check=False,
    )
    if tools.returncode:
        pytest.skip(f"the package registry gives no {needed[0]}: {tools.stderr.splitlines()[-1]}")
    source = folder / "source"
    hidden = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("signalcam", "tests", "res"):
        shutil.copytree(PROJECT / name, source / name, ignore=hidden)
    for path in (*PROJECT.glob("*.*"), PROJECT / "LICENSE"):
        if path.is_file() and not path.name.startswith("."):
            shutil.copy(path, source)
    (source / "data/ptb-xl").mkdir(parents=True)
    (source / "data/ptb-xl/00001_lr.dat").write_bytes(b"a record")
    with_tools = {"cwd": source, "env": {"PYTHONPATH": str(folder / "tools"), "PATH": ""}}
    sdist = run(pip[0], "-c", BUILD, folder, **with_tools).splitlines()[-1]
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, folder / sdist, **with_tools)
    wheel = next(folder.glob("*.whl"))
    run(*pip, "install", "--no-compile", "-c", PROJECT / "constraints.txt", f"{wheel}[lite]")
    return folder


@pytest.fixture(scope="module")
def signals():
    return simulate_record(seed=1).signals


def test_both_hold_what_the_package_needs_and_neither_tests_nor_records(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as file:
        sdist = [name.partition("/")[2] for name in file.getnames()]
    wheel = zipfile.ZipFile(next(built.glob("*.whl"))).namelist()
    modules = [str(path.relative_to(PROJECT)) for path in (PROJECT / "signalcam").rglob("*.py")]
    for names in (sdist, wheel):
        for needed in (*NEEDED, *modules):
            assert any(name.endswith(needed) for name in names), needed
        assert not any(name.startswith("tests") or name.endswith((".dat", ".hea", ".npy")) for name in names)


def test_small_install_answers_and_explains_without_tensorflow(built, signals, tmp_path):
    python, command = built / "env/bin/python", built / "env/bin/signalcam"
    there = (
        "import importlib.util as u; print([n for n in ('tensorflow', 'keras', 'pandas') if u.find_spec(n)])"
    )
    assert run(python, "-c", there, cwd=tmp_path) == "[]\n"
    header, table = write_wfdb(tmp_path, signals, name="a"), write_csv(tmp_path / "b.csv", signals)
    how = ("--source-rate", "100", "--unit", "mV", "--format", "json")
    wfdb, csv = json.loads(run(command, "predict", "leadwise", header, table, *how, cwd=tmp_path))
    assert 0 < wfdb["probability"] < 1
    assert csv["probability"] == pytest.approx(wfdb["probability"], abs=1e-3)
    run(command, "explain", "leadwise", header, "--output", "map.png", cwd=tmp_path)
    assert (tmp_path / "map.png").stat().st_size > 10_000
    page = [command, "explain", "leadwise", header, "--output", "map.html"]
    done = subprocess.run(page, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, 'pip install "signalcam[train]"' in done.stderr) == (1, True)


def test_installed_command_copies_the_notebooks(built, tmp_path):
    run(built / "env/bin/signalcam", "notebooks", "--copy", "lessons", cwd=tmp_path)
    for name in NOTEBOOKS:
        assert nbformat.read(tmp_path / "lessons" / name, as_version=4) == nbformat.read(PROJECT / name, 4)
    assert (tmp_path / "lessons/res/xai_branch.png").is_file()
