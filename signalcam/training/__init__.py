"""Training: one network with `train`, or by a recipe, from mV to a trained network, with `train_recipe`."""

from signalcam.training.fine_tuning import Start, fine_tune
from signalcam.training.networks import ARCHITECTURES, build_leadwise, build_residual, combine_outputs
from signalcam.training.recipes import RECIPES, TARGETS, Recipe, find_recipe, target_outputs
from signalcam.training.train import TrainingResult, TrainingSettings, train
from signalcam.training.train_recipe import TrainedNetwork, detrended, train_recipe

__all__ = [
    "ARCHITECTURES", "RECIPES", "TARGETS", "Recipe", "Start", "TrainedNetwork", "TrainingResult",
    "TrainingSettings", "build_leadwise", "build_residual", "combine_outputs", "detrended",
    "find_recipe", "fine_tune", "target_outputs", "train", "train_recipe",
]  # fmt: skip
