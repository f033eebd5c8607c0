"""`synthesize`, `download`, `verify`: get a dataset and check that it is whole."""

import argparse
from pathlib import Path

from signalcam.commands import add_command


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the commands to the parser."""
    about = "simulate 12-lead ECGs and write them as a folder of PTB-XL's shape"
    example = "python -m signalcam synthesize data/simulated --records 1200 --seed 0"
    parser = add_command(commands, "synthesize", synthesize, about, example)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--records", type=int, default=1200, help="how many (1200)")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same bytes (0)")

    about = "fetch PTB-XL 1.0.3 from PhysioNet; a rerun resumes it"
    example = "python -m signalcam download ~/data/ptb-xl --sampling-rate 100"
    parser = add_command(commands, "download", fetch, about, example)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--sampling-rate", type=int, choices=(100, 500), default=100, help="in Hz (100)")
    parser.add_argument("--workers", type=int, default=8, help="files at a time (8)")
    parser.add_argument("--base-url", help="another place with the same files, for example a local mirror")

    about = "compare the files of a dataset with its SHA256SUMS.txt, offline"
    example = "python -m signalcam verify ~/data/ptb-xl"
    parser = add_command(commands, "verify", check, about, example)
    parser.add_argument("folder", type=Path, metavar="FOLDER")


def synthesize(arguments: argparse.Namespace) -> int:
    """Write the simulated set and say where."""
    from signalcam.data import open_dataset
    from signalcam.simulation import write_dataset

    folder = write_dataset(arguments.folder, n_records=arguments.records, seed=arguments.seed)
    print(f"{open_dataset(folder).describe()}.")
    return 0


def fetch(arguments: argparse.Namespace) -> int:
    """Download and verify; end with a count, or with the list of what is missing and status 1."""
    from signalcam.data import download, outcome

    source = {"base_url": arguments.base_url} if arguments.base_url else {}
    problems = download(arguments.folder, arguments.sampling_rate, workers=arguments.workers, **source)
    print(outcome(arguments.folder, problems))
    return int(len(problems) > 0)


def check(arguments: argparse.Namespace) -> int:
    """Verify; end with a count, or with the list of what differs and status 1."""
    from signalcam.data import outcome, verify

    problems = verify(arguments.folder)
    print(outcome(arguments.folder, problems))
    return int(len(problems) > 0)
