"""Style and figures of ECGs: what is drawn is what was given, at the right second, lead and millivolt."""

import io
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from PIL import Image

from signalcam import plotting
from signalcam.leads import LEADS
from signalcam.plotting.sheet import lay_out
from signalcam.plotting.style import EVIDENCE_COLOURS, HEAT_COLOURS, symmetric_limits


def lines(figure, lead, axes=None):
    """The lines of one lead, in the order of drawing."""
    return [line for ax in axes or figure.axes for line in ax.lines if line.get_gid() == f"lead {lead}"]


def drawn_height(line, value=0.0):
    """Where a value of this line stands on its axes, in the axes' mV."""
    pixels = line.get_transform().transform((0.0, value))
    return line.axes.transData.inverted().transform(pixels)[1]


def collection(figure, gid):
    return next(item for ax in figure.axes for item in ax.collections if item.get_gid() == gid)


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.fixture
def ecg(ecg_like):
    ecg_like.flags.writeable = False
    return ecg_like[0]


def test_plotting_imports_neither_tensorflow_nor_keras_nor_pyplot():
    code = "import sys, signalcam.plotting; print(*sorted(sys.modules))"
    modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "signalcam.plotting" in modules
    assert not {"tensorflow", "keras", "matplotlib.pyplot"} & set(modules)


def test_a_notebook_shows_a_figure_as_one_picture(ecg):
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(plotting.plot_ecg(ecg))
    assert [key for key in data if key.startswith("image/")] == ["image/png"]
    assert data["image/png"].startswith(b"\x89PNG")
    import matplotlib.pyplot as plt

    assert plt.get_fignums() == []


def test_a_notebook_shows_figures_as_large_as_their_letters_say_with_dots_to_spare(ecg):
    for figure, inches in ((plotting.plot_trend(ecg, ecg, ecg), 9.0), (plotting.plot_ecg(ecg), 9.15)):
        data, size = figure._repr_png_()
        assert size["width"] == pytest.approx(96 * inches, abs=1)
        dots, height = Image.open(io.BytesIO(data)).size
        assert dots == pytest.approx(2 * size["width"], abs=2)
        assert height / dots == pytest.approx(size["height"] / size["width"], rel=1e-2)


def test_style_of_the_user_neither_changes_nor_matters(ecg, tmp_path):
    first = plotting.save_figure(plotting.plot_ecg(ecg), tmp_path / "new folder" / "a.png").read_bytes()
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30, "text.color": "white"}):
        before = dict(matplotlib.rcParams)
        second = plotting.save_figure(plotting.plot_ecg(ecg), tmp_path / "b.png").read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert first == second


def test_heat_colours_darken_steadily_and_evidence_colours_are_lightest_at_zero():
    weights = np.array([0.2126, 0.7152, 0.0722])
    heat = HEAT_COLOURS(np.linspace(0, 1, 50))[:, :3] @ weights
    assert np.all(np.diff(heat) < 0)
    assert heat.min() > 0.45  # a black trace stays readable on the darkest colour
    evidence = EVIDENCE_COLOURS(np.linspace(0, 1, 51))[:, :3] @ weights
    assert np.argmax(evidence) == 25
    assert np.all(np.diff(evidence[:26]) > 0)
    assert np.all(np.diff(evidence[25:]) < 0)


@pytest.mark.parametrize(("values", "limit"), [([-1, 3], 3), ([-4, 1], 4), ([0, 0], 1), ([np.nan, -2], 2)])
def test_colour_limits_are_symmetric_about_zero(values, limit):
    norm = symmetric_limits(np.array(values, float))
    assert (norm.vmin, norm.vmax) == (-limit, limit)


def test_each_lead_is_drawn_in_mv_and_seconds_at_its_own_name(ecg):
    figure = plotting.plot_ecg(ecg)
    names = [label.get_text() for ax in figure.axes for label in ax.get_yticklabels()]
    assert names == list(LEADS)
    for ax in figure.axes:
        for place, label in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True):
            (line,) = lines(figure, label.get_text())
            assert line.axes is ax
            np.testing.assert_array_equal(line.get_ydata(), ecg[:, LEADS.index(label.get_text())])
            np.testing.assert_allclose(line.get_xdata(), np.arange(1000) / 100)
            assert drawn_height(line) == pytest.approx(place)
            assert drawn_height(line, 1.0) - drawn_height(line) == pytest.approx(1.0)
        assert ax.get_xlabel() == "time (s)"
        assert ax.get_xlim()[1] == 10.0


def test_the_line_named_avr_is_minus_half_of_one_plus_two(ecg):
    figure = plotting.plot_ecg(ecg)
    (avr,), (one,), (two,) = (lines(figure, lead) for lead in ("aVR", "I", "II"))
    np.testing.assert_allclose(avr.get_ydata(), -(one.get_ydata() + two.get_ydata()) / 2, atol=1e-5)


@pytest.mark.parametrize("n_times", [1000, 300])
def test_squares_of_the_paper_are_square(ecg, n_times):
    for ax in plotting.plot_ecg(ecg[:n_times]).axes:
        (x0, y0), (x1, y1) = ax.transData.transform([(0, 0), (0.2, 0.5)])
        assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-6)


def test_grid_lines_stand_every_fifth_of_a_second_and_half_millivolt(ecg):
    figure = plotting.plot_ecg(ecg)
    for gid, seconds, millivolt in (("grid large", 0.2, 0.5), ("grid small", 0.04, 0.1)):
        segments = collection(figure, gid).get_segments()
        upright = np.array([s[0, 0] for s in segments if s[0, 0] == s[1, 0]])
        level = np.array([s[0, 1] for s in segments if s[0, 1] == s[1, 1]])
        np.testing.assert_allclose(np.diff(upright), seconds)
        np.testing.assert_allclose(np.diff(level), millivolt)
        assert np.abs(upright).min() == pytest.approx(0, abs=1e-9)


def test_calibration_mark_is_one_millivolt_and_a_fifth_of_a_second(ecg):
    (shape,) = collection(plotting.plot_ecg(ecg), "calibration").get_segments()
    assert np.ptp(shape[:, 1]) == pytest.approx(1.0)
    assert shape[3, 0] - shape[2, 0] == pytest.approx(0.2)
    assert shape[:, 0].max() < 0


def test_500_hz_gives_the_same_seconds(ecg):
    figure = plotting.plot_ecg(np.repeat(ecg, 5, axis=0), sampling_rate=500)
    assert lines(figure, "V6")[0].get_xdata()[-1] == pytest.approx(4999 / 500)
    assert figure.axes[0].get_xlim()[1] == 10.0


def test_neighbouring_traces_never_touch(rng):
    wild = rng.normal(size=(1000, 12)).cumsum(axis=0) / 10
    sheet = lay_out([wild], 100, LEADS)
    drawn = wild + sheet.offsets
    assert np.all(np.diff(drawn, axis=1) < 0)
    assert drawn.max() <= sheet.top
    assert drawn.min() >= sheet.bottom


def test_padded_time_is_hatched(ecg):
    padded = np.zeros(1000, bool)
    padded[:50] = padded[900:] = True
    patches = [p for p in plotting.plot_ecg(ecg, padded=padded).axes[0].patches if p.get_gid() == "padded"]
    spans = [(p.get_x(), p.get_x() + p.get_width()) for p in patches]
    np.testing.assert_allclose(spans, [(0.0, 0.5), (9.0, 10.0)])
    assert all(p.get_hatch() for p in patches)


def test_a_recording_in_microvolt_gets_a_coarser_grid_and_a_word_about_it(ecg):
    figure = plotting.plot_ecg(ecg * 1000)
    assert "too high for ECG paper" in texts(figure)
    assert figure.get_size_inches()[1] < 12
    assert "25 mm/s, 100 Hz, 10 mm/mV" in texts(plotting.plot_ecg(ecg))


def test_a_flat_recording_and_one_with_gaps_can_be_drawn(ecg):
    plotting.plot_ecg(np.zeros((1000, 12))).draw_without_rendering()
    gaps = ecg.copy()
    gaps[100:200, 3] = gaps[:, 7] = np.nan
    (line,) = lines(plotting.plot_ecg(gaps), "aVR")
    assert np.isnan(line.get_ydata()).sum() == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"signals": np.zeros((12, 1000))},
            r"shape \(time, 12\), got \(12, 1000\). It looks transposed: use signals.T",
        ),
        ({"signals": np.zeros((3, 1000, 12))}, r"Take one record, signals\[0\]"),
        ({"signals": np.zeros((1000, 8))}, r"shape \(time, 12\), got \(1000, 8\)"),
        ({"signals": np.full((1000, 12), None)}, "real numbers, got dtype object"),
        ({"signals": np.zeros((1000, 12), complex)}, "real numbers, got dtype complex128"),
        ({"sampling_rate": 0}, "Hz above 0, got 0"),
        ({"padded": np.zeros(1000)}, "padded must be bool"),
    ],
)
def test_wrong_arguments_are_named(ecg, change, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_ecg(**({"signals": ecg} | change))


def test_trend_figure_holds_raw_trend_and_detrended(ecg):
    left, right = plotting.plot_trend(ecg, ecg * 0.1, ecg * 0.9).axes
    assert [label.get_text() for label in left.get_yticklabels()] == list(LEADS)
    raw, trend = lines(left.figure, "V3", [left])
    np.testing.assert_allclose(raw.get_ydata(), ecg[:, 8])
    np.testing.assert_allclose(trend.get_ydata(), ecg[:, 8] * 0.1, rtol=1e-6)
    (rest,) = lines(left.figure, "V3", [right])
    np.testing.assert_allclose(rest.get_ydata(), ecg[:, 8] * 0.9, rtol=1e-6)
    assert left.get_ylim() == right.get_ylim()
    with pytest.raises(ValueError, match=r"trend must have the shape of raw, \(1000, 12\)"):
        plotting.plot_trend(ecg, ecg[:500], ecg)


def test_scaling_figure_has_a_column_a_rule_on_one_scale_and_a_row_a_record(ecg):
    low_and_high = np.stack([ecg, 3 * ecg])
    scaled = {"standard": low_and_high, "record": np.stack([ecg / 5, ecg / 5])}
    figure = plotting.plot_scaling(scaled, units={"standard": "SD"}, names=["low", "high"])
    axes = np.array(figure.axes).reshape(2, 2)
    assert [ax.get_title(loc="left") for ax in axes[0]] == [
        "low\nstandard (SD); mark: 1",
        "low\nrecord (scaled); mark: 1",
    ]
    for column in axes.T:
        assert column[0].get_ylim() == column[1].get_ylim()
    (line,) = lines(figure, "V1", [axes[1, 0]])
    np.testing.assert_allclose(line.get_ydata(), 3 * ecg[:500, 6], rtol=1e-6)
    assert len(plotting.plot_scaling({"record": ecg}).axes) == 1


def test_augmentations_lie_over_the_original(ecg):
    figure = plotting.plot_augmentations({"amplitude": ecg * 1.2, "all": ecg * 0.8}, ecg)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["amplitude", "all"]
    original, augmented = lines(figure, "V5", [figure.axes[1]])
    np.testing.assert_allclose(original.get_ydata(), ecg[:500, 10])
    np.testing.assert_allclose(augmented.get_ydata(), ecg[:500, 10] * 0.8, rtol=1e-6)
    with pytest.raises(ValueError, match=r"augmented\['all'\] must have the shape of original"):
        plotting.plot_augmentations({"all": ecg[:500]}, ecg)


def test_a_saved_figure_has_25_mm_a_second_and_10_mm_a_millivolt(tmp_path):
    needles = np.zeros((1000, 12))
    needles[::100, 1] = 1.0  # 1 mV in lead II, each second
    figure = plotting.plot_ecg(needles, layout="3x4")
    path = plotting.save_figure(figure, tmp_path / "ecg.png", dpi=254)  # ten dots a millimetre
    picture = np.asarray(Image.open(path).convert("RGB")).astype(int)
    large = (picture[..., 0] > 225) & (picture[..., 2] < 195)
    columns, rows = (np.flatnonzero(large.mean(axis=axis) > 0.4) for axis in (0, 1))
    bottom, top = figure.axes[0].get_ylim()
    assert columns[-1] - columns[0] == pytest.approx(10 * 25 * 10.6, rel=0.01)
    assert rows[-1] - rows[0] == pytest.approx(10 * 10 * (top - bottom), rel=0.01)
    dark = picture.max(axis=2) < 70
    line = np.flatnonzero(dark.sum(axis=1) > 2000)[-1]  # the rhythm strip's zero line
    spikes = np.flatnonzero(dark[line - 50, columns[0] + 160 :])
    spikes = spikes[np.r_[True, np.diff(spikes) > 20]]
    assert np.diff(spikes)[1:].mean() == pytest.approx(10 * 25, rel=0.01)
    mark = np.flatnonzero(dark[:, columns[0] : columns[0] + 140].sum(axis=1) > 40)
    assert mark[-1] - mark[0] == pytest.approx(10 * 10, abs=6)  # and a line's width


def test_pdf_and_svg_are_as_large_as_the_paper(ecg, tmp_path):
    figure = plotting.plot_ecg(ecg)
    width, height = figure.get_size_inches()
    ax = figure.axes[0].get_position()
    assert ax.width * width * 25.4 == pytest.approx(25 * 10.6)
    svg = plotting.save_figure(figure, tmp_path / "a.svg").read_text()
    assert f'width="{width * 72:g}' in svg.replace("pt", "")
    for name in ("a.svg", "a.pdf"):
        again = plotting.save_figure(plotting.plot_ecg(ecg), tmp_path / "again" / name)
        assert plotting.save_figure(figure, tmp_path / name).read_bytes() == again.read_bytes()


def test_three_by_four_shows_a_quarter_of_each_lead_and_lead_ii_in_full(ecg):
    (ax,) = plotting.plot_ecg(ecg, layout="3x4").axes
    for k, lead in enumerate(LEADS):
        quarter = slice(250 * (k // 3), 250 * (k // 3) + 250)
        first = lines(ax.figure, lead)[0]
        np.testing.assert_array_equal(first.get_ydata(), ecg[quarter, k])
        np.testing.assert_allclose(first.get_xdata(), np.arange(1000)[quarter] / 100)
    np.testing.assert_array_equal(lines(ax.figure, "II")[1].get_ydata(), ecg[:, 1])
    assert {text.get_text() for text in ax.texts} == set(LEADS)
    with pytest.raises(ValueError, match="layout must be one of 12x1, 3x4, got '6x2'"):
        plotting.plot_ecg(ecg, layout="6x2")
    with pytest.raises(ValueError, match="layout must be '12x1' for leads I, II, got '3x4'"):
        plotting.plot_ecg(ecg[:, :2], lead_names=["I", "II"], layout="3x4")


def test_a_long_recording_says_its_speed(ecg):
    figure = plotting.plot_ecg(np.tile(ecg, (3, 1)))
    assert "8.66 mm/s" in texts(figure)
    assert figure.get_size_inches()[0] < 12


def test_statements_and_processing_stand_on_the_paper(ecg):
    figure = plotting.plot_ecg(ecg, title="7", statements="sinus rhythm; " * 20, processing="detrended")
    assert texts(figure).replace("\n", " ").count("sinus rhythm") == 20
    assert "100 Hz, detrended, 10 mm/mV" in texts(figure)
