"""Training recipes by name.

`paper` is the paper's, with BatchNorm at validation done right. `best` is what was found to be better at the
same number of weights, `single` its teacher, and `sharp` the one whose maps point better;
`benchmarks/README.md` has the comparisons and the list of what did not help.
`signalcam.training.train_recipe` trains by them.
"""

from dataclasses import dataclass, replace

from signalcam.data.labels import SUPERCLASSES

TARGETS = ("normal-abnormal", "superclasses")
OUTPUTS = ("ABNORMAL", *SUPERCLASSES)  # of a network that trains with auxiliary outputs


@dataclass(frozen=True)
class Recipe:
    """All that a training needs to know besides the data.

    Attributes:
        name: of the recipe.
        architecture: key of `signalcam.training.networks.ARCHITECTURES`.
        scaling: rule of `signalcam.preprocessing.detrending.Scaler`.
        augmentation: "paper" or "view" (`signalcam.augmentation.random_view.RandomView`).
        view: arguments of `RandomView`.
        auxiliary: train on abnormal and the five superclasses at once, as sigmoids; the outputs that were not
            asked for are dropped after training.
        mixup: parameter of the Beta distribution, 0 for none.
        optimizer: "adam", with the learning rate halved on plateaus, or "adamw", with one cycle.
        learning_rate: the first one, or the peak of the cycle.
        weight_decay: of AdamW, on kernels only.
        epochs, batch_size: as in `signalcam.training.train.train`.
        monitor: chooses the best epoch; None keeps the last.
        norm_momentum: of the running BatchNorm statistics. Keras's default of 0.99 needs some 500 steps until
            little of the initial values is left in them; on a small set there are not so many.
        teacher: name of the recipe that trains teachers; empty for none. The network then learns from the
            mean of their probabilities for the very signals that it sees itself, augmented and mixed
            (Hinton et al., arXiv:1503.02531; Beyer et al., CVPR 2022, "function matching").
        n_teachers: networks whose mean is the teacher, of the seeds 0, 1, ... whatever the own seed.
        teacher_share: of the teachers in the labels learnt from; the rest is the truth.
    """

    name: str
    architecture: str = "paper"
    scaling: str = "record"
    augmentation: str = "paper"
    view: tuple[tuple[str, float], ...] = ()
    auxiliary: bool = False
    mixup: float = 0.0
    optimizer: str = "adam"
    learning_rate: float = 5e-4
    weight_decay: float = 0.0
    epochs: int = 25
    batch_size: int = 128
    monitor: str | None = "val_accuracy"
    norm_momentum: float = 0.9
    teacher: str = ""
    n_teachers: int = 0
    teacher_share: float = 0.8


SINGLE = Recipe(
    "single",
    scaling="record_standard_asinh",
    augmentation="view",
    view=(("n_times", 500), ("gain", 0.2), ("lead_gain", 0.1), ("lead_dropout", 0.1)),
    auxiliary=True,
    mixup=0.4,
    optimizer="adamw",
    learning_rate=2e-3,
    weight_decay=1e-2,
    epochs=60,
    batch_size=64,
    monitor=None,
    norm_momentum=0.99,
)

RECIPES = {
    "paper": Recipe("paper"),
    "single": SINGLE,
    "best": replace(SINGLE, name="best", teacher="single", n_teachers=3, mixup=1.0),
    "sharp": replace(SINGLE, name="sharp", architecture="sharp"),
}


def find_recipe(recipe, **changes):
    """Return a recipe by name (or the one given), with some attributes changed.

    Raises:
        ValueError: for a name that is not in `RECIPES`; the message lists them.
    """
    if not isinstance(recipe, Recipe):
        if recipe not in RECIPES:
            raise ValueError(f"There is no recipe {recipe!r}. Choose one of: {', '.join(RECIPES)}.")
        recipe = RECIPES[recipe]
    return replace(recipe, **changes)
