"""Does a map depend on what the model has learnt? If not, it shows the signal, not the model.

J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: compare the maps with those of random
weights, stage by stage from the output downwards.
"""

from collections.abc import Iterable

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from signalcam.evaluation import mean_table
from signalcam.explanation.assessment.stability import rank_correlation
from signalcam.explanation.methods import MapMaker
from signalcam.explanation.network import AnyModel, Network, as_network

ORIGINAL, OTHER_RECORD = "original", "other record"


def stages(model: keras.Model) -> list[tuple[str, list[str]]]:
    """List the stages from the output downwards: the name of a layer with a kernel, and it with its norms."""
    found = []
    for layer in model.layers:
        if not layer.weights:
            continue
        if hasattr(layer, "kernel") or not found:
            found.append((layer.name, []))
        found[-1][1].append(layer.name)
    return found[::-1]


def copy_model(model: keras.Model) -> keras.Model:
    """Copy a classifier, weights included, so that changing the copy leaves the model alone."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def randomise(model: keras.Model, names: Iterable[str], seed: object = 0) -> None:
    """Give the named layers, in place, weights as before any training; kernels are drawn (Glorot uniform)."""
    rng = np.random.default_rng(seed)
    for name in names:
        for weight in model.get_layer(name).weights:
            if len(weight.shape) > 1:
                draw = keras.initializers.GlorotUniform(seed=int(rng.integers(2**31)))
            else:
                draw = np.ones if weight.name in ("gamma", "moving_variance") else np.zeros
            weight.assign(draw(weight.shape))


def weight_randomisation(
    model: AnyModel,
    signals: ArrayLike,
    make: MapMaker,
    n_draws: int = 5,
    seed: int = 0,
    progress: str | None = None,
) -> pd.DataFrame:
    """Make the weights random from the output downwards and follow how alike the maps stay.

    Args:
        model: classifier from scaled signals to probabilities; left as it is.
        signals: scaled signals, (record, time, lead), two at least.
        make: the methods.
        n_draws, seed: times that random weights are drawn, and the seed of the draws.
        progress: words for a progress bar, None for no bar.

    Returns:
        DataFrame: ``method``, ``stage``, ``draw``, ``record``, ``correlation`` (`rank_correlation` with the
        original map). The stages are "original"; "other record", the original map of the next record, which
        says how alike maps of one method are at all; then those of `stages`, each with all above it random.
    """
    network = as_network(model)
    original = make(network, signals)
    rows = []
    for name, maps in original.items():
        rows.append(_compare(maps, maps, name, ORIGINAL, 0))
        rows.append(_compare(maps, np.roll(maps, 1, axis=0), name, OTHER_RECORD, 0))
    order, trained = stages(network.model), network.model.get_weights()
    changed = Network(copy_model(network.model))
    steps = [(draw, depth) for draw in range(n_draws) for depth in range(len(order))]
    for draw, depth in tqdm(steps, desc=progress, disable=progress is None, leave=False):
        if depth == 0:
            changed.model.set_weights(trained)
        stage, layers = order[depth]
        randomise(changed.model, layers, (seed, draw, depth))
        for name, maps in make(changed, signals).items():
            rows.append(_compare(original[name], maps, name, stage, draw))
    return pd.concat(rows, ignore_index=True)


def sanity_table(
    rows: pd.DataFrame, patients: np.ndarray | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average the correlations of `weight_randomisation`, without their signs: index (method, stage).

    Random weights turn the sign of a map as often as not, all records alike, so a map that stays the same
    but for its sign would pass for one that changed. ``signed`` has the mean with signs.
    """
    stages = [stage for stage in rows["stage"].unique() if stage != OTHER_RECORD] + [OTHER_RECORD]
    rows, tables = rows.assign(size=rows["correlation"].abs()), {}
    for method, part in rows.groupby("method", sort=False):
        each = part.pivot_table(["size", "correlation"], "record", "stage", aggfunc="mean", dropna=False)
        table = mean_table(each["size"].reindex(columns=stages), patients, n_bootstrap, seed)
        tables[method] = table.assign(signed=each["correlation"].mean().reindex(stages))
    return pd.concat(tables, names=["method", "stage"])


def _compare(first: np.ndarray, second: np.ndarray, method: str, stage: str, draw: int) -> pd.DataFrame:
    table = pd.DataFrame({"method": method, "stage": stage, "draw": draw, "record": np.arange(len(first))})
    return table.assign(correlation=rank_correlation(first, second))
