"""Simulated records whose one lesion is there for a part of the time: the sharpest test of where a map
points.

In a simulated set of PTB-XL's shape such records are few (three in a hundred), as they are in life. Here
every lesion comes for a few seconds and goes, also those that in a patient would last; that is a test of
maps, not a picture of disease.
"""

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.data import SUPERCLASSES
from signalcam.deployment import class_index, scaled, settings_of
from signalcam.explanation import ExplainedRecords
from signalcam.simulation import Lesion, simulate_record
from signalcam.simulation.population import plan_population


def partial_lesions(n_records=200, seconds=(2.0, 5.0), seed=1, progress=True):
    """Simulate records with one lesion each, for a part of their 10 s.

    Persons, noise, lesions and their severity are drawn as in `signalcam.simulation.write_dataset`.

    Args:
        n_records: records.
        seconds: shortest and longest time that a lesion is there.
        seed: of all draws; another one than that of the training set gives other persons.
        progress: whether to show a progress bar.

    Returns:
        (signals_mv, lesions, superclasses): float32 (record, 1000, 12) in mV; bool (record, 1000), the
        samples that the lesion changed; bool DataFrame (record, superclass).
    """
    rng = np.random.default_rng((seed, 2))
    plans = [plan for plan in plan_population(5 * n_records + 20, seed) if len(plan.lesions) == 1][:n_records]
    signals, masks, flags = [], np.zeros((n_records, 1000), dtype=bool), []
    for row, plan in enumerate(tqdm(plans, desc="Simulating partial lesions", disable=not progress)):
        length = rng.uniform(*seconds)
        start = rng.uniform(0, 10 - length)
        whole = plan.lesions[0]
        lesion = Lesion(whole.statement, whole.severity, start, start + length)
        record = simulate_record([lesion], plan.subject, seed=(seed, 3, plan.ecg_id))
        for first, stop in record.spans(0):
            masks[row, first:stop] = True
        signals.append(record.signals)
        flags.append([name in plan.superclasses for name in SUPERCLASSES])
    return np.stack(signals), masks, pd.DataFrame(flags, columns=list(SUPERCLASSES))


def partial_records(model, n_records=200, which=0, seed=1, progress=True):
    """Simulate partial lesions for a deployable model: `ExplainedRecords`, each a patient of its own.

    Args:
        model: deployable model for 10 s at 100 Hz.
        n_records, seed, progress: as in `partial_lesions`.
        which: the class explained, by name or index.
    """
    settings = settings_of(model)
    index = class_index(settings, which)
    signals, lesions, superclasses = partial_lesions(n_records, seed=seed, progress=progress)
    return ExplainedRecords(
        signals=scaled(model, signals),
        signals_mv=signals,
        ecg_ids=np.arange(1, n_records + 1),
        superclasses=superclasses,
        lesions=lesions,
        class_index=index,
        class_name=settings.class_names[index],
        threshold=settings.threshold[index],
        name=f"{n_records} simulated records with one lesion each, there for a part of the time",
    )
