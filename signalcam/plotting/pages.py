"""HTML pages from templates that escape every text; the page with a model inside, which needs nothing else."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
import markupsafe
import numpy as np

LINES = dict.fromkeys(("trim_blocks", "lstrip_blocks", "keep_trailing_newline"), True)
PAGES = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, **LINES)
PAGES.loader = jinja2.PackageLoader("signalcam.plotting")
# In this order each file imports from those before it only, so that one script holds them all.
SCRIPTS = ("text", "network", "resampling", "quality", "reading", "drawing", "main")


def render(template: str, **values: object) -> str:
    """Fill one of the templates of this folder, given without `.html.j2`; text in the values is escaped."""
    return PAGES.get_template(f"{template}.html.j2").render(values)


@dataclass(frozen=True, eq=False)
class PageRecord:
    """A record that a page shows.

    Attributes:
        name: of the record.
        signals: float32 (time, lead) in mV, of the model's length and leads.
        start: seconds into its file at which it begins.
        padded: bool (time,), True where nothing was recorded; None for nowhere.
        notes: sentences on its quality; None has the page look for itself.
        probability: (class,), for the index; None has the page work it out.
    """

    name: str
    signals: np.ndarray
    start: float = 0.0
    padded: np.ndarray | None = None
    notes: Sequence[str] | None = None
    probability: Sequence[float] | None = None

    def as_json(self) -> dict[str, object]:
        """Return what the page's script reads; signals in whole uV take two bytes a sample, others four."""
        steps = np.rint(np.float64(self.signals) * 1000)
        whole = np.array_equal(np.float32(steps / 1000), self.signals) and np.abs(steps).max() < 2**15
        samples = steps.astype("<i2") if whole else np.asarray(self.signals, "<f4")
        return {
            "name": self.name,
            "start": float(self.start),
            "n_padded": 0 if self.padded is None else int(np.sum(self.padded)),
            "notes": None if self.notes is None else list(self.notes),
            "probability": None if self.probability is None else np.asarray(self.probability, float).tolist(),
            "type": samples.dtype.str,
            "signals": base64.b64encode(samples.tobytes()).decode("ascii"),
        }


def model_page(
    model: Mapping[str, object],
    records: Sequence[PageRecord] = (),
    examples: Sequence[PageRecord] = (),
    refused: Mapping[str, str] | None = None,
    shown: int | None = None,
    title: str = "An ECG and its map",
) -> str:
    """Write a page that runs a model in the browser: it opens offline, takes files, and sends nothing.

    Args:
        model: as `signalcam.deployment.browser_model` writes it.
        records: to show; several get an index, sorted by probability.
        examples: offered to be tried.
        refused: why a recording could not be read, by name.
        shown: index of the class of the map; None for the most probable one.
        title: of the page.

    Returns:
        The page as text, which holds all it needs; write it as UTF-8.

    Raises:
        ValueError: the signals of a record have another shape than the model takes.
    """
    settings = model["settings"]
    shape = (settings["n_times"], len(settings["lead_names"]))
    for record in (*records, *examples):
        if np.shape(record.signals) != shape:
            raise ValueError(
                f"signals of {record.name} must have the shape {shape}, got {np.shape(record.signals)}."
            )
    data = {"model": model, "refused": dict(refused or {}), "shown": shown}
    data |= {"records": [each.as_json() for each in records], "examples": [each.as_json() for each in examples]}
    # "<" would let a text from a file end the script element.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    folder = resources.files("signalcam.plotting") / "browser"
    parts = [(folder / f"{name}.mjs").read_text(encoding="utf-8") for name in SCRIPTS]
    script = re.sub(r"^(import .* from .*;\n|export (?=\w))", "", "\n".join(parts), flags=re.MULTILINE)
    digest = base64.b64encode(hashlib.sha256(f'"use strict";\n{script}'.encode()).digest()).decode("ascii")
    own = {"data": text, "script": script, "style": (folder / "page.css").read_text(encoding="utf-8")}
    own = {name: markupsafe.Markup(value) for name, value in own.items()}  # noqa: S704 (ours, or escaped above)
    return render("model", title=title, digest=digest, settings=settings, **own)
