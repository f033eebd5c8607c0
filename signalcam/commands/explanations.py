"""`explain`, `explain-report`: maps of recordings in files, and how far a model's maps can be trusted."""

import argparse
import contextlib
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, read, shown
from signalcam.commands.recordings import outputs_of, predicted_words

if TYPE_CHECKING:
    from signalcam.plotting import Answer

ENDINGS = (".png", ".svg", ".pdf", ".html")
PROCESSING = "baseline wander removed as the model does it (polynomial of degree 10)"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    about = "draw 12-lead ECGs with their maps"
    example = "python -m signalcam explain normal-abnormal ecg.hea --output map.png"
    parser = add_command(commands, "explain", explain, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("recordings", nargs="+", metavar="RECORDING", help="files, folders or wildcards")
    output = (
        "a .png, .svg, .html, or a .pdf with a page for each recording; else a folder, for a .png of each"
    )
    parser.add_argument("--output", type=Path, required=True, help=output)
    parser.add_argument("--layout", choices=("12x1", "3x4"), default="12x1", help="of the leads (12x1)")
    parser.add_argument("--class", dest="which", help="name or index of the class (the most probable one)")
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("--window", type=int, default=1, help="which window, with --length window (1)")
    add_reading_options(parser)

    about = "test the maps of a model: faithfulness, sanity, localisation, beside other methods"
    example = "python -m signalcam explain-report normal-abnormal --data ~/data/ptb-xl --output out/maps"
    parser = add_command(commands, "explain-report", report, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("--data", help="PTB-XL's folder (PATH_TO_DATA, else data/ptb-xl, else simulated)")
    parser.add_argument("--output", type=Path, default=Path("out/maps"), help="folder to write (out/maps)")
    parser.add_argument("--class", dest="which", default="0", help="name or index of the class (0)")
    parser.add_argument("--limit", type=int, help="at most so many records (all of the test fold)")


def explain(arguments: argparse.Namespace) -> int:
    """Draw the map of each recording, or of one window of it; status 1 where one could not be read."""
    output, ending = arguments.output, arguments.output.suffix.lower()
    if ending not in ("", *ENDINGS):
        kinds = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}, or be a folder"
        raise ValueError(f"--output must end in {kinds}, got {output.name!r}.")
    model = open_model(arguments.model, lite=not arguments.keras)
    from matplotlib.backends.backend_pdf import PdfPages

    from signalcam import plotting
    from signalcam.preprocessing import detrend
    from signalcam.recordings.find import find_recordings

    paths, names, failed, pages = list(find_recordings(arguments.recordings)), set(), 0, None
    if len(paths) > 1 and ending not in ("", ".pdf"):
        several = f"{len(paths)} recordings, got {output.name!r}"
        raise ValueError(f"--output must be a folder, or end in .pdf, for {several}.")
    with contextlib.ExitStack() as stack:
        for number, path in enumerate(paths, start=1):
            try:
                answer, lead_evidence, said = _answer(model, path, arguments)
            except (ValueError, OSError) as error:
                if len(paths) == 1:
                    raise
                failed += 1
                print(f"{shown(path)}: {error}", file=sys.stderr)
                continue
            output.parent.mkdir(parents=True, exist_ok=True)
            axes = answer.settings["sampling_rate"], answer.settings["lead_names"]
            name = path.stem if path.stem not in names else f"{path.stem}-{number}"
            target = output if ending else output / f"{name}.png"
            names.add(name)
            if ending == ".html":
                output.write_text(plotting.record_page(answer, *axes), encoding="utf-8")
            else:
                case = answer.case(f"{answer.name}, from {answer.start:g} s" if answer.start else answer.name)
                drawn = {"signals": detrend(answer.signals), "processing": PROCESSING}
                case = replace(case, lead_evidence=lead_evidence, **drawn)
                figure = plotting.plot_map(case, *axes, answer.class_names[answer.shown], arguments.layout)
                if ending == ".pdf":
                    pages = pages or stack.enter_context(PdfPages(output, metadata={"CreationDate": None}))
                    figure.savefig(pages, format="pdf")
                else:
                    plotting.save_figure(figure, target)
            print(said, f"written: {target}" + (", of the detrended signal" * (ending != ".html")), sep="\n")
    return int(failed > 0)


def _answer(model: Any, path: Path, arguments: argparse.Namespace) -> tuple["Answer", Any, str]:
    """Ask the model; return its answer, the evidence of each lead where it gives any, and it in words."""
    from signalcam.deployment import class_index, settings_of
    from signalcam.plotting import Answer

    settings = settings_of(model)
    pieces = list(read(path, settings, arguments))
    if not 1 <= arguments.window <= len(pieces):
        raise ValueError(f"--window must be from 1 to {len(pieces)}, got {arguments.window}.")
    piece, notes = pieces[arguments.window - 1]
    outputs = {name: value[0] for name, value in outputs_of(model, [piece]).items()}
    which = arguments.which or int(outputs["probability"].argmax())
    which = class_index(settings, int(which) if str(which).isdecimal() else which)
    words, class_name = predicted_words(settings, outputs["probability"]), settings.class_names[which]
    known = {name: outputs[name] for name in ("probability", "logit", "evidence", "heatmap")}
    known |= {"predicted": words, "shown": which, "name": piece.name, "start": piece.start}
    known |= {"padded": piece.padded, "notes": notes, "settings": asdict(settings)}
    window = f", window {arguments.window} of {len(pieces)}" if len(pieces) > 1 else ""
    said = f"{piece.name}{window}: P({class_name}) = {outputs['probability'][which]:.3f}, {words[which]}"
    rows = outputs["lead_evidence"][..., which] if "lead_evidence" in outputs else None
    notes = [f"note: {note}" for note in notes]
    return Answer(piece.signals, settings.class_names, **known), rows, "\n".join([said, *notes])


def report(arguments: argparse.Namespace) -> int:
    """Assess the maps on the test fold and say where the page is."""
    model = open_model(arguments.model)
    from signalcam.data import load_ptbxl
    from signalcam.deployment import settings_of
    from signalcam.explanation import explain_report, summary_table

    study = load_ptbxl(
        arguments.data, rule=settings_of(model).label_rule, leads=settings_of(model).lead_names
    )
    print(study.source)
    which = int(arguments.which) if arguments.which.isdigit() else arguments.which
    page, assessment = explain_report(model, study, arguments.output, which, limit=arguments.limit)
    print(summary_table(assessment).round(3).to_string())
    print(f"Page, tables and figures: {page}")
    return 0
