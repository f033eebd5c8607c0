"""From a network that a recipe has trained to a deployable model."""

from collections.abc import Sequence

import keras
import numpy as np

from signalcam.deployment.deployable import Settings, build_deployable, network_of, settings_of
from signalcam.preprocessing import Scaler
from signalcam.training.fine_tuning import Start
from signalcam.training.networks import combine_outputs
from signalcam.training.recipes import target_outputs
from signalcam.training.train_recipe import TrainedNetwork


def deploy(
    trained: TrainedNetwork,
    target: str | Sequence[str] = "normal-abnormal",
    slope: float | np.ndarray = 1.0,
    intercept: float | np.ndarray = 0.0,
    **settings,
) -> keras.Model:
    """Make the deployable model of a network that a recipe has trained.

    Args:
        trained, target: as `train_recipe` gives and takes them; other outputs than the target's are dropped.
        slope, intercept: logits become `slope * logit + intercept`, by the weights; a number, or one a class.
        **settings: for `Settings`; the threshold is 0.5 where none is given.

    Returns, Raises: as in `build_deployable`; ValueError for an unknown target, too.
    """
    wanted = target_outputs(target)
    matrix = np.array([[name == want for want in wanted] for name in trained.outputs]) * np.asarray(slope)
    network = combine_outputs(trained.network, matrix, intercept)
    known = {"n_times": network.input_shape[1], "recipe": trained.recipe.name}
    if len(wanted) == 1 and wanted != ("ABNORMAL",):
        known["predicted_names"] = (f"no {wanted[0]}", wanted[0])
    settings = {"threshold": (0.5,) * len(wanted)} | known | settings
    return build_deployable(network, trained.scaler, Settings(class_names=wanted, **settings))


def start_from(model: keras.Model) -> Start:
    """Take a deployable model apart, so that `train_recipe` can go on from it; ValueError for a softmax."""
    settings, network = settings_of(model), network_of(model)
    if settings.exclusive:
        raise ValueError("model must have sigmoid outputs to go on from, got a softmax. Train from scratch.")
    classifier = keras.Model(network.inputs[0], network.output["probability"])
    config = model.get_layer("scale").get_config()
    scaler = Scaler(**{name: config[name] for name in ("rule", "mean", "std")})
    return Start(classifier, settings.class_names, scaler)
