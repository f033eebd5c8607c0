"""Go on from a trained network: its features are kept while a classifier learns, then all learn, slowly.

Feature maps of a network trained on many records serve for few records of another place, or other classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from signalcam.preprocessing import Scaler
from signalcam.training.labelled_signals import LabelledSignals, checksum
from signalcam.training.networks import combine_outputs
from signalcam.training.recipes import Recipe
from signalcam.training.train import TrainingResult, train

SLOWER = 10  # times, the learning rate once the features learn too
FEWEST_STEPS = 16  # an epoch, as far as batches of 8 records allow


@dataclass(frozen=True)
class Start:
    """A trained network to go on from.

    Attributes:
        network: scaled signals to the probabilities of `outputs`, sigmoids.
        outputs: names of the outputs.
        scaler: that it was trained with, and will be.
    """

    network: keras.Model
    outputs: tuple[str, ...]
    scaler: Scaler


def fine_tune(
    start: Start,
    recipe: Recipe,
    data: tuple[LabelledSignals, LabelledSignals],
    outputs: Sequence[str],
    augmentation: keras.Layer | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    verbose: bool = True,
) -> TrainingResult:
    """Train the classifier for a third of the epochs, then the whole network at a tenth of the learning rate.

    Args:
        start: what to go on from. Outputs of a known name keep their weights, new ones begin with zeros.
        recipe: epochs, optimizer and the like; batches are smaller where there are few records.
        data: training and validation split, scaled, as in `train`.
        outputs: names of the outputs wanted.
        augmentation, seed, folder, verbose: as in `train`.

    Returns:
        `TrainingResult` with the history of both parts; the model has the input shape of `start.network`.
    """
    known = np.array([[old == new for new in outputs] for old in start.outputs])
    fixed = combine_outputs(start.network, known)
    # A copy that reads signals of any length.
    signals = keras.Input((None, fixed.input_shape[-1]), name="signals")
    network = keras.models.clone_model(fixed, input_tensors=signals)
    network.set_weights(fixed.get_weights())
    first = max(1, recipe.epochs // 3)
    rest = max(1, recipe.epochs - first)
    recipe = replace(recipe, batch_size=max(8, min(recipe.batch_size, len(data[0][0]) // FEWEST_STEPS)))
    parts = {
        "classifier": replace(recipe, epochs=first),
        "all": replace(recipe, epochs=rest, learning_rate=recipe.learning_rate / SLOWER),
    }
    # A training is told from others by its data and settings; here the weights it begins with count, too.
    folder = folder and Path(folder) / f"from_{checksum(*fixed.get_weights()):08x}"
    results = []
    for name, settings in parts.items():
        for layer in network.layers:
            layer.trainable = name == "all" or layer.name == "classifier"
        options = {"augmentation": augmentation, "seed": seed, "verbose": verbose}
        results.append(train(network, *data, settings, folder=folder and folder / name, **options))
    fixed.set_weights(network.get_weights())
    history = pd.concat([result.history for result in results], ignore_index=True)
    history["epoch"] = np.arange(1, len(history) + 1)
    return TrainingResult(fixed, history, len(results[0].history) + results[1].best_epoch)
