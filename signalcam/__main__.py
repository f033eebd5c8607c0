"""The shell commands: `python -m signalcam COMMAND`."""

import argparse
import logging
import os
import sys

from signalcam import __version__
from signalcam.commands import datasets, explanations, exports, models, notebooks, recordings, scoring
from signalcam.commands.reading import shown

DESCRIPTION = "Single-pass explainable ECG classification. Research software, not a medical device."


def build_parser() -> argparse.ArgumentParser:
    """Return the argument parser with every command."""
    parser = argparse.ArgumentParser(prog="python -m signalcam", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"signalcam {__version__}")
    parser.add_argument("--verbose", action="store_true", help="say what is done, step by step")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for module in (datasets, models, recordings, scoring, explanations, exports, notebooks):
        module.add_commands(commands)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit status: 0 done, 1 something is wrong with the data, 2 wrong usage."""
    arguments = build_parser().parse_args(argv)
    level = logging.INFO if arguments.verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s: %(message)s")
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", logging.getLevelName(level).lower())
    try:
        return arguments.run(arguments)
    except BrokenPipeError:  # nobody reads on, as with `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ModuleNotFoundError as error:
        advice = f'pip install {error.name}, or "signalcam[train]" for all that is not in the small install'
        print(f"signalcam {arguments.command}: {error}. Use {advice}.", file=sys.stderr)
        return 1
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        lines = "\n".join(map(shown, str(error).splitlines()))
        print(f"signalcam {arguments.command}: {lines}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"signalcam {arguments.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
