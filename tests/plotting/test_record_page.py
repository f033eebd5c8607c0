"""A record's page: whole in itself, escaped, without scripts, and saying what the model said."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from signalcam.plotting import Answer, record_page


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def images(self):
        return [attributes for tag, attributes in self.tags if tag == "img"]


@pytest.fixture
def ecg(ecg_like):
    return ecg_like[0]


@pytest.fixture
def result(ecg, rng):
    evidence = rng.normal(size=(125, 1))
    heatmap = np.repeat(evidence, 8, axis=0)
    heatmap = (heatmap - heatmap.min()) / np.ptp(heatmap)
    logit = evidence.mean(axis=0)
    return {
        "signals": ecg,
        "name": "record 17",
        "start": 0.0,
        "padded": np.zeros(1000, bool),
        "shown": 0,
        "class_names": ("ABNORMAL",),
        "probability": 1 / (1 + np.exp(-logit)),
        "logit": logit,
        "evidence": evidence,
        "heatmap": heatmap,
        "predicted": ["ABNORMAL"],
        "notes": ["lead V4 is noisy"],
        "settings": {"label_rule": "paper", "lead_names": ("I", "II"), "trained_on": ""},
    }


@pytest.fixture
def five_classes(result, rng):
    evidence = rng.normal(size=(125, 5))
    heatmap = np.repeat(evidence, 8, axis=0)
    heatmap = (heatmap - heatmap.min(axis=0)) / np.ptp(heatmap, axis=0)
    return result | {
        "class_names": ["NORM", "MI", "STTC", "CD", "HYP"],
        "probability": [0.1, 0.2, 0.9, 0.3, 0.4],
        "logit": evidence.mean(axis=0),
        "evidence": evidence,
        "heatmap": heatmap,
        "predicted": ["no", "no", "yes", "no", "no"],
        "shown": 2,
        "notes": [],
    }


def test_page_says_prediction_notes_settings_and_disclaimer(result):
    evidence, keys = result["evidence"].copy(), set(result)
    page = Page(record_page(Answer(**result)))
    assert page.open == []
    np.testing.assert_array_equal(result["evidence"], evidence)
    assert set(result) == keys
    (image,) = page.images()
    kind, data = image["src"].split(",", 1)
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data, validate=True))).size[0] > 1000
    assert "12 leads" in image["alt"]
    for part in (
        "This page is not a diagnosis",
        "not a medical device",
        "record 17",
        "10 s at 100 Hz, 12 leads",
        f"{result['probability'][0]:.3f}",
        f"{result['logit'][0]:+.2f}",
        "lead V4 is noisy",
        "label rule",
        "I, II",
        "not stated",
    ):
        assert part in page.text


@pytest.mark.security
def test_page_loads_nothing_runs_nothing_and_escapes_text_from_outside(result):
    evil = "<script>alert('x')</script>\" onerror=\"alert(1)"
    hostile = result | {
        "name": evil,
        "class_names": (evil,),
        "predicted": [evil],
        "notes": [evil],
        "settings": {evil: [evil]},
    }
    source = record_page(Answer(**hostile))
    page = Page(source)
    tags = {tag for tag, _ in page.tags}
    assert tags.isdisjoint({"script", "iframe", "link", "object", "embed", "form", "base"})
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "http" not in re.sub(r"base64,[^\"]*", "", source).replace("http-equiv", "")
    (policy,) = [a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; img-src data:")
    assert "<script" not in source
    assert page.text.count(evil) == 7


def test_several_classes_get_a_row_each_and_a_second_picture(five_classes):
    page = Page(record_page(Answer(**five_classes)))
    first, second = page.images()
    assert "heatmap for STTC, probability 0.900" in first["alt"]
    assert "NORM, MI, STTC, CD, HYP" in second["alt"]
    assert "STTC0.900" in page.text
    assert "Nothing suspect was found" in page.text
    assert "heatmap for HYP" in Page(record_page(Answer(**(five_classes | {"shown": 4})))).images()[0]["alt"]


def test_padded_time_is_said_and_may_be_nan(result):
    padded = np.zeros(1000, bool)
    padded[800:] = True
    result["evidence"][100:], result["heatmap"][800:] = np.nan, np.nan
    page = Page(record_page(Answer(**(result | {"padded": padded, "start": 20.0}))))
    assert "from 20 s of its file. 2 s of it are padding, not recording." in page.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probability": [0.1, 0.2]}, r"probability must hold 1 values in \[0, 1\], got \[0.1, 0.2\]"),
        ({"probability": [1.2]}, r"in \[0, 1\], got \[1.2\]"),
        ({"evidence": np.zeros((125, 2))}, r"evidence must have one value a class, 1, got shape \(125, 2\)"),
        ({"heatmap": np.zeros((999, 1))}, r"one value a sample, shape \(1000,\)"),
        ({"predicted": ["a", "b"]}, r"predicted must have one value a class, 1, got shape \(2,\)"),
        ({"shown": 3}, r"shown must be an index below 1, got 3"),
    ],
)
def test_wrong_results_are_named(result, change, message):
    with pytest.raises(ValueError, match=message):
        record_page(Answer(**(result | change)))
