"""From a network that a recipe has trained to a deployable model."""

import keras
import numpy as np

from signalcam.deployment.deployable import Settings, build_deployable
from signalcam.preprocessing import Scaler
from signalcam.training.networks import combine_outputs
from signalcam.training.recipes import OUTPUTS, Recipe
from signalcam.training.train_recipe import trained_outputs


def deploy(
    recipe: Recipe,
    network: keras.Model,
    scaler: Scaler,
    target: str = "normal-abnormal",
    temperature: float | np.ndarray = 1.0,
    **settings,
) -> keras.Model:
    """Make the deployable model of a network that a recipe has trained.

    Args:
        recipe: the `Recipe`; its name travels with the model.
        network: with all the outputs it was trained with, as `TrainingResult.model`.
        scaler: fitted `Scaler`.
        target: one of `TARGETS`; the other outputs are dropped.
        temperature: logits are divided by it, one number or one for each class. It goes into the weights of
            the classifier, so that the evidence still sums to the logit.
        **settings: for `Settings`; the threshold is 0.5 where none is given.

    Returns:
        Deployable `keras.Model`, as `build_deployable` gives it.

    Raises:
        ValueError: for an unknown target, or settings that do not fit the network.
    """
    names = trained_outputs(recipe, target)
    wanted = OUTPUTS[:1] if target == "normal-abnormal" else OUTPUTS[1:]
    matrix = np.array([[name == want for want in wanted] for name in names]) / np.asarray(temperature)
    network = combine_outputs(network, matrix)
    defaults = {"threshold": (0.5,) * len(wanted), "n_times": network.input_shape[1], "recipe": recipe.name}
    return build_deployable(network, scaler, Settings(class_names=wanted, **defaults | settings))
