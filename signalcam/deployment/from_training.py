"""From a network that a recipe has trained to a deployable model."""

import keras
import numpy as np

from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.training.networks import combine_outputs
from signalcam.training.recipes import target_outputs
from signalcam.training.train_recipe import TrainedNetwork


def deploy(
    trained: TrainedNetwork,
    target: str = "normal-abnormal",
    slope: float | np.ndarray = 1.0,
    intercept: float | np.ndarray = 0.0,
    **settings,
) -> keras.Model:
    """Make the deployable model of a network that a recipe has trained.

    Args:
        trained: as `train_recipe` gives it.
        target: one of `TARGETS`; the other outputs are dropped.
        slope, intercept: logits become `slope * logit + intercept`, by the weights; a number, or one a class.
        **settings: for `Settings`; the threshold is 0.5 where none is given.

    Returns, Raises: as in `build_deployable`; ValueError for an unknown target, too.
    """
    wanted = target_outputs(target)
    matrix = np.array([[name == want for want in wanted] for name in trained.outputs]) * np.asarray(slope)
    network = combine_outputs(trained.network, matrix, intercept)
    known = {"n_times": network.input_shape[1], "recipe": trained.recipe.name}
    settings = {"threshold": (0.5,) * len(wanted)} | known | settings
    return build_deployable(network, trained.scaler, Settings(class_names=wanted, **settings))
