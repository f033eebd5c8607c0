"""One module for each family of shell commands; each adds its parsers and runs library functions.

TensorFlow is imported inside the commands that need it, so that `--help` answers at once.
"""

import argparse


def add_command(commands, name, run, summary, example):
    """Add one command with its help text and an example; return its parser."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser
