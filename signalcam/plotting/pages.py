"""HTML pages from templates that escape every text; the page with a model inside needs nothing else."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

import jinja2
import markupsafe

LINES = dict.fromkeys(("trim_blocks", "lstrip_blocks", "keep_trailing_newline"), True)
PAGES = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, **LINES)
PAGES.loader = jinja2.PackageLoader("signalcam.plotting")
# In this order each file imports from those before it only, so that one script holds them all.
SCRIPTS = ("text", "network", "resampling", "quality", "reading", "drawing", "main")


def render(template: str, **values: object) -> str:
    """Fill one of the templates of this folder, given without `.html.j2`; text in the values is escaped."""
    return PAGES.get_template(f"{template}.html.j2").render(values)


def model_page(
    model: Mapping[str, object],
    title: str,
    records: Sequence[dict] = (),
    refused: Mapping[str, str] | None = None,
    shown: int | None = None,
) -> str:
    """Return a page, as text for UTF-8, that runs a model in the browser: it takes files, and sends nothing.

    Args:
        model, records: by `browser_model` and `browser_record` of `signalcam.deployment`. Many records get an
            index, sorted by probability.
        title: of the page.
        refused: why a recording could not be read, by name.
        shown: index of the class of the map; None for the most probable one.

    Raises:
        ValueError: the signals of a record have another shape than the model takes.
    """
    settings = model["settings"]
    shape = (settings["n_times"], len(settings["lead_names"]))
    for record in records:
        if record["shape"] != shape:
            raise ValueError(f"signals of {record['name']} must be of shape {shape}, got {record['shape']}.")
    data = {"model": model, "records": records, "refused": refused or {}, "shown": shown}
    # "<" would let a text from a file end the script element.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    folder = resources.files("signalcam.plotting") / "browser"
    files = [(folder / f"{name}.mjs").read_text(encoding="utf-8") for name in SCRIPTS]
    script = re.sub(r"^(import .* from .*;\n|export (?=\w))", "", "\n".join(files), flags=re.MULTILINE)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    own = {"data": text, "script": script, "style": (folder / "page.css").read_text(encoding="utf-8")}
    own = {name: markupsafe.Markup(value) for name, value in own.items()}  # ours, or escaped above
    return render("model", title=title, digest=digest, settings=settings, **own)
