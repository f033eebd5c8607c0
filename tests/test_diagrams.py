"""The script that draws the diagrams of the README."""

import runpy
from pathlib import Path

import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parent.parent / "res" / "diagrams.py"


def test_the_script_draws_the_network_the_pipeline_and_the_branch(tmp_path):
    runpy.run_path(str(SCRIPT))["main"](["--output", str(tmp_path)])
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {"network_sample.png", "Pipeline.png", "xai_branch.png"}
    for name in drawn:
        with Image.open(tmp_path / name) as new, Image.open(SCRIPT.parent / name) as committed:
            assert new.size == committed.size, name
            assert new.convert("L").getextrema()[0] < 60  # ink on the paper


def test_words_that_could_not_be_read_in_their_box_are_refused():
    script = runpy.run_path(str(SCRIPT))
    _, ax = script["canvas"](2.0, "title")
    with pytest.raises(ValueError, match="'GlobalAveragePooling1D' must be shorter .*, got [67]"):
        script["draw_box"](ax, script["Box"](0, 0, 1.2, 0.6), "name", ["GlobalAveragePooling1D"], "other")
