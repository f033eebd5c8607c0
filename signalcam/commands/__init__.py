"""One module for each family of shell commands; each adds its parsers and runs library functions.

What loads TensorFlow is imported inside the commands, so that `--help` answers at once.
"""

import argparse
import contextlib
import importlib
import inspect
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any


def add_command(
    commands: argparse._SubParsersAction, name: str, run: Callable, example: str, model: bool = False
) -> argparse.ArgumentParser:
    """Add one command, whose help is the docstring of `run`, with example arguments and, if so, MODEL."""
    summary = inspect.getdoc(run)
    parser = commands.add_parser(
        name,
        help=summary[0].lower() + summary[1:].rstrip("."),
        description=summary,
        epilog=f"example:\n  python -m signalcam {name} {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    if model:
        parser.add_argument("model", metavar="MODEL", help="a .keras file, or the name of a pretrained model")
    return parser


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Hold back what is written, past Python's own streams too; show it only where the work fails."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with tempfile.TemporaryFile() as held:
        for number in (1, 2):
            os.dup2(held.fileno(), number)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(kept[1], held.read())
            raise
        finally:
            for number, descriptor in zip((1, 2), kept, strict=True):
                os.dup2(descriptor, number)
                os.close(descriptor)


def fitted(table: Any) -> str:
    """Write a DataFrame as text, wrapped to the width of the terminal."""
    return table.to_string(line_width=shutil.get_terminal_size((100, 24)).columns)


def start_tensorflow() -> None:
    """Import TensorFlow without its messages; ImportError where it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # it warns where several models predict
    try:
        with held_back():
            importlib.import_module("tensorflow")
    except ModuleNotFoundError as error:
        advice = 'pip install "signalcam[train]". Without it, predict and explain take exported models'
        raise ImportError(f"This needs TensorFlow, which is not installed: {advice}.") from error


def open_model(name: str, lite: bool = False) -> Any:
    """Return a deployable model: one of the pretrained by name, else the one in a `.keras` file.

    With `lite`, LiteRT answers where it gives the same numbers, and exported files are taken, too.
    """
    from signalcam.deployment import PRETRAINED, exported_beside, open_exported
    from signalcam.deployment.pretrained import FOLDER

    file = FOLDER / f"{name}.keras" if name in PRETRAINED else name
    if lite:
        with held_back():
            model = open_exported(name) if name.endswith((".tflite", ".onnx")) else exported_beside(file)
        if model is not None:
            return model
    start_tensorflow()
    from signalcam.deployment import load_model

    if not str(file).endswith(".keras"):
        known = ", ".join(PRETRAINED)
        raise ValueError(f"MODEL must be a .keras file or a pretrained model ({known}), got {name!r}.")
    return load_model(file)
