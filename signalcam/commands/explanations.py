"""`explain-report`: how far the maps of a model can be trusted, as tables, figures and one page."""

import argparse
from pathlib import Path

from signalcam.commands import add_command, open_model


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    about = "test the maps of a model: faithfulness, sanity, localisation, beside other methods"
    example = "python -m signalcam explain-report normal-abnormal --data ~/data/ptb-xl --output out/maps"
    parser = add_command(commands, "explain-report", report, about, example)
    parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    parser.add_argument("--data", help="PTB-XL's folder (PATH_TO_DATA, else data/ptb-xl, else simulated)")
    parser.add_argument("--output", type=Path, default=Path("out/maps"), help="folder to write (out/maps)")
    parser.add_argument("--class", dest="which", default="0", help="name or index of the class (0)")
    parser.add_argument("--limit", type=int, help="at most so many records (all of the test fold)")


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
