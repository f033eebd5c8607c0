"""`explain`, `page`, `explain-report`: maps of recordings in files, and how far maps can be trusted."""

import argparse
import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, shown
from signalcam.commands.recordings import Answered, answer, predicted_words
from signalcam.whole_file import whole_file, write_whole

if TYPE_CHECKING:
    from signalcam.deployment import Settings

MAPS = ("evidence", "heatmap", "probability", "logit", "lead_evidence")
PROCESSING = "baseline wander removed (polynomial of degree 10)"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    parser = add_command(commands, "explain", explain, "leadwise ecg.hea --output map.png", model=True)
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    output = ".png or .svg; .pdf, a page for each; .html, which holds the model too; else a folder of .png"
    parser.add_argument("--output", type=Path, required=True, help=output)
    parser.add_argument("--layout", choices=("12x1", "3x4"), default="12x1", help="of the leads (12x1)")
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("--window", type=int, help="which window, with --length window (1; in a page: all)")
    add_reading_options(parser)

    parser = add_command(commands, "page", page, "leadwise --output signalcam.html", model=True)
    parser.add_argument("--output", type=Path, required=True, help=".html file to write")

    example = "normal-abnormal --data ~/data/ptb-xl --output out/maps"
    parser = add_command(commands, "explain-report", report, example, model=True)
    parser.add_argument("--data", help="PTB-XL's folder (PATH_TO_DATA, else data/ptb-xl, else simulated)")
    parser.add_argument("--output", type=Path, default=Path("out/maps"), help="folder to write (out/maps)")
    parser.add_argument("--class", dest="which", default="0", help="name or index of the class (0)")
    parser.add_argument("--limit", type=int, help="at most so many records (all of the test fold)")


def explain(arguments: argparse.Namespace) -> int:
    """Draw 12-lead ECGs with their maps."""
    output, ending = arguments.output, arguments.output.suffix.lower()
    if ending not in ("", ".png", ".svg", ".pdf", ".html"):
        wanted = "end in .png, .svg, .pdf or .html, or be a folder"
        raise ValueError(f"--output must {wanted}, got {output.name!r}.")
    is_page = ending == ".html"
    model = open_model(arguments.model, lite=not (arguments.keras or is_page))
    from signalcam.deployment import class_index, settings_of
    from signalcam.errors import RecordError
    from signalcam.recordings import find_recordings

    settings, which, wanted = settings_of(model), arguments.which, arguments.window or int(not is_page)
    if which is not None:
        which = class_index(settings, int(which) if which.isdecimal() else which)
    paths = list(find_recordings(arguments.recordings))
    if len(paths) > 1 and ending in (".png", ".svg"):
        places = "be a folder, or end in .pdf or .html"
        raise ValueError(f"--output must {places}, for {len(paths)} recordings, got {output.name!r}.")
    drawn, windows, refused = [], Counter(), {}
    with contextlib.ExitStack() as stack:
        draw = None if is_page else _figures(output, settings, arguments.layout, stack)
        for one in answer(model, paths, arguments):
            windows[one.path] += one.error is None
            if one.error is not None:
                refused[one.path] = one.error
            elif wanted in (0, windows[one.path]):
                probability = one.outputs["probability"]
                k = int(probability.argmax()) if which is None else which
                word, notes = predicted_words(settings, probability)[k], map("note: {}".format, one.notes)
                window = f", window {windows[one.path]}" if wanted > 1 or windows[one.path] > 1 else ""
                found = f"P({settings.class_names[k]}) = {probability[k]:.3f}, {word}"
                print(f"{one.recording.name}{window}: {found}", *notes, sep="\n")
                drawn.append(one if is_page else draw(one, k, word))
    for path in set(map(Path, paths)) - {Path(path) for path in refused}:
        if windows[path] < wanted:
            refused[path] = f"--window must be from 1 to {windows[path]}, got {wanted}."
    if len(paths) == 1 and refused:
        raise RecordError(*refused.values())
    refused = {shown(path): shown(error) for path, error in refused.items()}
    for path, error in refused.items():
        print(f"{path}: {error}", file=sys.stderr)
    if is_page:
        from signalcam.deployment import browser_record

        records = [browser_record(one.recording, one.notes, one.outputs["probability"]) for one in drawn]
        title = f"{len(records):,} recordings" if len(paths) > 1 else drawn[0].recording.name
        _write_page(output, model, title, records, refused=refused, shown=which)
    print(f"written: {output}{'' if is_page else ', of the detrended signal'}")
    return int(bool(refused))


def _figures(
    output: Path, settings: "Settings", layout: str, stack: contextlib.ExitStack
) -> Callable[[Answered, int, str], Path]:
    """Return what draws one answer, for a class and what is predicted of it, and gives the file."""
    from matplotlib.backends.backend_pdf import PdfPages

    from signalcam import plotting
    from signalcam.preprocessing import detrend

    ending, names, axes = output.suffix.lower(), Counter(), (settings.sampling_rate, settings.lead_names)
    output.parent.mkdir(parents=True, exist_ok=True)
    pages = []

    def draw(one: Answered, k: int, word: str) -> Path:
        piece, stem = one.recording, Path(one.path).stem
        maps = {name: one.outputs[name][..., k] for name in MAPS if name in one.outputs}
        name = f"{piece.name}, from {piece.start:g} s" if piece.start else piece.name
        about = {"predicted": word, "name": name, "padded": piece.padded, "processing": PROCESSING}
        case = plotting.Case(detrend(piece.signals), **maps, **about)
        figure = plotting.plot_map(case, *axes, settings.class_names[k], layout)
        names[stem] += 1
        numbered = stem if names[stem] == 1 else f"{stem}-{names[stem]}"
        if ending != ".pdf":
            return plotting.save_figure(figure, output if ending else output / f"{numbered}.png")
        if not pages:
            beside = stack.enter_context(whole_file(output))
            pages.append(stack.enter_context(PdfPages(beside, metadata={"CreationDate": None})))
        figure.savefig(pages[0], format="pdf")
        return output

    return draw


def page(arguments: argparse.Namespace) -> int:
    """Write a web page with the model inside, which answers for ECGs offline."""
    if arguments.output.suffix.lower() != ".html":
        raise ValueError(f"--output must end in .html, got {arguments.output.name!r}.")
    title = f"Ask {Path(arguments.model).stem} about an ECG"
    _write_page(arguments.output, open_model(arguments.model), title)
    size = f"{arguments.output.stat().st_size / 1e6:.2f} MB"
    print(f"{arguments.output}: {size}, opens offline, sends nothing.")
    return 0


def _write_page(path: Path, model: Any, title: str, records: Sequence = (), **options: Any) -> None:
    from signalcam.deployment import browser_model
    from signalcam.plotting import model_page

    text = model_page(browser_model(model), title, records, **options)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)


def report(arguments: argparse.Namespace) -> int:
    """Test the maps of a model: faithfulness, sanity, localisation, beside other methods."""
    model = open_model(arguments.model)
    from signalcam.data import load_ptbxl
    from signalcam.deployment import settings_of
    from signalcam.explanation import explain_report, summary_table

    settings = settings_of(model)
    study = load_ptbxl(arguments.data, settings.label_rule, leads=settings.lead_names)
    print(study.source)
    which = int(arguments.which) if arguments.which.isdigit() else arguments.which
    page, assessment = explain_report(model, study, arguments.output, which, limit=arguments.limit)
    print(summary_table(assessment).round(3).to_string())
    print(f"Page, tables and figures: {page}")
    return 0
