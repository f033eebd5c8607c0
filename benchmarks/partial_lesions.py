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
from signalcam.explanation.assessment.localisation import span_mask
from signalcam.simulation import Lesion, simulate_record
from signalcam.simulation.dataset import SPAN_COLUMNS
from signalcam.simulation.population import SUPERCLASS_OF, plan_population

LEAD_SHARE = 0.5  # of a lesion's largest change in a lead, from which another lead counts as changed


def partial_lesions(n_records=200, seconds=(2.0, 5.0), seed=1, progress=True):
    """Simulate records with one lesion each, for a part of their 10 s.

    Persons, noise, lesions and their severity are drawn as in `signalcam.simulation.write_dataset`.

    Args:
        n_records: records.
        seconds: shortest and longest time that a lesion is there.
        seed: of all draws; another one than that of the training set gives other persons.
        progress: whether to show a progress bar.

    Returns:
        (signals_mv, spans, superclasses): float32 (record, 1000, 12) in mV; the samples that the lesion
        changed and how far in each lead, as `signalcam.simulation.read_spans` gives them, ecg_id the position
        of the record; bool DataFrame (record, superclass).
    """
    rng = np.random.default_rng((seed, 2))
    plans = [plan for plan in plan_population(5 * n_records + 20, seed) if len(plan.lesions) == 1][:n_records]
    signals, spans, flags = [], [], []
    for row, plan in enumerate(tqdm(plans, desc="Simulating partial lesions", disable=not progress)):
        length = rng.uniform(*seconds)
        start = rng.uniform(0, 10 - length)
        whole = plan.lesions[0]
        lesion = Lesion(whole.statement, whole.severity, start, start + length)
        record = simulate_record([lesion], plan.subject, seed=(seed, 3, plan.ecg_id))
        for span, changes in zip(record.spans(0), record.lead_changes(0), strict=True):
            spans.append((row, SUPERCLASS_OF[lesion.statement], lesion.statement, *span, *changes))
        signals.append(record.signals)
        flags.append([name in plan.superclasses for name in SUPERCLASSES])
    spans = pd.DataFrame(spans, columns=SPAN_COLUMNS)
    return np.stack(signals), spans, pd.DataFrame(flags, columns=list(SUPERCLASSES))


def lead_mask(spans, ecg_ids, lead_names, n_times=1000):
    """Mark the samples of each lead that a lesion changed by at least `LEAD_SHARE` of its largest change.

    Args:
        spans, ecg_ids, n_times: as in `span_mask`, and of each lead the size of the change.
        lead_names: of the columns of `spans`.

    Returns:
        bool (record, time, lead).
    """
    changes = spans[list(lead_names)].to_numpy()
    marked = changes >= LEAD_SHARE * changes.max(axis=1, keepdims=True)
    return np.stack([span_mask(spans[of_lead], ecg_ids, n_times) for of_lead in marked.T], axis=2)
