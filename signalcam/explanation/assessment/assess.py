"""The whole assessment of a model's maps on one set of records, as tables and as arrays for figures."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.explanation import beats
from signalcam.explanation.assessment import tables
from signalcam.explanation.assessment.faithfulness import Perturbation, decision_direction, faithfulness
from signalcam.explanation.assessment.sanity import label_randomisation, weight_randomisation
from signalcam.explanation.assessment.stability import agreement, noise_stability, shift_stability
from signalcam.explanation.assessment.summary import mean_curve
from signalcam.explanation.methods import MapMaker
from signalcam.explanation.network import as_network, logit_function
from signalcam.explanation.occlusion import occlude_time_and_leads

CHEAP = {"integrated_gradients": {"n_steps": 16}}


@dataclass(frozen=True)
class Plan:
    """How thorough an assessment is.

    Attributes:
        make: `MapMaker` of the maps measured; the others are compared with the first.
        perturbation: settings of deletion and insertion.
        smoothing: samples over which maps are averaged before they are compared with lesions or each other.
        n_few: records for what takes many maps a record: sanity, stability, replacement rules, cost.
        n_draws: times that random weights are drawn.
        n_bootstrap: resamples of patients.
        seed: of all draws.
        progress: whether to show a progress bar.
    """

    make: MapMaker = field(
        default_factory=lambda: MapMaker(options={"integrated_gradients": {"n_steps": 32}})
    )
    perturbation: Perturbation = field(default_factory=Perturbation)
    smoothing: int = 25
    n_few: int = 40
    n_draws: int = 5
    n_bootstrap: int = 1000
    seed: int = 0
    progress: bool = True

    @property
    def make_cheap(self):
        """The same methods with fewer passes each."""
        return replace(self.make, options=self.make.options | CHEAP)


@dataclass(frozen=True)
class Assessment:
    """What was found.

    Attributes:
        about: the data and counts in words and numbers, ready for JSON.
        tables: by name; each has a row for each combination of its index levels.
        curves: ``fractions`` and, by method, DataFrames of the mean ``deletion`` and ``insertion`` curve.
        beat: by superclass, ``signals`` (median beat in mV, (sample, lead)), ``evidence`` (DataFrame) and
            ``count``; with ``times``, seconds from the R peak.
        example: one record: ``signals`` in mV, ``relevance`` (time, lead) by occlusion, ``name``.
    """

    about: dict
    tables: dict[str, pd.DataFrame]
    curves: dict
    beat: dict
    example: dict


def assess(model, records, plan=None, shuffled=None):
    """Assess the maps of a classifier.

    Args:
        model: classifier from scaled signals to probabilities, or a model around one, as `Network` takes
            it.
        records: `assessed.Records`.
        plan: `Plan`, None for the default.
        shuffled: a model of the same shape trained on shuffled labels, None to leave that check out.

    Returns:
        `Assessment`.
    """
    plan = plan or Plan()
    plan = replace(plan, make=replace(plan.make, class_index=records.class_index))
    job = _Assessor(model, records, plan, shuffled)
    steps = [job.maps, job.faithfulness, job.localisation, job.beats, job.leads, job.agreement, job.sanity]
    bar = tqdm(steps, desc="Assessing maps", disable=not plan.progress)
    for step in bar:
        bar.set_postfix_str(step.__name__)
        step()
    return Assessment(job.about, job.tables, job.curves, job.beat, job.example)


class _Assessor:
    """One method a question; each adds to `tables` or to the arrays for figures."""

    def __init__(self, model, records, plan, shuffled):
        self.model, self.records, self.plan, self.shuffled = as_network(model), records, plan, shuffled
        self.tables, self.curves, self.beat, self.example = {}, {}, {}, {}
        self.few = slice(0, plan.n_few)
        self.interval = {"n_bootstrap": plan.n_bootstrap, "seed": plan.seed}

    def maps(self):
        records, plan = self.records, self.plan
        logit = logit_function(self.model, records.class_index)(records.signals)
        self.decided = decision_direction(logit, records.threshold) > 0
        self.found = plan.make(self.model, records.signals, progress="Maps" if plan.progress else None)
        self.about = {
            "data": records.name,
            "class": records.class_name,
            "n_records": len(logit),
            "n_decided_for": int(self.decided.sum()),
            "threshold": float(records.threshold),
            "perturbation": vars(plan.perturbation),
            "smoothing": plan.smoothing,
            "sampling_rate": records.sampling_rate,
            "lead_names": list(records.lead_names),
        }
        self.strongest = int(logit.argmax())
        self.tables["variant"] = tables.variant_table(self.model, records, **self.interval)
        self.tables["cost"] = tables.cost_table(self.model, records.signals, plan.make)

    def faithfulness(self):
        records, plan, patients = self.records, self.plan, self.records.patients
        results = faithfulness(
            self.model, records.signals, self.found, records.class_index, plan.make.signed, plan.perturbation,
            progress="Deletion, insertion" if plan.progress else None,
        )  # fmt: skip
        areas = {
            name: result.areas()[["deletion_gain", "insertion_gain", "gain"]]
            for name, result in results.items()
        }
        self.tables["faithfulness"] = tables.faithfulness_table(results, patients, **self.interval)
        self.tables["faithfulness_advantage"] = tables.advantage_table(areas, patients, **self.interval)
        few = records.first(plan.n_few)
        maps = {name: values[self.few] for name, values in self.found.items()}
        self.tables["replacement"] = tables.replacement_table(
            self.model, few, maps, plan.make.signed, plan.perturbation, **self.interval
        )
        self.curves["fractions"] = next(iter(results.values())).fractions
        for kind in ("deletion", "insertion"):
            self.curves[kind] = {
                name: mean_curve(getattr(result, kind), patients, **self.interval)
                for name, result in results.items()
            }

    def localisation(self):
        records = self.records
        if records.lesions is None:
            return
        values = tables.localisation_values(self.found, records.lesions, self.plan.smoothing)
        groups = tables.lesion_groups(records, self.decided)
        if not groups:
            return
        self.tables["localisation"] = tables.localisation_table(
            values, groups, records.patients, **self.interval
        )
        measures = {name: table[list(tables.MEASURES)] for name, table in values.items()}
        self.tables["localisation_advantage"] = tables.stack(
            {
                group: tables.advantage_table(
                    {name: table[rows] for name, table in measures.items()},
                    None if records.patients is None else records.patients[rows],
                    **self.interval,
                )
                for group, rows in groups.items()
                if group in ("all", "lasting", "partial")
            },
            ("group", "method", "measure"),
        )

    def beats(self):
        records, rate = self.records, self.records.sampling_rate
        progress = "R peaks" if self.plan.progress else None
        peaks = beats.find_r_peaks(records.signals_mv, rate, progress)
        evidence = self.found.get("cam", next(iter(self.found.values())))
        shares = beats.part_shares(evidence, peaks, rate)
        self.tables["parts"] = tables.part_table(
            shares, records.superclasses, records.patients, **self.interval
        )
        before, after = round(0.4 * rate), round(0.6 * rate)
        mean, beat = beats.beat_average(evidence, records.signals_mv, peaks, before, after)
        whole = ~np.isnan(mean).any(axis=1)
        self.beat["times"] = np.arange(-before, after) / rate
        for name, rows in tables.superclass_groups(records.superclasses, len(mean)).items():
            if (rows & whole).any():
                patients = None if records.patients is None else records.patients[rows]
                self.beat[name] = {
                    "signals": np.nanmedian(beat[rows], axis=0),
                    "evidence": mean_curve(mean[rows], patients, **self.interval),
                    "count": int(sum(len(peaks[row]) for row in np.flatnonzero(rows))),
                }

    def leads(self):
        records, row = self.records, self.strongest
        self.tables["leads"] = tables.lead_table(self.model, records, **self.interval)
        relevance = occlude_time_and_leads(self.model, records.signals[row : row + 1], records.class_index)[0]
        self.example.update(
            signals=records.signals_mv[row], relevance=relevance, name=f"record {records.ecg_ids[row]}"
        )

    def agreement(self):
        self.tables["agreement"] = agreement(self.found, self.plan.smoothing)
        few, make = self.records.first(self.plan.n_few), self.plan.make_cheap
        noise = noise_stability(self.model, few.signals, make, seed=self.plan.seed)
        shift = shift_stability(self.model, few.signals, make)
        self.tables["noise"] = tables.stability_table(noise, few.patients, **self.interval)
        self.tables["shift"] = tables.stability_table(shift, few.patients, **self.interval)

    def sanity(self):
        few, make, plan = self.records.first(self.plan.n_few), self.plan.make_cheap, self.plan
        progress = "Random weights" if plan.progress else None
        rows = weight_randomisation(
            self.model, few.signals, make, plan.n_draws, plan.seed, plan.smoothing, progress
        )
        if self.shuffled is not None:
            more = label_randomisation(self.model, self.shuffled, few.signals, make, plan.smoothing)
            rows = pd.concat([rows, more], ignore_index=True)
        self.tables["sanity"] = tables.sanity_table(rows, few.patients, **self.interval)
