"""Maps over ECGs and figures that check them: the right cell at the right second, colours about 0."""

from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from signalcam import plotting
from signalcam.leads import LEADS
from signalcam.plotting import Case


def texts(artist):
    return "\n".join(text.get_text() for text in artist.findobj(matplotlib.text.Text))


def bars(ax):
    return next(item for item in ax.collections if item.get_gid() == "evidence")


def marked(ax, gid):
    return next((line for line in ax.lines if line.get_gid() == gid), None)


@pytest.fixture
def ecg(ecg_like):
    return ecg_like[0]


@pytest.fixture
def evidence(rng):
    return rng.normal(0.3, 1.0, 125)


@pytest.fixture
def heatmap(evidence):
    wide = np.repeat(evidence, 8)
    return (wide - wide.min()) / np.ptp(wide)


def test_an_impulse_in_cell_j_is_drawn_from_sample_8j_to_8j_plus_8(ecg, heatmap):
    cells = np.zeros(125)
    cells[40] = 2.0
    _, middle, _ = plotting.plot_map(Case(ecg, cells, heatmap)).axes[:3]
    outline = bars(middle).get_paths()[40].vertices
    assert outline[:, 0].min() == pytest.approx(3.20)
    assert outline[:, 0].max() == pytest.approx(3.28)
    assert outline[:, 1].max() == pytest.approx(0.2)  # logits per second of 10 s


def test_evidence_bars_hold_the_evidence_in_colours_centred_at_zero(ecg, evidence, heatmap):
    above, middle, below = plotting.plot_map(Case(ecg, evidence, heatmap)).axes[:3]
    np.testing.assert_allclose(bars(middle).get_array(), evidence / 10)
    assert bars(middle).get_clim() == (-1.0, 1.0)
    assert middle.get_ylim()[0] == -middle.get_ylim()[1]
    (behind,), (image,) = above.images, below.images
    wide = np.interp(np.arange(1000) + 0.5, (np.arange(125) + 0.5) * 8, evidence)
    np.testing.assert_allclose(behind.get_array()[0], wide / 10)
    assert behind.get_clim() == (-1.0, 1.0)
    np.testing.assert_allclose(image.get_array()[0], heatmap)
    assert image.get_clim() == (0.0, 1.0)
    assert image.get_extent()[:2] == behind.get_extent()[:2] == [0.0, 10.0]
    assert above.get_xlim() == middle.get_xlim() == below.get_xlim()
    assert [label.get_text() for label in above.get_yticklabels()] == list(LEADS)
    positions = [ax.get_position() for ax in (above, middle, below)]
    assert len({(round(box.x0, 9), round(box.x1, 9)) for box in positions}) == 1


def test_the_scale_is_the_same_for_weak_and_strong_records(ecg, evidence, heatmap):
    for factor in (0.01, 1, 20):
        figure = plotting.plot_map(Case(ecg, factor * evidence, heatmap))
        assert figure.axes[0].images[0].get_clim() == bars(figure.axes[1]).get_clim() == (-1.0, 1.0)


def test_the_look_of_the_paper_has_the_heatmap_behind_the_traces(ecg, evidence, heatmap):
    figure = plotting.plot_map(Case(ecg, evidence, heatmap), background="heatmap")
    (image,) = figure.axes[0].images
    np.testing.assert_allclose(image.get_array()[0], heatmap)
    with pytest.raises(ValueError, match="background must be one of evidence, heatmap, got 'cam'"):
        plotting.plot_map(Case(ecg, evidence, heatmap), background="cam")


@pytest.mark.parametrize("layout", ["12x1", "3x4"])
def test_each_trace_lies_over_the_evidence_of_its_own_lead(ecg, heatmap, rng, layout):
    rows = rng.normal(size=(125, 13))
    figure = plotting.plot_map(Case(ecg, rows.sum(axis=1), heatmap, lead_evidence=rows), layout=layout)
    ax, bands = figure.axes[0], [axes for axes in figure.axes[2:] if axes.images]
    shown = {}
    for image in ax.images:
        assert image.get_clim() == (-0.25, 0.25)
        start, stop, bottom, top = image.get_extent()
        shown.setdefault(image.get_gid(), []).append((start, stop))
        lead = LEADS.index(image.get_gid().removeprefix("evidence "))
        wide = np.interp(np.arange(1000) + 0.5, (np.arange(125) + 0.5) * 8, rows[:, lead]) / 10
        np.testing.assert_allclose(image.get_array()[0], wide[round(100 * start) : round(100 * stop)])
        span = pytest.approx((start, stop - 0.01))
        traces = [line for line in ax.lines if line.get_gid() == f"lead {LEADS[lead]}"]
        (line,) = [line for line in traces if (line.get_xdata()[0], line.get_xdata()[-1]) == span]
        zero = ax.transData.inverted().transform(line.get_transform().transform((0, 0)))[1]
        assert bottom < zero < top
    assert set(shown) == {f"evidence {lead}" for lead in LEADS}
    if layout == "3x4":
        assert shown["evidence aVF"] == [(2.5, 5.0)]
        assert shown["evidence II"] == [(0.0, 2.5), (0.0, 10.0)]
    assert [image.get_gid() for axes in bands for image in axes.images] == ["between leads", "heatmap"]
    with pytest.raises(
        ValueError, match=r"lead_evidence must have the shape \(125, 12 or 13\), got \(125, 5\)"
    ):
        plotting.plot_map(Case(ecg, rows[:, 0], heatmap, lead_evidence=rows[:, :5]))


def test_mean_of_the_evidence_is_marked_as_the_logit(ecg, evidence, heatmap):
    figure = plotting.plot_map(Case(ecg, evidence, heatmap, logit=evidence.mean()))
    np.testing.assert_allclose(marked(figure.axes[1], "mean").get_ydata(), evidence.mean() / 10)
    assert marked(figure.axes[1], "logit") is None
    assert f"times 10 s it is {evidence.mean():+.2f}, the logit" in texts(figure)


def test_a_map_that_does_not_sum_to_the_logit_says_so(ecg, evidence, heatmap):
    figure = plotting.plot_map(Case(ecg, evidence, heatmap, logit=4.0))
    assert set(marked(figure.axes[1], "logit").get_ydata()) == {0.4}
    assert "+4.00, which this map misses" in texts(figure)
    assert figure.axes[1].get_ylim()[1] > 0.4


def test_a_record_with_evidence_against_alone_says_what_its_heatmap_means(ecg, evidence, heatmap):
    words = "All evidence is against ABNORMAL here: 1 is where it is weakest"
    assert words in texts(plotting.plot_map(Case(ecg, evidence - evidence.max(), heatmap)))
    assert words not in texts(plotting.plot_map(Case(ecg, evidence, heatmap)))


def test_the_caption_says_that_a_map_has_no_lead_axis(ecg, evidence, heatmap):
    assert "no lead axis" in texts(plotting.plot_map(Case(ecg, evidence, heatmap)))


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ("ABNORMAL", "ABNORMAL", "✓ right: P(ABNORMAL) = 0.930, predicted ABNORMAL, truth ABNORMAL"),
        ("ABNORMAL", "NORMAL", "✗ wrong: P(ABNORMAL) = 0.930, predicted ABNORMAL, truth NORMAL"),
        ("ABNORMAL", None, "P(ABNORMAL) = 0.930, predicted ABNORMAL"),
    ],
)
def test_title_says_probability_prediction_truth_and_whether_it_is_right(
    ecg, evidence, heatmap, predicted, truth, expected
):
    figure = plotting.plot_map(
        Case(ecg, evidence, heatmap, probability=0.93, predicted=predicted, truth=truth)
    )
    assert expected in texts(figure).split("\n")


@pytest.mark.bad_input(23)
def test_padded_time_may_be_nan_and_is_left_out_of_the_mean(ecg, evidence, heatmap):
    padded = np.zeros(1000, bool)
    padded[800:] = True
    evidence[100:], heatmap[800:] = np.nan, np.nan
    figure = plotting.plot_map(Case(ecg, evidence, heatmap, padded=padded, logit=0.0))
    assert marked(figure.axes[1], "mean").get_ydata()[0] == pytest.approx(evidence[:100].mean() / 10)
    assert len(bars(figure.axes[1]).get_paths()) == 100
    assert "the logit counts it, the mean does not" in texts(figure)
    for ax in figure.axes[:3]:
        (patch,) = [patch for patch in ax.patches if patch.get_gid() == "padded"]
        assert (patch.get_x(), patch.get_x() + patch.get_width()) == pytest.approx((8.0, 10.0))
    with pytest.raises(
        ValueError, match="evidence must be finite where time is not padded, got 25 that are not"
    ):
        plotting.plot_map(Case(ecg, evidence, np.zeros(1000)))


@pytest.mark.bad_input(43)
def test_constant_maps_can_be_drawn(ecg):
    figure = plotting.plot_map(Case(ecg, np.zeros(125), np.zeros(1000)))
    figure.draw_without_rendering()
    assert bars(figure.axes[1]).get_clim() == (-1.0, 1.0)


def test_maps_of_several_records_or_classes_are_refused_with_a_hint(ecg, evidence, heatmap):
    with pytest.raises(ValueError, match=r"Take one record and one class, evidence\[record, :, class\]"):
        plotting.plot_map(Case(ecg, np.zeros((125, 5)), heatmap))
    with pytest.raises(ValueError, match=r"Take one record and one class, heatmap\[record, :, class\]"):
        plotting.plot_map(Case(ecg, evidence, np.zeros((2, 1000, 1))))
    plotting.plot_map(Case(ecg, evidence[:, None], heatmap[:, None]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros(125), r"one value a sample, shape \(1000,\), got \(125,\)"),
        (np.full(1000, 1.5), r"heatmap must lie in \[0, 1\], got 1.5 to 1.5"),
        (np.full(1000, np.nan), "heatmap must be finite where time is not padded, got 1000 that are not"),
    ],
)
def test_wrong_heatmaps_are_named(ecg, evidence, wrong, message):
    with pytest.raises(ValueError, match=message):
        plotting.plot_map(Case(ecg, evidence, wrong))


def test_maps_leave_their_arguments_as_they_were(ecg, evidence, heatmap):
    copies = ecg.copy(), evidence.copy(), heatmap.copy()
    plotting.plot_map(Case(ecg, evidence, heatmap))
    for given, copy in zip((ecg, evidence, heatmap), copies, strict=True):
        np.testing.assert_array_equal(given, copy)


def test_typical_records_are_those_of_median_probability():
    y, p = np.array([1, 1, 1, 0, 0, 1]), np.array([0.9, 0.6, 0.7, 0.2, 0.8, 0.1])
    assert plotting.typical_records(y, p) == {
        "abnormal, predicted abnormal": 2,
        "abnormal, predicted normal": 5,
        "normal, predicted abnormal": 4,
        "normal, predicted normal": 3,
    }
    assert plotting.typical_records(y[:3], p[:3], threshold=0.75) == {
        "abnormal, predicted abnormal": 0,
        "abnormal, predicted normal": 2,
    }


def test_cases_say_right_and_wrong_and_keep_their_own_data(ecg, evidence, heatmap):
    case = Case(ecg, evidence, heatmap, probability=0.7, predicted="ABNORMAL")
    cases = [
        replace(case, truth="ABNORMAL", name="1"),
        replace(case, truth="NORMAL", evidence=-evidence, name="2"),
    ]
    figure = plotting.plot_cases([*cases, case], leads=("aVR", "V1"))
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.images]
    assert titles[0] == "1: ✓ right\nP = 0.700, predicted ABNORMAL, truth ABNORMAL"
    assert titles[1].startswith("2: ✗ wrong")
    strips = [ax for ax in figure.axes if any(item.get_gid() == "evidence" for item in ax.collections)]
    np.testing.assert_allclose(bars(strips[0]).get_array(), evidence / 10)
    np.testing.assert_allclose(bars(strips[1]).get_array(), -evidence / 10)
    line = next(line for line in figure.axes[0].lines if line.get_gid() == "lead aVR")
    np.testing.assert_array_equal(line.get_ydata(), ecg[:, LEADS.index("aVR")])
    with pytest.raises(ValueError, match=r"Take one record, signals\[0\]"):
        plotting.plot_cases([case, replace(case, signals=ecg[None])])
    with pytest.raises(ValueError, match="at least one record"):
        plotting.plot_cases([])


def test_class_maps_share_one_scale_and_give_each_class_its_own_column(ecg, rng):
    evidence = rng.normal(size=(125, 3)) * [1, 2, 5]
    figure = plotting.plot_class_maps(
        ecg, evidence, ["NORM", "MI", "CD"], probabilities=[0.1, 0.2, 0.9], truth=["CD"]
    )
    strips = figure.axes[1:]
    for column, ax in enumerate(strips):
        np.testing.assert_allclose(bars(ax).get_array(), evidence[:, column] / 10)
        assert bars(ax).get_clim() == bars(strips[0]).get_clim()
        assert ax.get_ylim() == strips[0].get_ylim()
    assert [ax.get_ylabel() for ax in strips] == ["NORM", "MI", "CD"]
    assert f"P = 0.90\nlogit {evidence[:, 2].mean():+.2f}\nlabelled" in texts(strips[2])
    with pytest.raises(ValueError, match=r"shape \(position, 2\), got \(125, 3\)"):
        plotting.plot_class_maps(ecg, evidence, ["NORM", "MI"])


def test_lead_time_map_lies_behind_its_own_lead(ecg, rng):
    relevance = rng.normal(size=ecg.shape)
    figure = plotting.plot_lead_time(relevance, ecg)
    ax = figure.axes[0]
    images = {image.get_gid(): image for image in ax.images}
    for lead, (name, place) in enumerate(zip(LEADS, ax.get_yticks(), strict=True)):
        image = images[f"relevance {name}"]
        np.testing.assert_allclose(image.get_array()[0], relevance[:, lead])
        bottom, top = image.get_extent()[2:]
        assert bottom < place < top
        assert image.get_clim() == (-np.abs(relevance).max(), np.abs(relevance).max())
    assert ax.get_yticklabels()[3].get_text() == f"aVR\n{relevance[:, 3].mean():+.2f}"
    with pytest.raises(ValueError, match="relevance must have the shape of signals"):
        plotting.plot_lead_time(relevance[:, :1], ecg)


def test_beat_average_draws_evidence_about_the_r_peak(rng):
    times = np.arange(-30, 50) / 100
    value = rng.normal(size=80)
    evidence = pd.DataFrame({"value": value, "low": value - 1, "high": value + 1})
    groups = {
        name: {"signals": rng.normal(size=(80, 12)), "evidence": sign * evidence, "count": 1234}
        for name, sign in (("NORM", -1), ("MI", 1))
    }
    figure = plotting.plot_beat_average(times, groups, {"QRS": (-0.05, 0.05)})
    curve = next(line for line in figure.axes[3].lines if line.get_gid() == "evidence")
    np.testing.assert_allclose(curve.get_xydata(), np.column_stack([times, value]))
    assert figure.axes[1].get_title() == "MI\n1,234 beats"
    assert "time from the R peak (s)" in texts(figure)
    groups["MI"]["signals"] = groups["MI"]["signals"].T
    with pytest.raises(ValueError, match="signals of MI must have the shape .* It looks transposed"):
        plotting.plot_beat_average(times, groups, {})


def test_deletion_and_insertion_legends_hold_the_area_under_the_curve():
    fractions = np.array([0.0, 0.5, 1.0])
    table = pd.DataFrame({"value": [0.9, 0.5, 0.3], "low": [0.8, 0.4, 0.2], "high": [1.0, 0.6, 0.4]})
    figure = plotting.plot_deletion_insertion(fractions, {"cam": table}, {"cam": [0.3, 0.8, 0.9]})
    left, right = figure.axes
    assert "with 95 % interval" in left.get_ylabel()
    assert (
        "interval"
        not in plotting.plot_deletion_insertion([0, 1], *[{"cam": [1, 0]}] * 2).axes[0].get_ylabel()
    )
    np.testing.assert_allclose(left.lines[0].get_xydata(), [[0, 0.9], [50, 0.5], [100, 0.3]])
    assert "CAM, 0.550" in texts(left.get_legend())
    assert "CAM, 0.700" in texts(right.get_legend())


def test_sanity_draws_layers_in_the_order_of_randomising():
    table = pd.DataFrame(
        {"value": [1.0, 0.1], "low": [1.0, 0.0], "high": [1.0, 0.2]}, index=["none", "classifier"]
    )
    (ax,) = plotting.plot_sanity({"cam": table, "gradient": table}).axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["none", "classifier"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [1.0, 0.1])
    (ax,) = plotting.plot_sanity({"cam": table, "gradient": table.iloc[::-1]}).axes
    np.testing.assert_allclose(ax.lines[1].get_ydata(), [1.0, 0.1])


def test_localisation_has_a_panel_a_measure_with_chance():
    index = pd.MultiIndex.from_product([["cam", "random"], ["pointing", "mass"]])
    table = pd.DataFrame({"value": [0.9, 0.8, 0.4, 0.3], "low": 0.2, "high": 0.95}, index=index)
    figure = plotting.plot_localisation(table, {"pointing": 0.35}, "Lesions")
    pointing, mass = figure.axes
    assert [pointing.get_title(), mass.get_title()] == ["pointing game", "relevance mass"]
    np.testing.assert_allclose(pointing.lines[0].get_xdata(), [0.9, 0.4])
    assert set(pointing.lines[1].get_xdata()) == {0.35}
    assert [label.get_text() for label in pointing.get_yticklabels()] == ["CAM", "random"]
