"""Does the evidence lie in the leads that textbooks name? By statement, on fold 10 of PTB-XL.

    python benchmarks/leads_of_each_diagnosis.py leadwise-superclasses --data data/ptb-xl-full

For each statement with a likelihood of 80 % or more, the mean evidence of each lead for the statement's
superclass, above that of the normal records: for a network whose CAM has a lead axis (`lead_evidence`), and
beside it by occlusion of each whole lead in a network of the paper's shape (`--beside`). The leads that
textbooks name stand in `TERRITORIES`, taken from the published criteria and not from any map. The share of
the evidence in them counts what is positive in the 12 leads; chance is their number of 12. Intervals are
95 %, patients resampled.

Prints Markdown and draws `res/leads_of_each_diagnosis.png`.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from external import open_model  # noqa: E402

import signalcam as sc  # noqa: E402
from signalcam.data import Records  # noqa: E402
from signalcam.deployment import predict, scaled, settings_of  # noqa: E402
from signalcam.explanation import Network  # noqa: E402
from signalcam.explanation.occlusion import occlude_leads  # noqa: E402
from signalcam.leads import LEADS  # noqa: E402
from signalcam.plotting import Figure, save_figure  # noqa: E402
from signalcam.plotting.style import EVIDENCE_COLOURS, INK, MUTED, new_figure, styled  # noqa: E402
from signalcam.reproduction import markdown_table  # noqa: E402

# Leads in which the statement's criteria are read (AHA/ACCF/HRS recommendations III to VI, Circulation
# 119:e235-e270, 2009; Fourth Universal Definition of Myocardial Infarction, 2018). Statements without a
# place, such as a non-specific ST change or a first degree AV block, are left out.
_LATERAL, _INFERIOR = ("I", "aVL", "V5", "V6"), ("II", "III", "aVF")
TERRITORIES = {
    "IMI": ("inferior infarction", _INFERIOR),
    "ILMI": ("inferolateral infarction", (*_INFERIOR, *_LATERAL)),
    "ASMI": ("anteroseptal infarction", ("V1", "V2", "V3", "V4")),
    "AMI": ("anterior infarction", ("V2", "V3", "V4")),
    "ALMI": ("anterolateral infarction", ("V3", "V4", *_LATERAL)),
    "LMI": ("lateral infarction", _LATERAL),
    "INJAS": ("anteroseptal injury", ("V1", "V2", "V3", "V4")),
    "INJAL": ("anterolateral injury", ("V3", "V4", *_LATERAL)),
    "ISCAL": ("anterolateral ischaemia", ("V3", "V4", *_LATERAL)),
    "ISCIL": ("inferolateral ischaemia", (*_INFERIOR, *_LATERAL)),
    "ISCIN": ("inferior ischaemia", _INFERIOR),
    "ISCLA": ("lateral ischaemia", _LATERAL),
    "ISCAS": ("anteroseptal ischaemia", ("V1", "V2", "V3", "V4")),
    "ISCAN": ("anterior ischaemia", ("V2", "V3", "V4")),
    "CRBBB": ("complete right bundle branch block", ("I", "V1", "V2", "V6")),
    "IRBBB": ("incomplete right bundle branch block", ("V1", "V2")),
    "CLBBB": ("complete left bundle branch block", ("V1", *_LATERAL)),
    "LAFB": ("left anterior fascicular block", ("I", "aVL", *_INFERIOR)),
    "LPFB": ("left posterior fascicular block", ("I", "aVL", *_INFERIOR)),
    "LVH": ("left ventricular hypertrophy", ("V1", "V2", *_LATERAL)),
    "RVH": ("right ventricular hypertrophy", ("I", "V1", "V2")),
    "LAO/LAE": ("left atrial enlargement", ("II", "V1")),
    "RAO/RAE": ("right atrial enlargement", ("II", "V1")),
}
BETWEEN = "between leads"
LIKELIHOOD = 80  # percent
FEWEST = 10  # records for a row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", help="with a lead axis: a name or a .keras file; None for none")
    parser.add_argument("--beside", default="superclasses", help="the network of the paper's shape")
    parser.add_argument("--data", help="folder of PTB-XL")
    parser.add_argument("--limit", type=int, help="at most so many records of fold 10")
    parser.add_argument(
        "--figure",
        type=Path,
        default=Path(__file__).resolve().parent.parent / "res/leads_of_each_diagnosis.png",
    )
    options = parser.parse_args()
    records = sc.load_ptbxl(options.data)
    indices = records.indices("test")[: options.limit]
    ways = {}
    if options.model:
        ways["lead evidence"] = lead_evidence(open_model(options.model), records.signals[indices])
    ways["occlusion of leads"] = occlusion(open_model(options.beside), records.signals[indices])
    found = {name: lead_table(*way, records, indices) for name, way in ways.items()}
    for name, table in found.items():
        print(f"\n### {name}\n\n{markdown_table(as_text(table))}\n\n{overall(table)}")
    print(f"\n{save_figure(draw(found), options.figure, dpi=120)}")


def lead_evidence(model, signals_mv: np.ndarray) -> tuple[np.ndarray, list[str], list[str]]:
    """Average the lead evidence of a deployable model over time.

    Returns:
        float32 (record, row, class), its rows the 12 leads and "between leads"; the rows' and classes' names.

    Raises:
        ValueError: for a model whose CAM has no lead axis.
    """
    settings = settings_of(model)
    batches = np.array_split(signals_mv, -(-len(signals_mv) // 256))
    answers = [predict(model, batch) for batch in batches]
    if "lead_evidence" not in answers[0]:
        raise ValueError(
            "model must have a CAM with a lead axis, got one without. Take one of kind leadwise."
        )
    mean = np.concatenate([answer["lead_evidence"].mean(axis=1) for answer in answers])
    rows = [*settings.lead_names, BETWEEN][: mean.shape[1]]
    return mean, rows, list(settings.class_names)


def occlusion(model, signals_mv: np.ndarray) -> tuple[np.ndarray, list[str], list[str]]:
    """Fall of the logit of each class without each lead; returns as `lead_evidence`."""
    settings, network = settings_of(model), Network(model)
    signals = scaled(model, signals_mv)
    falls = [occlude_leads(network, signals, k) for k in range(len(settings.class_names))]
    return np.stack(falls, axis=2), list(settings.lead_names), list(settings.class_names)


def lead_table(
    evidence: np.ndarray,
    rows: list[str],
    class_names: list[str],
    records: Records,
    indices: np.ndarray,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Average the evidence of each lead by statement, above that of normal records.

    Args:
        evidence, rows, class_names: as from `lead_evidence`.
        records, indices: PTB-XL, and the positions of the records in it.
        n_bootstrap, seed: resamples of patients.

    Returns:
        DataFrame, index the statement: superclass, n, each of `rows` in logits, share, low and high (of the
        positive evidence in the marked leads) and chance.
    """
    table, superclass = records.table.iloc[indices], records.superclass.iloc[indices]
    normal = (superclass["NORM"] & (superclass.sum(axis=1) == 1)).to_numpy()
    class_of = records.dataset.statements["diagnostic_class"]
    lines, index = [], []
    for code, (_, leads) in TERRITORIES.items():
        chosen = np.array([codes.get(code, -1) >= LIKELIHOOD for codes in table["scp_codes"]])
        if code not in class_of.index or class_of[code] not in class_names or chosen.sum() < FEWEST:
            continue
        part = evidence[..., class_names.index(class_of[code])]
        above = part[chosen] - part[normal].mean(axis=0)
        marked = np.isin(rows, leads)
        share = share_in(above.mean(axis=0), marked, rows)
        drawn = resampled_means(above, table["patient_id"].to_numpy()[chosen], n_bootstrap, seed)
        low, high = np.nanquantile([share_in(mean, marked, rows) for mean in drawn], (0.025, 0.975))
        values = dict(zip(rows, above.mean(axis=0), strict=True))
        numbers = {"share": share, "low": low, "high": high, "chance": len(leads) / len(LEADS)}
        lines.append({"superclass": class_of[code], "n": int(chosen.sum())} | values | numbers)
        index.append(code)
    return pd.DataFrame(lines, index=pd.Index(index, name="statement"))


def share_in(mean: np.ndarray, marked: np.ndarray, rows: list[str]) -> float:
    """Share of what is positive in the leads, (row,), that lies in the marked ones; NaN without any."""
    positive = np.maximum(mean, 0) * (np.asarray(rows) != BETWEEN)
    return float(positive[marked].sum() / positive.sum()) if positive.sum() > 0 else float("nan")


def resampled_means(values: np.ndarray, patients: np.ndarray, n_bootstrap: int, seed: int) -> np.ndarray:
    """Means of (record, row) over patients drawn anew, each with all records: (resample, row)."""
    known, of = np.unique(patients, return_inverse=True)
    draws = np.random.default_rng(seed).integers(len(known), size=(n_bootstrap, len(known)))
    counts = np.stack([np.bincount(draw, minlength=len(known)) for draw in draws])[:, of]
    return counts @ values / counts.sum(axis=1, keepdims=True)


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """Write the table in words, the marked leads in bold."""
    lines = []
    for code, row in table.iterrows():
        words, leads = TERRITORIES[code]
        line = {"statement": f"{words} ({row['superclass']})", "records": str(row["n"])}
        for lead in [name for name in (*LEADS, BETWEEN) if name in table]:
            line[lead] = f"**{row[lead]:.1f}**" if lead in leads else f"{row[lead]:.1f}"
        line["share in the marked leads"] = f"{row['share']:.2f} ({row['low']:.2f} to {row['high']:.2f})"
        lines.append(line | {"by chance": f"{row['chance']:.2f}"})
    return pd.DataFrame(lines)


def overall(table: pd.DataFrame) -> str:
    """Say over how many statements the marked leads hold more than chance."""
    above = int((table["low"] > table["chance"]).sum())
    mean, chance = table["share"].mean(), table["chance"].mean()
    return (
        f"Mean share in the marked leads {mean:.2f}, by chance {chance:.2f}; the interval lies above chance "
        f"for {above} of {len(table)} statements."
    )


@styled
def draw(tables: dict[str, pd.DataFrame]) -> Figure:
    """Draw a grid of statements and leads for each way, each row scaled by its largest value.

    Args:
        tables: from `lead_table`, by name.
    """
    height = 1.3 + 0.27 * max(map(len, tables.values()))
    figure = new_figure(width=4.2 + 3.6 * len(tables), height=height)
    axes = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        leads = [lead for lead in LEADS if lead in table]
        values = table[leads].to_numpy(float)
        largest = np.maximum(np.abs(values).max(axis=1, keepdims=True), 1e-12)
        colours = {"cmap": EVIDENCE_COLOURS, "vmin": -1.3, "vmax": 1.3, "aspect": "auto"}
        ax.imshow(values / largest, **colours, gid=name)
        for row, code in enumerate(table.index):
            for column, lead in enumerate(leads):
                if lead in TERRITORIES[code][1]:
                    ax.plot(column, row, "o", markersize=5, markerfacecolor="none", markeredgecolor=INK)
        ax.set_xticks(range(len(leads)), leads, rotation=90)
        words = [f"{TERRITORIES[code][0]}, {n} records" for code, n in table["n"].items()]
        ax.set_yticks(range(len(table)), words)
        ax.tick_params(length=0)
        ax.set_title(f"{name}\n{table['share'].mean():.0%} in the marked leads", color=INK)
    figure.supxlabel(
        "red: evidence for the diagnosis' class above that of normal records, rows scaled by themselves;\n"
        f"circles: leads that textbooks name (by chance {table['chance'].mean():.0%})",
        fontsize=9,
        color=MUTED,
    )
    return figure


if __name__ == "__main__":
    main()
