"""The notebooks: run from a clean kernel on a small simulated set, and as they are committed."""

import base64
import io
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from signalcam.__main__ import main
from signalcam.commands.notebooks import NOTEBOOKS, _with_palette, copy, execute, format_summary
from signalcam.simulation import write_dataset

PROJECT = Path(__file__).resolve().parent.parent
FIGURES = {
    "orig.png",
    "orig_detrend.png",
    "scaling.png",
    "augmentation.png",
    "training_statistics.png",
    "confusion_matrix.png",
    "roc.png",
}


@pytest.fixture(scope="module")
def notebook_data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("notebooks") / "set", n_records=300, seed=3, progress=False)


@pytest.fixture
def quick(notebook_data, monkeypatch):
    """Settings under which a notebook takes seconds: few records, two epochs, few resamples."""
    monkeypatch.setenv("PATH_TO_DATA", str(notebook_data))
    monkeypatch.setenv("SIGNALCAM_EPOCHS", "2")
    monkeypatch.setenv("SIGNALCAM_BOOTSTRAP", "50")
    monkeypatch.chdir(PROJECT)


def code_cells(path):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def texts(path):
    outputs = [output for cell in code_cells(path) for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.mark.bad_input(45)
def test_both_notebooks_run_top_to_bottom_and_end_with_a_summary(quick, tmp_path, capsys):
    assert main(["notebooks", "--output", str(tmp_path)]) == 0
    for name in NOTEBOOKS:
        cells = code_cells(tmp_path / name)
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
        assert "simulated" in texts(tmp_path / name).split("\n")[1]
    assert {path.name for path in (tmp_path / "figures").glob("*.png")} >= FIGURES
    summary = json.loads((tmp_path / "summary.json").read_text())
    for result in summary["results"].values():
        assert result["low"] <= result["value"] <= result["high"]
    printed = capsys.readouterr().out
    assert "label rule" in printed
    assert f"{summary['results']['AUC']['value']:.3f}" in printed


@pytest.mark.slow
@pytest.mark.bad_input(44)
def test_every_cell_run_twice_gives_the_same_results(quick, tmp_path, monkeypatch):
    results = []
    for repeat in (1, 2):
        output = tmp_path / str(repeat)
        output.mkdir()
        monkeypatch.setenv("SIGNALCAM_OUTPUT", str(output))
        copy(output)  # with the pictures that it shows; the package is not beside it there
        notebook = nbformat.read(output / NOTEBOOKS[1], as_version=4)
        notebook.cells = [
            nbformat.v4.new_code_cell(cell.source)
            for cell in notebook.cells
            if cell.cell_type == "code"
            for _ in range(repeat)
        ]
        source = output / "source.ipynb"
        nbformat.write(notebook, source)
        monkeypatch.setenv("PYTHONPATH", str(PROJECT))
        execute(source, output / "executed.ipynb")
        results.append(json.loads((output / "summary.json").read_text())["results"])
    for name, result in results[0].items():
        np.testing.assert_allclose(list(result.values()), list(results[1][name].values()), atol=1e-3)


def test_copies_hold_every_picture_they_show_and_leave_what_is_there(tmp_path, capsys):
    folder = tmp_path / "my lessons"
    folder.mkdir()
    (folder / NOTEBOOKS[0]).write_text("edited")
    assert main(["notebooks", "--copy", str(folder)]) == 0
    assert f"{folder / NOTEBOOKS[0]}: is there already, left as it is" in capsys.readouterr().out
    assert (folder / NOTEBOOKS[0]).read_text() == "edited"
    assert (folder / NOTEBOOKS[1]).read_bytes() == (PROJECT / NOTEBOOKS[1]).read_bytes()
    text = "".join((PROJECT / name).read_text() for name in NOTEBOOKS)
    shown = set(re.findall(r'Image\(\\"(.+?)\\"', text))
    assert {f"res/{path.name}" for path in (folder / "res").iterdir()} == shown


def test_pictures_become_small_but_keep_white_and_what_is_rare_in_its_colour():
    rng = np.random.default_rng(0)
    pixels = np.full((300, 400, 3), 255, np.uint8)
    pixels[:, 100:] = rng.integers(180, 256, (300, 300, 1)) * np.array([1, 0.7, 0.5])  # reds of all kinds
    pixels[5:9, 5:9] = (33, 102, 172)
    pixels[50:60, :100] = 247  # what is nearly white is averaged with white
    source, file = Image.fromarray(pixels), io.BytesIO()
    source.save(file, "PNG")
    encoded = _with_palette(base64.b64encode(file.getvalue()).decode())
    result = Image.open(io.BytesIO(base64.b64decode(encoded)))
    assert len(encoded) < len(file.getvalue()) / 2
    assert len(result.getcolors()) <= 44
    drawn = np.asarray(result.convert("RGB")).astype(int)
    assert (drawn[80:, :100] == 255).all()
    assert np.abs(drawn - pixels).max() <= 24


def test_a_failing_cell_is_named_and_what_ran_is_kept(tmp_path):
    sources = ("kept = 1\nkept", "raise ValueError('so')")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(notebook, tmp_path / "a.ipynb")
    with pytest.raises(RuntimeError, match="a.ipynb, cell 2 of 2 failed: ValueError: so"):
        execute(tmp_path / "a.ipynb", tmp_path / "b.ipynb")
    assert code_cells(tmp_path / "b.ipynb")[0].outputs


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_committed_notebook_is_of_one_run_on_named_data_and_small(name):
    path = PROJECT / name
    cells = code_cells(path)
    assert path.stat().st_size < 1.5 * 2**20
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert not any(output.output_type == "error" for cell in cells for output in cell.outputs)
    assert "PTB-XL 1.0.3: 21,799 records" in texts(path)
    assert all(len(cell.source.splitlines()) <= 25 for cell in cells)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_settings_come_first_and_no_path_of_one_machine_is_in_the_notebook(name):
    assert "PATH_TO_DATA" in code_cells(PROJECT / name)[0].source
    text = (PROJECT / name).read_text()
    assert not any(part in text for part in ("/home/", "/root/", "/tmp/", "/work/"))


def test_summary_line_has_value_and_interval():
    summary = {"facts": {"data": "a set"}, "results": {"AUC": {"value": 0.9, "low": 0.85, "high": 0.95}}}
    assert format_summary(summary).splitlines() == [
        "data           a set",
        "AUC            0.900 (95 % interval 0.850 to 0.950)",
    ]
