"""What travels with a model, in a `.keras` file or an exported one: all that its users must know."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from signalcam.leads import LEADS


@dataclass(frozen=True)
class Settings:
    """What travels with a model.

    Attributes:
        class_names, threshold: name and decision threshold (a probability) of each output, in their order.
        lead_names, sampling_rate, n_times: of the input: order of its leads, Hz, samples of a record.
        exclusive: True where the outputs are a softmax.
        label_rule, trained_on, recipe: rule that made the labels; data in words; name of the recipe.
        dataset: family of the data with the folds below, such as "PTB-XL"; "" where it has none.
        training_folds, validation_folds: `strat_fold` of the records trained on, and of those that the epoch,
            the calibration and the thresholds were chosen on.
        earlier: (dataset, its folds), of all that the models have seen which this one was trained from.
        predicted_names: for one output, what is predicted below and from the threshold on.
    """

    class_names: tuple[str, ...] = ("ABNORMAL",)
    threshold: tuple[float, ...] = (0.5,)
    label_rule: str = "paper"
    lead_names: tuple[str, ...] = LEADS
    sampling_rate: int = 100
    n_times: int = 1000
    exclusive: bool = False
    trained_on: str = ""
    recipe: str = ""
    dataset: str = ""
    training_folds: tuple[int, ...] = ()
    validation_folds: tuple[int, ...] = ()
    earlier: tuple[tuple[str, tuple[int, ...]], ...] = ()
    predicted_names: tuple[str, str] = ("NORMAL", "ABNORMAL")

    def __post_init__(self) -> None:
        for field in fields(self):  # JSON holds lists
            if isinstance(field.default, tuple):
                object.__setattr__(self, field.name, tuple(getattr(self, field.name)))
        object.__setattr__(self, "earlier", tuple((name, tuple(folds)) for name, folds in self.earlier))
        names, n_thresholds = ", ".join(self.class_names), len(self.threshold)
        if len(self.class_names) != n_thresholds:
            raise ValueError(f"threshold must hold a number for each of {names}, got {n_thresholds} numbers.")
        if len(set(self.class_names)) != len(self.class_names):
            raise ValueError(f"class_names must differ, got {names}.")
        if not all(0 <= limit <= 1 for limit in self.threshold):
            raise ValueError(f"threshold must hold probabilities, from 0 to 1, got {self.threshold}.")
        known = [LEADS.index(lead) for lead in self.lead_names if lead in LEADS]
        if known != sorted(set(known)):
            expected = f"lead_names must be in the order {', '.join(LEADS)}"
            raise ValueError(f"{expected}, in which signals are read, got {', '.join(self.lead_names)}.")


def as_settings(values: Settings | dict) -> Settings:
    """Return `Settings`, also from a dict of them as a file holds it; what is unknown there is ignored."""
    if isinstance(values, Settings):
        return values
    # Files of a model with one start name it by two fields.
    earlier = [(values.get("earlier_dataset"), values.get("earlier_folds"))]
    values = {"earlier": earlier if earlier[0][0] else ()} | values
    known = {field.name for field in fields(Settings)}
    return Settings(**{name: value for name, value in values.items() if name in known})


def settings_of(model: Any) -> Settings:
    """Return the `Settings` that a deployable or exported model carries, or raise ValueError for others."""
    for holder in (model, *getattr(model, "layers", ())):
        if isinstance(found := getattr(holder, "settings", None), Settings):
            return found
    name = getattr(model, "name", type(model).__name__)
    raise ValueError(f"Model {name!r} carries no settings; make it with `build_deployable`.")


def class_index(settings: Settings, which: str | int) -> int:
    """Return the index of a class given by name or index, or raise ValueError that lists the classes."""
    names = settings.class_names
    if isinstance(which, str) and which in names:
        return names.index(which)
    if isinstance(which, int | np.integer) and not isinstance(which, bool) and 0 <= which < len(names):
        return int(which)
    listed = ", ".join(f"{index}: {name}" for index, name in enumerate(names))
    raise ValueError(f"There is no class {which!r} in this model; the classes are {listed}.")
