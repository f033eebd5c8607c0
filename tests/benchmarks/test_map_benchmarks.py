"""The benchmarks of maps: wave boundaries, leads of each diagnosis, and what the table's numbers mean."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import explanation  # noqa: E402
import leads_of_each_diagnosis as territories  # noqa: E402
import wave_boundaries as waves  # noqa: E402

from signalcam.leads import LEADS  # noqa: E402

PARTS = np.array([*waves.PARTS, "-"])


def test_marks_of_a_lead_become_parts_with_pq_and_st_between_their_waves():
    samples = np.array([2, 3, 4, 6, 7, 8, 10, 12, 13, 20, 22, 23, 90, 91, 92])
    parts = waves.lead_parts(samples, list("(p)(N)(t)(p)(N)"), n_times=100, rate=100)
    expected = ["-"] * 2 + ["P"] * 3 + ["PQ"] + ["QRS"] * 3 + ["ST"] + ["T"] * 4 + ["rest"] * 6 + ["P"] * 4
    assert list(PARTS[parts][:24]) == expected
    assert set(PARTS[parts][24:90]) == {"rest"}, "a P wave too long before belongs to no QRS"
    assert list(PARTS[parts][90:94]) == ["QRS"] * 3 + ["-"]


def test_a_wave_without_its_brackets_and_a_lead_without_marks_count_for_nothing():
    parts = waves.lead_parts(np.array([1, 2, 5, 6, 7]), list("N)(t)"), 10, 100)
    assert list(PARTS[parts]) == ["-"] * 5 + ["T"] * 3 + ["-"] * 2
    assert (waves.lead_parts(np.zeros(0, int), [], 10, 100) == -1).all()


def test_a_sample_belongs_to_the_part_that_most_leads_give_it():
    by_lead = np.full((12, 3), -1)
    by_lead[:7, 0], by_lead[7:, 0] = 1, 2
    by_lead[:5, 1] = 3
    by_lead[:6, 2] = 5
    np.testing.assert_array_equal(waves.vote(by_lead), [1, -1, 5])


def test_findings_belong_to_their_superclass_and_to_abnormal():
    assert waves.belongs("incomplete right bundle branch block", "CD")
    assert waves.belongs("incomplete right bundle branch block", "ABNORMAL")
    assert not waves.belongs("incomplete right bundle branch block", "MI")
    assert not waves.belongs("sinus rhythm", "ABNORMAL")


def test_ratio_of_a_map_without_knowledge_is_one():
    time = np.tile([0.1, 0.05, 0.1, 0.15, 0.2, 0.4], (5, 1))
    shares = pd.DataFrame(np.hstack([time, time]))
    assert set(waves.ratio_texts(shares).values()) == {"1.00 (1.00 to 1.00)"}


@pytest.fixture
def study():
    """Four normal records, and twelve with an inferior infarction in II, III and aVF, of eight patients."""
    codes = [{"NORM": 100.0}] * 4 + [{"IMI": 100.0, "LVH": 50.0}] * 12
    table = pd.DataFrame({"scp_codes": codes, "patient_id": [*range(4), *(4 + k // 2 for k in range(12))]})
    superclass = pd.DataFrame({"NORM": [True] * 4 + [False] * 12, "MI": [False] * 4 + [True] * 12})
    statements = pd.DataFrame({"diagnostic_class": {"IMI": "MI", "LVH": "HYP", "NORM": "NORM"}})
    return SimpleNamespace(table=table, superclass=superclass, dataset=SimpleNamespace(statements=statements))


@pytest.fixture
def found(study):
    """Evidence of 0.5 everywhere, in the infarctions 1.5 in II, III, aVF and 1.0 in V1 and between leads."""
    evidence = np.full((16, 13, 2), 0.5, np.float32)
    for lead, height in {"II": 1.5, "III": 1.5, "aVF": 1.5, "V1": 1.0}.items():
        evidence[4:, LEADS.index(lead), 1] = height
    evidence[4:, 12, 1] = 3.0
    rows = [*LEADS, territories.BETWEEN]
    return territories.lead_table(evidence, rows, ["NORM", "MI"], study, np.arange(16), n_bootstrap=50)


def test_evidence_of_a_diagnosis_is_counted_above_normal_and_shared_over_the_leads(found):
    assert list(found.index) == ["IMI"], "LVH is not likely enough"
    row = found.loc["IMI"]
    assert (row["superclass"], row["n"]) == ("MI", 12)
    assert row[["I", "II", "V1", territories.BETWEEN]].to_list() == pytest.approx([0, 1, 0.5, 2.5])
    assert row["share"] == pytest.approx(3 / 3.5)
    assert row["low"] == pytest.approx(row["high"]) == pytest.approx(3 / 3.5)
    assert row["chance"] == 0.25
    assert "inferior infarction (MI)" in territories.as_text(found).to_string()
    assert "**1.0**" in territories.as_text(found)["aVF"].iloc[0]
    assert territories.overall(found).endswith("for 1 of 1 statements.")


def test_figure_has_a_grid_for_each_way_and_a_ring_for_each_named_lead(found):
    figure = territories.draw({"lead evidence": found, "occlusion of leads": found[list(found.columns)]})
    first, second = figure.axes
    assert first.get_title().startswith("lead evidence")
    assert len(first.lines) == len(second.lines) == 3
    assert [label.get_text() for label in first.get_xticklabels()] == list(LEADS)
    assert first.get_yticklabels()[0].get_text() == "inferior infarction, 12 records"


def test_every_territory_names_known_leads_and_a_statement_in_words():
    for words, leads in territories.TERRITORIES.values():
        assert words.islower()
        assert set(leads) <= set(LEADS)
        assert len(set(leads)) == len(leads) < 12


def test_patients_are_drawn_with_all_their_records(rng):
    values = np.array([[0.0], [0.0], [1.0]])
    drawn = territories.resampled_means(values, np.array([7, 7, 9]), 200, 0)
    assert set(np.round(drawn[:, 0], 3)) == {0.0, 0.333, 1.0}


def test_a_map_without_the_envelope_has_none_of_it_left_and_its_mean_stays(rng):
    shape, other = rng.random((2, 3, 100))
    maps = 2 * shape + other
    left = explanation.without(maps, shape)
    centred = shape - shape.mean(axis=1, keepdims=True)
    np.testing.assert_allclose((left * centred).sum(axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(left.mean(axis=1), maps.mean(axis=1))
    np.testing.assert_allclose(explanation.without(maps, np.ones((3, 100))), maps)


def test_partial_correlation_is_that_of_what_is_left_after_the_third(rng):
    third, own = rng.normal(size=(2, 5, 4000))
    first, second = third + rng.normal(size=third.shape), third + rng.normal(size=third.shape)
    assert explanation.rank_correlation(first, second, 1).mean() > 0.4
    assert np.abs(explanation.partial_correlation(first, second, third)).mean() < 0.35
    assert explanation.partial_correlation(first + 3 * own, second + 3 * own, third).min() > 0.5


def test_peaks_within_half_a_second_are_one_place():
    maps = np.zeros((3, 1000))
    maps[0, 500], maps[1, 540], maps[2, 600] = 1, 1, 1
    assert explanation.same_peak(maps, maps[[0, 0, 0]]).tolist() == [1, 1, 0]


def test_a_beat_that_comes_early_before_a_pause_is_premature():
    regular = np.arange(50, 1000, 100)
    assert len(explanation.premature_beats(regular)) == 0
    early = regular.copy()
    early[4] -= 35
    assert explanation.premature_beats(early).tolist() == [415]
    assert len(explanation.premature_beats(np.array([10, 50]))) == 0
