"""Tables of an assessment: means over records with intervals over patients, one table a question."""

from functools import partial

import numpy as np
import pandas as pd

from signalcam.evaluation.latency import latency_table
from signalcam.explanation import beats
from signalcam.explanation.assessment import sanity
from signalcam.explanation.assessment.faithfulness import Perturbation, faithfulness
from signalcam.explanation.assessment.localisation import MEASURES, is_full_time, localise, smooth
from signalcam.explanation.assessment.summary import mean_table
from signalcam.explanation.cam import compare_variant
from signalcam.explanation.methods import METHODS
from signalcam.explanation.network import as_network
from signalcam.explanation.occlusion import occlude_leads
from signalcam.explanation.perturbation import REPLACEMENTS


def variant_table(model, records, n_bootstrap=1000, seed=0):
    """Tell how alike the paper's map and the exact one are, and how far the mean of each misses the logit."""
    table = compare_variant(model, records.signals, records.class_index)
    table["absolute_logit"] = table.pop("logit").abs()
    for name in ("exact_error", "variant_error"):
        table[f"absolute_{name}"] = table.pop(name).abs()
    return mean_table(table, records.patients, n_bootstrap, seed)


def faithfulness_table(results, patients=None, n_bootstrap=1000, seed=0):
    """Average the areas of `faithfulness`: index (method, measure)."""
    return stack(
        {name: mean_table(result.areas(), patients, n_bootstrap, seed) for name, result in results.items()}
    )


def advantage_table(values, patients=None, n_bootstrap=1000, seed=0):
    """Compare the first method with each other on the same records.

    Args:
        values: dict of method name to a DataFrame with one row a record; the columns are measures.
        patients: (record,), or None.
        n_bootstrap, seed: of the intervals.

    Returns:
        DataFrame, index (method, measure): mean difference, the first method minus this one, with its
        interval; of the first with itself, zero.
    """
    ours = next(iter(values.values()))
    return stack(
        {name: mean_table(ours - other, patients, n_bootstrap, seed) for name, other in values.items()}
    )


def replacement_table(model, records, maps, signed, settings, n_bootstrap=1000, seed=0):
    """Repeat `faithfulness` with each rule of replacement: index (replacement, method), gain over random."""
    tables = {}
    for replacement in REPLACEMENTS:
        changed = Perturbation(**(vars(settings) | {"replacement": replacement}))
        results = faithfulness(model, records.signals, maps, records.class_index, signed, changed)
        gains = pd.DataFrame({name: result.areas()["gain"] for name, result in results.items()})
        tables[replacement] = mean_table(gains, records.patients, n_bootstrap, seed)
    return stack(tables, ("replacement", "method"))


def sanity_table(rows, patients=None, n_bootstrap=1000, seed=0):
    """Average the correlations of `weight_randomisation`, without their signs: index (method, stage).

    Random weights turn the sign of a map as often as not, all records alike, so a map that stays the same
    but for its sign would pass for one that changed. ``signed`` has the mean with signs. Stages are in
    their order.
    """
    stages = [stage for stage in rows["stage"].unique() if stage != sanity.OTHER_RECORD]
    stages.append(sanity.OTHER_RECORD)
    rows = rows.assign(size=rows["correlation"].abs())
    tables = {}
    for method, part in rows.groupby("method", sort=False):
        each = part.pivot_table(["size", "correlation"], "record", "stage", aggfunc="mean", dropna=False)
        table = mean_table(each["size"].reindex(columns=stages), patients, n_bootstrap, seed)
        tables[method] = table.assign(signed=each["correlation"].mean().reindex(stages))
    return stack(tables, ("method", "stage"))


def localisation_values(maps, lesions, smoothing=25):
    """Measure each method's maps: dict of method name to the DataFrame of `localise`."""
    return {name: localise(smooth(values, smoothing), lesions) for name, values in maps.items()}


def lesion_groups(records, decided):
    """Sort the records with a lesion: all, those detected, lasting, partial, and those of one superclass.

    Args:
        records: `Records` with lesions.
        decided: bool (record,), where the model decided for the class.

    Returns:
        dict of group name to bool (record,).
    """
    lesion = records.lesions.any(axis=1)
    lasting = is_full_time(records.lesions)
    groups = {
        "all": lesion,
        "detected": lesion & decided,
        "lasting": lesion & lasting,
        "partial": lesion & ~lasting,
    }
    if records.superclasses is not None:
        flags = records.superclasses.drop(columns="NORM", errors="ignore")
        alone = flags.sum(axis=1).to_numpy() == 1
        for name in flags:
            groups[f"only {name}"] = lesion & alone & flags[name].to_numpy(bool)
    return {name: rows for name, rows in groups.items() if rows.any()}


def localisation_table(values, groups, patients=None, n_bootstrap=1000, seed=0):
    """Average the measures of `localise` in each group of records: index (group, method, measure).

    The method "chance" holds what a map without knowledge reaches.
    """
    tables = {}
    for group, rows in groups.items():
        of = None if patients is None else patients[rows]
        for method, table in values.items():
            tables[group, method] = mean_table(table.loc[rows, list(MEASURES)], of, n_bootstrap, seed)
        chance = next(iter(values.values())).loc[rows]
        level = chance["chance"]
        expected = {"average_precision": chance["chance_average_precision"]}
        chance = pd.DataFrame({measure: expected.get(measure, level) for measure in MEASURES})
        tables[group, "chance"] = mean_table(chance, of, n_bootstrap, seed)
    return stack(tables, ("group", "method", "measure"))


def part_table(shares, superclass_table, patients=None, n_bootstrap=1000, seed=0):
    """Average the shares of evidence in the parts of the beat, beside their shares of time.

    Returns:
        DataFrame, index (superclass, part), columns as `mean_table` and ``time``.
    """
    tables = {}
    for name, rows in superclass_groups(superclass_table, len(shares)).items():
        of = None if patients is None else patients[rows]
        table = mean_table(shares.loc[rows, list(beats.PARTS)], of, n_bootstrap, seed)
        table["time"] = [shares.loc[rows, f"time_{part}"].mean() for part in beats.PARTS]
        tables[name] = table
    return stack(tables, ("superclass", "part"))


def lead_table(model, records, n_bootstrap=1000, seed=0):
    """Average the fall of the logit without each lead, by superclass: index (superclass, lead)."""
    falls = occlude_leads(model, records.signals, records.class_index)
    falls = pd.DataFrame(falls, columns=list(records.lead_names))
    tables = {}
    for name, rows in superclass_groups(records.superclasses, len(falls)).items():
        of = None if records.patients is None else records.patients[rows]
        tables[name] = mean_table(falls[rows], of, n_bootstrap, seed)
    return stack(tables, ("superclass", "lead"))


def superclass_groups(superclass_table, n_records):
    """Sort records by superclass: dict of name to bool (record,); all in one group where none is known."""
    if superclass_table is None:
        return {"all": np.ones(n_records, dtype=bool)}
    groups = {name: superclass_table[name].to_numpy(bool) for name in superclass_table}
    return {name: rows for name, rows in groups.items() if rows.any()}


def stability_table(table, patients=None, n_bootstrap=1000, seed=0):
    """Average the correlations of `noise_stability` or `shift_stability`: index (method, level)."""
    means = mean_table(table, patients, n_bootstrap, seed)
    means.index = table.columns
    return means


def cost_table(model, signals, make, n_records=64, repeats=3):
    """Time each method: median milliseconds a record, over `repeats` calls after one that is not timed.

    Beside it, the passes through the network that the method takes by default.
    """
    network = as_network(model)
    batch = np.resize(signals, (n_records, *signals.shape[1:]))
    calls = {name: partial(make.explain, name, network, batch) for name in make.names}
    table = latency_table(calls, repeats=repeats, warmup=1, n_records=n_records)
    return pd.DataFrame(
        {
            "ms_per_record": table["median"] / n_records,
            "passes": [METHODS[name].passes for name in make.names],
        }
    )


def stack(tables, names=("method", "measure")):
    """Join tables under their keys, the levels of the index named."""
    joined = pd.concat(tables)
    joined.index.names = names
    return joined
