"""A model card in Markdown, under the headings that skops uses, from the metrics of a training.

Mitchell et al., "Model Cards for Model Reporting", FAT* 2019.
"""

import pandas as pd

from signalcam.plotting.checks import readable
from signalcam.reproduction.results import Results
from signalcam.reproduction.text import as_markdown, markdown_table

CITATION = (
    "R. Augustauskas, A. Santos Rodrigues, D. Sokas, O. Bularca, V. Marozas, *Lightweight Data-driven ECG "
    "Classification Approach with Explainable CAM Output*, EMBC 2025. Data: P. Wagner et al., *PTB-XL, a "
    "large publicly available electrocardiography dataset*, Scientific Data 7:154, 2020 (CC BY 4.0)."
)
LIMITS = (
    "Research software, not a medical device; no output of it is a diagnosis.",
    "PTB-XL's records come from one country and from devices of one maker, 1989 to 1996. Another place, "
    "device or group of patients may give other results: test on records of your own first.",
    "Needs the leads, length and sampling rate above, in mV. NaN, wrong units and wrong lead names are "
    "refused or flagged by `signalcam.recordings`; a plausible but wrong recording is not.",
    "The heatmap says when, within about a second, not in which lead, and is scaled within each record.",
)
START = """```python
import signalcam as sc

model = sc.load_model("{model}")
outputs = sc.predict(model, sc.read_recording("ecg.hea")[0].signals)  # probability, logit, evidence, heatmap
```

```sh
python -m signalcam predict {model} ecg.hea
python -m signalcam evaluate {model} --data ~/data/ptb-xl
```"""


def model_card(title: str, sections: dict[str, str]) -> str:
    """Put a card together, as Markdown.

    Args:
        title: of the card.
        sections: text by heading; headings may be paths, "Training Procedure/Hyperparameters" being one level
            below "Training Procedure".
    """
    parts = [f"# {title}"]
    for heading, text in sections.items():
        parts += [f"{'#' * (heading.count('/') + 2)} {heading.rsplit('/', 1)[-1]}", text.strip()]
    return "\n\n".join(filter(None, parts)) + "\n"


def training_card(metrics: dict, results: Results, over_seeds: pd.DataFrame) -> str:
    """Write the card of what `reproduce` trained: its JSON, the first seed's results, scores over seeds."""
    settings = results.settings
    warning = "**Trained on simulated ECGs: for trying things out only.**\n\n"
    simulated = warning if metrics["simulated"] else ""
    classes = ", ".join(settings.class_names)
    limits = [limit for limit in LIMITS if "PTB-XL" in metrics["data"] or "PTB-XL" not in limit]
    return model_card(
        f"SignalCAM, recipe {metrics['recipe']}: {metrics['target']}",
        {
            "Model description": f"{simulated}A 1D CNN that reads an ECG ({', '.join(settings.lead_names)}; "
            f"{settings.n_times} samples at {settings.sampling_rate} Hz, mV) and gives, in one pass, the "
            f"probability of {classes} and a map over time of the evidence for it (class activation map). "
            "Detrending and scaling are layers of the model.",
            "Model description/Intended uses & limitations": "\n".join(f"- {limit}" for limit in limits),
            "Model description/Training Procedure": _training(metrics),
            "Model description/Training Procedure/Hyperparameters": markdown_table(
                pd.DataFrame(metrics["hyperparameters"].items(), columns=["hyperparameter", "value"])
            ),
            "Model description/Evaluation Results": _evaluation(metrics, results, over_seeds),
            "How to Get Started with the Model": START.format(model=metrics["runs"][0]["model"]),
            "Model Card Authors": f"Written by signalcam {metrics['signalcam']} at the end of the training.",
            "Citation": CITATION,
        },
    )


def _training(metrics: dict) -> str:
    records = ", ".join(f"{count:,} {split}" for split, count in metrics["records"].items())
    about = f"{metrics['data']}; label rule `{metrics['rule']}`; records: {records}"
    lines = [f"- Data: {about}. No patient is in two splits."]
    for run in metrics["runs"]:
        spent = "" if run["seconds"] is None else f", trained in {run['seconds'] / 60:.1f} minutes"
        kept = f"weights of epoch {run['best_epoch']} of {run['epochs']}"
        lines.append(f"- Seed {run['seed']}: `{run['model']}`, {kept}{spent}.")
    return "\n".join(lines)


def _evaluation(metrics: dict, results: Results, over_seeds: pd.DataFrame) -> str:
    parts = []
    if len(metrics["runs"]) > 1:
        table = over_seeds.drop(columns="n").map("{:.3f}".format).rename(readable)
        table = table.rename_axis("metric").reset_index()
        over = f"Single models, over {len(metrics['runs'])} seeds:"
        parts = [over, markdown_table(table), "Of the first seed:"]
    parts.append(as_markdown(results, level=4))
    parts.append("Intervals are 95 % intervals from a bootstrap over patients. Figures are in `figures/`.")
    return "\n\n".join(parts)
