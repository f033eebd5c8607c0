"""Training recipes by name.

`paper` is the paper's, with BatchNorm at validation done right. `single` is what was found to be better at
the same number of weights, `teacher` a deep network trained likewise, `best` the paper's network that learns
from these, and `leadwise` the one whose map has a lead axis, taught in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from signalcam.data.labels import SUBCLASSES, SUPERCLASSES, subclass_column
from signalcam.training.train import TrainingSettings

TARGETS = ("normal-abnormal", "superclasses")
ABNORMAL = "ABNORMAL"
AUXILIARY = ("", "superclasses", "subclasses")
PRECISIONS = ("float32", "mixed_bfloat16", "fastest")


@dataclass(frozen=True)
class Recipe(TrainingSettings):
    """All that a training needs to know besides the data.

    Attributes:
        name: of the recipe.
        architecture: key of `signalcam.training.networks.ARCHITECTURES`.
        scaling: rule of `signalcam.preprocessing.Scaler`.
        augmentation: "paper" or "view" (`signalcam.augmentation.RandomView`).
        view: arguments of `RandomView`.
        auxiliary: what a network learns at once, as sigmoids: "" the target alone, "superclasses" abnormal
            and the five superclasses, "subclasses" the 23 diagnostic subclasses as well. Outputs that were
            not asked for are dropped after training.
        norm_momentum: of the running BatchNorm statistics. Keras's default of 0.99 needs some 500 steps until
            little of the initial values is left in them; on a small set there are not so many.
        teachers: names of the recipes that train teachers, the first of each name with seed 0, the next with
            1, whatever the own seed. The network then learns from the mean of their probabilities (Hinton et
            al., arXiv:1503.02531); see `signalcam.training.lessons`.
        n_views: views of each record that the teachers answer to; an epoch is a pass over all of them.
        teacher_share: weight of the teachers' answers beside the labels, 0 to 1.
        calibrate: fit a slope and an intercept of each logit on the validation split.
        precision: of the convolutions: "float32", "mixed_bfloat16", or "fastest", which takes the latter on
            processors that compute in it (elsewhere it is thirty times slower).
    """

    name: str = ""
    monitor: str | None = "val_accuracy"
    architecture: str = "paper"
    scaling: str = "record"
    augmentation: str = "paper"
    view: tuple[tuple[str, float], ...] = ()
    auxiliary: str = ""
    norm_momentum: float = 0.9
    teachers: tuple[str, ...] = ()
    n_views: int = 10
    teacher_share: float = 0.8
    calibrate: bool = False
    precision: str = "float32"

    def __post_init__(self):
        super().__post_init__()
        for name, choices in (("auxiliary", AUXILIARY), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}, got {getattr(self, name)!r}.")

    def outputs(self, target: str | Sequence[str]) -> tuple[str, ...]:
        """Names of the outputs that a network is trained with for a target, in order.

        Raises:
            ValueError: for an unknown target.
        """
        wanted = target_outputs(target)
        if not self.auxiliary or not isinstance(target, str):
            return wanted
        subclasses = SUBCLASSES if self.auxiliary == "subclasses" else ()
        return (ABNORMAL, *SUPERCLASSES, *map(subclass_column, subclasses))


SINGLE = Recipe(
    name="single",
    scaling="standard_asinh",
    augmentation="view",
    view=(("n_times", 500), ("gain", 0.2), ("lead_gain", 0.1), ("lead_dropout", 0.1)),
    auxiliary="subclasses",
    mixup=0.4,
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    epochs=12,
    batch_size=64,
    monitor=None,
    norm_momentum=0.99,
    calibrate=True,
)

BEST = replace(SINGLE, name="best", teachers=("teacher", "teacher"), mixup=1.0, epochs=4)

RECIPES = {
    "paper": Recipe(name="paper"),
    "single": SINGLE,
    "teacher": replace(
        SINGLE, name="teacher", architecture="residual", batch_size=128, epochs=14, precision="fastest"
    ),
    "best": BEST,
    "leadwise": replace(BEST, name="leadwise", architecture="leadwise"),
}


def find_recipe(recipe: str | Recipe, **changes: Any) -> Recipe:
    """Return a recipe by name (or the one given), with some attributes changed.

    Raises:
        ValueError: for a name that is not in `RECIPES`; the message lists them.
    """
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"recipe must be one of {', '.join(RECIPES)}, got {recipe!r}.")
        recipe = RECIPES[recipe]
    return replace(recipe, **changes)


def target_outputs(target: str | Sequence[str]) -> tuple[str, ...]:
    """Names of the outputs of a target: abnormal alone, the five superclasses, or classes of your own.

    Raises:
        ValueError: for an unknown target.
    """
    if not isinstance(target, str):
        return tuple(target)
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {target!r}.")
    return (ABNORMAL,) if target == "normal-abnormal" else SUPERCLASSES
