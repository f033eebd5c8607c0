"""Is the evidence where the model looks? Take signal away in the order of the map and watch the prediction.

Deletion replaces the most relevant stretch of time first: a *small* area under the curve is good. Insertion
puts it back first, into a wholly replaced record: a *large* area is good. A random order is the yardstick.
V. Petsiuk et al., "RISE", BMVC 2018, section 3.3; W. Samek et al., IEEE TNNLS 28:2660, 2017, equation 12.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from signalcam.explanation.network import AnyModel, as_network, check_scaled, logit_function
from signalcam.explanation.occlusion import replace


@dataclass(frozen=True)
class Perturbation:
    """How signal is taken away while the probability of the decision, ``sigmoid(+-logit)``, is watched.

    Attributes:
        segment: samples of a segment, 25 for 0.25 s at 100 Hz; the last one may be shorter.
        n_steps: steps from nothing to everything, at most one a segment.
        replacement: what stands in for a deleted segment (`occlusion.REPLACEMENTS`).
        threshold: probability from which the decision is for the class.
        n_random, seed: random orders a record, of which the mean is taken; their seed and that of "noise".
    """

    segment: int = 25
    n_steps: int = 10
    replacement: str = "median"
    threshold: float = 0.5
    n_random: int = 5
    seed: int = 0


@dataclass(frozen=True)
class Faithfulness:
    """Deletion and insertion curves of one method.

    Attributes:
        fractions: (step,), share of the segments deleted or inserted, 0 to 1.
        deletion, insertion: (record, step), the score along the way.
        random_deletion, random_insertion: (record, step), the mean over several random orders.
    """

    fractions: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray

    def areas(self) -> pd.DataFrame:
        """Tabulate the areas under the four curves, by name, and the gains over random order.

        Returns:
            DataFrame, one row a record, with ``deletion_gain`` (random minus method: how much sooner the
            prediction falls), ``insertion_gain`` (method minus random) and ``gain``, the mean of both.
        """
        table = pd.DataFrame()
        for name in ("deletion", "insertion", "random_deletion", "random_insertion"):
            table[name] = np.trapezoid(getattr(self, name), self.fractions, axis=1)
        table["deletion_gain"] = table["random_deletion"] - table["deletion"]
        table["insertion_gain"] = table["insertion"] - table["random_insertion"]
        table["gain"] = (table["deletion_gain"] + table["insertion_gain"]) / 2
        return table


def decision_direction(logit: np.ndarray, threshold: float = 0.5) -> np.ndarray:
    """Return +1 where the probability reaches the threshold, else -1: float32 (record,), as the logit."""
    return np.where(logit >= np.log(threshold / (1 - threshold)), np.float32(1), np.float32(-1))


def segment_order(relevance: ArrayLike, segment: int = 25, seed: object = 0) -> np.ndarray:
    """Rank the segments of each record, (record, time), the most relevant first: int (record, segment).

    The last segment may be shorter. Equals are in random order by `seed`, so a constant map is a random one.
    """
    relevance = np.asarray(relevance, dtype=np.float64)
    starts = np.arange(0, relevance.shape[1], segment)
    lengths = np.diff(np.append(starts, relevance.shape[1]))
    means = np.add.reduceat(relevance, starts, axis=1) / lengths
    ties = np.random.default_rng(seed).random(means.shape)
    return np.lexsort((ties, -means), axis=1)


def perturbation_curve(
    score: Callable, signals: np.ndarray, order: np.ndarray, settings: Perturbation, insertion: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the score while segments are deleted (or, with `insertion`, put back) in a given order.

    Args:
        score: function from scaled signals, (record, time, lead), to (record,).
        order: from `segment_order`.

    Returns:
        (fractions, curve): float64 (step + 1,), float32 (record, step + 1).
    """
    n_segments = order.shape[1]
    steps = np.linspace(0, n_segments, min(settings.n_steps, n_segments) + 1).round().astype(int)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(n_segments)[None], axis=1)
    rank = np.repeat(rank, settings.segment, axis=1)[:, : signals.shape[1]]
    curve = []
    for amount in steps:
        mask = rank >= amount if insertion else rank < amount
        curve.append(score(replace(signals, mask, settings.replacement, settings.seed)))
    return steps / n_segments, np.stack(curve, axis=1)


def faithfulness(
    model: AnyModel,
    signals: ArrayLike,
    relevance: dict[str, np.ndarray],
    class_index: int = 0,
    signed: Collection[str] = (),
    settings: Perturbation = Perturbation(),
    progress: str | None = None,
) -> dict[str, Faithfulness]:
    """Measure deletion and insertion for the decision that the model took on each record.

    Where the model decides against the class, evidence against it counts as relevant, and each deletion
    curve starts at the probability of that decision.

    Args:
        model, signals, class_index: as in `explain`.
        relevance, signed: (record, time) by method name, and which have evidence against the class below 0.
        settings, progress: what is done; words for a progress bar, None for no bar.

    Returns:
        `Faithfulness` by method name; all share the same random orders.

    Raises:
        ValueError: for relevance of another shape, a class or signals that do not fit the model.
    """
    network = as_network(model)
    signals = check_scaled(network, signals)
    for name, values in relevance.items():
        if (shape := np.shape(values)) != signals.shape[:2]:
            raise ValueError(f"relevance {name!r} must have the shape {signals.shape[:2]}, got {shape}.")
    to_logit = logit_function(network, class_index)
    direction = decision_direction(to_logit(signals), settings.threshold)

    def score(changed: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-direction * to_logit(changed)))

    seeds = [(settings.seed, draw) for draw in range(settings.n_random)]
    orders = [segment_order(np.zeros(signals.shape[:2]), settings.segment, seed) for seed in seeds]
    for name, values in relevance.items():
        oriented = values * direction[:, None] if name in signed else values
        orders.append(segment_order(oriented, settings.segment, settings.seed))
    followed = []
    for order in tqdm(orders, desc=progress, disable=progress is None, leave=False):
        fractions, deletion = perturbation_curve(score, signals, order, settings)
        followed.append((deletion, perturbation_curve(score, signals, order, settings, insertion=True)[1]))
    chance = np.mean(followed[: settings.n_random], axis=0)
    named = zip(relevance, followed[settings.n_random :], strict=True)
    return {name: Faithfulness(fractions, *curves, *chance) for name, curves in named}
