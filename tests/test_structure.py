"""The shape of the package: a folder for each step, imports along the way of the data, a short door."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import signalcam

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "signalcam"

# The way of the data. A folder imports only from those before it, and from the files at the door.
DOOR = ("errors", "leads", "map_layers", "model", "whole_file")
FOLDERS = (
    "recordings",
    "simulation",
    "data",
    "preprocessing",
    "augmentation",
    "training",
    "evaluation",
    "deployment",
    "plotting",
    "explanation",
    "reproduction",
    "commands",
)

DEFINED_BY_THE_PACKAGE = ("signalcam.__version__", "signalcam.loaded_when_asked")

WITHOUT_TENSORFLOW = (
    "signalcam",
    "signalcam.__main__",
    "signalcam.leads",
    "signalcam.recordings.reading",
    "signalcam.simulation",
    "signalcam.data.load",
    "signalcam.data.download",
    "signalcam.preprocessing.detrending",
    "signalcam.evaluation",
    "signalcam.plotting",
    "signalcam.deployment.runtime",
    "signalcam.deployment.pretrained",
    "signalcam.commands.scoring",
)


def files():
    """Return the files of the package by dotted name, without those named `__init__`."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def imported(path):
    """Yield the dotted names within the package that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("signalcam.") and name not in DEFINED_BY_THE_PACKAGE:
                yield name.removeprefix("signalcam.")


def module_of(name):
    """Return the longest part of a dotted name that is a file or folder of the package."""
    known = files()
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    return name


def test_every_folder_has_its_place_on_the_way_of_the_data():
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_from_those_before_it(folder):
    allowed = {*DOOR, *FOLDERS[: FOLDERS.index(folder) + 1]}
    found = {
        (str(path.relative_to(PACKAGE)), name)
        for path in (PACKAGE / folder).rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] not in allowed
    }
    assert not found


def test_what_lies_at_the_door_imports_no_folder():
    for name in DOOR:
        assert {other.partition(".")[0] for other in imported(PACKAGE / f"{name}.py")} <= set(DOOR), name


def test_no_module_imports_itself_by_way_of_others():
    graph = {
        name: {module_of(other) for other in imported(path)} - {name}
        for name, path in files().items()
        if path.name not in ("__init__.py", "__main__.py")
    }
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_plotting_imports_no_model_code():
    names = {
        name.partition(".")[0] for path in (PACKAGE / "plotting").rglob("*.py") for name in imported(path)
    }
    assert names <= {"plotting", *DOOR} - {"model"}


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_modules_that_need_no_tensorflow_do_not_import_it(name):
    code = f"import sys, {name}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_contributors_find_every_folder_and_every_name_of_the_face():
    text = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    missing = [name for name in (*FOLDERS, *signalcam.__all__) if f"`{name}`" not in text]
    assert [name for name in missing if name != "__version__"] == []


@pytest.mark.parametrize("name", [name for name in signalcam.__all__ if name != "__version__"])
def test_every_name_of_the_face_is_offered_by_its_folder_and_documented(name):
    value = getattr(signalcam, name)
    assert value.__doc__
    assert name in dir(signalcam)


def test_a_name_that_the_face_lacks_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        signalcam.nothing  # noqa: B018


def test_importing_the_face_takes_little_and_loads_no_other_package():
    code = (
        "import sys, signalcam; print(sorted({'numpy', 'pandas', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
