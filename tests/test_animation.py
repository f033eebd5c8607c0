"""Animations: the sum of the evidence ends at the logit, and the same records give the same bytes."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from signalcam.plotting import Case

save_animation = runpy.run_path(str(Path(__file__).resolve().parent.parent / "res" / "animation.py"))[
    "save_animation"
]


@pytest.fixture
def case(ecg_like, rng):
    evidence = rng.normal(4.0, 2.0, 125)
    logit = evidence.mean()
    probability = 1 / (1 + np.exp(-logit))
    return Case(ecg_like[0], evidence, np.zeros(1000), probability, "ABNORMAL", "ABNORMAL", logit, "record 1")


def test_each_record_sweeps_by_and_stays(case, tmp_path):
    how = {"n_pictures": 3, "seconds": 1.5, "hold": 2.0, "width": 400}
    path = save_animation([case, case], tmp_path / "new" / "a.gif", **how)
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.size[0]) == (6, 400)
        shown, times = [], []
        for number in range(6):
            picture.seek(number)
            times.append(picture.info["duration"])
            shown.append(np.asarray(picture.convert("RGB")).astype(int))
    assert times == [500, 500, 2000] * 2
    reddish = [(image[..., 0] - image[..., 2] > 40).sum() for image in shown]
    assert 0 < reddish[0] < reddish[1] < reddish[2]
    np.testing.assert_array_equal(shown[2], shown[5])
    assert tuple(shown[0][0, 0]) == (255, 255, 255)
    assert save_animation([case, case], tmp_path / "b.gif", **how).read_bytes() == path.read_bytes()


def test_webp_is_written_and_other_endings_are_refused(case, tmp_path):
    path = save_animation([case], tmp_path / "a.webp", n_pictures=2, width=200)
    assert Image.open(path).n_frames == 2
    with pytest.raises(ValueError, match=r"path must end in .gif or .webp, got 'a.mp4'"):
        save_animation([case], tmp_path / "a.mp4")
    with pytest.raises(ValueError, match="cases must hold at least one record, got none"):
        save_animation([], tmp_path / "a.gif")
