"""The script that draws the diagrams of the README."""

import runpy
from pathlib import Path

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
