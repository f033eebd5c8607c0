"""How far can each method of explanation be trusted? One table, with the models that are shipped.

    python benchmarks/explanation.py --data data/ptb-xl-full --seeds-folder runs/best

For each model (`--model`, a name or a .keras file, may be repeated), one row a method:

- lead axis, exact (its mean over time is the logit), passes through the network for a map over time (for
  one over time and leads, occlusion takes 469);
- faithfulness: gain of deletion and insertion over a random order, on fold 10 of PTB-XL: so many records of
  each class of the model, and as many without it (`--per-class`);
- localisation: average precision above chance, and how often the largest value lies in the lesion above
  chance (pointing game), in time, and in time and lead: simulated records with one lesion for 2 to 5 s;
- LUDB contrast: share of the evidence in ST and T, map of STTC minus map of CD (`wave_boundaries.py`);
- sanity: size of the rank correlation left when all weights are random; and what is left beyond that with
  the envelope of the signal, the same for both maps (partial correlation);
- stability: rank correlation of the maps of trainings by one recipe that differ in their seed (finished
  ones in `--seeds-folder`), and share of records whose largest values lie within 0.5 s.

`--stability-alone` prints the last two columns and no more. Below the table: what the envelope explains, a
map without that part, and what maps show of premature beats.
"""

import argparse
import itertools
import os
import sys
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from external import open_model  # noqa: E402
from partial_lesions import lead_mask, partial_lesions  # noqa: E402
from tqdm.auto import tqdm  # noqa: E402
from wave_boundaries import LUDB, METHODS, all_maps, contrast  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.data import Records  # noqa: E402
from signalcam.deployment import scaled, settings_of  # noqa: E402
from signalcam.explanation import METHODS as KNOWN  # noqa: E402
from signalcam.explanation import MapMaker, Network, Perturbation, faithfulness, mean_table  # noqa: E402
from signalcam.explanation.assessment.localisation import localise, smooth, span_mask  # noqa: E402
from signalcam.explanation.assessment.sanity import copy_model, randomise, stages  # noqa: E402
from signalcam.explanation.assessment.stability import rank_correlation  # noqa: E402
from signalcam.explanation.beats import find_r_peaks  # noqa: E402
from signalcam.explanation.methods import explain_leads  # noqa: E402
from signalcam.leads import LEADS  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402
from signalcam.reproduction.calibrated import deploy_trained  # noqa: E402

NEAR = 50  # samples within which two largest values count as one place
N_DRAWS = 5  # of random weights
PREMATURE = (0.85, 1.08)  # of the median RR interval: at most before, at least after a premature beat
RESIDUAL = "cam without the envelope"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--model", action="append", help="superclasses and normal-abnormal by default")
    parser.add_argument("--ludb", type=Path, default=Path("../shared/external/ludb"))
    parser.add_argument("--seeds-folder", type=Path, help="of trainings that differ in their seed")
    parser.add_argument("--teachers", type=Path, help="folder of the trainings that hold their teachers")
    parser.add_argument("--stability-alone", action="store_true", help="only the likeness between seeds")
    parser.add_argument(
        "--per-class", type=int, default=200, help="records over all classes of a model (200)"
    )
    parser.add_argument("--few", type=int, default=60, help="records for sanity and stability (60)")
    parser.add_argument("--partial", type=int, default=200, help="simulated records (200)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    records = sc.load_ptbxl(options.data)
    ludb = LUDB(options.ludb) if options.ludb.is_dir() else None
    for name in options.model or ["superclasses", "normal-abnormal"]:
        bench = Bench(open_model(name), records, options)
        if options.stability_alone:
            columns = {name: texts(column) for name, column in bench.stability().items()}
            print(f"\n### `{name}`\n\n{markdown_table(pd.DataFrame(columns).reset_index(names='method'))}")
            continue
        print(f"\n### `{name}`\n\n{markdown_table(bench.table(ludb))}\n\n{bench.envelope_words()}")
        if options.seeds_folder:
            print(f"\n{beside_teachers(bench, options.seeds_folder / 'training')}")
    if not options.stability_alone:
        print(f"\n### Premature beats\n\n{premature_words(bench.model, records)}")


class Bench:
    """One deployable model on the records; each question gives a column of the table.

    Args:
        model: deployable model.
        records: PTB-XL with signals.
        options: of the command line.
    """

    def __init__(self, model, records: Records, options: argparse.Namespace):
        self.model, self.records, self.options = model, records, options
        self.settings, self.network = settings_of(model), Network(model)
        names = self.settings.class_names
        self.classes = [k for k, name in enumerate(names) if name != "NORM"]
        each = options.per_class // len(self.classes)
        self.chosen = {k: self.choose(names[k], each) for k in self.classes}
        self.signals = {k: scaled(model, records.signals[rows]) for k, rows in self.chosen.items()}
        self.maps = {}
        for k in self.classes:
            words = f"Maps of {names[k]}"
            self.maps[k] = make_of(k)(self.network, self.signals[k], progress=words)
            self.maps[k][RESIDUAL] = without(self.maps[k]["cam"], envelope(self.signals[k]))

    def choose(self, name: str, each: int) -> np.ndarray:
        """Draw so many records of fold 10 with the class, and without: their positions."""
        test, rng = self.records.indices("test"), np.random.default_rng(self.options.seed)
        known = self.records.superclass if name in self.records.superclass else None
        has = self.records.labels.to_numpy()[test] == 1 if known is None else known[name].to_numpy()[test]
        return np.sort(
            np.concatenate([rng.choice(test[has == is_in], each, False) for is_in in (True, False)])
        )

    def table(self, ludb: LUDB | None) -> pd.DataFrame:
        """One row a method, one column a question, as text."""
        columns = {
            "faithfulness": self.faithfulness(),
            **self.localisation(),
            "LUDB contrast": self.ludb_contrast(ludb),
            **self.sanity(),
            **self.stability(),
        }
        table = pd.DataFrame({name: texts(column) for name, column in columns.items()}).fillna("")
        methods = [*METHODS.names, "cam_x_leads", RESIDUAL]
        able = [name for name in methods if self.has_leads(name)]
        known = pd.DataFrame(index=methods)
        known["lead axis"] = ["yes" if name in able else "no" for name in methods]
        known["exact"] = ["yes" if name in ("cam", "cam_x_leads") else "no" for name in methods]
        passes = {name: KNOWN[name].passes for name in methods if name in KNOWN}
        passes["integrated_gradients"] = 2 * METHODS.options["integrated_gradients"]["n_steps"]
        known["passes"] = [str(passes.get(name, 1)) for name in methods]
        return known.join(table).fillna("").rename_axis("method").reset_index()

    def has_leads(self, name: str) -> bool:
        """Tell whether a method has a lead axis with this network."""
        if name == "cam":
            return "lead_evidence" in self.network.outputs()
        return name in KNOWN and KNOWN[name].over_time_and_leads is not None

    def faithfulness(self) -> pd.DataFrame:
        """Gain of deletion and insertion over a random order."""
        gains = []
        signed = (*METHODS.signed, RESIDUAL)
        for k in self.classes:
            settings = Perturbation(threshold=self.settings.threshold[k], n_random=3)
            measure = partial(faithfulness, class_index=k, signed=signed, settings=settings)
            found = measure(self.network, self.signals[k], self.maps[k], progress="Deletion, insertion")
            gains.append(pd.DataFrame({name: one.areas()["gain"] for name, one in found.items()}))
        return mean_table(pd.concat(gains, ignore_index=True), self.patients(self.chosen.values()))

    def patients(self, chosen) -> np.ndarray:
        """The patients of the records at the given positions, all in a row."""
        return self.records.table["patient_id"].to_numpy()[np.concatenate(list(chosen))]

    def localisation(self) -> dict[str, pd.DataFrame]:
        """Average precision and pointing above chance, in time, and in time and lead."""
        signals_mv, spans, superclasses = partial_lesions(self.options.partial, seed=1)
        signals = scaled(self.model, signals_mv)
        columns, in_time, in_leads = {}, [], []
        for k in self.classes:
            name = self.settings.class_names[k]
            rows = np.flatnonzero(superclasses[name]) if name in superclasses else np.arange(len(signals))
            make, x = make_of(k), signals[rows]
            maps = make(self.network, x, progress=f"Localisation, {name}")
            maps[RESIDUAL] = without(maps["cam"], envelope(x))
            in_time.append(above_chance(maps, span_mask(spans, rows)))
            able = [name for name in (*make.names, "cam_x_leads") if self.has_leads(name)]
            maps = {}
            for name in tqdm(able, desc="In time and lead", leave=False):
                found = explain_leads(name, self.network, x, k, **make.options.get(name, {}))
                maps[name] = found[..., : len(LEADS)]
            maps["random"] = np.random.default_rng(0).standard_normal(x.shape)
            in_leads.append(above_chance(maps, lead_mask(spans, rows, LEADS)))
        for words, parts in (("in time", in_time), ("in time and lead", in_leads)):
            for measure in ("average precision", "pointing"):
                every = pd.concat([part[measure] for part in parts], ignore_index=True)
                columns[f"{measure}, {words}"] = mean_table(every)
        return columns

    def ludb_contrast(self, ludb: LUDB | None) -> pd.DataFrame:
        """How far the maps of STTC and CD lie apart on real wave boundaries."""
        if ludb is None or not {"STTC", "CD"} <= set(self.settings.class_names):
            return pd.DataFrame(columns=["value", "low", "high"])
        maps = all_maps(self.model, ludb)
        x = envelope(scaled(self.model, ludb.signals))
        for by_method in maps.values():
            by_method[RESIDUAL] = without(by_method["cam"], x)
        return contrast(self.model, ludb, maps)

    def few(self, k: int) -> np.ndarray:
        """Positions among the chosen records of a class of those for what takes many maps."""
        n = min(self.options.few // len(self.classes), len(self.chosen[k]))
        return np.sort(np.random.default_rng(self.options.seed).choice(len(self.chosen[k]), n, False))

    def sanity(self) -> dict[str, pd.DataFrame]:
        """Likeness of the maps with those of random weights, plain and beyond the envelope."""
        changed = Network(copy_model(self.network.model))
        layers = [layer for _, names in stages(changed.model) for layer in names]
        plain, beyond, self.of_envelope, before = [], [], [], {}
        for draw in tqdm(range(N_DRAWS), desc="Random weights", leave=False):
            randomise(changed.model, layers, (self.options.seed, draw))
            for k in self.classes:
                rows = self.few(k)
                signals = self.signals[k][rows]
                shape = envelope(signals)
                maps = make_of(k)(changed, signals)
                del maps["random"]  # asks no network
                maps[RESIDUAL] = without(maps["cam"], shape)
                trained = {name: self.maps[k][name][rows] for name in maps}
                pairs = {name: (trained[name], maps[name]) for name in maps}
                plain.append(by_record({name: rank_correlation(*pair) for name, pair in pairs.items()}, k))
                left = {name: partial_correlation(*pair, shape) for name, pair in pairs.items()}
                beyond.append(by_record(left, k))
                of = {f"{name}, trained": rank_correlation(trained[name], shape) for name in maps}
                of |= {f"{name}, random": rank_correlation(maps[name], shape) for name in maps}
                another = np.roll(maps["cam"], 1, axis=0)
                of["another record"] = rank_correlation(trained["cam"], another)
                of["two random"] = rank_correlation(maps["cam"], before.get(k, np.nan * maps["cam"]))
                before[k] = maps["cam"]
                self.of_envelope.append(by_record(of, k))
        columns = {"sanity": plain, "sanity beyond the envelope": beyond}
        return {name: self.mean_size(parts) for name, parts in columns.items()}

    def mean_size(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        """Average sizes over draws, then over records, patients resampled."""
        each = pd.concat(parts).abs().groupby(level=[0, 1]).mean()
        return mean_table(each, self.patients(self.chosen[k][self.few(k)] for k in self.classes))

    def envelope_words(self) -> str:
        """Say how alike the maps, the envelope, and maps of random weights are."""
        mean = self.mean_size(self.of_envelope)["value"]
        names = [*METHODS.names, RESIDUAL]
        names.remove("random")
        words = [f"{name} {mean[f'{name}, trained']:.2f} and {mean[f'{name}, random']:.2f}" for name in names]
        return (
            "Size of the rank correlation of maps with the envelope of the signal, with trained and with "
            f"random weights: {'; '.join(words)}. Of CAMs by two sets of random weights with each other: "
            f"{mean['two random']:.2f}; of the trained CAM with one by random weights of another record, "
            f"which is chance: {mean['another record']:.2f}."
        )

    def stability(self) -> dict[str, pd.DataFrame]:
        """Rank correlation, and share of records with one place of the largest value, between seeds."""
        if not self.options.seeds_folder:
            return {}
        models = trained_models(self.settings, self.records, self.options)
        alike, near = [], []
        for k in self.classes:
            rows = self.few(k)
            raw, make = self.records.signals[self.chosen[k][rows]], make_of(k)
            every = []
            for model in tqdm(models, desc="Maps of each seed", leave=False):
                signals = scaled(model, raw)
                every.append(make(Network(model), signals))
                every[-1][RESIDUAL] = without(every[-1]["cam"], envelope(signals))
            for first, second in itertools.combinations(every, 2):
                pairs = {name: (first[name], second[name]) for name in first if name != "random"}
                alike.append(by_record({name: rank_correlation(*pair) for name, pair in pairs.items()}, k))
                near.append(by_record({name: same_peak(*pair) for name, pair in pairs.items()}, k))
        patients = self.patients(self.chosen[k][self.few(k)] for k in self.classes)
        columns = {f"correlation, {len(models)} seeds": alike, f"same peak, {len(models)} seeds": near}
        return {
            name: mean_table(pd.concat(parts).groupby(level=[0, 1]).mean(), patients)
            for name, parts in columns.items()
        }


def trained_models(settings, records: Records, options: argparse.Namespace) -> list:
    """Make the models of finished trainings that differ in their seed, with the classes of the settings."""
    folder = options.seeds_folder / "training"
    given = (records.signals, records.targets, records.splits)
    models = []
    for state in sorted(folder.glob("seed*")):
        seed = int(state.name.removeprefix("seed"))
        how = {
            "seed": seed,
            "folder": state,
            "teacher_folder": (options.teachers or options.seeds_folder) / "training",
        }
        trained = sc.train_recipe(settings.recipe, *given, **how)
        target = "normal-abnormal" if settings.class_names == ("ABNORMAL",) else "superclasses"
        models.append(deploy_trained(trained, records, target))
    return models


def beside_teachers(bench: Bench, folder: Path) -> str:
    """Say how alike the CAM of abnormal and the mean of the teachers' are, on records of fold 10."""
    files = sorted(folder.glob("teacher_*/network.keras"))
    if not files or bench.settings.class_names != ("ABNORMAL",):
        return ""
    signals = bench.signals[0][bench.few(0)]
    fixed = keras.Input(signals.shape[1:], name="signals")
    loaded = (keras.saving.load_model(file, compile=False) for file in files)
    teachers = []
    for network in loaded:
        teachers.append(keras.models.clone_model(network, input_tensors=fixed))
        teachers[-1].set_weights(network.get_weights())
    mean = np.mean([sc.explain("cam", teacher, signals, class_index=0) for teacher in teachers], axis=0)
    own = bench.maps[0]["cam"][bench.few(0)]
    alike, near = np.nanmean(rank_correlation(own, mean)), np.nanmean(same_peak(own, mean))
    return (
        f"The CAM beside the mean of {len(teachers)} teachers' CAMs, {len(own)} records: rank correlation "
        f"{alike:.2f}, largest values within 0.5 s in {near:.0%}."
    )


def make_of(class_index: int) -> MapMaker:
    """The methods of the table for one class."""
    return MapMaker(METHODS.names, class_index, METHODS.options)


def by_record(columns: dict[str, np.ndarray], class_index: int) -> pd.DataFrame:
    """A row a record, under the class, so that means over draws and pairs keep records apart."""
    table = pd.DataFrame(columns)
    return table.set_axis(pd.MultiIndex.from_product([[class_index], table.index]), axis=0)


def envelope(signals: np.ndarray) -> np.ndarray:
    """How large the signal is, whatever its sign, all leads together: float64 (record, time)."""
    return smooth(np.sqrt((np.asarray(signals, float) ** 2).mean(axis=2)))


def without(relevance: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Take the part of each map, (record, time), that is linear in the envelope away; the mean stays."""
    centred = shape - shape.mean(axis=1, keepdims=True)
    slope = (relevance * centred).sum(axis=1) / np.maximum((centred**2).sum(axis=1), 1e-12)
    return relevance - slope[:, None] * centred


def partial_correlation(first: np.ndarray, second: np.ndarray, third: np.ndarray) -> np.ndarray:
    """Rank correlation of two maps beyond what both have with a third: float64 (record,)."""
    both, one, other = (
        rank_correlation(*pair) for pair in ((first, second), (first, third), (second, third))
    )
    return (both - one * other) / np.sqrt(np.maximum((1 - one**2) * (1 - other**2), 1e-12))


def same_peak(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Tell whether the largest values of two smoothed maps lie within `NEAR` samples: float64 (record,)."""
    places = [smooth(maps).argmax(axis=1) for maps in (first, second)]
    return (np.abs(places[0] - places[1]) <= NEAR).astype(float)


def above_chance(maps: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, pd.DataFrame]:
    """Average precision and pointing above chance, a column a method."""
    found = {name: localise(smooth(values), mask) for name, values in maps.items()}
    precision = {name: t["average_precision"] - t["chance_average_precision"] for name, t in found.items()}
    pointing = {name: table["pointing"] - table["chance"] for name, table in found.items()}
    return {"average precision": pd.DataFrame(precision), "pointing": pd.DataFrame(pointing)}


def premature_beats(peaks: np.ndarray) -> np.ndarray:
    """The R peaks that come early and are followed by a pause."""
    if len(peaks) < 4:
        return peaks[:0]
    intervals = np.diff(peaks) / np.median(np.diff(peaks))
    early = (intervals[:-1] <= PREMATURE[0]) & (intervals[1:] >= PREMATURE[1])
    return peaks[1:-1][early]


def premature_words(model, records: Records) -> str:
    """Say how often the largest value of a map lies in a ventricular premature beat."""
    test = records.indices("test")
    test = test[["PVC" in codes for codes in records.table["scp_codes"].iloc[test]]]
    found = [premature_beats(peaks) for peaks in find_r_peaks(records.signals[test])]
    rows = [row for row, beats in enumerate(found) if 1 <= len(beats) <= 3]
    mask = np.zeros((len(rows), records.signals.shape[1]), dtype=bool)
    for row, index in enumerate(rows):
        for peak in found[index]:
            mask[row, max(peak - 10, 0) : peak + 50] = True
    class_index = (
        0 if len(settings_of(model).class_names) == 1 else settings_of(model).class_names.index("CD")
    )
    signals = scaled(model, records.signals[test[rows]])
    maps = make_of(class_index)(Network(model), signals)
    shares = pd.DataFrame({name: localise(smooth(values), mask)["pointing"] for name, values in maps.items()})
    means = mean_table(shares, records.table["patient_id"].to_numpy()[test[rows]])
    words = [f"{name} {row.value:.2f} ({row.low:.2f} to {row.high:.2f})" for name, row in means.iterrows()]
    return (
        f"{len(rows)} records of fold 10 with one to three ventricular premature beats, which come early and "
        f"are followed by a pause; the largest value of the map lies in one of them, by chance "
        f"{mask.mean():.2f}: {'; '.join(words)}."
    )


def texts(table: pd.DataFrame) -> pd.Series:
    """Write value and interval as text."""
    return pd.Series(
        {
            name: ""
            if np.isnan(row["value"])
            else f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
            for name, row in table.iterrows()
        },
        dtype=object,
    )


if __name__ == "__main__":
    main()
