"""The shape of the package: imports follow the way of the data, and the README lists what is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
PACKAGE = PROJECT / "signalcam"

# The way of the data: a module imports only from those before it.
ORDER = """
errors units leads blocks parallel
quality gate wfdb_header wfdb_files csv_files edf_files dicom_files formats finding windows records
tables labels splits ptbxl decoding selection cache signals sums fetching download synthetic study
scaling preprocessing preprocessing_layers augmentation views model architectures deployment
schedules training_callbacks learner training further recipes recipe_training
metrics intervals delong calibration curves subgroups multilabel evaluation
latency complexity explanation plotting report explanation_figures explanation_report
results results_text result_figures model_card reproduction
runtime converters export pretrained commands __main__
""".split()

WITHOUT_TENSORFLOW = """
leads records ptbxl signals download synthetic study preprocessing evaluation plotting report latency __main__
""".split()


def modules():
    """Return the top-level modules and subpackages by name, with their files."""
    found = {path.stem: [path] for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    for folder in PACKAGE.iterdir():
        if (folder / "__init__.py").is_file():
            found[folder.name] = sorted(folder.rglob("*.py"))
    return found


def imported(path):
    """Yield the top-level names of the package that a file imports, at any depth of its code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "signalcam":
                names = [f"signalcam.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "signalcam" and len(parts) > 1 and parts[1] != "__version__":
                yield parts[1]


@pytest.mark.parametrize("name", sorted(modules()))
def test_a_module_imports_only_from_those_before_it_on_the_way_of_the_data(name):
    assert name in ORDER
    allowed = {*ORDER[: ORDER.index(name)], name}
    back = {other for path in modules()[name] for other in imported(path)} - allowed
    assert not back, f"{name} imports {sorted(back)}"


def test_plotting_imports_no_model_code():
    names = {name for path in modules()["plotting"] for name in imported(path)}
    assert names <= {"plotting", "leads", "errors"}


@pytest.mark.parametrize("name", WITHOUT_TENSORFLOW)
def test_modules_that_need_no_tensorflow_do_not_import_it(name):
    code = f"import sys, signalcam.{name}; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_readme_lists_every_module():
    text = (PROJECT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in modules() if name != "__main__" and f"`{name}`" not in text]
    assert not missing
