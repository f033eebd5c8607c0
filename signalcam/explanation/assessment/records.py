"""The records that maps are assessed on: scaled for the network, in mV for the eye, and where lesions lie."""

import keras
import numpy as np

from signalcam.data import SUPERCLASSES, Records
from signalcam.deployment import class_index, scaled, settings_of
from signalcam.explanation.assessment.localisation import is_full_time, span_mask
from signalcam.simulation import read_spans


class ExplainedRecords:
    """Records of a study, read as a deployable model reads them, and what is known of them.

    Args:
        model: deployable model (`signalcam.deployment.load_model`).
        study, split: "test", "validation" or "train" of it; best one that the model was not trained on.
        which: the class explained, by name or index; of a superclass, only its own lesions count.
        limit, seed: at most so many records, drawn at random with the seed; None for all.

    Attributes:
        signals: scaled as the network reads them, float32 (record, time, lead).
        signals_mv: the same records in mV.
        ecg_ids, patients: (record,).
        superclasses: bool DataFrame (record, superclass).
        lesions: bool (record, time), the samples that a lesion changed, or None for real records.
        settings: of the model.
        class_index, class_name, threshold: of the class explained.
        name: the data in words.

    Raises:
        ValueError: where the class or the split is not there.
    """

    def __init__(
        self,
        model: keras.Model,
        study: Records,
        split: str = "test",
        which: int | str = 0,
        limit: int | None = None,
        seed: int = 0,
    ):
        self.settings = settings_of(model)
        self.class_index = class_index(self.settings, which)
        self.class_name = self.settings.class_names[self.class_index]
        self.threshold = self.settings.threshold[self.class_index]
        indices = np.sort(study.indices(split))
        if limit is not None and limit < len(indices):
            indices = np.sort(np.random.default_rng(seed).choice(indices, limit, replace=False))
        self.ecg_ids = study.labels.index[indices]
        self.signals_mv = np.asarray(study.signals[indices])
        self.signals = scaled(model, self.signals_mv)
        self.patients = study.table.loc[self.ecg_ids, "patient_id"].to_numpy()
        self.superclasses = study.superclass.loc[self.ecg_ids]
        self.lesions = None
        if study.dataset.simulated:
            spans = read_spans(study.dataset.folder)
            if self.class_name in SUPERCLASSES:
                spans = spans[spans["superclass"] == self.class_name]
            self.lesions = span_mask(spans, self.ecg_ids, self.signals_mv.shape[1])
        self.name = f"{len(indices)} records of the {split} split; {study.dataset.describe()}"

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
