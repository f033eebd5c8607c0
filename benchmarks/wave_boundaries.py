"""Which waves hold the evidence? Maps against the onsets and ends that cardiologists marked in LUDB.

    python benchmarks/wave_boundaries.py superclasses normal-abnormal --data ../shared/external/ludb

A part of the beat whose share of the evidence is as large as its share of the time has the ratio 1, as a map
without knowledge would give all of them. Only positive evidence counts. LUDB (A. Kalyakulina et al., IEEE
Access 8:186181, 2020) marks P, QRS and T in each lead by itself; a sample belongs to the part that most leads
give it, and what lies before the first and after the last mark counts nowhere.

Prints Markdown: how well our own ruler of the beat (`signalcam.explanation.beats`) agrees with the marks; for
each method how far the maps of STTC and CD of the same records lie apart; and the ratios, by class and
finding. Intervals are 95 %, records resampled.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import wfdb  # noqa: E402
from external import open_model, through_the_gate  # noqa: E402
from findings import LUDB as KNOWN  # noqa: E402
from findings import ludb_findings  # noqa: E402
from sklearn.metrics import cohen_kappa_score  # noqa: E402
from tqdm.auto import tqdm  # noqa: E402

from signalcam.deployment import class_index, predict, scaled, settings_of  # noqa: E402
from signalcam.explanation import MapMaker, Network, mean_table  # noqa: E402
from signalcam.explanation.beats import PARTS as RULED  # noqa: E402
from signalcam.explanation.beats import beat_parts, find_p_waves, find_r_peaks, part_shares  # noqa: E402
from signalcam.leads import LEADS  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402

PARTS = ("P", "PQ", "QRS", "ST", "T", "rest")
WAVES = {"p": "P", "N": "QRS", "t": "T"}
BETWEEN = {("p", "N"): "PQ", ("N", "t"): "ST"}
LONGEST_GAP = 0.4  # s between two waves of one beat
TO_RULED = {"P": "P-PQ", "PQ": "P-PQ", "QRS": "QRS", "ST": "ST-T", "T": "ST-T", "rest": "TP"}
FEWEST_LEADS = 6  # with marks around a sample, for it to count
FEWEST = 5  # records for a row
METHODS = MapMaker(
    ("cam", "cam_convolution", "gradient", "gradient_x_input", "integrated_gradients", "occlusion")
    + ("guided_grad_cam", "random"),
    options={"integrated_gradients": {"n_steps": 32}},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=["superclasses", "normal-abnormal"])
    parser.add_argument("--data", type=Path, default=Path("../shared/external/ludb"))
    parser.add_argument(
        "--all-methods", action="store_true", help="the ratios of all methods, not of the CAM"
    )
    options = parser.parse_args()
    records = LUDB(options.data)
    print(f"{len(records.signals)} records of LUDB. Share of the time marked:\n")
    time = [(records.parts == k).sum() / (records.parts >= 0).sum() for k in range(len(PARTS))]
    print(markdown_table(pd.DataFrame([map("{:.3f}".format, time)], columns=PARTS)))
    print(f"\nOur ruler against the marks: kappa {ruler_agreement(records):.3f} over {', '.join(RULED)}")
    for name in options.models:
        model = open_model(name)
        maps = all_maps(model, records)
        print(f"\n### `{name}`\n")
        if {"STTC", "CD"} <= set(settings_of(model).class_names):
            print("Share of the evidence in ST and T, map of STTC minus map of CD, same records:\n")
            print(markdown_table(as_text(contrast(model, records, maps))))
        methods = list(METHODS.names) if options.all_methods else ["cam"]
        print("\nShare of evidence over share of time:\n")
        print(markdown_table(ratios(model, records, maps, methods)))


class LUDB:
    """LUDB's recordings as the models read them, and the marks of its cardiologists.

    Attributes:
        signals: float32 (record, 1000, 12) in mV at 100 Hz.
        parts: int8 (record, 1000), positions in `PARTS`, -1 where nothing was marked.
        findings: of each record, a set of names.
    """

    def __init__(self, folder: Path):
        labels = pd.read_csv(folder / "labels.csv", dtype=str, keep_default_na=False)
        signals, parts, findings = [], [], []
        for row in tqdm(labels.to_dict("records"), desc="Reading LUDB"):
            path = folder / "data" / row["record"]
            signals.append(through_the_gate(path.with_suffix(".hea"))[0].signals)
            rate = round(float(row["fs"]))
            marks = [wfdb.rdann(str(path), lead.lower()) for lead in LEADS]
            n_times = round(rate * float(row["seconds"]))
            by_lead = [lead_parts(mark.sample, mark.symbol, n_times, rate) for mark in marks]
            parts.append(vote(np.stack(by_lead))[:: rate // 100])
            findings.append(ludb_findings(row))
        self.signals, self.parts = np.stack(signals), np.stack(parts)
        self.findings = [{finding.name for finding in found} for found in findings]


def lead_parts(samples: np.ndarray, symbols: list[str], n_times: int, rate: int) -> np.ndarray:
    """Turn the marks of one lead into parts: int8 (time,), positions in `PARTS`, -1 outside the marks.

    Args:
        samples, symbols: of each mark: an opening bracket, p, N or t, and a closing bracket make a wave.
        n_times, rate: samples, and how many of them are a second.
    """
    waves = []
    for k in range(1, len(symbols) - 1):
        if symbols[k] in WAVES and symbols[k - 1] == "(" and symbols[k + 1] == ")":
            waves.append((symbols[k], samples[k - 1], samples[k + 1] + 1))
    parts = np.full(n_times, -1, np.int8)
    if not waves:
        return parts
    parts[waves[0][1] : waves[-1][2]] = PARTS.index("rest")
    for before, (wave, start, stop) in zip([None, *waves], waves, strict=False):
        gap = BETWEEN.get((before[0], wave)) if before else None
        if gap and start - before[2] < LONGEST_GAP * rate:
            parts[before[2] : start] = PARTS.index(gap)
        parts[start:stop] = PARTS.index(WAVES[wave])
    return parts


def vote(by_lead: np.ndarray) -> np.ndarray:
    """Return the part that most leads, (lead, time), give each sample; -1 where too few leads have marks."""
    votes = (by_lead[:, None] == np.arange(len(PARTS))[:, None]).sum(axis=0)
    return np.where(votes.sum(axis=0) < FEWEST_LEADS, -1, votes.argmax(axis=0)).astype(np.int8)


def ruler_agreement(records: LUDB) -> float:
    """Compare our ruler with the marks, sample by sample: Cohen's kappa, beyond what chance gives."""
    peaks = find_r_peaks(records.signals)
    p_waves = find_p_waves(records.signals, peaks)
    ours = beat_parts(peaks, records.parts.shape[1], p_waves=p_waves)
    truth = np.array([RULED.index(TO_RULED[part]) for part in PARTS])[records.parts]
    known = (records.parts >= 0) & (ours >= 0)
    return cohen_kappa_score(truth[known], ours[known])


def all_maps(model, records: LUDB, make: MapMaker = METHODS) -> dict[str, dict[str, np.ndarray]]:
    """Explain every class of a deployable model but NORM: by class and method, float32 (record, time)."""
    network, signals, found = Network(model), scaled(model, records.signals), {}
    for index, name in enumerate(settings_of(model).class_names):
        if name != "NORM":
            one = MapMaker(make.names, index, make.options)
            found[name] = one(network, signals, progress=f"Maps of {name}")
    return found


def predicted(model, records: LUDB, class_name: str) -> np.ndarray:
    """Tell the records that the model predicts as of the class: bool (record,)."""
    settings = settings_of(model)
    index = class_index(settings, class_name)
    return predict(model, records.signals)["probability"][:, index] >= settings.threshold[index]


def contrast(model, records: LUDB, maps: dict) -> pd.DataFrame:
    """Share of the evidence in ST and T, map of STTC minus map of CD, where either is predicted.

    Returns:
        DataFrame, index the method: value, low, high, n.
    """
    either = predicted(model, records, "STTC") | predicted(model, records, "CD")
    columns = {}
    for method in maps["STTC"]:
        shares = [part_shares(maps[name][method], records.parts, PARTS) for name in ("STTC", "CD")]
        late = [share["ST"] + share["T"] for share in shares]
        columns[method] = (late[0] - late[1])[either]
    return mean_table(pd.DataFrame(columns))


def ratios(model, records: LUDB, maps: dict, methods: list[str]) -> pd.DataFrame:
    """Share of evidence over share of time in each part, by class, finding and method, as text."""
    lines = []
    for class_name, by_method in maps.items():
        positive = predicted(model, records, class_name)
        groups = {"predicted": positive, "not predicted": ~positive}
        of_class = [name for name in sorted(set().union(*records.findings)) if belongs(name, class_name)]
        for finding in of_class:
            groups[f"predicted, {finding}"] = positive & [finding in found for found in records.findings]
        for method in methods:
            shares = part_shares(by_method[method], records.parts, PARTS)
            for group, chosen in groups.items():
                if chosen.sum() >= FEWEST:
                    cells = ratio_texts(shares[chosen])
                    lines.append(
                        {"map of": class_name, "method": method, "records": group, "n": chosen.sum()} | cells
                    )
    return pd.DataFrame(lines).astype(str)


def belongs(finding: str, class_name: str) -> bool:
    """Tell whether a finding is one of a superclass; of ABNORMAL are those that have any superclass."""
    superclass = {known.superclass for known in KNOWN.values() if known.name == finding} - {None}
    return bool(superclass) and (class_name in superclass or class_name == "ABNORMAL")


def ratio_texts(shares: pd.DataFrame, n_bootstrap: int = 1000, seed: int = 0) -> dict[str, str]:
    """Ratio of the mean shares of evidence and time in each part, with its interval, as text."""
    values = shares.dropna().to_numpy()
    draws = np.random.default_rng(seed).integers(len(values), size=(n_bootstrap, len(values)))
    sums = np.concatenate([values.sum(axis=0)[None], values[draws].sum(axis=1)])
    ratio = sums[:, : len(PARTS)] / np.maximum(sums[:, len(PARTS) :], 1e-12)
    low, high = np.quantile(ratio[1:], (0.025, 0.975), axis=0)
    return {
        part: f"{value:.2f} ({lowest:.2f} to {highest:.2f})"
        for part, value, lowest, highest in zip(PARTS, ratio[0], low, high, strict=True)
    }


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write value, low, high and n of each method as text."""
    cells = [f"{row.value:+.2f} ({row.low:+.2f} to {row.high:+.2f})" for row in table.itertuples()]
    return pd.DataFrame(
        {"method": table.index, "difference": cells, "records": table["n"].astype(int).astype(str)}
    )


if __name__ == "__main__":
    main()
