"""The records that maps are assessed on: scaled for the network, in mV for the eye, and where lesions lie."""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd

from signalcam.data import SUPERCLASSES, Records
from signalcam.deployment import class_index, scaled, settings_of
from signalcam.explanation.assessment.localisation import is_full_time, span_mask
from signalcam.simulation import read_spans


@dataclass(frozen=True)
class ExplainedRecords:
    """Records and what is known of them.

    Attributes:
        signals: scaled as the network reads them, float32 (record, time, lead).
        signals_mv: the same records in mV.
        ecg_ids, patients: (record,).
        superclasses: bool DataFrame (record, superclass).
        lesions: bool (record, time), the samples that a lesion changed, or None for real records.
        sampling_rate, lead_names: in Hz; of the last axis.
        class_index, class_name: the class explained.
        threshold: probability from which the model decides for the class.
        name: the data in words.
    """

    signals: np.ndarray
    signals_mv: np.ndarray
    ecg_ids: np.ndarray
    patients: np.ndarray
    superclasses: pd.DataFrame
    lesions: np.ndarray | None
    sampling_rate: int
    lead_names: tuple[str, ...]
    class_index: int
    class_name: str
    threshold: float
    name: str

    def superclass_groups(self) -> dict[str, np.ndarray]:
        """Sort the records by superclass, bool (record,) each."""
        groups = {name: flags.to_numpy(bool) for name, flags in self.superclasses.items()}
        return {name: chosen for name, chosen in groups.items() if chosen.any()}

    def lesion_groups(self, decided: np.ndarray) -> dict[str, np.ndarray]:
        """Sort the records with a lesion, bool (record,) each: all, detected, lasting, partial, of one class.

        Detected are those where the model `decided` for the class, bool (record,).
        """
        if self.lesions is None:
            return {}
        lesion, lasting = self.lesions.any(axis=1), is_full_time(self.lesions)
        groups = {"all": lesion, "detected": lesion & decided, "lasting": lesion & lasting}
        groups["partial"] = lesion & ~lasting
        flags = self.superclasses.drop(columns="NORM")
        alone = flags.sum(axis=1).to_numpy() == 1
        groups |= {f"only {name}": lesion & alone & flags[name].to_numpy(bool) for name in flags}
        return {name: chosen for name, chosen in groups.items() if chosen.any()}


def records_of(
    model: keras.Model,
    study: Records,
    split: str = "test",
    which: int | str = 0,
    limit: int | None = None,
    seed: int = 0,
) -> ExplainedRecords:
    """Take a split of a study for a deployable model, whose preprocessing scales the signals.

    Args:
        model: deployable model (`signalcam.deployment.load_model`).
        study, split: "test", "validation" or "train" of it; best one that the model was not trained on.
        which: the class explained, by name or index; of a superclass, only its own lesions count.
        limit, seed: at most so many records, drawn at random with the seed; None for all.

    Raises:
        ValueError: where the class or the split is not there.
    """
    settings = settings_of(model)
    index = class_index(settings, which)
    class_name = settings.class_names[index]
    indices = np.sort(study.indices(split))
    if limit is not None and limit < len(indices):
        indices = np.sort(np.random.default_rng(seed).choice(indices, limit, replace=False))
    ecg_ids = study.labels.index[indices]
    signals_mv = np.asarray(study.signals[indices])
    lesions = None
    if study.dataset.simulated:
        spans = read_spans(study.dataset.folder)
        spans = spans[spans["superclass"] == class_name] if class_name in SUPERCLASSES else spans
        lesions = span_mask(spans, ecg_ids, signals_mv.shape[1])
    return ExplainedRecords(
        signals=scaled(model, signals_mv),
        signals_mv=signals_mv,
        ecg_ids=ecg_ids.to_numpy(),
        patients=study.table.loc[ecg_ids, "patient_id"].to_numpy(),
        superclasses=study.superclass.loc[ecg_ids],
        lesions=lesions,
        sampling_rate=settings.sampling_rate,
        lead_names=settings.lead_names,
        class_index=index,
        class_name=class_name,
        threshold=settings.threshold[index],
        name=f"{len(indices)} records of the {split} split; {study.dataset.describe()}",
    )
