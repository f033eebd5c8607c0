"""The page with a model inside: whole in itself, and text from outside stays text."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from page_script import FOLDER

from signalcam.deployment import browser_model, browser_record
from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.model import build_model
from signalcam.plotting import model_page
from signalcam.preprocessing import Scaler
from signalcam.recordings import from_array

EVIL = "</script><script>alert('x')</script>\" onerror=\"alert(1)<!--"


class Page(HTMLParser):
    """Tags with their attributes, the text of scripts, and the text between other tags."""

    def __init__(self, source):
        super().__init__()
        self.tags, self.text, self.scripts, self.open = [], "", [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.text += data


def model_of(**settings):
    return browser_model(build_deployable(build_model(), Scaler("record"), Settings(**settings)))


@pytest.fixture
def record(ecg_like):
    return browser_record(from_array(ecg_like[0], name="record 17")[0], probability=np.array([0.25]))


def test_page_holds_model_record_settings_and_disclaimer_and_is_small(record):
    source = model_page(model_of(trained_on="two records"), "One ECG", [record], {"b.hea": "no"}, 0)
    page = Page(source)
    assert page.open == []
    assert len(source) < 1_500_000
    data = json.loads(page.scripts[0])
    assert data["records"][0]["name"] == "record 17"
    assert (data["refused"], data["shown"]) == ({"b.hea": "no"}, 0)
    for part in (
        "One ECG",
        "not a medical device",
        "not a diagnosis",
        "two records",
        "label rule",
        "I, II, III",
    ):
        assert part in page.text
    assert "n times" not in page.text


@pytest.mark.security
def test_page_runs_one_known_script_loads_nothing_and_keeps_text_from_outside_text(record):
    hostile = record | {"name": EVIL, "notes": [EVIL]}
    model = model_of(class_names=(EVIL,), predicted_names=(EVIL, EVIL), trained_on=EVIL)
    source = model_page(model, EVIL, [hostile], {EVIL: EVIL})
    page = Page(source)
    scripts = [attributes for tag, attributes in page.tags if tag == "script"]
    assert [each.get("type") for each in scripts] == ["application/json", None]
    assert {tag for tag, _ in page.tags}.isdisjoint(
        {"iframe", "link", "object", "embed", "form", "base", "img"}
    )
    assert all(not name.startswith(("on", "src")) for _, attributes in page.tags for name in attributes)
    assert page.text.count(EVIL) >= 3
    assert json.loads(page.scripts[0])["records"][0]["name"] == EVIL
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    (policy,) = [a["content"] for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; script-src 'sha256-{digest}'; ")
    addresses = set(re.findall(r"https?://[\w./]+", source))
    assert addresses == {"http://www.w3.org/2000/svg"}


@pytest.mark.security
def test_script_makes_no_markup_from_text_and_asks_for_nothing():
    script = Page(model_page(model_of(), "t")).scripts[1]
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttp",
    ):
        assert forbidden not in script
    assert not re.search(r"^\s*(import|export)\b", script, flags=re.MULTILINE)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_whole_script_is_javascript_without_a_name_taken_twice(tmp_path):
    path = tmp_path / "page.js"
    path.write_text(Page(model_page(model_of(), "t")).scripts[1], encoding="utf-8")
    assert subprocess.run(["node", "--check", path], capture_output=True, check=False).returncode == 0
    assert FOLDER


def test_signals_of_another_shape_are_refused(record):
    with pytest.raises(ValueError, match=r"signals of record 17 must be of shape \(500, 12\)"):
        model_page(model_of() | {"settings": {"n_times": 500, "lead_names": ["I"] * 12}}, "t", [record])
