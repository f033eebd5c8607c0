"""From a trained network to a deployable model whose probabilities mean what they say.

A slope and an intercept for each logit (Platt, "Probabilistic outputs for support vector machines", 1999) are
fitted on the validation split and go into the weights of the classifier, so that the evidence still sums to
the logit. Thresholds come from the same split.
"""

import logging
from collections.abc import Sequence

import keras
import numpy as np

from signalcam.data import Records
from signalcam.data.labelled import FEW
from signalcam.deployment import Settings, deploy
from signalcam.evaluation import choose_threshold, fit_platt
from signalcam.training import TrainedNetwork, detrended, target_outputs

logger = logging.getLogger(__name__)


def deploy_trained(
    trained: TrainedNetwork, records: Records, target: str | Sequence[str], earlier: Settings | None = None
) -> keras.Model:
    """Make the deployable model of a network that a recipe has trained; its settings say the folds it saw.

    Args:
        trained: by `train_recipe`; its recipe says whether to calibrate. Without, the thresholds are 0.5.
        records: those it was trained on; the validation split calibrates.
        target: as in `train_recipe`; the other outputs are dropped.
        earlier: settings of the model that training went on from, if any.
    """
    names = target_outputs(target)
    slope, intercept, threshold = np.ones(len(names)), np.zeros(len(names)), [0.5] * len(names)
    if trained.recipe.calibrate:
        y = records.targets[list(names)].to_numpy()[records.indices("validation")]
        logit = validation_logits(trained, records)[:, [trained.outputs.index(name) for name in names]]
        # A fold of PTB-XL has enough; of recordings of your own it may hold a handful.
        fewest = 1 if isinstance(target, str) else FEW
        few = np.minimum(y.sum(axis=0), len(y) - y.sum(axis=0)) < fewest
        if few.any():
            which = ", ".join(np.array(names)[few])
            logger.warning("Not calibrated: fewer than %d with or without %s to validate.", fewest, which)
        for k in np.flatnonzero(~few):
            slope[k], intercept[k] = fit_platt(y[:, k], logit[:, k])
            if len(names) > 1:  # for one class 0.5, where accuracy is best
                p = 1 / (1 + np.exp(-(slope[k] * logit[:, k] + intercept[k])))
                threshold[k] = round(choose_threshold(y[:, k], p, "f1"), 3)
    seen = earlier and (earlier.dataset, earlier.training_folds + earlier.validation_folds)
    return deploy(
        trained,
        target,
        slope,
        intercept,
        threshold=threshold,
        label_rule=records.rule,
        trained_on=f"{records.dataset.name}: {len(records.splits['train']):,} records to train",
        dataset=records.dataset.family,
        training_folds=records.folds("train"),
        validation_folds=records.folds("validation"),
        lead_names=records.leads,
        sampling_rate=records.sampling_rate,
        earlier=tuple(dict.fromkeys((*earlier.earlier, seen))) if earlier else (),
    )


def validation_logits(trained: TrainedNetwork, records: Records) -> np.ndarray:
    """Return the logits of the validation split, float32 (record, output), for all outputs of the network."""
    x = detrended(records.signals, records.indices("validation"))
    trained.scaler.transform(x, out=x)
    logits = keras.Model(trained.network.inputs, trained.network.get_layer("classifier").output)
    return logits.predict(x, batch_size=128, verbose=0)
