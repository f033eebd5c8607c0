"""The whole assessment on a small simulated set: tables that fit together, and a page that holds them."""

import json
from copy import copy
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from explanation_models import small_model

from signalcam.data.load import load_ptbxl
from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.evaluation import mean_table
from signalcam.explanation.assessment.assess import Assessment, Plan
from signalcam.explanation.assessment.faithfulness import Perturbation
from signalcam.explanation.assessment.records import ExplainedRecords
from signalcam.explanation.assessment.report import report_page, summary_table, write_report
from signalcam.explanation.methods import MapMaker
from signalcam.explanation.network import Network
from signalcam.preprocessing.detrending import detrend
from signalcam.preprocessing.scaling import Scaler

METHODS = ("cam", "cam_convolution", "gradient_x_input", "random")


@pytest.fixture(scope="module")
def study(simulated_dataset):
    return load_ptbxl(simulated_dataset, cache=False, progress=False)


@pytest.fixture(scope="module")
def model(study):
    scaler = Scaler("standard").fit(detrend(study.signals))
    return build_deployable(small_model(filters=(2, 2, 3, 4)), scaler, Settings(threshold=(0.3,)))


@pytest.fixture(scope="module")
def records(model, study):
    return ExplainedRecords(model, study, split="train", limit=12, seed=1)


@pytest.fixture(scope="module")
def assessment(model, records):
    plan = Plan(
        make=MapMaker(METHODS), perturbation=Perturbation(n_steps=3, n_random=1), n_few=4, n_draws=1,
        n_bootstrap=20, progress=False,
    )  # fmt: skip
    return Assessment(model, records, plan)


@pytest.fixture(scope="module")
def written(assessment, tmp_path_factory):
    return write_report(assessment, tmp_path_factory.mktemp("report") / "maps")


def test_records_of_a_study_are_scaled_and_carry_truth_and_settings(records, study):
    assert records.signals.shape == (12, 1000, 12)
    assert records.class_name == "ABNORMAL"
    assert records.threshold == 0.3
    assert set(records.ecg_ids) <= set(study.splits["train"])
    abnormal = study.labels.loc[records.ecg_ids].to_numpy() == 1
    assert (records.lesions.any(axis=1) == records.superclasses.drop(columns="NORM").any(axis=1)).all()
    assert records.lesions.any(axis=1)[~abnormal].sum() == 0


def test_every_question_has_a_table_with_intervals_around_the_value(assessment):
    expected = {
        "cost", "faithfulness", "faithfulness_advantage", "replacement", "localisation",
        "localisation_advantage", "parts", "leads", "agreement", "noise", "shift", "sanity",
    }  # fmt: skip
    assert set(assessment.tables) == expected
    for name in expected - {"cost", "agreement"}:
        table = assessment.tables[name].dropna(subset=["value"])
        assert (table["low"] <= table["value"] + 1e-9).all(), name
        assert (table["value"] <= table["high"] + 1e-9).all(), name


def test_sanity_starts_at_one_and_goes_stage_by_stage(assessment):
    sanity = assessment.tables["sanity"]
    stages = list(sanity.loc["cam"].index)
    assert stages == [
        "original", "classifier", "conv_4", "conv_3", "conv_2", "conv_1", "other record",
    ]  # fmt: skip
    np.testing.assert_allclose(sanity.xs("original", level="stage")["value"], 1)


def test_localisation_names_chance_for_each_group(assessment):
    table = assessment.tables["localisation"]
    for group in table.index.get_level_values("group").unique():
        assert set(METHODS) | {"chance"} == set(table.loc[group].index.get_level_values("method"))


def test_page_shows_every_figure_it_names_and_every_table(written, assessment):
    class Page(HTMLParser):
        images, tables = [], 0

        def handle_starttag(self, tag, attributes):
            if tag == "img":
                self.images.append(dict(attributes)["src"])
            self.tables += tag == "table"

    page = Page()
    page.feed(written.read_text("utf-8"))
    assert page.images
    assert {written.parent / image for image in page.images} == set(
        (written.parent / "figures").glob("*.png")
    )
    assert page.tables == len(assessment.tables) + 1


@pytest.mark.security
def test_page_escapes_the_name_of_the_class_and_of_the_data(assessment):
    evil = "<script>alert(1)</script>"
    tables = {"summary": pd.DataFrame({"value": [evil]})}
    page = report_page(assessment.about | {"class": evil, "data": evil}, tables, [])
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5


def test_tables_are_written_as_csv_and_json_alike(written, assessment):
    folder = written.parent
    results = json.loads((folder / "results.json").read_text("utf-8"))
    for name, table in assessment.tables.items():
        assert len(pd.read_csv(folder / "tables" / f"{name}.csv")) == len(table), name
        assert len(results["tables"][name]) == len(table), name
    assert results["about"]["n_records"] == 12


def test_summary_has_one_row_a_method(assessment):
    table = summary_table(assessment)
    assert list(table.index) == list(METHODS)
    assert table.loc["random", "sanity"] == pytest.approx(1)
    assert table["faithfulness"].notna().all()


def test_real_records_whose_lesions_nobody_knows_are_assessed_too(model, records):
    real = copy(records)
    real.lesions = None
    plan = Plan(
        make=MapMaker(("cam",)), perturbation=Perturbation(n_steps=2, n_random=1), n_few=2, n_draws=1,
        n_bootstrap=5, progress=False,
    )  # fmt: skip
    found = Assessment(Network(model), real, plan)
    assert "localisation" not in found.tables
    assert "localisation" not in summary_table(found)


def test_means_leave_records_without_a_value_out_and_draw_whole_patients():
    table = pd.DataFrame({"some": [1.0, 1.0, np.nan, 3.0], "none": np.nan})
    means = mean_table(table, groups=["a", "a", "b", "c"], n_bootstrap=500)
    assert means.loc["some"].tolist() == pytest.approx([5 / 3, 1, 3, 3])
    assert means.loc["none"].isna().tolist() == [True, True, True, False]
    assert means["n"].tolist() == [3, 0]


def test_means_of_columns_do_not_depend_on_their_neighbours(rng):
    table = pd.DataFrame(rng.normal(size=(20, 3)))
    table.iloc[3, 1] = np.nan
    together = mean_table(table, n_bootstrap=200)
    for name in table:
        pd.testing.assert_frame_equal(mean_table(table[[name]], n_bootstrap=200), together.loc[[name]])
    drawn = mean_table(table, n_bootstrap=0)
    assert drawn[["low", "high"]].isna().all(axis=None)
