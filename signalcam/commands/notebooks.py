"""`notebooks`: run both notebooks headless and end with a summary, or copy them to where one works."""

import argparse
import base64
import io
import json
import os
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

from signalcam.commands import add_command
from signalcam.whole_file import write_whole

WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOKS = ("ptbxl_data_loader.ipynb", "ptbxl_data_classification.ipynb")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "notebooks", run, "--output out  # with PATH_TO_DATA=~/data/ptb-xl")
    parser.add_argument("--copy", type=Path, metavar="FOLDER", help="copy them into a folder, run nothing")
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for the results (out)")
    parser.add_argument("--in-place", action="store_true", help="write into the notebooks themselves")


def run(arguments: argparse.Namespace) -> int:
    """Run both notebooks from a clean kernel and write them, executed, with their figures; or copy them."""
    if arguments.copy:
        return copy(arguments.copy)
    output = arguments.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    os.environ["SIGNALCAM_OUTPUT"] = str(output)
    started = time.perf_counter()
    for name in NOTEBOOKS:
        if not Path(name).is_file():
            raise FileNotFoundError(f"{name} is not in {Path.cwd()}. Put it there with --copy . first.")
        execute(Path(name), Path(name) if arguments.in_place else output / name)
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    print("\n" + format_summary(summary))
    print(f"where to look  {arguments.output}: executed notebooks, figures/, model.keras, summary.json")
    if sys.platform == "linux":
        import resource

        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"peak memory    {peak:.1f} GiB, of the larger of the two kernels")
    print(f"time           {(time.perf_counter() - started) / 60:.1f} minutes")
    return 0


def copy(folder: Path) -> int:
    """Copy the notebooks and their pictures into a folder; what is there already stays as it is."""
    for name in (*NOTEBOOKS, "res/network_sample.png", "res/xai_branch.png"):
        source, target = Path(__file__).parents[2] / name, folder / name
        if not source.is_file():  # not a checkout, but an installation, which knows its files
            ours = metadata.files("signalcam") or ()
            source = next((file.locate() for file in ours if file.match(f"share/signalcam/{name}")), source)
        content, is_new = Path(source).read_bytes(), not target.exists()
        if is_new:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
        print(f"{target}: {'written' if is_new else 'is there already, left as it is'}")
    return 0


def execute(source: Path, target: Path) -> None:
    """Execute a notebook in its folder, from a clean kernel, and write it with its outputs to `target`.

    RuntimeError where a cell fails; the message names the cell and its error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from tqdm.auto import tqdm

    notebook = nbformat.read(source, as_version=4)
    n_code = sum(cell.cell_type == "code" for cell in notebook.cells)
    failed = []
    with tqdm(total=n_code, desc=source.name, unit="cell") as bar:
        client = NotebookClient(
            notebook,
            timeout=None,  # a slower laptop may train for an hour
            kernel_name="python3",
            record_timing=False,
            extra_arguments=["--log-level=ERROR", "--IPKernelApp.capture_fd_output=False"],
            resources={"metadata": {"path": str(source.resolve().parent)}},
            on_cell_executed=lambda **_: bar.update(),
            on_cell_error=lambda cell_index, **_: failed.append(cell_index),
        )
        # TensorFlow writes start-up messages past Python's own streams; they belong in no cell.
        try:
            with tempfile.TemporaryFile() as kernel_messages:
                client.execute(stderr=kernel_messages)
        except CellExecutionError as error:
            write_whole(target, nbformat.writes(notebook) + "\n")
            number = sum(cell.cell_type == "code" for cell in notebook.cells[: failed[0] + 1])
            where = f"{source.name}, cell {number} of {n_code}"
            raise RuntimeError(f"{where} failed: {error.ename}: {error.evalue}; see {target}.") from error
    for cell in notebook.cells:
        if cell.cell_type == "code":  # progress bars are widgets, of no use once the kernel is gone
            cell.outputs = [output for output in cell.outputs if WIDGET not in output.get("data", {})]
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    output["data"]["image/png"] = _with_palette(output["data"]["image/png"])
    notebook.metadata.pop("widgets", None)
    write_whole(target, nbformat.writes(notebook) + "\n")


def _with_palette(encoded: str) -> str:
    """A picture in 44 colours: a fifth of the bytes, so that notebooks can be kept in the repository.

    Of these 32 are those that most of the picture needs, and 12 serve what is small and of another colour.
    """
    import numpy as np
    from PIL import Image

    picture = Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")
    plain, pixels = {"dither": Image.Dither.NONE}, np.asarray(picture)
    most = picture.quantize(32, Image.Quantize.MEDIANCUT, kmeans=2, **plain)
    colours, off = most.getpalette()[:96], np.abs(np.asarray(most.convert("RGB"), int) - pixels).max(axis=-1)
    if (off > 24).any():
        rest = Image.fromarray(pixels[off > 24][np.newaxis])
        colours += rest.quantize(12, Image.Quantize.MAXCOVERAGE, **plain).getpalette()[:36]
    colours = np.reshape(colours, (-1, 3))
    colours[colours.min(axis=1) > 247] = 255  # of paper
    palette, file = Image.new("P", (1, 1)), io.BytesIO()
    palette.putpalette(colours.ravel().tolist())
    picture.quantize(palette=palette, **plain).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def format_summary(summary: dict) -> str:
    """Return the summary that the classification notebook leaves as text: one line a fact or result."""
    lines = [f"{name:<15}{value}" for name, value in summary["facts"].items()]
    for name, result in summary["results"].items():
        lines.append("{:<15}{value:.3f} (95 % interval {low:.3f} to {high:.3f})".format(name, **result))
    return "\n".join(lines)
