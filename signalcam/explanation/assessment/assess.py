"""The whole assessment of a model's maps on one set of records, as tables and as arrays for figures."""

from dataclasses import dataclass, replace
from functools import partial
from timeit import repeat

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from signalcam.evaluation import mean_table
from signalcam.explanation import beats
from signalcam.explanation.assessment.faithfulness import Perturbation, decision_direction, faithfulness
from signalcam.explanation.assessment.localisation import MEASURES, SMOOTHING, localise, smooth
from signalcam.explanation.assessment.records import ExplainedRecords
from signalcam.explanation.assessment.sanity import sanity_table, weight_randomisation
from signalcam.explanation.assessment.stability import agreement, noise_stability, shift_stability
from signalcam.explanation.methods import METHODS, MapMaker
from signalcam.explanation.network import AnyModel, as_network, logit_function
from signalcam.explanation.occlusion import REPLACEMENTS, occlude_leads, occlude_time_and_leads

TIMED = 64  # records a call whose time is taken


@dataclass(frozen=True)
class Plan:
    """How thorough an assessment is.

    Attributes:
        make: the maps measured; the others are compared with the first.
        perturbation: settings of deletion and insertion.
        n_few: records for what takes many maps a record: sanity, stability, replacement rules.
        n_draws, n_bootstrap: draws of random weights, and resamples of patients.
        seed, progress: of all draws, and whether to show a progress bar.
    """

    make: MapMaker = MapMaker(options={"integrated_gradients": {"n_steps": 32}})
    perturbation: Perturbation = Perturbation()
    n_few: int = 40
    n_draws: int = 5
    n_bootstrap: int = 1000
    seed: int = 0
    progress: bool = True


class Assessment:
    """What was found about the maps of a classifier: one method a question.

    Args:
        model, records: classifier, as `Network` takes it, and what to assess it on.
        plan: how thoroughly.

    Attributes:
        about: the data and counts in words and numbers, ready for JSON.
        tables: by name; each has a row for each combination of its index levels.
        curves: ``fractions`` and, by method, DataFrames of the mean ``deletion`` and ``insertion`` curve.
        beat: by superclass, ``signals`` (median beat in mV, (sample, lead)), ``evidence`` (DataFrame) and
            ``count``; with ``times``, seconds from the R peak.
        example: one record: ``signals`` in mV, ``relevance`` (time, lead) by occlusion, ``name``.
    """

    def __init__(self, model: AnyModel, records: ExplainedRecords, plan: Plan):
        self.about, self.tables, self.curves, self.beat, self.example = {}, {}, {}, {}, {}
        self.model, self.records, self.plan = as_network(model), records, plan
        self.few, self.groups = records.signals[: plan.n_few], records.superclass_groups()
        self.make = replace(plan.make, class_index=records.class_index)
        cheap = plan.make.options | {"integrated_gradients": {"n_steps": 16}}
        self.make_cheap = replace(self.make, options=cheap)
        steps = (self.maps, self.faithfulness, self.localisation, self.beats, self.leads, self.stability)
        bar = tqdm([*steps, self.sanity], desc="Assessing maps", disable=not plan.progress)
        for step in bar:
            bar.set_postfix_str(step.__name__)
            step()

    def progress(self, words: str) -> str | None:
        return words if self.plan.progress else None

    def mean(self, table: pd.DataFrame, chosen: object = slice(None)) -> pd.DataFrame:
        """Average over the chosen records; a shorter table is one of the first few records."""
        patients = self.records.patients[: len(table)][chosen]
        return mean_table(table[chosen], patients, self.plan.n_bootstrap, self.plan.seed)

    def means(self, values: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        return {name: self.mean(table) for name, table in values.items()}

    def add(self, name: str, parts: dict, *levels: str) -> None:
        self.tables[name] = pd.concat(parts, names=levels)

    def maps(self) -> None:
        records = self.records
        self.logit = logit_function(self.model, records.class_index)(records.signals)
        self.decided = decision_direction(self.logit, records.threshold) > 0
        self.relevance = self.make(self.model, records.signals, progress=self.progress("Maps"))
        self.about.update(
            {"data": records.name, "class": records.class_name},
            n_records=len(self.logit),
            n_decided_for=int(self.decided.sum()),
            threshold=float(records.threshold),
            perturbation=vars(self.plan.perturbation),
            smoothing=SMOOTHING,
            sampling_rate=records.settings.sampling_rate,
            lead_names=list(records.settings.lead_names),
        )
        batch, cost = np.resize(records.signals, (TIMED, *records.signals.shape[1:])), {}
        for name in self.make.names:
            call = partial(self.make.explain, name, self.model, batch)
            _, *seconds = repeat(call, repeat=4, number=1)
            cost[name] = {"ms_per_record": 1000 * np.median(seconds) / TIMED, "passes": METHODS[name].passes}
        self.tables["cost"] = pd.DataFrame.from_dict(cost, orient="index").rename_axis("call")

    def faithfulness(self) -> None:
        records, settings = self.records, self.plan.perturbation
        measure = partial(faithfulness, class_index=records.class_index, signed=self.make.signed)
        words = self.progress("Deletion, insertion")
        results = measure(self.model, records.signals, self.relevance, settings=settings, progress=words)
        areas = {name: result.areas() for name, result in results.items()}
        self.add("faithfulness", self.means(areas), "method", "measure")
        advantages = _advantages(areas, ["deletion_gain", "insertion_gain", "gain"])
        self.add("faithfulness_advantage", self.means(advantages), "method", "measure")
        maps = {name: values[: self.plan.n_few] for name, values in self.relevance.items()}
        by_rule = {}
        for rule in REPLACEMENTS:
            ruled = replace(settings, replacement=rule)
            replaced = measure(self.model, self.few, maps, settings=ruled)
            by_rule[rule] = pd.DataFrame({name: one.areas()["gain"] for name, one in replaced.items()})
        self.add("replacement", self.means(by_rule), "replacement", "method")
        self.curves["fractions"] = next(iter(results.values())).fractions
        for part in ("deletion", "insertion"):
            curves = {name: pd.DataFrame(getattr(result, part)) for name, result in results.items()}
            self.curves[part] = self.means(curves)

    def localisation(self) -> None:
        groups = self.records.lesion_groups(self.decided)
        if not groups:
            return
        lesions, measures = self.records.lesions, list(MEASURES)
        values = {name: localise(smooth(found), lesions) for name, found in self.relevance.items()}
        advantages, compared = _advantages(values, measures), ("all", "lasting", "partial")
        chances = next(iter(values.values()))
        expected = {measure: chances["chance"] for measure in measures}
        expected["average_precision"] = chances["chance_average_precision"]
        values["chance"] = pd.DataFrame(expected)  # what a map without knowledge reaches
        for name, tables, among in (
            ("localisation", values, groups),
            ("localisation_advantage", advantages, [group for group in compared if group in groups]),
        ):
            means = {
                (group, method): self.mean(table[measures], groups[group])
                for group in among
                for method, table in tables.items()
            }
            self.add(name, means, "group", "method", "measure")

    def beats(self) -> None:
        records, rate = self.records, self.records.settings.sampling_rate
        peaks = beats.find_r_peaks(records.signals_mv, rate, self.progress("R peaks"))
        evidence = self.relevance.get("cam", next(iter(self.relevance.values())))
        p_waves = beats.find_p_waves(records.signals_mv, peaks, rate)
        parts = beats.beat_parts(peaks, records.signals.shape[1], rate, p_waves)
        shares = beats.part_shares(evidence, parts)
        before, after = round(0.4 * rate), round(0.6 * rate)
        mean, beat = beats.beat_average(evidence, records.signals_mv, peaks, before, after)
        whole = ~np.isnan(mean).any(axis=1)
        self.beat["times"] = np.arange(-before, after) / rate
        parts = {}
        for name, chosen in self.groups.items():
            times = [shares.loc[chosen, f"time_{part}"].mean() for part in beats.PARTS]
            parts[name] = self.mean(shares[list(beats.PARTS)], chosen).assign(time=times)
            if (chosen & whole).any():
                self.beat[name] = {
                    "signals": np.nanmedian(beat[chosen], axis=0),
                    "evidence": self.mean(pd.DataFrame(mean), chosen),
                    "count": sum(len(peaks[index]) for index in np.flatnonzero(chosen)),
                }
        self.add("parts", parts, "superclass", "part")

    def leads(self) -> None:
        records, strongest = self.records, int(self.logit.argmax())
        falls = occlude_leads(self.model, records.signals, records.class_index)
        falls = pd.DataFrame(falls, columns=list(records.settings.lead_names))
        means = {name: self.mean(falls, chosen) for name, chosen in self.groups.items()}
        self.add("leads", means, "superclass", "lead")
        one = records.signals[strongest : strongest + 1]
        self.example.update(
            signals=records.signals_mv[strongest],
            relevance=occlude_time_and_leads(self.model, one, records.class_index)[0],
            name=f"record {records.ecg_ids[strongest]}",
        )

    def stability(self) -> None:
        few, make = self.few, self.make_cheap
        self.tables["agreement"] = agreement(self.relevance)
        self.tables["noise"] = self.mean(noise_stability(self.model, few, make, seed=self.plan.seed))
        self.tables["shift"] = self.mean(shift_stability(self.model, few, make))

    def sanity(self) -> None:
        plan, words = self.plan, self.progress("Random weights")
        rows = weight_randomisation(self.model, self.few, self.make_cheap, plan.n_draws, plan.seed, words)
        patients = self.records.patients[: plan.n_few]
        self.tables["sanity"] = sanity_table(rows, patients, plan.n_bootstrap, plan.seed)


def _advantages(values: dict[str, pd.DataFrame], measures: list[str]) -> dict[str, pd.DataFrame]:
    """Take each method's measures from those of the first, record by record."""
    first = next(iter(values.values()))
    return {name: (first - other)[measures] for name, other in values.items()}
