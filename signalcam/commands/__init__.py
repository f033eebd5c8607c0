"""One module for each family of shell commands; each adds its parsers and runs library functions.

What loads TensorFlow is imported inside the commands, so that `--help` answers at once.
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


@contextlib.contextmanager
def quiet_streams() -> Iterator[None]:
    """Hold what libraries write past Python's own streams; show it only where the work fails."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def start_tensorflow() -> None:
    """Import TensorFlow without its messages; ImportError where it is not installed."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        if "tensorflow" not in sys.modules:
            with quiet_streams():
                importlib.import_module("tensorflow")
    except ModuleNotFoundError as error:
        advice = 'pip install "signalcam[train]". Without it, predict and explain take exported models'
        raise ImportError(f"This needs TensorFlow, which is not installed: {advice}.") from error


def open_model(name: str, lite: bool = False) -> Any:
    """Return a deployable model: one of the pretrained by name, else the one in a `.keras` file.

    Args:
        name: of the model, or its file.
        lite: take LiteRT where it gives the same numbers, and exported files, too.
    """
    from signalcam.deployment import PRETRAINED, exported_beside, open_exported
    from signalcam.deployment.pretrained import FOLDER

    if lite:
        file = FOLDER / f"{name}.keras" if name in PRETRAINED else name
        with quiet_streams():
            model = open_exported(name) if name.endswith((".tflite", ".onnx")) else exported_beside(file)
        if model is not None:
            return model
    start_tensorflow()
    from signalcam.deployment import load_model, load_pretrained

    if name in PRETRAINED:
        return load_pretrained(name)
    if not name.endswith(".keras"):
        known = ", ".join(PRETRAINED)
        raise ValueError(f"MODEL must be a .keras file or a pretrained model ({known}), got {name!r}.")
    return load_model(name)
