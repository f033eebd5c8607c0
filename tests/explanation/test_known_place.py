"""A model built by hand that looks at one known second of one known lead: all but random must say so."""

import numpy as np
import pytest
from explanation_models import LEAD, SECOND, gated_model, noise

from signalcam.explanation.assessment.faithfulness import Perturbation, faithfulness
from signalcam.explanation.assessment.localisation import localise, smooth
from signalcam.explanation.methods import METHODS, explain, explain_leads
from signalcam.explanation.network import Network
from signalcam.explanation.occlusion import occlude_leads

KNOWING = sorted(set(METHODS) - {"random"})


@pytest.fixture(scope="module")
def model():
    return Network(gated_model())


@pytest.fixture(scope="module")
def signals():
    """Noise above zero everywhere, more so where the model looks, and as much in another second and lead."""
    signals = np.abs(noise(12))
    signals[:, SECOND, LEAD] += 2
    signals[:, 700:800, 3] += 2
    return signals


@pytest.fixture(scope="module")
def maps(model, signals):
    options = {"integrated_gradients": {"n_steps": 8}}
    return {name: explain(name, model, signals, **options.get(name, {})) for name in METHODS}


@pytest.fixture(scope="module")
def gains(model, signals, maps):
    signed = {name for name in METHODS if METHODS[name].signed}
    settings = Perturbation(n_random=3)
    curves = faithfulness(model, signals, maps, signed=signed, settings=settings)
    # Of what the model says beyond "either", a logit of 0.
    return {name: one.areas()["gain"] / (one.deletion[:, 0] - 0.5) for name, one in curves.items()}


def mask_of(n_records):
    mask = np.zeros((n_records, 1000), bool)
    mask[:, SECOND] = True
    return mask


@pytest.mark.parametrize("name", KNOWING)
def test_map_lies_in_the_second_that_the_model_looks_at(name, maps):
    found = localise(smooth(maps[name], 25), mask_of(12))
    assert (found["pointing"] == 1).all()
    assert found["mass"].min() > 0.6
    assert found["average_precision"].min() > 0.6


@pytest.mark.parametrize("name", KNOWING)
def test_deletion_and_insertion_beat_random_order(name, gains):
    assert gains[name].min() > 0.1


def test_random_is_at_chance(model, signals, gains):
    many = np.repeat(signals[:1], 1500, axis=0)
    found = localise(explain("random", model, many), mask_of(1500)).mean()
    assert found["pointing"] == pytest.approx(0.1, abs=0.03)
    assert found["mass"] == pytest.approx(0.1, abs=0.01)
    assert abs(gains["random"].mean()) < 0.15


@pytest.mark.parametrize(
    "name", sorted(name for name in METHODS if METHODS[name].over_time_and_leads and name != "cam")
)
def test_map_over_leads_lies_in_the_lead_that_the_model_looks_at(name, model, signals):
    options = {"integrated_gradients": {"n_steps": 8}, "occlusion": {"window": 100, "stride": 100}}
    found = explain_leads(name, model, signals[:2], **options.get(name, {}))
    assert (np.abs(found).sum(axis=1).argmax(axis=1) == LEAD).all()
    np.testing.assert_allclose(np.delete(found, LEAD, axis=2), 0, atol=1e-6)


def test_occlusion_of_leads_finds_the_lead(model, signals):
    falls = occlude_leads(model, signals)
    assert (falls.argmax(axis=1) == LEAD).all()
    np.testing.assert_allclose(np.delete(falls, LEAD, axis=1), 0, atol=1e-6)
