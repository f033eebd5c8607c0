"""From what a recipe trains to a deployable model: outputs picked, logits calibrated, settings filled in."""

import keras
import numpy as np
import pandas as pd
import pytest

from signalcam.data.labels import SUPERCLASSES
from signalcam.deployment import predict, settings_of
from signalcam.deployment.from_training import deploy
from signalcam.model import add_cam, build_model
from signalcam.preprocessing import Scaler, detrend
from signalcam.training.recipes import RECIPES
from signalcam.training.train_recipe import TrainedNetwork


@pytest.fixture
def trained():
    """A network of six outputs, abnormal and the superclasses, as a recipe leaves it."""
    keras.utils.set_random_seed(0)
    network = build_model(filters=(4, 4, 6, 8), n_classes=6)
    outputs = ("ABNORMAL", *SUPERCLASSES)
    return TrainedNetwork(RECIPES["paper"], network, outputs, Scaler("record"), pd.DataFrame(), best_epoch=1)


def logits(trained, signals):
    """Logits of all outputs of the network, by the steps by hand."""
    return np.asarray(add_cam(trained.network)(trained.scaler.transform(detrend(signals)))["logit"])


@pytest.mark.parametrize(
    ("target", "columns"), [("normal-abnormal", slice(0, 1)), ("superclasses", slice(1, 6))]
)
def test_outputs_of_the_target_are_kept_and_the_others_dropped(trained, ecg_like, target, columns):
    model = deploy(trained, target, label_rule="labelled", training_folds=[1, 2])
    settings = settings_of(model)
    assert settings.class_names == ("ABNORMAL", *SUPERCLASSES)[columns]
    assert settings.threshold == (0.5,) * len(settings.class_names)
    assert (settings.label_rule, settings.recipe, settings.n_times) == ("labelled", "paper", 1000)
    assert settings.training_folds == (1, 2)
    np.testing.assert_allclose(
        predict(model, ecg_like)["logit"], logits(trained, ecg_like)[:, columns], atol=2e-4
    )


def test_slope_and_intercept_go_into_the_weights_and_the_map_stays_exact(trained, ecg_like):
    slope, intercept = np.array([0.5, 1, 2, 0.7, 1.5]), np.array([0.1, -0.2, 0, 1, 0.3])
    found = predict(deploy(trained, "superclasses", slope, intercept), ecg_like)
    expected = slope * logits(trained, ecg_like)[:, 1:] + intercept
    np.testing.assert_allclose(found["logit"], expected, atol=5e-4)
    np.testing.assert_allclose(found["evidence"].mean(axis=1), found["logit"], atol=1e-5)


def test_unknown_target_is_refused(trained):
    with pytest.raises(ValueError, match="target must be one of normal-abnormal, superclasses, got 'sex'"):
        deploy(trained, "sex")
