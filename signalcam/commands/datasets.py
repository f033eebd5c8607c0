"""`synthesize`, `download`, `verify`: get a dataset and check that it is whole."""

import argparse
from pathlib import Path

from signalcam.commands import add_command


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    parser = add_command(commands, "synthesize", synthesize, "data/simulated --records 1200 --seed 0")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--records", type=int, default=1200, help="how many (1200)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes (0)")

    parser = add_command(commands, "download", fetch, "~/data/ptb-xl --sampling-rate 100")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--sampling-rate", type=int, choices=(100, 500), default=100, help="in Hz (100)")
    parser.add_argument("--workers", type=int, default=8, help="files at a time (8)")
    parser.add_argument("--base-url", help="another place with the same files, for example a local mirror")

    parser = add_command(commands, "verify", check, "~/data/ptb-xl")
    parser.add_argument("folder", type=Path, metavar="FOLDER")


def synthesize(arguments: argparse.Namespace) -> int:
    """Simulate 12-lead ECGs and write them as a folder of PTB-XL's shape."""
    from signalcam.data import open_dataset
    from signalcam.simulation import write_dataset

    folder = write_dataset(arguments.folder, n_records=arguments.records, seed=arguments.seed)
    print(f"{open_dataset(folder).describe()}.")
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    """Fetch PTB-XL 1.0.3 from PhysioNet; a rerun resumes it."""
    from signalcam.data import download, outcome

    source = {"base_url": arguments.base_url} if arguments.base_url else {}
    problems = download(arguments.folder, arguments.sampling_rate, workers=arguments.workers, **source)
    print(outcome(arguments.folder, problems))
    return int(len(problems) > 0)


def check(arguments: argparse.Namespace) -> int:
    """Compare the files of a dataset with its SHA256SUMS.txt, offline."""
    from signalcam.data import outcome, verify

    problems = verify(arguments.folder)
    print(outcome(arguments.folder, problems))
    return int(len(problems) > 0)
