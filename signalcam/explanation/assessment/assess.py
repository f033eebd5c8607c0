"""The whole assessment of a model's maps on one set of records, as tables and as arrays for figures."""

from dataclasses import dataclass, field, replace

import keras
import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.explanation import beats
from signalcam.explanation.assessment import tables
from signalcam.explanation.assessment.faithfulness import Perturbation, decision_direction, faithfulness
from signalcam.explanation.assessment.localisation import MEASURES, localise, smooth
from signalcam.explanation.assessment.records import ExplainedRecords
from signalcam.explanation.assessment.sanity import label_randomisation, weight_randomisation
from signalcam.explanation.assessment.stability import agreement, noise_stability, shift_stability
from signalcam.explanation.cam import compare_variant
from signalcam.explanation.methods import MapMaker
from signalcam.explanation.network import AnyModel, as_network, logit_function
from signalcam.explanation.occlusion import occlude_leads, occlude_time_and_leads
from signalcam.explanation.perturbation import REPLACEMENTS


@dataclass(frozen=True)
class Plan:
    """How thorough an assessment is.

    Attributes:
        make: the maps measured; the others are compared with the first.
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


def assess(
    model: AnyModel, records: ExplainedRecords, plan: Plan | None = None, shuffled: keras.Model | None = None
) -> Assessment:
    """Assess the maps of a classifier.

    Args:
        model: classifier from scaled signals to probabilities, or a model around one, as `Network` takes it.
        records: to assess on.
        plan: None for the default.
        shuffled: a model of the same shape trained on permuted labels, None to leave that check out.
    """
    plan = plan or Plan()
    plan = replace(plan, make=replace(plan.make, class_index=records.class_index))
    job = _Assessor(as_network(model), records, plan, shuffled)
    steps = [job.maps, job.faithfulness, job.localisation, job.beats, job.leads, job.stability, job.sanity]
    bar = tqdm(steps, desc="Assessing maps", disable=not plan.progress)
    for step in bar:
        bar.set_postfix_str(step.__name__)
        step()
    return job.found


class _Assessor:
    """One method a question; each adds to the tables or to the arrays for figures."""

    def __init__(self, model: AnyModel, records: ExplainedRecords, plan: Plan, shuffled: keras.Model | None):
        self.model, self.records, self.plan, self.shuffled = model, records, plan, shuffled
        self.few = records.first(plan.n_few)
        self.mean, self.mean_few = (
            tables.Means(some.patients, plan.n_bootstrap, plan.seed) for some in (records, self.few)
        )
        cheap = plan.make.options | {"integrated_gradients": {"n_steps": 16}}
        self.make_cheap = replace(plan.make, options=cheap)
        self.groups = tables.superclass_groups(records.superclasses, len(records.signals))
        self.found = Assessment({}, {}, {}, {}, {})

    def progress(self, words: str):
        return words if self.plan.progress else None

    def maps(self):
        records, plan = self.records, self.plan
        self.logit = logit_function(self.model, records.class_index)(records.signals)
        self.decided = decision_direction(self.logit, records.threshold) > 0
        self.relevance = plan.make(self.model, records.signals, progress=self.progress("Maps"))
        self.found.about.update(
            {
                "data": records.name,
                "class": records.class_name,
                "n_records": len(self.logit),
                "n_decided_for": int(self.decided.sum()),
                "threshold": float(records.threshold),
                "perturbation": vars(plan.perturbation),
                "smoothing": plan.smoothing,
                "sampling_rate": records.sampling_rate,
                "lead_names": list(records.lead_names),
            }
        )
        variant = compare_variant(self.model, records.signals, records.class_index)
        for name in ("logit", "exact_error", "variant_error"):
            variant[f"absolute_{name}"] = variant.pop(name).abs()
        self.found.tables["variant"] = self.mean(variant)
        self.found.tables["cost"] = tables.cost_table(self.model, records.signals, plan.make)

    def faithfulness(self):
        records, plan, found = self.records, self.plan, self.found
        options = {"class_index": records.class_index, "signed": plan.make.signed}
        results = faithfulness(
            self.model, records.signals, self.relevance, settings=plan.perturbation, **options,
            progress=self.progress("Deletion, insertion"),
        )  # fmt: skip
        gains = ["deletion_gain", "insertion_gain", "gain"]
        areas = {name: result.areas()[gains] for name, result in results.items()}
        found.tables["faithfulness"] = tables.faithfulness_table(results, self.mean)
        found.tables["faithfulness_advantage"] = tables.advantage_table(areas, self.mean)
        maps = {name: values[: plan.n_few] for name, values in self.relevance.items()}
        by_rule = {}
        for rule in REPLACEMENTS:
            settings = replace(plan.perturbation, replacement=rule)
            replaced = faithfulness(self.model, self.few.signals, maps, settings=settings, **options)
            gain = {name: result.areas()["gain"] for name, result in replaced.items()}
            by_rule[rule] = self.mean_few(pd.DataFrame(gain))
        found.tables["replacement"] = tables.stack(by_rule, ("replacement", "method"))
        found.curves["fractions"] = next(iter(results.values())).fractions
        for curve in ("deletion", "insertion"):
            found.curves[curve] = {
                name: self.mean.curve(getattr(result, curve)) for name, result in results.items()
            }

    def localisation(self):
        if self.records.lesions is None:
            return
        groups = tables.lesion_groups(self.records, self.decided)
        if not groups:
            return
        values = {
            name: localise(smooth(relevance, self.plan.smoothing), self.records.lesions)
            for name, relevance in self.relevance.items()
        }
        self.found.tables["localisation"] = tables.localisation_table(values, groups, self.mean)
        measures = {name: table[list(MEASURES)] for name, table in values.items()}
        advantages = {
            group: tables.advantage_table(measures, self.mean, groups[group])
            for group in ("all", "lasting", "partial")
            if group in groups
        }
        names = ("group", "method", "measure")
        self.found.tables["localisation_advantage"] = tables.stack(advantages, names)

    def beats(self):
        records, rate, found = self.records, self.records.sampling_rate, self.found
        peaks = beats.find_r_peaks(records.signals_mv, rate, self.progress("R peaks"))
        evidence = self.relevance.get("cam", next(iter(self.relevance.values())))
        shares = beats.part_shares(evidence, peaks, rate)
        found.tables["parts"] = tables.part_table(shares, self.groups, self.mean)
        before, after = round(0.4 * rate), round(0.6 * rate)
        mean, beat = beats.beat_average(evidence, records.signals_mv, peaks, before, after)
        whole = ~np.isnan(mean).any(axis=1)
        found.beat["times"] = np.arange(-before, after) / rate
        for name, chosen in self.groups.items():
            if (chosen & whole).any():
                found.beat[name] = {
                    "signals": np.nanmedian(beat[chosen], axis=0),
                    "evidence": self.mean.curve(mean, chosen),
                    "count": sum(len(peaks[index]) for index in np.flatnonzero(chosen)),
                }

    def leads(self):
        records, strongest = self.records, int(self.logit.argmax())
        falls = occlude_leads(self.model, records.signals, records.class_index)
        falls = pd.DataFrame(falls, columns=list(records.lead_names))
        by_superclass = {name: self.mean(falls, chosen) for name, chosen in self.groups.items()}
        self.found.tables["leads"] = tables.stack(by_superclass, ("superclass", "lead"))
        one = records.signals[strongest : strongest + 1]
        self.found.example.update(
            signals=records.signals_mv[strongest],
            relevance=occlude_time_and_leads(self.model, one, records.class_index)[0],
            name=f"record {records.ecg_ids[strongest]}",
        )

    def stability(self):
        few, make, found = self.few.signals, self.make_cheap, self.found.tables
        found["agreement"] = agreement(self.relevance, self.plan.smoothing)
        found["noise"] = self.mean_few(noise_stability(self.model, few, make, seed=self.plan.seed))
        found["shift"] = self.mean_few(shift_stability(self.model, few, make))

    def sanity(self):
        few, make, plan = self.few, self.make_cheap, self.plan
        rows = weight_randomisation(
            self.model, few.signals, make, plan.n_draws, plan.seed, plan.smoothing,
            self.progress("Random weights"),
        )  # fmt: skip
        if self.shuffled is not None:
            more = label_randomisation(self.model, self.shuffled, few.signals, make, plan.smoothing)
            rows = pd.concat([rows, more], ignore_index=True)
        self.found.tables["sanity"] = tables.sanity_table(rows, few.patients, plan.n_bootstrap, plan.seed)
