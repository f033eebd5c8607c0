"""The page in headless Chromium, by file address: it answers for dropped files and asks for nothing."""

import base64
import shutil

import numpy as np
import pytest
from recording_files import write_csv, write_wfdb

import signalcam as sc
from signalcam import plotting
from signalcam.data import load_signals
from signalcam.deployment import browser_model, browser_record, load_pretrained, predict
from signalcam.recordings import from_array, read_recording

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]

DROP = """files => {
  const transfer = new DataTransfer();
  for (const { name, data } of files) {
    transfer.items.add(new File([Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))], name));
  }
  const options = { bubbles: true, cancelable: true, dataTransfer: transfer };
  document.body.dispatchEvent(new DragEvent("drop", options));
}"""


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def view(chromium):
    """A tab that notes what must not happen: messages, errors, and requests beyond the file itself."""
    tab = chromium.new_page(viewport={"width": 1200, "height": 900})
    tab.troubles = []
    tab.on("console", lambda message: tab.troubles.append(message.text))
    tab.on("pageerror", lambda error: tab.troubles.append(str(error)))
    tab.on("request", lambda request: tab.troubles.append(request.url))
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def model():
    return load_pretrained("normal-abnormal")


@pytest.fixture(scope="module")
def signals(simulated_dataset):
    return load_signals(simulated_dataset, cache=False, progress=False)[:3]


@pytest.fixture(scope="module")
def page(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "signalcam.html"
    path.write_text(plotting.model_page(browser_model(model), "Ask"), encoding="utf-8")
    return path


def open_page(view, path):
    view.goto(path.as_uri())
    assert view.troubles == [path.as_uri()]
    view.troubles.clear()


def drop(view, *paths):
    data = [{"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    view.evaluate(DROP, data)


def probability(view):
    """What the table says of the first class."""
    return float(view.locator("#classes td.number").first.inner_text())


def test_dropped_wfdb_pair_and_csv_are_answered_as_by_predict_within_two_seconds(
    view, page, model, signals, tmp_path
):
    open_page(view, page)
    header = write_wfdb(tmp_path, signals[0], "wave")
    expected = predict(model, read_recording(header)[0].signals)["probability"][0, 0]
    drop(view, header, header.with_suffix(".dat"))
    view.wait_for_selector("#answer:not([hidden])")
    assert view.locator("#name").inner_text() == "wave"
    assert probability(view) == pytest.approx(expected, abs=6e-4)
    assert view.evaluate("state.opened.probability[0]") == pytest.approx(expected, abs=1e-4)
    view.click("#options summary")
    view.fill("#rate", "100")
    view.select_option("#unit", "mV")
    drop(view, write_csv(tmp_path / "table.csv", signals[1]))
    view.wait_for_function("document.getElementById('name').textContent === 'table'")
    expected = predict(model, signals[1])["probability"][0, 0]
    assert view.evaluate("state.opened.probability[0]") == pytest.approx(expected, abs=1e-4)
    spent = view.evaluate(
        "() => { const from = performance.now(); open(state.opened); return performance.now() - from; }"
    )
    assert spent < 2000
    assert view.troubles == []


def test_files_chosen_by_keyboard_and_dialog_are_read_too(view, page, signals, tmp_path):
    open_page(view, page)
    header = write_wfdb(tmp_path, signals[0], "wave")
    view.set_input_files("#files", [header, header.with_suffix(".dat")])
    view.wait_for_selector("#answer:not([hidden])")
    view.focus("#ecg")
    view.keyboard.press("ArrowRight")
    view.keyboard.press("ArrowRight")
    assert view.locator("#readout").inner_text().startswith("0.08 to 0.16 s: evidence")
    for key, span in (("+", 5), ("+", 2.5), ("-", 5), ("0", 10)):
        view.keyboard.press(key)
        assert view.evaluate("scene.to - scene.from") == span
    assert view.troubles == []


def test_fifty_records_are_answered_as_by_keras(view, page, model, signals, request):
    try:
        dataset = request.getfixturevalue("real_dataset")
        signals = load_signals(dataset, dataset.table.index[:50], cache=False, progress=False)
    except pytest.skip.Exception:
        dataset = request.getfixturevalue("simulated_dataset")
        signals = load_signals(dataset, cache=False, progress=False)[:50]
    open_page(view, page)
    expected = predict(model, signals)
    found = view.evaluate(
        """texts => texts.map((text) => {
          const { probability, evidence } = ask(new Float32Array(decoded64(text)));
          return [[...probability.data], [...evidence.data]];
        })""",
        [base64.b64encode(each.astype("<f4").tobytes()).decode() for each in signals],
    )
    for k, name in enumerate(("probability", "evidence")):
        values = np.array([each[k] for each in found]).reshape(expected[name].shape)
        np.testing.assert_allclose(values, expected[name], atol=1e-4)


def test_slider_moves_the_decision(view, page, signals, tmp_path):
    open_page(view, page)
    view.locator("#examples button").nth(1).click()
    assert view.locator("#decision").inner_text().startswith("ABNORMAL: P(ABNORMAL) = 0.9")
    view.focus("#threshold")
    view.keyboard.press("End")
    assert view.locator("#decision").inner_text().startswith("NORMAL: ")
    assert view.locator("#limit").inner_text() == "1.000"
    view.click("#reset")
    assert view.locator("#decision").inner_text().startswith("ABNORMAL: ")
    assert view.troubles == []


def test_broken_file_is_refused_and_answered_once_the_option_is_set(view, page, signals, tmp_path):
    open_page(view, page)
    header = write_wfdb(tmp_path, np.repeat(signals[0], 5, axis=0), "fast", rate=500)
    drop(view, header)
    view.wait_for_selector("#message:not([hidden])")
    assert (
        "there is no file fast.dat. Drop it together with this one." in view.locator("#message").inner_text()
    )
    drop(view, header, header.with_suffix(".dat"))
    view.wait_for_function("document.getElementById('message').textContent.includes('500 Hz')")
    refused = "Record fast: expected 100 Hz, found 500 Hz. Ask for conversion with “resample” above."
    assert view.locator("#message").inner_text() == refused
    assert view.locator("#answer").is_hidden()
    view.check("#resample")
    view.wait_for_selector("#answer:not([hidden])")
    assert view.locator("#message").is_hidden()
    assert view.troubles == []


def test_many_records_get_an_index_by_probability_and_hostile_names_stay_text(view, signals, tmp_path):
    model = load_pretrained("superclasses")
    evil = "<img src=x onerror=alert(1)>"
    found = predict(model, signals)["probability"]
    records = [
        browser_record(from_array(each, name=f"{evil}{k}")[0], [evil], p)
        for k, (each, p) in enumerate(zip(signals, found, strict=True))
    ]
    path = tmp_path / "batch.html"
    text = plotting.model_page(browser_model(model), evil, records, {evil: "unreadable"}, shown=1)
    path.write_text(text, encoding="utf-8")
    open_page(view, path)
    rows = view.locator("#recordings tr:not(:first-child)").all_inner_texts()
    order = np.argsort(-found[:, 1])
    assert [row.split("\t")[0].strip() for row in rows] == [*(f"{evil}{k}" for k in order), evil]
    assert view.locator("img").count() == 0
    assert view.locator("#name").inner_text() == f"{evil}{order[0]}"
    view.locator("#recordings button").nth(2).click()
    assert view.locator("#name").inner_text() == f"{evil}{order[2]}"
    view.locator("#classes button").nth(4).click()
    assert view.locator("#of").inner_text() == "HYP"
    assert view.troubles == []


def test_page_fits_a_phone_and_prints_the_whole_record_true_to_scale(view, page):
    view.set_viewport_size({"width": 390, "height": 844})
    open_page(view, page)
    view.locator("#examples button").first.click()
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.evaluate("scene.to - scene.from") == 4
    view.emulate_media(media="print")
    view.set_viewport_size({"width": 1100, "height": 800})
    view.evaluate("dispatchEvent(new Event('beforeprint'))")
    width = view.evaluate("document.getElementById('ecg').getBoundingClientRect().width")
    assert width == pytest.approx(250 / 25.4 * 96, rel=0.01)


@pytest.mark.parametrize(("volume", "square"), [(0.5, "0.5 mV"), (1, "1 mV"), (4, "5 mV")])
def test_traces_cross_at_no_voltage_and_a_sheet_of_paper_holds_them(view, signals, volume, square, tmp_path):
    path, model = tmp_path / "page.html", load_pretrained("normal-abnormal")
    record = browser_record(from_array(volume * signals[1], any_amplitude=True)[0])
    path.write_text(plotting.model_page(browser_model(model), "Ask", [record]), encoding="utf-8")
    open_page(view, path)
    view.wait_for_selector("#answer:not([hidden])")
    assert f"Squares: 0.2 s and {square}." in view.locator("#summary").inner_text()
    place = """[...document.querySelectorAll('#ecg .trace')].map((trace) =>
      [...trace.getAttribute('d').matchAll(/ ([-\\d.]+)/g)].map((found) => Number(found[1])))"""
    heights = np.array(view.evaluate(place))
    assert heights.shape == (12, 1000)
    assert np.diff(heights, axis=0).min() > 0.9
    assert (heights[2:] - heights[:-2]).min() > 0.9
    assert heights.min() >= 0.99
    assert heights.max() <= view.evaluate("scene.layout.bottom")
    lead_2 = heights[1] - heights[1].mean()
    in_mv = sc.detrend(volume * signals[1])[:, 1]
    scale = 5 / float(square.split()[0])
    np.testing.assert_allclose(lead_2, -scale * (in_mv - in_mv.mean()), atol=0.02)
    view.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert view.evaluate("scene.layout.height") <= 166
    view.evaluate("dispatchEvent(new Event('afterprint'))")
    assert np.array(view.evaluate(place)).tolist() == heights.tolist()
    assert view.troubles == []


def test_lead_evidence_is_drawn_behind_its_own_lead_where_the_model_has_it(view, page):
    open_page(view, page)
    view.evaluate(
        """() => {
          const record = answered(unpacked(model.examples[1]));
          const { data } = record.answer.evidence;
          const rows = leads.length + 1;
          const share = (_, k) => (k % rows === 6 ? data[Math.floor(k / rows)] : 0); // all of it to V1
          const parts = Float32Array.from({ length: data.length * rows }, share);
          record.answer.lead_evidence = { data: parts, shape: [data.length, rows, 1] };
          open(record);
        }"""
    )
    assert "between leads" in view.locator("#ecg text").all_text_contents()
    tops = (
        "[...document.querySelectorAll('#ecg [shape-rendering] rect')].map((each) => each.getAttribute('y'))"
    )
    assert view.evaluate(f"[...new Set({tops})].map(Number)") == [view.evaluate("scene.layout.rows[6].top")]
    view.hover("#ecg", position={"x": 300, "y": 300})
    assert "logits/s for ABNORMAL" in view.locator("#readout").inner_text()
    assert view.troubles == []


def test_page_of_the_shipped_leadwise_colours_each_row_by_the_lead_evidence_of_keras(view, signals, tmp_path):
    model = load_pretrained("leadwise")
    path = tmp_path / "leadwise.html"
    text = plotting.model_page(browser_model(model), "Ask", [browser_record(from_array(signals[0])[0])])
    path.write_text(text, encoding="utf-8")
    expected = predict(model, signals[0])
    open_page(view, path)
    view.wait_for_selector("#answer:not([hidden])")
    inside = np.array(view.evaluate("[...state.opened.answer.lead_evidence.data]"))
    by_lead = inside.reshape(expected["lead_evidence"].shape[1:])
    np.testing.assert_allclose(by_lead, expected["lead_evidence"][0], atol=1e-4)
    np.testing.assert_allclose(by_lead.sum(axis=1), expected["evidence"][0], atol=1e-4)
    assert by_lead.sum(axis=1).mean() == pytest.approx(expected["logit"][0, 0], abs=1e-4)
    tops = view.evaluate("scene.layout.rows.map((row) => row.top)")
    drawn = view.evaluate(
        """[...document.querySelectorAll('#ecg [shape-rendering] rect')].map((each) => [
          Number(each.getAttribute('y')), Number(each.getAttribute('x')) / Number(each.getAttribute('width')),
          (each.getAttribute('class') === 'for' ? 1 : -1) * Number(each.getAttribute('fill-opacity'))])"""
    )
    shown = np.zeros_like(by_lead[..., 0])
    for top, position, strength in drawn:
        shown[round(position), tops.index(top)] = strength
    per_second = expected["lead_evidence"][0, :, :, 0] / 10  # the mean over 10 s is the logit
    np.testing.assert_allclose(shown, 0.8 * np.clip(per_second / 0.25, -1, 1), atol=0.01)
    assert view.troubles == []
