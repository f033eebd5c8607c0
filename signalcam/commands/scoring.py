"""`score`: answer any number of recordings, here or on a cluster, into a Parquet dataset."""

import argparse
import itertools
import json
import uuid
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from signalcam.commands import add_command, open_model
from signalcam.commands.reading import add_reading_options, shown
from signalcam.commands.recordings import MODEL, Answered, answer
from signalcam.whole_file import write_whole

PARTS, FACTS = "_parts.jsonl", "_score.json"  # readers of Parquet datasets pass over names that begin with _
_ROWS = 2000  # written at once: memory grows with no recording's length
_HERE = ("source", "output", "scheduler", "workers", "part_size", "run", "command", "verbose")


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser."""
    parser = add_command(commands, "score", score, "archive/ --output scores --workers 8")
    parser.add_argument("source", metavar="SOURCE", help="a folder or wildcard of recordings")
    parser.add_argument("--output", type=Path, required=True, help="folder; what is in it is not done again")
    parser.add_argument("--model", default="normal-abnormal", help=f"{MODEL} (normal-abnormal)")
    parser.add_argument("--keras", action="store_true", help="answer with Keras, also where LiteRT could")
    parser.add_argument("--scheduler", help="address of a Dask scheduler, whose workers see the same folders")
    parser.add_argument("--workers", type=int, default=1, help="without it: processes on this machine (1)")
    parser.add_argument("--part-size", type=int, default=500, help="recordings in one file (500)")
    add_reading_options(parser)


def score(arguments: argparse.Namespace) -> int:
    """Answer any number of recordings into a Parquet dataset; resumable, on a Dask cluster or without."""
    try:
        import pyarrow.dataset
    except ModuleNotFoundError as error:
        raise ImportError('score needs PyArrow: pip install "signalcam[cluster]".') from error
    from signalcam.deployment.cluster import run_jobs

    output = arguments.output = arguments.output.expanduser().resolve()
    output.mkdir(parents=True, exist_ok=True)
    _same_scoring(arguments)
    parts = _parts(arguments)
    files = {f"part-{number:06}.parquet": paths for number, paths in enumerate(parts)}
    jobs = {name: (arguments, paths, name) for name, paths in files.items() if not (output / name).is_file()}
    failed = run_jobs(score_part, jobs, arguments.scheduler, arguments.workers)
    for file in output.glob(".*.part"):  # of a run that was interrupted, or a worker killed as it wrote
        file.unlink()
    table = pyarrow.dataset.dataset(output, format="parquet")
    table = table.to_table(["file", "error"], filter=pyarrow.dataset.field("error").is_valid())
    n_paths, without = sum(map(len, parts)), f"{len(table):,} of them without an answer"
    print(f"{output}: {n_paths:,} recordings in {len(parts):,} files, {without}")
    for row in table.slice(0, 10).to_pylist():
        print(f"  {row['file']}: {row['error']}")
    for name, error in failed.items():
        print(f"  {name}, {len(files[name]):,} recordings, failed: {error}. Start again to try again.")
    return int(bool(failed) or len(table) > 0)


def score_part(arguments: argparse.Namespace, paths: list[str], name: str) -> None:
    """Answer the recordings of one file and write it: beside it first, then renamed."""
    import pyarrow as pa
    import pyarrow.parquet

    from signalcam.deployment import settings_of

    if (arguments.output / name).is_file():  # by a worker that died before it could say so
        return
    model = open_model(arguments.model, lite=not arguments.keras)
    if not hasattr(model, "answer"):
        from signalcam.deployment import with_embedding

        model = with_embedding(model)
    settings, beside = settings_of(model), arguments.output / f".{uuid.uuid4().hex}.part"
    schema = _schema(settings.class_names).with_metadata({"signalcam": json.dumps(asdict(settings))})
    rows = (_row(one, settings.class_names) for one in answer(model, paths, arguments))
    with pyarrow.parquet.ParquetWriter(beside, schema, compression="zstd") as file:
        for some in iter(lambda: list(itertools.islice(rows, _ROWS)), []):
            file.write_table(pa.Table.from_pylist(some, schema=schema))
    beside.replace(arguments.output / name)


def _row(one: Answered, class_names: tuple[str, ...]) -> dict:
    row = {"file": shown(one.path), "error": one.error}
    if one.error is None:
        probabilities = zip(class_names, one.outputs["probability"], strict=True)
        quality = vars(one.recording.quality)
        row |= {f"probability_{class_name}": float(p) for class_name, p in probabilities}
        row |= {key: list(value) if isinstance(value, dict) else value for key, value in quality.items()}
        row |= {
            "start_s": float(one.recording.start),
            "notes": list(one.notes),
            "evidence": one.outputs["evidence"].astype("float16").tobytes(),
            "embedding": one.outputs["embedding"].tolist(),
        }
    return row


def _schema(class_names: tuple[str, ...]) -> Any:
    import pyarrow as pa

    from signalcam.recordings import Quality

    kinds = {"file": pa.string(), "error": pa.string(), "start_s": pa.float64()}
    kinds |= {f"probability_{name}": pa.float32() for name in class_names}
    for field in fields(Quality):
        kind = {"float": pa.float32(), "str": pa.string()}.get(getattr(field.type, "__name__", field.type))
        kinds[field.name] = kind or pa.list_(pa.string())
    kinds |= {"notes": pa.list_(pa.string()), "evidence": pa.binary(), "embedding": pa.list_(pa.float32())}
    return pa.schema(kinds.items())


def _same_scoring(arguments: argparse.Namespace) -> None:
    """Refuse a folder that was begun with another model or other options."""
    from signalcam.deployment.pretrained import FOLDER, PRETRAINED

    facts = {name: value for name, value in vars(arguments).items() if name not in _HERE}
    file = FOLDER / f"{arguments.model}.keras" if arguments.model in PRETRAINED else Path(arguments.model)
    facts["model"] = zlib.crc32(file.expanduser().read_bytes())
    place = arguments.output / FACTS
    if not place.is_file():
        write_whole(place, json.dumps(facts))
    elif (found := json.loads(place.read_text(encoding="utf-8"))) != facts:
        differ = ", ".join(name for name in facts if facts[name] != found.get(name))
        raise ValueError(f"{arguments.output} was begun with another {differ}. Give another --output.")


def _parts(arguments: argparse.Namespace) -> list[list[str]]:
    """The recordings of each file: those noted by an earlier run, then those that are new since."""
    from signalcam.recordings import find_recordings

    place = arguments.output / PARTS
    parts = list(map(json.loads, place.read_text("ascii").splitlines())) if place.is_file() else []
    known = {path for paths in parts for path in paths}
    found = (str(path.absolute()) for path in find_recordings(arguments.source))
    new = [path for path in found if path not in known]
    parts += [new[start : start + arguments.part_size] for start in range(0, len(new), arguments.part_size)]
    write_whole(place, "".join(f"{json.dumps(paths)}\n" for paths in parts))
    return parts
