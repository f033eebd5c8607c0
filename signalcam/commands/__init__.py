"""One module for each family of shell commands; each adds its parsers and runs library functions.

TensorFlow is imported inside the commands that need it, so that `--help` answers at once; by
`start_tensorflow` or `open_model`, which hold its start-up messages back.
"""

import argparse
import contextlib
import importlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any


def add_command(
    commands: argparse._SubParsersAction, name: str, run: Callable, summary: str, example: str
) -> argparse.ArgumentParser:
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


def start_tensorflow() -> None:
    """Import TensorFlow without the messages that it writes past Python's own streams when it starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        with _native_messages_held_back():
            importlib.import_module("tensorflow")


@contextlib.contextmanager
def _native_messages_held_back() -> Iterator[None]:
    """Keep what is written to the process's standard error; show it only where something fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        stderr, done = os.dup(2), False
        os.dup2(held.fileno(), 2)
        try:
            yield
            done = True
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if not done:
                held.seek(0)
                os.write(2, held.read())


def open_model(name: str) -> Any:
    """Return a deployable model: one of the pretrained by name, else the one in a `.keras` file."""
    start_tensorflow()
    from signalcam.deployment import PRETRAINED, load_model, load_pretrained

    if name in PRETRAINED:
        return load_pretrained(name)
    if not name.endswith(".keras"):
        raise ValueError(
            f"MODEL must be a .keras file or a pretrained model ({', '.join(PRETRAINED)}), got {name!r}."
        )
    return load_model(name)
