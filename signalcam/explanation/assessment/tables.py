"""Tables of an assessment: means over records with intervals over patients, one table a question."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from signalcam.evaluation.bootstrap import Estimate, check_groups, percentile_estimate, resample_counts
from signalcam.evaluation.latency import latency_table
from signalcam.explanation.assessment.faithfulness import Faithfulness
from signalcam.explanation.assessment.localisation import MEASURES, is_full_time
from signalcam.explanation.assessment.records import ExplainedRecords
from signalcam.explanation.assessment.sanity import OTHER_RECORD
from signalcam.explanation.beats import PARTS
from signalcam.explanation.methods import METHODS, MapMaker
from signalcam.explanation.network import AnyModel, as_network


def mean_estimate(
    values: ArrayLike, groups: ArrayLike | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> Estimate:
    """Average one value a record and bootstrap it over patients.

    Args:
        values: (record,); NaN marks a record without a value, which is left out.
        groups: patient ids, (record,), or None for independent records.
        n_bootstrap: resamples; 0 for no interval.
        seed: of the resamples; the same for two calls pairs them.

    Returns:
        `Estimate` with a 95 % interval; not available where no record has a value.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values)
    if not kept.any():
        return Estimate(np.nan, np.nan, np.nan, 0, reason="no record has a value")
    mean, replicates, clusters = _means(values[kept, None], kept, groups, n_bootstrap, seed)
    return percentile_estimate(mean[0], replicates[:, 0], clusters)


def mean_table(
    table: pd.DataFrame, groups: ArrayLike | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average each column of a table with one row a record: a row a column, value, low, high and n.

    Args:
        table: one row a record.
        groups, n_bootstrap, seed: as in `mean_estimate`.
    """
    estimates = [mean_estimate(table[name], groups, n_bootstrap, seed) for name in table.columns]
    return pd.DataFrame(estimates, index=table.columns)[["value", "low", "high", "n"]]


def mean_curve(
    values: ArrayLike, groups: ArrayLike | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average curves over records: a row a step, value, low and high, NaN where no record is whole.

    Args:
        values: (record, step); records with a NaN are left out.
        groups, n_bootstrap, seed: as in `mean_estimate`.
    """
    values = np.asarray(values, dtype=np.float64)
    kept = ~np.isnan(values).any(axis=1)
    if not kept.any():
        return pd.DataFrame(np.nan, index=range(values.shape[1]), columns=["value", "low", "high"])
    mean, replicates, _ = _means(values[kept], kept, groups, n_bootstrap, seed)
    low, high = np.quantile(replicates, (0.025, 0.975), axis=0)
    return pd.DataFrame({"value": mean, "low": low, "high": high})


@dataclass(frozen=True)
class Means:
    """`mean_table` for all records of an assessment or some of them.

    Attributes:
        patients: (record,), or None.
        n_bootstrap, seed: of the intervals.
    """

    patients: np.ndarray | None = None
    n_bootstrap: int = 1000
    seed: int = 0

    def __call__(self, table: pd.DataFrame, chosen: object = slice(None)):
        return mean_table(table[chosen], *self._options(chosen))

    def curve(self, values: np.ndarray, chosen: object = slice(None)) -> pd.DataFrame:
        """Return the `mean_curve` of the chosen records."""
        return mean_curve(values[chosen], *self._options(chosen))

    def _options(self, chosen: object):
        patients = None if self.patients is None else self.patients[chosen]
        return patients, self.n_bootstrap, self.seed


def faithfulness_table(results: dict[str, Faithfulness], mean: Means) -> pd.DataFrame:
    """Average the areas of `faithfulness`: index (method, measure)."""
    return stack({name: mean(result.areas()) for name, result in results.items()})


def advantage_table(
    values: dict[str, pd.DataFrame], mean: Means, chosen: object = slice(None)
) -> pd.DataFrame:
    """Average the first method's measures minus those of each, on the same records: index (method, measure).

    Args:
        values: by method name, one row a record; the columns are measures.
        mean: of what and how to average.
        chosen: bool (record,), of all by default.
    """
    first = next(iter(values.values()))
    return stack({name: mean(first - other, chosen) for name, other in values.items()})


def sanity_table(
    rows: pd.DataFrame, patients: np.ndarray | None = None, n_bootstrap: int = 1000, seed: int = 0
) -> pd.DataFrame:
    """Average the correlations of `weight_randomisation`, without their signs: index (method, stage).

    Random weights turn the sign of a map as often as not, all records alike, so a map that stays the same
    but for its sign would pass for one that changed. ``signed`` has the mean with signs. Stages are in
    their order.
    """
    stages = [stage for stage in rows["stage"].unique() if stage != OTHER_RECORD] + [OTHER_RECORD]
    rows = rows.assign(size=rows["correlation"].abs())
    tables = {}
    for method, part in rows.groupby("method", sort=False):
        each = part.pivot_table(["size", "correlation"], "record", "stage", aggfunc="mean", dropna=False)
        table = mean_table(each["size"].reindex(columns=stages), patients, n_bootstrap, seed)
        tables[method] = table.assign(signed=each["correlation"].mean().reindex(stages))
    return stack(tables, ("method", "stage"))


def lesion_groups(records: ExplainedRecords, decided: np.ndarray) -> dict[str, np.ndarray]:
    """Sort the records with a lesion, bool (record,) each: all, detected, lasting, partial, of one class.

    Args:
        records: with lesions.
        decided: bool (record,), where the model decided for the class.
    """
    lesion, lasting = records.lesions.any(axis=1), is_full_time(records.lesions)
    groups = {
        "all": lesion,
        "detected": lesion & decided,
        "lasting": lesion & lasting,
        "partial": lesion & ~lasting,
    }
    if records.superclasses is not None:
        flags = records.superclasses.drop(columns="NORM", errors="ignore")
        alone = flags.sum(axis=1).to_numpy() == 1
        groups |= {f"only {name}": lesion & alone & flags[name].to_numpy(bool) for name in flags}
    return {name: chosen for name, chosen in groups.items() if chosen.any()}


def localisation_table(
    values: dict[str, pd.DataFrame], groups: dict[str, np.ndarray], mean: Means
) -> pd.DataFrame:
    """Average the measures of `localise` in each group of records: index (group, method, measure).

    The method "chance" holds what a map without knowledge reaches.
    """
    chances = next(iter(values.values()))
    expected = {measure: chances["chance"] for measure in MEASURES}
    expected["average_precision"] = chances["chance_average_precision"]
    values = values | {"chance": pd.DataFrame(expected)}
    tables = {
        (group, method): mean(table[list(MEASURES)], chosen)
        for group, chosen in groups.items()
        for method, table in values.items()
    }
    return stack(tables, ("group", "method", "measure"))


def part_table(shares: pd.DataFrame, groups: dict[str, np.ndarray], mean: Means) -> pd.DataFrame:
    """Average the shares of `part_shares`, those of the time as column ``time``: index (superclass, part)."""
    tables = {}
    for name, chosen in groups.items():
        table = mean(shares[list(PARTS)], chosen)
        table["time"] = [shares.loc[chosen, f"time_{part}"].mean() for part in PARTS]
        tables[name] = table
    return stack(tables, ("superclass", "part"))


def superclass_groups(superclasses: pd.DataFrame | None, n_records: int) -> dict[str, np.ndarray]:
    """Sort records by superclass, bool (record,) each; all in one group where none is known."""
    if superclasses is None:
        return {"all": np.ones(n_records, dtype=bool)}
    groups = {name: superclasses[name].to_numpy(bool) for name in superclasses}
    return {name: chosen for name, chosen in groups.items() if chosen.any()}


def cost_table(model: AnyModel, signals: np.ndarray, make: MapMaker, n_records: int = 64) -> pd.DataFrame:
    """Time each method: median milliseconds a record of three calls, and the passes it takes by default."""
    network = as_network(model)
    batch = np.resize(signals, (n_records, *signals.shape[1:]))
    calls = {name: partial(make.explain, name, network, batch) for name in make.names}
    table = latency_table(calls, repeats=3, warmup=1, n_records=n_records)
    passes = [METHODS[name].passes for name in make.names]
    return pd.DataFrame({"ms_per_record": table["median"] / n_records, "passes": passes})


def stack(
    tables: dict[Hashable, pd.DataFrame], names: tuple[str, ...] = ("method", "measure")
) -> pd.DataFrame:
    """Join tables under their keys, the levels of the index named."""
    return pd.concat(tables).rename_axis(index=names)


def _means(values: np.ndarray, kept: np.ndarray, groups: ArrayLike | None, n_bootstrap: int, seed: int):
    """Return the means over the kept records, (column,), in each resample, and the kept records' clusters."""
    clusters = np.unique(check_groups(groups, len(kept))[kept], return_inverse=True)[1]
    replicates = [np.empty((0, values.shape[1]))]
    for counts in resample_counts(clusters, n_bootstrap, seed):
        replicates.append(counts @ values / counts.sum(axis=1, keepdims=True))
    return values.mean(axis=0), np.concatenate(replicates), clusters
